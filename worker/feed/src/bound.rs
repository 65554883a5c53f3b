//! The bound on a false match.
//!
//! A detector makes from an artifact a vector u with |u| = 1 without looking at the signs s of any frame, and scores
//! t = sum of s_i u_i. For an artifact that was made without knowing the signs they are independent coin tosses, and then
//! P(t >= x) <= c Q(x) with c = 2e^3/9 = 4.4634.. and Q the tail of the standard normal law (I. Pinelis, Extremal probabilistic
//! problems and Hotelling's T^2 test under a symmetry condition, Annals of Statistics 22, 1994). Over M tests the chances add.
//! Everything is in log10, as a clean frame has p below 10^-120.

/// log10 of the constant, rounded up to 4.47.
const LOG10_C: f64 = 0.650_308;

/// log10 of Q(t), the chance that a standard normal variable is over `t`.
pub fn log10_q(t: f64) -> f64 {
    if t < 2.0 {
        return upper_tail(t).log10();
    }
    // Continued fraction of the Mills ratio, from its far end; 120 levels give full precision from 2 on.
    let mut f = t;
    for k in (1..=120).rev() {
        f = t + f64::from(k) / f;
    }
    (-0.5 * t * t - 0.5 * std::f64::consts::TAU.ln() - f.ln()) * std::f64::consts::LOG10_E
}

/// log10 of the bound on the chance of a false match with a score of at least `t` in `tests` tests; 0 when it says nothing.
pub fn log10_p(t: f64, tests: u64) -> f64 {
    log10_p_of(t, (tests.max(1) as f64).log10())
}

/// The same with the number of tests as its log10.
pub fn log10_p_of(t: f64, log10_tests: f64) -> f64 {
    if t.is_finite() && t > 0.0 { (log10_q(t) + LOG10_C + log10_tests).min(0.0) } else { 0.0 }
}

/// Q(t) for t < 2 by the series of the error function.
fn upper_tail(t: f64) -> f64 {
    if t < -8.0 {
        return 1.0;
    }
    let (mut term, mut sum) = (t, t);
    for k in 1..200_u32 {
        term *= t * t / f64::from(2 * k + 1);
        sum += term;
    }
    0.5 - sum * (-0.5 * t * t).exp() / std::f64::consts::TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_agrees_with_published_values() {
        for (t, q) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_9),
            (1.999, 0.022_804_160_6),
            (3.0, 1.349_898_03e-3),
            (6.0, 9.865_876_45e-10),
            (10.0, 7.619_853_02e-24),
        ] {
            assert!((log10_q(t) - f64::log10(q)).abs() < 1e-6, "{t}: {}", log10_q(t));
        }
    }

    #[test]
    fn a_clean_frame_does_not_underflow_and_a_poor_score_says_nothing() {
        assert!((log10_p(30.0, 1) - -196.66).abs() < 0.1, "{}", log10_p(30.0, 1));
        assert!(log10_p(7.8, 2_592_000 * 8) < -6.0);
        assert!(log10_p(2.0, 1000).abs() < 1e-12);
        assert!(log10_p(f64::NAN, 1).abs() < 1e-12);
        let over = 10_f64.powf(LOG10_C) - 2.0 * 3_f64.exp() / 9.0;
        assert!((0.0..0.01).contains(&over), "{over}");
    }
}
