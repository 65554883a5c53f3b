//! A stand-in for Google's Android Emulator, for tests on machines without KVM.
//!
//! It takes the emulator's command line, writes its discovery file, and serves console, adbd and gRPC as the documents
//! describe them, over a small guest in memory. In the guest an app plays a script; the program misbehaves by name.
//!
//! **It proves that our clients agree with us and with the documents, no more.** It was written from the same reading as the
//! clients, and shares the shapes of messages with them. What only a real emulator can show, it does not show.
//!
//! - `FAKE_EMULATOR_SCRIPT`: a file with the app's script ([`script::Script`]), or the JSON itself.
//! - `FAKE_EMULATOR_FAULTS`: names of [`faults::Fault`], with commas.
//! - `FAKE_EMULATOR_SCALE`: how many seconds pass in the guest in one of ours.
//! - `FAKE_EMULATOR_API`: API level (34). `FAKE_EMULATOR_ABIS`: `ro.product.cpu.abilist`.
//! - `FAKE_EMULATOR_BOOT`: guest seconds that a boot takes (2).
//! - `FAKE_EMULATOR_FREE`: MiB that are said to be free where the virtual device lies; see [`disks`].
//! - `QEMU_AUDIO_DRV=pa`, with `PULSE_SERVER`: the host's microphone is that of a sound server, but for one without a window; see
//!   [`host`].
//! - `DISPLAY` with `XAUTHORITY`, or `QT_QPA_PLATFORM=offscreen`: what a window needs that is not forbidden by `-no-window`; see
//!   [`window`].
//! - `FAKE_EMULATOR_PCM`: raw mono 16 bit 44.1 kHz sound that the host's microphone hears after `avd hostmicon`.
//! - `FAKE_EMULATOR_CA`: a PEM file; what the guest's store of authorities holds.
//!
//! Read first: [`world::World`], then [`guest::Phone`].

pub mod adb;
pub mod app;
pub mod args;
pub mod avd;
pub mod camera;
pub mod clock;
pub mod console;
pub mod disks;
pub mod dumpsys;
pub mod faults;
pub mod frida;
pub mod grpc;
pub mod guest;
pub mod host;
pub mod keeper;
pub mod script;
pub mod shell;
pub mod sync;
pub mod upload;
pub mod window;
pub mod world;
