//! Packages into the guest: streamed to the package manager, or as files where it takes no stream (before Android 7).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::BytesMut;
use tokio::{
    fs::File,
    io::{AsyncReadExt, BufReader},
};

use super::{connection::Connection, sync::Sync};
use crate::{
    Fault,
    guest::{Ceilings, quote},
    limits::{APKS, REFUSAL, SYNC_CHUNK},
};

/// What the package manager says: `Success`, `Failure [CODE: why]`, or `Error: ..`.
pub fn answer(text: &str) -> Result<&str, Fault> {
    let mut failure = None;
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("Success") {
            return Ok(rest.trim_start_matches(':').trim());
        }
        if let Some(rest) = line.strip_prefix("Failure") {
            failure = Some(rest);
        }
    }
    let inner = failure.unwrap_or(text).trim().trim_start_matches('[').trim_end_matches(']');
    let is_code = |w: &str| w.starts_with("INSTALL_") && w.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    let (code, message) = inner.split_at(end);
    let kept = |t: &str| t.chars().filter(|c| !c.is_control()).take(REFUSAL).collect::<String>();
    Err(if is_code(code) {
        Fault::Install { code: code.to_owned(), message: kept(message.trim_start_matches([':', ' '])) }
    } else {
        let message = if text.trim().is_empty() { "the package manager said nothing".to_owned() } else { kept(text.trim()) };
        Fault::Install { code: "UNKNOWN".to_owned(), message }
    })
}

/// The number in `Success: created install session [123]`.
fn session(text: &str) -> Result<u64, Fault> {
    let number = text.rsplit_once('[').and_then(|(_, n)| n.trim_end().strip_suffix(']')).and_then(|n| n.parse().ok());
    number.ok_or_else(|| Fault::Protocol("the package manager told no session".to_owned()))
}

struct Apk<'a> {
    path: &'a Path,
    file: File,
    size: u64,
}

async fn open(path: &Path) -> Result<Apk<'_>, Fault> {
    let unreadable = |source| Fault::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).await.map_err(unreadable)?;
    let size = file.metadata().await.map_err(unreadable)?.len();
    Ok(Apk { path, file, size })
}

/// Installs an app from its files.
pub(super) async fn install(connection: &Arc<Connection>, apks: &[PathBuf], options: &[&str]) -> Result<(), Fault> {
    if apks.is_empty() || apks.len() > APKS {
        return Err(Fault::Invalid("no package, or too many"));
    }
    let streams = connection.banner.has("cmd");
    let options = options.iter().fold(String::new(), |all, o| all + " " + &quote(o));
    if let ([one], true) = (apks, streams) {
        let apk = open(one).await?;
        return stream(connection, &format!("install -S {}{options}", apk.size), apk).await.map(drop);
    }
    let mut opened = Vec::new();
    for path in apks {
        opened.push(open(path).await?);
    }
    let total: u64 = opened.iter().map(|a| a.size).sum();
    let pm = if streams { "cmd package" } else { "pm" };
    let made = said(connection, &format!("{pm} install-create -S {total}{options}")).await?;
    let session = session(answer(&made)?)?;
    for (n, apk) in opened.into_iter().enumerate() {
        let size = apk.size;
        // Names in a session are ours, so no name of a file gets into a command.
        let done = if streams {
            stream(connection, &format!("install-write -S {size} {session} {n}.apk -"), apk).await
        } else {
            by_file(connection, session, n, apk).await
        };
        if let Err(e) = done {
            let _ = said(connection, &format!("{pm} install-abandon {session}")).await;
            return Err(e);
        }
    }
    answer(&said(connection, &format!("{pm} install-commit {session}")).await?).map(drop)
}

async fn said(connection: &Arc<Connection>, command: &str) -> Result<String, Fault> {
    let ceilings = Ceilings { stdout: REFUSAL, stderr: REFUSAL };
    let output = super::run(connection, command, ceilings).await?;
    Ok(format!("{}\n{}", output.text(), String::from_utf8_lossy(&output.stderr)))
}

async fn stream(connection: &Arc<Connection>, command: &str, apk: Apk<'_>) -> Result<(), Fault> {
    let mut stream = connection.service(&format!("exec:cmd package {command}")).await?;
    let mut from = BufReader::with_capacity(SYNC_CHUNK, apk.file).take(apk.size);
    let mut batch = BytesMut::new();
    loop {
        let got = from.read_buf(&mut batch).await.map_err(|source| Fault::Unreadable { path: apk.path.to_owned(), source })?;
        if got == 0 || batch.len() >= SYNC_CHUNK {
            match stream.write(batch.split().freeze()).await {
                // It has said why before it closed.
                Err(Fault::Closed) if connection.is_alive() => break,
                other => other?,
            }
        }
        if got == 0 || stream.has_early() {
            break;
        }
    }
    let text = stream.read_text(REFUSAL).await?;
    answer(&text).map(drop)
}

async fn by_file(connection: &Arc<Connection>, session: u64, n: usize, apk: Apk<'_>) -> Result<(), Fault> {
    let place = format!("/data/local/tmp/stakeout-{session}-{n}.apk");
    let size = apk.size;
    let mut from = BufReader::with_capacity(SYNC_CHUNK, apk.file);
    let sync = Sync::new(connection.service("sync:").await?);
    let written = match sync.push(&mut from, &place, 0o644).await {
        Ok(_) => said(connection, &format!("pm install-write -S {size} {session} {n}.apk {place}")).await,
        Err(e) => Err(e),
    };
    // A part that was written before the disk was full goes as well; what went wrong is told, not that this did not work either.
    let _ = said(connection, &format!("rm -f {place}")).await;
    answer(&written?).map(drop)
}
