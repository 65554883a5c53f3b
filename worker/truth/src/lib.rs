//! What an Android guest's own records say: who opened the camera, who recorded, who read what, and in which state.
//!
//! An app that runs in a real Android cannot be tapped as on the jvm device; but Android keeps books of its own, and tells
//! them to whoever asks over adb. This crate reads the answers of `dumpsys`, `cmd`, `am`, `pm`, `getprop`, `logcat` and
//! `uiautomator`, of API 26 to 36. It asks nothing itself: bytes go in, values come out, without I/O, clock or threads.
//!
//! The answers differ with every version and may end anywhere, and a part of what is in them was written by the app under
//! test. So each parser takes what it knows and counts what it does not: it fails never. What was cut, refused or not understood
//! is in the [`Notes`] beside the value ([`Parsed`]); an empty value with notes is not "nothing happened".
//!
//! The records keep time badly: no year, often only seconds, in the guest's time zone. Every date is a [`When`], from the earliest
//! to the latest instant that the record allows, resolved against a [`GuestClock`]. The rings that hold events forget the oldest:
//! [`delta`] compares two polls, and a gap between them is a value of its own ([`Delta::Overflow`]).
//!
//! [`access`] turns records into accesses, in the product's words: a sensor was opened, data was read, access was refused, a
//! microphone was silenced (then the app got zeros: an attempt, no capture). Facts, sources and doubts of every record are in
//! `docs/ground-truth.md`.
//!
//! Not here: adb, polling, what an access means for a verdict.
//!
//! Read first: [`camera`] as the pattern of all parsers, then [`ring`] and [`access`]. [`parse_any`] is the door for fuzzers.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail"))]

pub mod access;
pub mod activity;
mod any;
pub mod appops;
pub mod audio;
pub mod camera;
mod lines;
pub mod logcat;
mod notes;
pub mod package;
pub mod power;
pub mod privacy;
pub mod props;
pub mod ring;
pub mod ui;
mod when;

pub use access::{Access, Outcome, Source, Span, What};
pub use any::{RecordKind, parse_any};
pub use notes::{Cut, MAX_BYTES, MAX_ITEMS, MAX_LINE, Notes, Parsed};
pub use ring::{Delta, RingEntry, delta};
pub use when::{GuestClock, When, Zone, ZoneError};
