//! Exit codes and how errors are said.

use std::{fmt, process::ExitCode};

/// Why a command failed, and with which code.
pub(crate) struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl Failure {
    /// Wrong usage or wrong input: 2.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 2, error: error.into() }
    }

    /// Anything else: 1.
    pub(crate) fn other(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 1, error: error.into() }
    }

    /// A message with a hint, code 2.
    pub(crate) fn hint(message: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self::usage(anyhow::anyhow!("{message}\nhint: {hint}"))
    }

    /// With another code.
    pub(crate) const fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { code: 1, error }
    }
}

/// Says an error on standard error, each cause once, the hint last. Control characters of strangers are not passed on.
pub(crate) fn report(f: &Failure) -> ExitCode {
    let mut hints = Vec::new();
    let mut said: Vec<String> = Vec::new();
    for cause in f.error.chain() {
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
    eprintln!("error: {}", crate::output::plain(&said.join(": ")));
    for h in hints {
        eprintln!("hint: {}", crate::output::plain(&h));
    }
    ExitCode::from(f.code)
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
}
