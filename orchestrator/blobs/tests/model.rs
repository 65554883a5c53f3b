//! Random sizes, ranges and splits into parts give the bytes that a vector in memory gives.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::*;
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use stakeout_blobs::BlobError;
use stakeout_contract::Sha256Digest;

fn same_as_a_vector(p: Place, cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let near = prop_oneof![0..300_000_usize, (1..4_usize, -20..20_isize).prop_map(|(n, d)| (n * 65_536).saturating_add_signed(d))];
    let input = (near, vec(any::<prop::sample::Index>(), 0..5), vec((0..310_000_u64, 0..310_000_u64), 1..6), "[a-z]{1,8}");
    let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let result = runner.run(&input, |(n, cuts, ranges, name)| {
        let whole = bytes(n);
        let digest = Sha256Digest::of(&whole);
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(n + 1)).chain([0, n]).collect();
        cuts.sort_unstable();
        runtime.block_on(async {
            let blobs = p.blobs.of(&tenant(&name));
            let mut parts = vec![];
            for w in cuts.windows(2) {
                parts.push(blobs.put_part_bytes(whole[w[0]..w[1]].to_vec()).await.unwrap().name);
            }
            prop_assert_eq!(blobs.compose(&parts, digest, n as u64).await.unwrap(), digest);
            prop_assert_eq!(blobs.size(&digest).await.unwrap(), n as u64);
            prop_assert!(blobs.get(&digest).await.unwrap() == whole);
            for (from, to) in ranges {
                let got = blobs.range(&digest, from..to).await;
                match whole.get(from as usize..to as usize) {
                    Some(expected) => prop_assert!(got.unwrap() == expected, "{}..{} of {}", from, to, n),
                    None => prop_assert!(matches!(got, Err(BlobError::Range { .. })), "{}..{} of {}", from, to, n),
                }
            }
            Ok(())
        })
    });
    result.unwrap();
}

#[test]
fn a_folder_is_the_same_as_a_vector() {
    same_as_a_vector(folder(), 60);
}

#[test]
fn an_encrypted_folder_is_the_same_as_a_vector() {
    same_as_a_vector(sealed(folder()), 60);
}

#[test]
fn an_encrypted_bucket_is_the_same_as_a_vector() {
    same_as_a_vector(sealed(bucket()), 20);
}
