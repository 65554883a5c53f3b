//! An exchange with the real server behind it.

use bytes::Bytes;

use super::{
    answer::{self, Reply},
    body::{Decoder, Framing},
    give,
    head::{self, Parsed, Request, Response},
    next,
    record::{Exchange, Peer},
    sent, trailers,
    upstream::Secure,
};
use crate::{
    connection::stream::{Duplex, Stream},
    trial::Trial,
};

/// Headers of one connection, which the next one must not see (RFC 9110 §7.6.1), and those of framing, which are written anew.
const HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "content-length",
    "expect",
    "trailer",
];

fn end_to_end(headers: &[(String, String)]) -> Vec<(String, String)> {
    headers.iter().filter(|(k, _)| !HOP.contains(&k.to_ascii_lowercase().as_str())).cloned().collect()
}

fn framed(headers: &mut Vec<(String, String)>, framing: Framing) {
    match framing {
        Framing::Length(n) => headers.push(("Content-Length".to_owned(), n.to_string())),
        Framing::Chunked => headers.push(("Transfer-Encoding".to_owned(), "chunked".to_owned())),
        Framing::UntilClose => {}
    }
}

fn request_head(request: &Request) -> Vec<u8> {
    let mut headers = end_to_end(&request.headers);
    if request.framing != Framing::Length(0) || head::values(&request.headers, "content-length").next().is_some() {
        framed(&mut headers, request.framing);
    }
    headers.push(("Connection".to_owned(), "close".to_owned()));
    let mut out = format!("{} {} HTTP/1.1\r\n", request.method, request.path).into_bytes();
    for (k, v) in &headers {
        out.extend([k.as_bytes(), b": ", v.as_bytes(), b"\r\n"].concat());
    }
    out.extend(b"\r\n");
    out
}

fn chunk(data: &[u8], framing: Framing) -> Vec<u8> {
    match framing {
        Framing::Chunked => [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat(),
        Framing::Length(_) | Framing::UntilClose => data.to_vec(),
    }
}

/// Sends the request on, and the answer back; both are kept on their way. Whether the connection goes on.
pub(super) async fn relay<S: Duplex>(
    trial: &Trial,
    peer: &Peer,
    app: &mut Stream<S>,
    exchange: &mut Exchange<'_>,
    request: Request,
    host: &str,
) -> Result<bool, String> {
    let limits = &trial.limits;
    exchange.live();
    let secure = if peer.scheme == "https" { Secure::Http } else { Secure::No };
    let server = match trial.upstream.connect(host, peer.port, secure, limits.upstream).await {
        Ok(s) => s,
        Err(e) => {
            let why = format!("the server `{host}` cannot be reached: {e}");
            let mut reply = Reply::error(502, &format!("{why}\n"));
            give(app, exchange, &mut reply, &request.method, false, trial).await?;
            return Err(why);
        }
    };
    let mut server = Stream::new(server, trial.ended.clone());
    let to_server = |e| format!("to the server: {e}");
    server.send(&request_head(&request), limits.upstream).await.map_err(to_server)?;
    if request.expects {
        app.send(b"HTTP/1.1 100 Continue\r\n\r\n", limits.idle).await.map_err(|e| e.to_string())?;
    }
    let mut decoder = Decoder::new(request.framing);
    while let Some(data) = sent(&mut decoder, app, exchange, trial).await? {
        exchange.sent(&data).await;
        server.send(&chunk(&data, request.framing), limits.upstream).await.map_err(to_server)?;
    }
    trailers(&decoder, exchange, trial).await;
    if request.framing == Framing::Chunked {
        server.send(b"0\r\n\r\n", limits.upstream).await.map_err(to_server)?;
    }
    let response = response_head(&mut server, &request.method, trial).await?;
    exchange.flow.status = response.status;
    exchange.flow.response_headers.clone_from(&response.headers);
    give_back(trial, app, &mut server, exchange, &request, &response).await
}

async fn response_head<S: Duplex>(server: &mut Stream<S>, method: &str, trial: &Trial) -> Result<Response, String> {
    loop {
        match head::parse_response(&server.buffer, method) {
            Parsed::Head(r, n) => {
                let _ = server.buffer.split_to(n);
                // Interim answers say nothing of the exchange; 101 would, but no app is promised an upgrade.
                if r.status >= 200 {
                    return Ok(r);
                }
            }
            Parsed::Malformed(e) => return Err(format!("the server's answer: {e}")),
            Parsed::Partial => server.fill(trial.limits.upstream).await.map_err(|e| format!("from the server: {e}"))?,
        }
    }
}

async fn give_back<A: Duplex, S: Duplex>(
    trial: &Trial,
    app: &mut Stream<A>,
    server: &mut Stream<S>,
    exchange: &mut Exchange<'_>,
    request: &Request,
    response: &Response,
) -> Result<bool, String> {
    let idle = trial.limits.idle;
    let to_app = |e| format!("within the answer: {e}");
    let framing = match response.framing {
        Framing::Length(n) => Framing::Length(n),
        _ if request.minor > 0 => Framing::Chunked,
        _ => Framing::UntilClose,
    };
    let keep_alive = request.keep_alive && framing != Framing::UntilClose;
    let mut headers = end_to_end(&response.headers);
    if head::without_body(&request.method, response.status) {
        // The length that a body would have is part of an answer to HEAD.
        headers.extend(response.headers.iter().filter(|(k, _)| k.eq_ignore_ascii_case("content-length")).cloned());
    } else {
        framed(&mut headers, framing);
    }
    app.send(&answer::head(response.status, &headers, keep_alive), idle).await.map_err(to_app)?;
    let mut decoder = Decoder::new(response.framing);
    while let Some(data) = next(&mut decoder, server, trial).await.map_err(|e| format!("from the server: {e}"))? {
        exchange.received(&Bytes::clone(&data)).await;
        app.send(&chunk(&data, framing), idle).await.map_err(to_app)?;
    }
    if framing == Framing::Chunked && !head::without_body(&request.method, response.status) {
        app.send(b"0\r\n\r\n", idle).await.map_err(to_app)?;
    }
    Ok(keep_alive)
}
