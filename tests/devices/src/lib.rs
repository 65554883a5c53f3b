//! One suite for every kind of device: it makes cells as a worker does and asks of the device in them what the protocol says
//! that a device does.
//!
//! A device is whatever speaks `stakeout_protocol::device`. The suite knows an app (`tests/apps/conform`), whose buttons each
//! do one thing, and what a device must then say, store and let through. What a device cannot do it says in its `hello`
//! (clock `virtual` or `real`, cooperative or not) or by a `not_watched` fact; nothing here asks for its name. So a device that
//! passes can stand where another stood: that is what the suite is for.
//!
//! Not here: how a trial is run (`stakeout-agent`), how containers are made (`stakeout-containers`), and what an app did
//! (`stakeout-evidence`). What passing proves is in `docs/conformance.md`.
//!
//! A [`scene`](Plan) is one cell and the checks that share it, in order; a check that others need is a `setup`, and if it fails
//! the rest of its scene is skipped. Every check has a deadline, so a device that hangs fails one check and ends one scene.
//!
//! Read first: [`Plan`], [`run()`], [`Report`], then `scenes`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail"))]

mod app;
mod check;
mod host;
mod media;
mod raw;
mod report;
mod run;
mod scenes;
mod session;
mod snapshot;
mod tap;

pub use host::HostFacts;
pub use media::{NotSound, Wav};
pub use report::{CheckReport, Outcome, Report};
pub use run::{Plan, SuiteError, names, run};
