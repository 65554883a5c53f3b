//! Exit codes and how errors are said.

use std::{fmt, io, path::Path, process::ExitCode};

use stakeout_blobs::no_room;
use stakeout_server::ServiceError;

/// Why a command failed, and with which code.
pub(crate) struct Failure {
    code: u8,
    error: anyhow::Error,
    /// What else is wrong.
    more: Vec<anyhow::Error>,
}

impl Failure {
    /// Wrong usage or wrong input: 2.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 2, error: error.into(), more: vec![] }
    }

    /// Anything else: 1.
    pub(crate) fn other(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 1, error: error.into(), more: vec![] }
    }

    /// A message with a hint, code 2.
    pub(crate) fn hint(message: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self::usage(anyhow::anyhow!("{message}\nhint: {hint}"))
    }

    /// Where room on a disk is missing, says so and what helps, with code 2; the same otherwise.
    pub(crate) fn without_room(self, place: &Path, hint: &str) -> Self {
        if !is_full(&self.error) {
            return self;
        }
        Self::usage(self.error.context(format!("there is no space left for `{}`\nhint: {hint}", place.display())))
    }

    /// With others of the same kind.
    pub(crate) fn and(mut self, more: impl IntoIterator<Item = anyhow::Error>) -> Self {
        self.more.extend(more);
        self
    }

    /// With another code.
    pub(crate) const fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }
}

/// Whether any of the causes is a disk, or somebody's share of it, that is full.
fn is_full(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        if let Some(e) = cause.downcast_ref::<io::Error>() {
            return no_room(e);
        }
        match cause.downcast_ref::<ServiceError>() {
            Some(ServiceError::Store(e)) => e.is_full(),
            Some(ServiceError::Blob(e)) => e.is_full(),
            _ => false,
        }
    })
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { code: 1, error, more: vec![] }
    }
}

/// Says errors on standard error, each with its causes, each cause once, its hints last. A hint that was given is not given again.
/// Control characters of strangers are not passed on.
pub(crate) fn report(f: &Failure) -> ExitCode {
    let mut given: Vec<String> = Vec::new();
    for error in std::iter::once(&f.error).chain(&f.more) {
        let (said, hints) = told(error);
        say!("error: {}", crate::output::plain(&said));
        for h in hints {
            if !given.contains(&h) {
                say!("hint: {}", crate::output::plain(&h));
                given.push(h);
            }
        }
    }
    ExitCode::from(f.code)
}

/// An error with its causes in one line, and its hints.
fn told(error: &anyhow::Error) -> (String, Vec<String>) {
    let mut hints = Vec::new();
    let mut said: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        for l in lines {
            match l.strip_prefix("hint: ") {
                Some(h) => hints.push(h.to_owned()),
                None => said.push(l.to_owned()),
            }
        }
        if !said.iter().any(|s| s.contains(first)) {
            said.push(first.to_owned());
        }
    }
    (said.join(": "), hints)
}

impl Failure {
    /// In one line, for lists of failures.
    pub(crate) fn text(&self) -> String {
        format!("{:#}", self.error).replace('\n', "; ")
    }
}

#[cfg(test)]
impl Failure {
    pub(crate) fn error_for_tests(&self) -> String {
        format!("{:#}", self.error)
    }

    pub(crate) fn all_for_tests(&self) -> Vec<String> {
        std::iter::once(&self.error).chain(&self.more).map(|e| format!("{e:#}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_for_its_user_to_mend_and_nothing_else_is_taken_for_one() {
        let failed = |kind: io::ErrorKind| {
            let e = ServiceError::File { path: "out/bundle.zip".to_owned(), source: kind.into() };
            Failure::other(e).without_room(Path::new("out"), "free some")
        };
        let full = failed(io::ErrorKind::StorageFull);
        assert!(full.code == 2 && full.error_for_tests().starts_with("there is no space left for `out`\nhint: free some"));
        let broken = failed(io::ErrorKind::BrokenPipe);
        assert!(broken.code == 1 && !broken.error_for_tests().contains("hint: "));
    }
}
