//! Ports for programs that are told theirs.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
};

/// Below those that the kernel gives to whoever asks for any: a test beside this one would be given the same between the look and the start.
const FIRST: u32 = 10_000;
const ALL: u32 = 20_000;
/// Each process begins elsewhere, so that tests that run at once do not look at the same.
const EACH: u32 = 16;

/// A port that nobody has now.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id() % (ALL / EACH) * EACH;
    (0..ALL)
        .map(|_| FIRST + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % ALL)
        .filter_map(|p| u16::try_from(p).ok())
        .find(|p| TcpListener::bind(("127.0.0.1", *p)).is_ok())
        .expect("none of 20,000 ports is free")
}
