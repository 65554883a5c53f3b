//! Resampling of recordings, for detection only: windowed sinc at any ratio.

/// Zero crossings on each side.
const HALF: f64 = 16.0;
/// Places of the kernel that are kept between two crossings.
const FINE: usize = 256;

/// `x` read at places 0, step, 2 step, .. of its own samples; what the new rate cannot hold is filtered out.
pub(crate) fn resampled(x: &[f32], step: f64) -> Vec<f32> {
    if (step - 1.0).abs() < 1e-12 {
        return x.to_vec();
    }
    let cut = (1.0 / step).min(1.0) * 0.97;
    let reach = HALF / cut;
    let kernel = kernel();
    let n = (x.len() as f64 / step).floor() as usize;
    (0..n)
        .map(|i| {
            let place = i as f64 * step;
            let first = (place - reach).ceil().max(0.0) as usize;
            let last = ((place + reach).floor() as usize).min(x.len().saturating_sub(1));
            let mut sum = 0.0_f32;
            for (j, &v) in x.iter().enumerate().take(last + 1).skip(first) {
                let k = (place - j as f64).abs() * cut * FINE as f64;
                let (whole, part) = (k as usize, (k - k.floor()) as f32);
                if whole + 1 < kernel.len() {
                    sum += v * (kernel[whole] + (kernel[whole + 1] - kernel[whole]) * part);
                }
            }
            sum * cut as f32
        })
        .collect()
}

fn kernel() -> &'static [f32] {
    static KERNEL: std::sync::OnceLock<Vec<f32>> = std::sync::OnceLock::new();
    KERNEL.get_or_init(|| {
        (0..=HALF as usize * FINE)
            .map(|i| {
                let x = i as f64 / FINE as f64;
                let a = std::f64::consts::PI * x;
                let sinc = if i == 0 { 1.0 } else { a.sin() / a };
                (sinc * (0.54 + 0.46 * (a / HALF).cos())) as f32
            })
            .collect()
    })
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
