//! Memory does not grow with the size of a blob. Alone in its program, as it looks at the whole process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::*;
use futures_util::TryStreamExt;

/// Bytes of the blob. What is allowed on top of what the program has is a quarter of it: some pieces of 5 MiB are on their way, and what
/// an allocator keeps of those before is several times that.
const LARGE: u64 = 256 << 20;

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn a_large_blob_goes_in_and_out_in_a_part_of_its_size() {
    for p in [sealed(folder()), sealed(bucket())] {
        let input = p.scratch("in", b"");
        std::fs::File::options().write(true).open(&input).unwrap().set_len(LARGE).unwrap();
        let before = peak();
        let blobs = p.blobs.of(&tenant("a"));
        let d = blobs.put_file(&input).await.unwrap();
        let part = blobs.put_part(blobs.stream(&d, None).await.unwrap().map_err(std::io::Error::other)).await.unwrap();
        assert_eq!((part.bytes, part.digest), (LARGE, d));
        blobs.remove(&d).await.unwrap();
        blobs.compose(&[part.name], d, LARGE).await.unwrap();
        blobs.get_to_file(&d, &p.scratch.path().join("out")).await.unwrap();
        let grown = peak() - before;
        assert!(grown < LARGE / 4, "{grown} bytes more");
        eprintln!("{} MiB more at the peak", grown >> 20);
    }
}
