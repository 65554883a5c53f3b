//! A check: a name, a sentence, a deadline, and what it came to.

use std::{future::Future, pin::Pin, time::Duration};

use stakeout_agent::talk::AskError;

use crate::session::Session;

/// What a check is when it does not fail.
pub(crate) enum Passed {
    /// It holds.
    Yes,
    /// It says nothing of this device, and why.
    Skipped(String),
}

/// What a check is when it fails.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected}; came {came}")]
pub(crate) struct Trouble {
    /// What should have been.
    pub(crate) expected: String,
    /// What was.
    pub(crate) came: String,
    /// The cell cannot be asked any more.
    pub(crate) over: bool,
}

pub(crate) type Verdict = Result<Passed, Trouble>;

/// A failure after which the cell can still be asked.
pub(crate) fn trouble(expected: impl Into<String>, came: impl Into<String>) -> Trouble {
    Trouble { expected: expected.into(), came: came.into(), over: false }
}

/// Fails unless `holds`.
pub(crate) fn ensure(holds: bool, expected: impl Into<String>, came: impl FnOnce() -> String) -> Result<(), Trouble> {
    if holds { Ok(()) } else { Err(trouble(expected, came())) }
}

/// It says nothing of this device.
#[allow(clippy::unnecessary_wraps, reason = "it is what a check returns")]
pub(crate) fn skipped(why: impl Into<String>) -> Verdict {
    Ok(Passed::Skipped(why.into()))
}

impl From<AskError> for Trouble {
    fn from(e: AskError) -> Self {
        let over = !matches!(e, AskError::Problem(_));
        Self { expected: "an answer".to_owned(), came: e.to_string(), over }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(e: std::io::Error) -> Self {
        trouble("files of this host to be usable", e.to_string())
    }
}

pub(crate) type Run = for<'a> fn(&'a mut Session) -> Pin<Box<dyn Future<Output = Verdict> + 'a>>;

/// A verdict for which nobody is asked.
pub(crate) fn at_once<'a>(verdict: Verdict) -> Pin<Box<dyn Future<Output = Verdict> + 'a>> {
    Box::pin(std::future::ready(verdict))
}

/// One thing that must hold.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    /// The rest of the scene needs it.
    pub(crate) setup: bool,
    /// Real time that it may take on a virtual clock; four times as long on a real one.
    pub(crate) within: Duration,
    pub(crate) run: Run,
}

/// A check that may take a minute and a half.
pub(crate) const fn check(name: &'static str, says: &'static str, run: Run) -> Check {
    Check { name, says, setup: false, within: Duration::from_secs(90), run }
}

/// A check that the rest of its scene needs; it may take five minutes, as a device under load boots slowly.
pub(crate) const fn setup(name: &'static str, says: &'static str, run: Run) -> Check {
    Check { name, says, setup: true, within: Duration::from_secs(300), run }
}

/// One cell and the checks that share it, in order.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) checks: Vec<Check>,
}
