//! The messages between a worker and the first process of a device or gateway container, over standard input and output.
//!
//! Both sides speak JSON lines. The worker sends requests with an id; the other side answers each once, and in between
//! sends events. Bytes that are no JSON (an APK, a file tree, a capture) follow a line that announces their number, so a
//! pipe carries both. Nothing listens on a port: there is nothing to authenticate, and nothing that an app could attack.
//!
//! ```text
//! {"id":1,"verb":"hello"}
//! {"id":1,"ok":{"kind":"jvm","api":[23,27,34],...}}
//! {"event":"clock","real":..,"at":..}
//! {"chunk":{"blob":4,"bytes":65536}}<65536 raw bytes>
//! {"chunk":{"blob":4,"bytes":0}}                        the blob is complete
//! ```
//!
//! What comes out of a container is hostile: the app may have taken over the process behind the pipe. So lines and chunks
//! have limits ([`wire::LINE_MAX`], [`wire::CHUNK_MAX`]), an answer to a question that was not asked is an error, and
//! nothing that is received is used as a path.
//!
//! The worker knows no adb, no JVM and no HTTP: a new kind of device is a new image that speaks [`device`].
//!
//! Read first: [`device::Verb`], [`gateway::Verb`], then [`wire::WireCodec`]. [`bake`] is another talk: between the command that builds
//! an emulator's image and the program in it.

pub mod bake;
pub mod choice;
pub mod device;
pub mod gateway;
pub mod wire;

pub use wire::{Answer, Problem, Request, Wire, WireCodec, WireError};
