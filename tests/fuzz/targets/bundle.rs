//! A bundle from a stranger: opened, verified, each entry read.
#![no_main]
use libfuzzer_sys::fuzz_target;
use stakeout_bundle::Bundle;

fuzz_target!(|data: &[u8]| {
    if let Ok(bundle) = Bundle::parse(data.to_vec()) {
        for name in bundle.names() {
            let _ = bundle.read(name);
        }
        let _ = stakeout_bundle::verify::verify(&bundle, &[], None, &|_, _, _| [0; 32]);
    }
});
