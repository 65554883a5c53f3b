//! How many rows the first scan of a JPEG holds (ITU T.81, annexes B and F.2), whatever its head declares. Blocks are passed over
//! by their codes and not decoded, which takes a part of a decoder's time.

/// Definitions of tables before the first scan: four of each class are in use, and who makes more wants to cost time.
const DEFINITIONS: usize = 64;

/// What was counted.
pub(super) struct Held {
    /// Rows of pixels that the scan holds.
    pub(super) rows: u32,
    /// Rows that are coded together.
    pub(super) step: u32,
    /// Where the declared height stands.
    pub(super) height_at: usize,
}

/// By the next 16 bits: length of the code that they begin with, and its value; 0 for none.
type Codes = Vec<(u8, u8)>;

/// A component of the frame: its name and its blocks in a unit, across and down.
#[derive(Clone, Copy)]
struct Component {
    name: u8,
    across: u32,
    down: u32,
}

/// The frame's head.
struct Frame {
    height_at: usize,
    width: u32,
    components: Vec<Component>,
    /// Each scan holds a part of the coefficients.
    progressive: bool,
}

/// Tables of codes, for the first coefficient of a block and for the others.
#[derive(Default)]
struct Tables {
    codes: [[Option<Codes>; 4]; 2],
    defined: usize,
}

/// Counts the first scan; none for what is not coded by Huffman, or whose first scan is of some of its components.
pub(super) fn held(b: &[u8]) -> Option<Held> {
    let mut tables = Tables::default();
    let mut frame = None;
    let mut i = 2;
    loop {
        let (Some(0xff), Some(marker)) = (b.get(i).copied(), b.get(i + 1).copied()) else { return None };
        if marker == 0xff {
            i += 1;
            continue;
        }
        let next = i + 2 + usize::from(u16::from_be_bytes([*b.get(i + 2)?, *b.get(i + 3)?]));
        let body = b.get(i + 4..next)?;
        match marker {
            0xc4 => tables.define(body)?,
            0xc0..=0xc2 => frame = Some(Frame::read(body, i + 5, marker == 0xc2)?),
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcf => return None,
            0xda => return count(&b[next..], body, &frame?, &tables),
            _ => {}
        }
        i = next;
    }
}

impl Frame {
    fn read(body: &[u8], height_at: usize, progressive: bool) -> Option<Self> {
        let width = u32::from(u16::from_be_bytes([*body.get(3)?, *body.get(4)?]));
        let of = |c: &[u8]| Component { name: c[0], across: u32::from(c[1] >> 4).clamp(1, 4), down: u32::from(c[1] & 15).clamp(1, 4) };
        let components: Vec<Component> = body.get(6..)?.chunks_exact(3).take(usize::from(*body.get(5)?)).map(of).collect();
        (width > 0 && !components.is_empty()).then_some(Self { height_at, width, components, progressive })
    }
}

impl Tables {
    /// One or several tables: 16 counts of codes by length, then their values.
    fn define(&mut self, mut body: &[u8]) -> Option<()> {
        while !body.is_empty() {
            self.defined += 1;
            if self.defined > DEFINITIONS {
                return None;
            }
            let counts = body.get(1..17)?;
            let values = body.get(17..17 + counts.iter().map(|n| usize::from(*n)).sum::<usize>())?;
            let mut codes = vec![(0, 0); 1 << 16];
            let (mut at, mut value) = (0, values.iter());
            for (length, n) in (1_u8..).zip(counts) {
                for _ in 0..*n {
                    let all = 1 << (16 - length);
                    codes.get_mut(at..at + all)?.fill((length, *value.next()?));
                    at += all;
                }
            }
            let (class, name) = (usize::from(body[0] >> 4), usize::from(body[0] & 15));
            *self.codes.get_mut(class)?.get_mut(name)? = Some(codes);
            body = &body[17 + values.len()..];
        }
        Some(())
    }
}

fn count(data: &[u8], head: &[u8], frame: &Frame, tables: &Tables) -> Option<Held> {
    let names: Vec<(u8, u8)> = head.get(1..)?.chunks_exact(2).take(usize::from(*head.first()?)).map(|c| (c[0], c[1])).collect();
    if names.len() != frame.components.len() {
        return None;
    }
    let alone = names.len() == 1;
    let first_only = frame.progressive;
    let mut unit: Vec<(&Codes, Option<&Codes>)> = Vec::new();
    for (name, chosen) in names {
        let component = frame.components.iter().find(|c| c.name == name)?;
        let first = tables.codes[0].get(usize::from(chosen >> 4))?.as_ref()?;
        let others = if first_only { None } else { Some(tables.codes[1].get(usize::from(chosen & 15))?.as_ref()?) };
        let blocks = if alone { 1 } else { component.across * component.down };
        unit.extend((0..blocks).map(|_| (first, others)));
    }
    let most = |of: fn(&Component) -> u32| if alone { Some(1) } else { frame.components.iter().map(of).max() };
    let (across, step) = (8 * most(|c| c.across)?, 8 * most(|c| c.down)?);
    let units: u64 = intervals(data).iter().map(|bits| units(bits, &unit)).sum();
    let rows = units.div_ceil(u64::from(frame.width.div_ceil(across))) * u64::from(step);
    Some(Held { rows: u32::try_from(rows).unwrap_or(u32::MAX), step, height_at: frame.height_at })
}

/// The data between restarts, up to the next other marker, without stuffed bytes.
fn intervals(data: &[u8]) -> Vec<Vec<u8>> {
    let (mut out, mut bits) = (Vec::new(), Vec::new());
    let mut i = 0;
    while let Some(v) = data.get(i) {
        match (*v, data.get(i + 1)) {
            (0xff, Some(0xff)) => i += 1,
            (0xff, Some(0xd0..=0xd7)) => {
                out.push(std::mem::take(&mut bits));
                i += 2;
            }
            (0xff, Some(0)) => {
                bits.push(0xff);
                i += 2;
            }
            (0xff, _) => break,
            (v, _) => {
                bits.push(v);
                i += 1;
            }
        }
    }
    out.push(bits);
    out
}

/// Whole units in the bits.
fn units(b: &[u8], unit: &[(&Codes, Option<&Codes>)]) -> u64 {
    let (mut at, mut count) = (0, 0);
    while unit.iter().all(|(first, others)| pass(b, &mut at, first, *others).is_some()) {
        count += 1;
    }
    count
}

/// Passes over a block.
fn pass(b: &[u8], at: &mut usize, first: &Codes, others: Option<&Codes>) -> Option<()> {
    // The value of the first is the number of bits that follow.
    code(b, at, first, 0xff)?;
    let Some(others) = others else { return Some(()) };
    let mut k = 1;
    while k < 64 {
        // The upper half is a number of zeroes, the lower one of bits that follow.
        let value = code(b, at, others, 0x0f)?;
        match (value >> 4, value & 15) {
            (15, 0) => k += 16,
            (_, 0) => break,
            (zeroes, _) => k += usize::from(zeroes) + 1,
        }
    }
    Some(())
}

/// The next code's value, with the bits behind it passed over; none at the end.
fn code(b: &[u8], at: &mut usize, codes: &Codes, bits: u8) -> Option<u8> {
    let byte = |k: usize| u32::from(b.get(*at / 8 + k).copied().unwrap_or(0));
    let window = byte(0) << 16 | byte(1) << 8 | byte(2);
    let (length, value) = codes[(window >> (8 - *at % 8) & 0xffff) as usize];
    *at += usize::from(length) + usize::from(value & bits);
    (length > 0 && *at <= 8 * b.len()).then_some(value)
}

#[cfg(test)]
mod tests {
    use stakeout_feed::{CameraFeed, SubKey};

    use super::*;

    #[test]
    fn the_scan_of_an_ordinary_photo_holds_the_rows_that_its_head_declares() {
        let feed = CameraFeed::new(SubKey::from_bytes([1; 32]));
        for (w, h) in [(640, 480), (333, 241), (17, 9)] {
            for quality in [30, 90] {
                let held = held(&feed.jpeg(7, w, h, quality).unwrap()).unwrap();
                assert_eq!(held.rows, h.div_ceil(held.step) * held.step, "{w} x {h}");
            }
        }
        assert!(held(b"\xff\xd8\xff\xc4\0").is_none() && held(&[]).is_none());
    }
}
