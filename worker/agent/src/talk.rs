//! Questions to a cell and their answers, with everything else that comes meanwhile put where it belongs.

use std::{collections::HashMap, io, path::Path};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use stakeout_contract::{
    Sha256Digest,
    artifact::{Artifact, Role},
    clock::ClockSample,
    flow::Flow,
};
use stakeout_protocol::{
    Answer, Problem, Request, Wire,
    device::{self, BlobRef},
    gateway,
};
use tokio::time::Instant;

use crate::{
    keep::{Blob, Incoming, Keep, artifact},
    link::{FromCell, Link},
    record::Record,
};

/// Blobs of one side that may be open at a time, and complete ones that nobody has named yet.
const OPEN_MAX: usize = 64;
const CHUNK: usize = 256 << 10;
/// Characters of a cell's words in a message.
const WORDS: usize = 1000;

/// Which end of the cell.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The device.
    Device,
    /// The gateway.
    Gateway,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Device => "device",
            Self::Gateway => "gateway",
        })
    }
}

/// Why a question has no answer. All but `Problem` end the cell.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It answered that it could not.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// It is gone.
    #[error("the {0} is gone: {1}")]
    Ended(Side, String),
    /// The guest of the device is gone or hangs.
    #[error("the device's guest is not well: {what}")]
    Unwell {
        /// What the device says of it.
        what: String,
        /// What runs in the guest did it, so another try would end the same way.
        own: bool,
    },
    /// It does not keep to the protocol, so it is broken or taken over.
    #[error("the {0} does not keep to the protocol: {1}")]
    Hostile(Side, String),
    /// It takes too long.
    #[error("the {0} did not answer in time")]
    Deadline(Side),
    /// The worker's disk.
    #[error("the worker's folder cannot be written")]
    Io(#[from] io::Error),
}

impl AskError {
    /// What runs in the guest did it: it ended or hangs by itself, or it writes what no device of ours would. Another try would
    /// end the same way, or hide that it did.
    pub fn by_guest(&self) -> bool {
        matches!(self, Self::Unwell { own: true, .. } | Self::Hostile(..))
    }
}

/// The conversation with one cell.
pub struct Talk {
    link: Link,
    last_id: u64,
    incoming: HashMap<(Side, u64), Incoming>,
    ready: HashMap<(Side, u64), Blob>,
    over: Vec<(Side, u64)>,
    blob_max: u64,
    /// Questions whose answers nobody waits for any more; they may still come.
    given_up: Vec<(Side, u64)>,
    /// Where artifacts go.
    pub keep: Keep,
    /// Where facts go.
    pub record: Record,
}

impl Talk {
    /// A conversation that keeps blobs of at most `blob_max` bytes.
    pub fn new(link: Link, keep: Keep, record: Record, blob_max: u64) -> Self {
        Self {
            link,
            last_id: 0,
            incoming: HashMap::new(),
            ready: HashMap::new(),
            over: Vec::new(),
            blob_max,
            given_up: Vec::new(),
            keep,
            record,
        }
    }

    /// Asks the device and waits for its answer.
    pub async fn device<T: DeserializeOwned>(&mut self, verb: device::Verb, until: Instant) -> Result<T, AskError> {
        let id = self.fresh_id();
        let (to, item) = (self.link.to_device.clone(), Wire::Message(Request { id, verb }));
        let sent = async move { to.send(item).await.map_err(drop) };
        self.ask(Side::Device, id, sent, until).await
    }

    /// Asks the gateway and waits for its answer.
    pub async fn gateway<T: DeserializeOwned>(&mut self, verb: gateway::Verb, until: Instant) -> Result<T, AskError> {
        let id = self.fresh_id();
        let (to, item) = (self.link.to_gateway.clone(), Wire::Message(Request { id, verb }));
        let sent = async move { to.send(item).await.map_err(drop) };
        self.ask(Side::Gateway, id, sent, until).await
    }

    /// Sends a file to the device, for a request that will name it.
    pub async fn send_file(&mut self, path: &Path, sha256: Sha256Digest, until: Instant) -> Result<BlobRef, AskError> {
        let blob = self.fresh_id();
        let size = std::fs::metadata(path)?.len();
        let (to, mut file) = (self.link.to_device.clone(), std::fs::File::open(path)?);
        let sent = async move {
            let mut buffer = vec![0; CHUNK];
            loop {
                let n = io::Read::read(&mut file, &mut buffer)?;
                let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
                to.send(Wire::Chunk { blob, bytes: Bytes::copy_from_slice(&buffer[..n]) }).await.map_err(gone)?;
                if n == 0 {
                    return io::Result::Ok(());
                }
            }
        };
        let done = self.meanwhile(sent, until).await.map_err(|e| e.unwrap_or(AskError::Deadline(Side::Device)))?;
        match done {
            Ok(()) => Ok(BlobRef { blob, size, sha256 }),
            // The reading side has the reason; wait for it.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(self.gone(Side::Device, until).await),
            Err(e) => Err(e.into()),
        }
    }

    /// The bytes that an answer names; none: there were more than may be kept.
    pub fn take(&mut self, side: Side, named: &BlobRef) -> Result<Option<Blob>, AskError> {
        if let Some(i) = self.over.iter().position(|k| *k == (side, named.blob)) {
            self.over.swap_remove(i);
            return Ok(None);
        }
        let Some(blob) = self.ready.remove(&(side, named.blob)) else {
            return Err(AskError::Hostile(side, format!("it names the blob {} that it did not send", named.blob)));
        };
        if (blob.size, blob.digest) != (named.size, named.sha256) {
            return Err(AskError::Hostile(side, format!("the blob {} has not the bytes that it says", named.blob)));
        }
        Ok(Some(blob))
    }

    /// Takes what has come in without waiting; for a cell that nobody asks anything.
    pub fn catch_up(&mut self) -> Result<(), AskError> {
        while let Ok(item) = self.link.from.try_recv() {
            if let Some((side, answer)) = self.receive(item)? {
                return Err(AskError::Hostile(side, format!("it answers the question {} that was not asked", answer.id)));
            }
        }
        Ok(())
    }

    fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    async fn ask<T: DeserializeOwned>(
        &mut self,
        side: Side,
        id: u64,
        sent: impl Future<Output = Result<(), ()>>,
        until: Instant,
    ) -> Result<T, AskError> {
        let answer = self.exchange(side, id, sent, until).await;
        if matches!(answer, Err(AskError::Deadline(_) | AskError::Unwell { .. } | AskError::Hostile(..))) {
            self.given_up.push((side, id));
        }
        match answer? {
            Answer { error: Some(p), .. } => {
                Err(AskError::Problem(Problem { code: crate::text::head(&p.code, 40), message: self.words(p.message) }))
            }
            Answer { ok, .. } => serde_json::from_value(ok.unwrap_or(serde_json::Value::Null))
                .map_err(|e| AskError::Hostile(side, self.words(format!("its answer cannot be read: {e}")))),
        }
    }

    async fn exchange(
        &mut self,
        side: Side,
        id: u64,
        sent: impl Future<Output = Result<(), ()>>,
        until: Instant,
    ) -> Result<Answer, AskError> {
        match self.meanwhile(sent, until).await.map_err(|e| e.unwrap_or(AskError::Deadline(side)))? {
            Ok(()) => {}
            Err(()) => return Err(self.gone(side, until).await),
        }
        loop {
            match tokio::time::timeout_at(until, self.link.from.recv()).await {
                Err(_) => return Err(AskError::Deadline(side)),
                Ok(None) => return Err(AskError::Ended(side, "its pipe is closed".to_owned())),
                Ok(Some(item)) => match self.receive(item)? {
                    Some((s, a)) if s == side && a.id == id => return Ok(a),
                    Some((s, a)) => return Err(AskError::Hostile(s, format!("it answers the question {} that was not asked", a.id))),
                    None => {}
                },
            }
        }
    }

    /// Awaits `work` while taking what comes: a device that waits for us to read must not stop us from writing. `Err(None)`:
    /// it took too long.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>, until: Instant) -> Result<T, Option<AskError>> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                item = self.link.from.recv() => match item {
                    Some(item) => if let Some((side, a)) = self.receive(item).map_err(Some)? {
                        return Err(Some(AskError::Hostile(side, format!("it answers the question {} that was not asked", a.id))));
                    },
                    None => return Err(Some(AskError::Ended(Side::Device, "its pipe is closed".to_owned()))),
                },
                () = tokio::time::sleep_until(until) => return Err(None),
            }
        }
    }

    /// Reads on until the reason comes why a pipe cannot be written any more.
    async fn gone(&mut self, side: Side, until: Instant) -> AskError {
        match self.meanwhile(std::future::pending::<()>(), until.min(Instant::now() + std::time::Duration::from_secs(5))).await {
            Err(Some(e)) => e,
            Err(None) | Ok(()) => AskError::Ended(side, "its pipe cannot be written".to_owned()),
        }
    }

    fn receive(&mut self, item: FromCell) -> Result<Option<(Side, Answer)>, AskError> {
        match item {
            FromCell::DeviceEnded(reason) => Err(AskError::Ended(Side::Device, self.words(reason))),
            FromCell::GatewayEnded(reason) => Err(AskError::Ended(Side::Gateway, self.words(reason))),
            FromCell::Device(Wire::Chunk { blob, bytes }) => self.chunk(Side::Device, blob, &bytes).map(|()| None),
            FromCell::Gateway(Wire::Chunk { blob, bytes }) => self.chunk(Side::Gateway, blob, &bytes).map(|()| None),
            FromCell::Device(Wire::Message(device::FromDevice::Answer(a))) => Ok(self.expected(Side::Device, a)),
            FromCell::Gateway(Wire::Message(gateway::FromGateway::Answer(a))) => Ok(self.expected(Side::Gateway, a)),
            FromCell::Device(Wire::Message(device::FromDevice::Event(e))) => self.device_event(e).map(|()| None),
            FromCell::Gateway(Wire::Message(gateway::FromGateway::Event(e))) => self.gateway_event(e).map(|()| None),
        }
    }

    /// Words of a cell for a message: cut only when typed values were taken out, as the begin of one would not be found.
    fn words(&self, text: String) -> String {
        self.record.scrubber.head(text, WORDS)
    }

    /// None for an answer that nobody waits for any more.
    fn expected(&mut self, side: Side, answer: Answer) -> Option<(Side, Answer)> {
        match self.given_up.iter().position(|g| *g == (side, answer.id)) {
            Some(i) => {
                self.given_up.swap_remove(i);
                None
            }
            None => Some((side, answer)),
        }
    }

    fn chunk(&mut self, side: Side, blob: u64, bytes: &[u8]) -> Result<(), AskError> {
        let open = self.incoming.keys().filter(|(s, _)| *s == side).count() + self.ready.keys().filter(|(s, _)| *s == side).count();
        if !self.incoming.contains_key(&(side, blob)) {
            if open >= OPEN_MAX || self.ready.contains_key(&(side, blob)) {
                return Err(AskError::Hostile(side, "it sends more blobs than it names".to_owned()));
            }
            let incoming = self.keep.begin(self.blob_max)?;
            self.incoming.insert((side, blob), incoming);
        }
        if !bytes.is_empty() {
            if let Some(i) = self.incoming.get_mut(&(side, blob)) {
                i.push(bytes)?;
            }
            return Ok(());
        }
        match self.incoming.remove(&(side, blob)).and_then(Incoming::finish) {
            Some(done) => {
                self.ready.insert((side, blob), done);
            }
            None if self.over.len() < OPEN_MAX => self.over.push((side, blob)),
            None => return Err(AskError::Hostile(side, "it sends more blobs than it names".to_owned())),
        }
        Ok(())
    }

    fn device_event(&mut self, event: device::Event) -> Result<(), AskError> {
        match event {
            device::Event::Observation { at, source, fact, stack } => self.record.device_fact(at, source, *fact, stack),
            device::Event::Clock { real, at } => self.record.clock(ClockSample { real, at }),
            device::Event::Progress { at } => self.record.passed(at),
            device::Event::Log { line } => self.record.device_log.line(&line),
            device::Event::Health { code, message } => {
                let what = self.words(format!("{message} ({code})"));
                self.record.device_log.line(&what);
                match code.as_str() {
                    "guest_died" => return Err(AskError::Unwell { what, own: false }),
                    "guest_hangs" | "guest_ended" | "guest_out_of_memory" => return Err(AskError::Unwell { what, own: true }),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn gateway_event(&mut self, event: gateway::Event) -> Result<(), AskError> {
        match event {
            gateway::Event::Sealed { .. } => {}
            gateway::Event::Log { line } => self.record.gateway_log.line(&line),
            gateway::Event::Observation { real, fact } => self.record.gateway_fact(real, *fact),
            gateway::Event::Flow { flow, request, response } if self.record.is_before_app(flow.real) => {
                for named in [request, response].into_iter().flatten() {
                    drop(self.take(Side::Gateway, &named)?);
                }
            }
            gateway::Event::Flow { mut flow, request, response } => {
                // Digests are ours, of the bytes that came; what the gateway writes there is not needed.
                flow.request = self.keep_of_flow(&flow, request.as_ref(), Role::FlowRequest)?;
                flow.response = self.keep_of_flow(&flow, response.as_ref(), Role::FlowResponse)?;
                self.record.flow(*flow);
            }
        }
        Ok(())
    }

    fn keep_of_flow(&mut self, flow: &Flow, named: Option<&BlobRef>, role: Role) -> Result<Option<Sha256Digest>, AskError> {
        let Some(named) = named else { return Ok(None) };
        let Some(blob) = self.take(Side::Gateway, named)? else { return Ok(None) };
        // Before it is cut to what a name may have.
        let name = self.record.scrubber.text(format!("{} {}://{}{}", flow.method, flow.scheme, flow.host, flow.path)).0;
        let entry = Artifact { flow: Some(flow.id), truncated: flow.truncated && role == Role::FlowRequest, ..artifact(role, &name) };
        Ok(self.keep.adopt(&blob, entry)?.then_some(blob.digest))
    }
}
