//! The process of the Java host, its pipes, and the requests to it.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::Signal;
use serde_json::{Map, Value};
use stakeout_protocol::{Problem, device::Event};
use tokio::{
    io::{AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::{oneshot, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::sieve::{Heard, Sieve};
use crate::{
    DeviceError, confine,
    core::{limits, lines, outbox::Outbox, window::monotonic_nanos},
    feed::FeedServer,
};

type Pending = Arc<Mutex<Option<(u64, oneshot::Sender<Result<Value, Problem>>)>>>;

/// How long a request may take.
#[derive(Clone, Copy, Debug)]
pub enum Patience {
    /// So long in all.
    Total(Duration),
    /// So long in all, and so long without that the guest's clock moves.
    WhileMoving(Duration, Duration),
}

/// A running host.
pub struct Host {
    stdin: ChildStdin,
    pid: u32,
    next: u64,
    pending: Pending,
    progress: watch::Receiver<u64>,
    sieve: Arc<Mutex<Sieve>>,
    dead: CancellationToken,
    kill: CancellationToken,
    farewell: CancellationToken,
    gone: watch::Receiver<Option<Option<ExitStatus>>>,
}

impl Host {
    /// Starts it. `shared` makes the pipes of the feed usable for another user than ours.
    pub fn start(mut command: Command, name: &str, shared: bool, sieve: Sieve, feed: FeedServer, out: Outbox) -> Result<Self, DeviceError> {
        let failed = |source| DeviceError::Start { program: name.to_owned(), source };
        let (requests, asks) = io::pipe().map_err(failed)?;
        let (replies, answers) = io::pipe().map_err(failed)?;
        if shared {
            // The host opens /dev/fd/3 and 4 by name, and the kernel then checks the pipe's mode against the host's user.
            for fd in [&OwnedFd::from(requests.try_clone().map_err(failed)?), &OwnedFd::from(replies.try_clone().map_err(failed)?)] {
                rustix::fs::fchmod(fd, rustix::fs::Mode::from_raw_mode(0o666)).map_err(|e| failed(e.into()))?;
            }
        }
        let map = |fd: OwnedFd, child_fd| FdMapping { parent_fd: fd, child_fd };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.fd_mappings(vec![map(asks.into(), 3), map(replies.into(), 4)]).map_err(|e| failed(io::Error::other(e)))?;
        let mut child = command.spawn().map_err(failed)?;
        // It holds our ends of the child's pipes, and a pipe ends when all have let go.
        drop(command);
        std::thread::Builder::new().name("feed".to_owned()).spawn(move || feed.run(requests, answers)).map_err(failed)?;

        let missing = || failed(io::ErrorKind::BrokenPipe.into());
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let pid = child.id().unwrap_or(0);
        let (moved, progress) = watch::channel(0);
        let (gone_tx, gone) = watch::channel(None);
        let (dead, kill, farewell) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let pending = Pending::default();
        let sieve = Arc::new(Mutex::new(sieve));
        let reader = tokio::spawn(read(stdout, sieve.clone(), pending.clone(), moved, out.clone()));
        let log = tokio::spawn(log(stderr, out.clone(), Some(sieve.clone())));
        tokio::spawn(watch_over(child, [reader, log], kill.clone(), dead.clone(), farewell.clone(), gone_tx, out));
        Ok(Self { stdin, pid, next: 0, pending, progress, sieve, dead, kill, farewell, gone })
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it has ended.
    pub fn is_dead(&self) -> bool {
        self.dead.is_cancelled()
    }

    /// What judges its lines.
    pub fn sieve(&self) -> MutexGuard<'_, Sieve> {
        self.sieve.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks it. After a `deadline` it is of no more use: kill it.
    pub async fn ask(&mut self, verb: &str, mut parameters: Map<String, Value>, patience: Patience) -> Result<Value, Problem> {
        if self.is_dead() {
            return Err(died());
        }
        self.next += 1;
        parameters.insert("id".to_owned(), self.next.into());
        parameters.insert("verb".to_owned(), verb.into());
        let mut line = Value::Object(parameters).to_string();
        line.push('\n');
        let (tx, rx) = oneshot::channel();
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.next, tx));
        let (stdin, progress) = (&mut self.stdin, self.progress.clone());
        let exchange = async {
            // A host that is dying closes its end first; `dead` says so in a moment.
            if stdin.write_all(line.as_bytes()).await.is_err() || stdin.flush().await.is_err() {
                std::future::pending::<()>().await;
            }
            match rx.await {
                Ok(r) => r,
                Err(_) => std::future::pending().await,
            }
        };
        let result = tokio::select! {
            biased;
            r = exchange => r,
            () = self.dead.cancelled() => Err(died()),
            () = impatient(patience, progress) => Err(Problem::new("deadline", format!("the guest does not answer `{verb}`"))),
        };
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        result
    }

    /// From here on its end is no accident.
    pub fn expect_end(&self) {
        self.farewell.cancel();
    }

    /// Waits until it has ended by itself, or kills it.
    pub async fn end(&mut self, patience: Duration) {
        self.expect_end();
        if tokio::time::timeout(patience, self.dead.cancelled()).await.is_err() {
            self.kill.cancel();
            let _ = tokio::time::timeout(Duration::from_secs(5), self.gone.wait_for(Option::is_some)).await;
            self.dead.cancel();
        }
    }
}

fn died() -> Problem {
    Problem::new("failed", "the guest has died; its files can still be taken")
}

async fn impatient(patience: Patience, mut progress: watch::Receiver<u64>) {
    match patience {
        Patience::Total(d) => tokio::time::sleep(d).await,
        Patience::WhileMoving(total, stall) => {
            let end = Instant::now() + total;
            loop {
                let until = end.min(Instant::now() + stall);
                match tokio::time::timeout_at(until, progress.changed()).await {
                    Ok(Ok(())) if Instant::now() < end => {}
                    Ok(Err(_)) => std::future::pending().await,
                    _ => return,
                }
            }
        }
    }
}

async fn read(stdout: impl AsyncRead + Unpin, sieve: Arc<Mutex<Sieve>>, pending: Pending, moved: watch::Sender<u64>, out: Outbox) {
    let mut stdout = BufReader::with_capacity(limits::GUEST_LINE, stdout);
    let mut line = Vec::new();
    while let Ok(l) = lines::next(&mut stdout, &mut line, limits::GUEST_LINE).await {
        let heard = {
            let mut sieve = sieve.lock().unwrap_or_else(PoisonError::into_inner);
            match l {
                lines::Line::End => return,
                lines::Line::TooLong => {
                    sieve.lose("pipe line");
                    continue;
                }
                lines::Line::Whole => sieve.hear(&line, monotonic_nanos()),
            }
        };
        for h in heard {
            match h {
                Heard::Event(e) => out.event(e).await,
                Heard::Progress(at) => {
                    moved.send_if_modified(|p| std::mem::replace(p, at.get()) != at.get());
                }
                Heard::Answer(id, result) => {
                    let asked = pending.lock().unwrap_or_else(PoisonError::into_inner).take_if(|(n, _)| *n == id);
                    match asked {
                        Some((_, tx)) => drop(tx.send(result)),
                        None => sieve.lock().unwrap_or_else(PoisonError::into_inner).lose("pipe line"),
                    }
                }
            }
        }
    }
}

/// Passes a guest's log on, to a limit. What is beyond it is a loss that `sieve` counts: a log can be evidence.
pub async fn log(stderr: impl AsyncRead + Unpin, out: Outbox, sieve: Option<Arc<Mutex<Sieve>>>) {
    let mut stderr = BufReader::new(stderr);
    let (mut line, mut n) = (Vec::new(), 0_u64);
    while let Ok(l) = lines::next(&mut stderr, &mut line, limits::LOG_LINE).await {
        if l == lines::Line::End {
            return;
        }
        n += 1;
        if n > limits::LOG_LINES
            && let Some(s) = &sieve
        {
            s.lock().unwrap_or_else(PoisonError::into_inner).lose("log line");
        }
        if n <= limits::LOG_LINES {
            out.event(Event::Log { line: String::from_utf8_lossy(&line).into_owned() }).await;
        } else if n == limits::LOG_LINES + 1 {
            out.event(Event::Log { line: format!("(the log has more than {} lines, the rest is not kept)", limits::LOG_LINES) }).await;
        }
    }
}

async fn watch_over(
    mut child: Child,
    readers: [tokio::task::JoinHandle<()>; 2],
    kill: CancellationToken,
    dead: CancellationToken,
    farewell: CancellationToken,
    gone: watch::Sender<Option<Option<ExitStatus>>>,
    out: Outbox,
) {
    let kills_before = confine::memory_kills();
    let status = tokio::select! {
        s = child.wait() => s.ok(),
        () = kill.cancelled() => {
            let _ = child.kill().await;
            child.wait().await.ok()
        }
    };
    // What it said before it ended is heard first; but a process that it left behind may hold the pipe for ever.
    for reader in readers {
        let abort = reader.abort_handle();
        if tokio::time::timeout(Duration::from_secs(2), reader).await.is_err() {
            abort.abort();
        }
    }
    gone.send_replace(Some(status));
    dead.cancel();
    if !farewell.is_cancelled() {
        let how = status.map_or_else(|| "nobody knows how".to_owned(), |s| s.to_string());
        let code = end_code(status, confine::memory_kills() > kills_before);
        out.event(Event::Health { code: code.to_owned(), message: format!("the Java host ended: {how}") }).await;
    }
}

/// Signals by which a process ends of its own doing: bad code, a bad address, an `abort`, a call that is forbidden.
const OWN_SIGNALS: [Signal; 7] = [Signal::ILL, Signal::TRAP, Signal::ABORT, Signal::BUS, Signal::FPE, Signal::SEGV, Signal::SYS];

/// Who ended a host: what runs in it, by its end, its fault or its hunger, or somebody from outside.
fn end_code(status: Option<ExitStatus>, memory: bool) -> &'static str {
    let own = |s: ExitStatus| s.code().is_some() || s.signal().is_some_and(|n| OWN_SIGNALS.iter().any(|o| o.as_raw() == n));
    match status {
        Some(s) if own(s) => "guest_ended",
        Some(_) if memory => "guest_out_of_memory",
        _ => "guest_died",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_is_the_guests_own_and_a_kill_is_not_unless_memory_ran_out() {
        let (exit, killed) = (ExitStatus::from_raw(3 << 8), ExitStatus::from_raw(9));
        assert_eq!(end_code(Some(exit), false), "guest_ended");
        assert_eq!(end_code(Some(killed), true), "guest_out_of_memory");
        assert_eq!(end_code(Some(killed), false), "guest_died");
        assert_eq!(end_code(None, false), "guest_died");
    }

    #[test]
    fn a_fault_is_the_guests_own_also_with_a_core_and_a_signal_from_outside_is_not() {
        for signal in [4, 5, 6, 7, 8, 11, 31] {
            for raw in [signal, signal | 0x80] {
                assert_eq!(end_code(Some(ExitStatus::from_raw(raw)), false), "guest_ended", "{signal}");
            }
        }
        for signal in [1, 2, 9, 15] {
            assert_eq!(end_code(Some(ExitStatus::from_raw(signal)), false), "guest_died", "{signal}");
        }
    }
}
