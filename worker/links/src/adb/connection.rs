//! One TCP connection to adbd and the streams on it.
//!
//! Two tasks hold the socket: one reads messages and hands them to their streams, one writes whole messages. So a call that
//! is dropped leaves no half message. A peer that sends more than the protocol allows (a second message before the first was
//! taken) loses the connection.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::OwnedReadHalf,
    sync::mpsc,
    task::AbortHandle,
};

use super::{
    frame::{Banner, Command, Frame, HEADER, Header, VERSION, sum},
    stream::{Event, Stream},
};
use crate::{
    Fault,
    dial::{broken, loopback},
    limits::{ADB_EVENTS, ADB_PAYLOAD, ADB_PAYLOAD_V1, ADB_QUEUE, ADB_SERVICE, ADB_STREAMS},
};

/// What we say that we can do: no more than what this crate uses.
const BANNER: &[u8] = b"host::features=shell_v2,cmd,stat_v2;\0";

/// Streams by our number, or that there are none any more, with the nonsense of the peer if that was the reason.
enum Streams {
    Open(HashMap<u32, mpsc::Sender<Event>>),
    Dead(Option<String>),
}

/// A connection after `CNXN`.
pub(super) struct Connection {
    /// What the guest says that it can do.
    pub(super) banner: Banner,
    /// Largest payload that the guest takes.
    pub(super) largest: usize,
    streams: Arc<Mutex<Streams>>,
    out: mpsc::Sender<Frame>,
    next: AtomicU32,
    tasks: [AbortHandle; 2],
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

fn lock(streams: &Mutex<Streams>) -> MutexGuard<'_, Streams> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a message. `checked`: the peer is so old that sums count.
async fn read(from: &mut (impl AsyncReadExt + Unpin), largest: u32, checked: bool) -> Result<Frame, Fault> {
    let mut header = [0; HEADER];
    from.read_exact(&mut header).await.map_err(broken)?;
    let header = Header::decode(&header, largest)?;
    // Taken as it comes: a length is no reason to hold that much memory.
    let mut payload = Vec::with_capacity((header.length as usize).min(64 << 10));
    let got = from.take(u64::from(header.length)).read_to_end(&mut payload).await.map_err(broken)?;
    if got != header.length as usize {
        return Err(Fault::Closed);
    }
    if checked && sum(&payload) != header.sum {
        return Err(Fault::Protocol("an adb message with a wrong sum".to_owned()));
    }
    Ok(Frame::new(header.command, header.arg0, header.arg1, payload))
}

impl Connection {
    /// Connects and says hello. An end without an answer is [`Fault::Offline`].
    pub(super) async fn open(port: u16) -> Result<Arc<Self>, Fault> {
        let mut socket = loopback(port).await?;
        let hello = Frame::new(Command::Connect, VERSION, ADB_PAYLOAD, BANNER);
        socket.write_all(&hello.encode()).await.map_err(broken)?;
        let answer = match read(&mut socket, ADB_PAYLOAD_V1, false).await {
            // The emulator takes connections before its guest does, and closes them again.
            Err(Fault::Closed) => return Err(Fault::Offline("it closed the connection before it said who it is".to_owned())),
            other => other?,
        };
        match answer.command {
            Command::Connect => {}
            Command::Auth => return Err(Fault::Unauthorized("adbd asks for a key; start the emulator with -skip-adb-auth".to_owned())),
            Command::StartTls => return Err(Fault::Unauthorized("adbd asks for TLS".to_owned())),
            other => return Err(Fault::Protocol(format!("{other:?} before CNXN"))),
        }
        let banner = Banner::parse(&answer.payload);
        if banner.kind != "device" {
            return Err(Fault::Offline(format!("its state is `{}`", banner.kind)));
        }
        let largest = answer.arg1.clamp(ADB_PAYLOAD_V1, ADB_PAYLOAD) as usize;
        let checked = answer.arg0 < VERSION;

        let (from, mut to) = socket.into_split();
        let streams = Arc::new(Mutex::new(Streams::Open(HashMap::new())));
        let (out, mut waiting) = mpsc::channel::<Frame>(ADB_QUEUE);
        let writer = tokio::spawn({
            let streams = streams.clone();
            async move {
                while let Some(frame) = waiting.recv().await {
                    if let Err(e) = to.write_all(&frame.encode()).await {
                        *lock(&streams) = {
                            tracing::debug!(error = &e as &dyn std::error::Error, "an adb connection cannot be written to");
                            Streams::Dead(None)
                        };
                        return;
                    }
                }
            }
        });
        let reader = tokio::spawn(dispatch(from, streams.clone(), out.clone(), checked));
        let tasks = [writer.abort_handle(), reader.abort_handle()];
        Ok(Arc::new(Self { banner, largest, streams, out, next: AtomicU32::new(1), tasks }))
    }

    /// Whether it can still be used.
    pub(super) fn is_alive(&self) -> bool {
        matches!(*lock(&self.streams), Streams::Open(_)) && !self.out.is_closed()
    }

    /// Gives the connection up: the peer does not keep to the protocol, or will restart.
    pub(super) fn give_up(&self, why: &str) {
        tracing::debug!(why, "an adb connection is given up");
        *lock(&self.streams) = Streams::Dead(None);
        self.tasks.iter().for_each(AbortHandle::abort);
    }

    /// Why nothing comes any more.
    pub(super) fn end(&self) -> Fault {
        match &*lock(&self.streams) {
            Streams::Dead(Some(nonsense)) => Fault::Protocol(nonsense.clone()),
            _ => Fault::Closed,
        }
    }

    /// A message that may wait for its turn.
    pub(super) async fn send(&self, frame: Frame) -> Result<(), Fault> {
        self.out.send(frame).await.map_err(|_| self.end())
    }

    /// A message that must not wait, as what it answers is done already. A peer that reads nothing loses the connection.
    pub(super) fn send_now(&self, frame: Frame) -> Result<(), Fault> {
        self.out.try_send(frame).map_err(|_| {
            self.give_up("the peer does not read");
            Fault::Closed
        })
    }

    /// Forgets a stream.
    pub(super) fn forget(&self, local: u32) {
        if let Streams::Open(streams) = &mut *lock(&self.streams) {
            streams.remove(&local);
        }
    }

    /// Opens a service.
    pub(super) async fn service(self: &Arc<Self>, name: &str) -> Result<Stream, Fault> {
        if name.len() + 1 > self.largest.min(ADB_SERVICE) {
            return Err(Fault::TooLarge { what: "a command", limit: self.largest.min(ADB_SERVICE) as u64 });
        }
        if name.contains('\0') {
            return Err(Fault::Invalid("a command holds a NUL"));
        }
        let (events, from) = mpsc::channel(ADB_EVENTS);
        let local = self.next.fetch_add(1, Ordering::Relaxed).max(1);
        match &mut *lock(&self.streams) {
            Streams::Dead(None) => return Err(Fault::Closed),
            Streams::Dead(Some(nonsense)) => return Err(Fault::Protocol(nonsense.clone())),
            Streams::Open(streams) if streams.len() >= ADB_STREAMS => return Err(Fault::Invalid("too many streams are open")),
            Streams::Open(streams) => streams.insert(local, events),
        };
        // From here on the stream removes itself.
        let mut stream = Stream::new(self.clone(), local, from);
        let name: Vec<u8> = [name.as_bytes(), b"\0"].concat();
        self.send(Frame::new(Command::Open, local, 0, name)).await?;
        stream.opened().await?;
        Ok(stream)
    }
}

/// Hands messages to their streams until something is wrong.
async fn dispatch(mut from: OwnedReadHalf, streams: Arc<Mutex<Streams>>, out: mpsc::Sender<Frame>, checked: bool) {
    let why = loop {
        let frame = match read(&mut from, ADB_PAYLOAD, checked).await {
            Ok(frame) => frame,
            Err(Fault::Closed | Fault::Io(_)) => break None,
            Err(e) => break Some(e.to_string()),
        };
        let event = match frame.command {
            Command::Okay => Event::Ready(frame.arg0),
            Command::Write => Event::Data(frame.arg0, frame.payload),
            Command::Close => Event::Closed,
            // We offer no service: `reverse` is not used.
            Command::Open => {
                if out.try_send(Frame::new(Command::Close, 0, frame.arg0, Bytes::new())).is_err() {
                    break Some("it does not read".to_owned());
                }
                continue;
            }
            // adbd says hello again when it restarts.
            Command::Connect | Command::Auth | Command::StartTls => break Some(format!("{:?} in the middle", frame.command)),
        };
        let mut streams = lock(&streams);
        let Streams::Open(open) = &mut *streams else { return };
        let Some(stream) = open.get(&frame.arg1) else {
            // Words for a stream that was dropped are late, not wrong. A late yes to an `OPEN` is answered by its end, as
            // handle_packet of adb.cpp does: the service would run on.
            if frame.command == Command::Okay && out.try_send(Frame::new(Command::Close, frame.arg1, frame.arg0, Bytes::new())).is_err() {
                break Some("it does not read".to_owned());
            }
            continue;
        };
        let closed = matches!(event, Event::Closed);
        match stream.try_send(event) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            Err(mpsc::error::TrySendError::Full(_)) => break Some("it does not wait for its OKAY".to_owned()),
        }
        if closed {
            open.remove(&frame.arg1);
        }
    };
    tracing::debug!(why, "an adb connection ended");
    // Streams see their end as the senders go.
    *lock(&streams) = Streams::Dead(why);
}
