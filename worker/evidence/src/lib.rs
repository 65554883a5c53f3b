//! Artifacts in, findings out.
//!
//! A trial leaves bytes behind: the app's files, what it sent, plain texts that it encrypted. This crate says what of the trial's
//! own camera, microphone and planted data is in them. It does four things in a row, each in its own room:
//!
//! 1. `walk` undoes layer after layer (HTTP, multipart, compression, base64, JSON, ...; how is in `unwrap`) and hands on each
//!    piece with the chain of what was undone and the way back to the file's own bytes.
//! 2. `carve` finds pictures, sounds and films inside a piece, by their structure.
//! 3. `media` decodes them, and the detectors of `stakeout-feed` say which frame or second of which trial they hold; `canary`
//!    looks for planted values in all their forms.
//! 4. [`analyze()`] corrects every probability for all that was searched, and puts findings, leads and what could not be looked into
//!    in one document that is the same for the same bytes.
//!
//! Everything that is read was written by a stranger who may know this code. So every decoding has a ceiling ([`Limits`]), nothing
//! recurses with the input's depth but up to a limit, text never becomes a path, and a limit that is hit, an encryption, a codec
//! that is not known are all told: what was not looked into forbids the sentence "not observed".
//!
//! Not here: network, containers, keys of others, verdicts. The one process that may be started is `ffmpeg` (or `tshark`), by
//! a trait whose other implementation says that there is none.
//!
//! Read first: [`analyze_trial_dir`], then `walk`.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail"))]

mod analyze;
mod canary;
mod carve;
mod child;
mod cipher;
mod detect;
mod error;
mod faint;
mod files;
mod hidden;
mod limits;
mod look;
mod media;
mod part;
mod pcm;
mod raw;
mod recovered;
mod search;
mod shown;
mod told;
pub mod tshark;
mod unwrap;
mod walk;

pub use analyze::{Engine, Input, Source, analyze, analyze_bytes, analyze_for, analyze_trial_dir};
pub use carve::Format;
pub use error::EvidenceError;
pub use files::analyze_files;
pub use hidden::behind_layers;
pub use limits::Limits;
pub use media::{Ffmpeg, MediaDecoder, NoDecoder, NotOpened, Piece, Sound, Taker, Told};
pub use recovered::picture;
pub use tshark::{CaptureReader, NoCaptures, Tshark};
