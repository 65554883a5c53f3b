//! What hyper answers by itself gets the problem document that every other error has.
//!
//! A request that cannot be read comes to no route: hyper answers it with a status, no body, and the end of the connection, and lets
//! nobody say more. So the first bytes that go out on a connection are looked at. Where they are such an answer, a document goes out
//! in their place. Only the first: later ones may be a body of ours, whose bytes a stranger chose. What is merely too long is refused
//! by a layer of our own, on every connection and by HTTP/2 too, long before hyper's bounds are reached.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::response::IntoResponse as _;
use stakeout_contract::api::problem::Code;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::api::problem::Failed;

/// What all answers of our own have, and hyper's do not.
const OURS: &[u8] = b"x-content-type-options";

/// A stream whose first answer, if it is hyper's own, has a document.
#[derive(Debug)]
pub(super) struct Refusals<IO> {
    inner: IO,
    /// Nothing went out yet.
    first: bool,
    /// What goes out in place of what was written, and how much of it has.
    instead: (Vec<u8>, usize),
}

impl<IO: AsyncWrite + Unpin> Refusals<IO> {
    pub(super) const fn new(inner: IO) -> Self {
        Self { inner, first: true, instead: (Vec::new(), 0) }
    }

    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (bytes, gone) = &mut self.instead;
        while *gone < bytes.len() {
            let n = ready!(Pin::new(&mut self.inner).poll_write(cx, &bytes[*gone..]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *gone += n;
        }
        Poll::Ready(Ok(()))
    }
}

/// What goes out in place of an answer of hyper's own.
fn instead(answer: &[u8]) -> Option<Vec<u8>> {
    let head = answer.strip_suffix(b"\r\n\r\n")?;
    if head.windows(OURS.len()).any(|w| w.eq_ignore_ascii_case(OURS)) {
        return None;
    }
    let head = std::str::from_utf8(head).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ").or_else(|| head.strip_prefix("HTTP/1.0 "))?.get(..3)?;
    let failed = match status {
        "400" => Failed::new(Code::BadRequest, "the request is not HTTP").hint("its first line, or a line of its header, cannot be read"),
        "414" => too_long(),
        "431" => too_large(),
        _ => return None,
    };
    let title = head.lines().next()?;
    let body = serde_json::to_vec(&failed.problem).ok()?;
    let length = body.len();
    let mut out = format!(
        "{title}\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\nconnection: close\r\n\
         x-content-type-options: nosniff\r\ncache-control: no-store\r\n\r\n"
    )
    .into_bytes();
    out.extend(body);
    Some(out)
}

impl<IO: AsyncRead + Unpin> AsyncRead for Refusals<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Refusals<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if std::mem::take(&mut self.first)
            && let Some(instead) = instead(bytes)
        {
            self.instead = (instead, 0);
            // What does not go now goes with the next flush.
            return match self.drain(cx) {
                Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
                _ => Poll::Ready(Ok(bytes.len())),
            };
        }
        ready!(self.drain(cx))?;
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.first || self.instead.1 < self.instead.0.len() {
            // A head is in the first part, as a whole.
            let part = parts.iter().find(|p| !p.is_empty()).map_or(&[][..], |p| p);
            return self.poll_write(cx, part);
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// Longest target of a request, bytes: the longest of ours has a cursor and some filters.
const TARGET: usize = 16 << 10;
/// Largest header, bytes: a browser with all its cookies has less.
const HEADER: usize = 32 << 10;

/// Refuses what is longer than any request of this API.
pub(crate) async fn bounded(r: axum::extract::Request, next: axum::middleware::Next) -> axum::response::Response {
    let target = r.uri().path_and_query().map_or(0, |p| p.as_str().len());
    let header: usize = r.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    match () {
        () if target > TARGET => too_long().into_response(),
        () if header > HEADER => too_large().into_response(),
        () => next.run(r).await,
    }
}

fn too_long() -> Failed {
    Failed::new(Code::LongTarget, format!("the request's target is longer than {TARGET} bytes"))
}

fn too_large() -> Failed {
    Failed::new(Code::LargeHeader, format!("the request's header is larger than {HEADER} bytes, or has more than a hundred lines"))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const HYPERS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

    /// What arrives of these writes, through a pipe of a few bytes.
    async fn sent(writes: &[&[u8]]) -> String {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut stream = Refusals::new(ours);
        let (all, ()) = tokio::join!(
            async {
                let mut all = String::new();
                theirs.read_to_string(&mut all).await.unwrap();
                all
            },
            async {
                for w in writes {
                    stream.write_all(w).await.unwrap();
                }
                stream.shutdown().await.unwrap();
            }
        );
        all
    }

    #[tokio::test]
    async fn only_the_first_answer_and_only_one_of_hypers_own_is_replaced() {
        let got = sent(&[HYPERS]).await;
        let (head, body) = got.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n") && head.contains(&format!("content-length: {}\r\n", body.len())), "{got}");
        assert!(body.contains("about:stakeout/bad-request"), "{got}");
        let ours = b"HTTP/1.1 400 Bad Request\r\nX-Content-Type-Options: nosniff\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(sent(&[ours]).await.as_bytes(), ours);
        // The bytes of an artifact that somebody made look like one.
        let fine = b"HTTP/1.1 200 OK\r\nx-content-type-options: nosniff\r\n\r\n";
        assert_eq!(sent(&[fine, HYPERS]).await.as_bytes(), [&fine[..], HYPERS].concat());
        assert_eq!(sent(&[b"HTTP/1.1 500 Oh\r\n\r\n"]).await, "HTTP/1.1 500 Oh\r\n\r\n");
    }
}
