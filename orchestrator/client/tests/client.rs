//! What the client does when a server does not do what it should: a server of a few lines, real requests.
#![allow(clippy::unwrap_used, reason = "a test suite")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use stakeout_agent::{Fence, Orchestrator as _, OrchestratorError};
use stakeout_client::{Client, ClientError, ClientOptions, worker::Remote};
use stakeout_contract::{
    Epoch, Sha256Digest, WorkerId,
    api::{
        fleet::{HostFacts, WorkerMode},
        problem::{Code, Problem},
    },
    lease::Abilities,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A request's first line and head in lower case, and how many requests came before it.
type Answers = Arc<dyn Fn(&str, usize) -> Answer + Send + Sync>;

enum Answer {
    /// A whole answer: status, more head lines, body.
    Says(u16, String, Vec<u8>),
    /// The connection ends in the middle: of so many bytes these.
    Breaks(u16, String, usize, Vec<u8>),
}

fn document(status: u16, value: &Value) -> Answer {
    Answer::Says(status, String::new(), value.to_string().into_bytes())
}

/// Serves; gives its address and how many requests came.
async fn serve(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}/", listener.local_addr().unwrap());
    let (answer, count): (Answers, _) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let n = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(one(stream, answer.clone(), n.clone()));
        }
    });
    (at, count)
}

/// Reads a request with its body and answers it.
async fn one(mut stream: TcpStream, answer: Answers, count: Arc<AtomicUsize>) {
    let (mut all, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    let (head, body) = loop {
        let n = stream.read(&mut buffer).await.unwrap();
        if n == 0 {
            return;
        }
        all.extend_from_slice(&buffer[..n]);
        if let Some(end) = all.windows(4).position(|w| w == b"\r\n\r\n") {
            break (String::from_utf8_lossy(&all[..end]).to_lowercase(), all.len() - end - 4);
        }
    };
    let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).map_or(0, |n| n.parse::<usize>().unwrap());
    let mut left = length.saturating_sub(body);
    while left > 0 {
        left = left.saturating_sub(stream.read(&mut buffer).await.unwrap());
    }
    let (status, more, length, body) = match answer(&head, count.fetch_add(1, Ordering::SeqCst)) {
        Answer::Says(status, more, body) => (status, more, body.len(), body),
        Answer::Breaks(status, more, length, body) => (status, more, length, body),
    };
    let head = format!("HTTP/1.1 {status} So\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n");
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
    let _ = stream.shutdown().await;
}

fn client(server: &str, patience: Duration) -> Client {
    Client::new(&ClientOptions { server: server.to_owned(), token: "stk_token-1_x".to_owned(), ca: None, patience }).unwrap()
}

#[tokio::test]
async fn an_upload_that_a_server_takes_nothing_more_of_ends_with_patience() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.apk");
    std::fs::write(&path, b"an app").unwrap();
    let (server, count) = serve(|head, _| {
        let upload = json!({"id": "upload-1", "bytes": 6, "offset": 0, "sha256": "00".repeat(32), "complete": false, "expires_ms": 0});
        if head.starts_with("patch") { document(503, &json!({})) } else { document(200, &upload) }
    })
    .await;
    let begin = Instant::now();
    let failed = client(&server, Duration::from_secs(2)).upload(&path, |_| {}).await.unwrap_err();
    assert!(failed.is_passing(), "{failed}");
    // 0.2 + 0.4 + 0.8 s between them; each is a part and a question.
    assert!(begin.elapsed() >= Duration::from_millis(1400) && begin.elapsed() < Duration::from_secs(20));
    assert!(count.load(Ordering::SeqCst) < 15, "{} requests", count.load(Ordering::SeqCst));
}

#[tokio::test]
async fn what_must_not_come_twice_is_sent_once() {
    let (server, count) = serve(|_, _| document(503, &json!({}))).await;
    let patient = client(&server, Duration::from_secs(1));
    let made = patient.call_once::<_, Value>(Method::POST, "v1/tokens", &json!({})).await;
    assert!(matches!(made, Err(ClientError::Problem(p)) if p.status == 503));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(patient.call::<_, Value>(Method::PUT, "v1/tenants", &json!({})).await.is_err());
    assert!(count.load(Ordering::SeqCst) > 2, "others are repeated");

    // Nobody listens here yet: nothing was sent, so it may be tried again.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    let late = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let listener = TcpListener::bind(at).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        one(stream, Arc::new(|_, _| document(201, &json!({"made": true}))), Arc::default()).await;
    });
    let made: Value =
        client(&format!("http://{at}/"), Duration::from_secs(20)).call_once(Method::POST, "v1/tokens", &json!({})).await.unwrap();
    assert_eq!(made, json!({"made": true}));
    late.await.unwrap();
}

const BYTES: &[u8] = b"0123456789";

#[tokio::test]
async fn a_download_is_whole_or_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("bundle.zip");
    std::fs::write(&to, b"of before").unwrap();
    // Three bytes and the connection ends, whoever asks.
    let (server, _) = serve(|_, _| Answer::Breaks(200, String::new(), BYTES.len(), BYTES[..3].to_vec())).await;
    assert!(client(&server, Duration::ZERO).download("v1/jobs/job-1/bundle", &to).await.is_err());
    assert_eq!(std::fs::read(&to).unwrap(), b"of before");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no half of it is left");
}

#[tokio::test]
async fn a_download_that_goes_on_has_all_the_time_that_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("bundle.zip");
    // A byte each time, then the connection ends: 2 s in all, with a patience of one.
    let (server, count) = serve(|head, n| match head.lines().find_map(|l| l.strip_prefix("range: bytes=")) {
        None => Answer::Breaks(200, String::new(), BYTES.len(), BYTES[..1].to_vec()),
        Some(range) => {
            assert_eq!(range, format!("{n}-"));
            Answer::Breaks(206, String::new(), BYTES.len() - n, BYTES[n..=n].to_vec())
        }
    })
    .await;
    client(&server, Duration::from_secs(1)).download("v1/jobs/job-1/bundle", &to).await.unwrap();
    assert_eq!((std::fs::read(&to).unwrap(), count.load(Ordering::SeqCst)), (BYTES.to_vec(), BYTES.len()));
}

#[tokio::test]
async fn a_worker_gets_an_app_over_a_line_that_breaks_at_each_byte() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("app.apk");
    let (server, count) = serve(|head, n| match head.lines().find_map(|l| l.strip_prefix("range: bytes=")) {
        // Before anything of it comes the server is away.
        None if n == 0 => document(503, &json!({})),
        None => Answer::Breaks(200, String::new(), BYTES.len(), BYTES[..1].to_vec()),
        Some(range) => {
            let from: usize = range.strip_suffix('-').unwrap().parse().unwrap();
            Answer::Breaks(206, String::new(), BYTES.len() - from, BYTES[from..=from].to_vec())
        }
    })
    .await;
    let fence = Fence { trial: "trial-1".parse().unwrap(), epoch: Epoch(1) };
    let remote = Remote::new(&client(&server, Duration::from_secs(60)));
    remote.blob(&fence, &Sha256Digest::of(BYTES), &to).await.unwrap();
    assert_eq!((std::fs::read(&to).unwrap(), count.load(Ordering::SeqCst)), (BYTES.to_vec(), BYTES.len() + 1));
}

#[tokio::test]
async fn a_lease_that_was_lost_is_said_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (server, count) = serve(|_, _| document(409, &serde_json::to_value(Problem::new(Code::LeaseLost, "lost")).unwrap())).await;
    let fence = Fence { trial: "trial-1".parse().unwrap(), epoch: Epoch(1) };
    let remote = Remote::new(&client(&server, Duration::from_secs(60)));
    let got = remote.blob(&fence, &Sha256Digest::of(BYTES), &dir.path().join("app.apk")).await;
    assert!(matches!(got, Err(OrchestratorError::Lost(f)) if f == fence));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn who_is_told_when_to_ask_again_asks_then_and_not_before() {
    let told = |status, seconds: u64| Answer::Says(status, format!("retry-after: {seconds}\r\n"), b"{}".to_vec());
    // A status that is repeated anyway, and one that is only because the server says so.
    for status in [503, 507, 429, 409] {
        let (server, count) = serve(move |_, n| if n == 0 { told(status, 1) } else { document(200, &json!({"done": true})) }).await;
        let begin = Instant::now();
        let got: Value = client(&server, Duration::from_secs(10)).get("v1/me").await.unwrap();
        assert_eq!((got["done"].as_bool(), count.load(Ordering::SeqCst)), (Some(true), 2), "{status}");
        assert!(begin.elapsed() >= Duration::from_secs(1), "{status}: after {:?}", begin.elapsed());
    }
    // Without a word of it the first pause is 0.2 s, and a conflict is final.
    let (server, _) = serve(|_, n| if n == 0 { document(503, &json!({})) } else { document(200, &json!({})) }).await;
    let begin = Instant::now();
    client(&server, Duration::from_secs(10)).get::<Value>("v1/me").await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(200));
    let (server, count) = serve(|_, _| document(409, &json!({}))).await;
    client(&server, Duration::from_secs(10)).get::<Value>("v1/me").await.unwrap_err();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_quota_that_no_time_mends_is_told_at_once_and_one_that_time_mends_when_it_says() {
    let quota = || serde_json::to_value(Problem::new(Code::Quota, "100 of 100 bytes are used")).unwrap();
    let (server, count) = serve(move |_, _| document(429, &quota())).await;
    let failed = client(&server, Duration::from_secs(60)).get::<Value>("v1/me").await.unwrap_err();
    assert_eq!((failed.code(), failed.is_passing(), count.load(Ordering::SeqCst)), (Some(Code::Quota), false, 1));
    let soon = move || Answer::Says(429, "retry-after: 1\r\n".to_owned(), quota().to_string().into_bytes());
    let (server, count) = serve(move |_, n| if n == 0 { soon() } else { document(200, &json!({})) }).await;
    client(&server, Duration::from_secs(60)).get::<Value>("v1/me").await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
    // A worker whose tenant has no room for it is no worker that is wrong.
    let (server, _) = serve(move |_, _| document(429, &quota())).await;
    let remote = Remote::new(&client(&server, Duration::ZERO));
    let abilities = Abilities { devices: vec![], slots: 1 };
    let asked = remote.lease(&"worker-1".parse().unwrap(), &abilities).await;
    assert!(matches!(asked, Err(OrchestratorError::Unreachable(_))));
}

#[tokio::test]
async fn who_is_told_to_come_later_than_it_would_wait_does_not_wait() {
    let (server, count) = serve(|_, _| Answer::Says(507, "retry-after: 60\r\n".to_owned(), b"{}".to_vec())).await;
    let begin = Instant::now();
    let failed = client(&server, Duration::from_secs(5)).get::<Value>("v1/me").await.unwrap_err();
    assert!(matches!(failed, ClientError::Problem(p) if p.status == 507));
    assert!(begin.elapsed() < Duration::from_secs(4) && count.load(Ordering::SeqCst) == 1);
}

#[tokio::test]
async fn a_worker_whose_host_has_troubles_or_that_is_drained_asks_for_no_trial() {
    let (leases, mode) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(WorkerMode::Active)));
    let (asked, says) = (leases.clone(), mode.clone());
    let (server, _) = serve(move |head, _| {
        let mode = *says.lock().unwrap();
        if head.starts_with("post /v1/leases ") {
            asked.fetch_add(1, Ordering::SeqCst);
            return document(200, &json!({"lease": null, "mode": mode}));
        }
        document(200, &json!({"mode": mode, "waiting": 3}))
    })
    .await;
    let remote = Remote::new(&client(&server, Duration::ZERO));
    let (worker, abilities): (WorkerId, _) = ("worker-1".parse().unwrap(), Abilities { devices: vec![], slots: 1 });
    for (troubles, now, wanted) in [
        (vec!["4 GiB of disk are free, 5 are wanted".to_owned()], WorkerMode::Active, 0),
        (vec![], WorkerMode::Draining, 0),
        (vec![], WorkerMode::Quarantined, 0),
        (vec![], WorkerMode::Active, 1),
    ] {
        *mode.lock().unwrap() = now;
        let host = HostFacts { troubles: troubles.clone(), ..HostFacts::default() };
        remote.heartbeat(&worker, &abilities, &host).await.unwrap();
        assert!(remote.lease(&worker, &abilities).await.unwrap().is_none());
        assert_eq!(leases.load(Ordering::SeqCst), wanted, "{troubles:?} {now:?}");
    }
}
