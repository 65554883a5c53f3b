//! From a needle to the ways of writing it.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use md5::Md5;
use sha1::Sha1;
use sha2::Sha256;
use stakeout_contract::{Kind, canary::Canary};

use super::{
    Index, NeedleInfo, PairForm, Pattern, PlaceForm,
    shape::{Encoding, Shapes},
};

/// Country codes with national numbers of ten or eleven digits, which are also searched without the code.
const COUNTRY_CODES: &[&str] = &["86", "1", "7", "44", "49", "91"];
const ENCODINGS: [Encoding; 4] = [Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be, Encoding::Gb18030];
/// Fewest bytes of a needle.
const LEAST: usize = 6;
/// Fewest bits of a needle.
const LEAST_BITS: u32 = 8;

#[derive(Default)]
struct Builder {
    texts: Vec<(Vec<u8>, Pattern)>,
    shapes: Shapes,
    digits: HashMap<Vec<u8>, Vec<usize>>,
    hexes: HashMap<Vec<u8>, Vec<usize>>,
    base64s: HashMap<Vec<u8>, Vec<usize>>,
    macs: HashMap<[u8; 6], Vec<usize>>,
    pairs: Vec<PairForm>,
    places: Vec<PlaceForm>,
    /// Ways of the needle that is being added: itself, digests of it, how it sounds.
    ways: [u32; 3],
}

pub(super) fn build(canaries: &[Canary]) -> Index {
    let mut needles = Vec::new();
    let mut b = Builder::default();
    for (canary, c) in canaries.iter().enumerate() {
        for n in c.needles.iter().filter(|n| n.text.len() >= LEAST && n.bits >= LEAST_BITS) {
            b.ways = [0; 3];
            b.needle(needles.len(), c.kind, n.text.trim());
            b.spelled(needles.len(), n.text.trim());
            let digits = |c: char| c.is_ascii_digit();
            needles.push(NeedleInfo {
                canary,
                bits: n.bits,
                ways: b.ways,
                digits_only: n.text.chars().all(|c| digits(c) || matches!(c, ' ' | '-' | '+' | '(' | ')')),
                has_digits: n.text.chars().any(digits),
            });
        }
    }
    b.shapes.group();
    let texts = AhoCorasick::builder().ascii_case_insensitive(true).build(b.texts.iter().map(|t| &t.0)).ok();
    Index {
        needles,
        kinds: canaries.iter().map(|c| c.kind).collect(),
        ids: canaries.iter().map(|c| c.id.clone()).collect(),
        texts: texts.filter(|_| !b.texts.is_empty()),
        patterns: b.texts.iter().map(|t| t.1).collect(),
        shapes: b.shapes,
        digits: b.digits,
        hexes: b.hexes,
        base64s: b.base64s,
        macs: b.macs,
        pairs: b.pairs,
        places: b.places,
    }
}

impl Builder {
    fn needle(&mut self, needle: usize, kind: Kind, text: &str) {
        if kind == Kind::Cell
            && let Some(values) = cell(text)
        {
            self.pairs.push(PairForm { needle, values });
            self.ways[0] += 1 + u32::from(super::numbers::has_letter(values));
            return;
        }
        if kind == Kind::Location
            && let Some((lat, lon)) = position(text)
        {
            self.pairs.extend(millionths(&lat, &lon).map(|values| PairForm { needle, values }));
            self.places.push(PlaceForm { needle, lat, lon });
            self.ways[0] += 3;
            return;
        }
        let mut forms = vec![text.to_owned(), text.to_lowercase(), text.to_uppercase()];
        if let Some(mac) = mac(text) {
            add(&mut self.macs, mac, needle);
            self.run(needle, hex::encode(mac));
            self.ways[0] += 1;
            forms.extend([hex::encode(mac), hex::encode_upper(mac)]);
            self.text(needle, text, &ENCODINGS[1..3]);
        } else if let Some(numbers) = number(text) {
            for n in &numbers {
                add(&mut self.digits, n.clone().into_bytes(), needle);
                self.ways[0] += 1;
            }
            forms.extend(numbers.iter().flat_map(|n| [n.clone(), format!("+{n}")]));
            self.text(needle, &numbers[0], &ENCODINGS[1..3]);
        } else if text.len() >= 8 && text.bytes().all(|c| c.is_ascii_hexdigit()) {
            self.run(needle, text.to_lowercase());
            self.text(needle, text, &ENCODINGS[1..3]);
        } else {
            self.text(needle, text, &ENCODINGS);
        }
        self.digests(needle, forms);
    }

    fn text(&mut self, needle: usize, text: &str, encodings: &[Encoding]) {
        for &e in encodings {
            if let Some((shape, bytes)) = self.shapes.add(text, e) {
                self.texts.push((bytes, Pattern { needle, shape, spelled: None }));
                self.ways[0] += 1;
            }
        }
    }

    /// A planted Chinese name in Latin letters. In UTF-16 it is found as any text is that was undone.
    fn spelled(&mut self, needle: usize, name: &str) {
        for n in stakeout_feed::planting::pinyin(name).iter().filter(|n| n.text.len() >= LEAST && n.bits >= LEAST_BITS) {
            if let Some((shape, bytes)) = self.shapes.add(&n.text, Encoding::Utf8) {
                self.texts.push((bytes, Pattern { needle, shape, spelled: Some(n.bits) }));
                self.ways[2] += 1;
            }
        }
    }

    fn run(&mut self, needle: usize, digits: String) {
        add(&mut self.hexes, digits.into_bytes(), needle);
        self.ways[0] += 1;
    }

    /// MD5, SHA-1 and SHA-256, as hexadecimal and as base64: how identifiers are "anonymised".
    fn digests(&mut self, needle: usize, mut forms: Vec<String>) {
        forms.sort();
        forms.dedup();
        for f in &forms {
            let f = f.as_bytes();
            let md5 = <Md5 as md5::Digest>::digest(f).to_vec();
            let sha1 = <Sha1 as sha1::Digest>::digest(f).to_vec();
            let sha256 = <Sha256 as sha2::Digest>::digest(f).to_vec();
            for d in [md5, sha1, sha256] {
                add(&mut self.hexes, hex::encode(&d).into_bytes(), needle);
                add(&mut self.base64s, BASE64_STANDARD_NO_PAD.encode(&d).into_bytes(), needle);
            }
        }
        // A place may match any of the forms, so each of them is a test of its own.
        self.ways[1] += 6 * forms.len() as u32;
    }
}

fn add<K: Eq + std::hash::Hash>(table: &mut HashMap<K, Vec<usize>>, key: K, needle: usize) {
    let list = table.entry(key).or_default();
    if list.last() != Some(&needle) {
        list.push(needle);
    }
}

/// Area and cell of `460-00-12345-67890123` or `12345:67890123`: the last two numbers.
fn cell(text: &str) -> Option<[u64; 2]> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
    let last = numbers.next_back()?.parse().ok()?;
    Some([numbers.next_back()?.parse().ok()?, last])
}

type Decimal = (String, String);

/// `39.904211,116.407395`.
fn position(text: &str) -> Option<(Decimal, Decimal)> {
    let mut numbers = text.split([',', ' ', ';', '/']).filter(|n| !n.is_empty()).map(|n| n.split_once('.'));
    let (lat, lon) = (numbers.next()??, numbers.next()??);
    let own = |d: (&str, &str)| (d.0.to_owned(), d.1.to_owned());
    let decimal = |d: &(&str, &str)| d.1.len() >= 4 && d.1.len() < 16 && d.1.bytes().all(|c| c.is_ascii_digit());
    (decimal(&lat) && decimal(&lon)).then(|| (own(lat), own(lon)))
}

/// The same as whole millionths of a degree, as some maps want them.
fn millionths(lat: &Decimal, lon: &Decimal) -> Option<[u64; 2]> {
    let one = |d: &Decimal| format!("{}{:0<6.6}", d.0.trim_start_matches('-'), d.1).parse().ok();
    Some([one(lat)?, one(lon)?])
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let plain: String = text.chars().filter(|c| !matches!(c, ':' | '-')).collect();
    let mut out = [0; 6];
    (text.len() == 17 && hex::decode_to_slice(plain, &mut out).is_ok()).then_some(out)
}

/// The digits of a number that people write with separators, and those without its country code.
fn number(text: &str) -> Option<Vec<String>> {
    if !text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')')) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 6 {
        return None;
    }
    let mut out = vec![digits.clone()];
    if text.starts_with('+')
        && let Some(national) = COUNTRY_CODES.iter().find_map(|c| digits.strip_prefix(c)).filter(|n| n.len() >= 8)
    {
        out.push(national.to_owned());
        out.push(format!("00{digits}"));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_chinese_name_is_found_in_latin_letters() {
        let needles = vec![stakeout_contract::canary::Needle { text: "张雨河".into(), bits: 20 }];
        let canary = Canary { id: "contacts/0".into(), kind: Kind::Contacts, label: String::new(), needles };
        let index = Index::new(&[canary]);
        let found = |text: &str| index.search(text.as_bytes(), &mut super::super::Places::new());
        for text in ["Zhang Yuhe", "ZHANG YU HE", "zhangyuhe", "zhāng yǔhé", "Zhāng yǔ hé", "zhāngyǔhé"] {
            let hits = found(&format!("to={text};"));
            assert!(hits.len() == 1 && hits[0].bits == 16 && matches!(hits[0].class, super::super::Class::Spelled(_)), "{text}: {hits:?}");
        }
        assert_eq!(found("张雨河")[0].bits, 20);
        for text in ["zhang yuh", "xzhangyuhe", "zhangyuhe2", "zhang-yuhe", "yuhe zhang", "zháng yǔhé"] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn needles_are_read_by_what_they_are() {
        assert_eq!(cell("460-00-12345-67890123"), Some([12345, 67_890_123]));
        assert_eq!(cell("1234567"), None);
        let (lat, lon) = position("39.904211,-116.4073951").unwrap();
        assert_eq!(millionths(&lat, &lon), Some([39_904_211, 116_407_395]));
        assert_eq!(number("+86 139 8812 0417").unwrap(), ["8613988120417", "13988120417", "008613988120417"]);
        assert_eq!(number("13988120417").unwrap().len(), 1);
        assert_eq!(mac("A4:5e:60:00:01:ff"), Some([0xa4, 0x5e, 0x60, 0, 1, 0xff]));
    }
}
