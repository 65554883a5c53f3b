//! A fingerprint of sound: the place in the delivered sound whose fingerprint is nearest.

use rusty_chromaprint::{Configuration, Fingerprinter, match_fingerprints};

use crate::score::Named;

/// A setting of the crate, and the fingerprint of what each trial delivered.
pub(crate) struct Prints {
    pub(crate) name: String,
    config: Configuration,
    /// The crate's own matching, or else the place where the fewest bits differ.
    segments: bool,
    originals: Vec<Vec<u32>>,
}

/// The crate's default first.
pub(crate) fn settings() -> Vec<Prints> {
    let presets = [("2", Configuration::preset_test2()), ("1", Configuration::preset_test1())];
    [(true, "segments"), (false, "fewest bits")]
        .iter()
        .flat_map(|&(segments, how)| {
            presets.iter().map(move |(name, config)| Prints {
                name: format!("preset {name}, {how}"),
                config: config.clone(),
                segments,
                originals: Vec::new(),
            })
        })
        .collect()
}

impl Prints {
    pub(crate) fn usual() -> f64 {
        // The crate drops segments at 10 bits of 32 by itself.
        10.0
    }

    fn print(&self, sound: &[i16], rate: u32) -> Vec<u32> {
        let mut printer = Fingerprinter::new(&self.config);
        printer.start(rate, 1).unwrap();
        printer.consume(sound);
        printer.finish();
        printer.fingerprint().to_vec()
    }

    pub(crate) fn learn(&mut self, original: &[i16], rate: u32) {
        let print = self.print(original, rate);
        self.originals.push(print);
    }

    /// The place in this trial's sound, whose first sample is at `from` milliseconds. The distance is in bits of 32.
    pub(crate) fn read(&self, sound: &[i16], rate: u32, trial: usize, from: u64) -> (Named, f64) {
        let (print, original) = (self.print(sound, rate), &self.originals[trial]);
        let found = if self.segments {
            match_fingerprints(original, &print, &self.config)
                .unwrap()
                .into_iter()
                .max_by_key(|s| s.items_count)
                .map(|s| (s.offset1 as i64 - s.offset2 as i64, s.score))
        } else if print.is_empty() {
            None
        } else {
            original
                .windows(print.len())
                .map(|w| w.iter().zip(&print).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>())
                .enumerate()
                .min_by_key(|m| m.1)
                .map(|(at, bits)| (at as i64, f64::from(bits) / print.len() as f64))
        };
        found.map_or((Named::Nothing, f64::MAX), |(items, distance)| {
            let millis = items as f64 * f64::from(self.config.item_duration_in_seconds()) * 1e3;
            (Named::Moment(trial, (from as f64 + millis).max(0.0) as u64), distance)
        })
    }
}
