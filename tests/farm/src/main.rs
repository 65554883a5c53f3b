//! A farm under load and under faults: simulated workers over the real HTTP API, real servers, real databases.
//!
//! `bench` measures what a server can do; `faults` breaks its parts and looks at what is left. A simulated worker speaks the
//! worker protocol as `stakeout work` does, through the same client, and runs no cell: its trials are made up, and say so. What
//! a cell does under faults is tested in `tests/e2e/tests/kills.rs`.
//!
//! Read first: [`sim`], then [`bench`] or [`faults`].

mod bench;
mod clocks;
mod faults;
mod full;
mod invariants;
mod late;
mod proxy;
mod reorder;
mod server;
mod sim;
mod storage;
mod times;

use clap::Parser;

/// Load and faults for a farm.
#[derive(Parser)]
enum Args {
    /// Measure submit, lease, renew, complete over the HTTP API
    Bench(bench::BenchArgs),
    /// Break orchestrators, workers, database, storage and network, then check that nothing was lost or doubled
    Faults(faults::FaultArgs),
    /// One simulated worker, as a process of its own
    #[command(hide = true)]
    Worker(sim::WorkerArgs),
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match args {
            Args::Bench(a) => bench::run(a).await,
            Args::Faults(a) => faults::run(a).await,
            Args::Worker(a) => sim::process(a).await,
        }
    })
}
