//! From matches to probabilities.
//!
//! One needle: p = 2^-bits x places of its class x ways of writing it x needles. It bounds the chance that this needle, or any
//! other of the trial, is anywhere by chance with as few bits per place. A way may show fewer bits than the needle has (a number that
//! was rounded, a name that sounds like others): the bits of the match count, and each way has its share of the risk.
//!
//! Several needles: values of different canaries are drawn independently, so the chance that k of them lie in the searched bytes
//! by chance is the product of their chances, times the number of ways to choose k of n. Matches of one kind in one file are one
//! statement ("the address book is in this request"), and that product is its probability. Which needles join is decided twice,
//! each with half of the risk: those whose own chance is at most 1e-3, and those at most 0.1, so that an address book among very
//! many other numbers, where each of its numbers alone says little, is still seen.
//!
//! An address book can also be sent one number at a time. So matches of one kind in all files of one role join as well. But that they
//! are in these files together says little of each: in one of them a number may be there by chance, and that one would date what was
//! taken. So such a statement is a lead at most.

use std::collections::{BTreeMap, HashMap};

use stakeout_contract::{Kind, artifact::Role};

use super::{Class, Hit, Index, Places};

/// log10 of the chances at which a needle may join others.
const JOINS: [f64; 2] = [-3.0, -1.0];

/// log10 of the least probability that is told for matches in several files: a lead's.
const TOGETHER: f64 = -8.0;

/// What matches join in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Scope {
    File(usize),
    /// All files of a role.
    Together(Option<Role>),
}

/// Probabilities of the matches of one analysis.
pub(crate) struct Scores<'a> {
    index: &'a Index,
    places: &'a Places,
    roles: &'a [Option<Role>],
    groups: HashMap<(Scope, Kind), [f64; JOINS.len()]>,
}

impl<'a> Scores<'a> {
    /// `hits` with the file that each is in, of which `roles` says what it is. Places must be those of everything that was searched.
    pub(crate) fn new<'h>(
        index: &'a Index,
        places: &'a Places,
        roles: &'a [Option<Role>],
        hits: impl Iterator<Item = (usize, &'h Hit)>,
    ) -> Self {
        let mut out = Self { index, places, roles, groups: HashMap::new() };
        // By scope and kind, then canary: the best of its needles that are digits, that hold none, and of the others.
        let mut best: BTreeMap<(Scope, Kind, usize), [f64; 3]> = BTreeMap::new();
        for (file, hit) in hits {
            let n = &index.needles[hit.needle];
            let slot = if n.digits_only {
                0
            } else if n.has_digits {
                2
            } else {
                1
            };
            let own = out.chance(hit);
            for scope in out.scopes(file) {
                let kept = &mut best.entry((scope, index.kinds[n.canary], n.canary)).or_insert([0.0; 3])[slot];
                *kept = kept.min(own);
            }
        }
        for (slot, joins) in JOINS.into_iter().enumerate() {
            let mut factors: BTreeMap<(Scope, Kind), Vec<f64>> = BTreeMap::new();
            for ((scope, kind, _), [digits, letters, mixed]) in &best {
                // What has digits and letters may depend on both of the others.
                let several = [*digits, *letters].into_iter().filter(|l| *l <= joins).collect::<Vec<_>>();
                let list = factors.entry((*scope, *kind)).or_default();
                if *mixed <= joins && *mixed < several.iter().sum() { list.push(*mixed) } else { list.extend(several) }
            }
            for ((scope, kind), list) in factors.into_iter().filter(|(_, list)| !list.is_empty()) {
                let n = 2.0 * index.kinds.iter().filter(|k| **k == kind).count() as f64;
                // n^k / k! bounds the choices of k of n, and there are n values of k.
                let choices: f64 = (1..=list.len()).map(|k| (n / k as f64).log10()).sum();
                let p = list.iter().sum::<f64>() + choices.max(0.0) + n.log10() + (JOINS.len() as f64).log10();
                let kept = out.groups.entry((scope, kind)).or_insert([f64::INFINITY; JOINS.len()]);
                kept[slot] = p;
            }
        }
        out
    }

    /// What the matches of a file join in.
    fn scopes(&self, file: usize) -> [Scope; 2] {
        [Scope::File(file), Scope::Together(self.roles.get(file).copied().flatten())]
    }

    /// log10 of the chance of one needle, over all places and its ways of being written.
    fn chance(&self, hit: &Hit) -> f64 {
        let places = match hit.class {
            Class::Spelled(shape) => self.places.get(&Class::Text(shape)),
            _ => self.places.get(&hit.class),
        };
        let places = places.copied().unwrap_or(0).max(1) as f64;
        let [itself, digests, encoded, spelled] = self.index.needles[hit.needle].ways;
        // A value itself has half of the risk, its digests a quarter; its short forms in other alphabets have a quarter, which they
        // share with its sound where it has one.
        let last = if spelled == 0 { 4 } else { 8 };
        let ways = match hit.class {
            Class::Base64(_) | Class::Hex(16 | 32 | 40 | 64) => (2 * itself).max(4 * digests),
            Class::InBase64(_) | Class::InHex(_) => last * encoded,
            Class::Spelled(_) => last * spelled,
            _ => 2 * itself,
        };
        let ways = f64::from(ways.max(2));
        (-f64::from(hit.bits) * std::f64::consts::LOG10_2 + places.log10() + ways.log10()).min(0.0)
    }

    /// log10 of the probability that is told for a match in a file.
    pub(crate) fn log10_p(&self, file: usize, hit: &Hit) -> f64 {
        let own = self.chance(hit) + (self.index.needles.len() as f64).log10();
        let kind = self.index.kinds[self.index.needles[hit.needle].canary];
        let chance = self.chance(hit);
        let [alone, together] = self.scopes(file).map(|scope| {
            let groups = self.groups.get(&(scope, kind)).copied().unwrap_or([f64::INFINITY; JOINS.len()]);
            JOINS.iter().zip(groups).filter(|(joins, _)| chance <= **joins).map(|(_, p)| p).fold(f64::INFINITY, f64::min)
        });
        // Who looks at files both alone and together looks twice.
        let together = (together + std::f64::consts::LOG10_2).max(TOGETHER);
        own.min(alone).min(together).min(0.0)
    }
}

#[cfg(test)]
mod tests {
    use stakeout_contract::canary::{Canary, Needle};

    use super::*;

    fn contact(i: u32, phone: &str, bits: u32) -> Canary {
        Canary {
            id: format!("contacts/{i}"),
            kind: Kind::Contacts,
            label: String::new(),
            needles: vec![Needle { text: phone.into(), bits }],
        }
    }

    #[test]
    fn one_short_number_is_no_proof_and_three_together_are() {
        let phones = ["13988120417", "13712345678", "13698765432"];
        let canaries: Vec<Canary> = (0..).zip(phones).map(|(i, p)| contact(i, p, 26)).collect();
        let index = Index::new(&canaries);
        let score = |text: &str| {
            let mut places = Places::new();
            let hits = index.search(text.as_bytes(), &mut places);
            let scores = Scores::new(&index, &places, &[], hits.iter().map(|h| (0, h)));
            hits.iter().map(|h| scores.log10_p(0, h)).collect::<Vec<_>>()
        };
        let one = score("call 13988120417, not 13900000000");
        assert!(one.len() == 1 && (-7.0..-4.0).contains(&one[0]), "{one:?}");
        let all = score("13988120417;137-1234-5678;+86 136 9876 5432");
        assert!(all.len() == 3 && all.iter().all(|p| *p < -9.0), "{all:?}");
    }

    #[test]
    fn a_name_in_latin_letters_shows_fewer_bits_and_takes_none_of_the_names_own_risk() {
        let score = |name: &str, text: &str| {
            let index = Index::new(&[contact(0, name, 20)]);
            let mut places = Places::new();
            let hits = index.search(text.as_bytes(), &mut places);
            Scores::new(&index, &places, &[], hits.iter().map(|h| (0, h))).log10_p(0, &hits[0])
        };
        // The second is no name of ours, so nobody knows how it sounds.
        assert!((score("张雨河", "张雨河") - score("张雨好", "张雨好")).abs() < 1e-9);
        // 16 bits; one place of this shape; six ways that share an eighth of the risk; one needle, and no better as one of a group.
        let expected = -16.0 * std::f64::consts::LOG10_2 + 48_f64.log10();
        assert!((score("张雨河", "zhang yuhe") - expected).abs() < 1e-9, "{}", score("张雨河", "zhang yuhe"));
    }

    #[test]
    fn an_address_book_among_a_million_numbers_is_seen_and_chance_is_not() {
        let phone = |n: u64| format!("139{n:08}");
        let canaries: Vec<Canary> = (0..25).map(|i| contact(i, &phone(12_345_678 + u64::from(i) * 3_141_592), 26)).collect();
        let index = Index::new(&canaries);
        let others = (0..400_000_u64).map(|i| phone(i * 211 % 100_000_000)).collect::<Vec<_>>().join(",");
        let least = |text: &str| {
            let mut places = Places::new();
            let hits = index.search(text.as_bytes(), &mut places);
            let scores = Scores::new(&index, &places, &[], hits.iter().map(|h| (0, h)));
            hits.iter().map(|h| scores.log10_p(0, h)).fold(0.0, f64::min)
        };
        let mine = canaries.iter().map(|c| c.needles[0].text.clone()).collect::<Vec<_>>().join(",");
        assert!(least(&format!("{others},{mine}")) < -9.0, "{}", least(&format!("{others},{mine}")));
        // The sequence alone holds some of them, as chance would.
        assert!(least(&others) > -3.0, "{}", least(&others));
    }

    #[test]
    fn an_address_book_that_is_sent_one_number_at_a_time_among_many_others_is_a_lead() {
        let phone = |n: u64| format!("139{n:08}");
        let canaries: Vec<Canary> = (0..25).map(|i| contact(i, &phone(12_345_678 + u64::from(i) * 3_141_592), 26)).collect();
        let index = Index::new(&canaries);
        let mut places = Places::new();
        let others = (0..400_000_u64).map(|i| phone(i * 211 % 100_000_000)).collect::<Vec<_>>().join(",");
        index.search(others.as_bytes(), &mut places);
        let each: Vec<(usize, Hit)> = canaries
            .iter()
            .enumerate()
            .flat_map(|(i, c)| index.search(c.needles[0].text.as_bytes(), &mut places).into_iter().map(move |h| (i, h)))
            .collect();
        let p = |roles: &[Option<Role>]| {
            let scores = Scores::new(&index, &places, roles, each.iter().map(|(i, h)| (*i, h)));
            each.iter().map(|(i, h)| scores.log10_p(*i, h)).fold(f64::NEG_INFINITY, f64::max)
        };
        assert!((p(&[Some(Role::FlowRequest); 25]) - TOGETHER).abs() < 1e-9);
        // Files of many roles say nothing together.
        let apart: Vec<Option<Role>> = (0..25).map(|i| if i % 25 == 0 { Some(Role::AppFile) } else { Some(Role::FlowRequest) }).collect();
        assert!(p(&apart) > -2.0, "{}", p(&apart));
    }

    #[test]
    fn places_elsewhere_weaken_a_match() {
        let index = Index::new(&[contact(0, "13988120417", 40)]);
        let score = |noise: &str| {
            let mut places = Places::new();
            index.search(noise.as_bytes(), &mut places);
            let hits = index.search(b"13988120417", &mut places);
            Scores::new(&index, &places, &[], hits.iter().map(|h| (0, h))).log10_p(0, &hits[0])
        };
        let many = (0..1000).map(|i| format!("{} ", 13_000_000_000_u64 + i * 7)).collect::<Vec<_>>().join("x");
        assert!((score(&many) - score("") - 3.0).abs() < 0.01, "{} {}", score(&many), score(""));
    }
}
