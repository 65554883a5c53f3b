//! `stakeout-device --kind jvm`: the first process of a device's container. See the library.

use std::process::ExitCode;

use stakeout_device::{
    DeviceError,
    core::serve::serve,
    jvm::{JvmGuest, Layout, guest::blobs},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    // Standard output is the worker's pipe; what is for people goes to standard error.
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).without_time().init();
    let result = check_arguments().and_then(|()| check_powers()).map_err(anyhow::Error::from).and_then(|()| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let result = runtime.block_on(run());
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

async fn run() -> anyhow::Result<()> {
    let ended = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let token = ended.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        token.cancel();
    });
    let layout = Layout::container();
    let blobs = blobs(&layout);
    serve(tokio::io::stdin(), tokio::io::stdout(), blobs.clone(), ended, |out| JvmGuest::new(layout, blobs, out)).await?;
    Ok(())
}

fn check_arguments() -> Result<(), DeviceError> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--kind", "jvm"] => Ok(()),
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
