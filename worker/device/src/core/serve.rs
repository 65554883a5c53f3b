//! The session with the worker: one request at a time, until `stop` or the end of the pipe.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use serde_json::Value;
use stakeout_protocol::{
    Answer, Problem, Request, Wire, WireCodec, WireError,
    device::{FromDevice, Verb},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_util::{
    codec::{FramedRead, FramedWrite},
    sync::CancellationToken,
};

use super::{
    blobs::Blobs,
    guest::{Change, Guest},
    limits,
    order::{self, Stage},
    outbox::Outbox,
};
use crate::DeviceError;

/// Blobs that came, shared by the reader of the pipe and the guest.
pub type SharedBlobs = Arc<Mutex<Blobs>>;

/// Serves a worker. `make` builds the guest from the way to the worker. However this returns, the guest is dead.
pub async fn serve<G: Guest>(
    input: impl AsyncRead + Unpin + Send + 'static,
    output: impl AsyncWrite + Unpin + Send + 'static,
    blobs: SharedBlobs,
    ended: CancellationToken,
    make: impl FnOnce(Outbox) -> G,
) -> Result<(), DeviceError> {
    let (out, mut queue) = Outbox::new();
    let gone = ended.clone();
    let writer = tokio::spawn(async move {
        let mut wire = FramedWrite::new(output, WireCodec::<Value, FromDevice>::default());
        while let Some(item) = queue.recv().await {
            if wire.feed(item).await.is_err() || (queue.is_empty() && wire.flush().await.is_err()) {
                gone.cancel();
                return;
            }
        }
        let _ = wire.flush().await;
    });
    let (requests_tx, requests) = mpsc::channel(8);
    let gone = ended.clone();
    let reader = tokio::spawn(async move {
        let result = read(input, &blobs, &requests_tx).await;
        gone.cancel();
        result
    });
    let mut guest = make(out.clone());
    answer_all(&mut guest, &out, requests, &ended).await;
    guest.kill().await;
    let read = if reader.is_finished() { reader.await.unwrap_or(Ok(())) } else { Ok(()) };
    drop((guest, out));
    let _ = tokio::time::timeout(limits::FAREWELL, writer).await;
    read
}

async fn read(input: impl AsyncRead + Unpin, blobs: &SharedBlobs, requests: &mpsc::Sender<Value>) -> Result<(), DeviceError> {
    let mut wire = FramedRead::new(input, WireCodec::<Value, FromDevice>::default());
    while let Some(item) = wire.next().await {
        match item {
            Ok(Wire::Chunk { blob, bytes }) => blobs.lock().unwrap_or_else(PoisonError::into_inner).chunk(blob, &bytes),
            Ok(Wire::Message(m)) => {
                if requests.send(m).await.is_err() {
                    return Ok(());
                }
            }
            // An end in the middle of something is how a worker that was killed ends.
            Err(WireError::Io(_)) => return Ok(()),
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

async fn answer_all<G: Guest>(guest: &mut G, out: &Outbox, mut requests: mpsc::Receiver<Value>, ended: &CancellationToken) {
    let (mut stage, mut next) = (Stage::default(), None);
    loop {
        let message = if let Some(m) = next.take() {
            m
        } else {
            tokio::select! {
                biased;
                () = ended.cancelled() => return,
                m = requests.recv() => match m { Some(m) => m, None => return },
            }
        };
        let id = message.get("id").and_then(Value::as_u64).unwrap_or(0);
        let request: Request<Verb> = match serde_json::from_value(message) {
            Ok(r) => r,
            Err(e) => {
                out.answer(Answer { id, ok: None, error: Some(Problem::new("bad_request", e.to_string())) }).await;
                continue;
            }
        };
        let last = matches!(request.verb, Verb::Stop);
        let result = match order::after(stage, &request.verb) {
            Err(p) => Err(p),
            Ok(then) => tokio::select! {
                biased;
                () = ended.cancelled() => return,
                r = run(guest, id, request.verb) => r.inspect(|_| stage = then),
                // A worker asks one thing at a time: who asks the next does not wait for this any more.
                Some(m) = requests.recv() => {
                    next = Some(m);
                    continue;
                }
            },
        };
        let (ok, error) = match result {
            Ok(v) => (Some(v), None),
            Err(p) => (None, Some(p)),
        };
        out.answer(Answer { id, ok, error }).await;
        if last {
            return;
        }
    }
}

async fn run<G: Guest>(guest: &mut G, id: u64, verb: Verb) -> Result<Value, Problem> {
    match verb {
        Verb::Hello => value(guest.hello()),
        Verb::Boot { api, locale } => value(guest.boot(api, &locale).await?),
        Verb::Assign(to) => nothing(guest.assign(to).await),
        Verb::Plant { data } => guest.plant(data).await,
        Verb::Install { apk, splits, prepared } => value(guest.install(id, apk, splits, prepared).await?),
        Verb::Launch => value(guest.launch().await?),
        Verb::Input(input) => value(guest.input(input).await?),
        Verb::Background => nothing(guest.change(Change::Background).await),
        Verb::Foreground => nothing(guest.change(Change::Foreground).await),
        Verb::Screen { on } => nothing(guest.change(Change::Screen(on)).await),
        Verb::Doze { on } => nothing(guest.change(Change::Doze(on)).await),
        Verb::StandbyBucket { bucket } => nothing(guest.change(Change::Bucket(bucket)).await),
        Verb::Reboot => nothing(guest.change(Change::Reboot).await),
        Verb::Permission { policy, deny } => nothing(guest.change(Change::Permission(policy, deny)).await),
        Verb::Advance { nanos } => value(guest.advance(nanos).await?),
        Verb::Screenshot => value(guest.screenshot(id).await?),
        Verb::SnapshotFiles { max_bytes, max_files } => value(guest.snapshot(id, max_bytes, max_files).await?),
        Verb::Stop => value(guest.stop().await?),
    }
}

fn value(answer: impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(answer).map_err(|e| Problem::new("failed", e.to_string()))
}

fn nothing(result: Result<(), Problem>) -> Result<Value, Problem> {
    result.map(|()| Value::Object(serde_json::Map::new()))
}
