//! Our codes beside what others use: `cargo run --release -p stakeout-feed --example side_by_side -- OUT.json [N]`.
//!
//! On the same pictures and sounds, bent in the same ways: our code in camera frames, a perceptual hash of the delivered frames,
//! and a QR code drawn into the frames; our code in the microphone, and a fingerprint of the delivered sound. Right is the exact
//! frame of the right trial, or the place in the sound to half a second. N pictures or sounds a row, over four keys. The others
//! are run as their crates are by default, and at the setting and threshold that served them best in this very run, which nobody
//! has in the field; ours is run as it is.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/bend/mod.rs"]
mod bend;
#[path = "codes_table/bends.rs"]
mod bends;
#[path = "codes_table/codecs.rs"]
mod codecs;
#[path = "side_by_side/fingerprint.rs"]
mod fingerprint;
#[path = "side_by_side/hash.rs"]
mod hash;
#[path = "side_by_side/pictures.rs"]
mod pictures;
#[path = "side_by_side/qr.rs"]
mod qr;
#[path = "side_by_side/report.rs"]
mod report;
#[path = "side_by_side/score.rs"]
mod score;
#[path = "side_by_side/sounds.rs"]
mod sounds;

use stakeout_feed::FeedMode;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let out = args.get(1).cloned().unwrap_or_else(|| "side-by-side.json".into());
    let n = args.get(2).and_then(|v| v.parse().ok()).unwrap_or(8);
    let report = report::Report::start(n);
    let methods = std::thread::scope(|scope| {
        let parts = [
            scope.spawn(|| pictures::run(FeedMode::Pattern, n)),
            scope.spawn(|| pictures::run(FeedMode::Scene, n)),
            scope.spawn(|| sounds::run(n)),
        ];
        parts.into_iter().flat_map(|p| p.join().unwrap()).collect::<Vec<_>>()
    });
    std::fs::write(&out, serde_json::to_vec_pretty(&report.told(&methods)).unwrap()).unwrap();
}
