//! Ctrl-C and SIGTERM: the first ends things in order, the second at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;

/// A token that is cancelled by the first Ctrl-C or SIGTERM. A second one ends the process with code 130.
pub(crate) fn token() -> Result<CancellationToken, Failure> {
    ending("ending: cells are being removed; press Ctrl-C again to leave at once")
}

/// The first signal drains, the second stops, the third ends the process with code 130.
pub(crate) fn draining(said: &str) -> Result<(CancellationToken, CancellationToken), Failure> {
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let (mut int, mut term) =
        (signal(SignalKind::interrupt()).map_err(Failure::other)?, signal(SignalKind::terminate()).map_err(Failure::other)?);
    let (d, s, said) = (drain.clone(), stop.clone(), said.to_owned());
    tokio::spawn(async move {
        for n in 0.. {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
            match n {
                0 => {
                    say!("{said}");
                    d.cancel();
                }
                1 => s.cancel(),
                _ => std::process::exit(130),
            }
        }
    });
    Ok((drain, stop))
}

/// The same with words of its own.
pub(crate) fn ending(said: &str) -> Result<CancellationToken, Failure> {
    let (token, said) = (CancellationToken::new(), said.to_owned());
    let (mut int, mut term) =
        (signal(SignalKind::interrupt()).map_err(Failure::other)?, signal(SignalKind::terminate()).map_err(Failure::other)?);
    let t = token.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
            if !first {
                std::process::exit(130);
            }
            say!("{said}");
            t.cancel();
        }
    });
    Ok(token)
}
