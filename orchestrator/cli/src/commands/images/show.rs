//! Progress of a build: a bar on a terminal, lines elsewhere.

use std::{
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use stakeout_sdk::{Event, Progress};

use super::bytes;
use crate::output::plain;

/// Between two lines about the same file.
const EVERY: Duration = Duration::from_secs(10);

/// Shows what happens.
pub(super) struct Show {
    bar: Option<ProgressBar>,
    pace: Mutex<Option<Pace>>,
}

/// One file on its way.
struct Pace {
    name: String,
    began: Instant,
    /// Bytes that were there then.
    from: u64,
    said: Instant,
}

impl Pace {
    fn new(name: &str, now: Instant, done: u64) -> Self {
        Self { name: name.to_owned(), began: now, from: done, said: now }
    }

    /// A line, if it is time for one.
    fn line(&mut self, now: Instant, done: u64, total: u64) -> Option<String> {
        if now.duration_since(self.said) < EVERY {
            return None;
        }
        self.said = now;
        let seconds = now.duration_since(self.began).as_secs_f64();
        let rate = (done.saturating_sub(self.from) as f64 / seconds) as u64;
        Some(format!("{}: {} of {}, {}/s", self.name, bytes(done), bytes(total), bytes(rate)))
    }
}

impl Show {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, pace: Mutex::new(None) }
    }

    /// A line for people. What is in it may come from strangers.
    pub(super) fn line(&self, text: &str) {
        let text = plain(text);
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say!("{text}"),
        }
    }

    /// What goes on now; gone with the next.
    pub(super) fn now(&self, text: &str) {
        if let Some(bar) = &self.bar {
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.reset_elapsed();
            bar.set_message(plain(text));
        } else {
            self.line(text);
        }
    }

    /// Leaves the terminal as it was.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn bytes(&self, name: &str, done: u64, total: u64) {
        let (now, done) = (Instant::now(), done.min(total));
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = pace.as_ref().is_none_or(|p| p.name != name);
        let pace = match &mut *pace {
            Some(p) if !fresh => p,
            other => other.insert(Pace::new(name, now, done)),
        };
        match &self.bar {
            Some(bar) => {
                if fresh {
                    let style = ProgressStyle::with_template(
                        "{spinner} {msg} [{bar:24}] {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left",
                    );
                    if let Ok(style) = style {
                        bar.set_style(style.progress_chars("=> "));
                    }
                    bar.set_message(plain(name));
                    bar.set_length(total);
                    bar.set_position(done);
                    // The rate is of this run, not of what was there before.
                    bar.reset_eta();
                }
                bar.set_position(done);
            }
            None => {
                if let Some(line) = pace.line(now, done, total) {
                    self.line(&line);
                }
            }
        }
    }
}

impl Progress for Show {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Step { what } => self.now(what),
            Event::Accepted { id, hash } => self.line(&format!("accepted by `--accept-licenses`: `{id}` ({hash})")),
            Event::Waiting { name } => self.line(&format!("{name}: another process fetches it; waiting")),
            Event::Bytes { name, done, total } => self.bytes(name, done, total),
            Event::Retry { name, why, after } => self.line(&format!("{name}: {why}; again in {} s", after.as_secs())),
            Event::Done { name, cached } => {
                self.line(&format!("{name}: {}", if cached { "is there and as it should be" } else { "fetched and as it should be" }));
            }
            Event::Stage { number, of, what, deadline } => {
                self.now(&format!("bake {number} of {of}: {what} (at most {} s)", deadline.as_secs()));
            }
            Event::Again { what, why } => self.line(&format!("bake: `{what}` failed ({why}); it begins anew")),
            Event::Note { text } => self.line(&format!("bake: {text}")),
            other => self.line(&format!("{other:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_every_ten_seconds_with_the_rate_of_this_run() {
        let began = Instant::now();
        let at = |s: u64| began + Duration::from_secs(s);
        let mut pace = Pace::new("x.zip", began, 500_000_000);
        assert_eq!(pace.line(at(9), 600_000_000, 2_000_000_000), None);
        assert_eq!(pace.line(at(10), 900_000_000, 2_000_000_000).unwrap(), "x.zip: 900 MB of 2.00 GB, 40 MB/s");
        assert_eq!(pace.line(at(19), 950_000_000, 2_000_000_000), None);
        assert_eq!(pace.line(at(20), 1_500_000_000, 2_000_000_000).unwrap(), "x.zip: 1.50 GB of 2.00 GB, 50 MB/s");
    }
}
