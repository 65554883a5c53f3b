//! The orchestrator: it takes jobs, leases their trials to workers, decides verdicts and signs bundles.
//!
//! [`Service`] holds a store, a place for artifacts and the operator's key, and nothing in memory that matters: a process
//! that dies and starts again goes on where the store says. It implements the worker's [`stakeout_agent::Orchestrator`], so
//! that `stakeout run` has a worker in the same process and the same code paths as a farm: leases, epochs, fenced writes.
//!
//! The way of a job: [`Service::submit`] stores the app, commits to the job's secret and gives the receipt; workers lease
//! trials, whose ids follow from the job's, and whose keys are derived from that secret, the submitter's nonce, the trial and
//! the epoch; when the last trial has ended, [`finish::finish`] decides the verdicts and writes result, report and bundle.
//!
//! Not here: what a verdict is (`domain`), what a match is (`evidence`), Docker (`containers`).
//!
//! [`api`] is the same over HTTP for people, pipelines and workers, with tokens and tenants; `web` is its pages; [`http`] listens, [`tasks`] does what
//! is to be done without being asked. Several processes may serve one store side by side, by one [`clock`].
//!
//! Read first: [`Service`], [`intake`] for what is refused at the door (and in which process), [`finish`], [`api`].

pub mod api;
pub mod clock;
pub mod finish;
mod host;
pub mod http;
pub mod intake;
pub mod metrics;
mod packing;
mod pictures;
pub mod receipts;
pub mod scenarios;
pub mod seal;
mod service;
mod statements;
pub mod tasks;
pub mod trace;
mod tries;
mod web;
mod worker_port;

pub use service::{Secrets, Service, ServiceError, Submission, fingerprint};

/// Version of the engine, as it stands in results and bundles.
pub const ENGINE: &str = concat!("stakeout ", env!("CARGO_PKG_VERSION"));
