//! Ways in which a container engine fails its caller.

use std::time::Duration;

/// What went wrong with the engine. Those before `NoImage` are for people: nothing can be run until they are mended.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No engine is there.
    #[error(
        "no container engine: the socket `{socket}` does not exist\nhint: install Docker (`apt-get install docker.io`) and start it, or set DOCKER_HOST=unix:///path/to/docker.sock"
    )]
    NoSocket {
        /// Where it was looked for.
        socket: String,
    },
    /// There is one, but not for this user.
    #[error(
        "no permission to use the container engine at `{socket}`\nhint: run as root, or add your user to the group that owns the socket (`usermod -aG docker $USER`, then log in again)"
    )]
    NoPermission {
        /// Its socket.
        socket: String,
    },
    /// There is a socket and nobody, or nobody sensible, behind it.
    #[error("the container engine at `{socket}` does not answer: {reason}\nhint: is dockerd running? see `docker info` and its log")]
    NotAnswering {
        /// Its socket.
        socket: String,
        /// What happened.
        reason: String,
    },
    /// DOCKER_HOST names something other than a socket on this host.
    #[error(
        "the engine `{host}` is not on this host\nhint: a worker needs an engine on its own host: set DOCKER_HOST=unix:///path/to/docker.sock, or unset it"
    )]
    NotLocal {
        /// What DOCKER_HOST says.
        host: String,
    },
    /// It was started without a filter of system calls, or on a kernel that has none.
    #[error(
        "the container engine at `{socket}` runs containers without seccomp, which an app that is not trusted must not have\nhint: start dockerd without `--seccomp-profile unconfined`, on a kernel with CONFIG_SECCOMP_FILTER; see Security Options in `docker info`"
    )]
    NoSeccomp {
        /// Its socket.
        socket: String,
    },
    /// The runtime that was asked for is none of the engine's.
    #[error(
        "the container engine has no runtime `{runtime}`; it has `{there}`\nhint: name one of these, or add it under `runtimes` in the engine's daemon.json and restart the engine"
    )]
    NoRuntime {
        /// What was asked for.
        runtime: String,
        /// What there is.
        there: String,
    },
    /// An image is not there.
    #[error("the image `{image}` is not on this host\nhint: `make images` builds it")]
    NoImage {
        /// Its name.
        image: String,
    },
    /// The disk under the engine is full.
    #[error("the container engine has no space left\nhint: see `docker system df`, and free the disk under its data root")]
    DiskFull,
    /// It took too long.
    #[error("`{what}` took longer than {} s", .limit.as_secs())]
    Timeout {
        /// What.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// The gateway ended or said something else before it was sealed.
    #[error("the gateway did not seal the cell: {reason}")]
    NotSealed {
        /// What happened, with the end of its standard error.
        reason: String,
    },
    /// A call failed.
    #[error("the container engine could not {what}")]
    Call {
        /// What it was asked.
        what: String,
        /// Why not.
        #[source]
        source: bollard::errors::Error,
    },
    /// The identity of this process cannot be read from `/proc`.
    #[error("`/proc` does not tell who this process is")]
    Proc(#[from] std::io::Error),
}

impl EngineError {
    /// Sorts an error of a call: what its caller can do something about gets its own variant.
    pub(crate) fn call(what: impl Into<String>) -> impl FnOnce(bollard::errors::Error) -> Self {
        let what = what.into();
        move |source| match &source {
            bollard::errors::Error::RequestTimeoutError => Self::Timeout { what, limit: crate::engine::CALL_TIMEOUT },
            bollard::errors::Error::DockerResponseServerError { message, .. } if message.contains("no space left on device") => {
                Self::DiskFull
            }
            _ => Self::Call { what, source },
        }
    }
}

/// Whether the engine says that the thing is not there (any more), or is going already.
pub(crate) fn is_gone(e: &bollard::errors::Error) -> bool {
    match e {
        bollard::errors::Error::DockerResponseServerError { status_code: 404, .. } => true,
        // 409 is also "removal of container X is already in progress".
        bollard::errors::Error::DockerResponseServerError { status_code: 409, message } => message.contains("already in progress"),
        _ => false,
    }
}
