//! Wall clocks that are set while processes run: Debian's `libfaketime`, preloaded, reads from a file how far a clock is off, each time
//! that the process looks at it.
//!
//! The monotonic clock goes on as it is, and files have the times of their file system: what a person, or NTP, who sets a clock
//! leaves alone. A program that is linked statically takes no library: `make test-faults` builds the two of the test otherwise.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, ensure};
use rand::{Rng, rngs::StdRng};
use stakeout_contract::api::jobs::Offer;

/// A clock that can be set.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    file: PathBuf,
    library: PathBuf,
}

impl Clock {
    /// A right one, whose file is in this folder.
    pub(crate) fn new(dir: &Path, name: &str) -> Result<Self> {
        let clock = Self { file: dir.join(format!("{name}.clock")), library: library()? };
        clock.set(0)?;
        Ok(clock)
    }

    /// What a process needs that goes by it.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let all = [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ];
        all.map(|(k, v)| (k.to_owned(), v)).to_vec()
    }

    /// It is off by so many seconds from now on.
    pub(crate) fn set(&self, seconds: i64) -> Result<()> {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n"))?;
        Ok(std::fs::rename(new, &self.file)?)
    }
}

/// All clocks of a farm.
pub(crate) struct Clocks {
    pub(crate) orchestrators: Vec<Clock>,
    pub(crate) workers: Vec<Clock>,
    pub(crate) database: Clock,
}

impl Clocks {
    /// Of two orchestrators, so many workers, and a database whose own user must be able to read its file.
    pub(crate) fn new(dir: &Path, workers: usize) -> Result<Self> {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))?;
        let of = |what: &str, n: usize| (0..n).map(|n| Clock::new(dir, &format!("{what}-{n}"))).collect::<Result<Vec<_>>>();
        Ok(Self { orchestrators: of("orchestrator", 2)?, workers: of("worker", workers)?, database: Clock::new(dir, "database")? })
    }
}

/// The library of Debian's package.
fn library() -> Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = folders.map(|f| f.path().join("faketime/libfaketime.so.1")).find(|p| p.exists());
    found.context("`libfaketime` is not installed\nhint: run `scripts/setup.sh`, or `apt-get install libfaketime`")
}

/// A process goes by a clock that can be set.
pub(crate) fn obeys(pid: u32) -> Result<()> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    ensure!(
        maps.contains("libfaketime"),
        "the process {pid} takes no library, so its clock cannot be set\nhint: run it by `make test-faults`"
    );
    Ok(())
}

/// Two seconds to two hours forth or back, each magnitude as likely.
pub(crate) fn step(rng: &mut StdRng) -> i64 {
    let seconds = rng.random_range(2_f64.ln()..=7200_f64.ln()).exp().round() as i64;
    if rng.random_ratio(1, 2) { seconds } else { -seconds }
}

/// Sets clocks, each by another step, waits, and sets them right.
pub(crate) async fn disturb(clocks: &[&Clock], rng: &mut StdRng, see: impl AsyncFnOnce(&[i64]) -> Result<()>) -> Result<()> {
    let steps: Vec<i64> = clocks.iter().map(|_| step(rng)).collect();
    eprintln!("       set by {steps:?} s");
    for (clock, seconds) in clocks.iter().zip(&steps) {
        clock.set(*seconds)?;
    }
    // Half of the time longer than a lease lasts.
    tokio::time::sleep(Duration::from_millis(rng.random_range(1500..9000))).await;
    see(&steps).await?;
    clocks.iter().try_for_each(|c| c.set(0))
}

/// A server whose clock was set forth says so in its answers' `Date`. Set back, also from an earlier step forth, it says the old one
/// until then: its HTTP library writes that anew only when it is over.
pub(crate) async fn shows(port: u16, step: i64) -> Result<()> {
    // A server that is just busy shows it the next time.
    let Ok(r) = reqwest::get(format!("http://127.0.0.1:{port}/healthz")).await else { return Ok(()) };
    let date = r.headers().get(reqwest::header::DATE).context("an answer without `Date`")?.to_str()?;
    let shown = jiff::fmt::rfc2822::parse(date)?.timestamp().as_second();
    ensure!(step < 0 || shown - now_ms() / 1000 - step > -5, "a clock was set by {step} s, and its server shows {date}");
    Ok(())
}

/// A server whose host's clock was set makes offers that the farm takes up: of an hour from now.
pub(crate) async fn offers(port: u16, token: &str) -> Result<()> {
    let url = format!("http://127.0.0.1:{port}/v1/offers");
    // A server that is just busy offers the next time.
    let Ok(r) = reqwest::Client::new().post(url).bearer_auth(token).json(&serde_json::json!({})).send().await else { return Ok(()) };
    let Ok(offer) = r.json::<Offer>().await else { return Ok(()) };
    let off = offer.valid_until_ms - now_ms() - 3_600_000;
    ensure!(off.abs() < 30_000, "a server's clock was set, and its offers are off by {off} ms");
    Ok(())
}

/// Unix milliseconds by a clock that nobody sets.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
