//! The emulator device: Google's Android Emulator in the device's container, driven from outside of it.
//!
//! The first process of the container is ours; it starts the emulator as a user without any power, and speaks with it by the four
//! links of `stakeout-links`: the guest's adbd, console, gRPC and the discovery file. Those ports are on the container's loopback;
//! the gateway closes them to the emulator's own user, as the guest reaches that loopback as 10.0.2.2.
//!
//! What is known of the app comes from outside of its process: Android's own books, read over adb (`stakeout-truth`), and the
//! feed's own log. The guest's text is hostile all the same: an app writes to the log, names itself, and fills the screen.
//!
//! - [`layout`]: where things are. [`process`]: the emulator's program. [`boot`]: from a start to a guest that is ready, with one
//!   recovery for each way in which it hangs. [`clock`]: the trial's clock is the guest's uptime.
//! - [`phone`]: commands in the guest. [`apps`], [`ui`], [`plant`], [`trust`], [`files`], [`kept`]: what is done with them.
//! - [`camera`], [`sound`]: the feeds. [`display`]: a window that nobody sees. [`watch`]: what Android's books say, as facts. [`services`]: who keeps them.
//! - [`frida`]: an agent inside of the app, where the operator gives one: the app's own word, beside the books.
//! - [`traffic`], [`owners`]: whose what was sent and kept is.
//! - [`probe`]: proof that a phone is ready. [`guest`]: the verbs. [`bake`]: no trial, but the snapshot that trials start from.
//!
//! What a device of this kind does not see is told by `not_watched`, so that silence is never taken for innocence. Doubts about
//! a real emulator, which was never at hand here, are in `docs/emulator.md`.

pub mod apps;
pub mod bake;
pub mod boot;
pub mod camera;
pub mod clock;
pub mod display;
pub mod files;
pub mod frida;
pub mod guest;
pub mod kept;
pub mod layout;
pub mod owners;
pub mod phone;
pub mod plant;
pub mod probe;
pub mod process;
pub mod recorder;
pub mod services;
pub mod sound;
pub mod traffic;
pub mod trust;
pub mod ui;
pub mod watch;

pub use guest::EmulatorGuest;
pub use layout::{Deadlines, Layout, MicrophoneRoute};
