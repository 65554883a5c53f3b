//! The first process of a device's container: what a worker talks to, and what holds an app's guest in its hands.
//!
//! A worker speaks [`stakeout_protocol::device`] with it on standard input and output; nothing listens on a port. It holds
//! the keys of the feeds, renders what the camera and the microphone are given, starts the guest as another user without
//! any power, watches it, and hands out its files as a bounded tar at the end. When its standard input ends it kills
//! everything and exits: a cell never outlives its worker.
//!
//! **All that comes out of a guest is hostile.** The app may share its process. So every line has a limit, every number of
//! things has a limit, what goes over a limit is counted and told as `lost` (silence must not read as absence), times
//! outside of what was allowed are moved in and told as `escape`, and no text of a guest is ever used as a path.
//!
//! The rooms:
//! - [`core`]: what every kind of device has: the session with the worker, blobs, order of verbs, the clock's window.
//! - [`jvm`]: the Java host: its process, its pipe, what is believed of it, and the converter from dex to class files.
//! - [`feed`]: the thread that answers the guest's requests for frames and sound, and its log: the source of `delivered`.
//! - [`snapshot`]: files of a stopped guest as a tar.
//!
//! A new kind of device is a new room that implements [`core::guest::Guest`], and an image.
//!
//! Not here: the detectors, the network (the gateway's), and any decision about what a trial means.
//!
//! Read first: [`core::guest::Guest`], then [`jvm::JvmGuest`].

pub mod confine;
pub mod core;
pub mod emulator;
mod error;
pub mod feed;
pub mod jvm;
pub mod snapshot;

pub use error::DeviceError;
