//! What the sinkhole answers: the scenario's stubs, else something that keeps apps going.

use base64::Engine;
use stakeout_contract::scenario::{Body, Stub};

use super::head::{Request, values, without_body};

/// An answer to give.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// Which stub it comes from; none: nobody played this server.
    pub stub: Option<usize>,
    /// Status.
    pub status: u16,
    /// Headers without those of framing.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// The first stub that fits, else the default: `204` where a connectivity check wants it, an empty page for who asks for
/// HTML, and an empty JSON object for all others. The default says success, since many apps stop at an error and would show
/// nothing more; that no server was played is said by `stub: None`.
pub fn choose(stubs: &[Stub], host: &str, request: &Request) -> Reply {
    let fitting = stubs.iter().enumerate().find(|(_, s)| s.fits(&request.method, host, &request.path));
    if let Some((i, stub)) = fitting {
        return from_stub(i, stub);
    }
    let path = request.path.split('?').next().unwrap_or_default();
    let html = values(&request.headers, "accept").next().is_some_and(|a| a.trim_start().starts_with("text/html"));
    let (status, kind, body) = match () {
        () if path.ends_with("generate_204") || path.ends_with("gen_204") => (204, None, ""),
        () if html => (200, Some("text/html; charset=utf-8"), "<!doctype html><title></title>"),
        () => (200, Some("application/json"), "{}"),
    };
    Reply { stub: None, status, headers: kind.map(|k| ("Content-Type".to_owned(), k.to_owned())).into_iter().collect(), body: body.into() }
}

fn from_stub(index: usize, stub: &Stub) -> Reply {
    let framing = ["content-length", "transfer-encoding", "connection", "keep-alive"];
    let mut headers: Vec<(String, String)> = stub
        .headers
        .iter()
        .filter(|(k, _)| !framing.contains(&k.to_ascii_lowercase().as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let (kind, body) = match stub.content() {
        Body::Json(j) => ("application/json", j.to_string().into_bytes()),
        Body::Text(t) => ("text/plain; charset=utf-8", t.as_bytes().to_vec()),
        // The worker checks a scenario before it gives it; what is no base64 all the same is given as text.
        Body::Base64(b) => (
            "application/octet-stream",
            base64::engine::general_purpose::STANDARD.decode(b.trim()).unwrap_or_else(|_| b.as_bytes().to_vec()),
        ),
    };
    if !body.is_empty() && values(&headers, "content-type").next().is_none() {
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    Reply { stub: Some(index), status: stub.status, headers, body }
}

/// Headers that say how a connection goes on are ours.
pub fn head(status: u16, headers: &[(String, String)], keep_alive: bool) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status} {}\r\n", reason(status)).into_bytes();
    for (k, v) in headers {
        out.extend([k.as_bytes(), b": ", v.as_bytes(), b"\r\n"].concat());
    }
    if !keep_alive {
        out.extend(b"Connection: close\r\n");
    }
    out.extend(b"\r\n");
    out
}

impl Reply {
    /// An error of the gateway itself.
    pub fn error(status: u16, sentence: &str) -> Self {
        Self {
            stub: None,
            status,
            headers: vec![("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned())],
            body: sentence.as_bytes().to_vec(),
        }
    }

    /// Adds the length, and leaves the body out where there must be none.
    pub fn finish(&mut self, method: &str) {
        if self.status >= 200 && self.status != 204 {
            self.headers.push(("Content-Length".to_owned(), self.body.len().to_string()));
        }
        if without_body(method, self.status) {
            self.body.clear();
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::{Parsed, parse_request};

    fn request(line: &str) -> Request {
        let Parsed::Head(r, _) = parse_request(format!("{line}\r\n\r\n").as_bytes()) else { panic!("{line}") };
        r
    }

    fn stub(json: serde_json::Value) -> Stub {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_first_stub_that_fits_answers() {
        let stubs = [
            stub(serde_json::json!({"host": "other", "body": "no"})),
            stub(
                serde_json::json!({"host": "*.example", "path": "/c*", "json": {"a": 1}, "headers": {"X-A": "1", "Content-Length": "999"}}),
            ),
            stub(serde_json::json!({"bodyBase64": "AAE=", "status": 404})),
        ];
        let mut r = choose(&stubs, "api.example", &request("GET /config?v=1 HTTP/1.1"));
        assert_eq!((r.stub, r.status, &r.body[..]), (Some(1), 200, &br#"{"a":1}"#[..]));
        r.finish("GET");
        assert_eq!(r.headers.iter().map(|h| h.1.as_str()).collect::<Vec<_>>(), ["1", "application/json", "7"]);
        let r = choose(&stubs, "x", &request("GET / HTTP/1.1"));
        assert_eq!((r.stub, r.status, &r.body[..]), (Some(2), 404, &[0, 1][..]));
    }

    #[test]
    fn without_a_stub_the_answer_is_a_success_that_no_one_played() {
        for (line, status, body) in [
            ("POST /v1/log HTTP/1.1\r\nAccept: */*", 200, "{}"),
            ("GET /generate_204 HTTP/1.1", 204, ""),
            ("GET / HTTP/1.1\r\nAccept: text/html,*/*", 200, "<!doctype html><title></title>"),
        ] {
            let r = choose(&[], "x", &request(line));
            assert_eq!((r.stub, r.status, &r.body[..]), (None, status, body.as_bytes()), "{line}");
        }
    }

    #[test]
    fn an_answer_to_head_has_the_length_and_no_body() {
        let mut r = choose(&[], "x", &request("HEAD / HTTP/1.1"));
        r.finish("HEAD");
        assert!(r.body.is_empty());
        assert!(String::from_utf8(head(r.status, &r.headers, false)).unwrap().ends_with("Content-Length: 2\r\nConnection: close\r\n\r\n"));
    }
}
