//! Numbers for people: two or three digits, with their unit.

/// `12`, `1.3`, `0.042`, `1.2e-5`: two significant digits, without a point from 10 on.
pub(crate) fn sig(x: f64) -> String {
    match x.abs() {
        a if !a.is_finite() || a >= f64::MAX => "no bound".to_owned(),
        0.0 => "0".to_owned(),
        a if a < 1e-3 => format!("{x:.1e}"),
        a if a < 0.1 => format!("{x:.3}"),
        a if a < 1.0 => format!("{x:.2}"),
        a if a < 10.0 => format!("{x:.1}"),
        _ => group(x.round() as i64),
    }
}

/// Thousands apart by a thin space.
fn group(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(c);
    }
    if n < 0 { format!("-{out}") } else { out }
}

/// A count.
pub(crate) fn count(n: u64) -> String {
    group(i64::try_from(n).unwrap_or(i64::MAX))
}

/// `63 %`.
pub(crate) fn percent(x: f64) -> String {
    let p = x * 100.0;
    if p >= 10.0 || p == 0.0 { format!("{p:.0} %") } else { format!("{} %", sig(p)) }
}

/// `1.5 h`, `12 min`, `3.2 s` from hours.
pub(crate) fn hours(h: f64) -> String {
    seconds(h * 3600.0)
}

/// `1.5 h`, `12 min`, `3.2 s`.
pub(crate) fn seconds(s: f64) -> String {
    if s >= 7200.0 {
        format!("{} h", sig(s / 3600.0))
    } else if s >= 120.0 {
        format!("{} min", sig(s / 60.0))
    } else {
        format!("{} s", sig(s))
    }
}

/// Decimal units: `1.2 MB`.
pub(crate) fn bytes(n: f64) -> String {
    for (unit, size) in [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] {
        if n >= size {
            return format!("{} {unit}", sig(n / size));
        }
    }
    format!("{} B", group(n.round() as i64))
}

/// `1e-12`; probabilities are shown rounded up, never as zero.
pub(crate) fn probability(p: f64) -> String {
    if p <= 0.0 {
        return "1e-300".to_owned();
    }
    if p >= 0.01 {
        return sig(p);
    }
    let exponent = p.log10().floor();
    let digit = (p / 10f64.powf(exponent)).ceil();
    if digit >= 10.0 { format!("1e{}", exponent + 1.0) } else { format!("{digit}e{exponent}") }
}

/// [`probability`] for running text: `2×10⁻¹²`.
pub(crate) fn power(p: f64) -> String {
    let plain = probability(p);
    let Some((digit, exponent)) = plain.split_once('e') else { return plain };
    let raised = exponent.chars().map(|c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        c => c.to_digit(10).and_then(|d| char::from_u32(0x2070 + d)).unwrap_or(c),
    });
    format!("{digit}×10{}", raised.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_two_digits_and_a_unit() {
        assert_eq!(
            [sig(12_345.6), sig(3.33), sig(0.0421), bytes(1_234_567.0), seconds(5400.0), percent(0.6316)],
            ["12\u{2009}346", "3.3", "0.042", "1.2 MB", "90 min", "63 %"]
        );
    }

    #[test]
    fn a_power_of_ten_is_written_raised() {
        assert_eq!([power(1.01e-12), power(3e-300), power(0.5)], ["2×10⁻¹²", "3×10⁻³⁰⁰", "0.50"]);
    }

    #[test]
    fn a_probability_is_never_rounded_down() {
        assert_eq!(
            [probability(1.01e-12), probability(9.5e-10), probability(1e-300), probability(0.0)],
            ["2e-12", "1e-9", "1e-300", "1e-300"]
        );
    }
}
