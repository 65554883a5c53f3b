//! The sync service: files to and from the guest.
//!
//! Source: packages/modules/adb, `SYNC.TXT` and `file_sync_protocol.h`: a request is four letters, a little-endian length and
//! a path; data comes as `DATA` with a length of at most 64 KiB, then `DONE`; a refusal is `FAIL` with a text.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::stream::Stream;
use crate::{
    Fault,
    guest::Stat,
    limits::{REFUSAL, SYNC_CHUNK, SYNC_PATH},
};

/// Bytes that are collected before they are sent: four chunks.
const BATCH: usize = 4 * (SYNC_CHUNK + 8);

/// Four letters and a number.
pub fn word(letters: [u8; 4], number: u32) -> [u8; 8] {
    let [a, b, c, d] = letters;
    let [e, f, g, h] = number.to_le_bytes();
    [a, b, c, d, e, f, g, h]
}

fn request(letters: [u8; 4], path: &str) -> Result<Vec<u8>, Fault> {
    if path.is_empty() || path.len() > SYNC_PATH || path.contains('\0') {
        return Err(Fault::Invalid("a path in the guest is empty, too long, or holds a NUL"));
    }
    Ok([&word(letters, path.len() as u32)[..], path.as_bytes()].concat())
}

/// The sync service on a stream.
pub(super) struct Sync {
    stream: Stream,
    got: BytesMut,
}

impl Sync {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, got: BytesMut::new() }
    }

    /// Exactly `count` bytes; `count` is small.
    async fn take(&mut self, count: usize) -> Result<Bytes, Fault> {
        while self.got.len() < count {
            let more = self.stream.read().await?.ok_or(Fault::Closed)?;
            self.got.extend_from_slice(&more);
        }
        Ok(self.got.split_to(count).freeze())
    }

    async fn take_word(&mut self) -> Result<([u8; 4], u32), Fault> {
        let mut bytes = self.take(8).await?;
        let mut letters = [0; 4];
        bytes.copy_to_slice(&mut letters);
        Ok((letters, bytes.get_u32_le()))
    }

    /// The text after `FAIL`.
    async fn refusal(&mut self, length: u32) -> Fault {
        match self.take((length as usize).min(REFUSAL)).await {
            Ok(text) => Fault::Denied(String::from_utf8_lossy(&text).into_owned()),
            Err(e) => e,
        }
    }

    fn unexpected(letters: [u8; 4]) -> Fault {
        Fault::Protocol(format!("`{}` from the sync service", letters.escape_ascii()))
    }

    /// Sends, and keeps what the peer said before it closed: that says more than the closing.
    async fn send(&mut self, data: Bytes) -> Result<(), Fault> {
        match self.stream.write(data).await {
            Err(Fault::Closed) if self.stream.has_early() => Ok(()),
            other => other,
        }
    }

    /// `SEND`. Bytes sent.
    pub(super) async fn push(mut self, from: &mut (impl AsyncRead + Unpin), to: &str, mode: u32) -> Result<u64, Fault> {
        let mut batch = BytesMut::from(&request(*b"SEND", &format!("{to},{}", 0o100_000 | (mode & 0o7777)))?[..]);
        let mut total = 0u64;
        loop {
            let start = batch.len();
            batch.extend_from_slice(&word(*b"DATA", 0));
            let mut chunk = (&mut *from).take(SYNC_CHUNK as u64);
            while chunk.read_buf(&mut batch).await.map_err(Fault::Io)? > 0 {}
            let length = batch.len() - start - 8;
            if length == 0 {
                batch.truncate(start);
                break;
            }
            batch[start + 4..start + 8].copy_from_slice(&(length as u32).to_le_bytes());
            total += length as u64;
            if batch.len() >= BATCH {
                self.send(batch.split().freeze()).await?;
                // A refusal comes before all is sent: no space, a read-only folder.
                if self.stream.has_early() {
                    break;
                }
            }
        }
        if !self.stream.has_early() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as u32);
            batch.extend_from_slice(&word(*b"DONE", now));
            self.send(batch.freeze()).await?;
        }
        match self.take_word().await? {
            (letters, _) if letters == *b"OKAY" => Ok(total),
            (letters, length) if letters == *b"FAIL" => Err(self.refusal(length).await),
            (letters, _) => Err(Self::unexpected(letters)),
        }
    }

    /// `RECV`. Bytes written.
    pub(super) async fn pull(mut self, from: &str, into: &mut (impl AsyncWrite + Unpin), limit: u64) -> Result<u64, Fault> {
        self.stream.write(request(*b"RECV", from)?).await?;
        let mut total = 0u64;
        loop {
            match self.take_word().await? {
                (letters, length) if letters == *b"DATA" => {
                    if length as usize > SYNC_CHUNK {
                        return Err(Fault::TooLarge { what: "a chunk of the sync service", limit: SYNC_CHUNK as u64 });
                    }
                    let mut data = self.take(length as usize).await?;
                    let over = total + u64::from(length) > limit;
                    data.truncate((limit - total).min(u64::from(length)) as usize);
                    into.write_all(&data).await.map_err(Fault::Io)?;
                    total += data.len() as u64;
                    if over {
                        return Err(Fault::TooLarge { what: "the file", limit });
                    }
                }
                (letters, _) if letters == *b"DONE" => {
                    into.flush().await.map_err(Fault::Io)?;
                    return Ok(total);
                }
                (letters, length) if letters == *b"FAIL" => return Err(self.refusal(length).await),
                (letters, _) => return Err(Self::unexpected(letters)),
            }
        }
    }

    /// `STA2` where the guest has it (sizes over 4 GiB), else `STAT`. `None`: nothing is there.
    pub(super) async fn stat(mut self, path: &str, v2: bool) -> Result<Option<Stat>, Fault> {
        if v2 {
            self.stream.write(request(*b"STA2", path)?).await?;
            let mut bytes = self.take(72).await?;
            let mut letters = [0; 4];
            bytes.copy_to_slice(&mut letters);
            if letters != *b"STA2" {
                return Err(Self::unexpected(letters));
            }
            let error = bytes.get_u32_le();
            bytes.advance(16); // device, inode
            let mode = bytes.get_u32_le();
            bytes.advance(12); // links, user, group
            let size = bytes.get_u64_le();
            bytes.advance(8); // time of access
            let modified = bytes.get_i64_le();
            return match error {
                0 => Ok(Some(Stat { mode, size, modified })),
                // ENOENT and ENOTDIR.
                2 | 20 => Ok(None),
                other => Err(Fault::Denied(format!("error {other}"))),
            };
        }
        self.stream.write(request(*b"STAT", path)?).await?;
        let mut bytes = self.take(16).await?;
        let mut letters = [0; 4];
        bytes.copy_to_slice(&mut letters);
        if letters != *b"STAT" {
            return Err(Self::unexpected(letters));
        }
        let (mode, size, modified) = (bytes.get_u32_le(), bytes.get_u32_le(), bytes.get_u32_le());
        Ok((mode != 0).then(|| Stat { mode, size: u64::from(size), modified: i64::from(modified) }))
    }
}
