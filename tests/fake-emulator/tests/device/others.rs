//! An app that is not alone: what another one opens, keeps and sends is not taken for its own.

use std::io::{Read, Write};

use serde_json::{Value, json};
use stakeout_contract::{
    observation::Fact,
    told::{OthersSession, Traffic},
};

use crate::worker::Worker;

const PACKAGE: &str = "net.example.played";
const OTHER: &str = "org.example.other";

fn lines(w: &Worker) -> Vec<Fact> {
    let line = |l: (f64, Value)| Fact::Log { line: l.1["line"].as_str().unwrap().to_owned() };
    w.facts("log").into_iter().map(line).collect()
}

async fn played(faults: &str, steps: Value) -> Worker {
    let mut w = Worker::assigned(faults, "grant-all").await;
    w.install(&json!({"package": PACKAGE, "steps": steps})).await;
    w.ok(json!({"verb": "launch"})).await;
    w.advance(60).await;
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 10_000_000, "max_files": 100})).await;
    assert_eq!(w.facts("lost"), [], "{:?}", w.logs());
    w
}

#[tokio::test]
async fn what_another_app_opens_is_told_as_its_and_not_as_the_apps() {
    let store = |name: &str| json!({"store": format!("/sdcard/DCIM/{name}")});
    let w = played(
        "",
        json!([
            {"on": "launch", "after": 5, "by": OTHER, "do": {"open_camera": {"seconds": 2, "to": store("other.jpg")}}},
            {"on": "launch", "after": 15, "by": OTHER, "do": {"open_microphone": {"seconds": 4, "to": store("other.wav")}}},
            {"on": "launch", "after": 30, "do": {"open_camera": {"seconds": 2, "to": store("own.jpg")}}},
        ]),
    )
    .await;
    let others: Vec<OthersSession> = lines(&w).iter().filter_map(OthersSession::of).collect();
    assert_eq!(
        others.iter().map(|o| (o.sensor.as_str(), o.package.as_str())).collect::<Vec<_>>(),
        [("camera", OTHER), ("microphone", OTHER)]
    );
    let opened = w.facts("opened");
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert_eq!(w.facts("closed").len(), 1);
    // What each was given is told with its session.
    let given: Vec<u64> = w.facts("delivered").iter().map(|d| d.1["session"].as_u64().unwrap()).collect();
    for session in others.iter().map(|o| o.session).chain(opened[0].1["session"].as_u64()) {
        assert!(given.contains(&session), "{session}: {given:?}");
    }
}

#[tokio::test]
async fn whose_files_of_the_shared_storage_are_is_told() {
    let write = |name: &str| json!({"write_file": {"path": format!("/sdcard/Download/{name}"), "text": name}});
    let w = played(
        "",
        json!([{"on": "launch", "after": 2, "do": write("own.txt")}, {"on": "launch", "after": 2, "by": OTHER, "do": write("other.txt")}]),
    )
    .await;
    let owned: Vec<_> =
        w.facts("file").into_iter().filter(|f| f.1["change"] == "owned").map(|f| (f.1["path"].clone(), f.1["to"].clone())).collect();
    assert_eq!(owned, [(json!("/sdcard/Download/other.txt"), json!(OTHER)), (json!("/sdcard/Download/own.txt"), json!(PACKAGE))]);
}

/// A server that takes anything.
fn server() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    url
}

#[tokio::test]
async fn what_the_app_sends_is_counted_apart_from_what_others_send() {
    let get = json!({"get": {"url": server()}});
    let w = played("", json!([{"on": "launch", "after": 5, "do": get}, {"on": "launch", "after": 40, "by": OTHER, "do": get}])).await;
    let all: Vec<Traffic> = lines(&w).iter().filter_map(Traffic::of).collect();
    let sent: Vec<_> = all.iter().map(|t| (t.own > 0, t.others > 0)).filter(|(own, others)| *own || *others).collect();
    assert_eq!(sent, [(true, false), (false, true)], "{all:?}");
    // Without a gap from the app's installation to its end.
    assert!(all.windows(2).all(|w| w[1].from <= w[0].to && w[1].to > w[0].to), "{all:?}");
}

#[tokio::test]
async fn a_guest_that_cannot_count_says_that_it_does_not_know() {
    let w = played("no-owner-match", json!([])).await;
    let all = lines(&w);
    assert!(
        all.iter().any(|f| matches!(f, Fact::Log { line } if line.starts_with("whose the guest's requests are is not known"))),
        "{all:?}"
    );
    assert!(!all.iter().any(|f| Traffic::of(f).is_some()));
}
