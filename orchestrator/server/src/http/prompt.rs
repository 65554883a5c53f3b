//! A connection whose client must begin to speak soon.
//!
//! Which version of HTTP a client speaks is read from its first bytes, and no timer of HTTP's runs before that is known. So who
//! connects and sends nothing, or less than these bytes, would hold a connection for ever.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Bytes by which HTTP/1 and HTTP/2 are told apart: the preface of HTTP/2 (RFC 9113 §3.4).
const PREFACE: usize = 24;

/// A stream that ends in an error when its first bytes do not come in time.
#[derive(Debug)]
pub(super) struct Prompt<IO> {
    inner: IO,
    /// Until the first bytes are here.
    timer: Option<Pin<Box<Sleep>>>,
    left: usize,
}

impl<IO> Prompt<IO> {
    /// From now on.
    pub(super) fn new(inner: IO, within: Duration) -> Self {
        Self { inner, timer: Some(Box::pin(sleep(within))), left: PREFACE }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Prompt<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Some(timer) = &mut self.timer {
            if read.is_pending() && timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.left = self.left.saturating_sub(buf.filled().len() - before);
            if self.left == 0 {
                self.timer = None;
            }
        }
        read
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Prompt<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
