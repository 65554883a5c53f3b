//! What must not be done in silence: every change stands in the audit, or was not made.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::SqlitePool;
use stakeout_contract::api::{access::AuditEntry, problem::Code};

use crate::{
    apk::apk,
    farm::{Farm, Said, said, spec, text},
    hand::Hand,
    wire::raw,
};

const APK: &str = "application/vnd.android.package-archive";

async fn database(farm: &Farm) -> SqlitePool {
    SqlitePool::connect(&format!("sqlite://{}", farm.database().display())).await.unwrap()
}

/// Every change of a tenant's that stands in the audit, as a request; each is possible when it is asked for.
async fn changes(farm: &Farm, admin: &str) -> Vec<(&'static str, String, Value)> {
    let app = farm.app("acme", "app").await;
    let spare = farm.app("acme", "spare").await;
    let (done, open) = (farm.submit(admin, &app, 1, json!({})).await, farm.submit(admin, &app, 1, json!({})).await);
    let hook = farm.send("POST", "/v1/webhooks", admin, &json!({"url": "http://127.0.0.1:9/"})).await.json(201);
    let hand = Hand::new(farm.client(&farm.token("acme", "worker").await), "worker-1");
    hand.run(&hand.lease().await, b"x").await;
    farm.until(admin, text(&done, "id"), |j| j["state"] == "finished").await;
    let told = farm.get(&format!("/v1/webhooks/{}/deliveries", text(&hook["hook"], "id")), admin).await;
    let token = farm.send("POST", "/v1/tokens", admin, &json!({"role": "reader"})).await.json(201);
    let none = Value::Null;
    vec![
        ("POST", "/v1/tokens".to_owned(), json!({"role": "reader"})),
        ("DELETE", format!("/v1/tokens/{}", text(&token["token"], "id")), none.clone()),
        ("POST", "/v1/webhooks".to_owned(), json!({"url": "http://127.0.0.1:9/"})),
        ("POST", format!("/v1/deliveries/{}/replay", text(&told["items"][0], "id")), json!({})),
        ("DELETE", format!("/v1/webhooks/{}", text(&hook["hook"], "id")), none.clone()),
        ("POST", "/v1/workers/worker-1/drain".to_owned(), json!({})),
        ("POST", "/v1/jobs".to_owned(), spec(&app, 1, json!({}))),
        ("POST", format!("/v1/jobs/{}/cancel", text(&open, "id")), json!({})),
        ("DELETE", format!("/v1/jobs/{}", text(&done, "id")), none.clone()),
        ("DELETE", format!("/v1/apps/{spare}"), none),
    ]
}

/// All that a tenant has, but for what it keeps by itself.
async fn state(file: &SqlitePool) -> Vec<String> {
    let mut all = Vec::new();
    for sql in [
        "SELECT id || coalesce(revoked, '') FROM tokens ORDER BY 1",
        "SELECT id FROM hooks ORDER BY 1",
        "SELECT id || mode FROM workers ORDER BY 1",
        "SELECT id FROM jobs ORDER BY 1",
        "SELECT id || state || cancel FROM trials ORDER BY 1",
        "SELECT sha256 FROM apps ORDER BY 1",
        "SELECT tenant || name || document FROM scenarios ORDER BY 1",
        "SELECT id || weight FROM tenants ORDER BY 1",
    ] {
        all.extend(sqlx::query_scalar::<_, String>(sql).fetch_all(file).await.unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_noted_is_not_done() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let changes = changes(&farm, &admin).await;
    let file = database(&farm).await;
    let yaml = async |method: &str| {
        let request = farm.request(method, "/v1/scenarios/mine", &admin).header("content-type", "application/yaml");
        said(request.body("name: mine\nsteps: [launchApp]\n")).await
    };
    let add = async || said(farm.request("POST", "/v1/apps", &admin).header("content-type", APK).body(apk("com.example.noted", "x"))).await;
    let tenant = async |weight: u32| farm.send("PUT", "/v1/tenants", &farm.admin, &json!({"id": "acme", "weight": weight})).await;
    yaml("PUT").await.json(200);
    // A chain that cannot be written: as one whose database fails, or that another holds until the client has gone.
    sqlx::query("CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'broken'); END").execute(&file).await.unwrap();
    let before = state(&file).await;
    for (method, path, body) in &changes {
        farm.send(method, path, &admin, body).await.fails(Code::Unavailable);
        assert_eq!(state(&file).await, before, "{method} {path}");
    }
    for refused in [yaml("DELETE").await, add().await, tenant(7).await] {
        refused.fails(Code::Unavailable);
    }
    assert_eq!(state(&file).await, before);
    sqlx::query("DROP TRIGGER broken").execute(&file).await.unwrap();
    let entries = async || farm.get("/v1/audit?limit=1000", &admin).await["items"].as_array().unwrap().len();
    for (method, path, body) in &changes {
        let noted = entries().await;
        let done: Said = farm.send(method, path, &admin, body).await;
        assert!(matches!(done.status, 200 | 201 | 204), "{method} {path}: {}", done.text());
        assert_eq!(entries().await, noted + 1, "{method} {path}");
    }
    yaml("DELETE").await.done();
    add().await.json(201);
    tenant(7).await.json(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_changes_nothing_or_it_is_noted() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let tokens = async || farm.get("/v1/tokens?limit=200", &admin).await["items"].as_array().unwrap().len();
    let made = async || {
        let all: Vec<AuditEntry> = serde_json::from_value(farm.get("/v1/audit?limit=1000", &admin).await["items"].clone()).unwrap();
        assert_eq!(AuditEntry::broken(None, &all), None);
        all.iter().filter(|e| e.action == "token.make").count()
    };
    let body = json!({"role": "reader"}).to_string();
    let request = format!(
        "POST /v1/tokens HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {admin}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let file = database(&farm).await;
    for wait in [0, 1, 2, 5, 10, 20] {
        // Another holds the writer for a while, so that the client goes at each point of the way.
        let mut other = file.begin_with("BEGIN IMMEDIATE").await.unwrap();
        sqlx::query("UPDATE chains SET number = number").execute(&mut *other).await.unwrap();
        let sent = raw(&farm.server.base, request.as_bytes(), Duration::from_millis(50));
        let (_, ()) = tokio::join!(sent, async {
            tokio::time::sleep(Duration::from_millis(40 + wait)).await;
            other.rollback().await.unwrap();
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(tokens().await, made().await, "{wait}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_does_to_a_tenant_stands_in_the_chains_of_both() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    Hand::new(farm.client(&farm.token("acme", "worker").await), "worker-acme").ask().await;
    farm.send("POST", "/v1/workers/worker-acme/quarantine", &farm.admin, &json!({})).await.json(200);
    farm.send("PUT", "/v1/tenants", &farm.admin, &json!({"id": "acme", "own_workers_only": true})).await.json(200);
    let of = async |token: &str| {
        let all: Vec<AuditEntry> = serde_json::from_value(farm.get("/v1/audit?limit=1000", token).await["items"].clone()).unwrap();
        assert_eq!(AuditEntry::broken(None, &all), None);
        all
    };
    let theirs = of(&admin).await;
    let actions: Vec<&str> = theirs.iter().map(|e| e.action.as_str()).collect();
    assert_eq!(actions, ["tenant.put", "token.make", "token.make", "worker.quarantine", "tenant.put"]);
    let operator = text(&farm.get("/v1/me", &farm.admin).await["token"], "id").to_owned();
    assert!(theirs.iter().all(|e| e.token.as_ref().is_some_and(|t| t.as_str() == operator)), "{theirs:?}");
    let own = of(&farm.admin).await;
    for entry in &theirs {
        let same = |e: &&AuditEntry| (&e.action, &e.thing, &e.detail, e.at_ms) == (&entry.action, &entry.thing, &entry.detail, entry.at_ms);
        assert!(own.iter().any(|e| same(&e)), "{entry:?}");
    }
}
