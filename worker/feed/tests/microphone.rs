//! The sound's code, drawn and found again.
#![allow(clippy::unwrap_used)]
use stakeout_feed::{Effort, MicCandidate, MicDetector, MicFeed, SubKey};

fn floats(x: &[i16]) -> Vec<f32> {
    x.iter().map(|&v| f32::from(v) / 32768.0).collect()
}

fn trial(n: u8, delivered: &[(u64, u64)], seconds: u64) -> MicCandidate {
    MicCandidate {
        subkey: SubKey::from_bytes([n; 32]),
        delivered: delivered.iter().map(|&(a, b)| a * 1_000_000_000..=b * 1_000_000_000).collect(),
        logged: false,
        horizon_nanos: seconds * 1_000_000_000,
    }
}

#[test]
fn ten_seconds_are_found_as_one_stretch() {
    for rate in [8000, 16000, 44100] {
        let x = MicFeed::new(SubKey::from_bytes([3; 32])).pcm(61_500_000_000, rate as usize * 10, rate);
        let found = MicDetector::new(&[trial(2, &[(50, 90)], 600), trial(3, &[(50, 90)], 600)]).detect(&floats(&x), rate);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].trial_index, 1);
        assert!(found[0].from_nanos.abs_diff(61_500_000_000) < 2_000_000, "{found:?}");
        assert!(found[0].to_nanos.abs_diff(71_500_000_000) < 2_000_000, "{found:?}");
        assert!(found[0].log10_p < -100.0 && found[0].delivered, "{found:?}");
    }
}

#[test]
fn what_the_log_does_not_list_is_found_over_the_whole_trial() {
    let x = MicFeed::new(SubKey::from_bytes([3; 32])).pcm(400_000_000_000, 16000 * 3, 16000);
    let found = MicDetector::new(&[trial(3, &[(50, 90)], 600)]).detect(&floats(&x), 16000);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found[0].delivered && found[0].from_nanos.abs_diff(400_000_000_000) < 2_000_000);
}

#[test]
fn what_the_log_denies_is_found_in_more_than_a_day() {
    // Longer than what is kept ready.
    let day = 30 * 3600;
    let logged = MicDetector::new(&[MicCandidate { logged: true, ..trial(3, &[(50, 90)], day) }]);
    let feed = MicFeed::new(SubKey::from_bytes([3; 32]));
    for second in [0, 3_001, 47_123, 104_000, day - 4] {
        let found = logged.detect(&floats(&feed.pcm(second * 1_000_000_000, 16000 * 3, 16000)), 16000);
        assert_eq!(found.len(), 1, "{second}: {found:?}");
        assert!(!found[0].delivered && found[0].from_nanos.abs_diff(second * 1_000_000_000) < 2_000_000, "{found:?}");
        // The bound counts every place, however it was searched.
        assert!(found[0].tests >= day * 8000 && found[0].log10_p < -100.0, "{found:?}");
    }
    let other = MicFeed::new(SubKey::from_bytes([4; 32])).pcm(9_000_000_000, 16000 * 3, 16000);
    assert!(logged.detect(&floats(&other), 16000).is_empty());
}

#[test]
fn a_recording_played_two_percent_too_fast_is_found() {
    let x = MicFeed::new(SubKey::from_bytes([3; 32])).pcm(60_000_000_000, 16000 * 4, 16000);
    for rate in [16240, 15760] {
        let found = MicDetector::new(&[trial(3, &[(50, 90)], 600)]).detect(&floats(&x), rate);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((found[0].speed - f64::from(rate) / 16000.0).abs() < 1e-3, "{found:?}");
        assert!(found[0].from_nanos.abs_diff(60_000_000_000) < 20_000_000, "{found:?}");
    }
}

#[test]
fn what_is_not_recognised_of_a_recording_is_counted() {
    let feed = MicFeed::new(SubKey::from_bytes([3; 32]));
    let fed = |second: u64, seconds: usize| floats(&feed.pcm(second * 1_000_000_000, 8000 * seconds, 8000));
    let detector = MicDetector::new(&[trial(3, &[(50, 90)], 600)]);
    let unheard = |x: &[f32], rate: u32| detector.listen(x, rate, &mut Effort::unbounded()).unheard;
    let back = |x: Vec<f32>| x.into_iter().rev().collect::<Vec<f32>>();
    assert_eq!(unheard(&fed(60, 9), 8000), 0);
    assert_eq!(unheard(&[fed(60, 2), vec![0.0; 8000 * 9]].concat(), 8000), 0);
    assert!(unheard(&[fed(60, 2), back(fed(62, 20))].concat(), 8000) >= 18 * 8000);
    // One window: its pieces are missed.
    assert!(unheard(&[fed(60, 2), back(fed(62, 2))].concat(), 8000) >= 12_000);
    assert!(unheard(&back(fed(62, 1)), 8000) >= 7_900);
    assert!(unheard(&fed(60, 1)[..1000], 8000) >= 990);
    assert_eq!(unheard(&[0.1; 3000], 3000), 3000);
}

#[test]
fn what_goes_on_at_another_speed_is_found_beside_what_does_not() {
    let feed = MicFeed::new(SubKey::from_bytes([3; 32]));
    let detector = MicDetector::new(&[trial(3, &[(50, 90)], 600)]);
    let slow = floats(&feed.pcm(70_000_000_000, 8080 * 6, 8080));
    let found = detector.listen(&[floats(&feed.pcm(60_000_000_000, 8000 * 6, 8000)), slow].concat(), 8000, &mut Effort::unbounded());
    assert!(found.matches.iter().any(|m| (m.speed - 8000.0 / 8080.0).abs() < 1e-3 && m.to_nanos > 75_000_000_000), "{found:?}");
    assert_eq!(found.unheard, 0);
}

#[test]
fn a_long_recording_that_no_log_lists_is_found_whole() {
    let x = floats(&MicFeed::new(SubKey::from_bytes([3; 32])).pcm(400_000_000_000, 8000 * 30, 8000));
    let found = MicDetector::new(&[trial(3, &[], 600)]).listen(&x, 8000, &mut Effort::unbounded());
    assert!(found.matches.len() == 1 && found.matches[0].windows.len() == 15 && !found.matches[0].delivered, "{found:?}");
    assert_eq!(found.unheard, 0);
}

#[test]
fn another_trials_sound_and_noise_are_not_found() {
    let x = MicFeed::new(SubKey::from_bytes([4; 32])).pcm(60_000_000_000, 16000 * 4, 16000);
    let detector = MicDetector::new(&[trial(3, &[(50, 90)], 600)]);
    assert!(detector.detect(&floats(&x), 16000).is_empty());
    let mut bytes = vec![0; 64000];
    SubKey::from_bytes([4; 32]).fill("noise", 1, &mut bytes);
    let noise: Vec<f32> = bytes.iter().map(|&b| f32::from(b) / 128.0 - 1.0).collect();
    assert!(detector.detect(&noise, 16000).is_empty());
    assert!(detector.detect(&vec![0.0; 32000], 16000).is_empty());
    assert!(detector.detect(&[0.1; 10], 16000).is_empty());
}

/// SHA-256 of what is drawn, so that any machine's samples are these samples.
#[test]
fn samples_are_the_same_everywhere() {
    let feed = MicFeed::new(SubKey::from_bytes([3; 32]));
    for (nanos, rate, hash) in [
        (0, 8000, "c6f6942a472ad4f779ce3018750a1e280579e7ce02dd48a3957ba9236d3e4619"),
        (1_234_567_890_123, 16000, "6334f1e44af82040dd558fea268b0dfb2f3efb7272f204c63f27f52889935a61"),
        (86_399_000_000_000, 44100, "790625689dafe3906ad0211878427461ce253f2a42cc5f4800e2c80d9ae3e1b1"),
        (5, 48000, "d037c327231ed8a0a06c99f9ed5a0fc14a0f7476b4d4ffcc4fc762b4af3f5854"),
        (77, 12345, "3adcf9b4b443d373549fb6c0725433405b5b0135228b2cfba8554c0dfac1606e"),
    ] {
        let bytes: Vec<u8> = feed.pcm(nanos, 20_000, rate).iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes)), hash, "{rate}");
    }
}
