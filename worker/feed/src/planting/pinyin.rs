//! Planted Chinese names in Latin letters.
//!
//! An address book's index, a server's sorting key or an input method has names in pinyin. Several characters of our lists sound
//! alike, and more do without their tones, so what is written so shows fewer bits of the key than the name: as many as there are by
//! which the key draws any name that is written so.

use stakeout_contract::canary::Needle;

use super::words::{GIVEN_PINYIN, GIVEN_ZH, SURNAMES_PINYIN, SURNAMES_ZH};

/// What stands behind the surname, and between the two parts of the given name: `zhangyuhe`, `zhang yuhe`, `zhang yu he`.
const GAPS: [[&str; 2]; 3] = [["", ""], [" ", ""], [" ", " "]];
/// Names that the key draws, each as likely.
const NAMES: usize = SURNAMES_ZH.len() * GIVEN_ZH.len() * GIVEN_ZH.len();

/// The ways in which a planted Chinese name is written in pinyin, in lower case, with tone marks and without, each with the bits of
/// the key that it shows. Nothing for any other text. `ü` is `v` where there are no marks.
pub fn pinyin(name: &str) -> Vec<Needle> {
    let ways: [fn(&str) -> String; 2] = [str::to_owned, toneless];
    let mut out = Vec::new();
    for written in ways {
        let surnames = SURNAMES_PINYIN.map(written);
        let given = GIVEN_PINYIN.map(written);
        let Some([a, b, c]) = sounds(name, &surnames, &given) else { return Vec::new() };
        for [apart, within] in GAPS {
            let text = format!("{a}{apart}{b}{within}{c}");
            let same = alike(&text, &surnames, &given, [apart, within]).max(1);
            out.push(Needle { text, bits: (NAMES / same).max(1).ilog2() });
        }
    }
    out
}

/// How a name of ours sounds; none if it is none.
fn sounds<'a>(name: &str, surnames: &'a [String], given: &'a [String]) -> Option<[&'a str; 3]> {
    let sound = |c: char, words: &[&str], sounds: &'a [String]| -> Option<&'a str> {
        let i = words.iter().position(|w| w.chars().eq([c]))?;
        sounds.get(i).map(String::as_str)
    };
    let mut all = name.chars();
    let name = [sound(all.next()?, &SURNAMES_ZH, surnames)?, sound(all.next()?, &GIVEN_ZH, given)?, sound(all.next()?, &GIVEN_ZH, given)?];
    all.next().is_none().then_some(name)
}

/// How many names are written like this: `yuanyuan` is a Yuan or a Yu.
fn alike(text: &str, surnames: &[String], given: &[String], [apart, within]: [&str; 2]) -> usize {
    let mut n = 0;
    for behind_surname in surnames.iter().filter_map(|s| behind(text, s, apart)) {
        for last in given.iter().filter_map(|g| behind(behind_surname, g, within)) {
            n += given.iter().filter(|g| g.as_str() == last).count();
        }
    }
    n
}

/// What follows behind a sound and a gap.
fn behind<'t>(text: &'t str, sound: &str, gap: &str) -> Option<&'t str> {
    text.strip_prefix(sound)?.strip_prefix(gap)
}

fn toneless(sound: &str) -> String {
    let plain = |c| match c {
        'ā' | 'á' | 'ǎ' | 'à' => 'a',
        'ē' | 'é' | 'ě' | 'è' => 'e',
        'ī' | 'í' | 'ǐ' | 'ì' => 'i',
        'ō' | 'ó' | 'ǒ' | 'ò' => 'o',
        'ū' | 'ú' | 'ǔ' | 'ù' => 'u',
        'ǖ' | 'ǘ' | 'ǚ' | 'ǜ' | 'ü' => 'v',
        c => c,
    };
    sound.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str) -> Vec<(String, u32)> {
        pinyin(name).into_iter().map(|n| (n.text, n.bits)).collect()
    }

    #[test]
    fn a_name_is_written_in_six_ways_each_with_the_bits_that_it_shows() {
        let expected = |all: [(&str, u32); 6]| all.map(|(t, b)| (t.to_owned(), b)).to_vec();
        // Of 2^20 names, 3 x 3 sound like this, and 4 x 3 without their tones.
        let one = [("zhāngyǔhé", 16), ("zhāng yǔhé", 16), ("zhāng yǔ hé", 16), ("zhangyuhe", 16), ("zhang yuhe", 16), ("zhang yu he", 16)];
        assert_eq!(written("张雨河"), expected(one));
        // Without gaps four that begin with Yu are written like the four of Yuan.
        let two = [("yuányǔān", 18), ("yuán yǔān", 18), ("yuán yǔ ān", 18), ("yuanyuan", 17), ("yuan yuan", 18), ("yuan yu an", 18)];
        assert_eq!(written("袁雨安"), expected(two));
        assert_eq!(written("吕一宁")[5], ("lv yi ning".to_owned(), 18));
    }

    #[test]
    fn no_other_text_is_a_name() {
        for text in ["", "张", "张雨", "张雨河河", "雨张河", "Zhang Yuhe", "和张雨河吃饭"] {
            assert!(pinyin(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn no_way_of_writing_claims_more_bits_than_the_key_has_for_it() {
        for (surname, given) in [("于", "安远"), ("袁", "玉安"), ("王", "彦妍"), ("吴", "荷禾")] {
            for n in pinyin(&format!("{surname}{given}")) {
                let same = |s: &str, a: &str, b: &str| pinyin(&format!("{s}{a}{b}")).iter().any(|o| o.text == n.text);
                let near =
                    SURNAMES_ZH.iter().zip(&SURNAMES_PINYIN).filter(|(_, p)| n.text.starts_with(&toneless(p)) || n.text.starts_with(*p));
                let sounding = |p: &&str| n.text.contains(&toneless(p)) || n.text.contains(*p);
                let parts: Vec<&str> = GIVEN_ZH.iter().zip(&GIVEN_PINYIN).filter(|(_, p)| sounding(p)).map(|(z, _)| *z).collect();
                let count: usize =
                    near.map(|(s, _)| parts.iter().map(|a| parts.iter().filter(|b| same(s, a, b)).count()).sum::<usize>()).sum();
                assert_eq!(n.bits, (NAMES / count).ilog2(), "{}", n.text);
            }
        }
    }
}
