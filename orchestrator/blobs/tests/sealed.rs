//! What an attacker at the storage can do to encrypted artifacts, and how each is noticed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::*;
use stakeout_blobs::{BlobError, Blobs, KeyProblem, MasterKey};
use stakeout_contract::{Sha256Digest, TenantId};

const HEADER: usize = 48;
const STORED: usize = (1 << 16) + 16;

/// A place with one blob of three full segments and a bit, and its file.
async fn place() -> (Place, Sha256Digest, std::path::PathBuf, Vec<u8>) {
    let p = sealed(folder());
    let whole = bytes(3 * 65_536 + 100);
    let d = p.blobs.put(whole.clone()).await.unwrap();
    let file = p.file(&TenantId::farm(), &d);
    (p, d, file, whole)
}

async fn torn(p: &Place, d: &Sha256Digest, range: std::ops::Range<u64>) -> u64 {
    assert!(matches!(p.blobs.get(d).await, Err(BlobError::Torn { .. })));
    match p.blobs.of(&TenantId::farm()).range(d, range).await {
        Err(BlobError::Torn { segment, .. }) => segment,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_of_the_plain_bytes_is_in_what_is_stored() {
    let p = sealed(folder());
    let d = p.blobs.put(vec![b'A'; 200_000]).await.unwrap();
    p.blobs.of(&TenantId::farm()).put_part_bytes(vec![b'A'; 1000]).await.unwrap();
    for file in p.files() {
        assert!(!std::fs::read(file).unwrap().windows(8).any(|w| w == b"AAAAAAAA"));
    }
    assert_eq!(std::fs::metadata(p.file(&TenantId::farm(), &d)).unwrap().len(), 200_000 + 48 + 4 * 16);
}

#[tokio::test]
async fn a_changed_segment_is_noticed_in_any_range_that_touches_it_and_in_no_other() {
    let (p, d, file, whole) = place().await;
    edit(&file, |s| s[HEADER + STORED + 5] ^= 1);
    assert_eq!(torn(&p, &d, 65_536..65_537).await, 1);
    assert_eq!(torn(&p, &d, 0..whole.len() as u64).await, 1);
    let farm = p.blobs.of(&TenantId::farm());
    assert_eq!(farm.range(&d, 0..65_536).await.unwrap(), whole[..65_536]);
    assert_eq!(farm.range(&d, 131_072..131_080).await.unwrap(), whole[131_072..131_080]);
}

#[tokio::test]
async fn a_changed_tag_a_changed_salt_and_a_changed_begin_are_noticed() {
    let (p, d, file, _) = place().await;
    edit(&file, |s| s[HEADER + STORED - 1] ^= 1);
    assert_eq!(torn(&p, &d, 0..1).await, 0);
    edit(&file, |s| s[HEADER + STORED - 1] ^= 1);
    edit(&file, |s| s[20] ^= 1);
    assert_eq!(torn(&p, &d, 0..1).await, 0);
    edit(&file, |s| s[20] ^= 1);
    edit(&file, |s| s[0] ^= 1);
    assert!(matches!(p.blobs.get(&d).await, Err(BlobError::Key { problem: KeyProblem::Plain, .. })));
}

#[tokio::test]
async fn segments_in_another_order_are_noticed() {
    let (p, d, file, _) = place().await;
    edit(&file, |s| {
        let (a, b) = s[HEADER..HEADER + 2 * STORED].split_at_mut(STORED);
        a.swap_with_slice(b);
    });
    assert_eq!(torn(&p, &d, 0..1).await, 0);
    assert_eq!(torn(&p, &d, 65_536..65_537).await, 1);
}

#[tokio::test]
async fn a_blob_that_is_cut_short_is_noticed_wherever_it_is_cut() {
    let (p, d, file, whole) = place().await;
    let stored = std::fs::read(&file).unwrap();
    for cut in [0, 10, HEADER, HEADER + 15, HEADER + 16, HEADER + STORED, HEADER + 2 * STORED, HEADER + 3 * STORED, stored.len() - 1] {
        std::fs::write(&file, &stored[..cut]).unwrap();
        assert!(matches!(p.blobs.get(&d).await, Err(BlobError::Torn { .. })), "{cut}");
        let all = p.blobs.of(&TenantId::farm()).range(&d, 0..whole.len() as u64).await;
        assert!(matches!(all, Err(BlobError::Torn { .. } | BlobError::Range { .. })), "{cut}");
    }
    // The last segment that is left was not the last.
    std::fs::write(&file, &stored[..HEADER + 2 * STORED]).unwrap();
    assert_eq!(torn(&p, &d, 131_071..131_072).await, 1);
}

#[tokio::test]
async fn what_is_added_at_the_end_is_noticed() {
    let (p, d, file, _) = place().await;
    edit(&file, |s| s.extend_from_slice(&[0; 50]));
    assert!(p.blobs.get(&d).await.is_err());
    assert_eq!(torn(&p, &d, 3 * 65_536..3 * 65_536 + 10).await, 3);
}

#[tokio::test]
async fn a_blob_in_the_place_of_another_is_noticed_by_a_range_too() {
    let (p, d, file, _) = place().await;
    let other = p.blobs.put(bytes(300_000)).await.unwrap();
    std::fs::copy(p.file(&TenantId::farm(), &other), &file).unwrap();
    assert_eq!(torn(&p, &d, 0..10).await, 0);
}

#[tokio::test]
async fn another_tenants_key_opens_nothing() {
    let (p, d, file, _) = place().await;
    let a = p.blobs.of(&tenant("a"));
    a.put(bytes(5)).await.unwrap();
    let theirs = p.raw.join(format!("t/a/{}/{d}", &d.to_string()[..2]));
    std::fs::create_dir_all(theirs.parent().unwrap()).unwrap();
    std::fs::copy(file, theirs).unwrap();
    assert!(matches!(a.get(&d).await, Err(BlobError::Key { problem: KeyProblem::Wrong, .. })));
}

#[tokio::test]
async fn a_wrong_key_no_key_and_a_key_too_many_are_said_clearly() {
    let (p, d, _, _) = place().await;
    p.blobs.check().await.unwrap();
    let plain = Blobs::folder(&p.raw).unwrap();
    let wrong = plain.clone().sealed(MasterKey::from_bytes(&[9; 32]));
    let problem = |r: Result<(), BlobError>| match r {
        Err(BlobError::Key { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(wrong.get(&d).await.map(drop)), KeyProblem::Wrong);
    assert_eq!(problem(wrong.of(&TenantId::farm()).range(&d, 0..1).await.map(drop)), KeyProblem::Wrong);
    assert_eq!(problem(wrong.check().await), KeyProblem::Wrong);
    assert_eq!(problem(plain.check().await), KeyProblem::Absent);
    assert_eq!(problem(plain.get(&d).await.map(drop)), KeyProblem::Absent);
    let other = folder();
    other.blobs.check().await.unwrap();
    let e = other.blobs.put(b"evidence".to_vec()).await.unwrap();
    let late = other.blobs.clone().sealed(key());
    // What is as long as a header, and longer.
    let f = other.blobs.put(bytes(200)).await.unwrap();
    assert_eq!(problem(late.check().await), KeyProblem::Plain);
    assert_eq!(problem(late.get(&f).await.map(drop)), KeyProblem::Plain);
    assert!(late.get(&e).await.is_err());
}
