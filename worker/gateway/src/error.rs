//! What can go wrong in a gateway, by what its caller can do about it.

/// Why a gateway could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rules do not stand: nothing may be started behind this gateway.
    #[error("`nft` refused the rules: {0}; hint: the container needs NET_ADMIN and the program `nft`")]
    Rules(String),
    /// A step of the sealing failed.
    #[error("cannot {step}")]
    Seal {
        /// What was tried.
        step: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A capability could not be dropped.
    #[error("cannot drop capabilities: {0}")]
    Capabilities(String),
    /// The kernel refused a netlink request.
    #[error("the kernel refused to {what}")]
    Netlink {
        /// What was asked.
        what: &'static str,
        /// Its answer.
        #[source]
        source: std::io::Error,
    },
    /// The configuration cannot be used.
    #[error("the configuration's `{field}` cannot be used: {problem}")]
    Configuration {
        /// Which field.
        field: &'static str,
        /// Why not.
        problem: String,
    },
    /// The worker's pipe broke or does not speak the protocol.
    #[error("the pipe to the worker")]
    Pipe(#[from] stakeout_protocol::WireError),
    /// The captured packets could not be kept or read again.
    #[error("the capture's file")]
    Capture(#[source] std::io::Error),
    /// Another input or output failed.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err`: a failed step of the sealing.
    pub fn seal<E: Into<std::io::Error>>(step: &'static str) -> impl FnOnce(E) -> Self {
        move |e| Self::Seal { step, source: e.into() }
    }
}
