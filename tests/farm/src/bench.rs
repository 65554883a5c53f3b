//! What a server can do: calls a second, their times, and what they cost, as the queue and the workers grow.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stakeout_agent::Fence;
use stakeout_client::Client;
use stakeout_contract::{
    WorkerId,
    api::{
        access::NewToken,
        apps::App,
        fleet::{LeaseAnswer, LeaseAsk, RenewDoc},
        jobs::Batch,
    },
};
use stakeout_servers::postgres::{Options, Postgres};
use tokio::{sync::Mutex, task::JoinSet};

use crate::{
    server::{self, Place, client, usage, usage_of_tree},
    sim,
};

/// Measures.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// An APK for the jobs
    #[arg(long, default_value = "target/apps/quiet.apk")]
    app: PathBuf,
    /// The program; else the one beside this
    #[arg(long)]
    program: Option<PathBuf>,
    /// Stores: sqlite, postgres
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres")]
    stores: Vec<String>,
    /// Queued trials, growing
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000")]
    queued: Vec<u64>,
    /// Workers at a time
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    workers: Vec<u32>,
    /// Seconds before each measurement: each worker's first call is heard of by writing
    #[arg(long, default_value_t = 2)]
    warm_up: u64,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Leases a second that are asked for; 0: as many as there can be
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// The program of tests/peer, to measure another queue on the same PostgreSQL
    #[arg(long)]
    peer: Option<PathBuf>,
    /// Trials of a job. All of one job's calls meet in its row, so many there are the worst case
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1000))]
    job: u64,
    /// Completions with what a trial of the demo's scenario plants, 20 KB each; drawing it is work of the load's. Else nothing is planted
    #[arg(long)]
    planted: bool,
    /// Also say which statements PostgreSQL spends its time on
    #[arg(long)]
    statements: bool,
    /// Where the rows go
    #[arg(long, default_value = "target/bench/farm.json")]
    out: PathBuf,
}

/// One line of the table.
#[derive(Serialize)]
struct Row {
    store: String,
    queued: u64,
    workers: u32,
    call: &'static str,
    calls: usize,
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    server_rss_mib: f64,
    server_cpu_s: f64,
    database_cpu_s: f64,
    load_cpu_s: f64,
    seconds: f64,
}

type Times = Arc<Mutex<Vec<(&'static str, Duration)>>>;

pub(crate) async fn run(a: BenchArgs) -> Result<()> {
    let program = server::program(a.program.as_deref())?;
    let (mut rows, mut peers) = (Vec::new(), Vec::new());
    for store in &a.stores {
        let dir = tempfile::tempdir()?;
        let postgres = if store == "postgres" { Some(Postgres::start_with(&database(a.statements))?) } else { None };
        let place = Place {
            program: program.clone(),
            dir: dir.path().to_owned(),
            store: postgres.as_ref().map_or_else(|| dir.path().join("farm.db").display().to_string(), Postgres::url),
            blobs: dir.path().join("artifacts").display().to_string(),
            env: vec![],
            lease_seconds: 3600,
        };
        if let Some(p) = postgres.as_ref().filter(|_| a.statements) {
            psql(p, "CREATE EXTENSION pg_stat_statements")?;
        }
        let running = place.start(dir.path(), None, &[]).await?;
        let admin = place.admin(running.port)?;
        let token: NewToken = admin.call(Method::POST, "v1/tokens", &json!({"role": "worker"})).await?;
        let app = admin.add_app(&a.app, &[], |_| {}).await?;
        let mut queued = 0;
        for &want in &a.queued {
            let began = Instant::now();
            let times = fill(&admin, &app, want.saturating_sub(queued), &a).await?;
            let took = began.elapsed().as_secs_f64();
            let added = want.saturating_sub(queued);
            queued = queued.max(want);
            let server_pid = running.child.id();
            if added > 0 {
                let n = times.len();
                let mut row = measured(store, want, 8, "submit (a job)", times, took);
                row.server_rss_mib = usage(server_pid).1;
                row.per_s = n as f64 / took;
                rows.push(row);
            }
            for &workers in &a.workers {
                let used = || Used {
                    server: usage(server_pid),
                    database: postgres.as_ref().map_or(0.0, |p| usage_of_tree(p.pid())),
                    load: usage(std::process::id()).0,
                };
                let reset = || match postgres.as_ref().filter(|_| a.statements) {
                    Some(p) => psql(p, "SELECT pg_stat_statements_reset()").map(drop),
                    None => Ok(()),
                };
                let Cycled { times, ended, before, after, took } = cycle(running.port, &token.secret, workers, &a, used, reset).await?;
                queued -= ended;
                for call in ["lease", "renew", "complete"] {
                    let of: Vec<Duration> = times.iter().filter(|(c, _)| *c == call).map(|(_, t)| *t).collect();
                    let mut row = measured(store, want, workers, call, of, took);
                    row.server_rss_mib = after.server.1;
                    row.server_cpu_s = after.server.0 - before.server.0;
                    (row.database_cpu_s, row.load_cpu_s) = (after.database - before.database, after.load - before.load);
                    rows.push(row);
                }
                if let Some(p) = postgres.as_ref().filter(|_| a.statements) {
                    println!("{}", psql(p, STATEMENTS)?);
                }
                if let (Some(program), Some(p)) = (&a.peer, &postgres) {
                    peers.push(peer(program, p, want, workers, a.seconds)?);
                }
            }
        }
    }
    print(&rows);
    print_peers(&peers);
    if let Some(dir) = a.out.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(
        &a.out,
        serde_json::to_string_pretty(&json!({"format": "stakeout-bench-farm/1", "rows": rows, "peers": peers}))? + "\n",
    )?;
    eprintln!("rows: {}", a.out.display());
    Ok(())
}

/// As an operator would set it for this much data; what a commit promises stays as it is.
fn database(statements: bool) -> Options {
    let mut settings = vec!["shared_buffers=1GB".to_owned(), "max_wal_size=4GB".to_owned()];
    if statements {
        settings.extend(["shared_preload_libraries=pg_stat_statements".to_owned(), "track_io_timing=on".to_owned()]);
    }
    Options { settings, ..Options::default() }
}

/// Time of each statement without that of reading it from the network, planning and committing.
const STATEMENTS: &str = "SELECT calls, round(total_exec_time::numeric, 0) AS ms, round(mean_exec_time::numeric, 3) AS mean_ms, \
     shared_blks_dirtied AS dirtied, left(regexp_replace(query, '[[:space:]]+', ' ', 'g'), 110) AS statement \
     FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 25";

fn psql(postgres: &Postgres, sql: &str) -> Result<String> {
    let done = Command::new("psql").args([&postgres.url(), "-v", "ON_ERROR_STOP=1", "-c", sql]).output().context("run `psql`")?;
    ensure!(done.status.success(), "`{sql}` failed: {}", String::from_utf8_lossy(&done.stderr));
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// What another queue does on this database, which is otherwise idle meanwhile.
#[derive(Serialize)]
struct PeerRow {
    queued: u64,
    workers: u32,
    database_cpu_s: f64,
    #[serde(flatten)]
    said: PeerSaid,
}

/// What the peer measured of itself.
#[derive(Serialize, Deserialize)]
struct PeerSaid {
    peer: String,
    connections: u32,
    fill_s: f64,
    cycles: u64,
    seconds: f64,
    per_s: f64,
    cpu_s: f64,
    rss_mib: f64,
}

fn peer(program: &Path, postgres: &Postgres, queued: u64, workers: u32, seconds: u64) -> Result<PeerRow> {
    psql(postgres, "DROP SCHEMA IF EXISTS peer CASCADE")?;
    let mut child = Command::new(program)
        .args(["--database", &postgres.url(), "--queued", &queued.to_string()])
        .args(["--workers", &workers.to_string(), "--seconds", &seconds.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{}` cannot be started\nhint: `make bench-farm` builds it", program.display()))?;
    let mut lines = BufReader::new(child.stdout.take().context("no pipe")?).lines();
    let mut line = || lines.next().context("the peer ended early")?.context("the peer's output");
    line()?;
    let before = usage_of_tree(postgres.pid());
    let said = serde_json::from_str(&line()?)?;
    let database_cpu_s = usage_of_tree(postgres.pid()) - before;
    ensure!(child.wait()?.success(), "the peer failed");
    Ok(PeerRow { queued, workers, database_cpu_s, said })
}

fn print_peers(rows: &[PeerRow]) {
    if rows.is_empty() {
        return;
    }
    println!("\n| peer | queued | workers | taken and completed per s | MiB | CPU s | database CPU s | of s |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for r in rows {
        let s = &r.said;
        println!(
            "| {} | {} | {} | {:.0} | {:.0} | {:.1} | {:.1} | {:.0} |",
            s.peer, r.queued, r.workers, s.per_s, s.rss_mib, s.cpu_s, r.database_cpu_s, s.seconds
        );
    }
}

fn measured(store: &str, queued: u64, workers: u32, call: &'static str, mut times: Vec<Duration>, seconds: f64) -> Row {
    times.sort();
    let at =
        |share: f64| times.get(((times.len() as f64 - 1.0) * share).round().max(0.0) as usize).map_or(0.0, |t| t.as_secs_f64() * 1000.0);
    Row {
        store: store.to_owned(),
        queued,
        workers,
        call,
        calls: times.len(),
        per_s: times.len() as f64 / seconds,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        server_rss_mib: 0.0,
        server_cpu_s: 0.0,
        database_cpu_s: 0.0,
        load_cpu_s: 0.0,
        seconds,
    }
}

/// Queues trials, ten jobs to a request; the time of each request by its jobs.
async fn fill(admin: &Client, app: &App, trials: u64, a: &BenchArgs) -> Result<Vec<Duration>> {
    let nothing = json!({"name": "bench", "plant": {"contacts": 0, "callLog": 0, "sms": 0, "calendar": 0, "cells": 0, "wifi": 0, "accounts": 0,
        "media": 0, "installedApps": 0, "location": false, "identifiers": false, "clipboard": false}, "steps": ["launchApp"]});
    let scenario = if a.planted { json!("idle-demo") } else { nothing };
    let mut times = Vec::new();
    let mut left = trials;
    while left > 0 {
        let jobs: Vec<_> = (0..10)
            .map_while(|_| {
                let n = left.min(a.job);
                left -= n;
                (n > 0).then(|| json!({"app": app.sha256, "scenario": scenario, "trials": n}))
            })
            .collect();
        let (n, began) = (jobs.len() as u32, Instant::now());
        let _: Batch = admin.call(Method::POST, "v1/batches", &json!({"jobs": jobs})).await?;
        times.extend(std::iter::repeat_n(began.elapsed() / n, n as usize));
    }
    Ok(times)
}

/// Processor time, and the server's memory.
struct Used {
    server: (f64, f64),
    database: f64,
    load: f64,
}

/// What came of a measurement.
struct Cycled {
    /// Of the calls that ended in it.
    times: Vec<(&'static str, Duration)>,
    /// Trials that are not queued any more, with those of the warm-up.
    ended: u64,
    before: Used,
    after: Used,
    /// Seconds.
    took: f64,
}

/// Workers that lease, renew, complete, again and again; the time of each call that began after the warm-up.
async fn cycle(
    port: u16,
    token: &str,
    workers: u32,
    a: &BenchArgs,
    used: impl Fn() -> Used,
    warm: impl Fn() -> Result<()>,
) -> Result<Cycled> {
    let (times, counts, stop): (Times, Arc<AtomicBool>, _) = (Arc::default(), Arc::default(), Arc::new(AtomicBool::new(false)));
    let ended = Arc::new(AtomicU64::new(0));
    let mut all = JoinSet::new();
    let pause = if a.rate == 0 { Duration::ZERO } else { Duration::from_secs_f64(f64::from(workers) / f64::from(a.rate)) };
    // Clients share connections as workers on one host would not: each has its own.
    for n in 0..workers {
        let (client, times, counts, stop) = (client(port, token)?, times.clone(), counts.clone(), stop.clone());
        let ended = ended.clone();
        all.spawn(async move {
            let mut next = tokio::time::Instant::now() + pause.mul_f64(f64::from(n) / f64::from(workers));
            let worker: WorkerId = format!("bench-{n}").parse()?;
            let ask = LeaseAsk { worker, abilities: sim::abilities(), wait_seconds: 0 };
            loop {
                tokio::time::sleep_until(next).await;
                if stop.load(Ordering::Relaxed) {
                    return anyhow::Ok(());
                }
                let (mut mine, count) = (Vec::new(), counts.load(Ordering::Relaxed));
                let began = Instant::now();
                let got: LeaseAnswer = client.call(Method::POST, "v1/leases", &ask).await?;
                mine.push(("lease", began.elapsed()));
                let Some(lease) = got.lease else {
                    next = tokio::time::Instant::now() + Duration::from_millis(200);
                    continue;
                };
                let fence = Fence::from(&lease);
                let at = format!("v1/leases/{}/{}", fence.trial, fence.epoch);
                let began = Instant::now();
                let _: RenewDoc = client.call(Method::POST, &format!("{at}/renew"), &json!({})).await?;
                mine.push(("renew", began.elapsed()));
                let began = Instant::now();
                client.tell(Method::POST, &format!("{at}/complete"), &sim::completion(&lease, vec![])).await?;
                mine.push(("complete", began.elapsed()));
                ended.fetch_add(1, Ordering::Relaxed);
                if count && !stop.load(Ordering::Relaxed) {
                    times.lock().await.extend(mine);
                }
                // A worker that is late asks at once: the rate is what is asked for, not what comes of slow answers.
                next = if pause.is_zero() { tokio::time::Instant::now() } else { next + pause };
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(a.warm_up)).await;
    warm()?;
    let (before, began) = (used(), Instant::now());
    counts.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(a.seconds)).await;
    stop.store(true, Ordering::Relaxed);
    let (after, took) = (used(), began.elapsed().as_secs_f64());
    while let Some(done) = all.join_next().await {
        done??;
    }
    Ok(Cycled { times: std::mem::take(&mut *times.lock().await), ended: ended.load(Ordering::Relaxed), before, after, took })
}

fn print(rows: &[Row]) {
    println!(
        "| store | queued | workers | call | per s | p50 ms | p99 ms | server MiB | server CPU s | database CPU s | load CPU s | of s |"
    );
    println!("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for r in rows {
        println!(
            "| {} | {} | {} | {} | {:.0} | {:.1} | {:.1} | {:.0} | {:.1} | {:.1} | {:.1} | {:.0} |",
            r.store,
            r.queued,
            r.workers,
            r.call,
            r.per_s,
            r.p50_ms,
            r.p99_ms,
            r.server_rss_mib,
            r.server_cpu_s,
            r.database_cpu_s,
            r.load_cpu_s,
            r.seconds
        );
    }
}
