//! What all connections of a configured gateway share.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use stakeout_contract::observation::Fact;
use stakeout_protocol::gateway::{Configuration, Event};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Error,
    capture::{keylog::KeyLog, packet::Target},
    clock,
    dns::{Asked, names::Names},
    http::upstream::Upstream,
    out::Out,
    tls::certificates::Certificates,
};

/// Bounds that keep a hostile app from holding the gateway.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once; more wait in the kernel.
    pub connections: usize,
    /// How long a connection may be silent: between requests, within one, before the first byte of TLS or HTTP.
    pub idle: Duration,
    /// How long a connection of an unknown protocol may be silent.
    pub opaque_idle: Duration,
    /// How long the rest of a request that broke the rules is read.
    pub rest: Duration,
    /// How long a handshake may take.
    pub handshake: Duration,
    /// How long an upstream of `live` may take to connect and to answer.
    pub upstream: Duration,
    /// Facts of one kind (names, refused packets, flows) before the rest is lost.
    pub facts: u64,
}

/// In this time the task that accepts takes what the kernel took for it. On a host that is busier it may be left out.
const ADMITTED: Duration = Duration::from_millis(10);

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            idle: Duration::from_mins(1),
            opaque_idle: Duration::from_secs(10),
            rest: Duration::from_mins(2),
            handshake: Duration::from_secs(15),
            upstream: Duration::from_secs(30),
            facts: 20_000,
        }
    }
}

/// A configured gateway.
#[derive(Debug)]
pub struct Trial {
    /// What the worker said.
    pub configuration: Configuration,
    /// Bounds.
    pub limits: Limits,
    /// Names that were asked for.
    pub names: Names,
    /// Certificates in any name.
    pub certificates: Certificates,
    /// Their connections' secrets.
    pub key_log: Arc<KeyLog>,
    /// How real servers are reached.
    pub upstream: Upstream,
    /// To the worker.
    pub out: Out,
    /// Set when the trial ends: connections read what is there, and end.
    pub ended: CancellationToken,
    /// Places for connections, of TCP and of DNS by TCP.
    pub places: Arc<Semaphore>,
    tasks: TaskTracker,
    flows: AtomicU32,
    flow_events: AtomicU64,
    dns_facts: AtomicU64,
    blocked_facts: AtomicU64,
    opaque_facts: AtomicU64,
    notes: AtomicU64,
    blocked: Mutex<HashMap<(Target, &'static str), Instant>>,
}

impl Trial {
    /// Makes a gateway this trial's.
    pub fn new(configuration: Configuration, limits: Limits, upstream: Upstream, out: Out) -> Result<Self, Error> {
        let key_log = Arc::new(KeyLog::default());
        out.allow(configuration.capture_max);
        Ok(Self {
            certificates: Certificates::new(&configuration, Arc::clone(&key_log))?,
            configuration,
            names: Names::default(),
            key_log,
            upstream,
            out,
            ended: CancellationToken::new(),
            places: Arc::new(Semaphore::new(limits.connections)),
            limits,
            tasks: TaskTracker::new(),
            flows: AtomicU32::new(0),
            flow_events: AtomicU64::new(0),
            dns_facts: AtomicU64::new(0),
            blocked_facts: AtomicU64::new(0),
            opaque_facts: AtomicU64::new(0),
            notes: AtomicU64::new(0),
            blocked: Mutex::default(),
        })
    }

    /// The next flow's number.
    pub fn next_flow(&self) -> u32 {
        self.flows.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Runs something that [`Trial::end`] waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Ends all connections; those that still have bytes are read as far as they go. Returns whether all ended in time.
    pub async fn end(&self, patience: Duration) -> bool {
        // Whoever connected until now is let in first.
        tokio::time::sleep(ADMITTED).await;
        self.ended.cancel();
        self.tasks.close();
        tokio::time::timeout(patience, self.tasks.wait()).await.is_ok()
    }

    async fn bounded(&self, count: &AtomicU64, what: &'static str, event: Event) {
        match count.fetch_add(1, Ordering::Relaxed) {
            n if n < self.limits.facts => self.out.event(event).await,
            n if n == self.limits.facts => self.out.fact(Fact::Lost { what: what.to_owned(), count: 1 }).await,
            _ => {}
        }
    }

    /// Reports a flow that ended.
    pub async fn flow_ended(&self, event: Event) {
        self.bounded(&self.flow_events, "flows", event).await;
    }

    /// Reports what was not read.
    pub async fn opaque(&self, fact: Fact) {
        self.bounded(&self.opaque_facts, "opaque", now(fact)).await;
    }

    /// Says something of a flow that its fields cannot say.
    pub async fn note(&self, line: String) {
        self.bounded(&self.notes, "notes", now(Fact::Log { line })).await;
    }

    /// Reports a question to DNS. AAAA comes with every A and says nothing more then, so it is left out.
    pub async fn asked(&self, asked: Option<Asked>) {
        let Some(asked) = asked.filter(|a| a.kind != "AAAA" || !a.known) else { return };
        let answer = match (asked.answer, asked.refused) {
            (Some(a), _) => a.to_string(),
            (None, true) => "refused".to_owned(),
            (None, false) => format!("no {} record", asked.kind),
        };
        self.bounded(&self.dns_facts, "dns", now(Fact::Dns { name: asked.name, answer })).await;
    }

    /// Reports a refused packet or connection; the same again within a second is left out.
    pub async fn blocked(&self, target: Target, reason: &'static str) {
        let fresh = {
            let mut seen = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            if seen.len() > 4096 {
                seen.retain(|_, at| now.duration_since(*at) < Duration::from_secs(1));
            }
            let before = seen.insert((target.clone(), reason), now);
            before.is_none_or(|at| now.duration_since(at) >= Duration::from_secs(1))
        };
        if fresh {
            let fact = Fact::Blocked {
                protocol: target.protocol,
                address: target.address.to_string(),
                port: target.port,
                reason: reason.to_owned(),
            };
            self.bounded(&self.blocked_facts, "blocked", now(fact)).await;
        }
    }
}

fn now(fact: Fact) -> Event {
    Event::Observation { real: clock::real(), fact: Box::new(fact) }
}
