//! The name in a ClientHello, read without answering it. Source: RFC 8446 §4.1.2, RFC 6066 §3.

/// What the first bytes of a TLS connection say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hello {
    /// More bytes are needed.
    Partial,
    /// It is no ClientHello.
    Other,
    /// It is one, with or without a name.
    Client {
        /// The server's name, lower case.
        name: Option<String>,
    },
}

/// Handshake messages are read over at most so many bytes of records.
const MAX: usize = 64 << 10;

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn number(&mut self, bytes: usize) -> Option<usize> {
        Some(self.take(bytes)?.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
    }

    fn vector(&mut self, length_bytes: usize) -> Option<Reader<'a>> {
        let n = self.number(length_bytes)?;
        self.take(n).map(Reader)
    }
}

/// Reads the begin of a connection.
pub fn parse(bytes: &[u8]) -> Hello {
    let mut handshake = Vec::new();
    let mut records = Reader(bytes);
    loop {
        match records.0 {
            [] | [22] | [22, 3] => break,
            [22, 3, ..] => {}
            _ => return Hello::Other,
        }
        let whole = records.take(3).and_then(|_| records.vector(2));
        let Some(record) = whole else { break };
        handshake.extend(record.0);
        if handshake.first().is_some_and(|kind| *kind != 1) {
            return Hello::Other;
        }
        if let Some(body) = Reader(handshake.get(1..).unwrap_or_default()).vector(3) {
            return client(body);
        }
        if handshake.len() > MAX {
            return Hello::Other;
        }
    }
    if bytes.len() > MAX { Hello::Other } else { Hello::Partial }
}

fn client(mut body: Reader<'_>) -> Hello {
    let extensions = (|| {
        body.take(2 + 32)?;
        body.vector(1)?;
        body.vector(2)?;
        body.vector(1)?;
        Some(body.vector(2).unwrap_or(Reader(&[])))
    })();
    let Some(mut extensions) = extensions else { return Hello::Other };
    while let (Some(kind), Some(data)) = (extensions.number(2), extensions.vector(2)) {
        if kind == 0 {
            return Hello::Client { name: server_name(data) };
        }
    }
    Hello::Client { name: None }
}

fn server_name(mut data: Reader<'_>) -> Option<String> {
    let mut list = data.vector(2)?;
    while let (Some(kind), Some(name)) = (list.number(1), list.vector(2)) {
        if kind == 0 {
            return std::str::from_utf8(name.0).ok().map(str::to_ascii_lowercase);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn hello(name: &str) -> Vec<u8> {
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let mut c = rustls::ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap();
        let mut bytes = Vec::new();
        c.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_real_hello_gives_its_name_and_every_piece_of_it_waits() {
        let bytes = hello("api.example.com");
        assert_eq!(parse(&bytes), Hello::Client { name: Some("api.example.com".into()) });
        for n in 0..bytes.len() {
            assert_eq!(parse(&bytes[..n]), Hello::Partial, "{n} bytes");
        }
        assert_eq!(parse(&hello("192.0.2.1")), Hello::Client { name: None });
    }

    #[test]
    fn a_hello_in_many_records_is_one() {
        let whole = hello("api.example.com");
        let mut split = Vec::new();
        for piece in whole[5..].chunks(40) {
            split.extend([22, 3, 1]);
            split.extend((piece.len() as u16).to_be_bytes());
            split.extend(piece);
        }
        assert_eq!(parse(&split), parse(&whole));
    }

    #[test]
    fn other_protocols_are_told_apart_by_their_first_byte() {
        assert_eq!(parse(b"GET / HTTP/1.1\r\n"), Hello::Other);
        assert_eq!(parse(&[22, 3, 1, 0, 4, 2, 0, 0, 0]), Hello::Other);
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200), at in 0..400_usize) {
            let _ = parse(&noise);
            let mut bytes = hello("api.example.com");
            let at = at % bytes.len();
            for (b, n) in bytes[at..].iter_mut().zip(noise) {
                *b = n;
            }
            let _ = parse(&bytes);
        }
    }
}
