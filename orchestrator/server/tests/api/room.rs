//! Room for bytes: what is about to come counts as what is kept.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::SqlitePool;
use stakeout_contract::{Sha256Digest, api::problem::Code};

use crate::{
    apk::apk,
    farm::{Farm, said, text},
    wire::raw,
};

const APK: &str = "application/vnd.android.package-archive";

async fn database(farm: &Farm) -> SqlitePool {
    SqlitePool::connect(&format!("sqlite://{}", farm.database().display())).await.unwrap()
}

fn upload(bytes: usize, name: &str) -> Value {
    json!({"bytes": bytes, "sha256": Sha256Digest::of(name.as_bytes())})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_open_counts_until_it_was_ended_or_given_up() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({"quota": {"bytes": 1_000_000}})).await;
    let app = vec![7; 800_000];
    let first = json!({"bytes": app.len(), "sha256": Sha256Digest::of(&app)});
    let begun = farm.send("POST", "/v1/uploads", &admin, &first).await.json(201);
    let refused = farm.send("POST", "/v1/uploads", &admin, &upload(800_000, "b")).await.fails(Code::Quota);
    assert!(refused.detail.contains("800000 are coming") && refused.hint.is_some(), "{refused:?}");
    let again = farm.send("POST", "/v1/uploads", &admin, &first).await.json(201);
    assert_eq!(text(&again, "id"), text(&begun, "id"), "whoever was cut off goes on");
    let path = format!("/v1/uploads/{}", text(&begun, "id"));
    let stranger = farm.tenant("other", json!({})).await;
    farm.ask("DELETE", &path, &stranger).await.fails(Code::NotFound);
    farm.ask("DELETE", &path, &admin).await.done();
    farm.ask("GET", &path, &admin).await.fails(Code::NotFound);
    let second = farm.send("POST", "/v1/uploads", &admin, &first).await.json(201);
    let fill = farm.request("PATCH", &format!("/v1/uploads/{}", text(&second, "id")), &admin);
    let fill = fill.header("content-type", "application/octet-stream").header("upload-offset", 0).body(app);
    assert_eq!(said(fill).await.json(200)["complete"], true);
    farm.send("POST", "/v1/uploads", &admin, &upload(300_000, "c")).await.fails(Code::Quota);
    farm.send("POST", "/v1/uploads", &admin, &upload(200_000, "c")).await.json(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_comes_in_one_request_finds_room_and_leaves_none_taken() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({"quota": {"bytes": 300_000}})).await;
    farm.send("POST", "/v1/uploads", &admin, &upload(200_000, "a")).await.json(201);
    let post = |bytes: Vec<u8>| said(farm.request("POST", "/v1/apps", &admin).header("content-type", APK).body(bytes));
    // What says that it is too much is refused before it comes.
    let head = format!(
        "POST /v1/apps HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {admin}\r\ncontent-type: {APK}\r\ncontent-length: 100001\r\n\
         connection: close\r\n\r\n"
    );
    let got = raw(&farm.server.base, head.as_bytes(), Duration::from_secs(10)).await;
    assert!(got.starts_with("HTTP/1.1 429") && got.contains("this asks for 100001 more"), "{got}");
    // Without a length it is refused when it is too much.
    let chunked = |bytes: &[u8]| {
        let head = format!(
            "POST /v1/apps HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {admin}\r\ncontent-type: {APK}\r\ntransfer-encoding: chunked\r\n\
             connection: close\r\n\r\n{:x}\r\n",
            bytes.len()
        );
        [head.as_bytes(), bytes, b"\r\n0\r\n\r\n"].concat()
    };
    let got = raw(&farm.server.base, &chunked(&vec![7; 100_100]), Duration::from_secs(10)).await;
    assert!(got.starts_with("HTTP/1.1 429") && got.contains("there is room for 100000 bytes"), "{got}");
    let small = apk("com.example.room", "x");
    let got = raw(&farm.server.base, &chunked(&small), Duration::from_secs(10)).await;
    assert!(got.starts_with("HTTP/1.1 201"), "{got}");
    post(b"no app".to_vec()).await.fails(Code::BadApp);
    // One that is cut off.
    let cut = &chunked(&vec![7; 90_000])[..20_000];
    raw(&farm.server.base, cut, Duration::from_millis(300)).await;
    let open = "SELECT count(*) FROM uploads";
    let file = database(&farm).await;
    for _ in 0..200 {
        if sqlx::query_scalar::<_, i64>(open).fetch_one(&file).await.unwrap() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(sqlx::query_scalar::<_, i64>(open).fetch_one(&file).await.unwrap(), 1, "only the upload is open");
}
