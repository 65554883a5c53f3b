//! Licences: their texts, who must be asked, and that somebody said yes.

use std::fmt;

use crate::digest::Sha1Digest;

/// A licence of an index.
#[derive(Clone, PartialEq, Eq)]
pub struct License {
    /// `android-sdk-license`.
    pub id: String,
    /// The whole text, for people.
    pub text: String,
    /// Names this wording: what `sdkmanager` writes into `licenses/ID` when it is accepted.
    pub hash: Sha1Digest,
}

impl fmt::Debug for License {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "License({} {})", self.id, self.hash)
    }
}

impl License {
    /// A licence by its text.
    pub fn new(id: &str, text: &str) -> Self {
        let settled = settled(text);
        Self { id: id.to_owned(), hash: Sha1Digest::of(settled.as_bytes()), text: text.trim().to_owned() }
    }
}

/// Whether the user accepted the licences that they were shown. Nothing here says yes for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Acceptance {
    /// They were not asked, or said nothing.
    #[default]
    NotGiven,
    /// They gave `--accept-licenses`.
    Given,
}

/// The text as `sdkmanager` holds it when it hashes it (AOSP `tools/base/repository`, `TrimStringAdapter`): spaces and tabs
/// after white space go, a lone line break becomes a space, runs of spaces become one, and the ends are trimmed.
fn settled(text: &str) -> String {
    let mut tight = Vec::with_capacity(text.len());
    let mut before = None;
    for c in text.chars() {
        // What Java's `\s` matches.
        let after_space = matches!(before, Some(' ' | '\t' | '\n' | '\x0B' | '\x0C' | '\r'));
        if !(after_space && matches!(c, ' ' | '\t')) {
            tight.push(c);
        }
        before = Some(c);
    }
    let mut out = String::with_capacity(text.len());
    for (i, &c) in tight.iter().enumerate() {
        let alone = c == '\n' && tight.get(i + 1) != Some(&'\n') && (i == 0 || tight.get(i - 1) != Some(&'\n'));
        let c = if alone { ' ' } else { c };
        if !(c == ' ' && out.ends_with(' ')) {
            out.push(c);
        }
    }
    // Java's `trim`: everything up to U+0020.
    out.trim_matches(|c| c <= ' ').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_is_settled_as_sdkmanager_does() {
        // The cases of AOSP's TrimStringAdapterTest.
        for (from, to) in [
            ("foo", "foo"),
            ("foo    \t \t\t bar", "foo bar"),
            (" \tfoo  ", "foo"),
            ("\n    foo", "foo"),
            ("foo \n bar\nbaz\n", "foo bar baz"),
            ("foo\n   \n  bar\n baz", "foo\n\nbar baz"),
        ] {
            assert_eq!(settled(from), to, "{from:?}");
        }
    }

    #[test]
    fn a_wording_keeps_its_hash_however_it_is_wrapped() {
        let a = License::new("x", "Terms\nand conditions\n\nSecond  paragraph.\n");
        let b = License::new("x", "\t Terms and   conditions\n   \n Second paragraph.");
        assert_eq!(a.hash, b.hash);
        assert_eq!(a.hash, Sha1Digest::of(b"Terms and conditions\n\nSecond paragraph."));
        assert_ne!(a.hash, License::new("x", "Terms and conditions\n\nThird paragraph.").hash);
    }

    proptest! {
        #[test]
        fn no_text_keeps_runs_of_spaces_or_loses_a_word(s in "[ \t\r\nab]{0,60}") {
            let settled = settled(&s);
            prop_assert!(!settled.contains("  ") && settled.trim() == settled);
            let words = |t: &str| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&settled), words(&s));
        }
    }
}
