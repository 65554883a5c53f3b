//! Webhooks.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stakeout_contract::api::problem::Code;
use stakeout_server::tasks::hooks::sign;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    farm::{Farm, text},
    hand::Hand,
};

/// What a receiver got: head and body of each request.
type Got = Arc<Mutex<Vec<(String, String)>>>;

/// Answers the first requests with these, all others with the last.
async fn receiver(answers: &'static [&'static str]) -> (String, Got) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
    let got = Got::default();
    let seen = got.clone();
    tokio::spawn(async move {
        loop {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            let (head, body) = loop {
                let mut part = [0; 4096];
                let n = tcp.read(&mut part).await.unwrap();
                text.push_str(&String::from_utf8_lossy(&part[..n]));
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).map_or(0, |l| l.parse().unwrap());
                    if body.len() >= length || n == 0 {
                        break (head.to_owned(), body.to_owned());
                    }
                }
            };
            let n = seen.lock().unwrap().len();
            seen.lock().unwrap().push((head, body));
            let answer = answers[n.min(answers.len() - 1)];
            tcp.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
        }
    });
    (url, got)
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_else(|| panic!("no `{name}` in {head}"))
}

async fn delivery(farm: &Farm, path: &str, token: &str, is: impl Fn(&Value) -> bool) -> Value {
    let mut all = Value::Null;
    for _ in 0..400 {
        all = farm.get(path, token).await;
        if let Some(d) = all["items"].get(0).filter(|d| is(d)) {
            return d.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the deliveries stay so: {all}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_signed_and_again_until_it_hears() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let (url, got) = receiver(&["500 Oh no", "200 OK"]).await;
    let (other, nothing) = receiver(&["200 OK"]).await;
    let made = farm.send("POST", "/v1/webhooks", &admin, &json!({"url": url, "tag": "ci"})).await.json(201);
    farm.send("POST", "/v1/webhooks", &admin, &json!({"url": other, "tag": "nightly"})).await.json(201);
    let secret = text(&made, "secret").to_owned();
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({"tags": ["ci"]})).await;
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    hand.run(&hand.lease().await, b"x").await;
    let path = format!("/v1/webhooks/{}/deliveries", text(&made["hook"], "id"));
    let failed = delivery(&farm, &path, &admin, |d| d["tries"] == 1).await;
    assert_eq!((failed["status"].as_u64(), text(&failed, "state"), text(&failed, "job")), (Some(500), "waiting", text(&job, "id")));
    assert!(failed["next_ms"].as_i64() > failed["created_ms"].as_i64());
    // It is tried again by itself, after ten seconds.
    let told = delivery(&farm, &path, &admin, |d| d["state"] == "delivered").await;
    assert_eq!((told["tries"].as_u64(), told["status"].as_u64(), told.get("next_ms")), (Some(2), Some(200), None));
    let replay = format!("/v1/deliveries/{}/replay", text(&told, "id"));
    assert_eq!(farm.send("POST", &replay, &admin, &json!({})).await.json(200)["state"], "waiting");
    delivery(&farm, &path, &admin, |d| d["state"] == "delivered" && d["tries"].as_u64() > Some(2) || got.lock().unwrap().len() == 3).await;
    let got = got.lock().unwrap().clone();
    assert_eq!(got.len(), 3);
    for (head, body) in &got {
        assert!(head.starts_with("POST /hook?a=b HTTP/1.1"), "{head}");
        assert_eq!(header(head, "stakeout-delivery"), text(&told, "id"));
        let (t, v1) = header(head, "stakeout-signature").split_once(",v1=").unwrap();
        let at: i64 = t.strip_prefix("t=").unwrap().parse().unwrap();
        assert!((crate::farm::now() / 1000 - at).abs() < 120);
        assert_eq!(sign(secret.as_bytes(), at, body.as_bytes()), v1);
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            (text(&body, "event"), text(&body["job"], "id"), text(&body["job"], "state")),
            ("job.ended", text(&job, "id"), "finished")
        );
    }
    assert!(nothing.lock().unwrap().is_empty(), "another tag's webhook hears nothing");
    let list = farm.get("/v1/webhooks", &admin).await.to_string();
    assert!(!list.contains(&secret));
    farm.ask("DELETE", &format!("/v1/webhooks/{}", text(&made["hook"], "id")), &admin).await.done();
    farm.ask("GET", &path, &admin).await.fails(Code::NotFound);
    farm.send("POST", &replay, &admin, &json!({})).await.fails(Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_goes_to_no_private_address_unless_that_is_allowed() {
    let farm = Farm::start_with(|o| o.private_hooks = false).await;
    let admin = farm.tenant("acme", json!({})).await;
    for url in [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://LOCALHOST:1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://[::ffff:192.168.0.1]/",
        "http://example.com/",
        "https://u:p@example.com/",
        "ftp://example.com",
        "file:///etc/passwd",
        "javascript:1",
        "x",
        "",
        "https://",
        "https://localhost./",
    ] {
        let p = farm.send("POST", "/v1/webhooks", &admin, &json!({"url": url})).await.fails(Code::BadValue);
        assert_eq!(p.at.as_deref(), Some("url"), "{url}");
    }
    for tag in ["", &"x".repeat(65), "a\u{0}b"] {
        let p = farm.send("POST", "/v1/webhooks", &admin, &json!({"url": "https://example.com/", "tag": tag})).await.fails(Code::BadValue);
        assert_eq!(p.at.as_deref(), Some("tag"));
    }
    farm.send("POST", "/v1/webhooks", &admin, &json!({"url": "https://example.com/"})).await.json(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_was_allowed_is_not_told_once_private_addresses_are_not() {
    let (url, got) = receiver(&["200 OK"]).await;
    let mut farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let made = farm.send("POST", "/v1/webhooks", &admin, &json!({"url": url})).await.json(201);
    let store = stakeout_store::sqlite::SqliteStore::open(&farm.database()).await.unwrap();
    let (api, server) = crate::farm::serve(&farm.dir, store, |o| o.private_hooks = false).await;
    farm.api = api;
    std::mem::replace(&mut farm.server, server).stop().await;
    farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    hand.run(&hand.lease().await, b"x").await;
    let path = format!("/v1/webhooks/{}/deliveries", text(&made["hook"], "id"));
    let d = delivery(&farm, &path, &admin, |d| d["tries"] == 1).await;
    assert_eq!((text(&d, "state"), text(&d, "error")), ("waiting", "a private address"));
    assert!(got.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_never_answers_delays_nobody_elses() {
    let farm = Farm::start().await;
    let (many, one) = (farm.tenant("many", json!({})).await, farm.tenant("one", json!({})).await);
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let held = taken.clone();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = silent.accept().await.unwrap();
            held.lock().unwrap().push(tcp);
        }
    });
    for _ in 0..30 {
        farm.send("POST", "/v1/webhooks", &many, &json!({"url": url})).await.json(201);
    }
    let file = sqlx::SqlitePool::connect(&format!("sqlite://{}", farm.database().display())).await.unwrap();
    let due = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 330) \
               INSERT INTO deliveries (id, hook, job, state, tries, next, error, created, since, body) \
               SELECT 'delivery-' || h.id || '-' || i, h.id, 'job-x', 'waiting', 0, 1, '', 1, 1, '{}' FROM hooks h, n";
    assert_eq!(sqlx::query(due).execute(&file).await.unwrap().rows_affected(), 9900);
    while taken.lock().unwrap().len() < 4 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let (url, got) = receiver(&["200 OK"]).await;
    farm.send("POST", "/v1/webhooks", &one, &json!({"url": url})).await.json(201);
    let job = farm.submit(&one, &farm.app("one", "app").await, 1, json!({})).await;
    farm.send("POST", &format!("/v1/jobs/{}/cancel", text(&job, "id")), &one, &json!({})).await.json(200);
    // The silent ones are given up after twenty seconds, four at a time: it would take them half a day.
    for _ in 0..300 {
        if !got.lock().unwrap().is_empty() {
            let at_most = taken.lock().unwrap().len();
            assert!(at_most <= 8, "{at_most} connections to one tenant's receivers");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it waits for another tenant's receivers");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_one_too_many_keeps_no_text_and_has_it_when_it_is_told_after_all() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let (url, got) = receiver(&["200 OK"]).await;
    let made = farm.send("POST", "/v1/webhooks", &admin, &json!({"url": url})).await.json(201);
    let file = sqlx::SqlitePool::connect(&format!("sqlite://{}", farm.database().display())).await.unwrap();
    // Their time never comes.
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
                INSERT INTO deliveries (id, hook, job, state, tries, next, error, created, since, body) \
                SELECT 'delivery-00-' || i, h.id, 'job-x', 'waiting', 0, 9000000000000000, '', 1, 9000000000000000, '{}' FROM hooks h, n";
    assert_eq!(sqlx::query(many).execute(&file).await.unwrap().rows_affected(), 10_000);
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    farm.send("POST", &format!("/v1/jobs/{}/cancel", text(&job, "id")), &admin, &json!({})).await.json(200);
    let path = format!("/v1/webhooks/{}/deliveries", text(&made["hook"], "id"));
    let failed = delivery(&farm, &path, &admin, |d| d["state"] == "failed").await;
    assert_eq!((text(&failed, "job"), failed["tries"].as_u64()), (text(&job, "id"), Some(0)));
    let length: i64 = sqlx::query_scalar("SELECT length(body) FROM deliveries WHERE state = 'failed'").fetch_one(&file).await.unwrap();
    assert_eq!(length, 0);
    let replay = format!("/v1/deliveries/{}/replay", text(&failed, "id"));
    farm.send("POST", &replay, &admin, &json!({})).await.fails(Code::Quota);
    sqlx::query("DELETE FROM deliveries WHERE state = 'waiting'").execute(&file).await.unwrap();
    assert_eq!(farm.send("POST", &replay, &admin, &json!({})).await.json(200)["state"], "waiting");
    delivery(&farm, &path, &admin, |d| d["state"] == "delivered").await;
    let body: Value = serde_json::from_str(&got.lock().unwrap()[0].1).unwrap();
    assert_eq!((text(&body, "delivery"), text(&body["job"], "id")), (text(&failed, "id"), text(&job, "id")));
    assert_eq!((&body["job"]["state"], &body["at_ms"]), (&json!("cancelled"), &failed["created_ms"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_deleted_at_once_is_told_before_it_goes() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let (url, got) = receiver(&["500 Oh no", "200 OK"]).await;
    let made = farm.send("POST", "/v1/webhooks", &admin, &json!({"url": url})).await.json(201);
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({"delete_after_days": 0})).await;
    farm.send("POST", &format!("/v1/jobs/{}/cancel", text(&job, "id")), &admin, &json!({})).await.json(200);
    let path = format!("/v1/webhooks/{}/deliveries", text(&made["hook"], "id"));
    delivery(&farm, &path, &admin, |d| d["tries"] == 1).await;
    // Each server looks at its start for what is over.
    let look = async || {
        let store = stakeout_store::sqlite::SqliteStore::open(&farm.database()).await.unwrap();
        let (_, server) = crate::farm::serve(&farm.dir, store, |_| ()).await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        server.stop().await;
    };
    look().await;
    let at = format!("/v1/jobs/{}", text(&job, "id"));
    assert_eq!(farm.get(&at, &admin).await["state"], "cancelled");
    for _ in 0..400 {
        if got.lock().unwrap().len() > 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let body: Value = serde_json::from_str(&got.lock().unwrap()[1].1).unwrap();
    assert_eq!((text(&body["job"], "id"), text(&body["job"], "state")), (text(&job, "id"), "cancelled"));
    for _ in 0..10 {
        look().await;
        if farm.ask("GET", &at, &admin).await.status == 404 {
            return;
        }
    }
    panic!("the job stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_that_an_answer_is_of_before_and_how_old_it_is() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let (url, got) = receiver(&["200 OK"]).await;
    farm.send("POST", "/v1/webhooks", &admin, &json!({"url": url})).await.json(201);
    let app = farm.app("acme", "app").await;
    let job = farm.submit(&admin, &app, 1, json!({})).await;
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    hand.run(&hand.lease().await, b"x").await;
    let ran = farm.until(&admin, text(&job, "id"), |j| j["state"] == "finished").await;
    let again = farm.submit(&admin, &app, 1, json!({"reuse": "require"})).await;
    assert_eq!(again["reused"]["ended_ms"], ran["ended_ms"]);
    for _ in 0..400 {
        if got.lock().unwrap().len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let bodies: Vec<Value> = got.lock().unwrap().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
    let of = |id: &Value| bodies.iter().map(|b| &b["job"]).find(|j| j["id"] == *id).unwrap();
    let (first, second) = (of(&ran["id"]), of(&again["id"]));
    assert_eq!((&first["reused"], &first["reused_ended_ms"]), (&Value::Null, &Value::Null));
    assert_eq!((&second["reused"], &second["reused_ended_ms"]), (&ran["id"], &ran["ended_ms"]));
}
