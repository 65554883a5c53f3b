//! Lines of a record, with limits; and small helpers to take them apart.

use std::borrow::Cow;

use crate::notes::{Cut, MAX_BYTES, MAX_LINE, Notes, short};

/// A record as text.
pub(crate) struct Text<'a> {
    text: Cow<'a, str>,
}

/// How a guest begins an answer that is none. The services' own words, and those of `dumpsys`, `cmd` and their shells.
const REFUSALS: &[&str] = &[
    "Permission Denial",
    "Can't find service",
    "cmd: Can't find service",
    "cmd: Failure",
    "Security exception",
    "java.lang.SecurityException",
    "Exception occurred while executing",
    "Failure calling service",
    "Error dumping service",
    "Error: ",
    "ERROR: ",
    "Unable to find package",
    "Unknown package",
];

impl<'a> Text<'a> {
    /// The text of `bytes`, and what can be said of any record. Bytes that are no UTF-8 become U+FFFD.
    pub(crate) fn new(bytes: &'a [u8]) -> (Self, Notes) {
        let mut notes = Notes::default();
        if bytes.len() > MAX_BYTES {
            notes.cut(Cut::TooLong);
        } else if bytes.last().is_some_and(|b| *b != b'\n') {
            notes.cut(Cut::NoLineEnd);
        }
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_BYTES)]);
        let full = |l: &&str| !l.trim().is_empty();
        if let Some(first) = text.lines().find(full) {
            let first = first.trim_start();
            if REFUSALS.iter().any(|r| first.starts_with(r)) {
                notes.refused = Some(short(first));
            }
        }
        if let Some(last) = text.lines().rfind(full)
            && last.trim_start().starts_with("*** SERVICE")
            && last.contains("DUMP TIMEOUT")
        {
            notes.cut(Cut::Timeout);
        }
        (Self { text }, notes)
    }

    /// All of it.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Its lines without their ends; long ones are shortened, which is noted.
    pub(crate) fn lines<'t>(&'t self, notes: &mut Notes) -> impl Iterator<Item = &'t str> + use<'t, 'a> {
        if self.text.lines().any(|l| l.len() > MAX_LINE) {
            notes.cut(Cut::LongLine);
        }
        self.text.lines().map(clip)
    }
}

/// The first [`MAX_LINE`] bytes of a line, whole characters.
pub(crate) fn clip(line: &str) -> &str {
    if line.len() <= MAX_LINE {
        return line;
    }
    &line[..line.floor_char_boundary(MAX_LINE)]
}

/// The text between the first `from` and the next `to`.
pub(crate) fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(from)?;
    rest.split_once(to).map(|(got, _)| got)
}

/// The value of `key` (with its `=` or `:`) where it begins a word of the line; the value ends at white space.
pub(crate) fn field<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split_whitespace().find_map(|w| w.strip_prefix(key))
}

/// `true` or `false`.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.trim_end_matches([',', ';']) {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// `text`, unless it is empty or Java's `null`.
pub(crate) fn some(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text != "null").then(|| text.to_owned())
}

/// Uids that each of Android's users has.
pub(crate) const PER_USER: u32 = 100_000;

/// A uid as Android writes it: a number, or `u0a123` (user 0, app 10123), `u10s1000`, `u0i5` (isolated 99005), `u0ai5` (90005).
pub(crate) fn uid(text: &str) -> Option<u32> {
    if let Ok(n) = text.parse::<u32>() {
        return Some(n);
    }
    let rest = text.strip_prefix('u')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let user: u32 = rest[..digits].parse().ok()?;
    let rest = &rest[digits..];
    let (first, number) =
        [("ai", 90_000), ("a", 10_000), ("i", 99_000), ("s", 0)].into_iter().find_map(|(p, first)| Some((first, rest.strip_prefix(p)?)))?;
    let number: u32 = number.parse().ok()?;
    user.checked_mul(PER_USER)?.checked_add(number.checked_add(first)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_read_in_all_forms() {
        for (text, want) in [
            ("1000", Some(1000)),
            ("u0a123", Some(10123)),
            ("u10a45", Some(1_010_045)),
            ("u0s1000", Some(1000)),
            ("u0i5", Some(99005)),
            ("u0ai5", Some(90005)),
            ("u0", None),
            ("u0x5", None),
            ("u99999a1", None),
            ("-1", None),
        ] {
            assert_eq!(uid(text), want, "{text}");
        }
    }

    #[test]
    fn a_long_line_is_clipped_and_told() {
        let text = format!("{}\nab\n", "ä".repeat(MAX_LINE));
        let (t, mut notes) = Text::new(text.as_bytes());
        let lens: Vec<usize> = t.lines(&mut notes).map(str::len).collect();
        assert_eq!(lens, [MAX_LINE, 2]);
        assert_eq!(notes.cut, [Cut::LongLine]);
    }

    #[test]
    fn refusals_and_timeouts_are_told() {
        let (_, n) = Text::new(b"\nCan't find service: sensor_privacy\n");
        assert_eq!(n.refused.as_deref(), Some("Can't find service: sensor_privacy"));
        let (_, n) = Text::new(b"a\n*** SERVICE 'audio' DUMP TIMEOUT (10000ms) EXPIRED ***\n\n");
        assert_eq!(n.cut, [Cut::Timeout]);
        assert!(!n.is_whole());
        let (_, n) = Text::new(b"half a li");
        assert_eq!(n.cut, [Cut::NoLineEnd]);
    }
}
