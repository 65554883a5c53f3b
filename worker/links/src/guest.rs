//! What a device may ask of a guest, whatever carries it.

use std::{future::Future, path::PathBuf, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{LinkError, adb::Lines};

/// How much of a command's output is kept.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// Bytes of its standard output.
    pub stdout: usize,
    /// Bytes of its standard error.
    pub stderr: usize,
}

impl Default for Ceilings {
    /// A `dumpsys` of a busy phone is some hundred kB, a `uiautomator dump` at most some MB.
    fn default() -> Self {
        Self { stdout: 8 << 20, stderr: 256 << 10 }
    }
}

/// What a command in the guest did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Output {
    /// Its standard output; with an old guest also its standard error.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    /// Its exit code. `None` where the guest's shell service has none (before Android 7), or the command was ended early.
    pub exit: Option<i32>,
    /// A ceiling was reached: the command was ended, the rest of its output and its exit code are lost.
    pub truncated: bool,
}

impl Output {
    /// Standard output as text.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Whether it is known to have failed.
    pub fn failed(&self) -> bool {
        self.exit.is_some_and(|code| code != 0)
    }
}

/// What the guest says about a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    /// Type and permissions, as in `st_mode`.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970 by the guest's clock.
    pub modified: i64,
}

impl Stat {
    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }
}

/// What `root` did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rooted {
    /// adbd restarts: call `wait_for_device` next.
    Restarting,
    /// It was root already.
    Already,
}

/// A guest that can be spoken to. Every call ends within the time it is given, and may be dropped.
pub trait Guest: Send + Sync {
    /// Runs a command of the guest's shell. Quote arguments with [`quote`].
    fn shell_with(&self, command: &str, ceilings: Ceilings, within: Duration) -> impl Future<Output = Result<Output, LinkError>> + Send;

    /// [`Guest::shell_with`] and the usual ceilings.
    fn shell(&self, command: &str, within: Duration) -> impl Future<Output = Result<Output, LinkError>> + Send {
        self.shell_with(command, Ceilings::default(), within)
    }

    /// Writes a file in the guest, of `mode` (permissions), from all that `from` gives. Missing folders are made by the
    /// guest. Bytes that were sent.
    fn push(
        &self,
        from: &mut (impl AsyncRead + Unpin + Send),
        to: &str,
        mode: u32,
        within: Duration,
    ) -> impl Future<Output = Result<u64, LinkError>> + Send;

    /// Reads a file of the guest, of at most `limit` bytes, into `into`. Larger files are an error, after `limit` bytes.
    fn pull(
        &self,
        from: &str,
        into: &mut (impl AsyncWrite + Unpin + Send),
        limit: u64,
        within: Duration,
    ) -> impl Future<Output = Result<u64, LinkError>> + Send;

    /// What is at a path; `None` for nothing.
    fn stat(&self, path: &str, within: Duration) -> impl Future<Output = Result<Option<Stat>, LinkError>> + Send;

    /// Installs an app: one APK, or a base with its splits. `options` go to the package manager (`-g`, `-r`, `-t`, ..).
    fn install(&self, apks: &[PathBuf], options: &[&str], within: Duration) -> impl Future<Output = Result<(), LinkError>> + Send;

    /// The guest's log as it grows. `arguments` go to `logcat`.
    fn logcat(&self, arguments: &[&str], within: Duration) -> impl Future<Output = Result<Lines, LinkError>> + Send;

    /// A command of the guest's shell, whose standard output is read line by line as it grows; of a longer line than `line` bytes the
    /// rest is dropped. Dropping it closes the command's output, which ends most.
    fn follow(&self, command: &str, line: usize, within: Duration) -> impl Future<Output = Result<Lines, LinkError>> + Send;

    /// Makes adbd run as root, in an image that allows it.
    fn root(&self, within: Duration) -> impl Future<Output = Result<Rooted, LinkError>> + Send;

    /// Waits until the guest's shell answers. An answer of the shell is not an end of boot.
    fn wait_for_device(&self, within: Duration) -> impl Future<Output = Result<(), LinkError>> + Send;

    /// Restarts the guest. It returns when the guest has taken the request.
    fn reboot(&self, within: Duration) -> impl Future<Output = Result<(), LinkError>> + Send;
}

/// An argument of a shell, so that the shell takes it as it is.
pub fn quote(argument: &str) -> String {
    format!("'{}'", argument.replace('\'', r"'\''"))
}
