//! A child process that gets a clock and a ceiling.

use std::{
    io::Read,
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use stakeout_confine::Reach;

/// Bytes that are handed on at once.
const PIECE: usize = 1 << 18;
/// Pieces that may wait: a child that is faster than we are waits for us.
const AHEAD: usize = 8;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself and well.
    Whole,
    /// Nobody wanted more.
    Enough,
    /// By itself, and not well: there may have been more.
    Broken,
    /// It took too long.
    Late,
}

/// Hands on what a child says while it says it, until `sink` wants no more. The child gets no input and no environment; `patience`
/// is how long it may be waited for, without the time that `sink` takes, and `reach` what it may touch: it reads what an app made,
/// and a fault of it must give nobody the trial's key. Errors are reasons for `Skipped`: `no decoder: ..`.
pub(crate) fn stream(command: &mut Command, reach: &Reach, patience: Duration, sink: &mut dyn FnMut(&[u8]) -> bool) -> Result<End, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let reach = Reach { program: Some(command.get_program().into()), ..reach.clone() };
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = stakeout_confine::spawn(command, &reach).map_err(|e| format!("no decoder: {name} does not start: {}", e.kind()))?;
    let Some(mut stdout) = child.stdout.take() else { return Err(format!("no decoder: {name} has no output")) };
    let (give, pieces) = mpsc::sync_channel::<Vec<u8>>(AHEAD);
    let reader = std::thread::spawn(move || {
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            let read = (&mut stdout).take(PIECE as u64).read_to_end(&mut piece);
            if read.is_err() || piece.is_empty() || give.send(piece).is_err() {
                // Closing the pipe ends a child that has more to say.
                return;
            }
        }
    });
    let mut left = patience;
    let mut early = loop {
        let waits = Instant::now();
        let piece = pieces.recv_timeout(left);
        left = left.saturating_sub(waits.elapsed());
        match piece {
            Ok(p) if sink(&p) => {}
            Ok(_) => break Some(End::Enough),
            Err(RecvTimeoutError::Timeout) => break Some(End::Late),
            Err(RecvTimeoutError::Disconnected) => break None,
        }
    };
    drop(pieces);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if early.is_none() && !left.is_zero() => {
                std::thread::sleep(Duration::from_millis(2));
                left = left.saturating_sub(Duration::from_millis(2));
                if left.is_zero() {
                    early = Some(End::Late);
                }
            }
            _ => {
                // It may have ended by itself meanwhile.
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
        }
    };
    let _ = reader.join();
    Ok(match (early, status) {
        (Some(end), _) => end,
        (None, Some(s)) if s.success() => End::Whole,
        (None, Some(_)) => End::Broken,
        (None, None) => End::Late,
    })
}

/// Output of one call, at most `most` bytes. Errors are reasons for `Skipped`: `no decoder: ..`, `limit: time`, `broken`.
pub(crate) fn run(command: &mut Command, reach: &Reach, most: usize, patience: Duration) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let end = stream(command, reach, patience, &mut |piece| {
        out.extend_from_slice(&piece[..piece.len().min(most - out.len())]);
        out.len() < most
    })?;
    match end {
        End::Late => Err("limit: time".to_owned()),
        End::Broken => Err("broken".to_owned()),
        End::Whole | End::Enough => Ok(out),
    }
}

/// A program on the path.
pub(crate) fn on_path(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|d| d.join(name)).find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, patience: Duration) -> (Vec<u8>, End) {
        let mut out = Vec::new();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        let end = stream(&mut command, &Reach::default(), patience, &mut |p| {
            out.extend_from_slice(p);
            true
        });
        (out, end.unwrap())
    }

    #[test]
    fn what_a_child_said_before_it_failed_is_kept_and_that_it_failed_is_told() {
        assert_eq!(sh("echo a", Duration::from_secs(9)), (b"a\n".to_vec(), End::Whole));
        assert_eq!(sh("echo a; exit 3", Duration::from_secs(9)), (b"a\n".to_vec(), End::Broken));
        assert_eq!(sh("exec sleep 60", Duration::from_millis(50)).1, End::Late);
    }

    #[test]
    fn a_decoder_reads_its_file_and_not_the_key_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let (film, key) = (dir.path().join("film"), dir.path().join("trial.json"));
        std::fs::write(&film, "film").unwrap();
        std::fs::write(&key, "key").unwrap();
        let reach = Reach { reads: vec![film.clone()], ..Reach::default() };
        let read = |path: &std::path::Path| run(Command::new("/bin/cat").arg(path), &reach, 100, Duration::from_secs(9));
        assert_eq!(read(&film).unwrap(), b"film");
        let confined = stakeout_confine::held() != stakeout_confine::Held::Nothing;
        assert_eq!(read(&key), if confined { Err("broken".to_owned()) } else { Ok(b"key".to_vec()) });
    }

    #[test]
    fn a_child_that_says_too_much_is_ended() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done"]);
        assert_eq!(run(&mut command, &Reach::default(), 1000, Duration::from_secs(60)).unwrap().len(), 1000);
    }
}
