//! Data to standard output, safe text to terminals.

use std::io::Write;

use crate::exit::Failure;

/// Text from strangers without control characters, bidirectional overrides or line breaks.
pub(crate) fn plain(s: &str) -> String {
    s.chars()
        .map(|c| {
            let hides =
                c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
            if hides { '\u{fffd}' } else { c }
        })
        .collect()
}

/// A document on standard output.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::other)?;
    line(&text)
}

/// A line on standard output; a closed pipe is no error.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::other),
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn no_control_sequence_of_a_stranger_reaches_a_terminal() {
        let s = plain("a\x1b[31mred\r\nb\u{202e}c\u{9b}2J");
        assert!(!s.chars().any(|c| c.is_control() || c == '\u{202e}'), "{s:?}");
        assert!(s.starts_with("a\u{fffd}[31mred"));
    }
}
