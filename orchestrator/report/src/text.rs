//! Text from apps and peers, made harmless for the eye. Escaping for HTML or XML comes after, and elsewhere.

/// Characters of a hostile text that are shown at most.
pub(crate) const SHOWN: usize = 160;

/// Control, bidirectional and invisible characters become U+FFFD, white space one space, and what is longer than `most`
/// characters is cut with an ellipsis.
pub(crate) fn clean(s: &str, most: usize) -> String {
    let mut out = String::with_capacity(s.len().min(most * 4));
    for (n, c) in s.trim().chars().enumerate() {
        if n == most {
            out.push('…');
            break;
        }
        out.push(match c {
            '\n' | '\r' | '\t' => ' ',
            c if hides(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        });
    }
    out
}

/// [`clean`] at the usual length.
pub(crate) fn short(s: &str) -> String {
    clean(s, SHOWN)
}

/// Characters that a reader does not see, or that change the order or place of those that they see.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff0}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e0fff}')
}

/// For text and attributes of XML; the characters that XML 1.0 cannot hold were replaced by [`clean`] before.
pub(crate) fn xml(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 8);
    for c in s.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_turns_text_becomes_visible() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\u{200b}d\ne", 99), "a\u{fffd}[31mb\u{fffd}c\u{fffd}d e");
    }

    #[test]
    fn long_text_is_cut_by_characters_and_not_by_bytes() {
        assert_eq!(clean("相机相机", 3), "相机相…");
        assert_eq!(clean("相机相", 3), "相机相");
    }
}
