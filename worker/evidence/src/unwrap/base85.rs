//! Base85: Ascii85 (Adobe, PostScript Language Reference, 3.13.3), and the alphabets of RFC 1924 and ZeroMQ (RFC 32/Z85).

use super::{Candidate, Coding, Known, base64};
use crate::look;

/// Shortest run that is decoded: 24 bytes.
const LEAST: usize = 30;

const RFC_1924: &[u8; 85] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
const Z85: &[u8; 85] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// Runs of printable characters.
pub(super) fn find(b: &[u8]) -> Vec<Candidate> {
    let runs = base64::runs(b, |c| c.is_ascii_graphic()).into_iter().filter(|(_, symbols)| *symbols >= LEAST);
    runs.map(|(at, _)| Candidate::new(at, Coding::Base85, "base85")).collect()
}

/// Decodes a run, or what follows the first `=` in it; none if it is none, or looks like nothing in each alphabet.
pub(super) fn decode(b: &[u8], known: Known<'_>) -> Option<Vec<u8>> {
    let b = b.strip_prefix(b"<~").unwrap_or(b);
    let b = b.strip_suffix(b"~>").unwrap_or(b);
    let value = memchr::memchr(b'=', b).map_or(&[][..], |i| &b[i + 1..]);
    let ascii = |c: u8| (b'!'..=b'u').contains(&c).then(|| c - b'!');
    let of = |alphabet: &'static [u8; 85]| move |c: u8| memchr::memchr(c, alphabet).map(|i| i as u8);
    [b, value].into_iter().find_map(|b| {
        let all = [undone(b, ascii), undone(b, of(RFC_1924)), undone(b, of(Z85))];
        all.into_iter().flatten().find(|d| look::has_sure_magic(d) || look::is_text(d) && d.len() >= 12 || known(d))
    })
}

/// Groups of five symbols as four bytes; none where a symbol is of another alphabet, or a group says more than four bytes can.
fn undone(b: &[u8], value: impl Fn(u8) -> Option<u8>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(b.len() * 4 / 5);
    let (mut group, mut count) = (0_u64, 0);
    for &c in b.iter().filter(|c| !c.is_ascii_whitespace()) {
        // Ascii85 has a letter for four zeroes, which no other value of its can be.
        if c == b'z' && count == 0 && value(c).is_none() {
            out.extend([0; 4]);
            continue;
        }
        group = group * 85 + u64::from(value(c)?);
        count += 1;
        if count == 5 {
            out.extend(u32::try_from(group).ok()?.to_be_bytes());
            (group, count) = (0, 0);
        }
    }
    if count > 1 {
        let all = (count..5).fold(group, |v, _| v * 85 + 84);
        out.extend(&u32::try_from(all).ok()?.to_be_bytes()[..count - 1]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alphabet_is_undone_and_text_is_left_alone() {
        let text = b"Morwenna Quistgaard-Vael, and her number is 12";
        for run in [
            &br"9lG&rASuBo+Am8qF*)&'@<,m1<afQU/0JA=A0>PsEZf7BD.7's+DGm>0er"[..],
            br"<~9lG&rASuBo+Am8qF*)&'@<,m1<afQU/0JA=A0>PsEZf7BD.7's+DGm>0er~>",
            br"O>c5{Wo~X^AW?N`b9856VRB?GR$*mqEFfWSWFTl|av*MXZDM6|AZc?TF){",
            br"d=O>c5{Wo~X^AW?N`b9856VRB?GR$*mqEFfWSWFTl|av*MXZDM6|AZc?TF){",
        ] {
            assert_eq!(find(run).len(), 1);
            assert_eq!(decode(run, &|_| false).as_deref(), Some(&text[..]), "{}", String::from_utf8_lossy(run));
        }
        let zeros = undone(b"87cURz", |c| (b'!'..=b'u').contains(&c).then(|| c - b'!')).unwrap();
        assert_eq!(zeros, b"Hell\0\0\0\0");
        assert!(decode(b"https://example.com/a/long/path?with=values&and=more", &|_| false).is_none());
    }
}
