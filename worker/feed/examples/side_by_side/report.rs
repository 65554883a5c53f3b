//! One table to read and one value to keep.

use serde_json::{Value, json};

use crate::score::{Method, Tally};

pub(crate) struct Report {
    n: u64,
    started: std::time::Instant,
    load: String,
}

/// A family at one setting and threshold.
struct Chosen<'a> {
    method: &'a Method,
    threshold: f64,
    /// `usual`, or `best` of all settings and thresholds.
    which: &'static str,
}

fn chosen(methods: &[Method]) -> Vec<Chosen<'_>> {
    let mut out: Vec<Chosen<'_>> = Vec::new();
    for method in methods {
        let same = |m: &&Method| (m.family, m.feed) == (method.family, method.feed);
        if out.iter().any(|c| same(&c.method)) {
            continue;
        }
        out.push(Chosen { method, threshold: method.usual, which: "usual" });
        // The first of those that are equally good, which is the usual one where it is among them.
        let mut best = (method, method.best());
        for m in methods.iter().filter(same) {
            if m.best().1 > best.1.1 {
                best = (m, m.best());
            }
        }
        if method.family != "code" {
            out.push(Chosen { method: best.0, threshold: best.1.0, which: "best" });
        }
    }
    out
}

fn told(tally: &Tally) -> Value {
    json!({
        "n": tally.n, "right": tally.right, "right_trial_only": tally.trial_only, "wrong_moment": tally.wrong_moment,
        "wrong_trial": tally.wrong_trial, "nothing": tally.nothing, "millis_median": (tally.millis * 1000.0).round() / 1000.0,
    })
}

impl Report {
    pub(crate) fn start(n: u64) -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self { n, started: std::time::Instant::now(), load: load.trim().to_owned() }
    }

    /// Prints the table, and gives all that was measured.
    pub(crate) fn told(&self, methods: &[Method]) -> Value {
        let chosen = chosen(methods);
        for feed in ["card", "room", "sound"] {
            print(feed, &chosen.iter().filter(|c| c.method.feed == feed).collect::<Vec<_>>());
        }
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|l| l.strip_prefix("model name")).map(|l| l.trim_matches([' ', '\t', ':']));
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        json!({
            "n": self.n,
            "machine": {"processor": model, "cores": cores, "load_at_start": self.load},
            "seconds": self.started.elapsed().as_secs(),
            "methods": methods.iter().map(|m| of_method(m, &chosen)).collect::<Vec<_>>(),
        })
    }
}

fn of_method(m: &Method, chosen: &[Chosen<'_>]) -> Value {
    let picked: Vec<&Chosen<'_>> = chosen.iter().filter(|c| std::ptr::eq(c.method, m)).collect();
    let mut thresholds: Vec<(&str, f64)> = picked.iter().map(|c| (c.which, c.threshold)).collect();
    if thresholds.is_empty() {
        thresholds = vec![("usual for this setting", m.usual), ("best for this setting", m.best().0)];
    }
    let at: Vec<Value> = thresholds
        .into_iter()
        .map(|(which, threshold)| {
            let rows: serde_json::Map<String, Value> =
                rows(m).into_iter().map(|r| (r.to_owned(), told(&m.tally(Some(r), threshold)))).collect();
            let negatives: serde_json::Map<String, Value> = kinds(m)
                .into_iter()
                .map(|k| {
                    let (accused, n, millis) = m.accused(Some(k), threshold);
                    (k.to_owned(), json!({"n": n, "accused": accused, "millis_median": (millis * 1000.0).round() / 1000.0}))
                })
                .collect();
            json!({"which": which, "threshold": threshold, "all": told(&m.tally(None, threshold)), "rows": rows, "negatives": negatives})
        })
        .collect();
    json!({"family": m.family, "feed": m.feed, "setting": m.setting, "at": at})
}

/// In the order of the run.
fn rows(m: &Method) -> Vec<&str> {
    let mut out: Vec<&str> = m.positives.iter().map(|p| p.0.as_str()).collect();
    out.dedup();
    out
}

fn kinds(m: &Method) -> Vec<&str> {
    let mut out: Vec<&str> = m.negatives.iter().map(|p| p.0.as_str()).collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// Cells: right / wrong / the rest, which named no moment.
fn print(feed: &str, chosen: &[&Chosen<'_>]) {
    let cell = |t: &Tally| format!("{}/{}/{}", t.right, t.wrong(), t.n - t.right - t.wrong());
    println!("\n{feed}: right / wrong / neither");
    for c in chosen {
        println!("  {} {}: {}, threshold {}", c.method.family, c.which, c.method.setting, c.threshold);
    }
    let line = |name: &str, cells: Vec<String>| {
        println!("| {name:34} |{}", cells.iter().fold(String::new(), |all, c| all + &format!(" {c:>18} |")));
    };
    line("", chosen.iter().map(|c| format!("{} {}", c.method.family, c.which)).collect());
    for row in chosen.first().map(|c| rows(c.method)).unwrap_or_default() {
        line(row, chosen.iter().map(|c| cell(&c.method.tally(Some(row), c.threshold))).collect());
    }
    line("all", chosen.iter().map(|c| cell(&c.method.tally(None, c.threshold))).collect());
    line("right trial, no moment", chosen.iter().map(|c| c.method.tally(None, c.threshold).trial_only.to_string()).collect());
    line("wrong trial", chosen.iter().map(|c| c.method.tally(None, c.threshold).wrong_trial.to_string()).collect());
    line("median ms", chosen.iter().map(|c| format!("{:.2}", c.method.tally(None, c.threshold).millis)).collect());
    for kind in chosen.first().map(|c| kinds(c.method)).unwrap_or_default() {
        let accused = |c: &&Chosen<'_>| {
            let (accused, n, _) = c.method.accused(Some(kind), c.threshold);
            format!("{accused}/{n}")
        };
        line(&format!("{kind}: accused"), chosen.iter().map(accused).collect());
    }
}
