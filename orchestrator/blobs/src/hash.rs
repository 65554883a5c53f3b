//! SHA-256 over bytes that come in pieces.

use aws_lc_rs::digest::{Context, Digest, SHA256};
use stakeout_contract::Sha256Digest;

/// A digest in the making, and how many bytes went in.
#[derive(Clone)]
pub(crate) struct Hash {
    context: Context,
    bytes: u64,
}

impl Hash {
    pub(crate) fn new() -> Self {
        Self { context: Context::new(&SHA256), bytes: 0 }
    }

    pub(crate) fn of(bytes: &[u8]) -> Sha256Digest {
        name(aws_lc_rs::digest::digest(&SHA256, bytes))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn finish(self) -> Sha256Digest {
        name(self.context.finish())
    }
}

fn name(digest: Digest) -> Sha256Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    Sha256Digest::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_give_the_digest_of_the_whole() {
        let mut hash = Hash::new();
        hash.update(b"evi");
        hash.update(b"dence");
        assert_eq!((hash.bytes(), hash.finish()), (8, Sha256Digest::of(b"evidence")));
        assert_eq!(Hash::of(b"evidence"), Sha256Digest::of(b"evidence"));
    }
}
