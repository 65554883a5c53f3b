//! What bytes look like, told from the bytes alone: text, randomness, a known beginning.

/// Beginnings of what the other modules can open.
const MAGICS: &[&[u8]] = &[
    b"\xff\xd8\xff",
    b"\x89PNG\r\n",
    b"\x1f\x8b\x08",
    b"PK\x03\x04",
    b"RIFF",
    b"GIF8",
    b"OggS",
    b"#!AMR",
    b"fLaC",
    b"ID3",
    b"SQLite format 3",
    b"\x1a\x45\xdf\xa3",
    b"\xff\xf1",
    b"\xff\xf9",
];

/// A file begins here that the other modules can open.
pub(crate) fn has_magic(b: &[u8]) -> bool {
    MAGICS.iter().any(|m| b.starts_with(m)) || b.get(4..8) == Some(b"ftyp") || is_zlib(b)
}

/// The same by so many bytes that it is not met by chance among many tries.
pub(crate) fn has_sure_magic(b: &[u8]) -> bool {
    MAGICS[..12].iter().any(|m| b.starts_with(m)) || b.get(4..8) == Some(b"ftyp")
}

/// Such a beginning lies within `b`, of those that are long enough not to be met by chance.
pub(crate) fn holds_magic(b: &[u8]) -> bool {
    MAGICS[..4].iter().chain(&MAGICS[6..8]).any(|m| memchr::memmem::find(b, m).is_some())
}

/// The two bytes that open a zlib stream (RFC 1950) with a window and level that encoders use.
pub(crate) fn is_zlib(b: &[u8]) -> bool {
    matches!(b, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..])
}

/// UTF-8 with hardly a control character.
pub(crate) fn is_text(b: &[u8]) -> bool {
    if b.is_empty() {
        return false;
    }
    let text = match std::str::from_utf8(b) {
        Ok(s) => s,
        // A cut in the last character is no fault of the text.
        Err(e) if e.error_len().is_none() && b.len() - e.valid_up_to() < 4 => std::str::from_utf8(&b[..e.valid_up_to()]).unwrap_or(""),
        Err(_) => return false,
    };
    let odd = text.bytes().filter(|c| *c < 32 && !matches!(c, b'\t' | b'\n' | b'\r')).count();
    !text.is_empty() && odd * 50 <= text.len()
}

/// Longest row of printable ASCII.
pub(crate) fn printable_run(b: &[u8]) -> usize {
    let (mut run, mut best) = (0, 0);
    for c in b {
        run = if (32..127).contains(c) { run + 1 } else { 0 };
        best = best.max(run);
    }
    best
}

/// How often two bytes drawn from `b` are equal, times the number of values: 1 for noise, about 15 for text.
fn collisions(counts: &[u32], values: f64) -> f64 {
    let n: f64 = counts.iter().map(|&c| f64::from(c)).sum();
    let pairs: f64 = counts.iter().map(|&c| f64::from(c) * (f64::from(c) - 1.0)).sum();
    if n < 2.0 { values } else { values * pairs / (n * (n - 1.0)) }
}

/// The same for bytes of which each is one of so many values.
pub(crate) fn evenness(b: &[u8], values: f64) -> f64 {
    let mut counts = [0_u32; 256];
    for &v in b {
        counts[usize::from(v)] += 1;
    }
    collisions(&counts, values)
}

/// Least length at which bytes are called random-like: shorter ones are the tokens and digests that every app sends.
pub(crate) const LEAST_OPAQUE: usize = 96;

/// Shortest run of base64 symbols, and of hexadecimal digits, that is decoded: those of 16 bytes.
pub(crate) const LEAST_BASE64: usize = 22;
pub(crate) const LEAST_HEX: usize = 32;

/// Nothing in the distribution of the bytes tells them from noise, however few they are.
pub(crate) fn is_even(b: &[u8]) -> bool {
    // Pairs of noise are off by 256 * sqrt(2 / 256) / n = 22.6 / n: more than four of those.
    evenness(b, 256.0) < 1.4 + 100.0 / b.len().max(1) as f64
}

/// The same of so many that it says something: encrypted, or compressed by something unknown.
pub(crate) fn is_random(b: &[u8]) -> bool {
    b.len() >= LEAST_OPAQUE && is_even(b)
}

/// The same for six-bit symbols of a text that may be base64.
pub(crate) fn symbols_are_even(symbols: &[u8]) -> bool {
    let mut counts = [0_u32; 64];
    for &v in symbols {
        counts[usize::from(v & 63)] += 1;
    }
    collisions(&counts, 64.0) < 1.5 + 40.0 / symbols.len().max(1) as f64
}

/// Bytes in `b` that look like noise, by blocks of 256.
pub(crate) fn random_bytes(b: &[u8]) -> usize {
    if b.len() < LEAST_OPAQUE {
        return 0;
    }
    if b.len() < 512 {
        return if is_random(b) { b.len() } else { 0 };
    }
    b.chunks(256).filter(|c| is_random(c)).map(<[u8]>::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize) -> Vec<u8> {
        let mut out = vec![0; n];
        stakeout_feed::SubKey::from_bytes([9; 32]).fill("noise", 0, &mut out);
        out
    }

    #[test]
    fn noise_is_random_and_text_and_ramps_are_not() {
        for n in [96, 200, 1000, 100_000] {
            assert!(is_random(&noise(n)), "{n}");
            assert!(random_bytes(&noise(n)) > n * 9 / 10, "{n}");
        }
        let text = include_bytes!("look.rs");
        assert!(!is_random(text) && is_text(text));
        assert_eq!(random_bytes(text), 0);
        assert!(!is_random(&noise(48)), "too short to say");
    }

    #[test]
    fn words_are_not_taken_for_base64() {
        let even = |s: &[u8]| symbols_are_even(&s.iter().map(|c| c.wrapping_sub(b'A')).collect::<Vec<_>>());
        assert!(symbols_are_even(&noise(200)));
        assert!(!even(b"com/example/framework/internal/component/LifecycleCallbackAdapterFactoryImplementationDelegate"));
    }
}
