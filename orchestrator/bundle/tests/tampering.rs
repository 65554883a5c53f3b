//! Whatever is changed in a bundle is noticed, and named.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use std::path::Path;

use stakeout_bundle::{
    Bundle, BundleError, Writer,
    keys::SigningKey,
    layout::{self, ENTRIES_MAX},
    manifest::Manifest,
    receipt::Receipt,
    share,
    verify::{Rules, Verified, verify},
};
use stakeout_contract::{Sha256Digest, trial::KeyHex};

fn derive(root: &[u8; 32], trial: &str, epoch: u32) -> [u8; 32] {
    let mut all = root.to_vec();
    all.extend_from_slice(trial.as_bytes());
    all.push(epoch as u8);
    *Sha256Digest::of(&all).as_bytes()
}

const SECRET: [u8; 32] = [9; 32];
const RULES: Rules<'static> = Rules { derive: &derive, planted: &|_| vec![] };

fn trial_json(key: &[u8; 32], committed: &[u8; 32]) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({
        "format": "stakeout-trial/1", "trial": "trial-1", "job": "job-1", "epoch": 1, "number": 1, "app": {"sha256": Sha256Digest::of(b"app")},
        "scenario": {"name": "s", "steps": ["launchApp"]}, "device": "jvm", "api": 34, "cooperative": true,
        "commitment": Sha256Digest::of(committed), "key": hex::encode(key), "end": {"state": "finished"},
    }))
    .unwrap()
}

fn write(path: &Path, operator: &SigningKey, trial: &[u8]) {
    // Long enough to be stored as it is.
    let picture = [&b"\xff\xd8\xff picture"[..], &[7; 80]].concat();
    let mut w = Writer::create(path).unwrap();
    w.add("trials/1/trial.json", trial).unwrap();
    w.add("report.html", b"<p>report</p>").unwrap();
    w.add(&format!("trials/1/artifacts/{}", Sha256Digest::of(&picture)), &picture).unwrap();
    let receipt = Receipt::new("job-1".parse().unwrap(), &SECRET, "ab");
    let manifest = Manifest {
        format: Manifest::FORMER.to_owned(),
        job: "job-1".parse().unwrap(),
        app: Sha256Digest::of(b"app"),
        created: String::new(),
        versions: std::collections::BTreeMap::new(),
        host: std::collections::BTreeMap::new(),
        receipt,
        secret: KeyHex::new(SECRET),
        entries: vec![],
        left_out: 0,
    };
    w.finish(manifest, operator).unwrap();
}

fn good(path: &Path, operator: &SigningKey) {
    let key = derive(&Receipt::root(&SECRET, "ab"), "trial-1", 1);
    write(path, operator, &trial_json(&key, &key));
}

fn check(bytes: Vec<u8>, operator: &SigningKey) -> Result<Verified, BundleError> {
    verify(&Bundle::parse(bytes)?, &[operator.public()], None, RULES)
}

fn is_refused(bytes: Vec<u8>, operator: &SigningKey, why: &str) {
    let e = check(bytes, operator).unwrap_err().to_string();
    assert!(e.contains(why), "{e}");
}

#[test]
fn an_untouched_bundle_is_intact_and_its_signer_known() {
    let dir = tempfile::tempdir().unwrap();
    let (path, op) = (dir.path().join("b.zip"), SigningKey::generate().unwrap());
    good(&path, &op);
    let v = check(std::fs::read(&path).unwrap(), &op).unwrap();
    assert!(v.signer_known && v.left_out.is_empty() && v.again.is_empty());
    assert_eq!((v.entries, v.trials), (3, 1));
    // Its receipt is of the former form.
    assert!(!v.bound);
}

#[test]
fn a_stranger_who_signs_again_is_not_known() {
    let dir = tempfile::tempdir().unwrap();
    let (path, op, stranger) = (dir.path().join("b.zip"), SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    good(&path, &stranger);
    let v = check(std::fs::read(&path).unwrap(), &op).unwrap();
    assert!(v.intact && !v.signer_known);
}

#[test]
fn every_single_changed_bit_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, op) = (dir.path().join("b.zip"), SigningKey::generate().unwrap());
    good(&path, &op);
    let bytes = std::fs::read(&path).unwrap();
    let original = Bundle::parse(bytes.clone()).unwrap();
    // The few bits that fill a deflated entry's last byte say nothing: then every entry must be what it was.
    let same = |b: &[u8]| {
        let changed = Bundle::parse(b.to_vec()).unwrap();
        changed.names().eq(original.names()) && changed.names().all(|n| changed.read(n).unwrap() == original.read(n).unwrap())
    };
    let (mut silent, mut b) = (0, bytes.clone());
    let entries = layout::read(&bytes).unwrap();
    for bit in 0..bytes.len() * 8 {
        b[bit / 8] ^= 1 << (bit % 8);
        match check(b.clone(), &op) {
            Ok(_) => {
                assert!(same(&b), "bit {} of byte {}", bit % 8, bit / 8);
                silent += 1;
            }
            // A bit of an entry's own bytes is told as that entry's.
            Err(e) => {
                let of = entries.iter().find(|e| (e.data..e.data + e.stored).contains(&(bit / 8)));
                let named = of.is_none_or(|of| e.to_string().contains(&format!("`{}`", of.name)));
                assert!(named, "bit {} of byte {} of {of:?}: {e}", bit % 8, bit / 8);
            }
        }
        b[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(silent <= 7 * original.names().count(), "{silent} bits");
}

/// The bundle with one entry's bytes replaced, signature and salts kept.
fn with_entry(bytes: &[u8], entry: &str, new: Option<&[u8]>, extra: Option<&str>) -> Vec<u8> {
    let b = Bundle::parse(bytes.to_vec()).unwrap();
    let mut w = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    let mut put = |name: &str, bytes: &[u8]| {
        w.start_file(name, zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default())).unwrap();
        std::io::Write::write_all(&mut w, bytes).unwrap();
    };
    for name in b.names() {
        let old = b.read(name).unwrap();
        match (name == entry, new) {
            (true, Some(n)) => put(name, n),
            (true, None) => {}
            _ => put(name, &old),
        }
    }
    if let Some(e) = extra {
        put(e, b"more");
    }
    w.finish().unwrap().into_inner()
}

#[test]
fn a_changed_missing_or_extra_entry_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (path, op) = (dir.path().join("b.zip"), SigningKey::generate().unwrap());
    good(&path, &op);
    let bytes = std::fs::read(&path).unwrap();
    let says = |b: Vec<u8>, what: &str| is_refused(b, &op, what);
    says(with_entry(&bytes, "report.html", Some(b"<p>REPORT</p>"), None), "`report.html` was changed");
    says(with_entry(&bytes, "report.html", None, None), "`report.html` is missing");
    says(with_entry(&bytes, "", None, Some("extra.txt")), "`extra.txt` is not in the manifest");
    says(with_entry(&bytes, "manifest.json", Some(b"{\"format\":\"stakeout-bundle/9\"}"), None), "stakeout-bundle/9");
    says([bytes.clone(), b"tail".to_vec()].concat(), "after its end");
    says([b"head".to_vec(), bytes.clone()].concat(), "directory");
}

/// Where the header of an entry begins in the directory, and beside its bytes.
fn headers_of(bytes: &[u8], entry: &str) -> (usize, usize) {
    let find = |mark: &[u8], name_at: usize| {
        let is = |i: &usize| bytes[*i..].starts_with(mark) && bytes[*i + name_at..].starts_with(entry.as_bytes());
        (0..bytes.len() - name_at).find(is).unwrap()
    };
    (find(b"PK\x01\x02", 46), find(b"PK\x03\x04", 30))
}

#[test]
fn an_archive_that_shows_each_reader_something_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, op) = (dir.path().join("b.zip"), SigningKey::generate().unwrap());
    good(&path, &op);
    let bytes = std::fs::read(&path).unwrap();
    let says = |b: Vec<u8>, what: &str| is_refused(b, &op, what);
    // Two entries of one name: the second was written under another, which both of its headers then lose.
    let mut twice = with_entry(&bytes, "", None, Some("report.htmk"));
    let (central, local) = headers_of(&twice, "report.htmk");
    for name in [central + 46, local + 30] {
        twice[name..name + 11].copy_from_slice(b"report.html");
    }
    says(twice, "`report.html` stands twice");
    // Headers that differ: by name, by digest, by size.
    let (central, local) = headers_of(&bytes, "report.html");
    for at in [local + 30, local + 14, local + 22] {
        let mut b = bytes.clone();
        b[at] ^= 1;
        says(b, "`report.html` has two headers that differ");
    }
    // An entry that begins elsewhere than where the one before it ended.
    let mut hidden = bytes.clone();
    hidden[central + 42] ^= 1;
    says(hidden, "`report.html` does not follow the one before it");
    // A symbolic link, as its attributes say it.
    let mut link = bytes.clone();
    link[central + 40..central + 42].copy_from_slice(&0o120_777u16.to_le_bytes());
    says(link, "`report.html` is stored in a way that bundles do not use");
}

#[test]
fn an_archive_of_more_entries_than_are_read_is_refused() {
    let mut w = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for n in 0..=ENTRIES_MAX {
        w.start_file(format!("files/{n}"), options).unwrap();
    }
    let e = Bundle::parse(w.finish().unwrap().into_inner()).unwrap_err();
    assert!(matches!(&e, BundleError::Limit { what } if what.contains("60001 entries")), "{e}");
}

#[test]
fn a_key_that_was_not_committed_to_is_noticed_even_if_it_is_signed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, op) = (dir.path().join("b.zip"), SigningKey::generate().unwrap());
    let key = derive(&Receipt::root(&SECRET, "ab"), "trial-1", 1);
    write(&path, &op, &trial_json(&[1; 32], &key));
    assert!(check(std::fs::read(&path).unwrap(), &op).unwrap_err().to_string().contains("committed"));
    write(&path, &op, &trial_json(&[1; 32], &[1; 32]));
    assert!(check(std::fs::read(&path).unwrap(), &op).unwrap_err().to_string().contains("does not follow"));
}

#[test]
fn a_shared_bundle_verifies_and_lists_what_was_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let (path, out, op) = (dir.path().join("b.zip"), dir.path().join("s.zip"), SigningKey::generate().unwrap());
    good(&path, &op);
    share(&Bundle::open(&path).unwrap(), &out, &|n| n.contains("/artifacts/")).unwrap();
    let bytes = std::fs::read(&out).unwrap();
    let v = check(bytes.clone(), &op).unwrap();
    assert_eq!((v.entries, v.left_out.len()), (2, 1));
    assert_eq!(v.trials_left_out, [""; 0]);
    // A trial whose record is gone counts for nothing, and is named.
    share(&Bundle::open(&path).unwrap(), &out, &|n| n.starts_with("trials/1/")).unwrap();
    let v = check(std::fs::read(&out).unwrap(), &op).unwrap();
    assert_eq!((v.trials, v.trials_left_out), (0, vec!["1".to_owned()]));
    // What was left out by somebody who kept the salt was lost, not left out.
    assert!(check(with_entry(&bytes, "report.html", None, None), &op).is_err());
}

#[test]
fn an_entry_that_unpacks_to_more_than_it_says_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, op) = (dir.path().join("b.zip"), SigningKey::generate().unwrap());
    good(&path, &op);
    let bomb = with_entry(&std::fs::read(&path).unwrap(), "report.html", Some(&vec![0; 50 << 20]), None);
    // The announced size is put to 10 in both headers.
    let size = (50u32 << 20).to_le_bytes();
    let mut b = bomb.clone();
    while let Some(i) = b.windows(4).position(|w| w == size) {
        b[i..i + 4].copy_from_slice(&10u32.to_le_bytes());
    }
    assert!(check(b, &op).unwrap_err().to_string().contains("report.html"));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k/operator.pem");
    let made = SigningKey::load_or_create(&path).unwrap();
    assert_eq!(SigningKey::load_or_create(&path).unwrap().public(), made.public());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(SigningKey::load_or_create(&path).unwrap_err().to_string().contains("chmod 600"));
    std::fs::write(&path, "nonsense").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(SigningKey::load_or_create(&path), Err(BundleError::Key { .. })));
}

#[test]
fn a_key_made_by_many_at_once_is_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("operator.pem");
    let all = || {
        std::thread::scope(|s| {
            let makers: Vec<_> = (0..8).map(|_| s.spawn(|| SigningKey::load_or_create(&path).unwrap().public().fingerprint())).collect();
            makers.into_iter().map(|m| m.join().unwrap()).collect::<std::collections::BTreeSet<_>>()
        })
    };
    assert_eq!(all().len(), 1);
    // Nothing half made is left beside it.
    let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["operator.pem", "operator.pub"]);
}
