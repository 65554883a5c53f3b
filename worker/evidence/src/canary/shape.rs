//! How many places of a text could have held a needle.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::is_length;

/// What a byte of a needle is; the needle itself may be any string of its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Digit,
    Letter,
    /// First byte of a UTF-8 character of so many bytes.
    Lead(u8),
    Continuation,
    /// High byte of a unified ideograph in UTF-16.
    Ideograph,
    /// A byte over 0x80 of a Chinese code page.
    High,
    Any,
    Exact(u8),
}

impl Kind {
    fn accepts(self, b: u8) -> bool {
        match self {
            Self::Digit => b.is_ascii_digit(),
            Self::Letter => b.is_ascii_alphabetic(),
            Self::Lead(2) => (0xc2..0xe0).contains(&b),
            Self::Lead(3) => (0xe0..0xf0).contains(&b),
            Self::Lead(_) => (0xf0..0xf5).contains(&b),
            Self::Continuation => (0x80..0xc0).contains(&b),
            Self::Ideograph => (0x4e..0xa0).contains(&b),
            Self::High => b > 0x80,
            Self::Any => true,
            Self::Exact(v) => v == b,
        }
    }
}

/// How a text was turned into bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    Gb18030,
}

/// Kinds of a needle's bytes, and whether its ends are the ends of a word.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Shape {
    kinds: Vec<Kind>,
    encoding: Encoding,
    word_start: bool,
    word_end: bool,
}

impl Shape {
    /// Whether the first bytes decide alone.
    fn anywhere(&self) -> bool {
        self.kinds.len() <= PREFIX && !self.word_start && !self.word_end
    }
}

/// Kinds of the first bytes, and whether it stands only where no word goes on before it.
type Begin = (Vec<Kind>, bool);

/// Shapes that begin alike.
type Group = (Begin, Vec<usize>);

/// The shapes of all needles. Those with the same first bytes are asked together.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    all: Vec<Shape>,
    groups: Vec<Group>,
    /// For each 64 groups, those that stand only where no word goes on before them.
    firsts: Vec<u64>,
    /// For each 64 groups, which of them accept a byte at each place of what they have in common.
    masks: Vec<[[u64; 256]; PREFIX]>,
    /// For each 64 groups, those of one shape that is no longer than this and may stand anywhere: where it fits it counts.
    plain: Vec<u64>,
    /// Bytes that say how long a text is that begins behind them.
    lengths: Vec<bool>,
    /// A bit for each two bytes with which any group may begin.
    begins: Vec<u64>,
    /// A bit for each kind that is in use: those that accept a byte, and for each shape what its bytes must be.
    accepted: Vec<u64>,
    wanted: Vec<Vec<u64>>,
}

/// Bytes that a group has in common.
const PREFIX: usize = 6;

impl Shapes {
    /// The shape of `text` in an encoding, and the bytes; none if it cannot be written in it.
    pub(super) fn add(&mut self, text: &str, encoding: Encoding) -> Option<(usize, Vec<u8>)> {
        let (bytes, kinds) = written(text, encoding)?;
        let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let shape = Shape { kinds, encoding, word_start: word(text.chars().next()), word_end: word(text.chars().next_back()) };
        let index = self.all.iter().position(|s| *s == shape).unwrap_or_else(|| {
            self.all.push(shape);
            self.all.len() - 1
        });
        Some((index, bytes))
    }

    /// To be called when all are added.
    pub(super) fn group(&mut self) {
        let mut groups: BTreeMap<Begin, Vec<usize>> = BTreeMap::new();
        for (i, s) in self.all.iter().enumerate() {
            let first = s.word_start && matches!(s.encoding, Encoding::Utf8 | Encoding::Gb18030);
            groups.entry((s.kinds.iter().copied().take(PREFIX).collect(), first)).or_default().push(i);
        }
        self.groups = groups.into_iter().collect();
        let kinds: BTreeSet<Kind> = self.all.iter().flat_map(|s| s.kinds.iter().copied()).collect();
        // Kinds beyond the last bit share it: more places are counted then, which is the safe side.
        let bit = |k: Kind| 1_u64 << kinds.iter().position(|o| *o == k).unwrap_or(63).min(63);
        self.accepted = (0..=255_u8).map(|b| kinds.iter().filter(|k| k.accepts(b)).fold(0, |m, k| m | bit(*k))).collect();
        self.wanted = self.all.iter().map(|s| s.kinds.iter().map(|k| bit(*k)).collect()).collect();
        self.masks = self.groups.chunks(64).map(masks).collect();
        let bits = |of: &dyn Fn(&Group) -> bool| {
            self.groups.chunks(64).map(|some| some.iter().zip(0..).map(|(g, bit)| u64::from(of(g)) << bit).sum()).collect()
        };
        self.firsts = bits(&|g| g.0.1);
        self.lengths = (0..=255).map(|v| self.all.iter().any(|s| is_length(v, s.kinds.len()))).collect();
        self.plain = bits(&|g| matches!(g.1[..], [m] if self.all[m].anywhere()));
        self.begins = (0..1024_usize).map(|word| (0..64).map(|bit| u64::from(self.may_begin(word * 64 + bit)) << bit).sum()).collect();
    }

    /// Whether something begins with these two bytes.
    fn may_begin(&self, two: usize) -> bool {
        self.masks.iter().any(|m| m[0][two >> 8] & m[1][two & 255] != 0)
    }

    /// Calls `found` with each shape and the number of its places in `b`.
    pub(super) fn count(&self, b: &[u8], mut found: impl FnMut(usize, u64)) {
        let mut counts = vec![0_u64; self.all.len()];
        for (i, w) in b.windows(3).enumerate() {
            let two = usize::from(u16::from_be_bytes([w[0], w[1]]));
            if self.begins.get(two / 64).is_none_or(|bits| bits >> (two % 64) & 1 == 0) {
                continue;
            }
            let inside = i > 0 && b[i - 1].is_ascii_alphanumeric() && !self.lengths[usize::from(b[i - 1])];
            let whole = b[i..].first_chunk::<PREFIX>();
            let known = if whole.is_some() { PREFIX } else { 0 };
            for (chunk, masks) in self.masks.iter().enumerate() {
                let mut mask = if inside { !self.firsts[chunk] } else { u64::MAX };
                // at the end of the text fewer bytes are asked, and the whole shape below
                let asked: &[u8] = whole.map_or(w, |w| w);
                for (accepting, byte) in masks.iter().zip(asked) {
                    mask &= accepting[usize::from(*byte)];
                }
                while mask != 0 {
                    let group = mask.trailing_zeros();
                    mask &= mask - 1;
                    let members = &self.groups[chunk * 64 + group as usize].1;
                    if whole.is_some() && self.plain[chunk] >> group & 1 == 1 {
                        counts[members[0]] += 1;
                        continue;
                    }
                    for &m in members {
                        let length = self.wanted[m].len();
                        if self.fits(m, &b[i..], known) && self.bounded(m, b, i, i + length) {
                            counts[m] += 1;
                        }
                    }
                }
            }
        }
        counts.into_iter().enumerate().filter(|(_, n)| *n > 0).for_each(|(i, n)| found(i, n));
    }

    /// Whether a text begins with something of this shape, of which so many bytes are known to fit.
    fn fits(&self, shape: usize, text: &[u8], known: usize) -> bool {
        let wanted = &self.wanted[shape];
        let rest = wanted.iter().zip(text).skip(known);
        text.len() >= wanted.len() && rest.into_iter().all(|(k, v)| self.accepted[usize::from(*v)] & k != 0)
    }

    /// Whether no word goes on beyond the ends, or the byte in front says that they are the ends.
    pub(super) fn bounded(&self, shape: usize, b: &[u8], start: usize, end: usize) -> bool {
        let s = &self.all[shape];
        let before = || match s.encoding {
            Encoding::Utf8 | Encoding::Gb18030 => start > 0 && b[start - 1].is_ascii_alphanumeric(),
            Encoding::Utf16Le => start > 1 && b[start - 1] == 0 && b[start - 2].is_ascii_alphanumeric(),
            Encoding::Utf16Be => start > 1 && b[start - 2] == 0 && b[start - 1].is_ascii_alphanumeric(),
        };
        let after = || match s.encoding {
            Encoding::Utf8 | Encoding::Gb18030 => b.get(end).is_some_and(u8::is_ascii_alphanumeric),
            Encoding::Utf16Le => b.get(end + 1) == Some(&0) && b[end].is_ascii_alphanumeric(),
            Encoding::Utf16Be => b.get(end) == Some(&0) && b.get(end + 1).is_some_and(u8::is_ascii_alphanumeric),
        };
        let told = || start > 0 && is_length(b[start - 1], end - start);
        (!s.word_start || !before()) && (!s.word_end || !after()) || told()
    }
}

fn masks(groups: &[Group]) -> [[u64; 256]; PREFIX] {
    let mut out = [[0; 256]; PREFIX];
    for (g, ((prefix, _), _)) in groups.iter().enumerate() {
        for (place, table) in out.iter_mut().enumerate() {
            for (byte, mask) in (0..=255_u8).zip(table.iter_mut()) {
                *mask |= u64::from(prefix.get(place).is_none_or(|k| k.accepts(byte))) << g;
            }
        }
    }
    out
}

fn written(text: &str, encoding: Encoding) -> Option<(Vec<u8>, Vec<Kind>)> {
    let ascii = |c: u8| match c {
        b'0'..=b'9' => Kind::Digit,
        b'a'..=b'z' | b'A'..=b'Z' => Kind::Letter,
        _ => Kind::Exact(c),
    };
    match encoding {
        Encoding::Utf8 => {
            let kinds = text.bytes().map(|c| match c {
                0..=0x7f => ascii(c),
                0x80..=0xbf => Kind::Continuation,
                0xc0..=0xdf => Kind::Lead(2),
                0xe0..=0xef => Kind::Lead(3),
                _ => Kind::Lead(4),
            });
            Some((text.as_bytes().to_vec(), kinds.collect()))
        }
        Encoding::Utf16Le | Encoding::Utf16Be => {
            let (mut bytes, mut kinds) = (Vec::new(), Vec::new());
            for unit in text.encode_utf16() {
                let [high, low] = unit.to_be_bytes();
                let kind = match unit {
                    0..=0x7f => [Kind::Exact(0), ascii(low)],
                    0x4e00..=0x9fff => [Kind::Ideograph, Kind::Any],
                    _ => [Kind::Exact(high), Kind::Any],
                };
                let swap = encoding == Encoding::Utf16Le;
                bytes.extend(if swap { [low, high] } else { [high, low] });
                kinds.extend(if swap { [kind[1], kind[0]] } else { kind });
            }
            Some((bytes, kinds))
        }
        Encoding::Gb18030 => {
            let (bytes, _, lossy) = encoding_rs::GB18030.encode(text);
            let mut second = false;
            let kinds = bytes.iter().map(|&c| {
                let kind = if second {
                    Kind::Any
                } else if c > 0x80 {
                    Kind::High
                } else {
                    ascii(c)
                };
                second = !second && c > 0x80;
                kind
            });
            let kinds = kinds.collect();
            (!lossy && !text.is_ascii()).then(|| (bytes.into_owned(), kinds))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(needle: &str, encoding: Encoding, b: &[u8]) -> u64 {
        let mut s = Shapes::default();
        s.add(needle, encoding).unwrap();
        s.group();
        let mut n = 0;
        s.count(b, |_, k| n += k);
        n
    }

    #[test]
    fn a_place_is_where_something_of_the_same_shape_stands() {
        assert_eq!(count("ab12@x.org", Encoding::Utf8, b"zz99@q.com, zzz9@q.com a1b2@q.com yyzz99@q.com zz99@q.comm"), 1);
        assert_eq!(count("林雨禾", Encoding::Utf8, "王小明说：你好".as_bytes()), 5);
        let utf16: Vec<u8> = "王小明说".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(count("林雨禾", Encoding::Utf16Le, &utf16), 2);
    }

    #[test]
    fn a_text_whose_length_stands_in_front_of_it_ends_where_that_says() {
        let uuid = "550e8400-e29b-41d4-a716-446655440000";
        let of = |before: &str, after: &str| count(uuid, Encoding::Utf8, format!("{before}{uuid}{after}").as_bytes());
        // A value of 36 bytes in a row of SQLite, in a protocol buffer before its tenth field, and within a word.
        assert_eq!((of("U", ""), of("$", "R"), of("V", ""), of("x", "R")), (1, 1, 0, 0));
    }
}
