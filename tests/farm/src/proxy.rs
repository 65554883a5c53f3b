//! A TCP proxy that can cut, slow and refuse, and keep single requests back.

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
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Mutex, oneshot, watch},
};

use crate::late::{Head, Late, Net, Taking};

/// Between clients and one server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    slow: Arc<AtomicU64>,
    refuse: Arc<AtomicBool>,
    cut: watch::Sender<u64>,
}

/// Bytes that go on at a time.
const PIECE: usize = 16 << 10;

impl Proxy {
    /// In front of a port of this machine. What `net` wants is taken from its connections.
    pub(crate) async fn start(to: u16, net: Net) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (slow, refuse, cut) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)), watch::channel(0).0);
        let (s, r, c) = (slow.clone(), refuse.clone(), cut.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if r.load(Ordering::Relaxed) {
                    continue;
                }
                let (slow, net, cut) = (s.clone(), net.clone(), c.subscribe());
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await {
                        between(client, server, &slow, &net, cut).await;
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

async fn between(client: TcpStream, server: TcpStream, slow: &AtomicU64, net: &Net, mut cut: watch::Receiver<u64>) {
    let ((cr, cw), (sr, sw)) = (client.into_split(), server.into_split());
    // Answers come from the server, or from whoever delivers what was held: never both at a time, as a client waits for each.
    let back = Mutex::new(cw);
    cut.mark_unchanged();
    tokio::select! {
        () = requests(cr, sw, &back, slow, net) => {}
        () = answers(sr, &back, slow) => {}
        _ = cut.changed() => {}
    }
}

/// Passes requests on, one by one, but for those that are taken.
async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, back: &Mutex<OwnedWriteHalf>, slow: &AtomicU64, net: &Net) {
    let (mut here, mut piece) = (Vec::new(), vec![0; PIECE]);
    loop {
        let Some(head) = Head::of(&here) else {
            match from.read(&mut piece).await {
                Ok(n) if n > 0 => here.extend_from_slice(&piece[..n]),
                _ => return,
            }
            continue;
        };
        let mut left = head.bytes + head.body;
        let lease = head.lease();
        let taking = lease.as_ref().and_then(|(_, _, call)| net.wants(call));
        let mut taken = Vec::new();
        while left > 0 {
            if here.is_empty() {
                match from.read(&mut piece).await {
                    Ok(n) if n > 0 => here.extend_from_slice(&piece[..n]),
                    _ => return,
                }
            }
            let part: Vec<u8> = here.drain(..here.len().min(left).min(PIECE)).collect();
            left -= part.len();
            if matches!(taking, None | Some(Taking::Twice)) {
                wait(slow).await;
                if to.write_all(&part).await.is_err() {
                    return;
                }
            }
            if taking.is_some() {
                taken.extend(part);
            }
        }
        let (Some(taking), Some((trial, epoch, call))) = (taking, lease) else { continue };
        let (sender, answer) = oneshot::channel();
        let sender = (taking == Taking::Held).then_some(sender);
        net.took(Late { trial, epoch, call, request: taken, sender });
        match taking {
            Taking::Overtaken => return,
            Taking::Twice => {}
            Taking::Held => {
                let Ok(answer) = answer.await else { return };
                if back.lock().await.write_all(&answer).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn answers(mut from: OwnedReadHalf, back: &Mutex<OwnedWriteHalf>, slow: &AtomicU64) {
    let mut piece = vec![0; PIECE];
    while let Ok(n) = from.read(&mut piece).await {
        wait(slow).await;
        if n == 0 || back.lock().await.write_all(&piece[..n]).await.is_err() {
            return;
        }
    }
}

async fn wait(slow: &AtomicU64) {
    let by = slow.load(Ordering::Relaxed);
    if by > 0 {
        tokio::time::sleep(Duration::from_millis(by)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each request with nothing, and says which came.
    async fn server() -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (send, came) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let send = send.clone();
                tokio::spawn(async move {
                    let (mut here, mut piece) = (Vec::new(), vec![0; PIECE]);
                    while let Ok(n) = client.read(&mut piece).await
                        && n > 0
                    {
                        here.extend_from_slice(&piece[..n]);
                        while let Some(h) = Head::of(&here).filter(|h| here.len() >= h.bytes + h.body) {
                            let body = String::from_utf8_lossy(&here[h.bytes..h.bytes + h.body]).into_owned();
                            here.drain(..h.bytes + h.body);
                            send.send(body).unwrap();
                            client.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                        }
                    }
                });
            }
        });
        (port, came)
    }

    async fn said(client: &mut TcpStream, call: &str, body: &str) -> bool {
        let head = format!("POST /v1/leases/trial-1/7/{call} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let mut answer = [0; 27];
        client.write_all(head.as_bytes()).await.is_ok() && client.read_exact(&mut answer).await.is_ok()
    }

    #[tokio::test]
    async fn a_request_that_is_overtaken_arrives_after_the_one_that_repeats_it() {
        let (port, mut came) = server().await;
        let net = Net::default();
        let proxy = Proxy::start(port, net.clone()).await.unwrap();
        let connect = || TcpStream::connect(("127.0.0.1", proxy.port));
        let mut client = connect().await.unwrap();
        assert!(said(&mut client, "renew", "one").await);
        net.take(Taking::Overtaken, &["observations"], 1);
        assert!(said(&mut client, "renew", "two").await);
        assert!(!said(&mut client, "observations", "three").await, "its connection breaks");
        let mut client = connect().await.unwrap();
        assert!(said(&mut client, "observations", "three again").await);
        let late = net.stop().pop().unwrap();
        assert_eq!((late.trial.as_str(), late.epoch, late.call.as_str()), ("trial-1", 7, "observations"));
        assert_eq!(late.deliver(port).await.unwrap(), 204);
        for expected in ["one", "two", "three again", "three"] {
            assert_eq!(came.recv().await.as_deref(), Some(expected));
        }
    }

    #[tokio::test]
    async fn a_request_comes_twice_or_is_answered_when_it_is_delivered() {
        let (port, mut came) = server().await;
        let net = Net::default();
        let proxy = Proxy::start(port, net.clone()).await.unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        net.take(Taking::Twice, &["complete"], 1);
        assert!(said(&mut client, "complete", "done").await);
        net.stop().pop().unwrap().deliver(port).await.unwrap();
        net.take(Taking::Held, &["complete"], 1);
        let (held, ()) = tokio::join!(said(&mut client, "complete", "held"), async {
            while !net.full() {
                tokio::task::yield_now().await;
            }
            let late = loop {
                match net.stop().pop() {
                    Some(late) => break late,
                    None => tokio::task::yield_now().await,
                }
            };
            late.deliver(port).await.unwrap();
        });
        assert!(held && said(&mut client, "renew", "next").await);
        for expected in ["done", "done", "held", "next"] {
            assert_eq!(came.recv().await.as_deref(), Some(expected));
        }
    }
}
