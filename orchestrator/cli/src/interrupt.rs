//! Ctrl-C and SIGTERM: the first ends things in order, the second at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;

/// A token that is cancelled by the first Ctrl-C or SIGTERM. A second one ends the process with code 130.
pub(crate) fn token() -> Result<CancellationToken, Failure> {
    let token = CancellationToken::new();
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
            eprintln!("ending: cells are being removed; press Ctrl-C again to leave at once");
            t.cancel();
        }
    });
    Ok(token)
}
