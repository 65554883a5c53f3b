//! The form of what is stored encrypted. Pure: bytes in, bytes out; docs/adr/0017 says why it is so.
//!
//! ```text
//! object  = header, segment 0, segment 1, .., segment n-1            n is at least 1
//! header  = "STKBLB", version 1, 16 (segments are 2^16 bytes), id of the tenant's key (8), salt (32)      48 bytes
//! segment = AES-256-GCM(plain bytes: 65536, fewer in the last one only), its tag (16)
//! nonce   = 7 zero bytes, the segment's number (4, big endian), 1 for the last segment, else 0
//! aad     = header
//!
//! tenant's key = HKDF-SHA256(salt "stakeout-blobs/1", master key, info "tenant/" tenant)
//! its id       = HKDF-SHA256(salt "stakeout-blobs/1", master key, info "id/" tenant), 8 bytes
//! object's key = HKDF-SHA256(salt of the header, tenant's key, info "object/" name of the object)
//! ```

use std::{fmt, str::FromStr, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    rand,
};
use stakeout_contract::TenantId;

/// Plain bytes in a segment, but for the last.
pub(crate) const SEGMENT: usize = 1 << 16;
/// What a segment is longer by when it is stored.
pub(crate) const TAG: usize = 16;
/// Bytes of the header.
pub(crate) const HEADER: usize = 48;
const MAGIC: &[u8; 8] = b"STKBLB\x01\x10";

/// The key of all keys, which the operator keeps: who loses it loses all artifacts.
#[derive(Clone)]
pub struct MasterKey(Arc<Prk>);

/// A text that is no master key.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a master key is 64 hexadecimal digits, as from `openssl rand -hex 32`")]
pub struct BadMasterKey;

impl MasterKey {
    /// 32 random bytes, from wherever the operator keeps secrets.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Arc::new(Salt::new(HKDF_SHA256, b"stakeout-blobs/1").extract(bytes)))
    }

    pub(crate) fn tenant(&self, tenant: &TenantId) -> TenantKey {
        let name = tenant.as_str().as_bytes();
        TenantKey { secret: derive(&self.0, b"tenant/", name), id: derive(&self.0, b"id/", name) }
    }

    /// Tells storages of different keys apart; says nothing of the key.
    pub(crate) fn id(&self) -> [u8; 8] {
        derive(&self.0, b"storage/", b"")
    }
}

impl FromStr for MasterKey {
    type Err = BadMasterKey;

    fn from_str(s: &str) -> Result<Self, BadMasterKey> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(s.trim(), &mut bytes).map_err(|_| BadMasterKey)?;
        Ok(Self::from_bytes(&bytes))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// What all objects of one tenant are encrypted under.
#[derive(Clone)]
pub(crate) struct TenantKey {
    secret: [u8; 32],
    id: [u8; 8],
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKey(..)")
    }
}

/// Why bytes are no object of this key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unfit {
    /// There is no header.
    Plain,
    /// It is another key's.
    WrongKey,
}

impl TenantKey {
    /// A new object's key. Each object has a salt of its own, so that no nonce is used twice under one key.
    pub(crate) fn seal(&self, object: &str) -> Result<Sealer, aws_lc_rs::error::Unspecified> {
        let mut salt = [0; 32];
        rand::fill(&mut salt)?;
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MAGIC);
        header[8..16].copy_from_slice(&self.id);
        header[16..].copy_from_slice(&salt);
        Ok(Sealer { cipher: self.cipher(&header, object), next: 0 })
    }

    /// The key of an object that has this header.
    pub(crate) fn open(&self, header: &[u8; HEADER], object: &str) -> Result<Cipher, Unfit> {
        if !is_sealed(header) {
            return Err(Unfit::Plain);
        }
        if header[8..16] != self.id {
            return Err(Unfit::WrongKey);
        }
        Ok(self.cipher(header, object))
    }

    fn cipher(&self, header: &[u8; HEADER], object: &str) -> Cipher {
        let prk = Salt::new(HKDF_SHA256, &header[16..]).extract(&self.secret);
        let mut key = [0; 32];
        expand(&prk, b"object/", object.as_bytes(), &mut key);
        #[expect(clippy::expect_used, reason = "32 bytes are what the algorithm takes")]
        let key = UnboundKey::new(&AES_256_GCM, &key).expect("a key of 32 bytes");
        Cipher { key: LessSafeKey::new(key), header: *header }
    }
}

/// Whether stored bytes begin as an encrypted object does.
pub(crate) fn is_sealed(stored: &[u8]) -> bool {
    stored.starts_with(MAGIC)
}

/// One object's key with the header that all its segments are bound to.
pub(crate) struct Cipher {
    key: LessSafeKey,
    header: [u8; HEADER],
}

impl Cipher {
    /// The plain bytes of a stored segment, or nothing if it is not that segment of that object.
    pub(crate) fn open<'a>(&self, index: u32, last: bool, stored: &'a mut [u8]) -> Option<&'a [u8]> {
        self.key.open_in_place(nonce(index, last), Aad::from(&self.header), stored).ok().map(|plain| &*plain)
    }
}

/// Encrypts an object from its begin to its end.
pub(crate) struct Sealer {
    cipher: Cipher,
    next: u32,
}

impl Sealer {
    pub(crate) fn header(&self) -> &[u8; HEADER] {
        &self.cipher.header
    }

    /// Turns the next segment's plain bytes into what is stored. Fails after 2^32 segments, which are 256 TiB.
    pub(crate) fn seal(&mut self, last: bool, segment: &mut Vec<u8>) -> Result<(), aws_lc_rs::error::Unspecified> {
        self.cipher.key.seal_in_place_append_tag(nonce(self.next, last), Aad::from(&self.cipher.header), segment)?;
        self.next = self.next.checked_add(1).ok_or(aws_lc_rs::error::Unspecified)?;
        Ok(())
    }
}

/// Bytes that are stored for so many plain ones.
pub(crate) fn stored_bytes(plain: u64) -> u64 {
    HEADER as u64 + plain + TAG as u64 * plain.div_ceil(SEGMENT as u64).max(1)
}

/// Plain bytes in so many stored ones, if there can be an object of that length.
pub(crate) fn plain_bytes(stored: u64) -> Option<u64> {
    let body = stored.checked_sub(HEADER as u64)?;
    let plain = body.checked_sub(TAG as u64 * segments(body))?;
    (stored_bytes(plain) == stored).then_some(plain)
}

/// Segments in so many stored bytes behind the header.
pub(crate) fn segments(body: u64) -> u64 {
    body.div_ceil((SEGMENT + TAG) as u64).max(1)
}

fn nonce(index: u32, last: bool) -> Nonce {
    let mut n = [0; 12];
    n[7..11].copy_from_slice(&index.to_be_bytes());
    n[11] = u8::from(last);
    Nonce::assume_unique_for_key(n)
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(prk: &Prk, what: &[u8], name: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    expand(prk, what, name, &mut out);
    out
}

#[expect(clippy::expect_used, reason = "HKDF gives up to 8160 bytes, and 32 at most are asked for")]
fn expand(prk: &Prk, what: &[u8], name: &[u8], out: &mut [u8]) {
    prk.expand(&[what, name], Bytes(out.len())).and_then(|okm| okm.fill(out)).expect("a few bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> TenantKey {
        MasterKey::from_bytes(&[n; 32]).tenant(&TenantId::farm())
    }

    #[test]
    fn lengths_are_told_from_lengths_and_nothing_lies_between() {
        let (s, t, h) = (SEGMENT as u64, TAG as u64, HEADER as u64);
        for plain in [0, 1, s - 1, s, s + 1, 2 * s, 2 * s + 1, 1 << 40] {
            assert_eq!(plain_bytes(stored_bytes(plain)), Some(plain));
        }
        for torn in [0, h, h + t - 1, h + s + t + 1, h + s + t + t] {
            assert_eq!(plain_bytes(torn), None, "{torn}");
        }
    }

    #[test]
    fn a_segment_opens_only_in_its_place_of_its_object_with_its_key() {
        let mut sealer = key(1).seal("t/farm/a").unwrap();
        let mut segment = b"evidence".to_vec();
        sealer.seal(true, &mut segment).unwrap();
        let header = *sealer.header();
        let open = |header: &[u8; HEADER], object: &str, index, last| {
            key(1).open(header, object).ok()?.open(index, last, &mut segment.clone()).map(<[u8]>::to_vec)
        };
        assert_eq!(open(&header, "t/farm/a", 0, true).as_deref(), Some(&b"evidence"[..]));
        assert_eq!(open(&header, "t/farm/a", 1, true), None, "another place");
        assert_eq!(open(&header, "t/farm/a", 0, false), None, "not the last");
        assert_eq!(open(&header, "t/farm/b", 0, true), None, "another object");
        let mut salted = header;
        salted[47] ^= 1;
        assert_eq!(open(&salted, "t/farm/a", 0, true), None, "another salt");
        assert_eq!(key(2).open(&header, "t/farm/a").err(), Some(Unfit::WrongKey));
        assert_eq!(key(1).open(&[0; HEADER], "t/farm/a").err(), Some(Unfit::Plain));
    }

    #[test]
    fn two_objects_of_one_content_share_no_byte_that_says_so() {
        let seal = || {
            let mut s = key(1).seal("t/farm/a").unwrap();
            let mut segment = vec![7; 64];
            s.seal(true, &mut segment).unwrap();
            segment
        };
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_master_key_is_64_digits_and_is_not_shown() {
        let key: MasterKey = format!("{}\n", "ab".repeat(32)).parse().unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey(..)");
        assert!("abc".parse::<MasterKey>().is_err() && "zz".repeat(32).parse::<MasterKey>().is_err());
    }
}
