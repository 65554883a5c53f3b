//! The record of one exchange while it goes on. It knows nothing of framing or of versions of HTTP.

use std::net::IpAddr;

use bytes::Bytes;
use stakeout_contract::{Nanos, flow::Flow, scenario::NetworkPolicy};
use stakeout_protocol::gateway::Event;

use super::head::HEAD_MAX;
use crate::{clock, out::Blob, trial::Trial};

/// Whom the app talks to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// `http`, `https`, `tls`, `tcp`.
    pub scheme: &'static str,
    /// By SNI, else by the name that the address was given for.
    pub name: Option<String>,
    /// Where the app connected to.
    pub address: IpAddr,
    /// And which port.
    pub port: u16,
}

impl Peer {
    /// The name, else the address.
    pub fn host(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.address.to_string())
    }
}

/// When an exchange began: its first byte came. It gets a number only when it is known what it is.
#[derive(Clone, Debug)]
pub struct Began {
    real: u64,
    wall: String,
}

impl Began {
    /// Now.
    pub fn now() -> Self {
        Self { real: clock::real(), wall: clock::wall_text() }
    }
}

/// An exchange that goes on.
pub struct Exchange<'t> {
    trial: &'t Trial,
    /// What is known so far.
    pub flow: Flow,
    request: Blob,
    response: Blob,
    /// What the framing of the request's body said beside lengths.
    asides: Vec<u8>,
}

/// Bytes of asides that are kept; each chunk can have some.
const ASIDES_MAX: usize = 1 << 20;

impl<'t> Exchange<'t> {
    /// Starts the record.
    pub fn begin(trial: &'t Trial, peer: &Peer, began: Began) -> Self {
        let Began { real, wall } = began;
        let flow = Flow {
            id: trial.next_flow(),
            at: Nanos::default(),
            real,
            real_end: real,
            real_sent: 0,
            wall,
            scheme: peer.scheme.to_owned(),
            host: peer.host(),
            address: peer.address.to_string(),
            port: peer.port,
            method: String::new(),
            path: String::new(),
            request_headers: Vec::new(),
            status: 0,
            response_headers: Vec::new(),
            sent: 0,
            received: 0,
            request: None,
            response: None,
            stub: None,
            policy: policy_name(NetworkPolicy::Sinkhole).to_owned(),
            truncated: false,
            error: String::new(),
        };
        let body_max = trial.configuration.body_max;
        Self { trial, flow, request: trial.out.blob(body_max), response: trial.out.blob(body_max), asides: Vec::new() }
    }

    /// Keeps the request's head as it was sent; it does not count as body.
    pub async fn head(&mut self, raw: &[u8]) {
        self.flow.real_sent = clock::real();
        self.request.allow(raw.len().min(HEAD_MAX) as u64);
        self.request.push(raw).await;
    }

    /// Keeps a piece of the request's body.
    pub async fn sent(&mut self, data: &[u8]) {
        self.flow.real_sent = clock::real();
        self.flow.sent += data.len() as u64;
        self.request.push(data).await;
    }

    /// Keeps what a request's framing says beside lengths. It counts as sent, and is told behind the body, where it is searched with
    /// it.
    pub fn aside(&mut self, lines: &[u8]) {
        self.flow.real_sent = clock::real();
        self.flow.sent += lines.len() as u64;
        let room = ASIDES_MAX - self.asides.len();
        self.flow.truncated |= lines.len() > room;
        self.asides.extend_from_slice(&lines[..lines.len().min(room)]);
    }

    /// Keeps a piece of the answer's body.
    pub async fn received(&mut self, data: &Bytes) {
        self.flow.received += data.len() as u64;
        self.response.push(data).await;
    }

    /// The app would have sent more than was read.
    pub fn cut(&mut self) {
        self.flow.truncated = true;
    }

    /// The answer came from a real server.
    pub fn live(&mut self) {
        policy_name(NetworkPolicy::Live).clone_into(&mut self.flow.policy);
    }

    /// Ends it now; `error` says why it did not end well, or nothing.
    pub async fn finish(mut self, error: &str) {
        self.flow.real_end = clock::real();
        let asides = std::mem::take(&mut self.asides);
        if !asides.is_empty() {
            self.request.allow(asides.len() as u64 + 2);
            self.request.push(b"\r\n").await;
            self.request.push(&asides).await;
        }
        self.flow.truncated |= self.request.truncated();
        error.clone_into(&mut self.flow.error);
        let request = self.request.finish().await;
        let response = self.response.finish().await;
        self.flow.request = request.as_ref().map(|b| b.sha256);
        self.flow.response = response.as_ref().map(|b| b.sha256);
        self.trial.flow_ended(Event::Flow { flow: Box::new(self.flow), request, response }).await;
    }
}

fn policy_name(policy: NetworkPolicy) -> &'static str {
    match policy {
        NetworkPolicy::Sinkhole => "sinkhole",
        NetworkPolicy::Live => "live",
    }
}
