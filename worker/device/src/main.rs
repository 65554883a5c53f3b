//! `stakeout-device --kind jvm|emulator`: the first process of a device's container. With `--bake`, an emulator's is no device: it
//! makes the snapshot that devices start from. See the library.

use std::process::ExitCode;

use stakeout_device::{
    DeviceError,
    core::serve::serve,
    emulator::{self, EmulatorGuest},
    jvm::{self, JvmGuest},
};
use stakeout_protocol::bake;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What is asked for on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Jvm,
    Emulator,
    Bake,
}

fn main() -> ExitCode {
    // Standard output is the worker's pipe; what is for people goes to standard error.
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).without_time().log_internal_errors(false).init();
    let result = kind().and_then(|k| check_powers().map(|()| k)).map_err(anyhow::Error::from).and_then(|kind| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let result = runtime.block_on(run(kind));
        // A read of standard input may still be under way, and it must not hold up the end.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            tracing::error!("{e:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(kind: Kind) -> anyhow::Result<()> {
    let ended = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let token = ended.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        token.cancel();
    });
    let (from, to) = (tokio::io::stdin(), tokio::io::stdout());
    match kind {
        Kind::Jvm => {
            let layout = jvm::Layout::container();
            let blobs = jvm::guest::blobs(&layout);
            serve(from, to, blobs.clone(), ended, |out| JvmGuest::new(layout, blobs, out)).await?;
        }
        Kind::Bake => {
            let layout = emulator::Layout::container()?;
            tokio::select! {
                done = emulator::bake::bake(&layout, from, to) => done?,
                () = ended.cancelled() => anyhow::bail!("told to end"),
            }
        }
        Kind::Emulator => {
            let layout = emulator::Layout::container()?;
            // It says what it is, and so whether it is one.
            let version = layout.version().await?;
            let blobs = emulator::guest::blobs(&layout);
            serve(from, to, blobs.clone(), ended, |out| EmulatorGuest::new(layout, &version, blobs, out)).await?;
        }
    }
    Ok(())
}

fn kind() -> Result<Kind, DeviceError> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--kind", "jvm"] => Ok(Kind::Jvm),
        ["--kind", "emulator"] => Ok(Kind::Emulator),
        ["--kind", "emulator", bake::ARGUMENT] => Ok(Kind::Bake),
        ["--kind", other] => Err(DeviceError::Kind(other.to_owned())),
        _ => Err(DeviceError::Kind(words.join(" "))),
    }
}

/// What the container must give: see `images/README.md`.
fn check_powers() -> Result<(), DeviceError> {
    use caps::{CapSet, Capability};
    let needed = [
        (Capability::CAP_SETUID, "SETUID"),
        (Capability::CAP_SETGID, "SETGID"),
        (Capability::CAP_SETPCAP, "SETPCAP"),
        (Capability::CAP_KILL, "KILL"),
        (Capability::CAP_DAC_READ_SEARCH, "DAC_READ_SEARCH"),
    ];
    for (capability, name) in needed {
        if !caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false) {
            return Err(DeviceError::Capability(name));
        }
    }
    Ok(())
}
