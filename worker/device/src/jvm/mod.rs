//! The jvm device: the framework's classes on a plain JVM, the app's dex converted to class files.
//!
//! - [`layout`]: where things lie in the container, and who may do what.
//! - [`host`]: the Java host's process and the requests to it.
//! - [`sieve`]: what is believed of what the host says.
//! - [`convert`]: dex to class files, in a JVM of its own.
//! - [`guest`]: the verbs.

pub mod convert;
pub mod guest;
pub mod host;
pub mod layout;
pub mod sieve;

pub use guest::JvmGuest;
pub use layout::Layout;
