//! HTTP without a kernel's help: over a pipe in memory, with a server of our own for `live`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod common;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use common::{Ca, ca, configuration};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};
use stakeout_contract::{flow::Flow, observation::Fact};
use stakeout_gateway::{
    connection::{self, stream::Stream},
    http::{record::Peer, upstream::Upstream},
    out::{Item, Out},
    trial::{Limits, Trial},
};
use stakeout_protocol::{
    Wire,
    gateway::{Event, FromGateway},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    net::TcpListener,
    sync::mpsc,
};

struct Set {
    trial: Arc<Trial>,
    items: mpsc::Receiver<Item>,
}

fn set(network: &Value, server: SocketAddr) -> Set {
    set_with(&ca(), network, server, RootCertStore::empty())
}

fn set_with(ca: &Ca, network: &Value, server: SocketAddr, roots: RootCertStore) -> Set {
    let (sender, items) = mpsc::channel(1000);
    let configuration = serde_json::from_value(configuration(ca, network)).unwrap();
    let upstream = Upstream::fixed(server, roots).unwrap();
    let limits =
        Limits { idle: Duration::from_secs(20), opaque_idle: Duration::from_secs(20), rest: Duration::from_secs(3), ..Limits::default() };
    Set { trial: Arc::new(Trial::new(configuration, limits, upstream, Out::new(sender)).unwrap()), items }
}

impl Set {
    fn connect(&self, port: u16) -> DuplexStream {
        self.connect_to(None, port)
    }

    /// To an address that was given for a name.
    fn connect_to(&self, name: Option<&str>, port: u16) -> DuplexStream {
        let (app, gateway) = tokio::io::duplex(1 << 20);
        let trial = Arc::clone(&self.trial);
        let peer = Peer { scheme: "tcp", name: name.map(str::to_owned), address: "192.0.2.1".parse().unwrap(), port };
        tokio::spawn(async move { connection::any(&trial, peer, Stream::new(gateway, trial.ended.clone())).await });
        app
    }

    async fn flow(&mut self) -> (Flow, Vec<u8>) {
        let mut bytes = Vec::new();
        loop {
            match self.items.recv().await.unwrap() {
                Item::Wire(Wire::Chunk { bytes: b, .. }) => bytes.extend(b),
                Item::Wire(Wire::Message(FromGateway::Event(Event::Flow { flow, .. }))) => return (*flow, bytes),
                _ => {}
            }
        }
    }
}

/// A server for one connection: gives `answer`, tells what it heard.
async fn server(answer: &'static [u8], wanted: &'static [u8]) -> (SocketAddr, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (mut s, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(wanted) && s.read_buf(&mut heard).await.unwrap() > 0 {}
        s.write_all(answer).await.unwrap();
        heard
    });
    (address, heard)
}

async fn all(app: &mut DuplexStream) -> String {
    let mut heard = Vec::new();
    app.read_to_end(&mut heard).await.unwrap();
    String::from_utf8(heard).unwrap()
}

#[tokio::test]
async fn an_allowed_host_is_reached_and_its_answer_recorded() {
    let (address, heard) = server(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nX-Real: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"0\r\n\r\n",
    )
    .await;
    let mut set = set(&json!({"policy": "live", "allow": ["*.real.example"]}), address);
    let mut app = set.connect(80);
    app.write_all(b"POST /p?q HTTP/1.1\r\nHost: api.real.example\r\nX-b: 2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n\r\n").await.unwrap();
    let answer = all(&mut app).await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\nX-Real: 1\r\n") && answer.ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), "{answer}");
    let heard = String::from_utf8(heard.await.unwrap()).unwrap();
    assert_eq!(
        heard,
        "POST /p?q HTTP/1.1\r\nHost: api.real.example\r\nX-b: 2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    );
    let (flow, kept) = set.flow().await;
    assert_eq!((flow.policy.as_str(), flow.status, flow.sent, flow.received, flow.stub), ("live", 201, 2, 3, None));
    assert!(kept.ends_with(b"\r\n\r\nhiabc"));
    assert_eq!(flow.error, "");
}

#[tokio::test]
async fn who_is_not_allowed_hears_the_sinkhole_also_behind_an_allowed_name() {
    let nowhere = "127.0.0.1:1".parse().unwrap();
    let mut set = set(
        &json!({"policy": "live", "allow": ["good.example"], "stubs": [{"host": "good.example", "path": "/stub", "body": "played"}]}),
        nowhere,
    );
    let mut app = set.connect(80);
    app.write_all(b"GET /a HTTP/1.1\r\nHost: bad.example\r\n\r\nGET /stub HTTP/1.1\r\nHost: good.example\r\n\r\nGET /real HTTP/1.1\r\nHost: good.example\r\n\r\n").await.unwrap();
    let answer = all(&mut app).await;
    assert!(answer.contains("{}HTTP/1.1 200") && answer.contains("played"), "{answer}");
    assert!(answer.contains("502 Bad Gateway"), "{answer}");
    let flows = [set.flow().await.0, set.flow().await.0, set.flow().await.0];
    assert_eq!(
        flows.each_ref().map(|f| (f.policy.as_str(), f.status, f.stub)),
        [("sinkhole", 200, None), ("sinkhole", 200, Some(0)), ("live", 502, None)]
    );
    assert!(flows[2].error.contains("cannot be reached"), "{}", flows[2].error);
}

#[tokio::test]
async fn a_request_that_names_another_host_does_not_hide_where_it_went() {
    let network = json!({"stubs": [{"host": "drop.example", "body": "played"}, {"host": "good.example", "body": "forged"}]});
    for (name, host, wanted, noted) in [
        (Some("drop.example"), "good.example", "drop.example", true),
        (Some("drop.example"), "DROP.example.:80", "drop.example", false),
        (None, "good.example", "good.example", true),
        (None, "192.0.2.1:80", "192.0.2.1", false),
    ] {
        let mut set = set(&network, "127.0.0.1:1".parse().unwrap());
        let mut app = set.connect_to(name, 80);
        app.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let answer = all(&mut app).await;
        assert_eq!(answer.ends_with("played"), wanted == "drop.example", "{answer}");
        let mut notes = Vec::new();
        let flow = loop {
            match set.items.recv().await.unwrap() {
                Item::Wire(Wire::Message(FromGateway::Event(Event::Flow { flow, .. }))) => break flow,
                Item::Wire(Wire::Message(FromGateway::Event(Event::Observation { fact, .. }))) => notes.push(*fact),
                _ => {}
            }
        };
        assert_eq!((flow.host.as_str(), flow.request_headers[0].1.as_str()), (wanted, host));
        assert_eq!(notes.iter().any(|f| matches!(f, Fact::Log { line } if line.contains("good.example"))), noted, "{notes:?}");
    }
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_given_in_chunks() {
    let (address, _heard) = server(b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"\r\n\r\n").await;
    let mut set = set(&json!({"policy": "live"}), address);
    let mut app = set.connect(80);
    app.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").await.unwrap();
    let answer = all(&mut app).await;
    assert!(answer.ends_with("d\r\nuntil the end\r\n0\r\n\r\n"), "{answer}");
    assert_eq!(set.flow().await.0.received, 13);
}

#[tokio::test]
async fn another_protocol_is_passed_on_in_live() {
    let (address, heard) = server(b"\x02pong", b"ping").await;
    let mut set = set(&json!({"policy": "live"}), address);
    let mut app = set.connect(5222);
    app.write_all(b"\x01ping").await.unwrap();
    assert_eq!(all(&mut app).await, "\u{2}pong");
    assert_eq!(heard.await.unwrap(), b"\x01ping");
    let (flow, _) = set.flow().await;
    assert_eq!((flow.sent, flow.received, flow.policy.as_str(), flow.scheme.as_str()), (5, 5, "live", "tcp"));
}

fn client(roots: RootCertStore) -> tokio_rustls::TlsConnector {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into()
}

fn roots(der: impl IntoIterator<Item = CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(der);
    roots
}

/// What came out of TLS here must not go on in the clear.
#[tokio::test]
async fn another_protocol_out_of_tls_goes_into_tls_again() {
    let own = rcgen::generate_simple_self_signed(["chat.example".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (s, _) = listener.accept().await.unwrap();
        let mut s = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(s).await?;
        let mut heard = Vec::new();
        while !heard.ends_with(b"ping") && s.read_buf(&mut heard).await? > 0 {}
        s.write_all(b"\x02pong").await?;
        s.shutdown().await?;
        std::io::Result::Ok(heard)
    });
    let ca = ca();
    let mut set = set_with(&ca, &json!({"policy": "live"}), address, roots([own.cert.der().clone()]));
    let trusted = roots([CertificateDer::from_pem_slice(ca.cert.as_bytes()).unwrap()]);
    let mut app = client(trusted).connect("chat.example".try_into().unwrap(), set.connect(5223)).await.unwrap();
    app.write_all(b"\x01ping").await.unwrap();
    let mut answer = Vec::new();
    let _ = app.read_to_end(&mut answer).await;
    assert_eq!(answer, b"\x02pong");
    assert_eq!(heard.await.unwrap().unwrap(), b"\x01ping");
    let (flow, kept) = set.flow().await;
    assert_eq!((flow.host.as_str(), flow.scheme.as_str(), flow.policy.as_str()), ("chat.example", "tls", "live"));
    assert!(kept.starts_with(b"\x01ping"));
}

/// A server that does not speak TLS hears nothing of what was inside.
#[tokio::test]
async fn what_came_out_of_tls_is_not_told_to_a_server_without_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (mut s, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        s.read_buf(&mut heard).await.unwrap();
        s.write_all(b"no TLS here\n").await.unwrap();
        let _ = s.read_to_end(&mut heard).await;
        heard
    });
    let ca = ca();
    let mut set = set_with(&ca, &json!({"policy": "live"}), address, RootCertStore::empty());
    let trusted = roots([CertificateDer::from_pem_slice(ca.cert.as_bytes()).unwrap()]);
    let mut app = client(trusted).connect("chat.example".try_into().unwrap(), set.connect(5223)).await.unwrap();
    app.write_all(b"\x01secret ping").await.unwrap();
    app.shutdown().await.unwrap();
    drop(app);
    let (flow, kept) = set.flow().await;
    assert!(flow.error.contains("by TLS") && kept.starts_with(b"\x01secret ping"), "{flow:?}");
    let heard = heard.await.unwrap();
    assert!(heard.first() == Some(&22) && !heard.windows(6).any(|w| w == b"secret"), "{heard:?}");
}

#[tokio::test]
async fn a_broken_request_is_answered_and_kept() {
    let mut set = set(&json!({}), "127.0.0.1:1".parse().unwrap());
    let mut app = set.connect(80);
    app.write_all(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy").await.unwrap();
    assert!(all(&mut app).await.starts_with("HTTP/1.1 400 Bad Request"));
    drop(app);
    let (flow, kept) = set.flow().await;
    assert!(flow.error.contains("content length"), "{}", flow.error);
    assert!(kept.starts_with(b"POST / HTTP/1.1\r\nContent-Length: 1"));
}

#[tokio::test]
async fn what_follows_an_error_is_kept_too() {
    let photo = vec![0xA5; 300_000];
    for (head, error) in [
        (&b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"[..], "content length"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "transfer encoding"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "a chunk's size"),
    ] {
        let mut set = set(&json!({}), "127.0.0.1:1".parse().unwrap());
        let mut app = set.connect(80);
        let upload = photo.clone();
        let sending = tokio::spawn(async move {
            app.write_all(head).await.unwrap();
            for piece in upload.chunks(50_000) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                app.write_all(piece).await.unwrap();
            }
        });
        let (flow, kept) = set.flow().await;
        sending.await.unwrap();
        assert!(flow.error.contains(error), "{}", flow.error);
        assert!(!flow.truncated && flow.sent >= 300_000, "{flow:?}");
        let from = kept.windows(100).position(|w| w == [0xA5; 100]).unwrap();
        assert!(kept[from..].starts_with(&photo), "{error}: {} bytes", kept.len());
    }
}

#[tokio::test]
async fn who_never_ends_after_an_error_is_cut_and_it_is_said() {
    let mut set = set(&json!({}), "127.0.0.1:1".parse().unwrap());
    let mut app = set.connect(80);
    tokio::spawn(async move {
        app.write_all(b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n").await.unwrap();
        while app.write_all(b"more").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let (flow, _) = set.flow().await;
    assert!(flow.truncated && flow.error.contains("content length"), "{flow:?}");
}

#[tokio::test]
async fn what_has_arrived_when_the_trial_ends_is_still_read() {
    let mut set = set(&json!({}), "127.0.0.1:1".parse().unwrap());
    let mut app = set.connect(80);
    app.write_all(b"POST /last HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nlast").await.unwrap();
    set.trial.end(Duration::from_secs(20)).await;
    let (flow, kept) = set.flow().await;
    assert!(kept.starts_with(b"POST /last") && flow.sent == 4, "{flow:?}");
    assert!(all(&mut app).await.starts_with("HTTP/1.1 200"));
}
