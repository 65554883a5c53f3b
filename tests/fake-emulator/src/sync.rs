//! The sync service of adbd: files.

use bytes::{Buf, BytesMut};

use crate::{
    adb::Stream,
    faults::Fault,
    guest::{File, Phone},
    world::World,
};

fn word(letters: [u8; 4], number: u32) -> Vec<u8> {
    [letters, number.to_le_bytes()].concat()
}

fn fail(text: &str) -> Vec<u8> {
    [&word(*b"FAIL", text.len() as u32), text.as_bytes()].concat()
}

/// More bytes than a request, or a chunk, may have.
const MOST: usize = 64 << 10;

struct Reader<'a> {
    stream: &'a mut Stream,
    got: BytesMut,
}

impl Reader<'_> {
    async fn take(&mut self, count: usize) -> Option<BytesMut> {
        while self.got.len() < count {
            let more = self.stream.read().await?;
            self.got.extend_from_slice(&more);
        }
        Some(self.got.split_to(count))
    }

    async fn word(&mut self) -> Option<([u8; 4], u32)> {
        let mut bytes = self.take(8).await?;
        let mut letters = [0; 4];
        bytes.copy_to_slice(&mut letters);
        Some((letters, bytes.get_u32_le()))
    }
}

/// A folder's entry for each missing part of a path.
fn folders(phone: &mut Phone, path: &str) {
    for (at, _) in path.match_indices('/').filter(|(at, _)| *at > 0) {
        phone.files.entry(path[..at].to_owned()).or_insert(File { mode: 0o040_771, ..File::default() });
    }
}

fn writable(phone: &Phone, path: &str) -> bool {
    phone.root || ["/sdcard/", "/data/local/tmp/"].iter().any(|p| path.starts_with(p))
}

/// Serves one stream. `None`: the peer went away, or said nonsense.
pub async fn serve(world: &World, stream: &mut Stream) -> Option<()> {
    let mut from = Reader { stream, got: BytesMut::new() };
    loop {
        let (letters, length) = from.word().await?;
        if length as usize > MOST {
            return None;
        }
        let path = String::from_utf8_lossy(&from.take(length as usize).await?).into_owned();
        let answer = match &letters {
            b"STAT" => {
                let phone = world.phone();
                let file = phone.files.get(path.trim_end_matches('/'));
                let (mode, size, time) = file.map_or((0, 0, 0), |f| (f.mode, f.bytes.len() as u32, f.modified as u32));
                [word(*b"STAT", mode), size.to_le_bytes().to_vec(), time.to_le_bytes().to_vec()].concat()
            }
            b"STA2" => {
                let phone = world.phone();
                let file = phone.files.get(path.trim_end_matches('/'));
                let mut out = word(*b"STA2", if file.is_some() { 0 } else { 2 });
                let file = file.cloned().unwrap_or_default();
                out.extend_from_slice(&[0; 16]);
                out.extend_from_slice(&file.mode.to_le_bytes());
                out.extend_from_slice(&[0; 12]);
                out.extend_from_slice(&(file.bytes.len() as u64).to_le_bytes());
                (0..3).for_each(|_| out.extend_from_slice(&file.modified.to_le_bytes()));
                out
            }
            b"RECV" => receive(world, &path),
            b"SEND" => send(world, &mut from, &path).await?,
            b"QUIT" => return Some(()),
            _ => return None,
        };
        from.stream.write(&answer).await?;
    }
}

fn receive(world: &World, path: &str) -> Vec<u8> {
    let phone = world.phone();
    let Some(file) = phone.files.get(path) else { return fail("open failed: No such file or directory") };
    if path.starts_with("/data/data/") && !phone.root {
        return fail("open failed: Permission denied");
    }
    let chunks = file.bytes.chunks(MOST).map(|c| [&word(*b"DATA", c.len() as u32), c].concat());
    [chunks.collect::<Vec<_>>().concat(), word(*b"DONE", 0)].concat()
}

async fn send(world: &World, from: &mut Reader<'_>, request: &str) -> Option<Vec<u8>> {
    let (path, mode) = request.rsplit_once(',')?;
    let mut bytes = Vec::new();
    let modified = loop {
        let (letters, length) = from.word().await?;
        match &letters {
            b"DATA" if length as usize <= MOST => {
                let data = from.take(length as usize).await?;
                bytes.extend_from_slice(&data);
                // Told at once, and the rest is still read, as adbd does.
                if bytes.len() > 1 << 30 {
                    return None;
                }
            }
            b"DONE" => break i64::from(length),
            _ => return None,
        }
    };
    let mut phone = world.phone();
    if world.faults.has(Fault::DiskFull) {
        return Some(fail("couldn't write: No space left on device"));
    }
    if !writable(&phone, path) {
        return Some(fail("couldn't create file: Permission denied"));
    }
    folders(&mut phone, path);
    let mode = mode.parse::<u32>().unwrap_or(0o100_644) | 0o100_000;
    phone.files.insert(path.to_owned(), File { mode, bytes, modified });
    Some(word(*b"OKAY", 0))
}
