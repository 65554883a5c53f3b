//! What is found in artifacts, and what is said of the rest. One program, as each would be linked anew.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod canaries;
mod chains;
mod common;
mod hidden;
mod hostile;
mod layers;
mod media;
mod parts;
mod records;
