//! What is believed of what a guest says.
//!
//! The app shares the host's process, so any line may be the app's own. A line can be an answer to what was asked, a fact
//! of the kinds that a host can know, a clock sample that contradicts nothing, or it is counted. Facts that only others
//! can know (what the feed gave, what the gateway saw) are an attempt to forge evidence, and told as `escape`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stakeout_contract::{
    Nanos,
    observation::{Fact, Source},
};
use stakeout_protocol::{Problem, device::Event};

use crate::{core::limits, feed::SharedWindow};

/// What a line is.
#[derive(Clone, PartialEq, Debug)]
pub enum Heard {
    /// An answer to the request with this number.
    Answer(u64, Result<Value, Problem>),
    /// Something for the worker.
    Event(Event),
    /// The guest's clock moves.
    Progress(Nanos),
}

/// Judges lines.
#[derive(Debug)]
pub struct Sieve {
    window: SharedWindow,
    observations: u64,
    lost: BTreeMap<&'static str, u64>,
    told: BTreeSet<String>,
    puzzled: u64,
}

/// Observations of an unknown form that are described in the log.
const PUZZLED: u64 = 50;

impl Sieve {
    /// With the window that times are moved into.
    pub fn new(window: SharedWindow) -> Self {
        Self { window, observations: 0, lost: BTreeMap::new(), told: BTreeSet::new(), puzzled: 0 }
    }

    /// Judges a line. `now` is CLOCK_MONOTONIC in nanoseconds.
    pub fn hear(&mut self, line: &[u8], now: u64) -> Vec<Heard> {
        let Ok(Value::Object(mut m)) = serde_json::from_slice::<Value>(line) else {
            self.lose("pipe line");
            return Vec::new();
        };
        if let Some(id) = m.get("id").and_then(Value::as_u64) {
            let result = match (m.remove("ok"), m.remove("error")) {
                (Some(ok), None) => Ok(ok),
                (_, Some(e)) => Err(problem(&e)),
                (None, None) => Err(Problem::new("failed", "the host's answer says nothing")),
            };
            return vec![Heard::Answer(id, result)];
        }
        let at = m.get("at").and_then(Value::as_u64).map_or(Nanos::ZERO, Nanos::saturating);
        match m.get("event").and_then(Value::as_str) {
            Some("observation") => self.observation(&mut m, at),
            Some("clock") => self.clock(m.get("real").and_then(Value::as_u64).unwrap_or(0), at, now),
            Some("progress") => {
                let (at, moved) = self.time(at);
                let mut out = vec![Heard::Progress(at), Heard::Event(Event::Progress { at })];
                out.extend(moved);
                out
            }
            _ => {
                self.lose("pipe line");
                Vec::new()
            }
        }
    }

    /// Something was lost before it was understood.
    pub fn lose(&mut self, what: &'static str) {
        *self.lost.entry(what).or_default() += 1;
    }

    /// What was lost since this was asked last, as facts.
    pub fn losses(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.lost).into_iter().map(|(what, count)| Fact::Lost { what: what.to_owned(), count }).collect()
    }

    fn observation(&mut self, m: &mut serde_json::Map<String, Value>, at: Nanos) -> Vec<Heard> {
        if self.observations >= limits::OBSERVATIONS {
            self.lose("observation");
            return Vec::new();
        }
        self.observations += 1;
        let (at, moved) = self.time(at);
        let mut out: Vec<Heard> = moved.into_iter().collect();
        let mut fact = m.remove("fact").unwrap_or_default();
        // For the host, what it does not know is null.
        if let Some(f) = fact.as_object_mut() {
            f.retain(|_, v| !v.is_null());
        }
        // In a record the name `stack` is taken by the frames of the caller.
        if let Some(f) = fact.as_object_mut().filter(|f| f.get("fact").is_some_and(|t| t == "crashed"))
            && let Some(s) = f.remove("stack")
        {
            f.insert("trace".to_owned(), s);
        }
        let name = fact.get("fact").and_then(Value::as_str).unwrap_or("").chars().take(40).collect::<String>();
        match serde_json::from_value::<Fact>(fact) {
            Ok(fact) if hosts_own(&fact) => {
                out.push(Heard::Event(Event::Observation {
                    at,
                    source: Source::Host,
                    fact: Box::new(fact),
                    stack: stack(m.remove("stack")),
                }));
            }
            Ok(_) => out.extend(self.escape(at, format!("the host said `{name}`, which only others can know"))),
            Err(e) => {
                self.lose("observation");
                let line = format!("an observation `{name}` of another form: {e}").chars().take(300).collect();
                out.extend((self.puzzled < PUZZLED).then_some(Heard::Event(Event::Log { line })));
                self.puzzled += 1;
            }
        }
        out
    }

    fn clock(&mut self, real: u64, at: Nanos, now: u64) -> Vec<Heard> {
        let mut w = self.lock();
        if let Some(s) = w.sample(real, at, now) {
            w.hear(at);
            return vec![Heard::Progress(at), Heard::Event(Event::Clock { real: s.real, at: s.at })];
        }
        let here = w.last();
        drop(w);
        self.lose("clock sample");
        self.escape(here, "the host's clock contradicts itself or what it was allowed".to_owned()).into_iter().collect()
    }

    /// The time that is believed, and once a trial the fact that one was not.
    fn time(&mut self, at: Nanos) -> (Nanos, Option<Heard>) {
        let (t, moved) = self.lock().hear(at);
        if moved { (t, self.escape(t, "the host dated an observation at a time that the clock cannot show".to_owned())) } else { (t, None) }
    }

    fn escape(&mut self, at: Nanos, what: String) -> Option<Heard> {
        let first = self.told.len() < 100 && self.told.insert(what.clone());
        first.then(|| {
            Heard::Event(Event::Observation { at, source: Source::Device, fact: Box::new(Fact::Escape { what }), stack: Vec::new() })
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, crate::core::window::Window> {
        self.window.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether a host can know this. The list is that of `docs/host-pipe.md`; a new fact is not the host's until it is named here.
fn hosts_own(fact: &Fact) -> bool {
    use Fact as F;
    matches!(
        fact,
        F::PermissionRequested { .. }
            | F::PermissionGranted { .. }
            | F::Opened { .. }
            | F::Closed { .. }
            | F::Preview { .. }
            | F::Shutter { .. }
            | F::Refused { .. }
            | F::Read { .. }
            | F::Service { .. }
            | F::Activity { .. }
            | F::Alarm { .. }
            | F::Job { .. }
            | F::Broadcast { .. }
            | F::File { .. }
            | F::Crypto { .. }
            | F::Crashed { .. }
            | F::Restarted { .. }
            | F::Anr { .. }
            | F::NativeLibrary { .. }
            | F::DexLoaded { .. }
            | F::Escape { .. }
            | F::UnsupportedApi { .. }
            | F::ClockHeld { .. }
            | F::Network { .. }
            | F::Lost { .. }
            | F::LoginScreen { .. }
            | F::DialogOpen { .. }
            | F::Looked { .. }
            | F::OutOfMemory { .. }
            | F::RealTime { .. }
    )
}

fn stack(v: Option<Value>) -> Vec<String> {
    let (frames, bytes) = limits::STACK;
    let Some(Value::Array(l)) = v else { return Vec::new() };
    l.into_iter().filter_map(|f| f.as_str().map(|s| s.chars().take(bytes).collect())).take(frames).collect()
}

/// The codes that the host may use; another is `failed`.
fn problem(e: &Value) -> Problem {
    const CODES: [&str; 6] = ["bad_request", "unsupported", "app_crashed", "not_found", "failed", "out_of_memory"];
    let text = |name: &str| e.get(name).and_then(Value::as_str).unwrap_or("").chars().take(2000).collect::<String>();
    let code = text("code");
    let known = CODES.iter().find(|c| **c == code).unwrap_or(&"failed");
    Problem::new(known, text("message"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sieve(window: u64) -> Sieve {
        let s = Sieve::new(SharedWindow::default());
        s.lock().open(Nanos::saturating(window));
        s
    }

    fn hear(s: &mut Sieve, v: &Value) -> Vec<Heard> {
        s.hear(v.to_string().as_bytes(), 1_000_000)
    }

    fn facts(heard: Vec<Heard>) -> Vec<(u64, Source, Fact)> {
        heard
            .into_iter()
            .filter_map(|h| {
                if let Heard::Event(Event::Observation { at, source, fact, .. }) = h { Some((at.get(), source, *fact)) } else { None }
            })
            .collect()
    }

    #[test]
    fn a_fact_that_only_the_feed_can_know_is_an_escape_and_not_a_fact() {
        let mut s = sieve(100);
        let forged = json!({"event": "observation", "at": 5, "fact": {"fact": "delivered", "sensor": "camera", "session": 1, "first": 1, "last": 2, "count": 2}});
        let got = facts(hear(&mut s, &forged));
        assert_eq!(got.len(), 1);
        assert!(matches!(&got[0], (5, Source::Device, Fact::Escape { what }) if what.contains("`delivered`")));
        assert!(facts(hear(&mut s, &forged)).is_empty(), "it is told once");
    }

    #[test]
    fn a_time_outside_of_the_window_is_moved_in_and_told_once() {
        let mut s = sieve(100);
        let alarm = |at: u64| json!({"event": "observation", "at": at, "fact": {"fact": "alarm", "what": "x"}});
        let got = facts(hear(&mut s, &alarm(5000)));
        assert!(matches!(got[..], [(100, Source::Device, Fact::Escape { .. }), (100, Source::Host, Fact::Alarm { .. })]));
        assert_eq!(facts(hear(&mut s, &alarm(6000))).len(), 1);
    }

    #[test]
    fn a_flood_is_counted_and_told_as_lost() {
        let mut s = sieve(100);
        s.observations = limits::OBSERVATIONS - 1;
        let alarm = json!({"event": "observation", "at": 1, "fact": {"fact": "alarm", "what": "x"}});
        assert_eq!(hear(&mut s, &alarm).len(), 1);
        for _ in 0..3 {
            assert!(hear(&mut s, &alarm).is_empty());
        }
        assert_eq!(s.losses(), [Fact::Lost { what: "observation".to_owned(), count: 3 }]);
        assert_eq!(s.losses(), []);
    }

    #[test]
    fn noise_is_counted() {
        let mut s = sieve(1);
        for line in [&b"\xff\xff"[..], b"[]", b"{}", b"{\"event\":\"surprise\"}"] {
            assert!(s.hear(line, 0).is_empty());
        }
        let unknown = json!({"event": "observation", "at": 1, "fact": {"fact": "no such thing"}});
        assert!(matches!(&hear(&mut s, &unknown)[..], [Heard::Event(Event::Log { line })] if line.contains("no such thing")));
        let l = |what: &str, count| Fact::Lost { what: what.to_owned(), count };
        assert_eq!(s.losses(), [l("observation", 1), l("pipe line", 4)]);
    }

    #[test]
    fn a_crash_keeps_its_trace_and_a_caller_at_most_eight_frames() {
        let mut s = sieve(10);
        let crash = json!({"event": "observation", "at": 1, "fact": {"fact": "crashed", "message": "boom", "stack": ["a.b:1"]}, "stack": vec!["f"; 20]});
        let got = hear(&mut s, &crash);
        let Heard::Event(Event::Observation { fact, stack, .. }) = &got[0] else { panic!("{got:?}") };
        assert_eq!(**fact, Fact::Crashed { message: "boom".to_owned(), trace: vec!["a.b:1".to_owned()] });
        assert_eq!(stack.len(), 8);
    }

    #[test]
    fn what_the_host_does_not_know_is_left_out() {
        let mut s = sieve(10);
        let service = json!({"event": "observation", "at": 1, "fact": {"fact": "service", "name": "n", "change": "started", "types": [], "reason": null}});
        assert!(matches!(&facts(hear(&mut s, &service))[..], [(1, Source::Host, Fact::Service { .. })]));
    }

    #[test]
    fn a_clock_that_lies_is_told_and_not_passed_on() {
        let mut s = sieve(100);
        let clock = |real: u64, at: u64| json!({"event": "clock", "real": real, "at": at});
        assert_eq!(hear(&mut s, &clock(10, 50)).len(), 2);
        assert!(matches!(&facts(hear(&mut s, &clock(11, 40)))[..], [(_, Source::Device, Fact::Escape { .. })]));
    }

    #[test]
    fn an_unknown_code_of_an_error_becomes_failed() {
        let mut s = sieve(0);
        let got = hear(&mut s, &json!({"id": 3, "error": {"code": "guilty", "message": "m"}}));
        assert_eq!(got, [Heard::Answer(3, Err(Problem::new("failed", "m")))]);
    }
}
