//! adbd: connections, streams, services.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use stakeout_links::adb::frame::{Command, Frame, HEADER, Header, VERSION};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{broadcast, mpsc},
};

use crate::{
    faults::Fault,
    frida,
    guest::LogLine,
    shell::{self, Done},
    sync,
    world::World,
};

/// Largest payload that we take and send.
const LARGEST: u32 = 256 << 10;

enum Event {
    Data(Bytes),
    Okay,
    Closed,
}

/// A stream that a client opened.
pub struct Stream {
    local: u32,
    remote: u32,
    from: mpsc::UnboundedReceiver<Event>,
    out: mpsc::UnboundedSender<Frame>,
    early: Vec<Bytes>,
}

impl Stream {
    fn send(&self, command: Command, payload: Bytes) {
        let _ = self.out.send(Frame::new(command, self.local, self.remote, payload));
    }

    /// The next data; `None` at the end.
    pub async fn read(&mut self) -> Option<Bytes> {
        if !self.early.is_empty() {
            return Some(self.early.remove(0));
        }
        loop {
            match self.from.recv().await? {
                Event::Data(data) => {
                    self.send(Command::Okay, Bytes::new());
                    return Some(data);
                }
                Event::Okay => {}
                Event::Closed => return None,
            }
        }
    }

    /// Sends data; `None` when the client closed the stream.
    pub async fn write(&mut self, data: &[u8]) -> Option<()> {
        for piece in data.chunks(LARGEST as usize) {
            self.send(Command::Write, Bytes::copy_from_slice(piece));
            loop {
                match self.from.recv().await? {
                    Event::Okay => break,
                    Event::Data(data) => {
                        self.send(Command::Okay, Bytes::new());
                        self.early.push(data);
                    }
                    Event::Closed => return None,
                }
            }
        }
        Some(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.send(Command::Close, Bytes::new());
    }
}

/// Serves until the end.
pub async fn serve(world: Arc<World>, listener: TcpListener) {
    while let Ok((socket, _)) = listener.accept().await {
        let _ = socket.set_nodelay(true);
        let world = world.clone();
        tokio::spawn(async move {
            // A client that is here before adbd is waits for it, as a socket of the emulator's does.
            let mut adbd = world.adbd.subscribe();
            if world.faults.has(Fault::AdbOffline) || adbd.wait_for(|n| *n > 0).await.is_err() {
                std::future::pending::<()>().await;
            }
            let now = *adbd.borrow();
            tokio::select! {
                _ = talk(&world, socket) => {}
                _ = adbd.wait_for(|n| *n != now) => {}
            }
        });
    }
}

async fn read(socket: &mut (impl AsyncReadExt + Unpin)) -> Option<Frame> {
    let mut header = [0; HEADER];
    socket.read_exact(&mut header).await.ok()?;
    let header = Header::decode(&header, LARGEST.max(1 << 20)).ok()?;
    let mut payload = vec![0; header.length as usize];
    socket.read_exact(&mut payload).await.ok()?;
    Some(Frame::new(header.command, header.arg0, header.arg1, payload))
}

async fn talk(world: &Arc<World>, mut socket: TcpStream) -> Option<()> {
    let hello = read(&mut socket).await?;
    if hello.command != Command::Connect {
        return None;
    }
    if world.faults.has(Fault::AdbUnauthorized) {
        socket.write_all(&Frame::new(Command::Auth, 1, 0, vec![7; 20]).encode()).await.ok()?;
        while read(&mut socket).await.is_some() {}
        return None;
    }
    let v2 = !world.faults.has(Fault::ShellNoExitCode);
    let features = if v2 { "shell_v2,cmd,stat_v2,ls_v2,abb,abb_exec" } else { "cmd" };
    let banner = format!("device::ro.product.name=sdk_gphone64_x86_64;ro.product.model=x;ro.product.device=emu64x;features={features}");
    socket.write_all(&Frame::new(Command::Connect, VERSION, LARGEST, banner.into_bytes()).encode()).await.ok()?;

    let (mut from, mut to) = socket.into_split();
    let (out, mut waiting) = mpsc::unbounded_channel::<Frame>();
    let writer = tokio::spawn(async move {
        while let Some(frame) = waiting.recv().await {
            if to.write_all(&frame.encode()).await.is_err() {
                return;
            }
        }
    });
    let mut services = tokio::task::JoinSet::new();
    let mut streams: HashMap<u32, mpsc::UnboundedSender<Event>> = HashMap::new();
    let mut next = 100;
    while let Some(frame) = read(&mut from).await {
        match frame.command {
            Command::Open => {
                next += 1;
                let (events, from) = mpsc::unbounded_channel();
                let name = String::from_utf8_lossy(&frame.payload).trim_end_matches('\0').to_owned();
                if known(&name) {
                    let stream = Stream { local: next, remote: frame.arg0, from, out: out.clone(), early: Vec::new() };
                    stream.send(Command::Okay, Bytes::new());
                    streams.insert(next, events);
                    services.spawn(service(world.clone(), stream, name));
                } else {
                    let _ = out.send(Frame::new(Command::Close, 0, frame.arg0, Bytes::new()));
                }
            }
            Command::Write | Command::Okay | Command::Close => {
                let event = match frame.command {
                    Command::Write => Event::Data(frame.payload),
                    Command::Okay => Event::Okay,
                    _ => Event::Closed,
                };
                let closed = matches!(event, Event::Closed);
                if let Some(stream) = streams.get(&frame.arg1) {
                    let _ = stream.send(event);
                }
                if closed {
                    streams.remove(&frame.arg1);
                }
            }
            _ => break,
        }
    }
    services.abort_all();
    writer.abort();
    None
}

fn known(name: &str) -> bool {
    name.split_once(':').is_some_and(|(kind, _)| {
        matches!(kind.split(',').next(), Some("shell" | "exec" | "sync" | "root" | "unroot" | "reboot" | "remount"))
    })
}

async fn service(world: Arc<World>, mut stream: Stream, name: String) {
    let (kind, rest) = name.split_once(':').unwrap_or((&name, ""));
    match kind {
        "sync" => drop(sync::serve(&world, &mut stream).await),
        "root" => root(&world, &mut stream).await,
        "reboot" => {
            drop(stream);
            // The word of the stream's end goes out before its connection does.
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                world.reboot().await;
            });
        }
        "exec" => {
            let size = words_size(rest);
            if let Some(size) = size {
                let mut got = Vec::new();
                while (got.len() as u64) < size {
                    let Some(data) = stream.read().await else { return };
                    got.extend_from_slice(&data);
                }
                shell::brought(&world, &got);
            }
            let done = shell::run(&world, rest).await;
            stream.write(&[done.stdout, done.stderr].concat()).await;
        }
        _ => command(&world, &mut stream, kind.split(',').any(|w| w == "v2"), rest).await,
    }
}

/// How many bytes a command of the package manager takes from its standard input.
fn words_size(command: &str) -> Option<u64> {
    let words = shell::words(command).ok()?;
    let streams = matches!(words.get(..3)?, [a, b, c] if a == "cmd" && b == "package" && (c == "install" || c == "install-write"));
    let at = words.iter().position(|w| w == "-S")?;
    if streams { words.get(at + 1)?.parse().ok() } else { None }
}

async fn root(world: &Arc<World>, stream: &mut Stream) {
    let was = std::mem::replace(&mut world.phone().root, true);
    if was {
        stream.write(b"adbd is already running as root\n").await;
        return;
    }
    stream.write(b"restarting adbd as root\n").await;
    let world = world.clone();
    tokio::spawn(async move {
        world.clock.sleep(0.1).await;
        world.restart_adbd();
    });
}

fn packet(kind: u8, data: &[u8]) -> Vec<u8> {
    [&[kind][..], &(data.len() as u32).to_le_bytes(), data].concat()
}

async fn command(world: &Arc<World>, stream: &mut Stream, v2: bool, text: &str) {
    let words = shell::words(text).unwrap_or_default();
    if words.first().is_some_and(|w| w == "logcat") && !words.iter().any(|w| ["-d", "-c", "-G"].contains(&w.as_str())) {
        return logcat(world, stream, v2).await;
    }
    if frida::goes_on(&words) {
        let mut out = Said { stream, v2 };
        frida::attach(world, &words, &mut out).await;
        return;
    }
    let wants_input = words.first().is_some_and(|w| w == "yes");
    if wants_input {
        // Never ends, as the real one.
        let lines = b"y\n".repeat(8 << 10);
        while stream.write(&if v2 { packet(1, &lines) } else { lines.clone() }).await.is_some() {}
        return;
    }
    let mut done = shell::run(world, text).await;
    let cut = words.first().is_some_and(|w| w == "dumpsys") && world.faults.has(Fault::DumpsysTruncated);
    if cut {
        done.stdout.truncate(done.stdout.len() / 2);
    }
    let Done { stdout, stderr, code } = done;
    if !v2 {
        stream.write(&[stdout, stderr].concat()).await;
        return;
    }
    let mut all = Vec::new();
    stdout.chunks(32 << 10).for_each(|c| all.extend(packet(1, c)));
    stderr.chunks(32 << 10).for_each(|c| all.extend(packet(2, c)));
    if !cut {
        all.extend(packet(3, &[code]));
    }
    stream.write(&all).await;
}

/// Standard output of a command that goes on, line by line.
struct Said<'a> {
    stream: &'a mut Stream,
    v2: bool,
}

impl frida::Out for Said<'_> {
    async fn line(&mut self, text: &str) -> Option<()> {
        let line = format!("{text}\n").into_bytes();
        self.stream.write(&if self.v2 { packet(1, &line) } else { line }).await
    }
}

async fn logcat(world: &Arc<World>, stream: &mut Stream, v2: bool) {
    let mut lines = world.log.subscribe();
    let early: Vec<String> = world.phone().log.iter().map(LogLine::threadtime).collect();
    let last = early.last().cloned();
    for line in early {
        let line = format!("{line}\n").into_bytes();
        if stream.write(&if v2 { packet(1, &line) } else { line }).await.is_none() {
            return;
        }
    }
    loop {
        let line = match lines.recv().await {
            Ok(line) => line,
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        // Said between the two looks.
        if Some(&line) == last.as_ref() {
            continue;
        }
        let line = format!("{line}\n").into_bytes();
        if stream.write(&if v2 { packet(1, &line) } else { line }).await.is_none() {
            return;
        }
    }
}
