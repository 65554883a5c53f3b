//! The tar of the guest's files.
#![no_main]
use libfuzzer_sys::fuzz_target;
use stakeout_agent::{collect, keep::Keep};

fuzz_target!(|data: &[u8]| {
    let dir = tempfile::tempdir().expect("a folder");
    let tar = dir.path().join("files.tar");
    std::fs::write(&tar, data).expect("a file");
    let kept = dir.path().join("kept");
    std::fs::create_dir(&kept).expect("a folder");
    let mut keep = Keep::new(&kept, 1 << 20).expect("a folder");
    let _ = collect::unpack(&tar, 1000, &mut keep);
    let outside: Vec<_> = std::fs::read_dir(dir.path()).expect("the folder").flatten().map(|e| e.file_name()).collect();
    assert!(outside.len() == 2, "{outside:?}");
});
