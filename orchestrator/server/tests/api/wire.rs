//! Bytes on a connection, as no HTTP client sends them.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Sends bytes and reads until the server closes, or as long as given.
pub(crate) async fn raw(base: &str, bytes: &[u8], patience: Duration) -> String {
    let mut tcp = TcpStream::connect(base.strip_prefix("http://").unwrap()).await.unwrap();
    let mut got = Vec::new();
    let _ = timeout(patience, async {
        // The server may close before it has read all of it.
        let _ = tcp.write_all(bytes).await;
        let mut part = [0; 4096];
        while let Ok(n @ 1..) = tcp.read(&mut part).await {
            got.extend_from_slice(&part[..n]);
        }
    })
    .await;
    String::from_utf8_lossy(&got).into_owned()
}

/// Whether the server closes a connection on which nothing more comes within this time.
pub(crate) async fn is_cut(base: &str, bytes: &[u8], within: Duration) -> bool {
    let mut tcp = TcpStream::connect(base.strip_prefix("http://").unwrap()).await.unwrap();
    tcp.write_all(bytes).await.unwrap();
    let mut rest = Vec::new();
    timeout(within, tcp.read_to_end(&mut rest)).await.is_ok()
}
