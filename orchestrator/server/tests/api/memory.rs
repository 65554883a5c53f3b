//! What the decision of a job takes of this machine's memory.

use std::{collections::BTreeMap, sync::Arc};

use stakeout_blobs::Blobs;
use stakeout_bundle::{Bundle, keys::SigningKey};
use stakeout_contract::{
    Kind, Nanos, TenantId,
    observation::{Fact, Observation, Source},
    trial::TrialState,
};
use stakeout_server::{
    Service,
    finish::{FinishOptions, finish},
    seal::Sealer,
};
use stakeout_store::{
    Jobs as _,
    conformance::sample::{completion, insert, job, lease},
    sqlite::SqliteStore,
};

/// Of each trial; for a measurement `STAKEOUT_OBSERVATIONS=200000`, the most that a trial may have.
const OBSERVATIONS: u64 = 60_000;

/// Nine lines of a log, then something that is said of the app.
fn observation(n: u64) -> Observation {
    let frame = |f: u64| format!("com.example.payments.internal.Something.method{f}:{n}");
    let (fact, stack) = if n.is_multiple_of(10) {
        let what = "content://com.android.contacts/contacts".to_owned();
        (Fact::Read { data: Kind::Contacts, what, rows: Some(25) }, (0..8).map(frame).collect())
    } else {
        (Fact::Log { line: format!("{n}: {}", "what an app writes into its log, again and again ".repeat(2)) }, vec![])
    };
    Observation { at: Nanos::saturating(n * 1_000_000), source: Source::Host, fact, stack }
}

/// A figure of this process in /proc/self/status, MiB.
fn mib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap();
    line.trim_matches([':', ' ', '\t']).split(' ').next().unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn a_job_that_tells_much_is_decided_in_little_memory() {
    let many = std::env::var("STAKEOUT_OBSERVATIONS").map_or(OBSERVATIONS, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&dir.path().join("db")).await.unwrap());
    let j = job(&TenantId::farm(), 3);
    insert(&*store, &j).await;
    for _ in 0..3 {
        let (trial, of) = lease(&*store, &TenantId::farm(), "w-1", 1).await;
        for first in (0..many).step_by(1000) {
            let batch: Vec<Observation> = (first..(first + 1000).min(many)).map(observation).collect();
            store.observe(&trial.id, trial.row.epoch, first, &batch, 2).await.unwrap();
        }
        store.complete(&trial.id, trial.row.epoch, &completion(&trial, &of, TrialState::Finished), 3).await.unwrap();
    }
    let service = Service::new(store, Blobs::folder(&dir.path().join("blobs")).unwrap(), Sealer::ephemeral().unwrap());
    let operator = SigningKey::load_or_create(&dir.path().join("op.pem")).unwrap();
    let options = FinishOptions { out: dir.path().to_owned(), with_app: false, images: BTreeMap::new() };
    // What was at most resident counts from here on (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = mib("VmRSS");
    let result = finish(&service, &j.id, &operator, &options).await.unwrap();
    let took = mib("VmHWM").saturating_sub(before);
    let read = result.verdicts.iter().find(|v| v.kind == Kind::Contacts && v.count > 0).unwrap();
    assert_eq!(read.count, 3 * many.div_ceil(10));
    let bundle = Bundle::parse(std::fs::read(dir.path().join("bundle.zip")).unwrap()).unwrap();
    let told = bundle.read("trials/3/observations.jsonl").unwrap();
    let lines: Vec<&[u8]> = told.split(|b| *b == b'\n').filter(|l| !l.is_empty()).collect();
    assert_eq!(lines.len() as u64, many);
    for n in [0, 1, many - 1] {
        assert_eq!(serde_json::from_slice::<Observation>(lines[n as usize]).unwrap(), observation(n));
    }
    eprintln!("3 trials of {many} observations: {took} MiB at most beside {before}");
    assert!(took < 10 + many / 2000, "{took} MiB for 3 trials of {many} observations");
}
