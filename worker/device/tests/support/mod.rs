//! A worker, and a device of python scripts in place of Java.

use std::{collections::HashMap, path::Path};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use stakeout_contract::Sha256Digest;
use stakeout_device::{
    DeviceError,
    core::serve::serve,
    jvm::{JvmGuest, Layout, guest::blobs},
};
use stakeout_protocol::{Wire, WireCodec};
use tokio::{io::DuplexStream, task::JoinHandle};
use tokio_util::{
    codec::{FramedRead, FramedWrite},
    sync::CancellationToken,
};

pub struct Worker {
    to: FramedWrite<DuplexStream, WireCodec<Value, Value>>,
    from: FramedRead<DuplexStream, WireCodec<Value, Value>>,
    pub events: Vec<Value>,
    pub blobs: HashMap<u64, Vec<u8>>,
    device: JoinHandle<Result<(), DeviceError>>,
    next: u64,
    pub folder: tempfile::TempDir,
}

impl Worker {
    /// A device whose host and converter behave so.
    pub fn with(host: &str, converter: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |n: &str| {
            let p = folder.path().join(n);
            std::fs::create_dir_all(&p).unwrap();
            p
        };
        std::fs::write(at("java/sdk").join("android-all-1.jar"), "").unwrap();
        let script = |name: &str, mode: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
            vec!["python3".into(), path.into_os_string(), mode.into()]
        };
        let layout = Layout {
            java: at("java"),
            work: at("work"),
            data: at("data"),
            artifacts: at("artifacts"),
            temporary: at("tmp"),
            shared: at("shm"),
            convert: at("convert"),
            guest_user: None,
            convert_user: None,
            host: script("fake_host.py", host),
            converter: script("fake_converter.py", converter),
        };
        let ((to, input), (output, from)) = (tokio::io::duplex(1 << 16), tokio::io::duplex(1 << 16));
        let blobs = blobs(&layout);
        let device =
            async move { serve(input, output, blobs.clone(), CancellationToken::new(), |out| JvmGuest::new(layout, blobs, out)).await };
        Self {
            to: FramedWrite::new(to, WireCodec::default()),
            from: FramedRead::new(from, WireCodec::default()),
            events: Vec::new(),
            blobs: HashMap::new(),
            device: tokio::spawn(device),
            next: 0,
            folder,
        }
    }

    /// An assigned device.
    pub async fn assigned(host: &str, converter: &str) -> Self {
        let mut w = Self::with(host, converter);
        assert_eq!(w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await, json!({"api": 34, "release": "14"}));
        let key = |c: &str| c.repeat(64);
        w.ok(json!({"verb": "assign", "keys": {"camera_back": key("a"), "camera_front": key("b"), "microphone": key("c")},
            "feed_mode": "pattern", "start_millis": 0, "timezone": "UTC", "seed": 1, "ca_pem": "", "permissions": "deny",
            "deny": [], "rules": 34, "hold_cap_ms": 1000}))
            .await;
        w
    }

    /// A device with an app on it.
    pub async fn installed(host: &str) -> Self {
        let mut w = Self::assigned(host, "converts").await;
        let apk = w.blob(1, b"apk").await;
        w.ok(json!({"verb": "install", "apk": apk, "splits": [], "prepared": null})).await;
        w
    }

    pub async fn blob(&mut self, blob: u64, bytes: &'static [u8]) -> Value {
        for b in [bytes, b""] {
            self.to.send(Wire::Chunk { blob, bytes: Bytes::from_static(b) }).await.unwrap();
        }
        json!({"blob": blob, "size": bytes.len(), "sha256": Sha256Digest::of(bytes)})
    }

    /// Asks and does not wait.
    pub async fn send(&mut self, mut request: Value) {
        self.next += 1;
        request["id"] = self.next.into();
        self.to.send(Wire::Message(request)).await.unwrap();
    }

    /// Asks, keeps events and blobs until the answer comes, and gives the answer.
    pub async fn ask(&mut self, request: Value) -> Value {
        self.send(request).await;
        loop {
            match self.from.next().await.expect("the device ended").unwrap() {
                Wire::Message(m) if m["id"] == self.next => return m,
                Wire::Message(m) => self.events.push(m),
                Wire::Chunk { blob, bytes } => self.blobs.entry(blob).or_default().extend_from_slice(&bytes),
            }
        }
    }

    pub async fn ok(&mut self, request: Value) -> Value {
        let answer = self.ask(request).await;
        assert!(answer.get("error").is_none(), "{answer}");
        answer["ok"].clone()
    }

    pub async fn error(&mut self, request: Value) -> (String, String) {
        let e = self.ask(request).await["error"].clone();
        (e["code"].as_str().unwrap_or("no error").to_owned(), e["message"].as_str().unwrap_or("").to_owned())
    }

    /// Facts of this kind that came.
    pub fn facts(&self, name: &str) -> Vec<Value> {
        self.events.iter().filter(|e| e["fact"]["fact"] == name).cloned().collect()
    }

    pub fn health(&self) -> Vec<&str> {
        self.events.iter().filter(|e| e["event"] == "health").filter_map(|e| e["code"].as_str()).collect()
    }

    pub fn last_request(&self) -> u64 {
        self.next
    }

    /// The worker dies; gives what the device's program would end with.
    pub async fn vanish(self) -> Result<(), DeviceError> {
        drop((self.to, self.from));
        self.device.await.unwrap()
    }

    /// Sends bytes that are no message.
    pub async fn garble(mut self) -> Result<(), DeviceError> {
        tokio::io::AsyncWriteExt::write_all(self.to.get_mut(), b"what is this\n").await.unwrap();
        self.device.await.unwrap()
    }
}
