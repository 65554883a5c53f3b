//! Input that was made to hurt: bombs, depth, counts, cuts, noise.

use std::time::{Duration, Instant};

use crate::common::*;
use proptest::prelude::*;
use stakeout_contract::{Kind, artifact::Role};
use stakeout_evidence::Limits;

fn reasons(bytes: Vec<u8>, limits: Limits) -> Vec<String> {
    let a = search_all(&trial(1), &[artifact(Role::FlowRequest, bytes)], limits);
    assert_eq!(a.findings, []);
    a.searched.skipped.into_iter().map(|s| s.reason).collect()
}

#[test]
fn a_bomb_is_cut_and_told() {
    let zeros = gzip(&vec![0; 100 << 20]);
    let start = Instant::now();
    assert_eq!(reasons(post("Content-Encoding: gzip\r\n", &zeros), Limits::default()), ["limit: ratio", "limit: raw buffer"]);
    assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
    // Each layer is small, together they are not.
    let many: Vec<u8> = (0..20).flat_map(|i| gzip(&[vec![i; 1 << 20], vec![0; 1 << 10]].concat())).collect();
    let limits = Limits { expanded_bytes: 8 << 20, ..Limits::default() };
    assert!(reasons(many, limits).contains(&"limit: expanded bytes".to_owned()));
}

#[test]
fn nesting_ends_at_its_limit() {
    let mut nested = b"the core of the matter, at last".repeat(10);
    for _ in 0..40 {
        nested = gzip(&nested);
    }
    assert_eq!(reasons(nested, Limits::default()), ["limit: nesting"]);
    let mut zips = b"text ".repeat(10);
    for _ in 0..40 {
        let mut z = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        z.extend((zips.len() as u32).to_le_bytes());
        z.extend((zips.len() as u32).to_le_bytes());
        z.extend(b"\x01\0\0\0a");
        z.extend(&zips);
        zips = z;
    }
    assert_eq!(reasons(zips, Limits::default()), ["limit: nesting"]);
    let deep = [b"[".repeat(2_000_000), b"{\"a\":".repeat(100_000)].concat();
    assert_eq!(reasons(deep, Limits::default()), Vec::<String>::new());
}

#[test]
fn a_hundred_thousand_parts_are_too_many() {
    let body = multipart(&vec![("", &b"hello"[..]); 100_000]);
    assert_eq!(reasons(post(MULTIPART, &body), Limits::default()), ["limit: parts"]);
}

#[test]
fn the_clock_ends_a_search() {
    let limits = Limits { time: Duration::ZERO, ..Limits::default() };
    assert_eq!(reasons(post("", b"{\"a\":\"b\\nccccccc\"}"), limits), ["limit: time"]);
}

#[test]
fn a_file_over_the_limit_is_searched_as_far_as_it_goes() {
    let photo = jpeg(1, FRAME);
    let limits = Limits { file_bytes: photo.len() as u64 + 10, ..Limits::default() };
    let a = search_all(&trial(1), &[artifact(Role::AppFile, [photo, vec![b'x'; 1000]].concat())], limits);
    assert_eq!((chain(&a, Kind::Camera), a.searched.skipped[0].reason.as_str()), (vec!["jpeg".to_owned()], "limit: file size"));
}

#[test]
fn a_picture_that_claims_to_be_huge_is_not_drawn() {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xff\xff\0\0\xff\xff\x08\x02\0\0\0".to_vec();
    png.extend(noise(1, 64));
    assert_eq!(reasons(post("", &png), Limits::default())[0], "limit: pixels");
}

/// Files that hold every structure that is known.
fn seeds() -> Vec<Vec<u8>> {
    let photo = stakeout_feed::CameraFeed::new(keys(5).camera_back).jpeg(3, 64, 48, 50).unwrap();
    vec![
        post(MULTIPART, &multipart(&[("Content-Encoding: gzip\r\n", &gzip(&photo)), ("", b"a=%41%42%43&b=1")])),
        format!("{{\"a\":\"{}\",\"b\":[1,2,{}],\"c\":\"\\u6797\\n\"}}", base64(&photo), "3,".repeat(40)).into_bytes(),
        wav(&pcm(5, 3, 0.3, 8_000), 8_000),
        zlib(&gzip(&deflate(&photo))),
        [b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a".to_vec(), deflate(b"some text")].concat(),
        [b"SQLite format 3\0\x02\0\x01\x01\0\x40\x20\x20".to_vec(), vec![13; 2_000]].concat(),
        [b"\0\0\0\x14ftypisom\0\0\0\0isom\0\0\0\x40mdat".to_vec(), vec![1; 80]].concat(),
        [b"OggS\0\x02".to_vec(), vec![1; 80]].concat(),
        [b"#!AMR\n".to_vec(), vec![0x3c; 100]].concat(),
        [b"GIF89a\x01\0\x01\0\x80\0\0".to_vec(), vec![0x2c; 100]].concat(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_give_no_finding(bytes in prop::collection::vec(any::<u8>(), 0..6_000)) {
        prop_assert_eq!(sent(bytes).findings, []);
    }

    #[test]
    fn broken_structures_give_no_finding(which in 0..10_usize, cut in 0.0..1.0_f64, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        let mut bytes = seeds()[which].clone();
        bytes.truncate((bytes.len() as f64 * (1.0 - cut * cut)) as usize + 1);
        for (at, v) in flips {
            let at = at.index(bytes.len());
            bytes[at] = v;
        }
        prop_assert_eq!(kept(bytes).findings, []);
    }
}
