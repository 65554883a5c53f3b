//! An agent inside of the app: what it adds, and that nothing it does takes anything away.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};
use stakeout_feed::Facing;

use crate::{
    trial::{files, frame},
    worker::{Worker, layout},
};

const PACKAGE: &str = "net.example.played";

/// An app that takes a picture and records, and sends the picture encrypted.
fn script() -> Value {
    let nobody = json!({"encrypted": "http://127.0.0.1:9/up"});
    let sound = json!({"store": format!("/data/data/{PACKAGE}/files/a.wav")});
    json!({"package": PACKAGE, "steps": [
        {"on": "launch", "after": 1, "do": "foreground_service"},
        {"on": "launch", "after": 40, "do": {"open_camera": {"id": 0, "seconds": 2, "to": nobody}}},
        // Its process lives from the phone's start on: an owner who opens it then does not start it.
        {"on": "foreground", "after": 20, "do": {"open_camera": {"id": 0, "seconds": 2, "to": nobody}}},
        {"on": "launch", "after": 50, "do": {"open_microphone": {"seconds": 3, "to": sound}}},
    ]})
}

/// A device whose operator has Frida of this version, with a bridge beside it or not.
async fn device(faults: &str, version: &str, bridge: bool) -> Worker {
    let (folder, mut layout) = layout(faults, false, &[]);
    let kit = folder.path().join("frida");
    fs::create_dir(&kit).unwrap();
    fs::write(kit.join("frida-inject"), format!("#!stand-in frida-inject {version}\n")).unwrap();
    if bridge {
        fs::write(kit.join("java-bridge.js"), "var bridge = {};\n").unwrap();
    }
    layout.frida = Some(kit);
    layout.deadlines.cold = std::time::Duration::from_secs(40);
    let mut w = Worker::in_layout(folder, layout).await;
    w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
    w.ok(Worker::assignment("grant-all")).await;
    w.install(&script()).await;
    w.ok(json!({"verb": "launch"})).await;
    w
}

/// Ends the app; its files.
async fn end(w: &mut Worker) -> BTreeMap<String, Vec<u8>> {
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 10_000_000, "max_files": 100})).await;
    files(&w.blobs[&w.last()])
}

/// What the trial's record says of it.
fn said(w: &Worker) -> Vec<String> {
    let lines = w.facts("log").into_iter().map(|l| l.1["line"].as_str().unwrap().to_owned());
    lines.filter(|l| l.starts_with("frida")).collect()
}

/// The device's own facts, as they must be with it and without.
fn books(w: &Worker) -> Vec<(String, String)> {
    let of = |o: &(f64, Value)| (o.1["sensor"].as_str().unwrap().to_owned(), o.1["api"].as_str().unwrap().to_owned());
    w.facts("opened").iter().map(of).filter(|o| o.1.ends_with("Service")).collect()
}

#[tokio::test]
async fn what_the_app_encrypts_is_known_before_it_does_and_who_opened_what() {
    let mut w = device("", "17.2.16", true).await;
    w.advance(80).await;
    let got = end(&mut w).await;
    let said = said(&w);
    let digest = |text: &str| stakeout_contract::Sha256Digest::of(text.as_bytes());
    let program = digest("#!stand-in frida-inject 17.2.16\n");
    let begin = format!(
        "frida 17.2.16 listens inside of the app: frida-inject sha256:{program}, java-bridge.js sha256:{}, agent.js sha256:",
        digest("var bridge = {};\n")
    );
    assert!(said[0].starts_with(&begin), "{said:?}");
    assert!(
        said[1].contains(&format!("(`{PACKAGE}`), hooks cipher, tls, socket, camera1, camera2, audio_record; not `media_recorder`: ")),
        "{said:?}"
    );
    assert!(said[2].ends_with("it has ended: Process terminated") && said.len() == 3, "{said:?}");
    assert!(said.iter().all(|line| w.logs().contains(line)), "people who read the device's log see it too");

    let [(at, crypto, stack)] = &w.of_app("crypto")[..] else { panic!("{:?}", w.events) };
    assert_eq!((crypto["algorithm"].as_str(), crypto["operation"].as_str()), (Some("AES/CTR/NoPadding"), Some("encrypt")));
    assert_eq!(stack, &json!(["net.example.played.Worker.run:42"]));
    let of = |side: &str| &got[crypto[side].as_str().unwrap()];
    let (plain, cipher) = (of("plain"), of("cipher"));
    assert_eq!(fake_emulator::frida::encrypt(plain), *cipher);
    let shown = frame(plain, 0xaa, Facing::Back).expect("the picture that was encrypted shows a frame");
    let seconds = shown as f64 / stakeout_contract::trial::FRAMES_PER_SECOND as f64;
    assert!(seconds <= *at && at - seconds < 25.0, "{at} {seconds}");
    let connected = w.of_app("network");
    assert_eq!((connected[0].1["host"].as_str(), connected[0].1["port"].as_u64()), (Some("127.0.0.1"), Some(9)));

    // Beside each opening of the books, of the same session and date, what it took, and who did it.
    assert_eq!(books(&w), [("camera".to_owned(), "CameraService".to_owned()), ("microphone".to_owned(), "AudioService".to_owned())]);
    let all = w.facts("opened");
    for (at, o, stack) in w.of_app("opened") {
        let twin = all.iter().find(|(t, b)| t.total_cmp(&at).is_eq() && b["session"] == o["session"] && b["api"] != o["api"]).unwrap();
        assert_eq!((&twin.1["id"], &twin.1["preview_visible"]), (&o["id"], &o["preview_visible"]));
        assert_eq!(stack.as_array().unwrap().len(), 1);
    }
    let apis: Vec<_> = w.of_app("opened").into_iter().map(|o| o.1["api"].as_str().unwrap().to_owned()).collect();
    assert_eq!(apis, ["camera2", "audio_record"]);
    assert_eq!(w.facts("lost"), [], "{:?}", w.logs());
    w.ok(json!({"verb": "stop"})).await;
    assert!(w.vanish().await.is_ok());
}

#[tokio::test]
async fn after_a_restart_of_the_phone_it_listens_again() {
    let mut w = device("", "16.7.19", false).await;
    w.advance(65).await;
    w.ok(json!({"verb": "reboot"})).await;
    w.advance(30).await;
    w.ok(json!({"verb": "launch"})).await;
    w.advance(80).await;
    end(&mut w).await;
    let said = said(&w);
    assert_eq!(said.iter().filter(|l| l.contains("frida: attached to process")).count(), 2, "{said:?}");
    assert!(said.iter().any(|l| l.ends_with("the phone restarts")), "{said:?}");
    assert_eq!(w.of_app("crypto").len(), 2, "{said:?} {:?}", w.facts("opened"));
}

/// Of a device that misbehaves so: what the record says, and that all else is as it is without an agent.
async fn misbehaves(fault: &str, version: &str, says: &[&str], listens: bool) {
    let mut w = device(fault, version, true).await;
    w.advance(80).await;
    end(&mut w).await;
    let said = said(&w);
    for text in says {
        assert!(said.iter().any(|l| l.contains(text)), "{fault}: {text}: {said:?}");
    }
    assert!(said.len() < 12, "{fault}: {said:?}");
    assert_eq!(books(&w), [("camera".to_owned(), "CameraService".to_owned()), ("microphone".to_owned(), "AudioService".to_owned())]);
    assert_eq!((w.facts("lost"), w.health()), (vec![], vec![]), "{fault}: {:?}", w.logs());
    let told: Vec<_> = w.of_app("opened").into_iter().map(|o| o.1["api"].clone()).collect();
    assert_eq!(told, if listens { vec!["camera2", "audio_record"] } else { vec![] }, "{fault}");
}

#[tokio::test]
async fn whatever_becomes_of_it_the_trial_is_the_same_and_says_why() {
    let refused = ["not used: the guest does not run it: ", "not executable: 64-bit ELF file"];
    misbehaves("frida-refused", "17.2.16", &refused, false).await;
    let exits = ["not attached to process", "it has ended: Unable to access process with pid: Permission denied"];
    misbehaves("frida-exits", "17.2.16", &exits, false).await;
    misbehaves("frida-hangs", "17.2.16", &["not attached to process", "it does not say within 3 s that it listens"], false).await;
    misbehaves("frida-no-java", "16.7.19", &["not attached to process", "no Java in it: this Frida has no Java bridge"], false).await;
}

#[tokio::test]
async fn whatever_it_says_the_trial_is_the_same_and_says_what_was_wrong() {
    misbehaves("frida-garbage", "17.2.16", &["attached to process", "6 lines that are not the agent's were not told"], true).await;
    misbehaves("frida-floods", "17.2.16", &["not attached to process", "more than 1000 lines that are not the agent's"], false).await;
    misbehaves("frida-dies", "17.2.16", &["no longer attached to process", "it has ended: Segmentation fault"], false).await;
    let lies = ["tells of an opening of the camera by camera2 at", "18446744073709551615 all (by the agent) were not told"];
    misbehaves("frida-lies", "17.2.16", &lies, true).await;
}

#[tokio::test]
async fn a_frida_without_a_bridge_to_java_says_so() {
    let mut w = device("", "17.2.16", false).await;
    w.advance(60).await;
    end(&mut w).await;
    assert!(said(&w)[1].contains("no Java in it: this Frida has no Java bridge"), "{:?}", said(&w));
    assert_eq!(w.of_app("crypto"), []);
}

#[tokio::test]
async fn a_folder_that_is_of_no_use_is_told_and_none_is_silent() {
    for (name, says) in [("frida-inject.xz", "is packed: unpack it"), ("README", "has no `frida-inject`")] {
        let (folder, mut layout) = layout("", false, &[]);
        fs::create_dir(folder.path().join("frida")).unwrap();
        fs::write(folder.path().join("frida").join(name), "x").unwrap();
        layout.frida = Some(folder.path().join("frida"));
        let mut w = Worker::in_layout(folder, layout).await;
        w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
        w.ok(Worker::assignment("grant-all")).await;
        w.install(&script()).await;
        assert!(said(&w).len() == 1 && said(&w)[0].contains(says), "{:?}", said(&w));
    }
    let mut w = Worker::assigned("", "grant-all").await;
    w.install(&script()).await;
    assert_eq!(said(&w), Vec::<String>::new());
}
