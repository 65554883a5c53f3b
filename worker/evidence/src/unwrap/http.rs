//! HTTP/1 messages: the body, by what the head says of it.

use super::{Candidate, Coding, Hint};
use crate::look;

/// Longest head.
const HEAD: usize = 256 << 10;

/// The body of the message that `b` is; nothing if it is none. The head stays where it is and is searched as text.
pub(super) fn find(b: &[u8]) -> Vec<Candidate> {
    if !is_message(b) {
        return Vec::new();
    }
    let window = &b[..b.len().min(HEAD)];
    let Some(end) =
        memchr::memmem::find(window, b"\r\n\r\n").map(|i| i + 4).or_else(|| memchr::memmem::find(window, b"\n\n").map(|i| i + 2))
    else {
        return Vec::new();
    };
    if end >= b.len() {
        return Vec::new();
    }
    let mut hint = hint(&b[..end]);
    if header(&b[..end], "transfer-encoding").is_some_and(|v| v.to_ascii_lowercase().contains("chunked")) {
        hint.encodings.push("chunked".to_owned());
    }
    vec![Candidate { hint, ..Candidate::new(end..b.len(), Coding::Slice, "http") }]
}

fn is_message(b: &[u8]) -> bool {
    let Some(line) = b[..b.len().min(64 << 10)].split(|c| *c == b'\n').next() else { return false };
    if line.starts_with(b"HTTP/1.") {
        return true;
    }
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let method = line.iter().take_while(|c| c.is_ascii_uppercase()).count();
    (3..=10).contains(&method) && line.get(method) == Some(&b' ') && line.len() > 9 && line[..line.len() - 1].ends_with(b" HTTP/1.")
}

/// Value of the first header of that name; `name` in lower case.
pub(super) fn header(head: &[u8], name: &str) -> Option<String> {
    head.split(|c| *c == b'\n').find_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let (n, v) = line.split_at(colon);
        n.trim_ascii().eq_ignore_ascii_case(name.as_bytes()).then(|| String::from_utf8_lossy(v[1..].trim_ascii()).into_owned())
    })
}

/// What a head says of its body: for HTTP and for the parts of a multipart body.
pub(super) fn hint(head: &[u8]) -> Hint {
    let mut hint = Hint::default();
    for name in ["content-encoding", "content-transfer-encoding"] {
        let value = header(head, name).unwrap_or_default();
        hint.encodings.extend(value.split(',').map(|s| s.trim().to_ascii_lowercase()).filter(|s| !s.is_empty()));
    }
    hint.encodings.truncate(4);
    let content_type = header(head, "content-type").unwrap_or_default();
    if content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        hint.boundary = boundary(&content_type);
    }
    hint
}

fn boundary(content_type: &str) -> Option<Vec<u8>> {
    let at = content_type.to_ascii_lowercase().find("boundary=")? + 9;
    let rest = content_type.get(at..)?;
    let value = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split([';', ' ', ',']).next()?,
    };
    (!value.is_empty() && value.len() <= 200).then(|| value.as_bytes().to_vec())
}

/// How a named coding is undone. Where the bytes are plainly not in it (a recorder may have undone it already) they are taken as
/// they are.
pub(super) fn coding(b: &[u8], name: &str) -> (Coding, Option<&'static str>) {
    match name {
        "gzip" | "x-gzip" if b.starts_with(b"\x1f\x8b") => (Coding::Gzip, Some("gzip")),
        "deflate" if look::is_zlib(b) => (Coding::Zlib, Some("deflate")),
        "deflate" if !look::is_text(&b[..b.len().min(256)]) => (Coding::Deflate, Some("deflate")),
        "chunked" if unchunk(b).is_some() => (Coding::Chunked, Some("chunked")),
        "quoted-printable" => (Coding::QuotedPrintable, Some("quoted-printable")),
        "br" if !look::is_text(b) => (Coding::Unknown("unsupported: brotli"), None),
        "zstd" if b.starts_with(b"\x28\xb5\x2f\xfd") => (Coding::Unknown("unsupported: zstd"), None),
        "compress" | "x-compress" => (Coding::Unknown("unsupported: compress"), None),
        _ => (Coding::Slice, None),
    }
}

/// What HTTP/1.1 chunks hold.
pub(super) struct Chunks {
    /// Their content.
    pub(super) content: Vec<u8>,
    /// What their lines say beside the sizes.
    pub(super) beside: Vec<u8>,
    /// Bytes up to the end of the last of them: what follows is something else, whatever a head says.
    pub(super) used: usize,
}

/// Undoes HTTP/1.1 chunks; a last chunk that is missing or cut is forgiven.
pub(super) fn unchunk(b: &[u8]) -> Option<Chunks> {
    let mut out = Chunks { content: Vec::new(), beside: Vec::new(), used: 0 };
    let mut chunks = 0;
    while let Some(end) = memchr::memchr(b'\n', &b[out.used..b.len().min(out.used + 4096)]) {
        let line = std::str::from_utf8(&b[out.used..out.used + end]).ok()?;
        let (size, beside) = line.split_once(';').unwrap_or((line, ""));
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        out.beside.extend_from_slice(beside.trim_end().as_bytes());
        out.used += end + 1;
        chunks += 1;
        if size == 0 || out.used == b.len() {
            return Some(out);
        }
        let take = size.min(b.len() - out.used);
        out.content.extend_from_slice(&b[out.used..out.used + take]);
        out.used += take;
        let rest = &b[out.used..];
        out.used += [&b"\r\n"[..], b"\n"].iter().find(|e| rest.starts_with(e)).map_or(0, |e| e.len());
    }
    (chunks > 0 && out.used == b.len()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_how_its_body_is_read() {
        let m = b"POST /up?x=1 HTTP/1.1\r\nContent-Encoding: GZIP\r\ncontent-type: multipart/form-data; boundary=\"a b\"\r\n\r\nbody";
        let found = find(m);
        assert_eq!(&m[found[0].at.clone()], b"body");
        assert_eq!(found[0].hint, Hint { encodings: vec!["gzip".into()], boundary: Some(b"a b".to_vec()) });
        assert!(find(b"POSTER for HTTP/1.1 fans\r\n\r\nbody").is_empty());
    }

    #[test]
    fn chunks_are_joined_and_a_lost_end_is_forgiven() {
        let content = |b: &[u8]| unchunk(b).map(|c| (c.content, c.beside, c.used));
        let whole = b"4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n";
        assert_eq!(content(whole), Some((b"Wikipedia".to_vec(), b"x=y".to_vec(), whole.len() - 2)));
        assert_eq!(content(b"4\r\nWiki\r\n50\r\nped"), Some((b"Wikiped".to_vec(), Vec::new(), 16)));
        assert!(unchunk(b"not chunks\r\n").is_none());
        assert!(unchunk(b"ffffffffffffffffff\r\n").is_none());
    }

    #[test]
    fn what_follows_the_last_chunk_is_not_of_the_chunks() {
        let c = unchunk(b"1\r\nx\r\n0\r\n\r\nand more of it").unwrap();
        assert_eq!((c.content, c.used), (b"x".to_vec(), 9));
    }
}
