//! The tasks that read the log groups, and the end of a capture.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stakeout_contract::observation::Fact;
use stakeout_protocol::{device::BlobRef, gateway::Collected};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Error,
    capture::{
        Store,
        nflog::{self, Group, Read},
        packet, pcapng,
    },
    clock, rules,
    trial::Trial,
};

/// The capture and where its packets come from. Reading and storing is one step, so that packets stay in order.
#[derive(Clone, Debug)]
pub(super) struct Capture {
    group: Arc<Group>,
    store: Arc<Mutex<Store>>,
}

impl Capture {
    /// Takes an open group.
    pub(super) fn new(group: Group, max: u64) -> Result<Self, Error> {
        Ok(Self { group: Arc::new(group), store: Arc::new(Mutex::new(Store::new(max)?)) })
    }

    /// The packets.
    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self) -> Result<(), Error> {
        self.store().drain(&self.group, clock::wall)
    }

    /// Reads packets in a thread of its own, which no connection can keep busy. What comes back is why it ended.
    pub(super) fn run(&self) -> oneshot::Receiver<Error> {
        let (ended, why) = oneshot::channel();
        let capture = self.clone();
        std::thread::spawn(move || {
            let error = loop {
                if let Err(e) = capture.group.wait().map_err(Error::Capture).and_then(|()| capture.drain()) {
                    break e;
                }
            };
            let _ = ended.send(error);
        });
        why
    }

    /// Sends the capture under the request's number.
    pub(super) async fn collect(&self, trial: &Trial, blob: u64) -> Result<Collected, Error> {
        self.drain()?;
        let (packets, lost_packets) = {
            let mut store = self.store();
            store.close();
            (store.packets, store.lost())
        };
        let mut out = trial.out.answering(blob);
        let comment = format!("{packets} packets, {lost_packets} lost; decrypts with the secrets inside");
        out.push(&pcapng::head(&comment, trial.key_log.text().as_bytes())).await;
        let (mut offset, mut buffer) = (0, vec![0; 256 << 10]);
        loop {
            let n = self.store().read_at(offset, &mut buffer)?;
            if n == 0 {
                break;
            }
            out.push(&buffer[..n]).await;
            offset += n as u64;
        }
        if lost_packets > 0 {
            trial.out.fact(Fact::Lost { what: "capture".to_owned(), count: lost_packets }).await;
        }
        let capture: BlobRef = out.finish_always().await;
        Ok(Collected { capture, packets, lost_packets })
    }
}

/// Why a packet was refused, for people.
fn reason(prefix: &str, target: &packet::Target) -> &'static str {
    match (prefix, target.protocol.as_str()) {
        (rules::PREFIX_DIRECT, _) => "straight to a port of the gateway or of the device's own control",
        (_, "udp") => "only DNS leaves by UDP",
        _ if target.address.is_loopback() => "the engine's resolver is no way out",
        (_, "tcp") if target.address.is_ipv6() => "no IPv6 leaves the cell",
        _ => "this protocol does not leave the cell",
    }
}

/// Reports what the rules refused, until the process ends.
pub(super) async fn report_refused(group: Group, trial: Arc<Trial>) {
    let (found, mut refused) = mpsc::channel(256);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 128 << 10];
        while group.wait().is_ok() {
            match group.read(&mut buffer) {
                Ok(Read::Datagram(n)) => {
                    let targets = nflog::parse(&buffer[..n]).filter_map(|l| packet::parse(l.payload).map(|t| (reason(l.prefix, &t), t)));
                    if targets.into_iter().any(|t| found.blocking_send(Some(t)).is_err()) {
                        return;
                    }
                }
                Ok(Read::Overrun) => {
                    if found.blocking_send(None).is_err() {
                        return;
                    }
                }
                Ok(Read::Empty) => {}
                Err(_) => return,
            }
        }
    });
    while let Some(refused) = refused.recv().await {
        match refused {
            Some((reason, target)) => trial.blocked(target, reason).await,
            None => trial.out.fact(Fact::Lost { what: "blocked".to_owned(), count: 1 }).await,
        }
    }
    // The thread ends only by an error: from here on refused packets are not seen.
    trial.out.fact(Fact::Lost { what: "blocked".to_owned(), count: 1 }).await;
}
