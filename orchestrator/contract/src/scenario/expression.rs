//! Regular expressions of a scenario: those that every device reads.
//!
//! The jvm device has Java's, the emulator those of the `regex` crate, and a scenario does not know on which it will run. An
//! expression that one of them cannot read would be a mistake that shows only when a device was booted for it, three times. So it
//! has to be one for both: what the crate compiles, without what Java takes for an error or for something else.

use regex::RegexBuilder;

/// Characters of an expression.
const LONGEST: usize = 500;
/// Bytes of it once it is compiled: a device has room for more.
const COMPILED: usize = 256 << 10;

/// Why not every device reads this expression.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.chars().count() > LONGEST {
        return Err(format!("it has more than {LONGEST} characters"));
    }
    // By itself, and as a device writes it, which a comment at its end would break.
    for form in [text.to_owned(), format!("^(?:{text})$")] {
        RegexBuilder::new(&form).size_limit(COMPILED).build().map_err(|e| reason(&e))?;
    }
    unlike(text).map_or(Ok(()), Err)
}

/// The crate tells an error in several lines, the last of which says what it is.
fn reason(e: &regex::Error) -> String {
    let said = e.to_string();
    said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// What is behind a repetition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeated {
    No,
    Once,
    /// With the `?` that makes it reluctant.
    Lazily,
}

/// What the crate reads and Java does not, or not so. `text` is one of the crate's expressions already.
fn unlike(text: &str) -> Option<String> {
    let (mut rest, mut in_class, mut repeated) = (text, false, Repeated::No);
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        let mut now = Repeated::No;
        match first {
            '\\' => {
                let escaped = rest[taken..].chars().next()?;
                taken += escaped.len_utf8();
                let braced = rest[taken..].starts_with('{');
                if "pPUv<>".contains(escaped) || (braced && "bu".contains(escaped)) {
                    return Some(format!("`\\{escaped}` is not the same on all devices"));
                }
                if braced && escaped == 'x' {
                    taken += rest[taken..].find('}')? + 1;
                }
            }
            '[' if in_class => return Some("a class in a class is not the same on all devices: write `\\[` for the bracket".to_owned()),
            '[' => {
                in_class = true;
                taken += usize::from(rest[taken..].starts_with('^'));
                // The first one is no end.
                taken += usize::from(rest[taken..].starts_with(']'));
            }
            ']' => in_class = false,
            '&' | '-' | '~' if in_class && rest[taken..].starts_with(first) => {
                return Some(format!("`{first}{first}` in a class is not the same on all devices"));
            }
            '(' if !in_class && rest[taken..].starts_with('?') => {
                taken += 1;
                let head = &rest[taken..];
                if !group(head) {
                    return Some("a group begins with `(`, `(?:`, `(?i:` or `(?<name>`, and flags are `i`, `m`, `s`".to_owned());
                }
            }
            '?' if !in_class && repeated == Repeated::Once => now = Repeated::Lazily,
            '*' | '+' | '?' | '{' if !in_class => {
                if repeated != Repeated::No {
                    return Some("a repetition is repeated: put a group around the inner one".to_owned());
                }
                now = Repeated::Once;
                if first == '{' {
                    let end = rest.find('}')?;
                    let count = &rest[1..end];
                    if count.starts_with(',') || !count.bytes().all(|b| b.is_ascii_digit() || b == b',') {
                        return Some("a count is `{3}`, `{3,}` or `{3,5}`".to_owned());
                    }
                    taken = end + 1;
                }
            }
            _ => {}
        }
        (rest, repeated) = (&rest[taken..], now);
    }
    None
}

/// Whether Java reads the begin of a group so: what stands behind its `(?`.
fn group(head: &str) -> bool {
    if let Some(named) = head.strip_prefix('<') {
        let name = named.split('>').next().unwrap_or_default();
        return name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
    }
    let flags = head.split([':', ')']).next().unwrap_or_default();
    flags.bytes().all(|b| b"ims-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_device_reads_is_good() {
        for text in [
            "Agree",
            "",
            "(?i)agree|accept|ok|同意|允许|确定",
            "(?i).*(photo|scan|拍照|扫一扫).*",
            r"\[ok\] \(\d{1,3}\)\?",
            "[]a^-]+",
            "[^]a]{2}",
            "[a-z(*+?{]",
            "a??b*?c{2,3}?d{4,}",
            r"\x{41}+\x42",
            "(?<name2>a)(?:b)(?i:c)(?-i)d",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_some_device_does_not_read_is_not() {
        let long = "a".repeat(LONGEST + 1);
        for text in [
            "(",
            "a)(b",
            "[",
            "*a",
            "a{2,1}",
            "(?=a)b",
            r"(a)\1",
            r"\Qa\E",
            r"\p{Any}",
            r"\u{41}",
            r"\b{start}a",
            r"\<a",
            "a**",
            "(a+)+*",
            "a{2}{3}",
            "a???",
            "a{2, 3}",
            "[[:alpha:]]",
            "[a-z--b]",
            "[a&&b]",
            "(?P<name>a)",
            "(?<a_b>a)",
            "(?U)a*",
            "(?x)a #",
            r"(\w{100}){100}",
            long.as_str(),
        ] {
            let why = check(text).unwrap_err();
            assert!(!why.is_empty() && !why.contains('\n'), "{text}: {why}");
        }
        assert_eq!(check("("), Err("unclosed group".to_owned()));
    }
}
