//! A worker, and an emulator device whose emulator is the stand-in.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    io::{Cursor, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use stakeout_contract::Sha256Digest;
use stakeout_device::{
    DeviceError,
    core::serve::serve,
    emulator::{Deadlines, EmulatorGuest, Layout, MicrophoneRoute, guest::blobs},
};
use stakeout_protocol::{Wire, WireCodec};
use tokio::{io::DuplexStream, task::JoinHandle};
use tokio_util::{
    codec::{FramedRead, FramedWrite},
    sync::CancellationToken,
};

use crate::ports::free_port;

/// Guest seconds in one of ours.
pub(crate) const SCALE: f64 = 20.0;
/// MiB that are free where its virtual device lies, whatever the test's own file system has.
const FREE: &str = "16384";

pub(crate) struct Worker {
    to: FramedWrite<DuplexStream, WireCodec<Value, Value>>,
    from: FramedRead<DuplexStream, WireCodec<Value, Value>>,
    pub(crate) events: Vec<Value>,
    pub(crate) blobs: HashMap<u64, Vec<u8>>,
    device: JoinHandle<Result<(), DeviceError>>,
    next: u64,
    _folder: tempfile::TempDir,
}

/// An APK as far as the stand-in looks at it.
pub(crate) fn apk(script: &Value) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("assets/stakeout-played.json", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(script.to_string().as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

fn image(folder: &Path, snapshot: bool) {
    let avd = folder.join("image/stakeout.avd");
    fs::create_dir_all(&avd).unwrap();
    if snapshot {
        fs::create_dir_all(avd.join("snapshots/stakeout")).unwrap();
        fs::write(avd.join("snapshots/stakeout/snapshot.pb"), b"x").unwrap();
        // As a bake leaves them: nobody can write them.
        fs::write(avd.join("read-snapshot.txt"), "stakeout").unwrap();
        for disk in ["userdata-qemu.img", "userdata-qemu.img.qcow2", "cache.img.qcow2"] {
            let file = fs::File::create(avd.join(disk)).unwrap();
            file.set_len(2 << 20).unwrap();
            file.set_permissions(fs::Permissions::from_mode(0o444)).unwrap();
        }
    }
    let at = |side: &str| folder.join(format!("work/feed/{side}.png")).display().to_string();
    let config =
        format!("hw.camera.back=imagefile:{}\nhw.camera.front=imagefile:{}\nhw.cpu.ncore=2\nhw.ramSize=2048M\n", at("back"), at("front"));
    fs::write(avd.join("config.ini"), config).unwrap();
    fs::write(folder.join("image/stakeout.ini"), format!("path={}\ntarget=android-34\n", avd.display())).unwrap();
}

/// An image, and a place to run it in, whose emulator misbehaves so.
pub(crate) fn layout(faults: &str, snapshot: bool, more: &[(&str, &str)]) -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["home", "work", "tmp", "videos"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    image(folder.path(), snapshot);
    let at = |n: &str| folder.path().join(n);
    let scale = SCALE.to_string();
    let mut environment: Vec<(OsString, OsString)> = vec![
        ("FAKE_EMULATOR_FAULTS".into(), faults.into()),
        ("FAKE_EMULATOR_SCALE".into(), scale.into()),
        ("FAKE_EMULATOR_FREE".into(), FREE.into()),
    ];
    environment.extend(more.iter().map(|(k, v)| (k.into(), v.into())));
    let layout = Layout {
        emulator: vec![env!("CARGO_BIN_EXE_fake-emulator").into()],
        sdk: at("sdk"),
        avds: at("image"),
        home: at("home"),
        temporary: at("tmp"),
        work: at("work"),
        user: None,
        microphone: MicrophoneRoute::PulseAudio,
        sound_user: None,
        window: None,
        cameras: None,
        videos: at("videos"),
        display_user: None,
        probe: None,
        keeper: Some(keeper()),
        frida: None,
        ports: (free_port(), free_port(), free_port()),
        environment,
        deadlines: Deadlines {
            ports: Duration::from_secs(20),
            restore: Duration::from_secs(6),
            cold: Duration::from_secs(if faults.is_empty() { 40 } else { 8 }),
            command: Duration::from_secs(20),
            agent: Duration::from_secs(3),
        },
    };
    (folder, layout)
}

/// The keeper's program, which is built beside the stand-in's when all tests are.
fn keeper() -> std::path::PathBuf {
    let path = std::path::Path::new(env!("CARGO_BIN_EXE_fake-emulator")).with_file_name("stakeout-keeper");
    assert!(path.is_file(), "`{}` is missing: run the tests of the whole workspace", path.display());
    path
}

impl Worker {
    /// A device whose emulator misbehaves so.
    pub(crate) async fn with(faults: &str, snapshot: bool, more: &[(&str, &str)]) -> Self {
        let (folder, layout) = layout(faults, snapshot, more);
        Self::in_layout(folder, layout).await
    }

    /// A device in this place.
    pub(crate) async fn in_layout(folder: tempfile::TempDir, layout: Layout) -> Self {
        let version = layout.version().await.unwrap();
        let ((to, input), (output, from)) = (tokio::io::duplex(1 << 16), tokio::io::duplex(1 << 16));
        let blobs = blobs(&layout);
        // As in its container: a process of its own, here a thread.
        let device = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                serve(input, output, blobs.clone(), CancellationToken::new(), |out| EmulatorGuest::new(layout, &version, blobs, out)).await
            })
        });
        Self {
            to: FramedWrite::new(to, WireCodec::default()),
            from: FramedRead::new(from, WireCodec::default()),
            events: Vec::new(),
            blobs: HashMap::new(),
            device,
            next: 0,
            _folder: folder,
        }
    }

    /// Assigned, its microphone by gRPC.
    pub(crate) async fn by_grpc(faults: &str) -> Self {
        let (folder, mut layout) = layout(faults, false, &[]);
        layout.microphone = MicrophoneRoute::Grpc;
        let mut w = Self::in_layout(folder, layout).await;
        w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
        w.ok(Self::assignment("grant-all")).await;
        w
    }

    pub(crate) async fn booted(faults: &str) -> Self {
        let mut w = Self::with(faults, false, &[]).await;
        w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
        w
    }

    pub(crate) async fn assigned(faults: &str, permissions: &str) -> Self {
        let mut w = Self::booted(faults).await;
        w.ok(Self::assignment(permissions)).await;
        w
    }

    /// An assignment of a trial in another time zone and another year.
    pub(crate) fn assignment(permissions: &str) -> Value {
        let key = |c: &str| c.repeat(64);
        let mut names = rcgen::CertificateParams::new(Vec::new()).unwrap();
        names.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = names.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem();
        json!({"verb": "assign", "keys": {"camera_back": key("a"), "camera_front": key("b"), "microphone": key("c")},
            "feed_mode": "pattern", "start_millis": 1_700_000_000_000_u64, "timezone": "Asia/Shanghai", "seed": 1, "ca_pem": ca,
            "permissions": permissions, "deny": [], "rules": 34, "hold_cap_ms": 1000})
    }

    pub(crate) async fn install(&mut self, script: &Value) -> Value {
        let apk = self.blob(1, &apk(script)).await;
        self.ok(json!({"verb": "install", "apk": apk, "splits": [], "prepared": null})).await
    }

    pub(crate) async fn blob(&mut self, blob: u64, bytes: &[u8]) -> Value {
        self.to.send(Wire::Chunk { blob, bytes: Bytes::copy_from_slice(bytes) }).await.unwrap();
        self.to.send(Wire::Chunk { blob, bytes: Bytes::new() }).await.unwrap();
        json!({"blob": blob, "size": bytes.len(), "sha256": Sha256Digest::of(bytes)})
    }

    /// Asks, and reads until the answer comes.
    pub(crate) async fn ask(&mut self, mut request: Value) -> Result<Value, Value> {
        self.next += 1;
        request["id"] = json!(self.next);
        self.to.send(Wire::Message(request.clone())).await.unwrap();
        loop {
            let item = tokio::time::timeout(Duration::from_secs(120), self.from.next()).await.expect("an answer");
            match item.expect("the device lives").expect("a message") {
                Wire::Message(m) if m.get("id") == Some(&json!(self.next)) => {
                    return if m["error"].is_null() { Ok(m["ok"].clone()) } else { Err(m["error"].clone()) };
                }
                Wire::Message(m) => self.events.push(m),
                Wire::Chunk { blob, bytes } => self.blobs.entry(blob).or_default().extend_from_slice(&bytes),
            }
        }
    }

    pub(crate) async fn ok(&mut self, request: Value) -> Value {
        let what = request.to_string();
        match self.ask(request).await {
            Ok(v) => v,
            Err(e) => panic!("{what}: {e}\n{:?}", self.logs()),
        }
    }

    pub(crate) async fn advance(&mut self, seconds: u64) -> u64 {
        self.ok(json!({"verb": "advance", "nanos": seconds * 1_000_000_000})).await["at"].as_u64().unwrap()
    }

    pub(crate) const fn last(&self) -> u64 {
        self.next
    }

    /// Facts of a name: at, fact.
    pub(crate) fn facts(&self, name: &str) -> Vec<(f64, Value)> {
        self.events
            .iter()
            .filter(|e| e["event"] == "observation" && e["fact"]["fact"] == name)
            .map(|e| (e["at"].as_u64().unwrap() as f64 / 1e9, e["fact"].clone()))
            .collect()
    }

    /// Facts of a name that are the app's own word: at, fact, the app's frames.
    pub(crate) fn of_app(&self, name: &str) -> Vec<(f64, Value, Value)> {
        let is = |e: &&Value| e["event"] == "observation" && e["source"] == "host" && e["fact"]["fact"] == name;
        self.events.iter().filter(is).map(|e| (e["at"].as_u64().unwrap() as f64 / 1e9, e["fact"].clone(), e["stack"].clone())).collect()
    }

    pub(crate) fn logs(&self) -> Vec<String> {
        self.events.iter().filter(|e| e["event"] == "log").map(|e| e["line"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub(crate) fn health(&self) -> Vec<String> {
        self.events.iter().filter(|e| e["event"] == "health").map(|e| e["code"].as_str().unwrap().to_owned()).collect()
    }

    /// The worker goes away; the device must end.
    pub(crate) async fn vanish(self) -> Result<(), DeviceError> {
        drop((self.to, self.from));
        tokio::time::timeout(Duration::from_secs(60), self.device).await.expect("the device ends").unwrap()
    }
}
