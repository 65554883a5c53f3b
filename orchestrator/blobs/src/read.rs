//! One object on its way out of the storage.
//!
//! Plain or encrypted, whole or a range, it is read piece by piece. A whole blob's last piece is held back until all that came
//! has the blob's digest, so whoever has got everything has got the right bytes.

use std::{io::SeekFrom, ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore, path::Path as Key};
use stakeout_contract::Sha256Digest;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::{
    BlobError, KeyProblem,
    hash::Hash,
    seal::{self, Cipher, HEADER, SEGMENT, TAG, TenantKey, Unfit},
};

/// The bytes of a blob, in pieces of up to 256 KiB from a folder, and as they come from a bucket. After an error there is nothing.
pub type BlobStream = BoxStream<'static, Result<Bytes, BlobError>>;

const PIECE: usize = 1 << 18;
const STORED_SEGMENT: u64 = (SEGMENT + TAG) as u64;

/// What is read, and how its errors call it.
pub(crate) struct Object<'a> {
    pub(crate) store: &'a Arc<dyn ObjectStore>,
    pub(crate) key: Key,
    pub(crate) tenant: Option<&'a TenantKey>,
    /// The blob's digest or the part's name.
    pub(crate) name: String,
}

impl Object<'_> {
    /// Plain bytes in the object, or nothing if there is none.
    pub(crate) async fn size(&self) -> Result<Option<u64>, BlobError> {
        Ok(match self.get(GetOptions::new().with_head(true)).await? {
            None => None,
            Some(head) => Some(self.plain(head.meta.size)?),
        })
    }

    /// All of it, or nothing if there is none. What comes is compared with `digest`, if one is given.
    pub(crate) async fn whole(&self, digest: Option<Sha256Digest>) -> Result<Option<Reader>, BlobError> {
        let Some(got) = self.get(GetOptions::new()).await? else { return Ok(None) };
        let stored = got.meta.size;
        let bytes = self.plain(stored)?;
        let mut body = pieces(got);
        let mut sealed = None;
        if let Some(tenant) = self.tenant {
            let mut buffer = BytesMut::new();
            fill(&mut body, &mut buffer, HEADER).await?;
            let header = self.header(&buffer)?;
            let _ = buffer.split_to(HEADER);
            let cipher = self.cipher(tenant, &header)?;
            sealed = Some(Sealed { cipher, buffer, next: 0, body: stored - HEADER as u64 });
        }
        let check = digest.map(|d| (d, Hash::new()));
        Ok(Some(Reader {
            name: self.name.clone(),
            body,
            sealed,
            skip: 0,
            left: bytes,
            check,
            held: None,
            began: false,
            magic: false,
            bytes,
        }))
    }

    /// A part of it that is known to be within `total`, its plain bytes. Nothing if the object is gone.
    pub(crate) async fn range(&self, range: Range<u64>) -> Result<Option<Reader>, BlobError> {
        let bytes = range.end - range.start;
        let reader = |body, sealed, skip| Reader {
            name: self.name.clone(),
            body,
            sealed,
            skip,
            left: bytes,
            check: None,
            held: None,
            began: true,
            magic: false,
            bytes,
        };
        if bytes == 0 {
            return Ok(Some(reader(stream::empty().boxed(), None, 0)));
        }
        let Some(tenant) = self.tenant else {
            let got = self.get(GetOptions::new().with_range(Some(GetRange::Bounded(range)))).await?;
            return Ok(got.map(|g| reader(pieces(g), None, 0)));
        };
        let first = range.start / SEGMENT as u64;
        let end = HEADER as u64 + range.end.div_ceil(SEGMENT as u64) * STORED_SEGMENT;
        // The second read is of the very object that the first one was of: it may have been written again, with another salt.
        let Some(head) = self.get(GetOptions::new().with_range(Some(GetRange::Bounded(0..HEADER as u64)))).await? else {
            return Ok(None);
        };
        let (stored, e_tag) = (head.meta.size, head.meta.e_tag.clone());
        let mut buffer = BytesMut::new();
        fill(&mut pieces(head), &mut buffer, HEADER).await?;
        let cipher = self.cipher(tenant, &self.header(&buffer)?)?;
        let stretch = GetRange::Bounded(HEADER as u64 + first * STORED_SEGMENT..end.min(stored));
        let Some(got) = self.get(GetOptions::new().with_range(Some(stretch)).with_if_match(e_tag)).await? else { return Ok(None) };
        let sealed = Sealed { cipher, buffer: BytesMut::new(), next: first, body: stored - HEADER as u64 };
        Ok(Some(reader(pieces(got), Some(sealed), (range.start % SEGMENT as u64) as usize)))
    }

    async fn get(&self, options: GetOptions) -> Result<Option<GetResult>, BlobError> {
        match self.store.get_opts(&self.key, options).await {
            Ok(got) => Ok(Some(got)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    fn plain(&self, stored: u64) -> Result<u64, BlobError> {
        if self.tenant.is_none() {
            return Ok(stored);
        }
        seal::plain_bytes(stored).ok_or_else(|| BlobError::Torn { name: self.name.clone(), segment: 0 })
    }

    fn header(&self, buffer: &[u8]) -> Result<[u8; HEADER], BlobError> {
        let header = buffer.get(..HEADER).and_then(|h| h.try_into().ok());
        header.ok_or_else(|| BlobError::Torn { name: self.name.clone(), segment: 0 })
    }

    fn cipher(&self, tenant: &TenantKey, header: &[u8; HEADER]) -> Result<Cipher, BlobError> {
        tenant.open(header, self.key.as_ref()).map_err(|unfit| BlobError::Key {
            name: self.name.clone(),
            problem: match unfit {
                Unfit::Plain => KeyProblem::Plain,
                Unfit::WrongKey => KeyProblem::Wrong,
            },
        })
    }
}

/// Plain bytes of an object or of a range of it, one piece after the other.
pub(crate) struct Reader {
    name: String,
    body: BlobStream,
    sealed: Option<Sealed>,
    /// Plain bytes of the first segment before the range.
    skip: usize,
    left: u64,
    check: Option<(Sha256Digest, Hash)>,
    held: Option<Bytes>,
    /// Whether the first bytes were looked at.
    began: bool,
    /// Whether it is read without a key and begins as what is encrypted does.
    magic: bool,
    bytes: u64,
}

struct Sealed {
    cipher: Cipher,
    buffer: BytesMut,
    next: u64,
    /// Stored bytes of the object behind its header.
    body: u64,
}

impl Reader {
    /// Plain bytes that will come.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BlobError> {
        if self.check.is_none() {
            return self.piece().await;
        }
        loop {
            let piece = self.piece().await?;
            let Some((wanted, hash)) = &mut self.check else { return Ok(piece) };
            if let Some(p) = piece {
                self.magic |= hash.bytes() == 0 && self.sealed.is_none() && seal::is_sealed(&p);
                hash.update(&p);
                if let Some(before) = self.held.replace(p) {
                    return Ok(Some(before));
                }
            } else {
                let (wanted, found) = (*wanted, hash.clone().finish());
                self.check = None;
                return match (found == wanted, self.magic) {
                    (true, _) => Ok(self.held.take()),
                    (false, false) => Err(BlobError::Damaged { wanted, found }),
                    (false, true) => Err(BlobError::Key { name: self.name.clone(), problem: KeyProblem::Absent }),
                };
            }
        }
    }

    pub(crate) fn into_stream(self) -> BlobStream {
        stream::try_unfold(self, |mut r| async move { Ok(r.next().await?.map(|p| (p, r))) }).boxed()
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, BlobError> {
        let torn = |segment| BlobError::Torn { name: self.name.clone(), segment };
        if self.left == 0 && (self.sealed.is_none() || self.began) {
            return Ok(None);
        }
        let mut piece = match &mut self.sealed {
            None => match self.body.try_next().await? {
                Some(p) => p,
                None if self.check.is_some() => return Ok(None),
                None => return Err(torn(0)),
            },
            Some(s) => {
                let index = s.next;
                let at = index * STORED_SEGMENT;
                let need = STORED_SEGMENT.min(s.body.saturating_sub(at)) as usize;
                fill(&mut self.body, &mut s.buffer, need).await?;
                let last = at + need as u64 == s.body;
                if s.buffer.len() < need || need < TAG {
                    return Err(torn(index));
                }
                let mut segment = s.buffer.split_to(need);
                s.next += 1;
                let plain = u32::try_from(index).ok().and_then(|i| s.cipher.open(i, last, &mut segment)).map(<[u8]>::len);
                segment.truncate(plain.ok_or_else(|| torn(index))?);
                segment.freeze()
            }
        };
        self.began = true;
        let skip = std::mem::take(&mut self.skip).min(piece.len());
        let _ = piece.split_to(skip);
        piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= piece.len() as u64;
        Ok(Some(piece))
    }
}

/// Reads until there are so many bytes, or no more.
async fn fill(body: &mut BlobStream, buffer: &mut BytesMut, bytes: usize) -> Result<(), BlobError> {
    while buffer.len() < bytes {
        match body.try_next().await? {
            Some(p) => buffer.extend_from_slice(&p),
            None => break,
        }
    }
    Ok(())
}

/// The stored bytes. A file is read in larger pieces than `object_store` would.
fn pieces(got: GetResult) -> BlobStream {
    let range = got.range.clone();
    match got.payload {
        GetResultPayload::Stream(s) => s.map_err(BlobError::from).boxed(),
        GetResultPayload::File(file, _) => {
            let failed =
                |source: std::io::Error| BlobError::from(object_store::Error::Generic { store: "folder", source: Box::new(source) });
            let begin = async move {
                let mut file = tokio::fs::File::from_std(file);
                file.seek(SeekFrom::Start(range.start)).await.map_err(failed)?;
                let rest = file.take(range.end - range.start);
                Ok::<_, BlobError>(stream::try_unfold(rest, move |mut rest| async move {
                    let mut piece = BytesMut::with_capacity(PIECE.min(usize::try_from(rest.limit()).unwrap_or(PIECE)));
                    let n = rest.read_buf(&mut piece).await.map_err(failed)?;
                    Ok((n > 0).then(|| (piece.freeze(), rest)))
                }))
            };
            stream::once(begin).try_flatten().boxed()
        }
    }
}
