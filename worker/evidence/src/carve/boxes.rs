//! What of an MP4 no track reads: free boxes, notes, and bytes of `mdat` that no sample lies in (ISO 14496-12, 8.5 to 8.7).

use std::ops::Range;

use super::{Carved, Format, be32};

/// Boxes that hold boxes which players read.
const HOLDERS: &[&[u8; 4]] = &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"mvex", b"moof", b"traf", b"mfra"];
/// Boxes that they pass over, or read only to show text.
const PASSED: &[&[u8; 4]] = &[b"free", b"skip", b"wide", b"uuid", b"udta", b"pnot", b"emsg"];
/// Samples of all tracks that are laid out; a file with more has its `mdat` taken as read.
const SAMPLES: usize = 4_000_000;

/// A box: its name and its content.
fn each(b: &[u8], within: Range<usize>, see: &mut dyn FnMut([u8; 4], Range<usize>)) {
    let mut i = within.start;
    while let (Some(size), Some(name)) = (be32(b, i), b.get(i + 4..i + 8)) {
        if i + 8 > within.end {
            return;
        }
        let (head, size) = match size {
            0 => (8, within.end - i),
            1 => (16, be32(b, i + 8).zip(be32(b, i + 12)).map_or(0, |(h, l)| (u64::from(h) << 32 | u64::from(l)) as usize)),
            n => (8, n as usize),
        };
        let end = i.saturating_add(size).min(within.end);
        if size < head || end < i + head {
            return;
        }
        see([name[0], name[1], name[2], name[3]], i + head..end);
        i = end;
    }
}

#[derive(Default)]
struct Seen {
    passed: Vec<Range<usize>>,
    data: Vec<Range<usize>>,
    /// Where samples lie; none as soon as that cannot be told.
    samples: Option<Vec<Range<usize>>>,
    count: usize,
}

/// Notes them all.
pub(super) fn asides(b: &[u8], film: &mut Carved) {
    let mut seen = Seen { samples: Some(Vec::new()), ..Seen::default() };
    // Offsets of samples count from the begin of the film, as nothing else is known.
    walk(b, film.at.clone(), film.at.start, 0, film.format == Format::Heif, &mut seen);
    let mut all = seen.passed;
    if let Some(mut samples) = seen.samples.filter(|s| !s.is_empty()) {
        samples.sort_unstable_by_key(|s| s.start);
        for data in seen.data {
            let mut at = data.start;
            for s in samples.iter().filter(|s| s.end > data.start && s.start < data.end) {
                if s.start > at {
                    all.push(at..s.start);
                }
                at = at.max(s.end);
            }
            if at < data.end {
                all.push(at..data.end);
            }
        }
    }
    all.sort_unstable_by_key(|r| r.start);
    for r in all {
        film.aside(r);
    }
}

fn walk(b: &[u8], within: Range<usize>, base: usize, depth: usize, still: bool, seen: &mut Seen) {
    if depth > 6 {
        seen.samples = None;
        return;
    }
    let mut inner = Vec::new();
    let mut table = Vec::new();
    each(b, within, &mut |name, body| {
        if PASSED.contains(&&name) || &name == b"meta" && !still {
            seen.passed.push(body);
        } else if &name == b"mdat" {
            seen.data.push(body);
        } else if HOLDERS.contains(&&name) {
            // Fragments lay out their samples in their own way, as the items of a still picture do.
            if still || &name == b"moof" {
                seen.samples = None;
            }
            if &name == b"stbl" {
                table.push(body.clone());
            }
            inner.push(body);
        } else if &name == b"cmov" || &name == b"meta" {
            seen.samples = None;
        }
    });
    for t in table {
        let samples = samples_of(b, t, base, &mut seen.count);
        seen.samples = seen.samples.take().zip(samples).map(|(mut all, s)| {
            all.extend(s);
            all
        });
    }
    for body in inner {
        walk(b, body, base, depth + 1, still, seen);
    }
}

/// Where the samples of a track lie: chunks, each of so many samples of these sizes.
fn samples_of(b: &[u8], table: Range<usize>, base: usize, count: &mut usize) -> Option<Vec<Range<usize>>> {
    let (mut sizes, mut offsets, mut runs) = (None, None, None);
    each(b, table, &mut |name, body| match &name {
        b"stsz" => sizes = Some(body),
        b"stco" => offsets = Some((body, 4)),
        b"co64" => offsets = Some((body, 8)),
        b"stsc" => runs = Some(body),
        _ => {}
    });
    let ((sizes, runs), (offsets, wide)) = (sizes.zip(runs)?, offsets?);
    let (each_size, all) = (be32(b, sizes.start + 4)? as usize, be32(b, sizes.start + 8)? as usize);
    *count += all;
    if *count > SAMPLES {
        return None;
    }
    let rows = be32(b, runs.start + 4)? as usize;
    let chunks = be32(b, offsets.start + 4)? as usize;
    let mut out = Vec::new();
    let (mut sample, mut row, mut of_chunk) = (0, 0, 0);
    for chunk in 0..chunks.min(SAMPLES) {
        while row < rows && be32(b, runs.start + 8 + 12 * row)? as usize <= chunk + 1 {
            of_chunk = be32(b, runs.start + 12 + 12 * row)? as usize;
            row += 1;
        }
        let at = offsets.start + 8 + wide * chunk;
        let offset = if wide == 4 { be32(b, at)? as usize } else { (u64::from(be32(b, at)?) << 32 | u64::from(be32(b, at + 4)?)) as usize };
        let mut length = 0_usize;
        for _ in 0..of_chunk.min(all - sample) {
            length += if each_size > 0 { each_size } else { be32(b, sizes.start + 12 + 4 * sample)? as usize };
            sample += 1;
        }
        let from = base.checked_add(offset)?;
        out.push(from..from.checked_add(length)?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    fn boxed(name: &[u8], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat()
    }

    #[test]
    fn bytes_of_the_data_that_no_sample_lies_in_are_asides() {
        let words = |w: &[u32]| w.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
        let table = |first: u32, second: u32| {
            [
                boxed(b"stsz", &words(&[0, 0, 3, 10, 20, 30])),
                boxed(b"stsc", &words(&[0, 2, 1, 2, 1, 2, 1, 1])),
                boxed(b"stco", &words(&[0, 2, first, second])),
            ]
            .concat()
        };
        let film = |first, second| {
            let moov = boxed(b"moov", &boxed(b"trak", &boxed(b"mdia", &boxed(b"minf", &boxed(b"stbl", &table(first, second))))));
            [boxed(b"ftyp", b"isom\0\0\0\0isom"), moov, boxed(b"free", &[1; 40]), boxed(b"mdat", &[2; 200])].concat()
        };
        let at = (film(0, 0).len() - 200) as u32;
        let b = film(at, at + 130);
        let found = super::super::carve(&b);
        let data = at as usize;
        assert_eq!(found[0].asides, [data - 48..data - 8, data + 30..data + 130, data + 160..data + 200]);
    }
}
