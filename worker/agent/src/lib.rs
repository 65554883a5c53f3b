//! The worker: it leases trials, runs each in a cell of its own, and hands in what came out.
//!
//! A host with Docker runs one [`Worker`]. Its loop asks the [`Orchestrator`] for a lease, gives it to the runner, renews the
//! lease while the runner works, and completes the trial or gives the lease back, once. Whether the orchestrator is in the same
//! process (the `stakeout run` command) or behind HTTP is of no concern here: both implement the same trait.
//!
//! One trial goes through stages, whose names are those of `TrialCost`: `lease` (the app's bytes are fetched), `cell` (gateway
//! sealed, device container up), `boot`, `convert` and `install`, `script` (the scenario's steps), `collect` (files, capture,
//! logs), `analyse` (detectors, in a container without power). A stage that fails gives the lease back under its name; whether
//! there is another try is the orchestrator's decision. What an app does to itself (it takes all time, its code does not
//! convert) is no reason for another try: the trial is completed as failed, with what there is. Whatever happens, the cell is
//! destroyed before the orchestrator hears of it.
//!
//! What comes out of a cell is hostile. Everything passes [`link::Link`], the one border that tests replace by a script; behind
//! it, names are only data, sizes are bounded, and an answer that is no answer ends the cell. What is told of a trial, in whatever
//! words, leaves by the [`door`], which keeps back what was typed.
//!
//! The pure parts have no I/O and no clock: [`timeline`] (which state the device was in, and when it was in use), [`dating`] (one
//! clock for device and gateway), [`phone`] (which verbs bring a device into a state), [`names`] (what was asked of DNS, as something
//! that was sent).
//!
//! Read first: [`Orchestrator`], [`Worker`], then [`runner`] and [`script`].

mod addresses;
pub mod analysis;
pub mod ca;
pub mod cell;
pub mod collect;
pub mod config;
pub mod dating;
pub mod door;
pub mod error;
pub mod folder;
pub mod keep;
pub mod link;
pub mod names;
pub mod orchestrator;
pub mod phone;
pub mod prepared;
pub mod record;
pub mod report;
pub mod runner;
pub mod script;
pub mod secrets;
pub mod talk;
mod text;
pub mod timeline;
pub mod worker;

pub use config::{Images, Limits, WorkerConfig};
pub use error::{Failure, WorkerError, chain};
pub use orchestrator::{Fence, Orchestrator, OrchestratorError, RenewAnswer};
pub use worker::{Shutdown, Worker, WorkerReport};
