//! A worker that runs nothing: it leases, hands in made-up things, signs them, and completes.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Args;
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use stakeout_agent::{Fence, Orchestrator, report::patiently};
use stakeout_bundle::{
    keys::SigningKey,
    statement::{Left, make, sign},
};
use stakeout_client::worker::Remote;
use stakeout_contract::{
    DeviceKind, Nanos, Sha256Digest, WorkerId,
    api::fleet::HostFacts,
    artifact::{Artifact, Role},
    finding::Analysis,
    lease::{Abilities, Completion, Lease, Progress},
    observation::{Fact, Observation, Source},
    trial::{AppFacts, TrialCost, TrialEnd, TrialRecord, TrialState},
};
use stakeout_feed::planting;

/// What such a worker says that it can run.
pub(crate) fn abilities() -> Abilities {
    Abilities { devices: vec![(DeviceKind::Jvm, vec![34])], slots: 1 }
}

/// A completion that says that nothing was run.
pub(crate) fn completion(lease: &Lease, artifacts: Vec<Artifact>) -> Completion {
    let mut record = TrialRecord {
        format: TrialRecord::FORMAT.to_owned(),
        trial: lease.trial.clone(),
        job: lease.job.clone(),
        epoch: lease.epoch,
        number: lease.number,
        app: AppFacts { sha256: Some(lease.app), ..AppFacts::default() },
        scenario: lease.scenario.clone(),
        device: lease.device,
        api: lease.scenario.device.api,
        image: "simulated".to_owned(),
        cooperative: true,
        commitment: Sha256Digest::of(lease.key.bytes()),
        key: None,
        feed_mode: lease.feed_mode,
        started_at: String::new(),
        started_real: jiff::Timestamp::now().to_string(),
        timeline: vec![],
        clock: vec![],
        delivered: vec![],
        canaries: vec![],
        artifacts,
        end: TrialEnd { state: TrialState::Finished, stage: String::new(), reason: "simulated".to_owned(), log: String::new() },
        cost: TrialCost { wall_seconds: 0.1, ..TrialCost::default() },
    };
    // It plants nothing, but what its key gives is no choice of its.
    let start = record.scenario.start_millis(record.seed()).and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    record.started_at = start.map_or_else(String::new, |at| at.to_string());
    record.canaries = planting::again(&record, &lease.key).unwrap_or_default();
    Completion { record, flows: vec![], analysis: Analysis::default(), statement: None }
}

/// A made-up fact.
pub(crate) fn line(n: u64) -> Observation {
    Observation {
        at: Nanos::saturating(n * 1_000_000),
        source: Source::Worker,
        fact: Fact::Log { line: format!("simulated {n}") },
        stack: vec![],
    }
}

/// A process that is a worker.
#[derive(Args)]
pub(crate) struct WorkerArgs {
    /// The server
    #[arg(long)]
    server: String,
    /// A file with the token
    #[arg(long)]
    token_file: PathBuf,
    /// Its id
    #[arg(long)]
    id: WorkerId,
    /// Makes what it does repeatable
    #[arg(long)]
    seed: u64,
    /// A line for each completion that was acknowledged: trial, epoch, observations
    #[arg(long)]
    log: PathBuf,
}

/// Leases and completes until it is killed.
pub(crate) async fn process(a: WorkerArgs) -> Result<()> {
    let token = std::fs::read_to_string(&a.token_file)?.trim().to_owned();
    let options = stakeout_client::ClientOptions { server: a.server, token, ca: None, patience: Duration::from_secs(300) };
    let client = stakeout_client::Client::new(&options)?;
    let remote = Remote::new(&client);
    let mut rng = StdRng::seed_from_u64(a.seed);
    // As a real one, it has the key of before when it is started again.
    let me = Me { key: SigningKey::load_or_create(&a.log.with_file_name(format!("{}.pem", a.id)))?, id: a.id };
    let host = HostFacts { host: "simulated".to_owned(), key: me.key.public().fingerprint(), ..HostFacts::default() };
    loop {
        let beat = remote.heartbeat(&me.id, &abilities(), &host).await;
        if beat.is_err() {
            tokio::time::sleep(Duration::from_millis(300)).await;
            continue;
        }
        match remote.lease(&me.id, &abilities()).await {
            Ok(Some(lease)) => match trial(&remote, &me, &lease, &mut rng).await {
                Ok(told) => {
                    use std::io::Write;
                    let mut log = std::fs::File::options().create(true).append(true).open(&a.log)?;
                    writeln!(log, "{} {} {told}", lease.trial, lease.epoch)?;
                }
                Err(e) => eprintln!("{}: {} of epoch {}: {e}", me.id, lease.trial, lease.epoch),
            },
            Ok(None) => {}
            Err(e) => {
                eprintln!("{}: no lease: {e}", me.id);
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
    }
}

/// Who signs.
struct Me {
    id: WorkerId,
    key: SigningKey,
}

/// Hands in a trial; how many observations it has.
async fn trial(remote: &Remote, me: &Me, lease: &Lease, rng: &mut StdRng) -> Result<u64> {
    let fence = Fence::from(lease);
    let dir = tempfile::tempdir()?;
    let app = dir.path().join("app");
    patiently(|| remote.blob(&fence, &lease.app, &app)).await?;
    let mut artifacts = Vec::new();
    let (mut told, rounds) = (0, rng.random_range(2..6));
    for _ in 0..rounds {
        tokio::time::sleep(Duration::from_millis(rng.random_range(50..600))).await;
        patiently(|| remote.renew(&fence)).await?;
        let batch: Vec<Observation> = (told..told + 20).map(line).collect();
        // A worker that lost an answer repeats; a quarter of the time without a reason.
        for _ in 0..=u32::from(rng.random_ratio(1, 4)) {
            patiently(|| remote.observations(&fence, told, batch.clone())).await?;
        }
        told += 20;
        let progress = Progress {
            trial: lease.trial.clone(),
            number: lease.number,
            stage: "script".to_owned(),
            detail: String::new(),
            at_seconds: 1.0,
            of_seconds: 2.0,
        };
        let _ = remote.progress(&fence, progress).await;
    }
    for n in 0..3 {
        let size = rng.random_range(1..200_000);
        let mut bytes = vec![0; size];
        rng.fill_bytes(&mut bytes);
        let (path, sha256) = (dir.path().join("artifact"), Sha256Digest::of(&bytes));
        std::fs::write(&path, &bytes)?;
        patiently(|| remote.put_artifact(&fence, &sha256, &path)).await?;
        artifacts.push(Artifact {
            sha256,
            size: size as u64,
            role: Role::AppFile,
            name: format!("file-{n}"),
            flow: None,
            at: None,
            cipher: None,
            truncated: false,
        });
    }
    let mut done = completion(lease, artifacts);
    let observations: Vec<Observation> = (0..told).map(line).collect();
    done.statement = Some(sign(&me.key, &make(&me.id, &done.record, &Left::of(&done, &observations)?))?);
    for _ in 0..=u32::from(rng.random_ratio(1, 4)) {
        patiently(|| remote.complete(&fence, done.clone())).await?;
    }
    Ok(told)
}
