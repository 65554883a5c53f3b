//! Flows as HAR 1.2, for browsers and the tools that read it.
//!
//! A flow that is not HTTP is an entry too (method `CONNECT`-like names do not fit, so it has an empty one), since a reader
//! should see everything that left. What HAR has no field for begins with `_`. Text comes from the app: whoever shows it
//! escapes it. Source: <http://www.softwareishard.com/blog/har-12-spec/>.

use base64::Engine;
use serde_json::{Value, json};
use stakeout_contract::{Sha256Digest, flow::Flow};

use crate::http::head::values;

/// What a HAR is written for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Version of the program that writes it.
    pub version: String,
    /// A comment on the whole, empty for none.
    pub comment: String,
    /// Larger bodies are named by digest and size, and left out.
    pub body_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), comment: String::new(), body_max: 256 << 10 }
    }
}

/// The document. `bodies` gives what was kept under a digest: a request is its head and body, an answer its body alone.
pub fn write(flows: &[Flow], bodies: impl Fn(&Sha256Digest) -> Option<Vec<u8>>, options: &Options) -> Value {
    let entries: Vec<Value> = flows.iter().map(|f| entry(f, &bodies, options)).collect();
    json!({"log": {
        "version": "1.2",
        "creator": {"name": "stakeout", "version": options.version},
        "pages": [],
        "entries": entries,
        "comment": options.comment,
    }})
}

fn entry(flow: &Flow, bodies: &impl Fn(&Sha256Digest) -> Option<Vec<u8>>, options: &Options) -> Value {
    let millis = flow.real_end.saturating_sub(flow.real) as f64 / 1e6;
    let port = match (flow.scheme.as_str(), flow.port) {
        ("http", 80) | ("https", 443) => String::new(),
        (_, p) => format!(":{p}"),
    };
    let host = if flow.host.contains(':') { format!("[{}]", flow.host) } else { flow.host.clone() };
    let path = if flow.path.starts_with('/') || flow.path.is_empty() { flow.path.clone() } else { format!("/{}", flow.path) };
    let mut request = json!({
        "method": flow.method,
        "url": format!("{}://{host}{port}{path}", flow.scheme),
        "httpVersion": if flow.method.is_empty() { "" } else { "HTTP/1.1" },
        "cookies": [],
        "headers": pairs(&flow.request_headers),
        "queryString": pairs(&query(&flow.path)),
        "headersSize": -1,
        "bodySize": flow.sent,
    });
    if flow.sent > 0 {
        request["postData"] = post_data(flow, bodies, options);
    }
    json!({
        "startedDateTime": flow.wall,
        "time": millis,
        "request": request,
        "response": {
            "status": flow.status,
            "statusText": "",
            "httpVersion": if flow.status == 0 { "" } else { "HTTP/1.1" },
            "cookies": [],
            "headers": pairs(&flow.response_headers),
            "content": content(flow, bodies, options),
            "redirectURL": values(&flow.response_headers, "location").next().unwrap_or_default(),
            "headersSize": -1,
            "bodySize": flow.received,
        },
        "cache": {},
        "timings": {"send": 0, "wait": millis, "receive": 0},
        "serverIPAddress": flow.address,
        "connection": flow.port.to_string(),
        "_flow": flow.id,
        "_at": flow.at,
        "_real": flow.real,
        "_realEnd": flow.real_end,
        "_policy": flow.policy,
        "_stub": flow.stub,
        "_request": flow.request,
        "_response": flow.response,
        "_truncated": flow.truncated,
        "_error": flow.error,
    })
}

fn pairs(headers: &[(String, String)]) -> Value {
    headers.iter().map(|(k, v)| json!({"name": k, "value": v})).collect()
}

/// Names and values as they stand in the path, not decoded: two writings of one value are two values to a witness.
fn query(path: &str) -> Vec<(String, String)> {
    let Some((_, query)) = path.split_once('?') else { return Vec::new() };
    query.split('&').map(|p| p.split_once('=').unwrap_or((p, ""))).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// Text as text, anything else in base64, with the encoding's name.
fn text(body: &[u8]) -> (String, Option<&'static str>) {
    match std::str::from_utf8(body) {
        Ok(t) if !t.bytes().any(|b| b < 9) => (t.to_owned(), None),
        _ => (base64::engine::general_purpose::STANDARD.encode(body), Some("base64")),
    }
}

fn post_data(flow: &Flow, bodies: &impl Fn(&Sha256Digest) -> Option<Vec<u8>>, options: &Options) -> Value {
    let mut data = json!({"mimeType": values(&flow.request_headers, "content-type").next().unwrap_or_default(), "text": ""});
    match kept(flow.request, bodies, options) {
        Ok(kept) => {
            let body = if flow.method.is_empty() { &kept[..] } else { behind_head(&kept) };
            let (text, encoding) = text(body);
            data["text"] = text.into();
            if let Some(e) = encoding {
                // HAR has an encoding for answers only.
                data["_encoding"] = e.into();
            }
        }
        Err(why) => data["comment"] = why.into(),
    }
    data
}

fn content(flow: &Flow, bodies: &impl Fn(&Sha256Digest) -> Option<Vec<u8>>, options: &Options) -> Value {
    let mut content = json!({"size": flow.received, "mimeType": values(&flow.response_headers, "content-type").next().unwrap_or_default()});
    if flow.received > 0 {
        match kept(flow.response, bodies, options) {
            Ok(body) => {
                let (text, encoding) = text(&body);
                content["text"] = text.into();
                if let Some(e) = encoding {
                    content["encoding"] = e.into();
                }
            }
            Err(why) => content["comment"] = why.into(),
        }
    }
    content
}

fn kept(
    digest: Option<Sha256Digest>,
    bodies: &impl Fn(&Sha256Digest) -> Option<Vec<u8>>,
    options: &Options,
) -> Result<Vec<u8>, &'static str> {
    match digest.map(|d| bodies(&d)) {
        Some(Some(b)) if b.len() <= options.body_max => Ok(b),
        Some(Some(_)) => Err("too large for this file: see the artifact of this digest"),
        Some(None) => Err("kept elsewhere, or withheld"),
        None => Err("not kept"),
    }
}

fn behind_head(request: &[u8]) -> &[u8] {
    let crlf = request.windows(4).position(|w| w == b"\r\n\r\n").map(|i| i + 4);
    let lf = || request.windows(2).position(|w| w == b"\n\n").map(|i| i + 2);
    crlf.or_else(lf).map_or(&[], |i| &request[i..])
}

#[cfg(test)]
mod tests;
