//! Labels of the images that are built here, for who lists images and chooses one. The words of a label are the vendor's or a
//! stranger's: parse them, never print them as they are.

/// Which image of this project: `emulator-sdk`, `emulator`, `emulator-baked`. All images of the project have it.
pub const IMAGE: &str = "org.stakeout.image";
/// The version that built it.
pub const VERSION: &str = "org.stakeout.version";
/// The digest's beginning of all that it was made from.
pub const KEY: &str = "org.stakeout.key";
/// API level.
pub const API: &str = "org.stakeout.emulator.api";
/// ABI.
pub const ABI: &str = "org.stakeout.emulator.abi";
/// Cores of the guest.
pub const CORES: &str = "org.stakeout.emulator.cores";
/// Memory of the guest, MiB.
pub const RAM_MIB: &str = "org.stakeout.emulator.ram-mib";
/// The emulator's window, where it has one.
pub const WINDOW: &str = "org.stakeout.emulator.window";
/// The emulator's version.
pub const EMULATOR: &str = "org.stakeout.sdk.emulator.revision";
/// SHA-256 of the system image's archive.
pub const SYSTEM_IMAGE: &str = "org.stakeout.sdk.system-image.sha256";
/// The host class that a snapshot was baked for: [`crate::host::HostClass::key`].
pub const BAKE_CLASS: &str = "org.stakeout.bake.class";
/// The same for people.
pub const BAKE_HOST: &str = "org.stakeout.bake.host";
/// The snapshot's name.
pub const BAKE_SNAPSHOT: &str = "org.stakeout.bake.snapshot";
/// Id (`sha256:…`) of the image that it was baked from.
pub const BAKE_FROM: &str = "org.stakeout.bake.from";
