//! APK Signature Scheme v2 and v3: who signed an app, and whether it was changed since.
//!
//! Source: the Android documentation, "APK Signature Scheme v2" and "v3". The signing block stands before the ZIP's central
//! directory; its digests cover the entries, the directory and the end record, in chunks of 1 MiB. A file that is signed by
//! scheme v1 (JAR) alone is not checked here and says so: its signature does not cover the file as a whole.

use aws_lc_rs::{digest, signature as sig};
use stakeout_contract::Sha256Digest;

/// What a signature says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Signature {
    /// Scheme v2 or v3 holds. SHA-256 of each signer's first certificate, hexadecimal.
    Holds(Vec<String>),
    /// There is no signing block: scheme v1 only, or not signed.
    NoBlock,
}

/// Why a signature does not hold.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum BadSignature {
    /// The block is not built as it must be.
    #[error("its signing block is damaged")]
    Damaged,
    /// The bytes are not those that were signed.
    #[error("it was changed after it was signed")]
    Changed,
    /// The signature is not the key's.
    #[error("its signature does not fit its key")]
    Forged,
    /// An algorithm that is not known here.
    #[error("its signature has the unknown algorithm {0:#06x}")]
    Unknown(u32),
}

const MAGIC: &[u8; 16] = b"APK Sig Block 42";
const V2: u32 = 0x7109_871a;
const V3: [u32; 2] = [0xf053_68c0, 0x1b93_ad61];
const CHUNK: usize = 1 << 20;

fn u32_at(b: &[u8], i: usize) -> Option<u32> {
    Some(u32::from_le_bytes(b.get(i..i.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(b: &[u8], i: usize) -> Option<u64> {
    Some(u64::from_le_bytes(b.get(i..i.checked_add(8)?)?.try_into().ok()?))
}

/// Takes a value with a 32-bit length before it from the front.
fn take<'a>(b: &mut &'a [u8]) -> Result<&'a [u8], BadSignature> {
    let n = u32_at(b, 0).ok_or(BadSignature::Damaged)? as usize;
    let v = b.get(4..4usize.checked_add(n).ok_or(BadSignature::Damaged)?).ok_or(BadSignature::Damaged)?;
    *b = &b[4 + n..];
    Ok(v)
}

fn take_u32(b: &mut &[u8]) -> Result<u32, BadSignature> {
    let v = u32_at(b, 0).ok_or(BadSignature::Damaged)?;
    *b = &b[4..];
    Ok(v)
}

/// Checks a whole APK.
pub(super) fn check(apk: &[u8]) -> Result<Signature, BadSignature> {
    let Some(end) = end_record(apk) else { return Err(BadSignature::Damaged) };
    let directory = u32_at(apk, end + 16).ok_or(BadSignature::Damaged)? as usize;
    if directory > end {
        return Err(BadSignature::Damaged);
    }
    let has_block = directory >= 32 && apk.get(directory - 16..directory) == Some(MAGIC);
    if !has_block {
        return Ok(Signature::NoBlock);
    }
    let size = u64_at(apk, directory - 24).and_then(|s| usize::try_from(s).ok()).ok_or(BadSignature::Damaged)?;
    let start = directory.checked_sub(size).and_then(|s| s.checked_sub(8)).ok_or(BadSignature::Damaged)?;
    if u64_at(apk, start) != Some(size as u64) {
        return Err(BadSignature::Damaged);
    }
    let pairs = pairs(apk.get(start + 8..directory - 24).ok_or(BadSignature::Damaged)?)?;
    // The newest scheme counts, as on a device.
    let newest = V3.iter().rev().chain([&V2]).find_map(|id| pairs.iter().find(|(i, _)| i == id));
    let Some((id, mut value)) = newest.copied() else { return Ok(Signature::NoBlock) };
    let sections = Sections { apk, start, directory, end };
    let mut signers = take(&mut value)?;
    let mut out = Vec::new();
    while !signers.is_empty() && out.len() < 10 {
        out.push(signer(take(&mut signers)?, id != V2, &sections)?);
    }
    if out.is_empty() { Err(BadSignature::Damaged) } else { Ok(Signature::Holds(out)) }
}

fn end_record(apk: &[u8]) -> Option<usize> {
    let last = apk.len().checked_sub(22)?;
    let first = last.saturating_sub(65_535);
    (first..=last)
        .rev()
        .find(|i| u32_at(apk, *i) == Some(0x0605_4b50) && apk.len() - i - 22 == usize::from(apk[i + 20]) | usize::from(apk[i + 21]) << 8)
}

fn pairs(mut block: &[u8]) -> Result<Vec<(u32, &[u8])>, BadSignature> {
    let mut out = Vec::new();
    while !block.is_empty() {
        let n = u64_at(block, 0).and_then(|n| usize::try_from(n).ok()).filter(|n| *n >= 4).ok_or(BadSignature::Damaged)?;
        let value = block.get(8..8usize.checked_add(n).ok_or(BadSignature::Damaged)?).ok_or(BadSignature::Damaged)?;
        out.push((u32_at(value, 0).ok_or(BadSignature::Damaged)?, &value[4..]));
        block = &block[8 + n..];
    }
    Ok(out)
}

fn signer(mut signer: &[u8], v3: bool, sections: &Sections<'_>) -> Result<String, BadSignature> {
    let signed = take(&mut signer)?;
    if v3 {
        take_u32(&mut signer)?;
        take_u32(&mut signer)?;
    }
    let (mut signatures, key) = (take(&mut signer)?, take(&mut signer)?);
    let mut strongest: Option<(Algorithm, &[u8])> = None;
    let mut unknown = None;
    while !signatures.is_empty() {
        let mut s = take(&mut signatures)?;
        let id = take_u32(&mut s)?;
        match Algorithm::of(id) {
            Some(a) if strongest.as_ref().is_none_or(|(b, _)| a.long && !b.long) => strongest = Some((a, take(&mut s)?)),
            Some(_) => {}
            None => unknown = Some(id),
        }
    }
    let Some((algorithm, signature)) = strongest else { return Err(unknown.map_or(BadSignature::Damaged, BadSignature::Unknown)) };
    let public = sig::UnparsedPublicKey::new(algorithm.verify, key);
    public.verify(signed, signature).map_err(|_| BadSignature::Forged)?;
    let mut signed = signed;
    let (mut digests, mut certificates) = (take(&mut signed)?, take(&mut signed)?);
    let mut wanted = None;
    while !digests.is_empty() {
        let mut d = take(&mut digests)?;
        if take_u32(&mut d)? == algorithm.id {
            wanted = Some(take(&mut d)?);
        }
    }
    let found = sections.digest(algorithm.long);
    if wanted.ok_or(BadSignature::Damaged)? != found.as_slice() {
        return Err(BadSignature::Changed);
    }
    let certificate = take(&mut certificates)?;
    // The key that signed must be the certificate's: its encoding stands in the certificate as it is.
    if key.is_empty() || !certificate.windows(key.len()).any(|w| w == key) {
        return Err(BadSignature::Forged);
    }
    Ok(Sha256Digest::of(certificate).to_string())
}

struct Algorithm {
    id: u32,
    long: bool,
    verify: &'static dyn sig::VerificationAlgorithm,
}

impl Algorithm {
    fn of(id: u32) -> Option<Self> {
        let (long, verify): (bool, &'static dyn sig::VerificationAlgorithm) = match id {
            0x0101 => (false, &sig::RSA_PSS_2048_8192_SHA256),
            0x0102 => (true, &sig::RSA_PSS_2048_8192_SHA512),
            // Keys of 1024 bits still sign apps of the accusation's time.
            0x0103 => (false, &sig::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
            0x0104 => (true, &sig::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
            0x0201 => (false, &sig::ECDSA_P256_SHA256_ASN1),
            _ => return None,
        };
        Some(Self { id, long, verify })
    }
}

struct Sections<'a> {
    apk: &'a [u8],
    start: usize,
    directory: usize,
    end: usize,
}

impl Sections<'_> {
    /// Entries, directory, and end record whose directory offset is that of the signing block.
    fn digest(&self, long: bool) -> Vec<u8> {
        let algorithm = if long { &digest::SHA512 } else { &digest::SHA256 };
        let mut end = self.apk[self.end..].to_vec();
        end[16..20].copy_from_slice(&(self.start as u32).to_le_bytes());
        let mut all = Vec::new();
        let mut count = 0u32;
        for section in [&self.apk[..self.start], &self.apk[self.directory..self.end], &end] {
            for chunk in section.chunks(CHUNK) {
                let mut c = digest::Context::new(algorithm);
                c.update(&[0xa5]);
                c.update(&(chunk.len() as u32).to_le_bytes());
                c.update(chunk);
                all.extend_from_slice(c.finish().as_ref());
                count += 1;
            }
        }
        let mut c = digest::Context::new(algorithm);
        c.update(&[0x5a]);
        c.update(&count.to_le_bytes());
        c.update(&all);
        c.finish().as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_no_signature() {
        assert_eq!(check(b""), Err(BadSignature::Damaged));
        assert_eq!(check(&[0x50; 100]), Err(BadSignature::Damaged));
        let mut empty_zip = vec![0; 22];
        empty_zip[..4].copy_from_slice(&0x0605_4b50u32.to_le_bytes());
        assert_eq!(check(&empty_zip), Ok(Signature::NoBlock));
    }

    #[test]
    fn a_block_that_lies_about_its_size_is_damaged() {
        let mut z = vec![0; 64];
        z.extend_from_slice(&u64::MAX.to_le_bytes());
        z.extend_from_slice(MAGIC);
        let directory = z.len() as u32;
        z.extend_from_slice(&0x0605_4b50u32.to_le_bytes());
        z.extend_from_slice(&[0; 12]);
        z.extend_from_slice(&directory.to_le_bytes());
        z.extend_from_slice(&[0; 2]);
        assert_eq!(check(&z), Err(BadSignature::Damaged));
    }
}
