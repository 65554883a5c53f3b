//! A gateway in a network namespace of its own, and threads that act as the device in it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "each test file uses its part of this; a test may panic"
)]

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Write},
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustix::{
    process::{Gid, Uid},
    thread::{LinkNameSpaceType, move_into_link_name_space, set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use serde_json::{Value, json};
use stakeout_contract::{flow::Flow, observation::Fact};
use stakeout_protocol::{
    Wire, WireCodec,
    gateway::{Event, FromGateway},
};
use tokio_util::codec::Decoder;

pub const DEVICE: u32 = 10_001;
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Ca {
    pub cert: String,
    pub key: String,
}

pub fn ca() -> Ca {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Test CA");
    Ca { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

pub fn configuration(ca: &Ca, network: &Value) -> Value {
    json!({
        "network": network, "ca_cert_pem": ca.cert, "ca_key_pem": ca.key,
        "not_before": 1_400_000_000, "not_after": 2_000_000_000, "body_max": 4_000_000, "capture_max": 64_000_000,
    })
}

/// A cell without a device.
pub struct Cell {
    pub child: Child,
    stdin: Option<ChildStdin>,
    items: Receiver<Wire<FromGateway>>,
    pub seen: Vec<Event>,
    pub blobs: HashMap<u64, Vec<u8>>,
    next: u64,
    pub folder: tempfile::TempDir,
    pub cap_eff: String,
}

impl Cell {
    /// Sealed, not configured.
    pub fn sealed() -> Self {
        Self::sealed_after("true")
    }

    /// Sealed after a script has made the network what it is. The gateway gets the capabilities that a container gives it.
    pub fn sealed_after(script: &str) -> Self {
        Self::started(&["--net"], script, |_| {})
    }

    /// Sealed in a user namespace, as the engine gives one with `userns-remap`: its capabilities are none on the host.
    pub fn sealed_in_a_user_namespace() -> Self {
        let wait = "until grep -q . /proc/self/uid_map; do :; done";
        Self::started(&["--user", "--keep-caps", "--net"], wait, |pid| {
            let user = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/user")).unwrap();
            while user(&pid.to_string()) == user("self") {
                std::thread::yield_now();
            }
            for map in ["uid_map", "gid_map"] {
                std::fs::write(format!("/proc/{pid}/{map}"), "0 0 65536\n").unwrap();
            }
        })
    }

    fn started(namespaces: &[&str], script: &str, made: impl FnOnce(u32)) -> Self {
        assert!(rustix::process::getuid().is_root(), "this test makes network namespaces and packet rules: run it as root");
        let powers = "--reuid 0 --regid 0 --clear-groups --bounding-set -all,+net_admin,+setuid,+setgid,+setpcap";
        let mut child = Command::new("unshare")
            .args(namespaces)
            .args(["sh", "-ec"])
            .arg(format!("{script}; exec setpriv {powers} \"$0\" --control-port 5037"))
            .arg(env!("CARGO_BIN_EXE_stakeout-gateway"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`unshare` of util-linux is needed");
        made(child.id());
        let (sender, items) = channel();
        let mut stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let (mut codec, mut buffer, mut piece) = (WireCodec::<FromGateway, Value>::default(), BytesMut::new(), vec![0; 65536]);
            while let Ok(n @ 1..) = stdout.read(&mut piece) {
                buffer.extend_from_slice(&piece[..n]);
                while let Some(item) = codec.decode(&mut buffer).unwrap() {
                    if sender.send(item).is_err() {
                        return;
                    }
                }
            }
        });
        let folder = tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir().unwrap();
        let stdin = child.stdin.take();
        let mut cell = Self { child, stdin, items, seen: Vec::new(), blobs: HashMap::new(), next: 1, folder, cap_eff: String::new() };
        cell.cap_eff = cell.until(|e| match e {
            Event::Sealed { cap_eff } => Some(cap_eff.clone()),
            _ => None,
        });
        cell
    }

    /// Sealed and configured with a fresh CA, whose certificate is at [`Cell::ca_file`].
    pub fn with(network: &Value) -> Self {
        Self::sealed().configured(network)
    }

    /// Configures it with a fresh CA.
    #[must_use]
    pub fn configured(self, network: &Value) -> Self {
        let mut cell = self;
        let ca = ca();
        std::fs::write(cell.ca_file(), &ca.cert).unwrap();
        let mut request = configuration(&ca, network);
        request["verb"] = "configure".into();
        cell.ask(request);
        cell
    }

    pub fn ca_file(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn take(&mut self, item: Wire<FromGateway>) -> Option<stakeout_protocol::Answer> {
        match item {
            Wire::Chunk { blob, bytes } => {
                self.blobs.entry(blob).or_default().extend(bytes);
                None
            }
            Wire::Message(FromGateway::Event(e)) => {
                self.seen.push(e);
                None
            }
            Wire::Message(FromGateway::Answer(a)) => Some(a),
        }
    }

    /// Asks, and gives the answer, also a refusal.
    pub fn try_ask(&mut self, mut request: Value) -> Result<Value, String> {
        request["id"] = self.next.into();
        self.next += 1;
        writeln!(self.stdin.as_mut().unwrap(), "{request}").unwrap();
        loop {
            let item = self.items.recv_timeout(PATIENCE).expect("an answer");
            if let Some(a) = self.take(item) {
                assert_eq!(a.id, self.next - 1);
                return a.error.map_or(Ok(a.ok.unwrap_or_default()), |e| Err(e.to_string()));
            }
        }
    }

    pub fn ask(&mut self, request: Value) -> Value {
        self.try_ask(request).unwrap()
    }

    /// Waits for an event that `pick` wants.
    pub fn until<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        let mut looked = 0;
        loop {
            while let Some(e) = self.seen.get(looked) {
                if let Some(t) = pick(e) {
                    return t;
                }
                looked += 1;
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.items.recv_timeout(left) {
                Ok(item) => drop(self.take(item)),
                Err(e) => panic!("{e}; seen: {:#?}", self.seen),
            }
        }
    }

    pub fn until_fact<T>(&mut self, pick: impl Fn(&Fact) -> Option<T>) -> T {
        self.until(|e| match e {
            Event::Observation { fact, .. } => pick(fact),
            _ => None,
        })
    }

    /// Address, port and reason of a refused attempt.
    pub fn until_blocked(&mut self, protocol: &str, address: &str, port: u16) -> String {
        self.until_fact(|f| match f {
            Fact::Blocked { protocol: p, address: a, port: n, reason } if p == protocol && a == address && *n == port => {
                Some(reason.clone())
            }
            _ => None,
        })
    }

    /// A flow that ended, and the request that was kept of it.
    pub fn until_flow(&mut self, wanted: impl Fn(&Flow) -> bool) -> (Flow, Vec<u8>) {
        let (flow, request) = self.until(|e| match e {
            Event::Flow { flow, request, .. } if wanted(flow) => Some(((**flow).clone(), request.clone())),
            _ => None,
        });
        let bytes = request.map(|r| {
            let bytes = self.blobs[&r.blob].clone();
            assert_eq!(bytes.len() as u64, r.size);
            assert_eq!(stakeout_contract::Sha256Digest::of(&bytes), r.sha256);
            assert_eq!(Some(r.sha256), flow.request);
            bytes
        });
        (flow, bytes.unwrap_or_default())
    }

    /// The capture as a file, and the answer.
    pub fn collect(&mut self) -> (std::path::PathBuf, Value) {
        let answer = self.ask(json!({"verb": "collect"}));
        let bytes = &self.blobs[&answer["capture"]["blob"].as_u64().unwrap()];
        assert_eq!(answer["capture"]["size"], bytes.len());
        assert_eq!(answer["capture"]["sha256"], stakeout_contract::Sha256Digest::of(bytes).to_string());
        let file = self.folder.path().join("capture.pcapng");
        std::fs::write(&file, bytes).unwrap();
        (file, answer)
    }

    /// Runs something in the cell as a user.
    pub fn act<T: Send>(&self, uid: u32, what: impl FnOnce() -> T + Send) -> T {
        act(self.child.id(), uid, what)
    }

    /// Runs something as the device.
    pub fn device<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        self.act(DEVICE, what)
    }

    /// Runs a program as the device.
    pub fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Output {
        self.device(|| {
            let mut child = Command::new(program)
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap_or_else(|e| panic!("`{program}` is needed: {e}"));
            let mut stdin = child.stdin.take().unwrap();
            std::thread::scope(|s| {
                s.spawn(move || drop(stdin.write_all(input)));
                child.wait_with_output().unwrap()
            })
        })
    }

    /// `curl` as the device, trusting the CA.
    pub fn curl(&self, arguments: &[&str]) -> Output {
        let ca = self.ca_file();
        let all = [&["-sS", "--max-time", "30", "--cacert", ca.to_str().unwrap()], arguments].concat();
        self.run("curl", &all, b"")
    }

    /// Closes the worker's end of the pipe.
    pub fn hang_up(&mut self) {
        self.stdin = None;
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fields of the packets that fit a filter, as tshark prints them.
pub fn tshark(file: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-n", "-Y", filter, "-T", "fields"]);
    for f in fields {
        command.args(["-e", f]);
    }
    let out = command.output().expect("`tshark` is needed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().lines().map(|l| l.split('\t').map(str::to_owned).collect()).collect()
}

/// Asks a resolver for a name's address.
pub fn resolve(server: (Ipv4Addr, u16), name: &str) -> std::io::Result<Vec<Ipv4Addr>> {
    use hickory_proto::{
        op::{Message, Query},
        rr::{Name, RData, RecordType},
    };
    let mut query = Message::query();
    query.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    socket.connect(server)?;
    socket.send(&query.to_vec().unwrap())?;
    let mut buffer = [0; 2000];
    let n = socket.recv(&mut buffer)?;
    let reply = Message::from_vec(&buffer[..n]).unwrap();
    Ok(reply.answers.iter().filter_map(|r| if let RData::A(a) = &r.data { Some(a.0) } else { None }).collect())
}

/// Runs something in the network namespace of a process as a user.
pub fn act<T: Send>(process: u32, uid: u32, what: impl FnOnce() -> T + Send) -> T {
    let namespace = File::open(format!("/proc/{process}/ns/net")).unwrap();
    std::thread::scope(|s| {
        let acting = s.spawn(move || {
            move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(LinkNameSpaceType::Network)).unwrap();
            if uid != 0 {
                let (g, u) = (Gid::from_raw(uid), Uid::from_raw(uid));
                set_thread_groups(&[]).unwrap();
                set_thread_res_gid(g, g, g).unwrap();
                set_thread_res_uid(u, u, u).unwrap();
            }
            what()
        });
        acting.join().unwrap()
    })
}
