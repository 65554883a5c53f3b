//! Draws from the key that count their bits.

use crate::SubKey;

/// Bytes of the stream behind one canary; no canary takes more.
const STREAM: usize = 1024;

/// The stream of one canary.
pub(super) struct Draw {
    bytes: [u8; STREAM],
    used: usize,
}

impl Draw {
    pub(super) fn new(key: &SubKey, kind: &str, index: u64) -> Self {
        let mut bytes = [0; STREAM];
        key.fill(&format!("plant {kind}"), index, &mut bytes);
        Self { bytes, used: 0 }
    }

    /// Uniform in `0..n`, to within 2^-44 for n < 2^20 and 2^-20 for n < 2^44.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        let mut eight = [0; 8];
        for b in &mut eight {
            *b = self.bytes[self.used % STREAM];
            self.used += 1;
        }
        u64::from_le_bytes(eight) % n.max(1)
    }

    /// One of a list, and the list's bits.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> (&'a T, f64) {
        (list[self.below(list.len() as u64) as usize], (list.len() as f64).log2())
    }

    /// `n` characters of an alphabet, and their bits.
    pub(super) fn text(&mut self, alphabet: &str, n: usize) -> (String, f64) {
        let alphabet: Vec<char> = alphabet.chars().collect();
        let text = (0..n).map(|_| alphabet[self.below(alphabet.len() as u64) as usize]).collect();
        (text, n as f64 * (alphabet.len() as f64).log2())
    }

    /// `n` decimal digits, and their bits.
    pub(super) fn digits(&mut self, n: usize) -> (String, f64) {
        self.text("0123456789", n)
    }

    /// A locally administered address, lower case with colons: 46 bits.
    pub(super) fn mac(&mut self) -> (String, u32) {
        let mut six: [u8; 6] = std::array::from_fn(|_| self.below(256) as u8);
        six[0] = six[0] & 0xfc | 2;
        (six.map(|b| format!("{b:02x}")).join(":"), 46)
    }
}

/// The digit that makes a number valid (ISO/IEC 7812-1, annex B).
pub(super) fn luhn(digits: &str) -> u32 {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let d = u32::from(b - b'0') * if i % 2 == 0 { 2 } else { 1 };
            d / 10 + d % 10
        })
        .sum();
    (10 - sum % 10) % 10
}
