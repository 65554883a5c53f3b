//! Ways in which a link fails its caller: where, and how.

use std::{fmt, future::Future, io, path::PathBuf, time::Duration};

/// Where a link was when it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Looking for the discovery file, or reading it.
    Discovery,
    /// TCP to adbd and the exchange of `CNXN`.
    AdbConnect,
    /// Waiting until the guest answers.
    AdbWait,
    /// A command in the guest.
    AdbShell,
    /// A file to the guest.
    AdbPush,
    /// A file from the guest.
    AdbPull,
    /// What the guest says about a path.
    AdbStat,
    /// Packages into the guest.
    AdbInstall,
    /// The guest's log.
    AdbLogcat,
    /// adbd as root.
    AdbRoot,
    /// A restart of the guest.
    AdbReboot,
    /// TCP to the console and its banner.
    ConsoleConnect,
    /// The console's token.
    ConsoleAuth,
    /// A command of the console.
    ConsoleCommand,
    /// TCP and HTTP/2 to the gRPC port.
    GrpcConnect,
    /// A method of `EmulatorController`.
    Grpc(&'static str),
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discovery => "discovery",
            Self::AdbConnect => "adb connect",
            Self::AdbWait => "adb wait",
            Self::AdbShell => "adb shell",
            Self::AdbPush => "adb push",
            Self::AdbPull => "adb pull",
            Self::AdbStat => "adb stat",
            Self::AdbInstall => "adb install",
            Self::AdbLogcat => "adb logcat",
            Self::AdbRoot => "adb root",
            Self::AdbReboot => "adb reboot",
            Self::ConsoleConnect => "console connect",
            Self::ConsoleAuth => "console auth",
            Self::ConsoleCommand => "console command",
            Self::GrpcConnect => "grpc connect",
            Self::Grpc(method) => return write!(f, "grpc {method}"),
        })
    }
}

/// How a link failed. Each variant is something that a caller treats in its own way.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No discovery file of a running emulator.
    #[error("no running emulator was found in {}", .0.iter().map(|p| format!("`{}`", p.display())).collect::<Vec<_>>().join(", "))]
    NotFound(Vec<PathBuf>),
    /// A discovery file cannot be read.
    #[error("`{path}` cannot be read")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody listens: the emulator is not up yet, or ended.
    #[error("nobody listens on port {0}")]
    Refused(u16),
    /// The peer closed the connection in the middle of what it did: it ended, or restarts.
    #[error("the connection was closed")]
    Closed,
    /// It took too long.
    #[error("no end within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// adbd's port is open, but no device in the state `device` answers: the guest is not up, or hangs.
    #[error("the guest is offline ({0})")]
    Offline(String),
    /// The peer asks for a key or a token that we have not.
    #[error("not authorized: {0}")]
    Unauthorized(String),
    /// This emulator has no such command or method.
    #[error("not implemented by this emulator: {0}")]
    NotImplemented(String),
    /// The peer understood and refused.
    #[error("refused: {0}")]
    Denied(String),
    /// The guest's package manager refused a package.
    #[error("the package was not installed: {code}: {message}")]
    Install {
        /// `INSTALL_FAILED_..`, `INSTALL_PARSE_FAILED_..`, or `UNKNOWN`.
        code: String,
        /// The rest of what it said.
        message: String,
    },
    /// `injectAudio` has another client already.
    #[error("the microphone is taken: {0}")]
    MicrophoneTaken(String),
    /// `injectAudio` takes no such rate, or no such large packet.
    #[error("the sound was refused: {0}")]
    SoundRefused(String),
    /// Another gRPC status.
    #[error("status {code}: {message}")]
    Status {
        /// The number of the code.
        code: i32,
        /// What the peer says.
        message: String,
    },
    /// More came than is allowed.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The ceiling.
        limit: u64,
    },
    /// The peer does not keep to the protocol; its connection is given up.
    #[error("the peer does not keep to the protocol: {0}")]
    Protocol(String),
    /// The caller asked for something that cannot be sent.
    #[error("cannot be sent: {0}")]
    Invalid(&'static str),
    /// A file of ours, or the socket.
    #[error("input or output failed")]
    Io(#[source] io::Error),
}

impl Fault {
    /// With its place.
    pub fn at(self, stage: Stage) -> LinkError {
        LinkError { stage, fault: self }
    }
}

/// What happened, and where.
#[derive(Debug)]
pub struct LinkError {
    /// Where.
    pub stage: Stage,
    /// What.
    pub fault: Fault,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage, self.fault)
    }
}

impl std::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.fault)
    }
}

impl LinkError {
    /// Whether the peer is gone, so that waiting for it, or starting it again, may help.
    pub fn is_gone(&self) -> bool {
        matches!(self.fault, Fault::Refused(_) | Fault::Closed | Fault::Offline(_) | Fault::Timeout(_))
    }
}

/// Runs `work` for at most `limit`, and says where it was.
pub(crate) async fn within<T>(stage: Stage, limit: Duration, work: impl Future<Output = Result<T, Fault>>) -> Result<T, LinkError> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(|fault| fault.at(stage)),
        Err(_) => Err(Fault::Timeout(limit).at(stage)),
    }
}
