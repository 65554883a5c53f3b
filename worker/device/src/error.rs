use std::{io, path::PathBuf};

use stakeout_protocol::{Problem, WireError};

/// What can go wrong in a device, apart from what an app does.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The worker's pipe broke or says nonsense: the device ends.
    #[error("the worker's pipe cannot be used")]
    Wire(#[from] WireError),
    /// A program did not start.
    #[error("`{program}` did not start; is it in the image?")]
    Start {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A file or folder of ours cannot be used.
    #[error("`{path}` cannot be used; is it one of the container's tmpfs, large enough, and of the right user?")]
    Path {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The container gives less power than is needed.
    #[error("the capability `{0}` is missing; start the container with --cap-add {0}")]
    Capability(&'static str),
    /// A setting of the image has a value that it cannot have.
    #[error("`{name}` is `{value}`; use {known}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it can be.
        known: &'static str,
    },
    /// Wrong arguments.
    #[error("`{0}` is no kind of device; use --kind jvm or --kind emulator")]
    Kind(String),
}

impl DeviceError {
    /// For `map_err` at file operations.
    pub fn path(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Path { path, source }
    }
}

/// On the wire an error is one sentence, so the chain is written out here.
impl From<DeviceError> for Problem {
    fn from(e: DeviceError) -> Self {
        let mut text = e.to_string();
        let mut next = std::error::Error::source(&e);
        while let Some(s) = next {
            text.push_str(": ");
            text.push_str(&s.to_string());
            next = s.source();
        }
        Self::new("failed", text)
    }
}
