//! Secrets stay secret: values that scenarios type, tokens, keys before their time.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::json;
use stakeout_agent::{Fence, Orchestrator};
use stakeout_bundle::Bundle;
use stakeout_contract::{api::problem::Code, trial::TrialState};
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt};

use crate::{
    farm::{Farm, now, text},
    hand::Hand,
};

/// All that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

const VALUE: &str = "correct-horse-battery";

#[tokio::test(flavor = "multi_thread")]
async fn values_and_tokens_are_in_no_answer_file_log_or_bundle() {
    let log = Log::default();
    // The whole program's: tasks run on other threads. No other test sets one.
    let all = tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(log.clone()));
    tracing::subscriber::set_global_default(all).unwrap();
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    let more = json!({
        "secrets": {"password": VALUE},
        "scenario": {"name": "login", "steps": ["launchApp", {"inputText": {"secret": "password"}}]},
    });
    let unsaid = crate::farm::spec(&app, 1, json!({"scenario": more["scenario"]}));
    farm.send("POST", "/v1/jobs", &admin, &unsaid).await.fails(Code::BadValue);
    let job = farm.submit(&admin, &app, 2, more).await;
    let worker = farm.token("farm", "worker").await;
    let hand = Hand::new(farm.client(&worker), "w");
    let (first, second) = (hand.lease().await, hand.lease().await);
    let fence = Fence::from(&first);
    assert_eq!(hand.remote.secret(&fence, "password").await.unwrap().as_deref(), Some(VALUE));
    assert_eq!(hand.remote.secret(&fence, "other").await.unwrap(), None);
    hand.run(&first, b"one").await;
    hand.remote.fail(&Fence::from(&second), crate::hand::end(TrialState::Failed, "x")).await.unwrap();
    hand.run(&hand.lease().await, b"two").await;
    let id = text(&job, "id").to_owned();
    farm.until(&admin, &id, |j| j["state"] == "finished").await;
    let mut answers = job.to_string();
    let trial = first.trial.to_string();
    let paths = ["", "/trials", "/event-list", "/report.json", "/report.html", "/report.sarif", "/report.junit.xml", "/report.md"];
    let mut paths: Vec<String> = paths.iter().map(|p| format!("/v1/jobs/{id}{p}")).collect();
    paths.extend([
        format!("/v1/trials/{trial}"),
        "/v1/tokens".into(),
        "/v1/audit".into(),
        "/v1/jobs".into(),
        "/v1/me".into(),
        "/v1/workers".into(),
    ]);
    for path in &paths {
        let said = farm.ask("GET", path, &admin).await;
        assert_eq!(said.status, 200, "{path}");
        answers.push_str(&said.text());
    }
    let zip = farm.ask("GET", &format!("/v1/jobs/{id}/bundle"), &admin).await.body;
    let bundle = Bundle::parse(zip).unwrap();
    let entries: Vec<u8> = bundle.names().flat_map(|n| bundle.read(n).unwrap()).collect();
    let mut files = Vec::new();
    for name in ["db", "db-wal"] {
        files.extend(std::fs::read(farm.dir.path().join(name)).unwrap_or_default());
    }
    assert!(holds(&files, &id), "the file is the one that is used");
    let log = log.0.lock().unwrap().clone();
    assert!(holds(&log, "job decided"), "{}", String::from_utf8_lossy(&log));
    let secret_of = |token: &str| token.rsplit('_').next().unwrap().to_owned();
    let hidden = [VALUE.to_owned(), secret_of(&admin), secret_of(&worker), secret_of(&farm.admin)];
    for secret in &hidden {
        for (what, bytes) in [("answers", answers.as_bytes()), ("bundle", &entries), ("database", &files), ("log", &log)] {
            assert!(!holds(bytes, secret), "a secret is in the {what}");
        }
    }
    // Keys are in the bundle, when all has ended, and nowhere else.
    let key = String::from(first.key.clone());
    assert!(holds(&entries, &key) && !holds(answers.as_bytes(), &key) && !holds(&log, &key));
    assert!(hand.remote.secret(&fence, "password").await.is_err(), "a lease that ended reads nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_kept_hashed_and_count_until_they_expire_or_are_taken_back() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let made = farm.send("POST", "/v1/tokens", &admin, &json!({"role": "reader", "days": 1})).await.json(201);
    let (secret, id) = (text(&made, "secret").to_owned(), text(&made["token"], "id").to_owned());
    farm.get("/v1/me", &secret).await;
    let (row, _) = farm.store().token(&id.parse().unwrap()).await.unwrap();
    let hash = stakeout_contract::Sha256Digest::of(secret.rsplit('_').next().unwrap().as_bytes());
    assert_eq!(row.hash, hash);
    // One digit of the secret, another's secret, another case.
    let last = if secret.ends_with('0') { '1' } else { '0' };
    let off = format!("{}{last}", &secret[..secret.len() - 1]);
    let mixed = format!("stk_{id}_{}", admin.rsplit('_').next().unwrap());
    for wrong in [&off, &mixed, &secret.to_uppercase(), &secret[4..], &format!("{secret}0")] {
        farm.ask("GET", "/v1/me", wrong).await.fails(Code::Unauthorized);
    }
    farm.ask("DELETE", &format!("/v1/tokens/{id}"), &admin).await.done();
    farm.ask("GET", "/v1/me", &secret).await.fails(Code::Unauthorized);
    farm.ask("DELETE", &format!("/v1/tokens/{id}"), &admin).await.done();
    // One whose time is over.
    let made = farm.send("POST", "/v1/tokens", &admin, &json!({"role": "reader"})).await.json(201);
    let secret = text(&made, "secret").to_owned();
    let (mut row, _) = farm.store().token(&text(&made["token"], "id").parse().unwrap()).await.unwrap();
    row.token.id = "token-old".parse().unwrap();
    row.token.expires_ms = Some(now() - 1);
    farm.store().put_token(&row, stakeout_store::Noted::NOTHING).await.unwrap();
    let old = format!("stk_token-old_{}", secret.rsplit('_').next().unwrap());
    farm.ask("GET", "/v1/me", &old).await.fails(Code::Unauthorized);
    for bad in
        [json!({"role": "reader", "days": 0}), json!({"role": "reader", "days": 3651}), json!({"role": "reader", "label": "x".repeat(201)})]
    {
        farm.send("POST", "/v1/tokens", &admin, &bad).await.fails(Code::BadValue);
    }
    let list = farm.get("/v1/tokens", &admin).await.to_string();
    assert!(!list.contains("hash") && !list.contains("secret"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_of_the_pages_reads_and_changes_nothing_from_elsewhere() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let cookie = format!("stakeout_token={admin}");
    let ask = async |method: &str, path: &str, site: Option<&str>| {
        let mut r = farm.request(method, path, "").header("cookie", &cookie);
        if let Some(site) = site {
            r = r.header("sec-fetch-site", site);
        }
        crate::farm::said(r.json(&json!({"role": "reader"}))).await
    };
    assert_eq!(ask("GET", "/v1/me", None).await.status, 200);
    for site in [None, Some("cross-site"), Some("same-site"), Some("none")] {
        ask("POST", "/v1/tokens", site).await.fails(Code::Unauthorized);
    }
    ask("POST", "/v1/tokens", Some("same-origin")).await.json(201);
}
