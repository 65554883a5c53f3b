//! What a guest asks the feed for.
#![no_main]
use libfuzzer_sys::fuzz_target;
use stakeout_device::feed::Request;

fuzz_target!(|data: &[u8]| {
    if let Ok(r) = serde_json::from_slice::<Request>(data) {
        let _ = r.check();
    }
});
