//! How a device speaks with Google's Android Emulator: four links, each a small client with limits.
//!
//! An emulator that has started offers, on loopback only: a **discovery file** that names its ports and its token; the
//! guest's **adbd** on a TCP port; a line-based **console**; and the **gRPC** service `EmulatorController`. Nothing here
//! starts an emulator or decides what its answers mean: that is the device's. No adb server is started and no `adb` program
//! is needed: the client speaks to the guest's adbd itself, so a container holds no process that nobody asked for.
//!
//! **All four peers are hostile input.** The guest runs the app, and an app can reach its emulator's ports unless a firewall
//! stops it. So every length, every count and every wait has a limit, a peer that says nonsense loses its connection, and
//! output that goes over a ceiling is cut and marked, never silently short.
//!
//! Every call takes the time that it may use, and may be dropped at any await: no half-written frame stays behind, and an
//! answer that comes late is never taken for the next one's. Every error is a [`LinkError`]: at which [`Stage`], which
//! [`Fault`].
//!
//! The rooms:
//! - [`discovery`]: `pid_*.ini`, where it is and what it says.
//! - [`guest`]: the trait [`guest::Guest`], what a device may ask of a guest, whatever carries it.
//! - [`adb`]: the guest over TCP: messages, streams, shell, sync, install, logcat.
//! - [`console`]: the console: banner, token, commands, `OK` and `KO`.
//! - [`control`]: gRPC: keys, position, messages, screenshots, sound, notifications.
//! - [`limits`]: every ceiling in one place.
//!
//! Sources and doubts are in `docs/emulator-links.md`. Read first: [`guest::Guest`], then [`LinkError`].

pub mod adb;
pub mod console;
pub mod control;
mod dial;
pub mod discovery;
mod error;
pub mod guest;
pub mod limits;
mod token;

pub use adb::Adb;
pub use console::Console;
pub use control::Control;
pub use error::{Fault, LinkError, Stage};
pub use token::Token;
