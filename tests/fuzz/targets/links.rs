//! An emulator's adb, its shell packets, its discovery file.
#![no_main]
use libfuzzer_sys::fuzz_target;
use stakeout_links::{
    adb::{
        frame::{Banner, HEADER, Header},
        shell::Packets,
    },
    discovery,
};

fuzz_target!(|data: &[u8]| {
    if let Some(head) = data.first_chunk::<HEADER>() {
        let _ = Header::decode(head, 1 << 20);
    }
    let _ = Banner::parse(data);
    let _ = Packets::default().feed(data, |_, _| {});
    let _ = discovery::parse(&String::from_utf8_lossy(data));
});
