//! Makes all of the speech band of a recording equally loud at all times, which is the best that can be done before the signs
//! are correlated when nothing is known about the sound: a phase transform with a floor, by windows of 64 ms.

use realfft::RealFftPlanner;
use rustfft::num_complex::Complex32;

const WINDOW: usize = 512;
const HOP: usize = 128;
const RATE: f32 = 8000.0;

/// `x` at 8 kHz, whitened from 300 to 3400 Hz; the same length.
pub(crate) fn whitened(x: &[f32]) -> Vec<f32> {
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(WINDOW), planner.plan_fft_inverse(WINDOW));
    let window: Vec<f32> = (0..WINDOW).map(|i| 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / WINDOW as f32).cos()).collect();
    let band: Vec<f32> = (0..=WINDOW / 2)
        .map(|i| {
            let f = i as f32 * RATE / WINDOW as f32;
            ((f - 250.0) / 80.0).clamp(0.0, 1.0) * ((3500.0 - f) / 120.0).clamp(0.0, 1.0)
        })
        .collect();
    let lead = WINDOW - HOP;
    let frames = (x.len() + lead).div_ceil(HOP);
    let mut padded = vec![0.0; lead + frames * HOP + WINDOW];
    padded[lead..lead + x.len()].copy_from_slice(x);
    let mut spectra: Vec<Vec<Complex32>> = Vec::with_capacity(frames);
    let mut line = forward.make_input_vec();
    let (mut square, mut count) = (0.0_f64, 0.0_f64);
    for f in 0..frames {
        for (l, (v, w)) in line.iter_mut().zip(padded[f * HOP..].iter().zip(&window)) {
            *l = v * w;
        }
        let mut spectrum = forward.make_output_vec();
        if forward.process(&mut line, &mut spectrum).is_err() {
            continue;
        }
        for (c, b) in spectrum.iter().zip(&band).filter(|p| *p.1 > 0.0) {
            square += f64::from(c.norm_sqr() * b.min(1.0));
            count += 1.0;
        }
        spectra.push(spectrum);
    }
    let floor = 0.03 * (square / count.max(1.0)).sqrt() as f32 + 1e-12;
    let mut out = vec![0.0_f32; padded.len()];
    for (f, mut spectrum) in spectra.into_iter().enumerate() {
        for (c, b) in spectrum.iter_mut().zip(&band) {
            *c *= b / (c.norm() + floor);
        }
        spectrum[0].im = 0.0;
        spectrum[WINDOW / 2].im = 0.0;
        if inverse.process(&mut spectrum, &mut line).is_err() {
            continue;
        }
        for (o, (v, w)) in out[f * HOP..].iter_mut().zip(line.iter().zip(&window)) {
            *o += v * w;
        }
    }
    out[lead..lead + x.len()].to_vec()
}
