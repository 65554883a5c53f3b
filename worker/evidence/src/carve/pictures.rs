//! PNG, RIFF (WebP, WAV, AVI), GIF and BMP.

use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};

use super::{Carved, Format, be32, le16, le32};

/// By its chunks to IEND, or as far as they go.
pub(super) fn png(b: &[u8], start: usize) -> Option<Carved> {
    let mut i = start + 8;
    if b.get(i + 4..i + 8)? != b"IHDR" {
        return None;
    }
    let mut out = Carved::new(start..b.len(), Format::Png, true);
    // After the rows nothing is read: a second row of them is passed over.
    let (mut rows, mut rows_ended) = (false, false);
    while let (Some(length), Some(name)) = (be32(b, i), b.get(i + 4..i + 8)) {
        let end = i + 12 + length as usize;
        if !name.iter().all(u8::is_ascii_alphabetic) {
            out.at.end = i;
            return Some(out);
        }
        let is_row = name == b"IDAT";
        rows_ended |= rows && !is_row;
        rows |= is_row;
        let read = matches!(name, b"IHDR" | b"PLTE" | b"tRNS" | b"fcTL" | b"fdAT" | b"IEND") && length <= 1 << 10
            || name == b"fdAT"
            || is_row && !rows_ended;
        if !read {
            out.aside(i + 8..(end - 4).min(b.len()));
        }
        if end > b.len() {
            break;
        }
        if name == b"IEND" {
            out.at.end = end;
            return Some(out);
        }
        i = end;
    }
    Some(out)
}

/// Bytes of rows up to which a PNG is unpacked here.
const MOST: u64 = 128 << 20;

/// The stream of a PNG's rows (W3C PNG third edition, 10.1).
#[derive(Debug, Default)]
pub(crate) struct PngRows {
    /// Bytes that it gives.
    pub(crate) bytes: u64,
    /// Stretches of its chunks behind its end, which no decoder reads.
    pub(crate) behind: Vec<Range<usize>>,
}

/// Unpacks the rows of a PNG, to know how many there are and where they end. A stream that breaks ends there: its decoder says so.
pub(crate) fn png_rows(b: &[u8], png: Range<usize>) -> PngRows {
    let mut out = PngRows::default();
    let mut inflate = Decompress::new(true);
    let mut sink = vec![0; 64 << 10];
    let (mut ended, mut begun) = (false, false);
    let mut i = png.start + 8;
    while let (Some(length), Some(name)) = (be32(b, i), b.get(i + 4..i + 8)) {
        let end = (i + 8 + length as usize).min(png.end);
        let mut at = (i + 8).min(end);
        i += 12 + length as usize;
        if name != b"IDAT" {
            // A second row of chunks is passed over as a whole.
            if begun || i >= png.end {
                break;
            }
            continue;
        }
        begun = true;
        while !ended {
            let before = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(&b[at..end], &mut sink, FlushDecompress::None);
            at += (inflate.total_in() - before.0) as usize;
            out.bytes = inflate.total_out();
            match status {
                Ok(Status::StreamEnd) => ended = true,
                Ok(_) if out.bytes <= MOST => {}
                _ => return out,
            }
            // It wants what the next chunk has.
            if before == (inflate.total_in(), out.bytes) {
                break;
            }
        }
        if ended && at < end {
            out.behind.push(at..end);
        }
    }
    out
}

/// By the length in its head. Recorders that were stopped leave 0 or -1 there: then to the end.
pub(super) fn riff(b: &[u8], start: usize) -> Option<Carved> {
    let kind = b.get(start + 8..start + 12)?;
    let length = match le32(b, start + 4)? {
        0 | 0xffff_ffff => b.len(),
        n => start + 8 + n as usize,
    };
    let at = start..length.min(b.len());
    let format = match kind {
        b"WEBP" => Format::WebP,
        b"AVI " => Format::Avi,
        b"WAVE" => {
            let fmt = memchr::memmem::find(b.get(at.clone())?.get(..4096.min(at.len()))?, b"fmt ")?;
            match le16(b, start + fmt + 8)? {
                1 | 3 | 6 | 7 | 0xfffe => Format::Wav,
                _ => Format::WavOther,
            }
        }
        _ => return None,
    };
    (at.len() > 24).then(|| {
        let mut out = Carved::new(at.clone(), format, true);
        chunks(b, at.start + 12..at.end, format, &mut out);
        out
    })
}

/// The chunks of a RIFF that no decoder reads. `data` counts once: a second one is passed over.
fn chunks(b: &[u8], within: Range<usize>, format: Format, out: &mut Carved) {
    let mut i = within.start;
    let mut read = false;
    while let (Some(name), Some(size)) = (b.get(i..i + 4), le32(b, i + 4)) {
        if i + 8 > within.end {
            break;
        }
        let rest = within.end - i - 8;
        let size = if name == b"data" && matches!(size, 0 | 0xffff_ffff) { rest } else { (size as usize).min(rest) };
        let body = i + 8..i + 8 + size;
        let once = matches!(name, b"data" | b"VP8 " | b"VP8L");
        let kept = match format {
            Format::Avi => matches!(name, b"LIST") && matches!(b.get(body.start..body.start + 4), Some(b"hdrl" | b"movi")),
            Format::WebP => once || matches!(name, b"VP8X" | b"ALPH" | b"ANIM" | b"ANMF"),
            _ => once || matches!(name, b"fmt " | b"fact"),
        };
        if !kept || once && read {
            out.aside(body.clone());
        }
        read |= once;
        i = body.end + size % 2;
    }
    if i < within.end {
        out.aside(i..within.end);
    }
}

/// By its blocks to the trailer (GIF89a, 15 ff.).
pub(super) fn gif(b: &[u8], start: usize) -> Option<Carved> {
    let head = b.get(start..start + 13)?;
    if !matches!(&head[..6], b"GIF87a" | b"GIF89a") {
        return None;
    }
    let mut out = Carved::new(start..b.len(), Format::Gif, false);
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut i = start + 13 + table(head[10]);
    let blocks = |mut i: usize| {
        while let Some(&n) = b.get(i) {
            i += 1 + usize::from(n);
            if n == 0 {
                return Some(i);
            }
        }
        None
    };
    loop {
        let next = match b.get(i) {
            Some(0x3b) => {
                out.at.end = i + 1;
                out.sure = true;
                return Some(out);
            }
            // Only the graphic control extension says how a picture is drawn.
            Some(0x21) => {
                let end = blocks(i + 2);
                if b.get(i + 1) != Some(&0xf9) {
                    out.aside(i + 2..end.unwrap_or(b.len()));
                }
                end
            }
            Some(0x2c) => b.get(i + 9).and_then(|flags| blocks(i + 11 + table(*flags))),
            _ => None,
        };
        match next {
            Some(n) => i = n,
            None => return (i > start + 100).then_some(out),
        }
    }
}

/// Uncompressed, 24 or 32 bits, by its head.
pub(super) fn bmp(b: &[u8], start: usize) -> Option<Carved> {
    let (size, header) = (le32(b, start + 2)? as usize, le32(b, start + 14)?);
    let (width, height) = (le32(b, start + 18)?, le32(b, start + 22)? as i32);
    let (planes, bits, compression) = (le16(b, start + 26)?, le16(b, start + 28)?, le32(b, start + 30)?);
    let plausible = le32(b, start + 6)? == 0
        && (40..=124).contains(&header)
        && planes == 1
        && matches!(bits, 24 | 32)
        && matches!(compression, 0 | 3)
        && (1..=20_000).contains(&width)
        && (1..=20_000).contains(&height.unsigned_abs());
    let end = start + size.max(54);
    (plausible && end <= b.len() + 4096).then(|| {
        let mut out = Carved::new(start..end.min(b.len()), Format::Bmp, true);
        let pixels = start + le32(b, start + 10).map_or(54, |at| at as usize);
        let row = (width as usize * usize::from(bits / 8)).next_multiple_of(4);
        out.aside(start + 54..pixels);
        out.aside(pixels.saturating_add(row * height.unsigned_abs() as usize)..end);
        out
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_end_of_the_rows_is_found_over_several_chunks() {
        let mut e = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(&vec![3; 300_000]).unwrap();
        let stream = e.finish().unwrap();
        let data = [&stream[..], &[0xaa; 100]].concat();
        let chunk = |name: &[u8], body: &[u8]| [&(body.len() as u32).to_be_bytes()[..], name, body, &[0; 4]].concat();
        let half = stream.len() / 2;
        let file = [
            b"\x89PNG\r\n\x1a\n".to_vec(),
            chunk(b"IHDR", &[0; 13]),
            chunk(b"IDAT", &data[..half]),
            chunk(b"IDAT", &data[half..]),
            chunk(b"tEXt", &[1; 30]),
            chunk(b"IDAT", &[2; 60]),
        ]
        .concat();
        let found = png_rows(&file, 0..file.len());
        let end = file.len() - 72 - 42 - 4;
        let behind = end - 100..end;
        assert_eq!((found.bytes, found.behind.as_slice()), (300_000, std::slice::from_ref(&behind)));
        let mut png = png(&file, 0).unwrap();
        png.unpack(&file);
        assert!(png.asides.contains(&behind) && png.asides.len() == 3, "{png:?}");
    }
}
