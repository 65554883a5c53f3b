//! Requests of leases that arrive later than they were sent: taken from their connection, delivered by another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use stakeout_contract::TrialId;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};

/// What becomes of a request that is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taking {
    /// Its connection breaks. Whoever sent it says it again, and goes on, before it arrives.
    Overtaken,
    /// It goes on as it is, and arrives once more.
    Twice,
    /// Whoever sent it waits for its answer.
    Held,
}

/// What all proxies look out for, and what they took.
#[derive(Clone, Default)]
pub(crate) struct Net(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    taking: Option<Taking>,
    calls: Vec<&'static str>,
    left: usize,
    taken: Vec<Late>,
}

impl Net {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the next requests of these calls are taken, so many.
    pub(crate) fn take(&self, taking: Taking, calls: &[&'static str], most: usize) {
        let mut s = self.state();
        (s.taking, s.calls, s.left) = (Some(taking), calls.to_vec(), most);
    }

    /// Whether all were taken.
    pub(crate) fn full(&self) -> bool {
        let s = self.state();
        s.left == 0
    }

    /// No more are taken; those that were.
    pub(crate) fn stop(&self) -> Vec<Late> {
        let mut s = self.state();
        s.left = 0;
        std::mem::take(&mut s.taken)
    }

    /// Whether a request of this call is to be taken.
    pub(crate) fn wants(&self, call: &str) -> Option<Taking> {
        let mut s = self.state();
        let wanted = s.left > 0 && s.calls.contains(&call);
        s.left -= usize::from(wanted);
        s.taking.filter(|_| wanted)
    }

    pub(crate) fn took(&self, late: Late) {
        self.state().taken.push(late);
    }
}

/// Where the head of a message ends, and what it says (RFC 9112). Of bodies only those with a length are known: all that this
/// API's clients send, and all that it answers to calls of a lease.
pub(crate) struct Head {
    pub(crate) bytes: usize,
    pub(crate) body: usize,
    /// A request's path, an answer's status.
    second: String,
}

impl Head {
    /// Of what came so far; none: it is not all there.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = text.split("\r\n");
        let second = lines.next()?.split(' ').nth(1).unwrap_or_default().to_owned();
        let length = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        };
        Some(Self { bytes: end, body: lines.find_map(length).unwrap_or(0), second })
    }

    /// Of a request of a lease: trial, epoch, call.
    pub(crate) fn lease(&self) -> Option<(TrialId, u32, String)> {
        let mut words = self.second.strip_prefix("/v1/leases/")?.split('/');
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.to_owned()))
    }

    fn status(&self) -> u16 {
        self.second.parse().unwrap_or(0)
    }
}

/// A request that was taken.
pub(crate) struct Late {
    pub(crate) trial: TrialId,
    pub(crate) epoch: u32,
    pub(crate) call: String,
    pub(crate) request: Vec<u8>,
    /// Who waits for the answer.
    pub(crate) sender: Option<oneshot::Sender<Vec<u8>>>,
}

impl Late {
    /// Delivers it to a server; the status of its answer.
    pub(crate) async fn deliver(self, port: u16) -> Result<u16> {
        let mut tries = 0;
        loop {
            let (status, answer) = self.once(port).await.with_context(|| format!("deliver `{}` late", self.call))?;
            tries += 1;
            // A server whose connections to the database broke lately says so once for each of them.
            if status == 503 && tries < 20 {
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                continue;
            }
            if let Some(s) = self.sender {
                // Whoever waited may be gone.
                let _ = s.send(answer);
            }
            return Ok(status);
        }
    }

    async fn once(&self, port: u16) -> Result<(u16, Vec<u8>)> {
        let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
        server.write_all(&self.request).await?;
        let (mut answer, mut piece) = (Vec::new(), vec![0; 16 << 10]);
        loop {
            if let Some(h) = Head::of(&answer).filter(|h| answer.len() >= h.bytes + h.body) {
                return Ok((h.status(), answer));
            }
            match server.read(&mut piece).await? {
                0 => bail!("the answer ended after {} bytes", answer.len()),
                n => answer.extend_from_slice(&piece[..n]),
            }
        }
    }
}
