//! APK Signature Scheme v2 and v3: who signed an app, and whether it was changed since.
//!
//! Source: the Android documentation, "APK Signature Scheme v2" and "v3". The signing block stands before the ZIP's central
//! directory; its digests cover the entries, the directory and the end record, in chunks of 1 MiB. A file that is signed by
//! scheme v1 (JAR) alone is not checked here and says so: its signature does not cover the file as a whole.
//!
//! The file is read in those chunks, as it may have a gigabyte.

use std::io::{self, Read, Seek, SeekFrom};

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
#[derive(Debug, thiserror::Error)]
pub(super) enum BadSignature {
    /// The file.
    #[error("it cannot be read")]
    Unreadable(#[from] io::Error),
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
const CHUNK: u64 = 1 << 20;
/// A signing block holds certificates, proofs of rotation and padding: the largest have some MiB.
const BLOCK_MAX: u64 = 64 << 20;
/// The end record with the longest comment.
const END_MAX: u64 = 22 + 65_535;

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

/// Bytes of a file, which are in it.
fn read_at(file: &mut (impl Read + Seek), from: u64, bytes: u64) -> Result<Vec<u8>, BadSignature> {
    let mut out = vec![0; usize::try_from(bytes).map_err(|_| BadSignature::Damaged)?];
    file.seek(SeekFrom::Start(from))?;
    file.read_exact(&mut out)?;
    Ok(out)
}

/// Checks a whole APK.
pub(super) fn check(file: &mut (impl Read + Seek)) -> Result<Signature, BadSignature> {
    let bytes = file.seek(SeekFrom::End(0))?;
    let last = bytes.min(END_MAX);
    let last = read_at(file, bytes - last, last)?;
    let Some(at) = end_record(&last) else { return Err(BadSignature::Damaged) };
    let end = bytes - (last.len() - at) as u64;
    let directory = u64::from(u32_at(&last, at + 16).ok_or(BadSignature::Damaged)?);
    if directory > end {
        return Err(BadSignature::Damaged);
    }
    let foot = if directory >= 32 { read_at(file, directory - 24, 24)? } else { vec![] };
    if foot.get(8..) != Some(&MAGIC[..]) {
        return Ok(Signature::NoBlock);
    }
    let size = u64_at(&foot, 0).filter(|s| *s <= BLOCK_MAX).ok_or(BadSignature::Damaged)?;
    let start = directory.checked_sub(size + 8).ok_or(BadSignature::Damaged)?;
    let block = read_at(file, start, size + 8)?;
    if u64_at(&block, 0) != Some(size) {
        return Err(BadSignature::Damaged);
    }
    let inside = block.len().checked_sub(24).and_then(|to| block.get(8..to)).ok_or(BadSignature::Damaged)?;
    let pairs = pairs(inside)?;
    // The newest scheme counts, as on a device.
    let newest = V3.iter().rev().chain([&V2]).find_map(|id| pairs.iter().find(|(i, _)| i == id));
    let Some((id, mut value)) = newest.copied() else { return Ok(Signature::NoBlock) };
    let mut sections = Sections { file, start, directory, end, record: last[at..].to_vec(), known: [None, None] };
    let mut signers = take(&mut value)?;
    let mut out = Vec::new();
    while !signers.is_empty() && out.len() < 10 {
        out.push(signer(take(&mut signers)?, id != V2, &mut sections)?);
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

fn signer(mut signer: &[u8], v3: bool, sections: &mut Sections<'_, impl Read + Seek>) -> Result<String, BadSignature> {
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
    let found = sections.digest(algorithm.long)?;
    if wanted.ok_or(BadSignature::Damaged)? != found {
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

/// What is signed of a file.
struct Sections<'a, R> {
    file: &'a mut R,
    /// Of the signing block, which is not signed.
    start: u64,
    directory: u64,
    end: u64,
    /// The end record.
    record: Vec<u8>,
    /// SHA-256 and SHA-512: several signers sign the same.
    known: [Option<Vec<u8>>; 2],
}

impl<R: Read + Seek> Sections<'_, R> {
    /// Entries, directory, and end record whose directory offset is that of the signing block.
    fn digest(&mut self, long: bool) -> Result<&[u8], BadSignature> {
        let known = usize::from(long);
        if self.known[known].is_none() {
            self.known[known] = Some(self.read(if long { &digest::SHA512 } else { &digest::SHA256 })?);
        }
        self.known[known].as_deref().ok_or(BadSignature::Damaged)
    }

    fn read(&mut self, algorithm: &'static digest::Algorithm) -> Result<Vec<u8>, BadSignature> {
        let mut all = Chunks { algorithm, digests: Vec::new(), count: 0 };
        for (mut from, to) in [(0, self.start), (self.directory, self.end)] {
            while from < to {
                let n = CHUNK.min(to - from);
                all.add(&read_at(self.file, from, n)?);
                from += n;
            }
        }
        let mut end = self.record.clone();
        end[16..20].copy_from_slice(&(self.start as u32).to_le_bytes());
        end.chunks(CHUNK as usize).for_each(|c| all.add(c));
        Ok(all.end())
    }
}

struct Chunks {
    algorithm: &'static digest::Algorithm,
    digests: Vec<u8>,
    count: u32,
}

impl Chunks {
    fn add(&mut self, chunk: &[u8]) {
        let mut c = digest::Context::new(self.algorithm);
        c.update(&[0xa5]);
        c.update(&(chunk.len() as u32).to_le_bytes());
        c.update(chunk);
        self.digests.extend_from_slice(c.finish().as_ref());
        self.count += 1;
    }

    fn end(self) -> Vec<u8> {
        let mut c = digest::Context::new(self.algorithm);
        c.update(&[0x5a]);
        c.update(&self.count.to_le_bytes());
        c.update(&self.digests);
        c.finish().as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn of(bytes: &[u8]) -> Result<Signature, BadSignature> {
        check(&mut Cursor::new(bytes))
    }

    #[test]
    fn noise_is_no_signature() {
        assert!(matches!(of(b""), Err(BadSignature::Damaged)));
        assert!(matches!(of(&[0x50; 100]), Err(BadSignature::Damaged)));
        let mut empty_zip = vec![0; 22];
        empty_zip[..4].copy_from_slice(&0x0605_4b50u32.to_le_bytes());
        assert_eq!(of(&empty_zip).unwrap(), Signature::NoBlock);
    }

    #[test]
    fn a_block_that_lies_about_its_size_is_damaged() {
        for size in [0, 23, 24, 80, 4096, BLOCK_MAX, u64::MAX - 7, u64::MAX] {
            let mut z = vec![0; 64];
            z.extend_from_slice(&size.to_le_bytes());
            z.extend_from_slice(MAGIC);
            let directory = z.len() as u32;
            z.extend_from_slice(&0x0605_4b50u32.to_le_bytes());
            z.extend_from_slice(&[0; 12]);
            z.extend_from_slice(&directory.to_le_bytes());
            z.extend_from_slice(&[0; 2]);
            assert!(matches!(of(&z), Err(BadSignature::Damaged)), "{size}");
        }
    }
}
