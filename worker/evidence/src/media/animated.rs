//! PNG and WebP with all their pictures. Each picture of an animation is put into a file of its own: drawn over each other, as a
//! viewer does it, one could cover another, or say that it is transparent.

use flate2::Crc;
use stakeout_feed::GrayImage;

use super::{FILM, NotOpened, Piece, Taker, Told, picture, png};
use crate::{
    Format,
    carve::{be32, le32},
    limits::Limits,
};

/// The first picture, and those of the animation.
pub(super) fn open(bytes: &[u8], format: Format, limits: &Limits, each: &mut Taker<'_>) -> Result<Told, NotOpened> {
    let mut told = Told::new();
    let others = if format == Format::Png { png_frames(bytes) } else { webp_frames(bytes) };
    // The first picture of an animated WebP is one of its frames; that of a PNG may be none of them.
    let first = (format == Format::Png || others.is_empty()).then(|| whole(bytes, format, limits, true));
    let mut opened = false;
    let mut failed = None;
    for (i, picture) in first.into_iter().chain(others.iter().map(|f| whole(f, format, limits, false))).enumerate() {
        if i >= limits.film_pictures {
            told.push(FILM.to_owned());
            break;
        }
        match picture {
            Ok((pictures, more)) => {
                opened = true;
                told.extend(more.filter(|m| !told.contains(m)));
                if !pictures.into_iter().all(|p| each(Piece::Picture(p))) {
                    break;
                }
            }
            Err(e) => failed = Some(e),
        }
    }
    match failed {
        Some(e) if !opened => Err(e),
        failed => {
            told.extend(failed.map(|e| e.0));
            Ok(told)
        }
    }
}

/// One picture, of a PNG with all rows that it holds, and what of it was not read. Bytes behind the rows of the first one are searched
/// where they lie.
fn whole(bytes: &[u8], format: Format, limits: &Limits, first: bool) -> Result<(Vec<GrayImage>, Option<String>), NotOpened> {
    let read = |b: &[u8]| picture::png_or_webp(b, format, limits);
    if format != Format::Png {
        return Ok((read(bytes)?, None));
    }
    let held = png::held(bytes);
    let (pictures, cut) = match held.higher.map(|h| read(&h)) {
        Some(Ok(pictures)) => (pictures, false),
        Some(Err(_)) => (read(bytes)?, true),
        None => (read(bytes)?, false),
    };
    let told = cut || held.more || held.behind && !first;
    Ok((pictures, told.then(|| "broken: png".to_owned())))
}

/// Frames of an animated PNG (W3C PNG third edition, 11.3.5), each as a PNG.
fn png_frames(b: &[u8]) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    let (mut head, mut shared): (&[u8], Vec<u8>) = (&[], b[..8.min(b.len())].to_vec());
    let mut open: Option<([u8; 8], Vec<u8>)> = None;
    let mut close = |open: &mut Option<([u8; 8], Vec<u8>)>, head: &[u8], shared: &[u8]| {
        let Some((sides, data)) = open.take().filter(|o| !o.1.is_empty()) else { return };
        if head.len() < 13 {
            return;
        }
        let ihdr = [&sides[..], &head[8..13]].concat();
        let mut file = shared[..8].to_vec();
        chunk(&mut file, *b"IHDR", &ihdr);
        file.extend(&shared[8..]);
        chunk(&mut file, *b"IDAT", &data);
        chunk(&mut file, *b"IEND", &[]);
        out.push(file);
    };
    let mut i = 8;
    while let (Some(length), Some(name)) = (be32(b, i), b.get(i + 4..i + 8)) {
        let Some(data) = b.get(i + 8..i + 8 + length as usize) else { break };
        match name {
            b"IHDR" => head = data,
            b"PLTE" | b"tRNS" => shared.extend(&b[i..(i + 12 + data.len()).min(b.len())]),
            b"fcTL" => {
                close(&mut open, head, &shared);
                open = data.get(4..12).and_then(|s| s.try_into().ok()).map(|s| (s, Vec::new()));
            }
            b"fdAT" => {
                if let Some((_, all)) = &mut open {
                    all.extend(data.get(4..).unwrap_or_default());
                }
            }
            _ => {}
        }
        i += 12 + data.len();
    }
    close(&mut open, head, &shared);
    out
}

fn chunk(out: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    let mut crc = Crc::new();
    crc.update(&name);
    crc.update(data);
    out.extend((data.len() as u32).to_be_bytes());
    out.extend(name);
    out.extend(data);
    out.extend(crc.sum().to_be_bytes());
}

/// Frames of an animated WebP (RFC 9649, 2.7.1.1), each as a WebP of its own bitstream.
fn webp_frames(b: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut i = 12;
    while let (Some(name), Some(size)) = (b.get(i..i + 4), le32(b, i + 4)) {
        let size = size as usize;
        if name == b"ANMF" {
            let mut k = i + 24;
            while let (Some(inner), Some(n)) = (b.get(k..k + 4), le32(b, k + 4)) {
                let end = k + 8 + n as usize;
                if matches!(inner, b"VP8 " | b"VP8L")
                    && let Some(stream) = b.get(k..end)
                {
                    let padded = [stream, &[0][..n as usize % 2]].concat();
                    let length = (padded.len() as u32 + 4).to_le_bytes();
                    out.push([&b"RIFF"[..], &length, b"WEBP", &padded].concat());
                }
                if end >= i + 8 + size {
                    break;
                }
                k = end + n as usize % 2;
            }
        }
        i = i.saturating_add(8 + size + size % 2);
    }
    out
}
