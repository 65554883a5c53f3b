//! Resampling of recordings, for detection only: windowed sinc at any ratio.

/// Zero crossings on each side.
const HALF: f64 = 16.0;
/// Places between two samples at which the kernel is known: the error is 60 dB down.
const PHASES: usize = 512;

/// `x` read at places 0, step, 2 step, .. of its own samples; what the new rate cannot hold is filtered out.
pub(crate) fn resampled(x: &[f32], step: f64) -> Vec<f32> {
    if (step - 1.0).abs() < 1e-12 {
        return x.to_vec();
    }
    let cut = (1.0 / step).min(1.0) * 0.97;
    let before = (HALF / cut).ceil() as usize;
    let taps = (2 * before + 1).next_multiple_of(LANES);
    let kernel: Vec<f32> = (0..PHASES)
        .flat_map(|p| {
            let middle = before as f64 + p as f64 / PHASES as f64;
            (0..taps).map(move |j| (cut * windowed_sinc((middle - j as f64) * cut)) as f32)
        })
        .collect();
    // With silence at both ends no place is a special one.
    let mut padded = vec![0.0; before + x.len() + taps];
    padded[before..before + x.len()].copy_from_slice(x);
    let n = (x.len() as f64 / step).floor() as usize;
    (0..n)
        .map(|i| {
            let place = i as f64 * step + 0.5 / PHASES as f64;
            let whole = place as usize;
            let phase = ((place - whole as f64) * PHASES as f64) as usize;
            dot(&padded[whole..whole + taps], &kernel[phase * taps..(phase + 1) * taps])
        })
        .collect()
}

const LANES: usize = 8;

/// In lanes, as sums of `f32` are not reordered by the compiler.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for (s, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *s += a * b;
        }
    }
    sums.iter().sum()
}

fn windowed_sinc(x: f64) -> f64 {
    let x = x.abs();
    if x >= HALF {
        return 0.0;
    }
    let a = std::f64::consts::PI * x;
    let sinc = if a < 1e-9 { 1.0 } else { a.sin() / a };
    sinc * (0.54 + 0.46 * (a / HALF).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_keeps_its_pitch_and_height() {
        let x: Vec<f32> = (0..44100).map(|i| (std::f64::consts::TAU * 1000.0 * f64::from(i) / 44100.0).sin() as f32).collect();
        let y = resampled(&x, 44100.0 / 8000.0);
        let worst =
            (200..7800).map(|i| (y[i] - (std::f64::consts::TAU * 1000.0 * i as f64 / 8000.0).sin() as f32).abs()).fold(0.0, f32::max);
        assert!(worst < 0.01, "{worst}");
    }
}
