//! What holds for every place: a folder and a bucket of a real server, each plain and encrypted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::explicit_counter_loop, reason = "tests")]

mod common;

use std::io;

use common::*;
use futures_util::{StreamExt, stream};
use stakeout_blobs::{BlobError, PartName};
use stakeout_contract::Sha256Digest;

/// More than a piece of an upload, and no multiple of anything.
const LARGE: usize = 12_345_678;

async fn a_blob_is_read_as_it_was_written_whatever_its_way_in(p: Place) {
    let blobs = p.blobs.of(&tenant("a"));
    for n in [0, 1, 65_535, 65_536, 65_537, LARGE] {
        let bytes = bytes(n);
        let digest = Sha256Digest::of(&bytes);
        let part = blobs.put_part_bytes(bytes.clone()).await.unwrap();
        assert_eq!((part.bytes, part.digest), (n as u64, digest));
        for way in 0..3 {
            let got = match way {
                0 => blobs.put(bytes.clone()).await,
                1 => blobs.put_file(&p.scratch("in", &bytes)).await,
                _ => blobs.compose(&[part.name], digest, n as u64).await,
            };
            assert_eq!(got.unwrap(), digest);
            assert_eq!(blobs.size(&digest).await.unwrap(), n as u64);
            assert!(blobs.has(&digest).await.unwrap());
            assert_eq!(blobs.get(&digest).await.unwrap(), bytes);
            let (streamed, end) = drain(blobs.stream(&digest, None).await.unwrap()).await;
            assert!(end.is_ok() && streamed == bytes, "{n} {way}");
            let out = p.scratch.path().join("out");
            blobs.get_to_file(&digest, &out).await.unwrap();
            assert_eq!(std::fs::read(&out).unwrap(), bytes);
            blobs.remove(&digest).await.unwrap();
            assert!(!blobs.has(&digest).await.unwrap());
        }
        blobs.remove_part(&part.name).await.unwrap();
    }
    p.settles_at(0).await;
}

async fn what_is_not_there_is_said_to_be_not_there(p: Place) {
    let blobs = p.blobs.of(&tenant("a"));
    let d = Sha256Digest::of(b"nothing");
    assert!(!blobs.has(&d).await.unwrap());
    assert!(matches!(blobs.get(&d).await, Err(BlobError::NotFound(n)) if n == d));
    assert!(matches!(blobs.size(&d).await, Err(BlobError::NotFound(_))));
    assert!(matches!(blobs.range(&d, 0..1).await, Err(BlobError::NotFound(_))));
    assert!(matches!(blobs.stream(&d, None).await, Err(BlobError::NotFound(_))));
    assert!(matches!(blobs.get_to_file(&d, &p.scratch.path().join("x")).await, Err(BlobError::NotFound(_))));
    blobs.remove(&d).await.unwrap();
    assert_eq!(blobs.list(d.as_bytes()[0]).await.unwrap(), []);
    assert_eq!(blobs.list_parts().await.unwrap(), []);
    assert_eq!(p.blobs.tenants().await.unwrap(), []);
}

async fn a_range_is_the_same_bytes_as_in_the_whole(p: Place) {
    let blobs = p.blobs.of(&tenant("a"));
    let whole = bytes(200_000);
    let d = blobs.put(whole.clone()).await.unwrap();
    for (from, to) in
        [(0, 0), (0, 1), (0, 200_000), (65_535, 65_537), (65_536, 131_072), (70_000, 70_000), (131_071, 200_000), (200_000, 200_000)]
    {
        assert_eq!(blobs.range(&d, from..to).await.unwrap(), whole[from as usize..to as usize], "{from}..{to}");
        let (streamed, end) = drain(blobs.stream(&d, Some(from..to)).await.unwrap()).await;
        assert!(end.is_ok() && streamed == whole[from as usize..to as usize], "{from}..{to}");
    }
    for (from, to) in [(0, 200_001), (200_001, 200_001), (5, 4)] {
        let e = blobs.range(&d, from..to).await.unwrap_err();
        assert!(matches!(e, BlobError::Range { bytes: 200_000, .. }), "{e}");
    }
}

async fn tenants_share_nothing_and_see_nothing_of_each_other(p: Place) {
    let (a, b) = (p.blobs.of(&tenant("a")), p.blobs.of(&tenant("b")));
    let d = a.put(b"evidence".to_vec()).await.unwrap();
    assert!(matches!(b.get(&d).await, Err(BlobError::NotFound(_))));
    assert_eq!(a.put(b"evidence".to_vec()).await.unwrap(), d);
    assert_eq!(p.files().len(), 1, "one in a tenant");
    b.put(b"evidence".to_vec()).await.unwrap();
    assert_eq!(p.files().len(), 2, "one in each tenant");
    let part = a.put_part_bytes(b"part".to_vec()).await.unwrap();
    let stolen = b.compose(&[part.name], part.digest, part.bytes).await;
    assert!(matches!(stolen, Err(BlobError::NoPart(n)) if n == part.name));
    assert_eq!(p.blobs.tenants().await.unwrap(), [tenant("a"), tenant("b")]);
    b.remove(&d).await.unwrap();
    assert_eq!(a.get(&d).await.unwrap(), b"evidence");
}

async fn what_is_listed_is_what_is_stored(p: Place) {
    let blobs = p.blobs.of(&tenant("a"));
    let mut digests = vec![];
    for n in 0..40 {
        digests.push(blobs.put(bytes(n)).await.unwrap());
    }
    digests.sort_by_key(|d| *d.as_bytes());
    let mut listed = vec![];
    for first in 0..=255 {
        for b in blobs.list(first).await.unwrap() {
            assert_eq!(b.bytes, Some(blobs.size(&b.digest).await.unwrap()));
            assert!(b.modified.elapsed().unwrap_or_default().as_secs() < 600);
            listed.push(b.digest);
        }
    }
    assert_eq!(listed, digests);
    let part = blobs.put_part_bytes(bytes(100_000)).await.unwrap();
    let parts = blobs.list_parts().await.unwrap();
    assert_eq!((parts.len(), parts[0].name, parts[0].bytes), (1, part.name, Some(100_000)));
    blobs.remove_part(&part.name).await.unwrap();
    blobs.remove_part(&part.name).await.unwrap();
    assert_eq!(blobs.list_parts().await.unwrap(), []);
}

async fn parts_make_one_blob_in_their_order(p: Place) {
    let blobs = p.blobs.of(&tenant("a"));
    let whole = bytes(LARGE);
    let mut names = vec![];
    for part in [&whole[..6_000_000], &whole[6_000_000..6_000_000], &whole[6_000_000..6_000_001], &whole[6_000_001..]] {
        let pieces = part.chunks(100_000).map(|c| Ok(bytes::Bytes::copy_from_slice(c))).collect::<Vec<io::Result<_>>>();
        names.push(blobs.put_part(stream::iter(pieces)).await.unwrap().name);
    }
    let d = Sha256Digest::of(&whole);
    assert_eq!(blobs.compose(&names, d, LARGE as u64).await.unwrap(), d);
    assert_eq!(blobs.get(&d).await.unwrap(), whole);
    assert_eq!(blobs.list_parts().await.unwrap().len(), names.len(), "they are the caller's to remove");
    assert_eq!(blobs.compose(&names, d, LARGE as u64).await.unwrap(), d, "the answer was lost");
    for name in &names {
        blobs.remove_part(name).await.unwrap();
    }
    p.settles_at(1).await;
    assert!(matches!(blobs.compose(&names, d, LARGE as u64).await, Err(BlobError::NoPart(_))), "they are gone");
}

async fn a_wrong_digest_or_length_leaves_nothing(p: Place) {
    let blobs = p.blobs.of(&tenant("a"));
    for n in [1000, LARGE] {
        let whole = bytes(n);
        let (right, wrong) = (Sha256Digest::of(&whole), Sha256Digest::of(b"another"));
        for (digest, length) in [(wrong, n as u64), (right, n as u64 - 1), (right, n as u64 + 1), (right, 10)] {
            let part = blobs.put_part_bytes(whole.clone()).await.unwrap();
            let e = blobs.compose(&[part.name], digest, length).await.unwrap_err();
            assert!(matches!(e, BlobError::Mismatch { found, found_bytes, .. } if found == right && found_bytes == n as u64), "{e}");
            assert!(!blobs.has(&right).await.unwrap() && !blobs.has(&wrong).await.unwrap());
            blobs.remove_part(&part.name).await.unwrap();
            p.settles_at(0).await;
        }
    }
}

async fn a_digest_that_is_known_grants_nothing_without_its_bytes(p: Place) {
    let blobs = p.blobs.of(&tenant("a"));
    let d = blobs.put(b"evidence".to_vec()).await.unwrap();
    let part = blobs.put_part_bytes(b"guesswork".to_vec()).await.unwrap();
    assert!(matches!(blobs.compose(&[part.name], d, 8).await, Err(BlobError::Mismatch { .. })));
    assert_eq!(blobs.get(&d).await.unwrap(), b"evidence");
}

async fn nothing_is_visible_of_a_composition_that_is_dropped_half_way(p: Place) {
    let blobs = p.blobs.of(&tenant("a"));
    let whole = bytes(LARGE);
    let d = Sha256Digest::of(&whole);
    let mut names: Vec<PartName> = vec![];
    for part in whole.chunks(5_000_000) {
        names.push(blobs.put_part_bytes(part.to_vec()).await.unwrap().name);
    }
    let mut dropped = 0;
    for polls in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144] {
        if let Some(done) = dropped_after(polls, blobs.compose(&names, d, LARGE as u64)).await {
            assert_eq!(done.unwrap(), d);
            assert_eq!(blobs.get(&d).await.unwrap(), whole);
            assert!(dropped > 2, "{dropped}");
            return;
        }
        dropped += 1;
        // What ran when it was dropped may still come to its end, but only if it was checked before.
        match blobs.get(&d).await {
            Ok(bytes) => return assert_eq!(bytes, whole),
            Err(BlobError::NotFound(_)) => p.settles_at(names.len()).await,
            Err(e) => panic!("{e:?}"),
        }
    }
    assert_eq!(blobs.compose(&names, d, LARGE as u64).await.unwrap(), d);
    assert_eq!(blobs.get(&d).await.unwrap(), whole);
}

async fn a_part_whose_sender_fails_or_goes_leaves_nothing(p: Place) {
    let blobs = p.blobs.of(&tenant("a"));
    for n in [1000, LARGE] {
        let failing = stream::iter([Ok(bytes(n).into()), Err(io::Error::other("gone"))]);
        assert!(matches!(blobs.put_part(failing).await, Err(BlobError::Input(_))));
        p.settles_at(0).await;
        let silent = stream::iter([Ok(bytes(n).into())]).chain(stream::pending());
        assert!(tokio::time::timeout(std::time::Duration::from_millis(300), blobs.put_part(silent)).await.is_err());
        p.settles_at(0).await;
    }
}

async fn a_damaged_blob_is_noticed_before_its_last_bytes_are_given(p: Place) {
    let blobs = p.blobs.of(&tenant("a"));
    let whole = bytes(700_000);
    let d = blobs.put(whole.clone()).await.unwrap();
    for at in [100, 350_000, 699_999] {
        let file = p.file(blobs.tenant(), &d);
        edit(&file, |s| s[at] ^= 1);
        assert!(blobs.get(&d).await.is_err(), "{at}");
        let (got, end) = drain(blobs.stream(&d, None).await.unwrap_or_else(|e| Box::pin(stream::iter([Err(e)])))).await;
        assert!(end.is_err() && got.len() < whole.len(), "{at}: {}", got.len());
        let out = p.scratch.path().join("out");
        assert!(blobs.get_to_file(&d, &out).await.is_err() && !out.exists());
        assert_eq!(std::fs::read_dir(p.scratch.path()).unwrap().filter(|e| e.as_ref().unwrap().path().is_file()).count(), 0);
        edit(&file, |s| s[at] ^= 1);
        assert_eq!(blobs.get(&d).await.unwrap(), whole);
    }
}

async fn a_blob_that_was_cut_short_is_written_again(p: Place) {
    let blobs = p.blobs.of(&tenant("a"));
    let d = blobs.put(bytes(1000)).await.unwrap();
    edit(&p.file(blobs.tenant(), &d), |s| s.truncate(500));
    assert!(blobs.get(&d).await.is_err());
    blobs.put(bytes(1000)).await.unwrap();
    assert_eq!(blobs.get(&d).await.unwrap(), bytes(1000));
}

async fn a_file_that_changes_while_it_is_stored_is_not_stored(p: Place) {
    // Another identifier at each reading.
    let e = p.blobs.put_file("/proc/sys/kernel/random/uuid".as_ref()).await.unwrap_err();
    assert!(matches!(e, BlobError::Mismatch { .. }), "{e}");
    p.settles_at(0).await;
}

async fn the_first_who_asks_decides_how_the_place_is_written(p: Place) {
    p.blobs.check().await.unwrap();
    p.blobs.check().await.unwrap();
    let other = p.blobs.clone().sealed(stakeout_blobs::MasterKey::from_bytes(&[8; 32]));
    assert!(matches!(other.check().await, Err(BlobError::Key { .. })));
}

macro_rules! conformance {
    ($($check:ident),* $(,)?) => {
        conformance!(@ folder, folder(), $($check),*);
        conformance!(@ sealed_folder, sealed(folder()), $($check),*);
        conformance!(@ bucket, bucket(), $($check),*);
        conformance!(@ sealed_bucket, sealed(bucket()), $($check),*);
    };
    (@ $place:ident, $make:expr, $($check:ident),*) => {
        mod $place {
            use super::*;
            $(#[tokio::test]
            async fn $check() {
                super::$check($make).await;
            })*
        }
    };
}

conformance!(
    a_blob_is_read_as_it_was_written_whatever_its_way_in,
    what_is_not_there_is_said_to_be_not_there,
    a_range_is_the_same_bytes_as_in_the_whole,
    tenants_share_nothing_and_see_nothing_of_each_other,
    what_is_listed_is_what_is_stored,
    parts_make_one_blob_in_their_order,
    a_wrong_digest_or_length_leaves_nothing,
    a_digest_that_is_known_grants_nothing_without_its_bytes,
    nothing_is_visible_of_a_composition_that_is_dropped_half_way,
    a_part_whose_sender_fails_or_goes_leaves_nothing,
    a_damaged_blob_is_noticed_before_its_last_bytes_are_given,
    a_blob_that_was_cut_short_is_written_again,
    a_file_that_changes_while_it_is_stored_is_not_stored,
    the_first_who_asks_decides_how_the_place_is_written,
);
