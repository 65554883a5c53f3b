//! Uploads that may be resumed: parts without a digest, which become one blob.

use std::{fmt, io, str::FromStr};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use object_store::path::Path as Key;
use stakeout_contract::Sha256Digest;

use crate::{
    BlobError, TenantBlobs,
    hash::Hash,
    upload::{Upload, cipher_failed},
};

/// A stored part's name: 128 random bits, so it is guessed by nobody. It is good within its tenant only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartName([u8; 16]);

/// A text that is no part's name.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{0}` is not a part's name: 32 lower-case hexadecimal digits are expected")]
pub struct BadPartName(String);

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "part:{self}")
    }
}

impl FromStr for PartName {
    type Err = BadPartName;

    fn from_str(s: &str) -> Result<Self, BadPartName> {
        let mut bytes = [0; 16];
        let lower = !s.bytes().any(|b| b.is_ascii_uppercase());
        match hex::decode_to_slice(s, &mut bytes) {
            Ok(()) if lower => Ok(Self(bytes)),
            _ => Err(BadPartName(s.chars().take(80).collect())),
        }
    }
}

/// A part that was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its name, for [`TenantBlobs::compose`].
    pub name: PartName,
    /// Its plain bytes.
    pub bytes: u64,
    /// The digest of its plain bytes, for a client that says what it sent.
    pub digest: Sha256Digest,
}

impl TenantBlobs {
    /// Stores what comes as a part. If the sender fails ([`BlobError::Input`]) or this is dropped before its end, nothing is
    /// kept. How much may come is the caller's to limit.
    pub async fn put_part(&self, bytes: impl Stream<Item = io::Result<Bytes>> + Send) -> Result<Part, BlobError> {
        let mut name = [0; 16];
        aws_lc_rs::rand::fill(&mut name).map_err(cipher_failed)?;
        let name = PartName(name);
        let (mut hash, mut upload) = (Hash::new(), self.upload(self.part_key(&name), 0)?);
        let mut bytes = std::pin::pin!(bytes);
        loop {
            match bytes.try_next().await {
                Ok(Some(p)) => {
                    hash.update(&p);
                    upload.write(&p).await?;
                }
                Ok(None) => break,
                Err(e) => {
                    upload.give_up().await;
                    return Err(BlobError::Input(e));
                }
            }
        }
        upload.finish().await?;
        Ok(Part { name, bytes: hash.bytes(), digest: hash.finish() })
    }

    /// [`TenantBlobs::put_part`] of bytes that are in memory.
    pub async fn put_part_bytes(&self, bytes: impl Into<Bytes>) -> Result<Part, BlobError> {
        self.put_part(stream::iter([Ok(bytes.into())])).await
    }

    /// Makes one blob of parts, in this order. It is visible only once all of it was read and found to have this digest and
    /// length; else that is a [`BlobError::Mismatch`], and no blob is left.
    ///
    /// The parts stay, whatever comes of it: they are the caller's to remove, once it has noted that the blob is there. So it
    /// may be called again after an answer that was lost.
    pub async fn compose(&self, parts: &[PartName], digest: Sha256Digest, bytes: u64) -> Result<Sha256Digest, BlobError> {
        // The parts are read all the same: a digest grants nothing without its bytes.
        let there = self.stored_as(&digest, bytes).await?;
        self.pour(parts, digest, bytes, !there).await?;
        // What was there may have been removed while the parts were read.
        if there && !self.stored_as(&digest, bytes).await? {
            self.pour(parts, digest, bytes, true).await?;
        }
        Ok(digest)
    }

    /// Reads parts and compares what they are with what was said; writes the blob if asked to.
    async fn pour(&self, parts: &[PartName], digest: Sha256Digest, bytes: u64, write: bool) -> Result<(), BlobError> {
        let mut hash = Hash::new();
        let mut upload = if write { Some(self.upload(self.blob_key(&digest), bytes)?) } else { None };
        for name in parts {
            let part = self.object(self.part_key(name), name.to_string());
            let mut reader = part.whole(None).await?.ok_or(BlobError::NoPart(*name))?;
            while let Some(p) = reader.next().await? {
                hash.update(&p);
                if hash.bytes() > bytes {
                    give_up(upload.take()).await;
                }
                if let Some(u) = &mut upload {
                    u.write(&p).await?;
                }
            }
        }
        let found_bytes = hash.bytes();
        let found = hash.finish();
        if found != digest || found_bytes != bytes {
            give_up(upload).await;
            return Err(BlobError::Mismatch { wanted: digest, wanted_bytes: bytes, found, found_bytes });
        }
        if let Some(u) = upload {
            u.finish().await?;
        }
        Ok(())
    }

    /// Removes a part; it is no error if there is none.
    pub async fn remove_part(&self, name: &PartName) -> Result<(), BlobError> {
        self.remove_key(&self.part_key(name)).await
    }

    fn part_key(&self, name: &PartName) -> Key {
        Key::from(format!("t/{}/parts/{name}", self.tenant))
    }
}

async fn give_up(upload: Option<Upload>) {
    if let Some(u) = upload {
        u.give_up().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parts_name_is_32_digits_and_never_a_path() {
        let name: PartName = "00112233445566778899aabbccddeeff".parse().unwrap();
        assert_eq!(name.to_string().parse::<PartName>().unwrap(), name);
        for bad in ["", "../../etc/passwd", "00112233445566778899AABBCCDDEEFF", "0011"] {
            assert!(bad.parse::<PartName>().is_err(), "{bad}");
        }
    }
}
