//! The emulator device over the stand-in: every verb, and what each misbehaviour becomes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test suite")]

mod bake;
mod faults;
mod film;
mod frida;
mod kept;
mod microphone;
mod others;
#[path = "../support/ports.rs"]
mod ports;
mod probe;
mod trial;
mod window;
mod worker;
