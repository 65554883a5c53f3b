//! Matroska and WebM by their elements (RFC 8794, RFC 9559).

use super::{Carved, Format};

const SEGMENT: u64 = 0x1853_8067;
/// Padding, attachments, tags: what no track reads.
const PASSED: [u64; 3] = [0xec, 0x1941_a469, 0x1254_c367];

/// To the end of the segment, or to the end of the bytes: streamed files do not say how long they are.
pub(super) fn probe(b: &[u8], start: usize) -> Option<Carved> {
    let head = b.get(start..b.len().min(start + 64))?;
    let known = [&b"webm"[..], b"matroska"].iter().any(|d| memchr::memmem::find(head, d).is_some());
    let mut out = known.then(|| Carved::new(start..b.len(), Format::Matroska, true))?;
    if let Some((_, _, Some(end))) = element(b, start)
        && let Some((SEGMENT, mut i, size)) = element(b, end)
    {
        out.at.end = size.unwrap_or(b.len()).min(b.len());
        // Where an element does not say how long it is, what follows is taken as read.
        while i < out.at.end
            && let Some((id, body, Some(next))) = element(b, i)
        {
            if PASSED.contains(&id) {
                out.aside(body..next);
            }
            i = next;
        }
    }
    Some(out)
}

/// Id, first byte of the content, and its end if it is known.
fn element(b: &[u8], at: usize) -> Option<(u64, usize, Option<usize>)> {
    let (id, n) = number(b, at, 4, false)?;
    let (size, m) = number(b, at + n, 8, true)?;
    let body = at + n + m;
    let unknown = size == (1 << (7 * m)) - 1;
    Some((id, body, (!unknown).then(|| body.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)))))
}

/// A number of variable length, and that length.
fn number(b: &[u8], at: usize, most: usize, masked: bool) -> Option<(u64, usize)> {
    let first = *b.get(at)?;
    let n = first.leading_zeros() as usize + 1;
    if n > most {
        return None;
    }
    let mask = if masked { 0xff_u16 >> n } else { 0xff };
    let value = b.get(at + 1..at + n)?.iter().fold(u64::from(first) & u64::from(mask), |v, c| v << 8 | u64::from(*c));
    Some((value, n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_between_clusters_is_an_aside_and_what_follows_the_segment_is_not_of_it() {
        let element = |id: &[u8], body: &[u8]| [id, &[0x40 | (body.len() >> 8) as u8, body.len() as u8], body].concat();
        let inner = [element(b"\x1f\x43\xb6\x75", &[1; 300]), element(b"\xec", &[2; 100])].concat();
        let head = element(b"\x1a\x45\xdf\xa3", b"\x42\x82\x84webm");
        let film = [head.clone(), element(b"\x18\x53\x80\x67", &inner)].concat();
        let found = probe(&[&film[..], b"more"].concat(), 0).unwrap();
        let aside = film.len() - 100..film.len();
        assert_eq!((found.at, found.asides.as_slice()), (0..film.len(), std::slice::from_ref(&aside)));
    }
}
