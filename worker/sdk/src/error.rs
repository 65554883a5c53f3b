//! Why an image's parts cannot be had, by what somebody can do about it.

use std::path::PathBuf;

use crate::{avd::BadAvd, index::BadIndex, license::License};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum SdkError {
    /// The vendor's licences must be accepted first. The caller shows [`License::text`] of each in full.
    #[error(
        "licences that must be accepted first: {}\nhint: read them, then run again with `--accept-licenses`",
        .0.iter().map(|l| format!("`{}` ({})", l.id, l.hash)).collect::<Vec<_>>().join(", ")
    )]
    LicensesNotAccepted(Vec<License>),
    /// A package names a licence whose text is not there, so nobody can accept it.
    #[error("the index has no text for the licence `{license}` of `{package}`")]
    NoLicenseText {
        /// The package.
        package: String,
        /// The licence's id.
        license: String,
    },
    /// No image of this kind.
    #[error("there is no `google_apis` image for API {api} and `{abi}`; {offered}")]
    NoImage {
        /// API level that was asked for.
        api: u32,
        /// ABI that was asked for.
        abi: String,
        /// What there is.
        offered: String,
    },
    /// There is one, but it is not released.
    #[error("`{package}` is only in the channel {channel} (revision {revision})\nhint: pin that revision in the lock file if you want it")]
    OnlyPreview {
        /// The package.
        package: String,
        /// Its channel.
        channel: &'static str,
        /// The newest there.
        revision: String,
    },
    /// No such tool for this host.
    #[error("`{package}` {revision} is not offered for {host}; it is for {offered}")]
    Host {
        /// The package.
        package: String,
        /// Its version.
        revision: String,
        /// This host.
        host: String,
        /// Hosts that it is for.
        offered: String,
    },
    /// Not in the index and not in the lock.
    #[error("the index does not offer `{0}`")]
    NoPackage(String),
    /// An ABI that this host's emulator cannot run.
    #[error("an emulator on {host} cannot run `{abi}` images\nhint: `--abi x86_64`")]
    Abi {
        /// The ABI.
        abi: String,
        /// This host.
        host: String,
    },
    /// The pinned emulator is older than the image allows.
    #[error("`{image}` needs emulator {needs}, and {have} is chosen\nhint: pin a newer emulator in the lock file")]
    EmulatorTooOld {
        /// The image.
        image: String,
        /// The oldest that it runs in.
        needs: String,
        /// What is chosen.
        have: String,
    },
    /// Lock and index do not agree about the same package and revision.
    #[error(
        "lock and index do not agree on the {field} of `{package}` {revision}: the lock has {lock}, the index {index}\nhint: find out why before you change the lock; an archive is never changed under its name in good order"
    )]
    LockMismatch {
        /// The package.
        package: String,
        /// The revision that both have.
        revision: String,
        /// What differs.
        field: &'static str,
        /// In the lock.
        lock: String,
        /// In the index.
        index: String,
    },
    /// A pin lacks what the index would have had to say.
    #[error(
        "the lock pins `{package}` {revision}, which the index no longer lists, without its {field}\nhint: add it to the lock, or pin what the index lists"
    )]
    IncompletePin {
        /// The package.
        package: String,
        /// The revision.
        revision: String,
        /// What is missing.
        field: &'static str,
    },
    /// The lock cannot be read.
    #[error("the lock `{path}` cannot be used: {problem}")]
    BadLock {
        /// Where.
        path: String,
        /// Why not.
        problem: String,
    },
    /// An index cannot be read.
    #[error("the index `{name}` cannot be read")]
    Index {
        /// Its address or path.
        name: String,
        /// Why not.
        #[source]
        source: BadIndex,
    },
    /// An address that is not followed.
    #[error("the address `{url}` is not used: {problem}")]
    Address {
        /// The address.
        url: String,
        /// Why not.
        problem: &'static str,
    },
    /// The server says no.
    #[error("`{url}` answers {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The answer.
        status: u16,
    },
    /// It could not be transferred, however often it was tried.
    #[error(
        "`{name}` could not be fetched in {attempts} attempts: {last}\nhint: run again, it goes on where it stopped; without a network use `--from-dir`"
    )]
    Transfer {
        /// The file.
        name: String,
        /// How often.
        attempts: u32,
        /// What happened last.
        last: String,
    },
    /// The server's certificate is not trusted; another attempt will not change that.
    #[error(
        "the certificate of `{host}` is not trusted: {problem}\nhint: if this network reads its own TLS, give its root certificate as a PEM file"
    )]
    Certificate {
        /// The server.
        host: String,
        /// Why not.
        problem: String,
    },
    /// The client could not be made.
    #[error("no HTTP client: {0}")]
    Client(String),
    /// A file has another size.
    #[error("`{name}` has {found} bytes, and {expected} are expected")]
    WrongSize {
        /// The file.
        name: String,
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that it has, or that its server announces.
        found: u64,
    },
    /// A file has other bytes.
    #[error("`{name}` has the {kind} {found}, and {expected} is expected")]
    WrongChecksum {
        /// The file.
        name: String,
        /// `SHA-1`, `SHA-256`.
        kind: &'static str,
        /// What it should have.
        expected: String,
        /// What it has.
        found: String,
    },
    /// A file is not in the folder of `--from-dir`.
    #[error("`{name}` is not in `{folder}`\nhint: docs/emulator-images.md says which files an offline build needs")]
    Missing {
        /// The file.
        name: String,
        /// The folder.
        folder: PathBuf,
    },
    /// A program of ours is empty or too large to be one.
    #[error("`{path}` is no program of 1 to {most} bytes")]
    Program {
        /// Where.
        path: PathBuf,
        /// Bytes.
        most: u64,
    },
    /// The disk is too full.
    #[error("`{folder}` has {free} bytes free, and {need} are needed")]
    NoSpace {
        /// Where.
        folder: PathBuf,
        /// Bytes.
        need: u64,
        /// Bytes.
        free: u64,
    },
    /// An archive that is not unpacked.
    #[error("the archive `{name}` is refused: {problem}")]
    Archive {
        /// The archive.
        name: String,
        /// Why.
        problem: String,
    },
    /// Values for the AVD that cannot work.
    #[error("the virtual device cannot be described")]
    Avd(#[from] BadAvd),
    /// An operation on files failed.
    #[error("cannot {what} `{path}`")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl SdkError {
    /// For `map_err`.
    pub(crate) fn io(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
