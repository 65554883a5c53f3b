//! The camera's code, drawn and found again.
mod bend;

use bend::{candidate, crop, gray, jpeg, key, shot, width};
use image::imageops;
use stakeout_feed::{CameraDetector, CameraFeed};

fn find(picture: &image::GrayImage, frame: u64) -> f64 {
    let found = CameraDetector::new(&[candidate(1, 4000)]).detect(&gray(picture));
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
fn a_frame_is_found_from_a_cut() {
    for seed in 0..3 {
        find(&crop(&shot(1, 900 + seed, 640, 480), 0.5, seed), 900 + seed);
    }
}

#[test]
fn a_frame_is_found_turned_and_mirrored() {
    let p = shot(1, 31, 640, 480);
    for picture in [imageops::rotate90(&p), imageops::rotate180(&p), imageops::rotate270(&p), imageops::flip_horizontal(&p), imageops::rotate90(&imageops::flip_horizontal(&p))] {
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
