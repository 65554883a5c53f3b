//! Sines that are the same on every machine: exact reduction in integers, then a polynomial in `f64` with additions and
//! multiplications in a stated order. (A system's `sin` may differ in its last digit.)

use std::f64::consts::PI;

/// cos of `num / den` of a full turn; `den` not 0.
pub(crate) fn cos_turn(num: u64, den: u64) -> f64 {
    let n = num % den;
    let n = n.min(den - n); // cos is even: 0..=half a turn
    let (n, sign) = if 4 * n > den { (den - 2 * n, -1.0) } else { (2 * n, 1.0) }; // now in half turns of `den`: 0..=1/2 * den
    let x = PI * n as f64 / den as f64;
    sign * if 4 * n > den { sin_small(PI / 2.0 - x) } else { cos_small(x) }
}

/// sin of `num / den` of a full turn.
pub(crate) fn sin_turn(num: u64, den: u64) -> f64 {
    cos_turn(4 * (num % den) + 3 * den, 4 * den)
}

/// cos of 0..=pi/4.
fn cos_small(x: f64) -> f64 {
    let y = x * x;
    let mut sum = 1.0;
    for k in (1..=10_u32).rev() {
        sum = 1.0 - y / f64::from((2 * k - 1) * 2 * k) * sum;
    }
    sum
}

/// sin of 0..=pi/4.
fn sin_small(x: f64) -> f64 {
    let y = x * x;
    let mut sum = 1.0;
    for k in (1..=10_u32).rev() {
        sum = 1.0 - y / f64::from(2 * k * (2 * k + 1)) * sum;
    }
    x * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_agree_with_the_systems_to_fifteen_digits() {
        for den in [1, 2, 3, 4, 7, 8, 256, 882] {
            for num in 0..3 * den {
                let x = std::f64::consts::TAU * (num % den) as f64 / den as f64;
                assert!((cos_turn(num, den) - x.cos()).abs() < 4e-15, "cos {num}/{den} {} {}", cos_turn(num, den), x.cos());
                assert!((sin_turn(num, den) - x.sin()).abs() < 4e-15, "sin {num}/{den} {} {}", sin_turn(num, den), x.sin());
            }
        }
    }
}
