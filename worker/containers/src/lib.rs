//! Containers, and nothing else names the engine's client library.
//!
//! A [`Cell`] is one trial's sealed room: a gateway container, and a device container in its network namespace. The gateway
//! comes first and says `sealed` before the device's container is even made, so no moment exists in which something in the
//! cell could reach a network another way. In the `sinkhole` policy the namespace has no network at all but its loopback.
//!
//! Both containers get what they need and nothing more ([`hardening`]): all capabilities dropped but a short list that the
//! first process gives up by itself, no new privileges, a read-only root, tmpfs with sizes, limits on memory, processes, open
//! files, no core files, no log on disk, and a filter of system calls made for what they run ([`seccomp`]). They speak over standard input and output only ([`Pipe`]); when their input ends they
//! end by themselves.
//!
//! Everything made here carries the label [`LABEL`] with the [`Owner`]: boot id, process, start time. [`Engine::sweep`] removes
//! what owners left that are dead (`kill -9`, a crash, a reboot), and never touches what has no label or a living owner. A cell
//! is destroyed by [`Cell::destroy`], else when it is dropped, and [`Engine::destroy_all`] is for the end of a process.
//!
//! [`Engine::build_image`] builds an image from a stream; a [`Bakery`] is a container that works for a while and is then kept as one.
//!
//! [`Engine::run_once`] runs a container for its output: the analysis of hostile bytes without network or capabilities.
//!
//! Read first: [`Engine`], [`CellSpec`], [`Cell`].

mod cell;
mod engine;
mod error;
pub mod hardening;
mod images;
mod once;
mod owner;
mod pipe;
pub mod seccomp;
mod stats;
mod sweep;
mod walls;

pub use cell::{Cell, CellNetwork, CellSpec, DevicePipe, EMULATOR_PORTS, GatewayPipe, Pipes};
pub use engine::{Engine, EngineInfo};
pub use error::EngineError;
pub use images::{Bakery, BakerySpec, BuildError, Image, ImageSpec, Kvm};
pub use once::{Once, OnceOutput, OnceSpec};
pub use owner::{LABEL, Owner, ROLE_LABEL, TRIAL_LABEL};
pub use pipe::{Pipe, PipeError, PipeReader, PipeWriter, STDERR_KEPT, Stderr};
pub use seccomp::{Filter, FilterError};
pub use stats::Usage;
pub use sweep::Swept;
pub use walls::{Runtimes, RuntimesError, Walls};
