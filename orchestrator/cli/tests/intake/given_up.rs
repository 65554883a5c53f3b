//! A job that was given up has no verdicts, no report and no bundle: each command says so, with the code of too few trials.

use std::{path::Path, process::Output, sync::Arc, time::Duration};

use stakeout_blobs::Blobs;
use stakeout_bundle::keys::SigningKey;
use stakeout_contract::{TenantId, trial::TrialState};
use stakeout_server::{
    Service,
    api::{self, ApiOptions, App},
    http,
    seal::Sealer,
};
use stakeout_store::{Decided, JobFilter, JobRow, Noted, conformance::sample::decided, sqlite::SqliteStore};
use tokio_util::sync::CancellationToken;

use super::{apk, stakeout};

/// A server that decides nothing by itself, and an admin's token.
async fn serving(folder: &Path) -> (App, String, String) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let store = SqliteStore::open(&folder.join("db")).await.unwrap();
    let service = Service::new(Arc::new(store), Blobs::folder(&folder.join("blobs")).unwrap(), Sealer::new(&[7; 32]).unwrap());
    let options = ApiOptions { work: folder.to_owned(), app_bytes: 1 << 20, secure: false, private_hooks: false };
    let app = App::new(Arc::new(service), SigningKey::load_or_create(&folder.join("op.pem")).unwrap(), options);
    let token = api::bootstrap(app.service().store(), None).await.unwrap().unwrap().token;
    let listener = http::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(http::serve(listener, api::router(app.clone()), None, CancellationToken::new()));
    (app, url, token)
}

/// The job that comes, given up as after ten tries.
async fn give_up(app: &App) -> JobRow {
    let store = app.service().store();
    let filter = JobFilter { most: 1, ..JobFilter::default() };
    for _ in 0..600 {
        if let Some(job) = store.jobs(&TenantId::farm(), &filter).await.unwrap().pop() {
            store.cancel(&job.id, job.created, Noted::NOTHING).await.unwrap();
            let end = Decided { reason: "its verdicts could not be made".to_owned(), ..decided(&job, TrialState::Failed) };
            assert!(store.decide(&job.id, &end, job.created).await.unwrap());
            return job;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no job came");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_verdicts_has_too_few_trials_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let (app, url, token) = serving(folder.path()).await;
    std::fs::write(folder.path().join("app.apk"), apk::asking("android.permission.CAMERA", 1)).unwrap();
    let call = async |arguments: &[&str]| -> Output {
        let mut command = stakeout(folder.path());
        command.args(arguments).env("STAKEOUT_SERVER", &url).env("STAKEOUT_TOKEN", &token).env("HOME", folder.path());
        for unset in ["STAKEOUT_TOKEN_FILE", "STAKEOUT_CONFIG", "XDG_CONFIG_HOME"] {
            command.env_remove(unset);
        }
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    };
    let run = ["run", "app.apk", "--server", &url, "--out", "out", "--html", "page.html"];
    let (ran, job) = tokio::join!(call(&run), give_up(&app));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(12), "{said}");
    assert!(said.contains("its verdicts could not be made") && said.contains("has no report.html"), "{said}");
    let there = |name: &str| folder.path().join(name).exists();
    assert!(there("out/result.json") && !there("out/report.html") && !there("out/bundle.zip") && !there("page.html"));
    let id = job.id.as_str();
    let calls: [(&[&str], i32); 4] = [
        (&["watch", id], 12),
        (&["report", id, "--gate"], 12),
        (&["report", "out", "--gate"], 12),
        (&["report", id, "--junit", "junit.xml"], 0),
    ];
    for (arguments, code) in calls {
        let o = call(arguments).await;
        assert_eq!(o.status.code(), Some(code), "{arguments:?}: {}", String::from_utf8_lossy(&o.stderr));
    }
    let junit = std::fs::read_to_string(folder.path().join("junit.xml")).unwrap();
    assert!(junit.contains("errors=\"1\"") && junit.contains("no trial counts"), "{junit}");
}
