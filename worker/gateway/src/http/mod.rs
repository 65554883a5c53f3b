//! HTTP/1.1 with an app: requests one after the other on one connection, each kept as it was sent and answered.
//!
//! Read by an own reader, since hyper hides what is evidence here: the order and case of headers, requests that break the
//! rules, bodies that stop midway.

pub mod answer;
pub mod body;
pub mod head;
mod live;
pub mod record;
pub mod upstream;

use std::time::Duration;

use body::{Decoder, Step};
use head::{Parsed, Request};
use record::{Began, Exchange, Peer};
use tokio::time::Instant;

use crate::{
    connection::stream::{Duplex, End, Stream},
    policy,
    trial::Trial,
};

/// An app that sends nothing for so long waits for an answer.
const PAUSE: Duration = Duration::from_secs(1);

/// How a connection went.
#[derive(Debug)]
pub struct Served<S> {
    /// Exchanges, also unfinished ones.
    pub exchanges: u32,
    /// Its first bytes were no HTTP/1: the connection as it came.
    pub not_http: Option<Stream<S>>,
}

/// Answers requests until the app or the trial ends.
pub async fn serve<S: Duplex>(trial: &Trial, peer: &Peer, mut stream: Stream<S>) -> Served<S> {
    let idle = trial.limits.idle;
    let mut exchanges = 0;
    loop {
        if stream.buffer.is_empty() && stream.fill(idle).await.is_err() {
            break;
        }
        let began = Began::now();
        let parsed = loop {
            match head::parse_request(&stream.buffer) {
                Parsed::Partial => {}
                done => break done,
            }
            if let Err(e) = stream.fill(idle).await {
                break Parsed::Malformed(format!("within the head: {e}"));
            }
        };
        let (request, raw) = match parsed {
            Parsed::Head(r, n) => (r, stream.buffer.split_to(n)),
            Parsed::Partial => break,
            Parsed::Malformed(_) if exchanges == 0 && !stream.buffer.starts_with_http() => {
                return Served { exchanges, not_http: Some(stream) };
            }
            Parsed::Malformed(why) => {
                let rest = stream.buffer.split();
                let mut exchange = Exchange::begin(trial, peer, began);
                exchange.head(&rest).await;
                // Many stop sending at an answer like this, so what is on its way is taken first.
                let more = rest_of(&mut stream, &mut exchange, trial, PAUSE).await;
                let mut reply = answer::Reply::error(400, "bad request\n");
                exchange.flow.status = reply.status;
                let _ = give(&mut stream, &mut exchange, &mut reply, "", false, trial).await;
                if more {
                    stream.close().await;
                    rest_of(&mut stream, &mut exchange, trial, trial.limits.opaque_idle).await;
                }
                exchange.finish(&why).await;
                exchanges += 1;
                break;
            }
        };
        exchanges += 1;
        let mut exchange = Exchange::begin(trial, peer, began);
        exchange.head(&raw).await;
        let go_on = one(trial, peer, &mut stream, &mut exchange, request).await;
        let (go_on, error) = match go_on {
            Ok(go_on) => (go_on, String::new()),
            Err(e) => {
                if rest_of(&mut stream, &mut exchange, trial, PAUSE).await {
                    stream.close().await;
                    rest_of(&mut stream, &mut exchange, trial, trial.limits.opaque_idle).await;
                }
                (false, e)
            }
        };
        exchange.finish(&error).await;
        if !go_on {
            break;
        }
    }
    stream.close().await;
    Served { exchanges, not_http: None }
}

/// Keeps what the app sends on after an error, as it comes: where its parts begin is not known any more. Ends after `pause`
/// without a byte, or when it takes too long, which cuts the request. Whether more may come.
async fn rest_of<S: Duplex>(stream: &mut Stream<S>, exchange: &mut Exchange<'_>, trial: &Trial, pause: Duration) -> bool {
    let end = Instant::now() + trial.limits.rest;
    loop {
        let piece = stream.buffer.split();
        exchange.sent(&piece).await;
        match stream.fill(pause).await {
            Ok(()) if Instant::now() < end => {}
            Ok(()) => {
                exchange.cut();
                return false;
            }
            Err(e) => return matches!(e, End::Idle(_)),
        }
    }
}

trait LooksLikeHttp {
    fn starts_with_http(&self) -> bool;
}

impl LooksLikeHttp for bytes::BytesMut {
    /// A first line that ends in a version of HTTP/1 is meant as a request, however broken the rest is.
    fn starts_with_http(&self) -> bool {
        let line = self.trim_ascii_start().split(|b| *b == b'\n').next().unwrap_or_default();
        line.trim_ascii_end().windows(7).any(|w| w == b"HTTP/1.")
    }
}

/// Whether a request names whom the connection was made to.
fn same(said: &str, peer: &Peer) -> bool {
    said.trim_end_matches('.').eq_ignore_ascii_case(peer.host().trim_end_matches('.'))
}

/// One exchange. Whether the connection goes on; or why it did not end well.
async fn one<S: Duplex>(
    trial: &Trial,
    peer: &Peer,
    stream: &mut Stream<S>,
    exchange: &mut Exchange<'_>,
    request: Request,
) -> Result<bool, String> {
    let network = &trial.configuration.network;
    let flow = &mut exchange.flow;
    request.method.clone_into(&mut flow.method);
    request.path.clone_into(&mut flow.path);
    flow.request_headers.clone_from(&request.headers);
    // What the app asked DNS or the handshake for is where it went. `Host` is only what it says, and stays in the headers.
    let said = request.host.as_deref();
    let host = peer.name.clone().or_else(|| request.host.clone()).unwrap_or_else(|| peer.address.to_string());
    host.clone_into(&mut flow.host);
    let id = flow.id;
    if let Some(said) = said.filter(|s| !same(s, peer)) {
        let known = peer.name.as_deref().map_or_else(|| format!("the address {}", peer.address), |n| format!("`{n}`"));
        trial.note(format!("flow {id}: the request names `{said}`, the connection went to {known}")).await;
    }
    let mut reply = answer::choose(&network.stubs, &host, &request);
    if reply.stub.is_none() && policy::allowed(network, &host) && request.host.as_deref().is_none_or(|h| policy::allowed(network, h)) {
        return live::relay(trial, peer, stream, exchange, request, &host).await;
    }
    if request.expects {
        stream.send(b"HTTP/1.1 100 Continue\r\n\r\n", trial.limits.idle).await.map_err(|e| e.to_string())?;
    }
    let mut decoder = Decoder::new(request.framing);
    while let Some(data) = sent(&mut decoder, stream, exchange, trial).await? {
        exchange.sent(&data).await;
    }
    trailers(&decoder, exchange, trial).await;
    give(stream, exchange, &mut reply, &request.method, request.keep_alive, trial).await?;
    Ok(request.keep_alive)
}

/// The next piece of a request's body; what its framing says beside lengths is kept, however the body ends.
async fn sent<S: Duplex>(
    decoder: &mut Decoder,
    stream: &mut Stream<S>,
    exchange: &mut Exchange<'_>,
    trial: &Trial,
) -> Result<Option<bytes::Bytes>, String> {
    let data = next(decoder, stream, trial).await;
    exchange.aside(&decoder.asides());
    data
}

/// Trailers are told with the headers where they can be read; their bytes are kept in any case.
async fn trailers(decoder: &Decoder, exchange: &mut Exchange<'_>, trial: &Trial) {
    if let Some(found) = decoder.trailers() {
        exchange.flow.request_headers.extend(found);
    } else {
        let id = exchange.flow.id;
        trial.note(format!("flow {id}: its trailers are too many or no headers; they lie behind its body")).await;
    }
}

/// The next piece of a body; none: it is complete.
async fn next<S: Duplex>(decoder: &mut Decoder, stream: &mut Stream<S>, trial: &Trial) -> Result<Option<bytes::Bytes>, String> {
    loop {
        match decoder.step(&mut stream.buffer).map_err(|e| e.to_string())? {
            Step::Data(d) => return Ok(Some(d)),
            Step::End => return Ok(None),
            Step::More => {}
        }
        match stream.fill(trial.limits.idle).await {
            Ok(()) => {}
            Err(End::Closed) if decoder.ends_at_close() => return Ok(None),
            Err(e) => return Err(format!("within the body: {e}")),
        }
    }
}

async fn give<S: Duplex>(
    stream: &mut Stream<S>,
    exchange: &mut Exchange<'_>,
    reply: &mut answer::Reply,
    method: &str,
    keep_alive: bool,
    trial: &Trial,
) -> Result<(), String> {
    reply.finish(method);
    exchange.flow.status = reply.status;
    exchange.flow.stub = reply.stub;
    exchange.flow.response_headers.clone_from(&reply.headers);
    let mut bytes = answer::head(reply.status, &reply.headers, keep_alive);
    bytes.extend(&reply.body);
    exchange.received(&std::mem::take(&mut reply.body).into()).await;
    stream.send(&bytes, trial.limits.idle).await.map_err(|e| format!("within the answer: {e}"))
}
