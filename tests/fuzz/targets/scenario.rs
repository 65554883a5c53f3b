//! A scenario from a tenant.
#![no_main]
use libfuzzer_sys::fuzz_target;
use stakeout_contract::scenario::Scenario;

fuzz_target!(|data: &str| {
    if let Ok(s) = serde_norway::from_str::<Scenario>(data) {
        let _ = (s.check(), s.start(), s.virtual_length(), s.states());
    }
});
