use axum::routing::get;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinHandle,
    time::timeout,
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(5);

/// How a client begins HTTP/2: the preface, and a frame of no settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A server of its own, and where it is.
async fn served(bounds: Bounds) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
    let slow = get(async || {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        "late"
    });
    let router = Router::new().route("/", get(async || "now")).route("/slow", slow);
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (at, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    (at, stop.clone(), tokio::spawn(serve_within(listener, router, None, stop, bounds)))
}

/// Asks on a connection that stays, and reads an answer that ends so.
async fn asked<IO: AsyncRead + AsyncWrite + Unpin>(tcp: &mut IO, path: &str, end: &str) -> String {
    tcp.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    tcp.flush().await.unwrap();
    let mut got = Vec::new();
    while !got.ends_with(end.as_bytes()) {
        assert_ne!(tcp.read_buf(&mut got).await.unwrap(), 0, "{}", String::from_utf8_lossy(&got));
    }
    String::from_utf8(got).unwrap()
}

#[tokio::test]
async fn it_stops_while_no_place_is_free() {
    let (at, stop, running) = served(Bounds { connections: 1, ..BOUNDS }).await;
    let mut only = TcpStream::connect(at).await.unwrap();
    asked(&mut only, "/", "now").await;
    let _waits = TcpStream::connect(at).await.unwrap();
    stop.cancel();
    timeout(PATIENCE, running).await.unwrap().unwrap();
}

/// Speaks HTTP/2 as a client that asks nothing, answers pings, and reads until the server closes. Whether it was told that it does.
async fn asks_nothing(at: SocketAddr) -> bool {
    let mut tcp = TcpStream::connect(at).await.unwrap();
    tcp.write_all(PREFACE).await.unwrap();
    let mut told = false;
    let mut head = [0; 9];
    while tcp.read_exact(&mut head).await.is_ok() {
        let [a, b, c, kind, flags, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        tcp.read_exact(&mut payload).await.unwrap();
        match (kind, flags & 1) {
            // A ping that is no answer to one.
            (6, 0) => {
                head[4] = 1;
                // It may close at this moment.
                let _ = tcp.write_all(&[&head[..], &payload[..]].concat()).await;
            }
            (7, _) => told = true,
            _ => {}
        }
    }
    told
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_asked_is_closed_and_one_that_waits_for_its_answer_is_not() {
    let (at, ..) = served(Bounds { idle: Duration::from_millis(300), ..BOUNDS }).await;
    assert!(timeout(PATIENCE, asks_nothing(at)).await.unwrap());
    // Were it told to end meanwhile, the answer would say so.
    let mut waits = TcpStream::connect(at).await.unwrap();
    let late = asked(&mut waits, "/slow", "late").await;
    assert!(!late.contains("connection: close"), "{late}");
}

/// A server with a certificate of its own for `localhost`, and who trusts it.
async fn served_with_tls() -> (SocketAddr, rustls::RootCertStore) {
    let dir = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let (tls, router) = (tls(&cert, &key).unwrap(), Router::new().route("/", get(async || "now")));
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(serve_within(listener, router, Some(tls), CancellationToken::new(), BOUNDS));
    (at, roots)
}

/// A client that speaks this one form of HTTP.
async fn client(at: SocketAddr, roots: &rustls::RootCertStore, speaks: &[u8]) -> tokio_rustls::client::TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots.clone()).with_no_client_auth();
    config.alpn_protocols = vec![speaks.to_vec()];
    let tcp = TcpStream::connect(at).await.unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), tcp).await.unwrap()
}

#[tokio::test]
async fn over_tls_both_forms_of_http_are_spoken_and_clients_are_told_to_come_by_tls_alone() {
    let (at, roots) = served_with_tls().await;
    let mut one = client(at, &roots, b"http/1.1").await;
    assert_eq!(one.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let said = timeout(PATIENCE, asked(&mut one, "/", "now")).await.unwrap();
    assert!(said.contains("strict-transport-security: max-age=31536000"), "{said}");
    let mut two = client(at, &roots, b"h2").await;
    assert_eq!(two.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    two.write_all(PREFACE).await.unwrap();
    two.flush().await.unwrap();
    let mut head = [0; 9];
    timeout(PATIENCE, two.read_exact(&mut head)).await.unwrap().unwrap();
    assert_eq!(head[3], 4, "a frame of settings");
    // In the clear nothing is said: a browser would not believe it.
    let (at, ..) = served(BOUNDS).await;
    let said = asked(&mut TcpStream::connect(at).await.unwrap(), "/", "now").await;
    assert!(!said.contains("strict-transport-security"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_end_the_handshake_is_let_go() {
    let (at, _) = served_with_tls().await;
    let mut tcp = TcpStream::connect(at).await.unwrap();
    // The begin of a record, and no more.
    tcp.write_all(&[22, 3, 1]).await.unwrap();
    let began = tokio::time::Instant::now();
    let closed = timeout(HANDSHAKE * 2, tcp.read_to_end(&mut Vec::new())).await;
    assert!(closed.is_ok(), "it is held");
    assert!(began.elapsed() > HANDSHAKE / 2, "a slow line may take its time");
}

#[test]
fn a_file_that_is_no_certificate_or_no_key_of_it_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let made = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let [own, other] = [1, 2].map(|_| rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap());
    let (cert, key) = (made("cert.pem", own.cert.pem()), made("key.pem", own.signing_key.serialize_pem()));
    let (others, empty) = (made("other.pem", other.signing_key.serialize_pem()), made("empty.pem", String::new()));
    let none = dir.path().join("none.pem");
    assert!(tls(&cert, &key).is_ok());
    for (cert, key, named) in [
        (&none, &key, "none.pem"),
        (&cert, &none, "none.pem"),
        (&empty, &key, "empty.pem"),
        (&cert, &empty, "empty.pem"),
        (&cert, &others, "cert.pem"),
    ] {
        let why = tls(cert, key).err().unwrap().to_string();
        assert!(why.contains(named) && why.contains("hint: "), "{why}");
    }
}
