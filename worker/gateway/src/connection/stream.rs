//! A connection with what was read of it and is not used yet.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Both ways of a connection.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// Why there is nothing more to read.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The other side has said all.
    #[error("the connection was closed")]
    Closed,
    /// It broke.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    /// Nothing came for too long.
    #[error("nothing came for {} seconds", .0.as_secs())]
    Idle(Duration),
    /// The trial is over.
    #[error("the trial ended")]
    TrialEnded,
}

/// A connection and its read-ahead.
#[derive(Debug)]
pub struct Stream<S> {
    io: S,
    /// Read and not used.
    pub buffer: BytesMut,
    ended: CancellationToken,
    /// When something came last, or it began.
    last: Instant,
}

const PIECE: usize = 64 << 10;
/// What an app wrote before it was ended may still be on its way when the trial ends, in the kernel's buffers of its own side: its
/// word that it closed comes behind. So a connection on which something came so lately ...
const LATELY: Duration = Duration::from_secs(1);
/// ... is over only when it closes, or when so long nothing came.
const QUIET: Duration = Duration::from_millis(500);

impl<S: Duplex> Stream<S> {
    /// A fresh connection of a trial that ends with `ended`.
    pub fn new(io: S, ended: CancellationToken) -> Self {
        Self { io, buffer: BytesMut::new(), ended, last: Instant::now() }
    }

    /// Waits for more bytes. When the trial ends, what was written before is still read.
    pub async fn fill(&mut self, idle: Duration) -> Result<(), End> {
        self.buffer.reserve(PIECE);
        let read = tokio::select! {
            biased;
            r = tokio::time::timeout(idle, self.io.read_buf(&mut self.buffer)) => Some(r),
            () = self.ended.cancelled() => None,
        };
        let read = match read {
            Some(r) => r,
            None if self.last.elapsed() > LATELY => return Err(End::TrialEnded),
            None => match tokio::time::timeout(QUIET, self.io.read_buf(&mut self.buffer)).await {
                Err(_) => return Err(End::TrialEnded),
                some => some,
            },
        };
        self.last = Instant::now();
        match read {
            Err(_) => Err(End::Idle(idle)),
            Ok(Ok(0)) => Err(End::Closed),
            Ok(Ok(_)) => Ok(()),
            // A TLS client that goes without a goodbye is as gone as one with.
            Ok(Err(e)) if e.kind() == io::ErrorKind::UnexpectedEof => Err(End::Closed),
            Ok(Err(e)) => Err(End::Broken(e)),
        }
    }

    /// Writes and flushes; waits at most `idle`.
    pub async fn send(&mut self, bytes: &[u8], idle: Duration) -> Result<(), End> {
        let write = async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        };
        match tokio::time::timeout(idle, write).await {
            Err(_) => Err(End::Idle(idle)),
            Ok(r) => r.map_err(End::Broken),
        }
    }

    /// Says goodbye; nobody waits for the answer.
    pub async fn close(&mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(1), self.io.shutdown()).await;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.buffer.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let n = self.buffer.len().min(buf.remaining());
        buf.put_slice(&self.buffer[..n]);
        self.buffer.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_on_its_way_when_the_trial_ends_is_read_to_its_close() {
        let (mut app, ours) = tokio::io::duplex(1 << 16);
        let ended = CancellationToken::new();
        let mut stream = Stream::new(ours, ended.clone());
        app.write_all(b"one").await.unwrap();
        stream.fill(Duration::from_secs(10)).await.unwrap();
        ended.cancel();
        // In pieces, as a busy kernel hands it over.
        let late = tokio::spawn(async move {
            for piece in [b"two", b"six"] {
                tokio::time::sleep(QUIET / 2).await;
                app.write_all(piece).await.unwrap();
            }
        });
        stream.fill(Duration::from_secs(10)).await.unwrap();
        stream.fill(Duration::from_secs(10)).await.unwrap();
        assert_eq!(&stream.buffer[..], b"onetwosix");
        late.await.unwrap();
        assert!(matches!(stream.fill(Duration::from_secs(10)).await, Err(End::Closed)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_kept_and_silent_holds_up_no_end() {
        let (_app, ours) = tokio::io::duplex(1 << 16);
        let ended = CancellationToken::new();
        let mut stream = Stream::new(ours, ended.clone());
        ended.cancel();
        let begun = Instant::now();
        assert!(matches!(stream.fill(Duration::from_secs(10)).await, Err(End::TrialEnded)));
        assert_eq!(begun.elapsed(), QUIET, "it was new");
        tokio::time::sleep(LATELY * 2).await;
        let begun = Instant::now();
        assert!(matches!(stream.fill(Duration::from_secs(10)).await, Err(End::TrialEnded)));
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
