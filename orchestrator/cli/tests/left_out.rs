//! An app that writes more files than a bundle takes: its bundle is one that verifies, and says what is missing.
#![allow(clippy::unwrap_used, reason = "a test suite")]

use std::{collections::BTreeMap, path::Path, process::Command, sync::Arc};

use serde_json::Value;
use stakeout_agent::{Fence, Orchestrator as _};
use stakeout_blobs::Blobs;
use stakeout_bundle::keys::SigningKey;
use stakeout_contract::{
    Answer, DeviceKind, Rung, Sha256Digest, TenantId,
    api::apps::App,
    artifact::{Artifact, Role},
    finding::Analysis,
    lease::{Abilities, Completion, Lease},
    trial::{AppFacts, TrialCost, TrialEnd, TrialRecord, TrialState},
};
use stakeout_feed::{TrialKey, planting};
use stakeout_server::{Service, Submission, finish, seal::Sealer};
use stakeout_store::sqlite::SqliteStore;

/// Of each trial, as many as a device gives at most, and one.
const FILES: usize = 20_001;

async fn files(service: &Service) -> Vec<Artifact> {
    let blobs = service.blobs().of(&TenantId::farm());
    let mut all = Vec::with_capacity(FILES);
    for n in 0..FILES {
        let bytes = format!("file {n}").into_bytes();
        let size = bytes.len() as u64;
        let sha256 = blobs.put(bytes).await.unwrap();
        service.store().note_blob(&TenantId::farm(), &sha256, size, 0).await.unwrap();
        let (role, name) = (Role::AppFile, format!("files/{n}"));
        all.push(Artifact { sha256, size, role, name, flow: None, at: None, cipher: None, truncated: false });
    }
    all
}

/// Where nothing waits for a disk: tens of thousands of files are synced.
fn in_memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

fn completion(lease: &Lease, artifacts: Vec<Artifact>) -> Completion {
    let mut record = TrialRecord {
        format: TrialRecord::FORMAT.to_owned(),
        trial: lease.trial.clone(),
        job: lease.job.clone(),
        epoch: lease.epoch,
        number: lease.number,
        app: AppFacts::default(),
        scenario: lease.scenario.clone(),
        device: lease.device,
        api: lease.scenario.device.api,
        image: String::new(),
        cooperative: false,
        commitment: Sha256Digest::from_bytes(TrialKey::from_bytes(*lease.key.bytes()).commitment()),
        key: None,
        feed_mode: lease.feed_mode,
        started_at: String::new(),
        started_real: "2026-01-01T00:00:00Z".to_owned(),
        timeline: vec![],
        clock: vec![],
        delivered: vec![],
        canaries: vec![],
        artifacts,
        end: TrialEnd { state: TrialState::Finished, stage: String::new(), reason: String::new(), log: String::new() },
        cost: TrialCost::default(),
    };
    // What is planted follows from the key.
    let start = record.scenario.start_millis(record.seed()).unwrap();
    record.started_at = jiff::Timestamp::from_millisecond(start).unwrap().to_string();
    record.canaries = planting::again(&record, &lease.key).unwrap();
    Completion { record, flows: vec![], analysis: Analysis::default(), statement: None }
}

fn stakeout(folder: &Path, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let mut c = Command::new(env!("CARGO_BIN_EXE_stakeout"));
    c.env("STAKEOUT_CACHE", folder.join("cache")).env("STAKEOUT_DATA", folder.join("data"));
    let o = c.current_dir(folder).args(arguments).output().unwrap();
    let said = String::from_utf8(o.stderr).unwrap();
    (o.status.code(), serde_json::from_slice(&o.stdout).unwrap_or_default(), said)
}

#[tokio::test]
async fn a_bundle_of_more_files_than_it_takes_verifies_and_says_what_is_missing() {
    let dir = in_memory();
    let store = SqliteStore::open(&dir.path().join("db")).await.unwrap();
    let blobs = Blobs::folder(&dir.path().join("blobs")).unwrap();
    let service = Service::new(Arc::new(store), blobs, Sealer::ephemeral().unwrap());
    let sha256 = service.blobs().of(&TenantId::farm()).put(b"app".to_vec()).await.unwrap();
    let facts = AppFacts { package: "com.example.many".to_owned(), sha256: Some(sha256), ..AppFacts::default() };
    let app = App { sha256, splits: vec![], bytes: 3, facts, created_ms: 0 };
    service.store().note_blob(&TenantId::farm(), &sha256, 3, 0).await.unwrap();
    service.store().put_app(&TenantId::farm(), &app, stakeout_store::Noted::NOTHING).await.unwrap();
    let scenario = stakeout_server::scenarios::parse("name: tiny\ntrials: 3\nsteps: [launchApp]\n").unwrap();
    let (job, _) = service.submit(Submission::plain(app, scenario, DeviceKind::Jvm)).await.unwrap();
    let files = files(&service).await;
    let abilities = Abilities { devices: vec![(DeviceKind::Jvm, vec![34])], slots: 1 };
    for _ in 0..3 {
        let lease = service.lease(&"w".parse().unwrap(), &abilities).await.unwrap().unwrap();
        assert_eq!(lease.tenant_tag, None, "a key that nobody keeps names nobody");
        service.complete(&Fence::from(&lease), completion(&lease, files.clone())).await.unwrap();
    }
    let operator = SigningKey::load_or_create(&dir.path().join("op.pem")).unwrap();
    let options = finish::FinishOptions { out: dir.path().to_owned(), with_app: false, images: BTreeMap::new() };
    let result = finish::finish(&service, &job, &operator, &options).await.unwrap();
    // 60,000, without the three of the bundle itself, result and report, and four documents of each trial.
    let missing = 3 * FILES as u64 - (60_000 - 3 - 2 - 3 * 4);
    assert_eq!(result.left_out, missing);
    // What the manifest declares is read from the app and no file.
    let mut all = result.verdicts.iter().filter(|v| v.rung != Rung::Declared);
    assert!(all.all(|v| v.verdict != Answer::NotObserved), "what is lost is never silence");
    assert!(result.verdicts.iter().any(|v| v.reasons.iter().any(|r| r.code == "evidence_lost")));
    let report = std::fs::read_to_string(dir.path().join("report.html")).unwrap();
    assert!(report.contains("entries of the bundle"), "the report says it");

    let (code, v, said) = stakeout(dir.path(), &["verify", "bundle.zip", "--key", "op.pub", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((v["left_out"].as_array().unwrap().len() as u64, v["manifest"]["left_out"].as_u64()), (missing, Some(missing)));
    // Broken, it is no file of an app that could be searched.
    let mut broken = std::fs::read(dir.path().join("bundle.zip")).unwrap();
    broken[2] = 7;
    std::fs::write(dir.path().join("broken.zip"), broken).unwrap();
    let (code, _, said) = stakeout(dir.path(), &["analyze", "broken.zip"]);
    assert!(code == Some(2) && said.contains("it looks like a bundle"), "{said}");
    let (code, again, said) = stakeout(dir.path(), &["analyze", "bundle.zip", "--json"]);
    assert_eq!(code, Some(0), "{said} {}", again["differences"]);
    assert_eq!((&again["verdicts_agree"], again["left_out"].as_array().unwrap().len() as u64), (&Value::Bool(true), missing));
}
