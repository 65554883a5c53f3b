//! From a needle to the ways of writing it.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use md5::Md5;
use sha1::Sha1;
use sha2::Sha256;
use stakeout_contract::{Kind, canary::Canary};

use super::{
    Index, NeedleInfo, PairForm, Pattern, PlaceForm, Runs,
    encoded::Encoded,
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
    hexes: Runs,
    base64s: Runs,
    encoded: Encoded,
    macs: HashMap<[u8; 6], Vec<usize>>,
    pairs: Vec<PairForm>,
    places: Vec<PlaceForm>,
    /// Ways of the needle that is being added: itself, digests of it, itself in other alphabets, how it sounds.
    ways: [u32; 4],
    /// Its bits.
    bits: u32,
}

pub(super) fn build(canaries: &[Canary]) -> Index {
    let mut needles = Vec::new();
    let mut b = Builder::default();
    for (canary, c) in canaries.iter().enumerate() {
        for n in c.needles.iter().filter(|n| n.text.len() >= LEAST && n.bits >= LEAST_BITS) {
            b.ways = [0; 4];
            b.bits = n.bits.saturating_sub(case_bits(c.kind, n.text.trim()));
            b.needle(needles.len(), c.kind, n.text.trim());
            b.spelled(needles.len(), n.text.trim());
            let digits = |c: char| c.is_ascii_digit();
            needles.push(NeedleInfo {
                canary,
                bits: b.bits,
                ways: b.ways,
                digits_only: n.text.chars().all(|c| digits(c) || matches!(c, ' ' | '-' | '+' | '(' | ')')),
                has_digits: n.text.chars().any(digits),
            });
        }
    }
    b.shapes.group();
    b.encoded.ready();
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
        encoded: b.encoded,
        macs: b.macs,
        pairs: b.pairs,
        places: b.places,
    }
}

impl Builder {
    fn needle(&mut self, needle: usize, kind: Kind, text: &str) {
        let bits = self.bits;
        if kind == Kind::Cell
            && let Some(values) = cell(text)
        {
            self.pairs.push(PairForm { needle, values, bits });
            self.ways[0] += 1 + u32::from(super::numbers::has_letter(values));
            let [area, cell] = values;
            let spelt = [text.to_owned(), text.replace('-', ""), format!("{area}{cell}")];
            let parted = ["-", ",", ":", "_", "|"].map(|by| format!("{area}{by}{cell}"));
            self.digests(needle, spelt.into_iter().chain(parted).map(|f| (f, bits)).collect());
            return;
        }
        if kind == Kind::Location
            && let Some((lat, lon)) = position(text)
        {
            for decimals in [6, 7] {
                let bits = bits.saturating_sub(lost(&lat, decimals) + lost(&lon, decimals));
                for values in scaled(&lat, &lon, decimals) {
                    self.pairs.push(PairForm { needle, values, bits });
                    self.ways[0] += 1 + u32::from(super::numbers::has_letter(values));
                }
            }
            self.digests(needle, spelt(&lat, &lon, bits));
            self.places.push(PlaceForm { needle, lat, lon });
            self.ways[0] += 1;
            return;
        }
        let mut forms = vec![text.to_owned(), text.to_lowercase(), text.to_uppercase()];
        if let Some(mac) = mac(text) {
            add(&mut self.macs, mac, needle);
            self.run(needle, hex::encode(mac));
            self.ways[0] += 1;
            forms.extend([hex::encode(mac), hex::encode_upper(mac)]);
            self.text(needle, text, &ENCODINGS[1..3]);
            self.encoded(needle, forms.clone());
        } else if let Some(numbers) = number(text) {
            for n in &numbers {
                add(&mut self.digits, n.clone().into_bytes(), needle);
                self.ways[0] += 1;
            }
            forms.extend(numbers.iter().flat_map(|n| [n.clone(), format!("+{n}")]));
            self.text(needle, &numbers[0], &ENCODINGS[1..3]);
            // It is within what it is with its country code.
            self.encoded(needle, vec![numbers.get(1).unwrap_or(&numbers[0]).clone()]);
        } else if text.len() >= 8 && text.bytes().all(|c| c.is_ascii_hexdigit()) {
            self.run(needle, text.to_lowercase());
            self.text(needle, text, &ENCODINGS[1..3]);
            self.encoded(needle, forms.clone());
        } else {
            self.text(needle, text, &ENCODINGS);
            self.encoded(needle, forms.clone());
        }
        self.digests(needle, forms.into_iter().map(|f| (f, bits)).collect());
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
                self.ways[3] += 1;
            }
        }
    }

    fn run(&mut self, needle: usize, digits: String) {
        let bits = self.bits;
        add(&mut self.hexes, digits.into_bytes(), (needle, bits));
        self.ways[0] += 1;
    }

    /// The same text in base64 and hexadecimal digits, where those are too few to be decoded.
    fn encoded(&mut self, needle: usize, mut forms: Vec<String>) {
        forms.sort();
        forms.dedup();
        for f in &forms {
            self.ways[2] += self.encoded.add(f, needle, self.bits);
        }
    }

    /// MD5, SHA-1 and SHA-256, as hexadecimal, whole and cut, and as base64: how identifiers are "anonymised". Each text with the
    /// bits of the needle that it holds.
    fn digests(&mut self, needle: usize, mut forms: Vec<(String, u32)>) {
        forms.sort();
        forms.dedup();
        for (text, bits) in &forms {
            let text = text.as_bytes();
            let md5 = <Md5 as md5::Digest>::digest(text).to_vec();
            let sha1 = <Sha1 as sha1::Digest>::digest(text).to_vec();
            let sha256 = <Sha256 as sha2::Digest>::digest(text).to_vec();
            for (digest, cuts) in [(md5, [0..16, 8..24]), (sha1, [0..16, 0..32]), (sha256, [0..16, 0..32])] {
                let digits = hex::encode(&digest);
                for cut in cuts.into_iter().chain(std::iter::once(0..digits.len())) {
                    let bits = (4 * cut.len() as u32).min(*bits);
                    add(&mut self.hexes, digits.as_bytes()[cut].to_vec(), (needle, bits));
                    // A place may match any of them, so each is a test of its own.
                    self.ways[1] += 1;
                }
                add(&mut self.base64s, BASE64_STANDARD_NO_PAD.encode(&digest).into_bytes(), (needle, *bits));
                self.ways[1] += 1;
            }
        }
    }
}

fn add<K: Eq + std::hash::Hash, V: PartialEq>(table: &mut HashMap<K, Vec<V>>, key: K, needle: V) {
    let list = table.entry(key).or_default();
    if list.last() != Some(&needle) {
        list.push(needle);
    }
}

/// Bits that the case of its letters has of a network's name, each of which was drawn large or small behind its maker's name. No
/// search looks at the case, so a match does not show them.
fn case_bits(kind: Kind, text: &str) -> u32 {
    let drawn = text.rsplit(['-', '_']).next().unwrap_or_default();
    let letters = drawn.chars().filter(char::is_ascii_alphabetic).count() as u32;
    if kind == Kind::Wifi && mac(text).is_none() { letters } else { 0 }
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

/// The same as whole numbers of so many decimals, as some maps want them: cut off, and rounded up.
fn scaled(lat: &Decimal, lon: &Decimal, decimals: usize) -> Vec<[u64; 2]> {
    let both = |d: &Decimal| -> Vec<u64> {
        let cut = format!("{}{:0<decimals$.decimals$}", d.0.trim_start_matches('-'), d.1).parse::<u64>();
        let up = u64::from(d.1.len() > decimals);
        cut.map_or_else(|_| Vec::new(), |v| (v..=v + up).collect())
    };
    let lons = both(lon);
    both(lat).into_iter().flat_map(|a| lons.iter().map(move |b| [a, *b])).collect()
}

/// The usual ways to spell a position as one text, with all decimals and with six, and the bits of each.
fn spelt(lat: &Decimal, lon: &Decimal, bits: u32) -> Vec<(String, u32)> {
    let mut out = Vec::new();
    for decimals in [6, usize::MAX] {
        let bits = bits.saturating_sub(lost(lat, decimals) + lost(lon, decimals));
        let one = |d: &Decimal| format!("{}.{}", d.0, &d.1[..d.1.len().min(decimals)]);
        let (lat, lon) = (one(lat), one(lon));
        out.extend([",", ", ", ":", ";", "_", "|", " "].map(|by| (format!("{lat}{by}{lon}"), bits)));
        out.push((format!("{lon},{lat}"), bits));
    }
    out
}

/// Bits of a coordinate that are lost with all but so many of its decimals.
fn lost(d: &Decimal, decimals: usize) -> u32 {
    (d.1.len().saturating_sub(decimals) as f64 * std::f64::consts::LOG2_10).ceil() as u32
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
        assert_eq!(scaled(&lat, &lon, 6), [[39_904_211, 116_407_395], [39_904_211, 116_407_396]]);
        assert_eq!(scaled(&lat, &lon, 7), [[399_042_110, 1_164_073_951]]);
        assert_eq!(number("+86 139 8812 0417").unwrap(), ["8613988120417", "13988120417", "008613988120417"]);
        assert_eq!(number("13988120417").unwrap().len(), 1);
        assert_eq!(mac("A4:5e:60:00:01:ff"), Some([0xa4, 0x5e, 0x60, 0, 1, 0xff]));
    }

    fn bits(kind: Kind, text: &str, bits: u32, searched: &str) -> Vec<u32> {
        let canary = Canary {
            id: "it".into(),
            kind,
            label: String::new(),
            needles: vec![stakeout_contract::canary::Needle { text: text.into(), bits }],
        };
        let hits = Index::new(&[canary]).search(searched.as_bytes(), &mut super::super::Places::new());
        hits.iter().map(|h| h.bits).collect()
    }

    #[test]
    fn a_match_claims_no_more_bits_than_it_shows() {
        let place = "39.904211123,116.407395987";
        // 65 bits in nine decimals each; six show 45, seven 51.
        assert_eq!(bits(Kind::Location, place, 65, "39904211|116407396"), [45]);
        assert_eq!(bits(Kind::Location, place, 65, "399042111|1164073960"), [51]);
        assert_eq!(bits(Kind::Location, place, 65, "39904213|116407396"), [0_u32; 0]);
        let digest = |s: &str| hex::encode(<Sha256 as sha2::Digest>::digest(s.as_bytes()));
        assert_eq!(bits(Kind::Location, place, 65, &digest(place)), [65]);
        assert_eq!(bits(Kind::Location, place, 65, &digest("39.904211, 116.407395")), [45]);
        assert_eq!(bits(Kind::Location, place, 65, &digest(place)[..16]), [64]);
        assert_eq!(bits(Kind::Cell, "460-00-28411-190223847", 42, &digest("28411:190223847")), [42]);
        // Four letters of the name were drawn large or small.
        assert_eq!(bits(Kind::Wifi, "TP-LINK_aB3kQ72", 43, "tp-link_ab3kq72"), [39]);
        assert_eq!(bits(Kind::Wifi, "a6:5e:60:9c:31:ff", 46, "A6:5E:60:9C:31:FF"), [46]);
    }
}
