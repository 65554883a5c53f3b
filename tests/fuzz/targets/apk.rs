//! An APK from a stranger.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), data).expect("a file");
    let _ = stakeout_server::intake::app(file.path(), &[]);
});
