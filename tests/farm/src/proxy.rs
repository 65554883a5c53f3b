//! A TCP proxy that can cut, slow and refuse.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Between clients and one server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    slow: Arc<AtomicU64>,
    refuse: Arc<AtomicBool>,
    cut: watch::Sender<u64>,
}

impl Proxy {
    /// In front of a port of this machine.
    pub(crate) async fn start(to: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (slow, refuse, cut) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)), watch::channel(0).0);
        let (s, r, c) = (slow.clone(), refuse.clone(), cut.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if r.load(Ordering::Relaxed) {
                    continue;
                }
                let (slow, cut) = (s.clone(), c.subscribe());
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await {
                        between(client, server, &slow, cut).await;
                    }
                });
            }
        });
        Ok(Self { port, slow, refuse, cut })
    }

    /// All connections break now.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|n| *n += 1);
    }

    /// Each piece of bytes takes so much longer.
    pub(crate) fn slow(&self, by: Duration) {
        self.slow.store(by.as_millis() as u64, Ordering::Relaxed);
    }

    /// New connections are closed at once.
    pub(crate) fn refuse(&self, yes: bool) {
        self.refuse.store(yes, Ordering::Relaxed);
    }
}

async fn between(client: TcpStream, server: TcpStream, slow: &Arc<AtomicU64>, mut cut: watch::Receiver<u64>) {
    let ((cr, cw), (sr, sw)) = (client.into_split(), server.into_split());
    cut.mark_unchanged();
    tokio::select! {
        () = pour(cr, sw, slow) => {}
        () = pour(sr, cw, slow) => {}
        _ = cut.changed() => {}
    }
}

async fn pour(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, slow: &AtomicU64) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(n) = from.read(&mut buffer).await {
        let by = slow.load(Ordering::Relaxed);
        if by > 0 {
            tokio::time::sleep(Duration::from_millis(by)).await;
        }
        if n == 0 || to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}
