//! Heads of requests and answers: what they say, and how their bodies are framed. Source: RFC 9110, RFC 9112.
//!
//! Reading is tolerant where evidence would be lost otherwise (invalid header lines are skipped; the kept request has them
//! all the same), and strict where two readers could disagree on where a body ends.

use super::body::Framing;

/// A longer head is refused.
pub const HEAD_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 256;

/// What came out of the bytes so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parsed<T> {
    /// More bytes are needed.
    Partial,
    /// A head, and how many bytes it took.
    Head(T, usize),
    /// It is no HTTP/1, for a reason.
    Malformed(String),
}

/// A request's head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// As sent.
    pub method: String,
    /// Path and query; of an absolute target only these.
    pub path: String,
    /// `Host`, or the target's, lower case and without port.
    pub host: Option<String>,
    /// Of HTTP/1.
    pub minor: u8,
    /// In order, names as sent. Values that are no UTF-8 have their bad bytes replaced.
    pub headers: Vec<(String, String)>,
    /// How the body ends.
    pub framing: Framing,
    /// The app would send more on this connection.
    pub keep_alive: bool,
    /// The body comes after a `100 Continue`.
    pub expects: bool,
}

/// An answer's head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// 100..=999.
    pub status: u16,
    /// In order.
    pub headers: Vec<(String, String)>,
    /// How the body ends.
    pub framing: Framing,
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    headers.iter().map(|h| (h.name.to_owned(), String::from_utf8_lossy(h.value).into_owned())).collect()
}

/// Values of a header, in order.
pub fn values<'a>(headers: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}

fn has_token(headers: &[(String, String)], name: &str, token: &str) -> bool {
    values(headers, name).flat_map(|v| v.split(',')).any(|t| t.trim().eq_ignore_ascii_case(token))
}

/// `Transfer-Encoding` and `Content-Length`; none: neither is there.
fn framing(headers: &[(String, String)]) -> Result<Option<Framing>, String> {
    let mut codings = values(headers, "transfer-encoding").flat_map(|v| v.split(',')).map(str::trim).filter(|c| !c.is_empty()).peekable();
    if codings.peek().is_some() {
        return match codings.last() {
            Some(c) if c.eq_ignore_ascii_case("chunked") => Ok(Some(Framing::Chunked)),
            c => Err(format!("transfer encoding `{}`", c.unwrap_or_default())),
        };
    }
    let mut lengths = values(headers, "content-length").flat_map(|v| v.split(',')).map(str::trim);
    let Some(first) = lengths.next() else { return Ok(None) };
    let digits = !first.is_empty() && first.bytes().all(|b| b.is_ascii_digit());
    match first.parse() {
        Ok(n) if digits && lengths.all(|l| l == first) => Ok(Some(Framing::Length(n))),
        _ => Err(format!("content length `{first}`")),
    }
}

/// Reads a request's head.
pub fn parse_request(bytes: &[u8]) -> Parsed<Request> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let mut config = httparse::ParserConfig::default();
    config.ignore_invalid_headers_in_requests(true);
    config.allow_multiple_spaces_in_request_line_delimiters(true);
    let length = match config.parse_request(&mut request, bytes) {
        Ok(httparse::Status::Complete(n)) => n,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_MAX => return Parsed::Partial,
        Ok(httparse::Status::Partial) => return Parsed::Malformed(format!("a head of more than {HEAD_MAX} bytes")),
        Err(e) => return Parsed::Malformed(e.to_string()),
    };
    let headers = owned(request.headers);
    let framing = match framing(&headers) {
        Ok(f) => f.unwrap_or(Framing::Length(0)),
        Err(e) => return Parsed::Malformed(e),
    };
    let minor = request.version.unwrap_or(1);
    let target = request.path.unwrap_or("/");
    let (authority, path) = split(target);
    let host = authority
        .or_else(|| values(&headers, "host").next())
        .map(|h| without_port(h.trim()).to_ascii_lowercase())
        .filter(|h| !h.is_empty());
    let keep_alive = if minor == 0 { has_token(&headers, "connection", "keep-alive") } else { !has_token(&headers, "connection", "close") };
    Parsed::Head(
        Request {
            method: request.method.unwrap_or_default().to_owned(),
            path: path.to_owned(),
            host,
            minor,
            framing,
            keep_alive,
            expects: minor > 0 && has_token(&headers, "expect", "100-continue"),
            headers,
        },
        length,
    )
}

/// An absolute target as authority and path.
fn split(target: &str) -> (Option<&str>, &str) {
    let lower = target.get(..8).unwrap_or(target).to_ascii_lowercase();
    let Some(skip) = ["http://", "https://"].iter().find(|s| lower.starts_with(**s)).map(|s| s.len()) else { return (None, target) };
    let rest = &target[skip..];
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let authority = rest[..end].rsplit('@').next();
    (authority, if end == rest.len() { "/" } else { &rest[end..] })
}

/// `example.com:80` and `[2001:db8::1]:80` without the port.
pub fn without_port(authority: &str) -> &str {
    if let Some((inside, _)) = authority.strip_prefix('[').and_then(|a| a.split_once(']')) {
        return inside;
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.contains(':') => host,
        _ => authority,
    }
}

/// Reads an answer's head. `method` is that of its request, which decides whether there is a body.
pub fn parse_response(bytes: &[u8], method: &str) -> Parsed<Response> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let mut config = httparse::ParserConfig::default();
    config.ignore_invalid_headers_in_responses(true);
    config.allow_spaces_after_header_name_in_responses(true);
    let length = match config.parse_response(&mut response, bytes) {
        Ok(httparse::Status::Complete(n)) => n,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_MAX => return Parsed::Partial,
        Ok(httparse::Status::Partial) => return Parsed::Malformed(format!("a head of more than {HEAD_MAX} bytes")),
        Err(e) => return Parsed::Malformed(e.to_string()),
    };
    let status = response.code.unwrap_or_default();
    let headers = owned(response.headers);
    let framing = if without_body(method, status) {
        Framing::Length(0)
    } else {
        match framing(&headers) {
            Ok(f) => f.unwrap_or(Framing::UntilClose),
            Err(e) => return Parsed::Malformed(e),
        }
    };
    Parsed::Head(Response { status, headers, framing }, length)
}

/// Whether an answer has no body, whatever its headers say.
pub fn without_body(method: &str, status: u16) -> bool {
    method.eq_ignore_ascii_case("HEAD") || status < 200 || status == 204 || status == 304
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(text: &str) -> Request {
        match parse_request(text.as_bytes()) {
            Parsed::Head(r, n) => {
                assert_eq!(n, text.len());
                r
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn a_request_keeps_the_case_and_order_of_its_headers() {
        let r = request("POST /up?a=1 HTTP/1.1\r\nHost: API.Example:8443\r\nX-b: 1\r\nx-A: 2\r\nX-b: 3\r\nContent-Length: 5\r\n\r\n");
        assert_eq!((r.method.as_str(), r.path.as_str(), r.host.as_deref()), ("POST", "/up?a=1", Some("api.example")));
        let names: Vec<_> = r.headers.iter().map(|h| h.0.as_str()).collect();
        assert_eq!(names, ["Host", "X-b", "x-A", "X-b", "Content-Length"]);
        assert_eq!(r.framing, Framing::Length(5));
        assert!(r.keep_alive && !r.expects);
    }

    #[test]
    fn connections_are_kept_as_the_version_says() {
        for (head, kept) in [
            ("GET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ] {
            assert_eq!(request(head).keep_alive, kept, "{head}");
        }
    }

    #[test]
    fn an_absolute_target_gives_host_and_path() {
        let r = request("GET http://user@a.example:80?q HTTP/1.1\r\nHost: b.example\r\n\r\n");
        assert_eq!((r.host.as_deref(), r.path.as_str()), (Some("a.example"), "?q"));
        assert_eq!(request("GET http://[2001:db8::1]:80/x HTTP/1.1\r\n\r\n").host.as_deref(), Some("2001:db8::1"));
    }

    #[test]
    fn a_body_with_two_ends_is_malformed() {
        for headers in
            ["Content-Length: 5\r\nContent-Length: 6", "Content-Length: +5", "Content-Length: 5, 6", "Transfer-Encoding: chunked, gzip"]
        {
            let bytes = format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n");
            assert!(matches!(parse_request(bytes.as_bytes()), Parsed::Malformed(_)), "{headers}");
        }
        assert_eq!(request("POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: Chunked\r\n\r\n").framing, Framing::Chunked);
    }

    #[test]
    fn an_endless_head_is_refused() {
        let bytes = format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(HEAD_MAX));
        assert!(matches!(parse_request(bytes.as_bytes()), Parsed::Malformed(_)));
    }

    #[test]
    fn an_answer_without_length_ends_with_its_connection() {
        let Parsed::Head(r, _) = parse_response(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "GET") else { panic!() };
        assert_eq!(r.framing, Framing::UntilClose);
        let Parsed::Head(r, _) = parse_response(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "HEAD") else { panic!() };
        assert_eq!(r.framing, Framing::Length(0));
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200), text in "[A-Z]{1,6} [ -~]{0,40} HTTP/1\\.[01]\r\n([A-Za-z-]{1,12}: [ -~]{0,20}\r\n){0,4}\r\n") {
            let _ = parse_request(&noise);
            let _ = parse_response(&noise, "GET");
            let _ = parse_request(text.as_bytes());
        }
    }
}
