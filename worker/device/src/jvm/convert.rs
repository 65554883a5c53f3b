//! Dex to class files, by a JVM of its own: dex is hostile input for the converter, and the converter's output is not
//! trusted either. It is one regular file of a limited size, and it runs where the app runs.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use stakeout_protocol::{Problem, device::BlobRef};
use tokio::{io::AsyncReadExt, process::ChildStdout};

use super::{host, layout::Layout};
use crate::{
    DeviceError,
    confine::{self, Limits},
    core::{
        limits,
        outbox::{BlobWriter, Outbox},
    },
    snapshot,
};

/// The converted app's name in the converter's folder.
const JAR: &str = "app.jar";
/// The converter's last word: a report or an error.
const REPORT: u64 = 64 << 10;

/// Converts, and leaves the classes at `to`, a path of ours; also sent to the worker as `blob`.
pub async fn convert(layout: &Layout, apks: &[PathBuf], to: PathBuf, blob: BlobWriter, out: &Outbox) -> Result<BlobRef, Problem> {
    let report = run(layout, apks, out).await;
    if let Some(user) = layout.convert_user {
        confine::kill_user(user).await;
    }
    report?;
    let folder = layout.convert.clone();
    let copied = tokio::task::spawn_blocking(move || copy(&folder, &to, blob)).await;
    copied.map_err(io::Error::other).and_then(|r| r).map_err(|e| Problem::new("bad_dex", format!("the converted app cannot be taken: {e}")))
}

async fn run(layout: &Layout, apks: &[PathBuf], out: &Outbox) -> Result<(), Problem> {
    let mut words = layout.converter.clone();
    words.extend(apks.iter().map(|p| p.clone().into_os_string()));
    words.push(layout.convert.join(JAR).into());
    words.push(framework(&layout.java)?);
    let mut command =
        confine::command(&words, layout.convert_user, Limits { files: 1024, file_bytes: limits::PREPARED, groups: [None; 2] });
    command.current_dir(&layout.java).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let start = |source| Problem::from(DeviceError::Start { program: "the converter".to_owned(), source });
    let mut child = command.spawn().map_err(start)?;
    if let Some(e) = child.stderr.take() {
        tokio::spawn(host::log(e, out.clone(), None));
    }
    let stdout = child.stdout.take();
    let work = async {
        let report = last_line(stdout).await;
        (report, child.wait().await)
    };
    let (report, status) = tokio::time::timeout(limits::CONVERT, work)
        .await
        .map_err(|_| Problem::new("deadline", format!("the app's code is not converted after {} s", limits::CONVERT.as_secs())))?;
    if let Some(e) = report.get("error") {
        let text = |n: &str| e.get(n).and_then(Value::as_str).unwrap_or("").chars().take(2000).collect::<String>();
        let code = if text("code") == "no_code" { "no_code" } else { "bad_dex" };
        return Err(Problem::new(code, text("message")));
    }
    match status {
        Ok(s) if s.success() && report.get("ok").is_some() => Ok(()),
        Ok(s) => Err(Problem::new("bad_dex", format!("the converter ended without a report: {s}"))),
        Err(e) => Err(start(e)),
    }
}

async fn last_line(stdout: Option<ChildStdout>) -> Value {
    let Some(mut stdout) = stdout else { return Value::Null };
    let mut text = Vec::new();
    let _ = (&mut stdout).take(REPORT).read_to_end(&mut text).await;
    // Whatever more comes is thrown away, so that the converter can end.
    let _ = tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await;
    let line = text.split(|b| *b == b'\n').rfind(|l| !l.is_empty()).unwrap_or_default();
    serde_json::from_slice(line).unwrap_or_default()
}

/// The framework that the converter looks classes up in.
fn framework(java: &Path) -> Result<OsString, Problem> {
    let sdk = java.join("sdk");
    let names = std::fs::read_dir(&sdk).map_err(DeviceError::path(sdk.clone()))?;
    let mut found: Vec<PathBuf> = names.flatten().map(|e| e.path()).collect();
    found.retain(|p| p.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with("android-all-") && !n.contains("instrumented")));
    found.sort();
    found.pop().map(PathBuf::into_os_string).ok_or_else(|| Problem::new("failed", "the image has no framework for the converter"))
}

fn copy(folder: &Path, to: &Path, mut blob: BlobWriter) -> io::Result<BlobRef> {
    let (from, size) = snapshot::open_one(folder, JAR, limits::PREPARED)?;
    let mut from = from.take(size);
    let mut to = File::create(to)?;
    let mut piece = vec![0; 256 << 10];
    loop {
        let n = from.read(&mut piece)?;
        if n == 0 {
            return blob.finish();
        }
        to.write_all(&piece[..n])?;
        blob.write_all(&piece[..n])?;
    }
}
