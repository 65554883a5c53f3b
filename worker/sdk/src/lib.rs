//! Google's emulator for the `emulator` device: what is fetched, from where, under which licences, and what an image is built
//! from. Each lab builds its own images, as the licences are to be accepted by who uses the emulator, and nobody may pass it on.
//!
//! [`prepare`] is the way in: from a [`Request`] (API levels, ABI, where from, what was said about the licences) to
//! [`Prepared`], which has for each API level two [`ImageBuild`]s with their build context. It reads the index, chooses, asks
//! for the licences, fetches, checks, and looks into the archives; it builds nothing and knows no container engine.
//!
//! - [`index`]: the vendor's lists of packages, parsed as what they are, XML of strangers.
//! - [`choose`]: which package, by pure functions of index, lock and host.
//! - [`lock`]: versions and checksums that were taken down; a build never changes it, it writes a candidate for review.
//! - [`license`]: texts, their hash as `sdkmanager` makes it, and that somebody said yes. Nothing here says yes for them.
//! - [`fetch`]: downloads that go on where they stopped, a cache by digest, or a folder without any network.
//! - [`context`]: the tar for `docker build`; archives are unpacked on the way, with every entry judged first.
//! - [`avd`], [`host`], [`bake`]: the virtual device, the class of hosts that can load its snapshot, and what a bake must do.
//!   Data and pure functions; who runs them needs KVM.
//!
//! Untested here, as no Google file and no KVM were at hand: that a real emulator starts from what is built.
//! `docs/emulator-images.md` has the list.

pub mod avd;
pub mod bake;
pub mod choose;
pub mod context;
mod digest;
mod error;
pub mod fetch;
pub mod host;
pub mod index;
pub mod labels;
pub mod license;
pub mod lock;
mod parts;
mod prepare;
mod progress;
mod unpack;

pub use choose::Host;
pub use digest::{BadSha1, Digests, Expected, Sha1Digest};
pub use error::SdkError;
pub use fetch::{Network, free_space};
pub use license::{Acceptance, License};
pub use lock::LockSource;
pub use prepare::{DEFAULT_REPOSITORY, EmulatorImages, ImageBuild, Origin, Ours, Plan, Prepared, Request, plan, prepare};
pub use progress::{Event, Progress};
pub use unpack::Limits;
