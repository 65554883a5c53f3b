//! `graphile_worker`, a published job queue on PostgreSQL, doing the least that ours does for a trial: a job is taken, and it is
//! completed. There is no HTTP between, no tenant, no lease to renew and no evidence, so it is what a queue alone can do here.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::Parser;
use graphile_worker::{IntoTaskHandlerResult, JobSpec, TaskHandler, WorkerContext, WorkerOptions};
use serde::{Deserialize, Serialize};

/// Jobs that were completed.
static DONE: AtomicU64 = AtomicU64::new(0);

#[derive(Parser)]
struct Args {
    /// postgres://
    #[arg(long)]
    database: String,
    /// Jobs that wait when it begins
    #[arg(long)]
    queued: u64,
    /// Jobs at a time
    #[arg(long)]
    workers: usize,
    /// Connections to the database
    #[arg(long, default_value_t = 16)]
    connections: u32,
    /// Seconds of the measurement
    #[arg(long)]
    seconds: u64,
}

/// A job with nothing in it, as ours are fetched by id.
#[derive(Clone, Serialize, Deserialize)]
struct Trial {
    number: u64,
}

impl TaskHandler for Trial {
    const IDENTIFIER: &'static str = "trial";

    async fn run(self, _: WorkerContext) -> impl IntoTaskHandlerResult {
        DONE.fetch_add(1, Ordering::Relaxed);
        Ok::<(), String>(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let a = Args::parse();
    // A schema of its own, emptied by the caller with its database.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = WorkerOptions::default()
        .schema("peer")
        .concurrency(a.workers)
        // With its default of a second each of its workers takes one job a second, whatever the database could do.
        .poll_interval(Duration::from_millis(1))
        .max_pg_conn(a.connections)
        .database_url(&a.database)
        .listen_os_shutdown_signals(false)
        .shutdown_signal(async move {
            let _ = stopped.await;
        })
        .define_job::<Trial>()
        .init()
        .await
        .context("the database cannot be used")?;
    let utils = worker.create_utils();
    let began = Instant::now();
    let spec = JobSpec::default();
    for first in (0..a.queued).step_by(1000) {
        let batch: Vec<_> = (first..a.queued.min(first + 1000)).map(|number| (Trial { number }, &spec)).collect();
        utils.add_jobs::<Trial>(&batch).await.context("jobs cannot be added")?;
    }
    let filled = began.elapsed().as_secs_f64();
    // Whoever measures looks at the database's processor time now, and when it ends.
    println!("{}", serde_json::json!({"filled_s": filled}));
    let before = cpu_seconds();
    let running = tokio::spawn(async move { worker.run().await.map_err(|e| e.to_string()) });
    let began = Instant::now();
    tokio::time::sleep(Duration::from_secs(a.seconds)).await;
    let (done, seconds, cpu) = (DONE.load(Ordering::Relaxed), began.elapsed().as_secs_f64(), cpu_seconds() - before);
    println!(
        "{}",
        serde_json::json!({"peer": "graphile_worker 0.14.1", "connections": a.connections, "fill_s": filled, "cycles": done,
            "seconds": seconds, "per_s": done as f64 / seconds, "cpu_s": cpu, "rss_mib": resident_mib()})
    );
    // Nobody is left to be told if it has ended by itself.
    let _ = stop.send(());
    running.await?.map_err(anyhow::Error::msg)
}

fn proc(file: &str, field: usize) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
    text.rsplit(')').next().unwrap_or_default().split_whitespace().nth(field).and_then(|f| f.parse().ok()).unwrap_or(0.0)
}

/// Fields 14 and 15 of proc(5)'s stat, in ticks of 10 ms.
fn cpu_seconds() -> f64 {
    (proc("stat", 11) + proc("stat", 12)) / 100.0
}

fn resident_mib() -> f64 {
    proc("statm", 1) * 4096.0 / 1_048_576.0
}
