//! The life of a gateway: sealed, configured, collected, ended; and the pipe that leads through it.

mod capturing;
mod sealing;

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
pub use sealing::{Options, Sealed, seal};
use stakeout_contract::observation::Fact;
use stakeout_protocol::{
    Answer, Problem, Request, Wire, WireCodec,
    gateway::{Configuration, Event, FromGateway, Verb},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UdpSocket},
    sync::mpsc,
};
use tokio_util::codec::{FramedRead, FramedWrite};

use crate::{
    Error, connection, dns,
    http::upstream::{Upstream, resolvers},
    out::{Item, Out},
    trial::{Limits, Trial},
};
use capturing::Capture;

type In = WireCodec<Request<Verb>, FromGateway>;

/// Bytes of packets before the configuration says how many: none are expected.
const CAPTURE_BEFORE: u64 = 16 << 20;
/// How long connections may go on reading what has arrived when the trial ends.
const PATIENCE: Duration = Duration::from_secs(10);
/// Items on their way to the worker.
const QUEUE: usize = 64;

/// What waits for its configuration.
struct Waiting {
    tcp: TcpListener,
    dns_udp: UdpSocket,
    dns_tcp: TcpListener,
    refused: crate::capture::nflog::Group,
}

/// Lives until the pipe ends or the worker says `stop`.
pub async fn live<R, W>(sealed: Sealed, from_worker: R, to_worker: W) -> Result<(), Error>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let listening = |source| Error::Io { what: "listen", source };
    let (items, queue) = mpsc::channel(QUEUE);
    let out = Out::new(items);
    let writer = tokio::spawn(write(queue, to_worker));
    let capture = Capture::new(sealed.capture, CAPTURE_BEFORE)?;
    let broken = capture.run();
    let waiting = Waiting {
        tcp: TcpListener::from_std(sealed.tcp).map_err(listening)?,
        dns_udp: UdpSocket::from_std(sealed.dns_udp).map_err(listening)?,
        dns_tcp: TcpListener::from_std(sealed.dns_tcp).map_err(listening)?,
        refused: sealed.refused,
    };
    for line in sealed.notes {
        out.event(Event::Log { line }).await;
    }
    out.event(Event::Sealed { cap_eff: sealed.cap_eff }).await;
    tokio::select! {
        r = obey(from_worker, &out, waiting, &capture) => r?,
        // Without its capture a gateway is no witness: end, and the worker sees it.
        Ok(e) = broken => return Err(e),
    }
    // The tasks of the trial hold clones of `out`, so the writer is asked to finish instead of waiting for its queue to close.
    out.flushed().await;
    writer.abort();
    Ok(())
}

async fn obey<R: AsyncRead + Unpin>(from_worker: R, out: &Out, waiting: Waiting, capture: &Capture) -> Result<(), Error> {
    let mut requests = FramedRead::new(from_worker, In::default());
    let (mut waiting, mut trial) = (Some(waiting), None);
    while let Some(item) = requests.next().await {
        // The worker sends no blobs to a gateway.
        let Wire::Message(Request { id, verb }) = item? else { continue };
        let answer = match verb {
            Verb::Configure(configuration) => match waiting.take() {
                Some(w) => configure(*configuration, out, capture, w)
                    .map(|t| trial = Some(t))
                    .map(|()| serde_json::json!({}))
                    .map_err(|e| Problem::new("bad_request", e.to_string())),
                None => Err(Problem::new("bad_request", "the gateway is configured already")),
            },
            Verb::Collect => match &trial {
                Some(t) => collect(t, capture, id).await.map_err(|e| Problem::new("failed", e.to_string())),
                None => Err(Problem::new("bad_request", "the gateway is not configured")),
            },
            Verb::Stop => {
                out.answer(Answer { id, ok: Some(serde_json::json!({})), error: None }).await;
                return Ok(());
            }
        };
        let (ok, error) = match answer {
            Ok(v) => (Some(v), None),
            Err(e) => (None, Some(e)),
        };
        out.answer(Answer { id, ok, error }).await;
    }
    Ok(())
}

fn configure(configuration: Configuration, out: &Out, capture: &Capture, waiting: Waiting) -> Result<Arc<Trial>, Error> {
    let servers = resolvers(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
    let denied = configuration.denied.clone();
    let upstream = Upstream::internet(servers, denied).map_err(|e| Error::Configuration { field: "network", problem: e.to_string() })?;
    capture.store().limit(configuration.capture_max);
    let trial = Arc::new(Trial::new(configuration, Limits::default(), upstream, out.clone())?);
    tokio::spawn(connection::serve(Arc::clone(&trial), waiting.tcp));
    tokio::spawn(dns::serve(Arc::clone(&trial), waiting.dns_udp, waiting.dns_tcp));
    tokio::spawn(capturing::report_refused(waiting.refused, Arc::clone(&trial)));
    Ok(trial)
}

async fn collect(trial: &Trial, capture: &Capture, id: u64) -> Result<serde_json::Value, Error> {
    if !trial.end(PATIENCE).await {
        trial.out.fact(Fact::Lost { what: "flows".to_owned(), count: 1 }).await;
    }
    let collected = capture.collect(trial, id).await?;
    serde_json::to_value(collected).map_err(|e| Error::Io { what: "write the answer", source: e.into() })
}

async fn write<W: AsyncWrite + Unpin>(mut queue: mpsc::Receiver<Item>, to_worker: W) -> Result<(), Error> {
    let mut pipe = FramedWrite::new(to_worker, WireCodec::<serde_json::Value, FromGateway>::default());
    while let Some(item) = queue.recv().await {
        match item {
            Item::Wire(w) => pipe.feed(w).await?,
            Item::Flush(done) => {
                SinkExt::<Wire<FromGateway>>::flush(&mut pipe).await?;
                let _ = done.send(());
            }
        }
        if queue.is_empty() {
            SinkExt::<Wire<FromGateway>>::flush(&mut pipe).await?;
        }
    }
    Ok(())
}
