//! What is put on a device before the app comes: made-up people, calls, places, each unique to the trial.
//!
//! Everything is drawn from the trial's subkey for canaries, so the same trial has the same data on any machine (a golden
//! test), and nobody without the key can have it by chance. Each value counts the bits of the key that it holds; a match is
//! worth 2^-bits for each place that was searched. Values are shaped as a person's phone would have them (names, number plans
//! and network codes follow the locale), because an app may look.
//!
//! A record names what was planted, and whoever writes a record could name more. So nobody takes its word: [`again`] draws
//! anew, and [`differs`] says what a record has otherwise. Hence the golden test: what a key gives must never change.
//!
//! Encodings of the values (percent, base64, hashes) are the detector's work; a value that a device gives in two forms (a
//! number as it was typed, and its digits) is two needles here. [`pinyin()`] says how a name of ours is written in Latin letters.

mod check;
mod constants;
mod draw;
mod people;
mod pinyin;
mod places;
mod things;
mod words;

use crate::SubKey;
use stakeout_contract::{
    Kind,
    canary::{Canary, Needle, PlantData},
    scenario::PlantSpec,
};

pub use check::{again, differs};
pub use constants::is_constant;
use draw::Draw;
pub use pinyin::pinyin;

/// What is planted and how it is recognised again. `start_millis`: the device's clock at the begin (calls and messages lie in
/// the four weeks before it). `locale`: `zh-CN` has its own names and number plan, all others share one.
pub fn plant(spec: &PlantSpec, key: &SubKey, locale: &str, start_millis: i64) -> (PlantData, Vec<Canary>) {
    let mut p = Planting { key, chinese: locale.starts_with("zh"), start_millis, data: PlantData::default(), canaries: Vec::new() };
    p.people(spec);
    p.places(spec);
    p.things(spec);
    (p.data, p.canaries)
}

struct Planting<'a> {
    key: &'a SubKey,
    chinese: bool,
    start_millis: i64,
    data: PlantData,
    canaries: Vec<Canary>,
}

impl Planting<'_> {
    fn draw(&self, kind: Kind, index: u32) -> Draw {
        Draw::new(self.key, kind.as_str(), u64::from(index))
    }

    fn canary(&mut self, kind: Kind, name: &str, label: String, needles: Vec<Needle>) {
        // Under 6 bytes a text is everywhere by chance.
        let needles: Vec<_> = needles.into_iter().filter(|n| n.text.len() >= 6).collect();
        if !needles.is_empty() {
            self.canaries.push(Canary { id: format!("{kind}/{name}"), kind, label, needles });
        }
    }
}

/// A value with the bits that it holds.
fn needle(value: &(String, u32)) -> Needle {
    Needle { text: value.0.clone(), bits: value.1 }
}

#[cfg(test)]
mod tests;
