//! Figures for Prometheus.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use stakeout_contract::trial::{TrialCost, TrialState};
use stakeout_store::Gauges;

type Float = Gauge<f64, std::sync::atomic::AtomicU64>;
/// Where a gauge's figure is.
type Of = fn(&Gauges) -> f64;

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Request {
    route: &'static str,
    method: String,
    status: u16,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Ended {
    state: &'static str,
    stage: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Decision {
    exit_code: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Stage {
    stage: String,
}

/// Stages that a worker may name; another's is `other`, so that no worker makes series without end.
const STAGES: [&str; 9] = ["lease", "cell", "boot", "convert", "install", "launch", "script", "collect", "analyse"];

/// Bytes that a trial is believed to keep.
const TRIAL_MOST: u64 = 1 << 40;

fn stage(name: &str) -> String {
    if name.is_empty() || STAGES.contains(&name) { name.to_owned() } else { "other".to_owned() }
}

fn request_seconds() -> Histogram {
    Histogram::new([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0])
}

fn stage_seconds() -> Histogram {
    Histogram::new([0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0])
}

/// What this process counts, and what the store says.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Histogram, fn() -> Histogram>,
    leases: Histogram,
    trials: Family<Ended, Counter>,
    jobs: Family<Decision, Counter>,
    stages: Family<Stage, Histogram, fn() -> Histogram>,
    kept: Counter,
    gauges: Vec<(Float, Of)>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("stakeout");
        let requests = Family::new_with_constructor(request_seconds as fn() -> Histogram);
        registry.register_with_unit("http_request", "Time until an answer began", Unit::Seconds, requests.clone());
        let leases = request_seconds();
        registry.register_with_unit("lease", "Time of one try to lease a trial", Unit::Seconds, leases.clone());
        let trials = Family::<Ended, Counter>::default();
        registry.register("trials", "Trials that ended, by state and the stage where they failed", trials.clone());
        let jobs = Family::<Decision, Counter>::default();
        registry.register("jobs", "Jobs that were decided, by the exit code of their gate; none: without verdicts", jobs.clone());
        let stages = Family::new_with_constructor(stage_seconds as fn() -> Histogram);
        registry.register_with_unit("trial_stage", "Time of a trial's stage on its worker", Unit::Seconds, stages.clone());
        let kept = Counter::default();
        registry.register_with_unit("artifact", "Bytes of artifacts that trials kept", Unit::Bytes, kept.clone());
        let list: [(&str, &str, Of); 8] = [
            ("queue_waiting", "Trials that wait", |g| g.waiting as f64),
            ("trials_running", "Trials that run", |g| g.running as f64),
            ("queue_oldest_seconds", "Age of the oldest waiting trial", |g| g.oldest_waiting_seconds),
            ("jobs_due", "Jobs whose trials have all ended, without verdicts", |g| g.due as f64),
            ("jobs_due_oldest_seconds", "Time since the trials of the oldest of them ended", |g| g.oldest_due_seconds),
            ("workers_alive", "Workers that live and take trials", |g| g.workers as f64),
            ("slots", "Slots of workers that live and take trials", |g| g.slots as f64),
            ("webhook_deliveries_waiting", "Webhook deliveries that wait", |g| g.deliveries as f64),
        ];
        let gauges = list.map(|(name, help, of)| {
            let gauge = Float::default();
            registry.register(name, help, gauge.clone());
            (gauge, of)
        });
        Self { registry, requests, leases, trials, jobs, stages, kept, gauges: gauges.into() }
    }
}

impl Metrics {
    pub(crate) fn request(&self, route: &'static str, method: &Method, status: StatusCode, took: Duration) {
        let labels = Request { route, method: method.as_str().to_owned(), status: status.as_u16() };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn lease(&self, took: Duration) {
        self.leases.observe(took.as_secs_f64());
    }

    /// A trial that ended: once for each, by whichever way. `stage` is where it failed.
    pub(crate) fn ended(&self, state: TrialState, stage_name: &str) {
        let state = match state {
            TrialState::Finished => "finished",
            TrialState::Cancelled => "cancelled",
            _ => "failed",
        };
        self.trials.get_or_create(&Ended { state, stage: stage(stage_name) }).inc();
    }

    /// A job that was decided: once for each. Without an outcome it ended without verdicts.
    pub(crate) fn decided(&self, exit_code: Option<u8>) {
        let exit_code = exit_code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        self.jobs.get_or_create(&Decision { exit_code }).inc();
    }

    /// How long a trial's stages took on its worker.
    pub(crate) fn took(&self, cost: &TrialCost) {
        // As the worker says; no worker makes the figure run over.
        self.kept.inc_by(cost.kept_bytes.min(TRIAL_MOST));
        for (name, seconds) in &cost.stages {
            self.stages.get_or_create(&Stage { stage: stage(name) }).observe(*seconds);
        }
    }

    /// As Prometheus reads it (OpenMetrics text).
    pub fn text(&self, gauges: &Gauges) -> String {
        for (gauge, of) in &self.gauges {
            gauge.set(of(gauges));
        }
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut out, &self.registry);
        out
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A file of the tree.
    fn file(path: &str) -> String {
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
    }

    #[test]
    fn what_docs_alerts_and_dashboard_name_is_what_is_counted() {
        let m = Metrics::default();
        // What has never been counted is not in the text.
        m.request("/v1/me", &Method::GET, StatusCode::OK, Duration::ZERO);
        m.lease(Duration::ZERO);
        m.ended(TrialState::Finished, "");
        m.decided(Some(0));
        m.took(&TrialCost { stages: vec![("boot".to_owned(), 1.0)], ..TrialCost::default() });
        let text = m.text(&Gauges::default());
        let lines = text.lines().filter(|l| !l.starts_with('#'));
        let counted: BTreeSet<&str> = lines.filter_map(|l| l.split(['{', ' ']).next()).collect();
        let base = |name: &str| {
            let of = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
            of.unwrap_or(name).to_owned()
        };
        let page = file("docs/operations.md");
        let rows = page.lines().filter_map(|l| l.strip_prefix("| `")).filter(|l| l.starts_with("stakeout_"));
        let rows: BTreeSet<String> = rows.filter_map(|l| l.split(['{', '`']).next()).map(str::to_owned).collect();
        assert_eq!(rows, counted.iter().map(|name| base(name)).collect::<BTreeSet<_>>());
        for path in ["deploy/prometheus/alerts.yaml", "deploy/grafana/stakeout.json"] {
            let text = file(path);
            let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_').filter(|w| w.starts_with("stakeout_"));
            let unknown: BTreeSet<&str> = words.filter(|w| !counted.contains(w)).collect();
            assert!(unknown.is_empty(), "{path}: {unknown:?}");
        }
    }

    #[test]
    fn the_text_has_what_was_counted_and_bounded_names() {
        let m = Metrics::default();
        m.lease(Duration::from_millis(2));
        m.ended(TrialState::Failed, "made up");
        for kept_bytes in [1000, u64::MAX] {
            m.took(&TrialCost { kept_bytes, ..TrialCost::default() });
        }
        let text = m.text(&Gauges { waiting: 3, ..Gauges::default() });
        assert!(text.contains("stakeout_queue_waiting 3.0"), "{text}");
        assert!(text.contains(&format!("stakeout_artifact_bytes_total {}", TRIAL_MOST + 1000)), "{text}");
        assert!(text.contains("stakeout_lease_seconds_count 1") && text.contains("stage=\"other\""), "{text}");
    }
}
