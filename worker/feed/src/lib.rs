//! Codes for what a device sees and hears: how they are drawn, and how they are found again.
//!
//! The camera and the microphone of a device are fed by us. Every frame and every 50 ms of sound carries signs that only this
//! trial's key makes, so a picture or a sound that turns up in a file or a flow says which frame or which second it was, however
//! late and however bent it comes, and an app that never had the key cannot forge it.
//!
//! Read [`keys`] first (one key a trial, one subkey a sensor), then [`CameraFeed`] and [`MicFeed`], which draw, then
//! [`CameraDetector`] and [`MicDetector`], which find. [`bound`] has the one sentence that carries the evidence: the detector makes
//! a unit vector from an artifact *without looking at the signs of any frame*, so for whatever the artifact shows those signs are
//! coin tosses, and the chance of a false match has a bound that needs no model of images or sounds.
//!
//! What is drawn is a function of (subkey, frame or sample number, size or rate) and of nothing else: integers, or `f64` with
//! only `+ - * /` and square roots in a stated order, so any machine draws the same bytes, in any order, from any point. What is
//! found uses `f32` transforms, whose last digit may differ between machines; scores are evidence by their bound, not by their
//! digits.
//!
//! [`planting`] draws the made-up people, calls and places of a trial from the same key, and says whether a record's are those.
//!
//! Not here: files, sockets, clocks, containers of media, unwrapping of flows. This crate takes and gives arrays.

pub mod bound;
mod camera;
mod camera_detect;
mod codeword;
mod correlate;
mod cyclic;
mod effort;
mod elsewhere;
mod error;
pub mod keys;
mod lattice;
mod matrix;
mod mic_detect;
mod microphone;
mod pattern;
mod plane;
pub mod planting;
mod raw;
mod read;
mod refine;
mod resample;
mod scene;
mod score;
mod search;
mod time;
mod trig;
mod whisper;
mod whiten;

pub use camera::{CameraFeed, FeedMode, Feeds};
pub use camera_detect::{CameraDetector, CameraReading, CandidateTrial, FrameMatch, Geometry, GrayImage, Lead};
pub use effort::Effort;
pub use error::FeedError;
pub use keys::{SubKey, SubKeys, TrialKey};
pub use mic_detect::{Listened, MicCandidate, MicDetector, SoundMatch, SoundPart};
pub use microphone::{BLOCK_CHIPS, CHIP_RATE, MIC_RATES, MicFeed};
pub use raw::{known_heights, raw_candidates, raw_gray, row_length};
pub use time::{FRAMES_PER_SECOND, Facing, frame_at, nanos_of_frame};
