//! Listens in on what a device says, beside the conversation: clock samples as they came, and its records.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stakeout_agent::link::{FromCell, Link};
use stakeout_contract::clock::ClockSample;
use stakeout_protocol::{
    Wire,
    device::{Event, FromDevice},
};
use tokio::sync::mpsc::channel;

/// A line of a log that is a raw answer of the guest, for those who write parsers.
const RECORD: &str = "record:";
/// Samples, and bytes of records, that are kept.
const SAMPLES: usize = 100_000;
const RECORDS: usize = 64 << 20;

/// What was heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Both clocks, in the order in which they came.
    pub(crate) samples: Vec<ClockSample>,
    /// Records, a line each, without the word before them.
    pub(crate) records: String,
    /// What the guest's health was said to be.
    pub(crate) health: Vec<String>,
}

/// A cell's ear.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tap(Arc<Mutex<Heard>>);

impl Tap {
    /// The same link, listened to.
    pub(crate) fn on(mut link: Link) -> (Link, Self) {
        let tap = Self::default();
        let ear = tap.clone();
        let (to, from) = channel(1);
        let mut inner = std::mem::replace(&mut link.from, from);
        link.pumps.spawn(async move {
            while let Some(item) = inner.recv().await {
                if let FromCell::Device(Wire::Message(FromDevice::Event(e))) = &item {
                    ear.hear(e);
                }
                if to.send(item).await.is_err() {
                    return;
                }
            }
        });
        (link, tap)
    }

    /// What was heard so far.
    pub(crate) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, event: &Event) {
        let mut heard = self.heard();
        match event {
            Event::Clock { real, at } if heard.samples.len() < SAMPLES => heard.samples.push(ClockSample { real: *real, at: *at }),
            Event::Log { line } => {
                if let Some(record) = line.strip_prefix(RECORD).filter(|r| heard.records.len() + r.len() < RECORDS) {
                    heard.records.push_str(record.trim_start());
                    heard.records.push('\n');
                }
            }
            Event::Health { code, message } if heard.health.len() < 100 => heard.health.push(format!("{code}: {message}")),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use stakeout_contract::Nanos;

    use super::*;

    #[test]
    fn records_are_the_log_lines_that_begin_with_the_word() {
        let tap = Tap::default();
        for line in ["record: dumpsys audio", "another line", "record:x"] {
            tap.hear(&Event::Log { line: line.to_owned() });
        }
        tap.hear(&Event::Clock { real: 2, at: Nanos::ZERO });
        tap.hear(&Event::Clock { real: 1, at: Nanos::ZERO });
        assert_eq!(tap.heard().records, "dumpsys audio\nx\n");
        assert_eq!(tap.heard().samples.len(), 2, "a clock that runs backwards is for a check to say");
    }
}
