//! The worker: it leases trials, runs each in a cell of its own, and hands in what came out.
//!
//! A host with Docker runs one [`Worker`]. Its loop asks the [`Orchestrator`] for a lease, gives it to the runner, renews the
//! lease while the runner works, and completes or fails the trial once. Whether the orchestrator is in the same process (the
//! `stakeout run` command) or behind HTTP is of no concern here: both implement the same trait.
//!
//! One trial goes through stages, whose names are those of `TrialCost`: `lease` (the app's bytes are fetched), `cell` (gateway
//! sealed, device container up), `boot`, `convert` and `install`, `script` (the scenario's steps), `collect` (files, capture,
//! logs), `analyse` (detectors, in a container without power). A stage that fails fails the trial under its name; whether it is
//! tried again is the orchestrator's decision. Whatever happens, the cell is destroyed before the trial is answered for.
//!
//! What comes out of a cell is hostile. Everything passes [`port::CellPort`], the one border that tests replace by a script;
//! behind it, names are only data, sizes are bounded, and an answer that is no answer ends the cell.
//!
//! The pure parts have no I/O and no clock: [`planting`] (what is put on the device, from the trial's key), [`timeline`] (which
//! state the device was in, and when it was in use), [`dating`] (one clock for device and gateway).
//!
//! Read first: [`Orchestrator`], [`Worker`], then [`runner`].

pub mod config;
pub mod orchestrator;

pub use config::{Images, Limits, WorkerConfig};
pub use orchestrator::{Fence, Orchestrator, OrchestratorError, RenewAnswer};
