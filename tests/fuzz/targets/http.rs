//! What an app sends as HTTP, and what a live server answers.
#![no_main]
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use stakeout_gateway::http::{body::{Decoder, Framing, Step}, head};

fuzz_target!(|data: &[u8]| {
    let _ = head::parse_request(data);
    let _ = head::parse_response(data, "GET");
    let mut body = Decoder::new(Framing::Chunked);
    let mut buffer = BytesMut::from(data);
    while let Ok(Step::Data(_)) = body.step(&mut buffer) {}
});
