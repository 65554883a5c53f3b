//! The documents of the HTTP API, version 1: what people, pipelines and workers send to a farm and get from it.
//!
//! The OpenAPI document is made from these types, so a doc comment here is what a user of the API reads. Times are Unix
//! milliseconds where a program compares them (`*_ms`), and RFC 3339 nowhere: one form, one meaning. Lists come in pages
//! ([`page::Page`]); what goes wrong comes as a problem document ([`problem::Problem`], RFC 9457).
//!
//! Unknown fields of a request are refused: a typing mistake in `reuse` or `priority` must not run a different job.

pub mod access;
pub mod apps;
pub mod events;
pub mod fleet;
pub mod hooks;
pub mod jobs;
pub mod page;
pub mod problem;
