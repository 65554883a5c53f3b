//! Sound into the guest's microphone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::uri::PathAndQuery;
use tokio::{sync::mpsc, task::JoinHandle};
use tonic::{Code, Request, Status, client::Grpc};
use tonic_prost::ProstCodec;

use super::{
    meaning,
    messages::{AudioFormat, AudioPacket, Empty},
    transport::Transport,
};
use crate::{Fault, LinkError, Stage, error::within, limits::SOUND_PACKET};

/// The method's name.
pub(super) const METHOD: &str = "injectAudio";

/// Signed 16 bit little-endian samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SoundFormat {
    /// Samples a second, 8000 to 48000.
    pub rate: u32,
    /// Two samples at a time, left and right.
    pub stereo: bool,
    /// New sound overwrites the queue of 300 ms; else the queue blocks when it is full.
    pub real_time: bool,
}

impl SoundFormat {
    /// Bytes of sound in a time.
    pub fn bytes(self, time: Duration) -> usize {
        let frames = u128::from(self.rate) * time.as_micros() / 1_000_000;
        frames as usize * if self.stereo { 4 } else { 2 }
    }
}

/// Sound on its way to the guest. Dropping it breaks the call off.
///
/// The caller keeps the pace: send 20 ms each 20 ms. That the emulator's queue is full holds a sender up only after the windows
/// of HTTP/2 are full too (64 KiB at least, 0.7 s of mono at 44.1 kHz), so a sender that relies on it runs ahead by that much.
#[derive(Debug)]
pub struct Injection {
    format: SoundFormat,
    packets: Option<mpsc::Sender<AudioPacket>>,
    call: JoinHandle<Result<(), Fault>>,
    first: bool,
}

impl Drop for Injection {
    fn drop(&mut self) {
        self.call.abort();
    }
}

/// What a status of this method means.
fn meaning_here(status: &Status) -> Fault {
    match (status.code(), meaning(status)) {
        (Code::FailedPrecondition, Fault::Status { message, .. }) => Fault::MicrophoneTaken(message),
        (Code::InvalidArgument, Fault::Status { message, .. }) => Fault::SoundRefused(message),
        (_, other) => other,
    }
}

impl Injection {
    pub(super) fn start<S>(
        mut client: Grpc<Transport>,
        request: impl FnOnce(std::pin::Pin<Box<dyn Stream<Item = AudioPacket> + Send>>) -> Result<Request<S>, Fault>,
        path: PathAndQuery,
        format: SoundFormat,
    ) -> Result<Self, Fault>
    where
        S: Stream<Item = AudioPacket> + Send + 'static,
    {
        if !(8_000..=48_000).contains(&format.rate) {
            return Err(Fault::Invalid("a rate outside of 8000 to 48000"));
        }
        let (packets, waiting) = mpsc::channel::<AudioPacket>(1);
        let waiting = stream::unfold(waiting, async |mut waiting| waiting.recv().await.map(|p| (p, waiting)));
        let request = request(Box::pin(waiting))?;
        let call = tokio::spawn(async move {
            let codec: ProstCodec<AudioPacket, Empty> = ProstCodec::default();
            let done = client.client_streaming(request, path, codec).await;
            done.map(drop).map_err(|s| meaning_here(&s))
        });
        Ok(Self { format, packets: Some(packets), call, first: true })
    }

    /// How the call ended.
    async fn ended(&mut self) -> Result<(), Fault> {
        match (&mut self.call).await {
            Ok(done) => done,
            Err(_) => Err(Fault::Closed),
        }
    }

    /// Sends samples, at most 300 ms of them. An end of the call by the emulator is an error here.
    pub async fn send(&mut self, samples: Bytes, limit: Duration) -> Result<(), LinkError> {
        within(Stage::Grpc(METHOD), limit, async {
            if samples.len() > self.format.bytes(SOUND_PACKET) {
                return Err(Fault::TooLarge { what: "a packet of sound", limit: self.format.bytes(SOUND_PACKET) as u64 });
            }
            let Some(packets) = self.packets.clone() else { return Err(Fault::Closed) };
            let permit = tokio::select! {
                biased;
                () = packets.closed() => None,
                permit = packets.reserve() => permit.ok(),
            };
            // The request's body is dropped before the call says why.
            let Some(permit) = permit else {
                self.packets = None;
                self.ended().await?;
                return Err(Fault::Closed);
            };
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64);
            let SoundFormat { rate, stereo, real_time } = self.format;
            let format = AudioFormat { rate: u64::from(rate), channels: stereo.into(), format: 1, mode: real_time.into() };
            permit.send(AudioPacket { format: self.first.then_some(format), timestamp: now, audio: samples });
            self.first = false;
            Ok(())
        })
        .await
    }

    /// Ends the stream and waits for the emulator's word: after it, all was taken.
    pub async fn finish(mut self, limit: Duration) -> Result<(), LinkError> {
        within(Stage::Grpc(METHOD), limit, async {
            if self.packets.take().is_none() {
                return Err(Fault::Closed);
            }
            self.ended().await
        })
        .await
    }
}
