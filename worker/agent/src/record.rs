//! What is known of a running trial: observations, flows, logs, what the feed gave.
//!
//! Everything that comes here is dated on the trial's clock and bounded: what does not fit is counted, and said at the end.

use stakeout_contract::{
    DeviceState, Nanos,
    clock::ClockSample,
    flow::Flow,
    observation::{Fact, Observation, Source},
    trial::Delivered,
};

use crate::{
    dating::Dating,
    secrets::{Scrubber, Wiped},
    text::head,
};

/// Bytes of one log that are kept: its begin.
const LOG_MAX: usize = 1 << 20;
/// Characters of a log's end in a message.
pub const LOG_TAIL: usize = 2000;
/// Bytes of all observations of the device that are kept.
const DEVICE_BYTES: usize = 96 << 20;
/// Facts of the gateway have room of their own, so that a device that talks too much cannot hide them; those of the worker, and
/// what was lost, always have room: they are few, and short.
const GATEWAY_BYTES: usize = 32 << 20;
const RESERVED: u64 = 50_000;
/// Bytes of the heads of all requests and answers, in what is handed in. Behind that a head is in its request's artifact alone.
const HEAD_BYTES: usize = 32 << 20;
/// Bytes of a host or path that are kept then.
const SHORT: usize = 300;

/// Runs of frames or sound that are kept, more than a device of ours reports.
const DELIVERED_MOST: usize = 100_000;

/// A bounded text.
#[derive(Debug, Default)]
pub struct Log {
    text: String,
    lost: u64,
}

impl Log {
    /// Adds a line.
    pub fn line(&mut self, line: &str) {
        if self.text.len() + line.len() < LOG_MAX {
            self.text.push_str(line);
            self.text.push('\n');
        } else {
            self.lost += 1;
        }
    }

    /// The text, with what is missing.
    pub fn text(&self) -> String {
        if self.lost == 0 { self.text.clone() } else { format!("{}... {} more lines\n", self.text, self.lost) }
    }
}

/// A running trial's record.
#[derive(Debug)]
pub struct Record {
    begun: bool,
    /// The host's time from which on a call may be the app's.
    app_from: Option<u64>,
    before_app: u64,
    now: Nanos,
    dating: Dating,
    observations: Vec<Observation>,
    handed_in: usize,
    device_room: usize,
    gateway_room: usize,
    head_room: usize,
    lost_heads: u64,
    most: u64,
    lost: u64,
    lost_runs: u64,
    pending: Vec<(u64, Pending)>,
    flows: Vec<Flow>,
    delivered: Vec<Delivered>,
    /// Takes secrets out of everything that comes.
    pub scrubber: Scrubber,
    /// What it took out of what decides something.
    pub wiped: Wiped,
    /// What the device logged.
    pub device_log: Log,
    /// What the gateway logged.
    pub gateway_log: Log,
}

#[derive(Debug)]
enum Pending {
    Fact(Fact),
    Flow(Box<Flow>),
}

/// What a record was when its trial ended.
#[derive(Debug)]
pub struct Ended {
    /// Flows by id.
    pub flows: Vec<Flow>,
    /// The clocks.
    pub clock: Vec<ClockSample>,
    /// Runs, in the order in which they came.
    pub delivered: Vec<Delivered>,
}

/// Facts whose words are Android's or ours, and decide: nobody types them.
const fn decides(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::PermissionDeclared { .. }
            | Fact::PermissionRequested { .. }
            | Fact::PermissionGranted { .. }
            | Fact::Opened { .. }
            | Fact::Read { .. }
            | Fact::Refused { .. }
            | Fact::Looked { .. }
            | Fact::UnsupportedApi { .. }
            | Fact::NotWatched { .. }
            | Fact::Lost { .. }
            | Fact::Dns { .. }
    )
}

impl Record {
    /// For at most `most` observations of the device. Before [`Record::begin`] only logs are taken.
    pub fn new(most: u64) -> Self {
        Self {
            begun: false,
            app_from: None,
            before_app: 0,
            now: Nanos::ZERO,
            dating: Dating::default(),
            observations: Vec::new(),
            handed_in: 0,
            device_room: DEVICE_BYTES,
            gateway_room: GATEWAY_BYTES,
            head_room: HEAD_BYTES,
            lost_heads: 0,
            most,
            lost: 0,
            lost_runs: 0,
            pending: Vec::new(),
            flows: Vec::new(),
            delivered: Vec::new(),
            scrubber: Scrubber::default(),
            wiped: Wiped::default(),
            device_log: Log::default(),
            gateway_log: Log::default(),
        }
    }

    /// The device has become a trial's: from here on everything counts.
    pub fn begin(&mut self) {
        self.begun = true;
    }

    /// The app is put onto the device now. What went through the gateway before was others': a guest's own programs, the probe.
    pub fn app_comes(&mut self) {
        self.app_from = Some(self.dating.settled());
        if self.before_app > 0 {
            let line =
                format!("{} requests and facts of the gateway are of before the app was there, and no part of the trial", self.before_app);
            self.worker_fact(Fact::Log { line });
        }
    }

    /// Whether something of this time is of before the app was there. It is counted.
    pub fn is_before_app(&mut self, real: u64) -> bool {
        let before = self.app_from.is_none_or(|from| real < from);
        self.before_app += u64::from(before);
        before
    }

    /// The end of the device's log, for a message.
    pub fn log_tail(&self) -> String {
        self.scrubber.tail(self.device_log.text.clone(), LOG_TAIL)
    }

    /// The latest time that the device spoke of.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// The trial's clock is at least here.
    pub fn passed(&mut self, at: Nanos) {
        if self.begun {
            self.now = self.now.max(at);
        }
    }

    /// Both clocks at one moment. What the gateway said before it is dated now.
    pub fn clock(&mut self, sample: ClockSample) {
        if !self.begun {
            return;
        }
        self.passed(sample.at);
        self.dating.push(sample);
        if self.pending.iter().any(|(real, _)| *real <= self.dating.settled()) {
            self.settle(self.dating.settled());
        }
    }

    /// A fact of the device. Facts that only others can know are refused, and kept as a log line.
    pub fn device_fact(&mut self, at: Nanos, source: Source, fact: Fact, stack: Vec<String>) {
        if !self.begun {
            return;
        }
        if not_the_devices(&fact) {
            let what = self.scrubber.head(format!("{fact:?}"), 300);
            self.device_log.line(&format!("refused: {what}"));
            return;
        }
        let source = if matches!(source, Source::Host | Source::Feed) { source } else { Source::Device };
        self.passed(at);
        if let Fact::Delivered { sensor, facing, session, first, last, count } = fact {
            self.deliver(Delivered { sensor, facing, session, first, last, count });
        }
        let stack = stack.into_iter().take(8).map(|f| head(&f, 300)).collect();
        if self.observations.len() as u64 >= self.most {
            self.lost += 1;
            return;
        }
        self.push(Observation { at, source, fact, stack });
    }

    /// A fact of the gateway, at a time of the host.
    pub fn gateway_fact(&mut self, real: u64, fact: Fact) {
        if !self.begun {
            return;
        }
        let of_a_call = matches!(fact, Fact::Dns { .. } | Fact::TlsRefused { .. } | Fact::Opaque { .. } | Fact::Blocked { .. });
        if of_a_call && self.is_before_app(real) {
            return;
        }
        if of_a_call || matches!(fact, Fact::Lost { .. } | Fact::Log { .. }) {
            self.pend(real, Pending::Fact(fact));
        }
    }

    /// A flow of the gateway, its blobs already kept.
    pub fn flow(&mut self, mut flow: Flow) {
        if self.begun {
            self.fit(&mut flow);
            self.pend(flow.real, Pending::Flow(Box::new(flow)));
        }
    }

    /// An app may send as many large heads as it likes; all flows are held until they are handed in.
    fn fit(&mut self, flow: &mut Flow) {
        let headers = flow.request_headers.iter().chain(&flow.response_headers).map(|(k, v)| k.len() + v.len() + 8);
        let size = headers.sum::<usize>() + flow.host.len() + flow.path.len() + flow.method.len() + flow.error.len();
        if let Some(room) = self.head_room.checked_sub(size) {
            self.head_room = room;
            return;
        }
        self.lost_heads += 1;
        (flow.request_headers, flow.response_headers) = (Vec::new(), Vec::new());
        for text in [&mut flow.host, &mut flow.path, &mut flow.method, &mut flow.error] {
            let (clean, wiped) = self.scrubber.text(std::mem::take(text));
            self.wiped += wiped;
            *text = head(&clean, SHORT);
        }
    }

    /// A fact of the worker, now.
    pub fn worker_fact(&mut self, fact: Fact) {
        self.push(Observation { at: self.now, source: Source::Worker, fact, stack: Vec::new() });
    }

    /// The scenario put the device into a state, from then on.
    pub fn state(&mut self, at: Nanos, state: DeviceState, step: &str) {
        let fact = Fact::State { state, step: step.to_owned() };
        self.push(Observation { at, source: Source::Worker, fact, stack: Vec::new() });
    }

    /// All observations so far, in the order in which they are handed in.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// Index and copies of those that were not handed in yet.
    pub fn fresh(&self) -> (u64, Vec<Observation>) {
        (self.handed_in as u64, self.observations[self.handed_in..].to_vec())
    }

    /// How many were not handed in yet.
    pub fn fresh_len(&self) -> usize {
        self.observations.len() - self.handed_in
    }

    /// The first so many were handed in.
    pub fn handed_in(&mut self, upto: u64) {
        self.handed_in = self.handed_in.max(usize::try_from(upto).unwrap_or(usize::MAX)).min(self.observations.len());
    }

    /// Dates what is left and says what was lost. `more_lost`: blobs that found no room.
    pub fn end(&mut self, more_lost: u64) -> Ended {
        self.settle(u64::MAX);
        for (what, count) in
            [("observations", self.lost), ("delivered", self.lost_runs), ("artifacts", more_lost), ("heads of requests", self.lost_heads)]
        {
            if count > 0 {
                self.worker_fact(Fact::Lost { what: what.to_owned(), count });
            }
        }
        let mut flows = std::mem::take(&mut self.flows);
        flows.sort_by_key(|f| f.id);
        Ended { flows, clock: std::mem::take(&mut self.dating).into_samples(), delivered: std::mem::take(&mut self.delivered) }
    }

    fn pend(&mut self, real: u64, what: Pending) {
        if self.observations.len() + self.pending.len() >= (self.most + RESERVED) as usize {
            self.lost += 1;
            return;
        }
        self.pending.push((real, what));
    }

    fn settle(&mut self, upto: u64) {
        let (mut now, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending).into_iter().partition(|(real, _)| *real <= upto);
        self.pending = later;
        now.sort_by_key(|(real, _)| *real);
        for (real, what) in now {
            let at = self.dating.date(real);
            let fact = match what {
                Pending::Fact(f) => f,
                Pending::Flow(flow) => {
                    let (mut flow, wiped) = self.scrubber.value(*flow);
                    self.wiped += wiped;
                    flow.at = at;
                    let fact = Fact::Flow {
                        id: flow.id,
                        method: flow.method.clone(),
                        host: flow.host.clone(),
                        path: head(&flow.path, 300),
                        status: flow.status,
                        sent: flow.sent,
                        received: flow.received,
                        stub: flow.stub.is_some(),
                    };
                    self.flows.push(flow);
                    fact
                }
            };
            self.push(Observation { at, source: Source::Gateway, fact, stack: Vec::new() });
        }
    }

    fn push(&mut self, o: Observation) {
        let decides = decides(&o.fact);
        let (o, wiped) = self.scrubber.value(o);
        // What was not typed into a field cannot be one: a permission, an API, what was read.
        self.wiped.doubtful += if decides { wiped.places } else { wiped.doubtful };
        let room = match o.source {
            Source::Worker => None,
            Source::Gateway => Some(&mut self.gateway_room),
            _ => Some(&mut self.device_room),
        };
        if let Some(room) = room {
            let size = serde_json::to_string(&o).map_or(0, |s| s.len());
            if size > *room {
                self.lost += 1;
                return;
            }
            *room -= size;
        }
        self.observations.push(o);
    }

    /// Keeps runs apart, since the device ends one at every change of state: only what follows without a gap is the same run.
    fn deliver(&mut self, d: Delivered) {
        let key = |k: &Delivered| (k.sensor, k.facing, k.session);
        if let Some(k) = self.delivered.iter_mut().rev().take(64).find(|k| key(k) == key(&d))
            && k.last.checked_add(1) == Some(d.first)
            && d.last >= d.first
        {
            k.last = d.last;
            k.count = k.count.saturating_add(d.count);
        } else if self.delivered.len() < DELIVERED_MOST {
            self.delivered.push(d);
        } else {
            self.lost_runs += 1;
        }
    }
}

fn not_the_devices(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::State { .. }
            | Fact::Step { .. }
            | Fact::Flow { .. }
            | Fact::Dns { .. }
            | Fact::TlsRefused { .. }
            | Fact::Opaque { .. }
            | Fact::Blocked { .. }
            | Fact::Alert { .. }
    )
}

#[cfg(test)]
mod tests;
