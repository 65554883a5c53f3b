//! The camera's code, drawn and found again.
#![allow(clippy::unwrap_used)]
mod bend;

use bend::{DAY, candidate, crop, gray, jpeg, key, shot, width};
use image::imageops;
use stakeout_feed::{CameraDetector, CameraFeed, FeedMode};

fn find(picture: &image::GrayImage, frame: u64) -> f64 {
    find_in(FeedMode::Pattern, picture, frame)
}

fn find_in(mode: FeedMode, picture: &image::GrayImage, frame: u64) -> f64 {
    let mut trial = candidate(1, 4000);
    trial.mode = mode;
    let found = CameraDetector::new(&[trial]).detect(&gray(picture));
    assert_eq!(found.len(), 1, "nothing found");
    assert_eq!(found[0].frame, frame);
    assert!(found[0].log10_p < -9.0, "{:?}", found[0]);
    found[0].t
}

#[test]
fn a_frame_is_found_at_its_own_size_and_smaller() {
    for (w, h) in [(640, 480), (320, 240), (480, 640), (176, 144)] {
        assert!(find(&shot(1, 1234, w, h), 1234) > 18.0);
    }
    let p = shot(1, 77, 640, 480);
    find(&width(&p, 160), 77);
    find(&width(&p, 96), 77);
}

#[test]
fn a_frame_is_found_after_a_strong_jpeg() {
    let p = shot(1, 500, 640, 480);
    find(&jpeg(&p, 30), 500);
    find(&jpeg(&p, 10), 500);
}

#[test]
fn a_frame_is_found_in_its_negative() {
    let negative = |p: &image::GrayImage| bend::tone(p, |v| 255.0 - v);
    find(&negative(&shot(1, 1234, 640, 480)), 1234);
    find(&jpeg(&negative(&crop(&shot(1, 901, 640, 480), 0.5, 1)), 50), 901);
    find(&negative(&width(&shot(1, 77, 640, 480), 96)), 77);
    find_in(FeedMode::Scene, &negative(&bend::scene(1, 31, 640, 480)), 31);
}

#[test]
fn a_frame_is_found_from_a_cut() {
    for seed in 0..3 {
        find(&crop(&shot(1, 900 + seed, 640, 480), 0.5, seed), 900 + seed);
    }
}

#[test]
fn a_frame_is_found_turned_and_mirrored() {
    let p = shot(1, 31, 640, 480);
    for picture in [
        imageops::rotate90(&p),
        imageops::rotate180(&p),
        imageops::rotate270(&p),
        imageops::flip_horizontal(&p),
        imageops::rotate90(&imageops::flip_horizontal(&p)),
    ] {
        find(&picture, 31);
    }
}

#[test]
fn another_trials_frame_is_not_found() {
    let found = CameraDetector::new(&[candidate(2, 4000)]).examine(&gray(&shot(1, 5, 640, 480)));
    assert!(found.matches.is_empty() && found.leads.is_empty(), "{found:?}");
}

#[test]
fn an_average_of_frames_is_a_lead_and_no_frame() {
    let feed = CameraFeed::new(key(1));
    let mut sum = vec![0_u32; 640 * 480];
    for frame in 0..64 {
        feed.luma(frame, 640, 480).iter().zip(&mut sum).for_each(|(&v, s)| *s += u32::from(v));
    }
    let p = image::GrayImage::from_raw(640, 480, sum.iter().map(|s| (s / 64) as u8).collect()).unwrap();
    let found = CameraDetector::new(&[candidate(1, 4000)]).examine(&gray(&p));
    assert!(found.matches.is_empty());
    assert_eq!(found.leads.len(), 1);
}

/// SHA-256 of what is drawn, so that any machine's bytes are these bytes.
#[test]
fn frames_are_the_same_bytes_everywhere() {
    let feed = CameraFeed::new(key(1));
    for (frame, w, h, hash) in [
        (0, 640, 480, "75c5f1a749d3dc5948c7b4d0e1ba8ff4e91b04c561fa71e5f274446f468d3ae5"),
        (2_591_999, 320, 240, "61edf4d8849db5d12a7b1a1dd90ba77c5840b972144c959de74e25f7d0ffb65e"),
        (7, 177, 143, "4de441b90329c5c0dd7db8fc49a044c343a44ecc3ac559a9fb939966a81bac64"),
        (7, 3, 1000, "cc95d0a453f3fb14c571dde243775a4d3aa9be8f27d21209f7f2a891d91d7f3c"),
    ] {
        assert_eq!(sha(&feed.luma(frame, w, h)), hash, "{frame} {w}x{h}");
    }
    assert_eq!(sha(&feed.jpeg(12, 640, 480, 90).unwrap()), "0a1979e8383fbbfca71c0c832f7b45a80c4851efcb95223ceeffd281f29e2903");
    let room = CameraFeed::with_mode(key(1), FeedMode::Scene);
    for (frame, w, h, hash) in [
        (0, 640, 480, "15913f1069f8090dbb05b9d34d0ee4a85fb7394e7be68f77db953150c1bb45c1"),
        (9, 1920, 1080, "055933123f63f621be04de59e292505bc16d24d9db9d92f6cd718791f39a7f88"),
        (9, 97, 131, "6f82f97b5028fac065e440a5c6c264b7c2d974b33b56bf4525488c5750f89f8e"),
    ] {
        assert_eq!(sha(&room.nv21(frame, w, h)), hash, "{frame} {w}x{h}");
    }
    let nv21 = feed.nv21(3, 33, 35);
    assert_eq!(nv21.len(), 33 * 35 + 2 * 17 * 18);
    assert!(nv21[33 * 35..].iter().all(|&v| v == 128));
}

fn sha(bytes: &[u8]) -> String {
    let digest = <sha2::Sha256 as sha2::Digest>::digest(bytes);
    hex::encode(digest)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_frame_of_any_key_is_found_as_it_was_drawn(n in 0_u8..=255, frame in 0_u64..DAY, big in proptest::bool::ANY) {
        let (w, h) = if big { (640, 480) } else { (320, 240) };
        let mut trial = candidate(n, DAY);
        trial.delivered = vec![frame.saturating_sub(100)..=frame + 100];
        let found = CameraDetector::new(&[trial]).detect(&gray(&shot(n, frame, w, h)));
        proptest::prop_assert_eq!(found.len(), 1);
        proptest::prop_assert_eq!(found[0].frame, frame);
        proptest::prop_assert!(found[0].log10_p < -80.0 && found[0].delivered);
    }

    #[test]
    fn no_frame_is_found_in_what_another_key_drew_or_in_noise(n in 1_u8..=255, frame in 0_u64..DAY, deviation in 0.0..200.0) {
        let found = CameraDetector::new(&[candidate(0, 20_000)]).examine(&gray(&bend::noise(&shot(n, frame, 320, 240), deviation, frame)));
        proptest::prop_assert!(found.matches.is_empty() && found.leads.is_empty(), "{:?}", found);
    }
}

#[test]
fn a_buffer_read_with_the_wrong_width_is_found() {
    let p = shot(1, 31, 640, 480);
    let mut bytes: Vec<u8> = p.as_raw().chunks(640).flat_map(|r| r.iter().copied().chain([16; 16])).collect();
    bytes.truncate(640 * 480);
    find(&image::GrayImage::from_raw(640, 480, bytes).unwrap(), 31);
}

#[test]
fn a_frame_of_the_room_is_found_blind_and_its_code_is_faint() {
    let p = bend::scene(1, 4, 640, 480);
    for picture in [p.clone(), jpeg(&p, 30), width(&p, 320), crop(&p, 0.63, 1), imageops::rotate90(&p)] {
        find_in(FeedMode::Scene, &picture, 4);
    }
    let q = bend::scene(1, 5, 640, 480);
    let square: f64 =
        p.as_raw().iter().zip(q.as_raw()).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>() / (640.0 * 480.0);
    // Half of the signs are the same in both frames and cancel; the other half differ in half of their places, by twice the swing.
    let decibels = 10.0 * (65_025.0 / square).log10();
    assert!((34.0..38.5).contains(&decibels), "{decibels}");
}

#[test]
fn colours_of_the_room_are_the_same_in_both_forms() {
    let feed = CameraFeed::with_mode(key(1), FeedMode::Scene);
    let (rgb, luma) = (feed.rgb(3, 320, 240), feed.luma(3, 320, 240));
    let worst = rgb.chunks_exact(3).zip(&luma).filter(|(p, _)| p.iter().all(|v| (1..255).contains(v))).map(|(p, &y)| {
        let back = 0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2]);
        (back - f64::from(y)).abs()
    });
    assert!(worst.fold(0.0, f64::max) < 1.0);
    assert_eq!(feed.nv21(3, 33, 35).len(), 33 * 35 + 2 * 17 * 18);
    assert!(feed.nv21(3, 320, 240)[320 * 240..].iter().any(|&v| v.abs_diff(128) > 10));
}

#[test]
fn no_shape_of_picture_stops_the_search() {
    let detector = CameraDetector::new(&[candidate(1, 100)]);
    for (w, h) in [(24, 24), (24, 30_000), (30_000, 24), (25, 199), (199, 199), (2, 2), (0, 5), (61, 4000), (3001, 47), (1601, 1599)] {
        for kind in 0..4 {
            let luma = (0..w * h).map(|i| match kind {
                0 => 77,
                1 => (i % w * 7 + i / w * 3) as u8,
                2 => {
                    if (i % w / 5 + i / w / 5) % 2 == 0 {
                        255
                    } else {
                        0
                    }
                }
                _ => (i as u32).wrapping_mul(2_654_435_761).rotate_left(9) as u8,
            });
            let picture = stakeout_feed::GrayImage { width: w as u32, height: h as u32, luma: luma.collect() };
            assert!(detector.detect(&picture).is_empty(), "{w}x{h} {kind}");
        }
    }
    let short = stakeout_feed::GrayImage { width: 640, height: 480, luma: vec![0; 9] };
    assert!(detector.detect(&short).is_empty());
}

#[test]
fn the_whole_frame_outside_of_the_log_is_found_and_said_to_be_so() {
    let mut trial = candidate(1, 50_000);
    trial.delivered = vec![10..=20, 30_000..=30_100];
    let detector = CameraDetector::new(&[candidate(2, 50_000), trial]);
    let seen = |frame| detector.detect(&gray(&shot(1, frame, 320, 240)))[0];
    assert!(seen(30_050).delivered && seen(30_050).tests < 20_000);
    assert!(!seen(40_000).delivered && seen(40_000).tests > 1_000_000);
    assert_eq!(seen(40_000).trial_index, 1);
}

/// What is left of a picture, by the frames around its own.
fn rest(picture: &image::GrayImage) -> Option<stakeout_feed::GrayImage> {
    let mut trial = candidate(1, 4000);
    trial.delivered = vec![900..=1100];
    let found = CameraDetector::new(&[trial]).examine(&gray(picture));
    assert_eq!(found.matches.len(), 1);
    found.rest
}

#[test]
fn a_picture_of_one_frame_has_no_part_that_shows_something_else() {
    let p = shot(1, 1000, 640, 480);
    let barred = |p: &image::GrayImage| {
        let mut out = image::GrayImage::new(640, 600);
        imageops::replace(&mut out, p, 0, 60);
        out
    };
    for (picture, bend) in [
        (p.clone(), "as it was drawn"),
        (jpeg(&p, 5), "a strong JPEG"),
        (bend::noise(&p, 25.0, 1), "noise"),
        (bend::tone(&p, |v| v / 6.0), "dark"),
        (bend::tone(&p, |v| 255.0 - v), "negative"),
        (bend::soft(&p, 96, 72), "small"),
        (jpeg(&width(&p, 96), 50), "small, and a JPEG"),
        (crop(&p, 0.5, 1), "a cut"),
        (crop(&p, 0.25, 2), "a small cut"),
        (width(&crop(&p, 0.5, 3), 544), "a cut, larger"),
        (imageops::rotate270(&p), "turned"),
        (bend::turned(&p, 5.0), "turned a little"),
        (bend::turned(&p, 33.0), "turned by any angle"),
        (bend::tilted(&p, 0.02, 1), "tilted"),
        (bend::size(&p, 480, 480), "squashed"),
        (barred(&p), "with bars"),
        (jpeg(&barred(&p), 40), "with bars, and a JPEG"),
        (width(&jpeg(&width(&p, 237), 40), 403), "smaller and larger"),
    ] {
        assert_eq!(rest(&picture).map(|r| (r.width, r.height)), None, "{bend}");
    }
}

#[test]
fn the_part_of_a_picture_that_shows_something_else_is_cut_out() {
    let p = shot(1, 1000, 640, 480);
    let mut corner = p.clone();
    imageops::replace(&mut corner, &shot(1, 1050, 160, 120), 480, 360);
    for picture in [corner.clone(), jpeg(&corner, 30)] {
        let rest = rest(&picture).unwrap();
        assert!((110..=240).contains(&rest.width) && (90..=190).contains(&rest.height), "{} x {}", rest.width, rest.height);
    }
    // So large a part that its frame is found, and one that lies cell by cell as the rest does.
    let mut small = p.clone();
    imageops::replace(&mut small, &shot(1, 1050, 72, 54), 30, 40);
    assert!(rest(&small).is_some());
    let mut half = p.clone();
    imageops::replace(&mut half, &imageops::crop_imm(&shot(1, 1050, 640, 480), 320, 0, 320, 480).to_image(), 320, 0);
    assert!(rest(&half).is_some());
    assert!(rest(&bend::covered(&p, 0.2)).is_some());
}
