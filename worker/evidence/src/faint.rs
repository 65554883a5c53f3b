//! Noise that is written in an alphabet which nobody undoes, or in pieces that are too short to be told alone.
//!
//! One token or one key says nothing: every app has them. But an address book can be encrypted field by field, and a photo be cut
//! into strings. So pieces are added up, each once, and told where they are more than the tokens of an ordinary app.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use stakeout_contract::artifact::Role;

use crate::look;

/// Bytes in pieces from which they are told: of one request, of one file, in which caches keep the tokens of others too, and of all
/// requests or files together, of which only those count that are longer than a token.
const IN_A_REQUEST: usize = 1_024;
const IN_A_FILE: usize = 4_096;
const TOGETHER: usize = 4_096;
/// Longer than tokens, keys and signatures of 32 bytes.
const LARGE: usize = 48;
/// Bytes without any text of which so many are looked at together, and the longest stretch in which they are: what is longer is told
/// by its blocks.
const BLOCK: usize = 64;
const LONGEST: usize = 512;
/// Symbols in a row from which their evenness says something.
const ROW: usize = 96;
/// The same where the alphabet is known by these symbols alone.
const OWN_ROW: usize = 400;
/// Fewest symbols of such an alphabet: numbers are written with fewer, and are even.
const OWN_SYMBOLS: usize = 28;
/// Lengths of digests in hexadecimal digits.
const DIGESTS: [usize; 5] = [32, 40, 64, 96, 128];

/// A piece of noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    text: &'a [u8],
    /// That it may hold.
    pub(crate) bytes: usize,
}

/// Pieces of noise in bytes that nothing explains.
pub(crate) fn pieces(b: &[u8]) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    for word in b.split(|c| !c.is_ascii_graphic() || *c == b'"').filter(|w| w.len() >= look::LEAST_BASE64) {
        // What is written with other text is undone, and looked at then.
        if has_escape(word) {
            continue;
        }
        match even(word) {
            Some(bytes) => out.push(Piece { text: word, bytes }),
            None => out.extend(tokens(word)),
        }
    }
    if b.len() < LONGEST && !look::is_text(b) {
        let blocks = b.chunks(BLOCK).filter(|c| c.len() >= BLOCK / 2 && look::is_even(c));
        out.extend(blocks.map(|c| Piece { text: c, bytes: c.len() }));
    }
    out
}

/// Whether a character lies in it that is written as XML writes it: `&#10;`.
fn has_escape(word: &[u8]) -> bool {
    let is_one = |at: usize| {
        let number = &word[at + 2..];
        let digits = number.iter().take(6).take_while(|c| c.is_ascii_alphanumeric()).count();
        digits > 0 && number.get(digits) == Some(&b';')
    };
    memchr::memmem::find_iter(word, b"&#").any(is_one)
}

/// Bytes that a long row of symbols may hold, if it is as even as noise in its alphabet. Words are not, in any language, and neither
/// are programs and numbers.
fn even(word: &[u8]) -> Option<usize> {
    if word.len() < ROW {
        return None;
    }
    let all = |accepts: fn(&u8) -> bool| word.iter().all(accepts);
    let symbols = if all(|c| c.is_ascii_digit() || c.is_ascii_lowercase()) || all(|c| matches!(c, b'0'..=b'9' | b'A'..=b'Z' | b'=')) {
        36
    } else if all(|c| is_symbol(*c)) {
        64
    } else {
        85
    };
    let mut seen = [false; 256];
    for c in word {
        seen[usize::from(*c)] = true;
    }
    let own = seen.iter().filter(|s| **s).count();
    let is_even = look::evenness(word, f64::from(symbols)) < 1.5
        || word.len() >= OWN_ROW && own >= OWN_SYMBOLS && look::evenness(word, own as f64) < 1.15;
    is_even.then(|| (word.len() as f64 * (own as f64).log2() / 8.0) as usize)
}

/// A symbol of base64.
fn is_symbol(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'-' | b'_')
}

/// Runs of base64 symbols or hexadecimal digits that are no words: too short to be decoded.
fn tokens(word: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let runs = word.split(|c| !is_symbol(*c)).filter(|r| (look::LEAST_BASE64..4 * look::LEAST_OPAQUE / 3).contains(&r.len()));
    runs.filter_map(|text| {
        let bytes = if text.iter().all(u8::is_ascii_hexdigit) {
            let noise = text.len() >= look::LEAST_HEX && !DIGESTS.contains(&text.len()) && text.iter().any(u8::is_ascii_alphabetic);
            if noise && text.iter().any(u8::is_ascii_digit) { text.len() / 2 } else { 0 }
        } else if is_mixed(text) {
            text.len() * 3 / 4
        } else {
            0
        };
        (bytes > 0).then_some(Piece { text, bytes })
    })
}

/// Whether large and small letters and digits follow each other as they do in noise: there three of five neighbours are of another
/// sort, in words and names one of five. What parts words is of no sort.
fn is_mixed(run: &[u8]) -> bool {
    let sort = |c: u8| match c {
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        b'0'..=b'9' => 3,
        _ => 0,
    };
    let changes = run.windows(2).filter(|w| sort(w[0]) != sort(w[1]) && sort(w[0]) * sort(w[1]) > 0).count();
    (1..4).all(|s| run.iter().any(|c| sort(*c) == s)) && changes * 10 >= 4 * (run.len() - 1)
}

/// Pieces that were met, each once: a token is sent again and again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faint(BTreeMap<[u8; 8], usize>);

impl Faint {
    fn bytes(&self) -> usize {
        self.0.values().sum()
    }

    /// Adds pieces, until there are enough to be told anywhere.
    pub(crate) fn add(&mut self, pieces: &[Piece<'_>]) {
        for p in pieces {
            if self.bytes() >= IN_A_FILE.max(IN_A_REQUEST) {
                return;
            }
            let digest: [u8; 32] = Sha256::digest(p.text).into();
            let mut name = [0; 8];
            name.copy_from_slice(&digest[..8]);
            self.0.insert(name, p.bytes);
        }
    }

    /// Adds those of another request or file that are longer than a token.
    pub(crate) fn join(&mut self, other: &Self) {
        self.0.extend(other.0.iter().filter(|p| *p.1 >= LARGE).map(|p| (*p.0, *p.1)));
    }

    /// Whether any is longer than a token.
    pub(crate) fn has_large(&self) -> bool {
        self.0.values().any(|n| *n >= LARGE)
    }

    /// Whether there is more than an ordinary app's file or request has.
    pub(crate) fn is_enough(&self, role: Option<Role>) -> bool {
        self.bytes() >= if role == Some(Role::FlowRequest) { IN_A_REQUEST } else { IN_A_FILE }
    }

    /// The same of what was joined.
    pub(crate) fn is_enough_together(&self) -> bool {
        self.bytes() >= TOGETHER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize) -> Vec<u8> {
        let mut out = vec![0; n];
        stakeout_feed::SubKey::from_bytes([9; 32]).fill("noise", 1, &mut out);
        out
    }

    /// Noise in an alphabet.
    fn written(n: usize, alphabet: &[u8]) -> Vec<u8> {
        noise(2 * n).chunks_exact(2).map(|v| alphabet[usize::from(u16::from_le_bytes([v[0], v[1]])) % alphabet.len()]).collect()
    }

    fn bytes(b: &[u8]) -> usize {
        pieces(b).iter().map(|p| p.bytes).sum()
    }

    #[test]
    fn a_long_row_of_even_symbols_is_noise_in_whatever_alphabet() {
        let graphic: Vec<u8> = (33..118).filter(|c| *c != b'"').collect();
        let small: Vec<u8> = (b'a'..=b'z').chain(b'0'..=b'9').collect();
        for alphabet in
            [&b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[..], &small, &graphic, b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"]
        {
            for n in [100, 200, 2_000] {
                assert!(bytes(&written(n, alphabet)) * 2 > n, "{n} {}", String::from_utf8_lossy(alphabet));
            }
        }
        assert!(bytes(&written(2_000, &graphic[..40])) > 1_000);
        assert_eq!(bytes(&written(2_000, b"0123456789.,")), 0, "numbers are even, too");
    }

    #[test]
    fn what_people_and_programs_write_is_no_noise() {
        let numbers = (0..400).map(|i| format!("[{}.{},{}]", i % 90, i * 7919 % 10_000, i * 31)).collect::<Vec<_>>().join(",");
        for text in [
            include_bytes!("look.rs").as_slice(),
            b"com/example/framework/internal/component/LifecycleCallbackAdapterFactoryImplementationDelegate",
            b"function(e,t){return e.prototype.constructor===t?this.elements.forEach(function(n){n.classList.remove('active')}):null}",
            b"https://cdn.example.com/images/2024/03/05/a-long-name-of-a-picture_1080x1920.jpg?width=640&height=480&fit=crop&auto=format",
            b"content/files/media/0/DCIM/Camera/IMG/a/0/B/c/Screens/1/D is the name of a folder",
            b"DIRTY 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\nREAD 550e8400-e29b-41d4-a716-446655440000",
            numbers.as_bytes(),
        ] {
            assert_eq!(pieces(text), [], "{}", String::from_utf8_lossy(&text[..60]));
        }
    }

    #[test]
    fn pieces_are_added_up_each_once() {
        let token = |i: usize| {
            let symbols = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            written(100 * (i + 1), symbols)[100 * i..].to_vec()
        };
        let mut faint = Faint::default();
        for i in 0..20 {
            let all = [&b"{\"n\":\""[..], &token(i), b"\"}"].concat();
            assert!(!faint.is_enough(Some(Role::FlowRequest)), "{i}: {}", faint.bytes());
            // The same once more adds nothing.
            faint.add(&pieces(&all));
            faint.add(&pieces(&all));
            if faint.is_enough(Some(Role::FlowRequest)) {
                assert!(i >= 12 && !faint.is_enough(Some(Role::AppFile)), "{i}");
                return;
            }
        }
        panic!("{} bytes", faint.bytes());
    }

    #[test]
    fn short_stretches_of_bytes_count_and_structures_do_not() {
        assert!(bytes(&noise(90)) >= 60);
        assert_eq!(bytes(&[&b"\x0a\x24"[..], b"a name and a text of some length", &[0; 30], b"\x12\x08a title"].concat()), 0);
        let floats: Vec<u8> = (0..20).flat_map(|i| (f64::from(i) * 0.37).to_le_bytes()).collect();
        assert!(bytes(&floats) < 64, "{}", bytes(&floats));
    }
}
