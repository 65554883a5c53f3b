//! Bytes that come in parts, and what may not come of them.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use stakeout_contract::{Sha256Digest, api::problem::Code};
use tokio::io::AsyncWriteExt;

use crate::{
    apk::{apk, split},
    farm::{APP_MAX, Farm, Said, now, said, text},
};

async fn begin(farm: &Farm, token: &str, bytes: &[u8]) -> String {
    let spec = json!({"bytes": bytes.len(), "sha256": Sha256Digest::of(bytes)});
    let begun = farm.send("POST", "/v1/uploads", token, &spec).await.json(201);
    assert_eq!((begun["offset"].as_u64(), begun["complete"].as_bool()), (Some(0), Some(false)));
    format!("/v1/uploads/{}", text(&begun, "id"))
}

async fn fill(farm: &Farm, token: &str, path: &str, offset: usize, bytes: &[u8]) -> Said {
    let request = farm.request("PATCH", path, token).header("content-type", "application/octet-stream");
    said(request.header("upload-offset", offset).body(bytes.to_vec())).await
}

fn place(v: &Value) -> (u64, bool) {
    (v["offset"].as_u64().unwrap(), v["complete"].as_bool().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_uploaded_in_parts_and_goes_on_after_a_cut() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = apk("com.example.parts", "x");
    let path = begin(&farm, &admin, &app).await;
    assert_eq!(place(&fill(&farm, &admin, &path, 0, &app[..100]).await.json(200)), (100, false));
    for wrong in [0, 99, 101, 1 << 40] {
        fill(&farm, &admin, &path, wrong, &app[100..]).await.fails(Code::Conflict);
    }
    // The connection is cut in the middle of a part: nothing of it counts.
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {admin}\r\ncontent-type: application/octet-stream\r\nupload-offset: 100\r\n\
         content-length: {}\r\n\r\n",
        app.len() - 100
    );
    let mut tcp = tokio::net::TcpStream::connect(farm.server.base.strip_prefix("http://").unwrap()).await.unwrap();
    tcp.write_all(&[head.as_bytes(), &app[100..150]].concat()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(tcp);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(place(&farm.get(&path, &admin).await), (100, false));
    let upload = path.rsplit('/').next().unwrap();
    farm.send("POST", "/v1/app-sets", &admin, &json!({"upload": upload})).await.fails(Code::Conflict);
    assert_eq!(place(&fill(&farm, &admin, &path, 100, &app[100..]).await.json(200)), (app.len() as u64, true));
    fill(&farm, &admin, &path, app.len(), b"").await.fails(Code::Conflict);
    let made = farm.send("POST", "/v1/app-sets", &admin, &json!({"upload": upload})).await.json(201);
    assert_eq!(
        (text(&made, "sha256"), text(&made["facts"], "package")),
        (Sha256Digest::of(&app).to_string().as_str(), "com.example.parts")
    );
    farm.send("POST", "/v1/app-sets", &admin, &json!({"upload": upload})).await.json(200);
    assert_eq!(farm.ask("GET", &format!("/v1/apps/{}/apk", text(&made, "sha256")), &admin).await.body, app);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_sends_a_file_and_what_is_there_is_not_sent_again() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), apk("com.example.client", "y")).unwrap();
    let client = farm.client(&admin);
    let mut shown = Vec::new();
    let first = client.add_app(file.path(), &[], |n| shown.push(n)).await.unwrap();
    assert_eq!(shown, [0, first.bytes]);
    shown.clear();
    assert_eq!(client.add_app(file.path(), &[], |n| shown.push(n)).await.unwrap(), first);
    assert_eq!(shown, [0; 0]);
    let to = farm.dir.path().join("got");
    client.download(&format!("v1/apps/{}/apk", first.sha256), &to).await.unwrap();
    assert_eq!(std::fs::read(to).unwrap(), std::fs::read(file.path()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_what_was_said_leave_nothing() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let path = begin(&farm, &admin, b"right").await;
    fill(&farm, &admin, &path, 0, b"wr").await.json(200);
    fill(&farm, &admin, &path, 2, b"ong").await.fails(Code::Digest);
    // It begins anew, or is gone; it is never stuck, and its parts are gone.
    farm.ask("GET", &path, &admin).await.fails(Code::NotFound);
    let blobs = farm.api.service().blobs().of(&"acme".parse().unwrap());
    assert_eq!(blobs.list_parts().await.unwrap().len(), 0);
    for wrong in ["right", "wrong"] {
        assert!(!blobs.has(&Sha256Digest::of(wrong.as_bytes())).await.unwrap());
    }
    assert_eq!(farm.get("/v1/usage", &admin).await["bytes_kept"], 0);
    // An APK with another digest than its header says.
    let app = apk("com.example.tiny", "z");
    let send = |digest: &[u8]| {
        let request = farm.request("POST", "/v1/apps", &admin).header("content-type", "application/vnd.android.package-archive");
        said(request.header("content-digest", format!("sha-256=:{}:", STANDARD.encode(digest))).body(app.clone()))
    };
    send(Sha256Digest::of(b"other").as_bytes()).await.fails(Code::Digest);
    send(b"short").await.fails(Code::BadRequest);
    assert_eq!(farm.get("/v1/apps", &admin).await["items"], json!([]));
    assert_eq!(send(Sha256Digest::of(&app).as_bytes()).await.status, 201);
    assert_eq!(send(Sha256Digest::of(&app).as_bytes()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_last_answer_was_lost_is_ended_by_asking_again() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let path = begin(&farm, &admin, b"bytes").await;
    // As a server leaves it that died between the last part and the whole.
    let (tenant, id) = ("acme".parse().unwrap(), path.rsplit('/').next().unwrap().parse().unwrap());
    let part = farm.api.service().blobs().of(&tenant).put_part_bytes(b"bytes".to_vec()).await.unwrap();
    stakeout_store::Library::upload_part(farm.store(), &id, 0, 5, &part.name.to_string()).await.unwrap();
    assert_eq!(place(&farm.get(&path, &admin).await), (5, false));
    assert_eq!(place(&fill(&farm, &admin, &path, 5, b"").await.json(200)), (5, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_bytes_than_allowed_are_not_taken() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let path = begin(&farm, &admin, b"right").await;
    fill(&farm, &admin, &path, 0, b"right and more").await.fails(Code::TooLarge);
    assert_eq!(place(&farm.get(&path, &admin).await), (0, false));
    fill(&farm, &admin, &path, 3, b"more").await.fails(Code::Conflict);
    for (bytes, code) in [(0, Code::BadValue), (APP_MAX + 1, Code::TooLarge), (u64::MAX, Code::TooLarge)] {
        let spec = json!({"bytes": bytes, "sha256": Sha256Digest::of(b"x")});
        farm.send("POST", "/v1/uploads", &admin, &spec).await.fails(code);
    }
    let huge = vec![0; APP_MAX as usize + 1];
    let request = || farm.request("POST", "/v1/apps", &admin).header("content-type", "application/vnd.android.package-archive");
    said(request().body(huge)).await.fails(Code::TooLarge);
    for (no_app, why) in [(&b"hello"[..], "ZIP"), (&b"PK\x03\x04junk"[..], ""), (&b""[..], "")] {
        let p = said(request().body(no_app.to_vec())).await.fails(Code::BadApp);
        assert!(p.detail.contains(why) && !p.detail.contains("/work/") && p.hint.is_some(), "{p:?}");
    }
    for package in ["a\u{1}b", "../../etc", "a b", "пакет"] {
        let p = said(request().body(apk(package, "x"))).await.fails(Code::BadApp);
        assert!(p.detail.contains("package"), "{p:?}");
    }
    let work = std::fs::read_dir(farm.dir.path().join("work")).unwrap().count();
    assert_eq!(work, 0, "parts of work are removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_bytes_are_neither_skipped_nor_read() {
    let farm = Farm::start().await;
    let (admin, stranger) = (farm.tenant("acme", json!({})).await, farm.tenant("other", json!({})).await);
    let bytes = apk("com.example.secret", "s");
    let path = begin(&farm, &admin, &bytes).await;
    fill(&farm, &admin, &path, 0, &bytes).await.json(200);
    farm.send("POST", "/v1/app-sets", &admin, &json!({"upload": path.rsplit('/').next().unwrap()})).await.json(201);
    let sha256 = Sha256Digest::of(&bytes);
    for path in [format!("/v1/apps/{sha256}"), format!("/v1/apps/{sha256}/apk")] {
        farm.ask("GET", &path, &stranger).await.fails(Code::NotFound);
    }
    // Who has only the digest has to give every byte, as for bytes that nobody has.
    let theirs = begin(&farm, &stranger, &bytes).await;
    assert_eq!(place(&farm.get(&theirs, &stranger).await), (0, false));
    fill(&farm, &admin, &theirs, 0, &bytes).await.fails(Code::NotFound);
    farm.send("POST", "/v1/jobs", &stranger, &crate::farm::spec(&sha256, 1, json!({}))).await.fails(Code::NotFound);
    fill(&farm, &stranger, &theirs, 0, &bytes).await.json(200);
    assert_eq!(farm.get("/v1/usage", &stranger).await["bytes_kept"], bytes.len());
}

/// Uploads bytes whole; their upload's id.
async fn uploaded(farm: &Farm, token: &str, bytes: &[u8]) -> String {
    let path = begin(farm, token, bytes).await;
    fill(farm, token, &path, 0, bytes).await.json(200);
    path.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_there_with_other_splits_is_refused_and_never_without_a_word() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let base = apk("com.example.split", "base");
    let splits = [split("com.example.split", "config.de"), split("com.example.split", "config.arm64")];
    let alone = async || {
        let request = farm.request("POST", "/v1/apps", &admin).header("content-type", "application/vnd.android.package-archive");
        said(request.body(base.clone())).await
    };
    let made = alone().await.json(201);
    alone().await.json(200);
    let mut uploads = Vec::new();
    for bytes in [&base, &splits[0], &splits[1]] {
        uploads.push(uploaded(&farm, &admin, bytes).await);
    }
    let set = async |splits: &[&String]| farm.send("POST", "/v1/app-sets", &admin, &json!({"upload": uploads[0], "splits": splits})).await;
    let p = set(&[&uploads[1]]).await.fails(Code::Conflict);
    assert!(p.hint.unwrap().contains("delete"), "{}", p.detail);
    let path = format!("/v1/apps/{}", text(&made, "sha256"));
    assert_eq!(farm.get(&path, &admin).await["splits"], json!([]));
    farm.ask("DELETE", &path, &admin).await.done();
    let whole = set(&[&uploads[1], &uploads[2]]).await.json(201);
    assert_eq!(whole["splits"], json!([Sha256Digest::of(&splits[0]), Sha256Digest::of(&splits[1])]));
    // In another order they are the same app; the answer is what is kept.
    assert_eq!(set(&[&uploads[2], &uploads[1]]).await.json(200), whole);
    set(&[&uploads[1]]).await.fails(Code::Conflict);
    alone().await.fails(Code::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_blob_was_made_and_not_noted_is_ended_by_asking_again() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let path = begin(&farm, &admin, b"bytes").await;
    // As a server leaves it that died when the blob was there, and nobody had written that it is.
    let (tenant, id) = ("acme".parse().unwrap(), path.rsplit('/').next().unwrap().parse().unwrap());
    let blobs = farm.api.service().blobs().of(&tenant);
    let part = blobs.put_part_bytes(b"bytes".to_vec()).await.unwrap();
    stakeout_store::Library::upload_part(farm.store(), &id, 0, 5, &part.name.to_string()).await.unwrap();
    blobs.compose(&[part.name], Sha256Digest::of(b"bytes"), 5).await.unwrap();
    assert_eq!(place(&fill(&farm, &admin, &path, 5, b"").await.json(200)), (5, true));
    assert_eq!(blobs.list_parts().await.unwrap(), []);
    assert_eq!(farm.get("/v1/usage", &admin).await["bytes_kept"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_whose_blob_was_made_and_not_noted_is_ended_by_asking_again() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let token = farm.token("farm", "worker").await;
    let hand = crate::hand::Hand::new(farm.client(&token), "w");
    let lease = hand.lease().await;
    let sha256 = Sha256Digest::of(b"bytes");
    let path = format!("/v1/leases/{}/1/artifacts/{sha256}", lease.trial);
    farm.send("POST", &path, &token, &json!({"bytes": 5})).await.json(200);
    let blobs = farm.api.service().blobs().of(&"acme".parse().unwrap());
    let part = blobs.put_part_bytes(b"bytes".to_vec()).await.unwrap();
    let row = farm.store().artifact_upload(&lease.trial, &sha256).await.unwrap().unwrap();
    farm.store().upload_part(&row.upload.id, 0, 5, &part.name.to_string()).await.unwrap();
    blobs.compose(&[part.name], sha256, 5).await.unwrap();
    assert_eq!(place(&farm.send("POST", &path, &token, &json!({"bytes": 5})).await.json(200)), (5, true));
    assert_eq!(blobs.list_parts().await.unwrap(), []);
    hand.run(&lease, b"bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_the_database_may_have_taken_is_kept() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let path = begin(&farm, &admin, b"bytes").await;
    let file = sqlx::SqlitePool::connect(&format!("sqlite://{}", farm.database().display())).await.unwrap();
    // A database that fails, as one does whose connection breaks at the commit: nobody knows what it wrote.
    sqlx::query("CREATE TRIGGER broken BEFORE INSERT ON upload_parts BEGIN SELECT RAISE(ABORT, 'broken'); END")
        .execute(&file)
        .await
        .unwrap();
    fill(&farm, &admin, &path, 0, b"by").await.fails(Code::Unavailable);
    let blobs = farm.api.service().blobs().of(&"acme".parse().unwrap());
    assert_eq!(blobs.list_parts().await.unwrap().len(), 1);
    sqlx::query("DROP TRIGGER broken").execute(&file).await.unwrap();
    assert_eq!(place(&fill(&farm, &admin, &path, 0, b"bytes").await.json(200)), (5, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_come_while_the_same_are_removed_are_there_in_the_end() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let hand = crate::hand::Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    let lease = hand.lease().await;
    let (tenant, sha256) = ("acme".parse().unwrap(), Sha256Digest::of(b"evidence"));
    let blobs = farm.api.service().blobs().of(&tenant);
    // Bytes of before that nobody names any more, and a server that has just begun to remove them.
    blobs.put(b"evidence".to_vec()).await.unwrap();
    farm.store().note_blob(&tenant, &sha256, 8, 1).await.unwrap();
    assert_eq!(farm.store().drop_blobs(2, now(), 10).await.unwrap().len(), 1);
    let claimed: i64 = {
        let file = sqlx::SqlitePool::connect(&format!("sqlite://{}", farm.database().display())).await.unwrap();
        sqlx::query_scalar("SELECT dropping FROM blobs WHERE dropping IS NOT NULL").fetch_one(&file).await.unwrap()
    };
    let (done, ()) = tokio::join!(hand.artifact(&lease, b"evidence"), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        blobs.remove(&sha256).await.unwrap();
        farm.store().blob_dropped(&tenant, &sha256, claimed).await.unwrap();
    });
    assert_eq!((done.sha256, blobs.get(&sha256).await.unwrap()), (sha256, b"evidence".to_vec()));
    assert_eq!(farm.store().blob(&tenant, &sha256).await.unwrap(), Some(8));
}
