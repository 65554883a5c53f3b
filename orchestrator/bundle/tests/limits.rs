//! A bundle never has more than its reader takes; what does not fit is counted, and named as far as that is no flood itself.
#![allow(clippy::unwrap_used, reason = "a test suite")]

use std::{collections::BTreeMap, path::Path};

use stakeout_bundle::{
    Bundle, BundleError, Later, Writer,
    keys::SigningKey,
    layout::ENTRIES_MAX,
    manifest::{LISTED_MAX, Manifest},
    receipt::Receipt,
    verify::{Rules, verify},
};
use stakeout_contract::{Sha256Digest, trial::KeyHex};

fn manifest() -> Manifest {
    let job = "job-1".parse().unwrap();
    Manifest {
        format: Manifest::FORMER.to_owned(),
        app: Sha256Digest::of(b"app"),
        created: String::new(),
        versions: BTreeMap::new(),
        host: BTreeMap::new(),
        receipt: Receipt::new("job-1".parse().unwrap(), &[9; 32], "ab"),
        job,
        secret: KeyHex::new([9; 32]),
        entries: vec![],
        left_out: 0,
    }
}

fn finished(w: Writer, path: &Path) -> stakeout_bundle::verify::Verified {
    let operator = SigningKey::generate().unwrap();
    w.finish(manifest(), &operator).unwrap();
    verify(&Bundle::open(path).unwrap(), &[operator.public()], None, Rules { derive: &|root, _, _| *root, planted: &|_| vec![] }).unwrap()
}

#[test]
fn one_entry_too_many_is_refused_and_those_before_it_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b.zip");
    let mut w = Writer::create(&path).unwrap();
    // The manifest, its signature and the salts are three.
    let most = ENTRIES_MAX - 3;
    for n in 0..most - 1 {
        w.add(&format!("files/{n}"), b"x").unwrap();
    }
    let one = Later { entries: 1, bytes: 0 };
    assert!(w.fits("files/last", 1, Later::default()) && !w.fits("files/last", 1, one), "room for one, and not for another after it");
    w.add("files/last", b"x").unwrap();
    assert!(matches!(w.add("files/more", b"x"), Err(BundleError::Limit { what }) if what.contains("60001 entries")));
    for n in 0..LISTED_MAX + 5 {
        w.leave_out(&format!("more/{n}"), b"x").unwrap();
    }
    let v = finished(w, &path);
    assert_eq!((v.entries, v.left_out.len() as u64, v.manifest.left_out), (most, LISTED_MAX, LISTED_MAX + 5));
}

#[test]
fn what_is_larger_than_a_reader_takes_does_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b.zip");
    let mut w = Writer::create(&path).unwrap();
    let none = Later::default();
    assert!(w.fits("a", 1 << 30, none) && !w.fits("a", (1 << 30) + 1, none), "an entry has at most 1 GiB");
    assert!(!w.fits("a", 1 << 30, Later { entries: 1, bytes: 1 << 30 }), "a file has at most 2 GiB");
    // What deflate makes small takes the room that it takes in the file.
    for n in 0..4 {
        w.add(&format!("zeros/{n}"), &vec![0; 64 << 20]).unwrap();
    }
    assert!(w.fits("a", 1 << 30, Later { entries: 1, bytes: 900 << 20 }), "256 MiB of zeros are less than a MiB");
    assert_eq!(finished(w, &path).entries, 4);
}
