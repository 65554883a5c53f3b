//! A child process that gets a clock and a ceiling.

use std::{
    io::Read,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Output of one call, at most `most` bytes. The child gets no input and no environment but a path to a temporary folder.
/// Errors are reasons for `Skipped`: `no decoder: ..`, `limit: time`, `broken`.
pub(crate) fn run(command: &mut Command, most: usize, patience: Duration) -> Result<Vec<u8>, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("no decoder: {name} does not start: {}", e.kind()))?;
    let Some(stdout) = child.stdout.take() else { return Err(format!("no decoder: {name} has no output")) };
    let reader = std::thread::spawn(move || {
        let mut out = Vec::new();
        // What is over the ceiling is left in the pipe, whose closing ends the child.
        stdout.take(most as u64).read_to_end(&mut out).map(|_| out)
    });
    let until = Instant::now() + patience;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
            _ => {
                // It may have ended by itself meanwhile.
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
        }
    };
    let out = reader.join().ok().and_then(Result::ok).unwrap_or_default();
    match status {
        None => Err("limit: time".to_owned()),
        Some(s) if s.success() || !out.is_empty() => Ok(out),
        Some(_) => Err("broken".to_owned()),
    }
}

/// A program on the path.
pub(crate) fn on_path(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|d| d.join(name)).find(|p| p.is_file())
}
