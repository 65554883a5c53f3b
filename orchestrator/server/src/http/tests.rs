use axum::routing::get;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinHandle,
    time::timeout,
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(5);

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
async fn asked(tcp: &mut TcpStream, path: &str, end: &str) -> String {
    tcp.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
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
    // The preface, and a frame of no settings.
    tcp.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
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
