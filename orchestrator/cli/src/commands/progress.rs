//! Progress of trials: a bar each on a terminal, a line a stage elsewhere.

use std::{collections::BTreeMap, io::IsTerminal, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use stakeout_contract::{Nanos, lease::Progress};

use crate::output::plain;

/// Shows what trials report.
pub(crate) struct Show {
    bars: Option<MultiProgress>,
    by_trial: BTreeMap<u32, ProgressBar>,
    last: BTreeMap<u32, String>,
}

impl Show {
    pub(crate) fn new() -> Self {
        let bars = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self { bars, by_trial: BTreeMap::new(), last: BTreeMap::new() }
    }

    /// One report.
    pub(crate) fn on(&mut self, p: &Progress) {
        let clock = Nanos::saturating((p.at_seconds.max(0.0) * 1e9) as u64);
        let detail = plain(&p.detail);
        let Some(multi) = &self.bars else {
            let stage = format!("{} {detail}", p.stage);
            if self.last.get(&p.number) != Some(&stage) {
                say!("trial {}: {} {detail} [{clock}]", p.number, p.stage);
                self.last.insert(p.number, stage);
            }
            return;
        };
        let bar = self.by_trial.entry(p.number).or_insert_with(|| {
            let bar = multi.add(ProgressBar::new(1000));
            if let Ok(style) = ProgressStyle::with_template("{prefix} {spinner} [{bar:24}] {msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_prefix(format!("trial {}", p.number));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let share = if p.of_seconds > 0.0 { (p.at_seconds / p.of_seconds * 1000.0).clamp(0.0, 1000.0) as u64 } else { 0 };
        bar.set_position(share);
        let message = format!("{:<8} device clock {clock} {detail}", p.stage);
        if p.stage == "done" || p.stage == "failed" {
            bar.finish_with_message(message);
        } else {
            bar.set_message(message);
        }
    }

    /// A line besides the bars.
    pub(crate) fn say(&self, line: &str) {
        match &self.bars {
            Some(m) => m.suspend(|| say!("{line}")),
            None => say!("{line}"),
        }
    }

    /// Leaves the terminal as it was.
    pub(crate) fn end(&self) {
        if let Some(m) = &self.bars {
            let _ = m.clear();
        }
    }
}
