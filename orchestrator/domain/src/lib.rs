//! What may happen next, as pure functions: no input, no output, time is an argument.
//!
//! Three subjects live here. [`lease`] says what a trial's row in a store becomes when a worker leases, renews, completes or
//! loses it: the store reads a row, asks here, and writes what it is told, inside one transaction. [`verdict::decide`]
//! turns what trials left behind (records, observations, flows, findings) into the answers of a job.
//!
//! The rules of evidence are in [`verdict`] and nowhere else:
//!
//! - permission is not use: `declared`, `requested`, `granted` are answered apart from `opened`, `read` and above;
//! - a capture belongs to the device's state at the time of its *frame*, not of its upload;
//! - `proven` needs a coded match whose corrected probability is at most 1e-9; what only the device says is `supported`;
//! - absence is bounded or it is not said: each thing that could have hidden an event ([`reasons`]) turns `not_observed`
//!   into `inconclusive`, with what would settle it;
//! - what the scenario does not exercise is `not_tested`.
//!
//! Read first: [`verdict::decide`], [`verdict::TrialEvidence`], [`lease::apply`].

mod acts;
mod apis;
mod attribution;
pub mod budget;
mod captures;
mod dates;
mod events;
mod footprint;
pub mod gate;
pub mod lease;
pub mod matters;
pub mod permission;
mod photos;
pub mod reasons;
mod sent;
pub mod share;
pub mod tally;
pub mod turn;
pub mod verdict;
pub mod wait;

#[cfg(test)]
mod samples;
