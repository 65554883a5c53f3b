//! Which protocol a connection speaks, from its first bytes.

use crate::{
    http::head::HEAD_MAX,
    tls::hello::{self, Hello},
};

/// What the first bytes say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sniffed {
    /// More bytes are needed.
    More,
    /// TLS, with the name that the hello gives.
    Tls(Option<String>),
    /// It may be HTTP/1; the reader will see.
    Http,
    /// Something else, by name.
    Other(&'static str),
}

/// Longest method that is believed.
const METHOD_MAX: usize = 32;

/// Looks at the first bytes of a connection.
pub fn sniff(bytes: &[u8]) -> Sniffed {
    match bytes.first() {
        None => return Sniffed::More,
        Some(22) => {
            return match hello::parse(bytes) {
                Hello::Partial => Sniffed::More,
                Hello::Client { name } => Sniffed::Tls(name),
                Hello::Other => Sniffed::Other("tls that is not understood"),
            };
        }
        Some(_) => {}
    }
    if bytes.starts_with(b"SSH-") {
        return Sniffed::Other("ssh");
    }
    if bytes.starts_with(b"PRI * HTTP/2") {
        return Sniffed::Other("http/2");
    }
    // Empty lines before a request are allowed (RFC 9112 §2.2).
    let whole = bytes.len();
    let bytes = bytes.trim_ascii_start();
    if whole - bytes.len() > HEAD_MAX {
        return Sniffed::Other("tcp");
    }
    let method = bytes.iter().take_while(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_')).count();
    match bytes.get(method) {
        None if method <= METHOD_MAX => Sniffed::More,
        Some(b' ') if (1..=METHOD_MAX).contains(&method) && !b"PRI * HTTP/2".starts_with(bytes) => Sniffed::Http,
        Some(b' ') if b"PRI * HTTP/2".starts_with(bytes) => Sniffed::More,
        _ => Sniffed::Other("tcp"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_told_by_their_first_bytes() {
        for (bytes, expected) in [
            (&b""[..], Sniffed::More),
            (b"GE", Sniffed::More),
            (b"GET /", Sniffed::Http),
            (b"\r\nM-SEARCH * HTTP/1.1", Sniffed::Http),
            (b"PRI * H", Sniffed::More),
            (b"PRI * HTTP/2.0\r\n", Sniffed::Other("http/2")),
            (b"SSH-2.0-x", Sniffed::Other("ssh")),
            (b"\x00\x01", Sniffed::Other("tcp")),
            (b"{\"a\":1}", Sniffed::Other("tcp")),
            (b"abcdefghijklmnopqrstuvwxyzabcdefghijkl", Sniffed::Other("tcp")),
            (b"\x16\x03\x01", Sniffed::More),
            (b"\x16\x99", Sniffed::Other("tls that is not understood")),
        ] {
            assert_eq!(sniff(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn empty_lines_without_end_are_no_http() {
        let lines = |n: usize| b"\r\n ".repeat(n);
        assert_eq!(sniff(&lines(1000)), Sniffed::More);
        assert_eq!(sniff(&lines(HEAD_MAX)), Sniffed::Other("tcp"));
        assert_eq!(sniff(&[&lines(HEAD_MAX)[..], b"GET / HTTP/1.1"].concat()), Sniffed::Other("tcp"));
    }
}
