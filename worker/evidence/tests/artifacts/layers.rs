//! A layer explains what it was made of, and nothing behind it.

use crate::common::*;
use stakeout_contract::{Kind, finding::Analysis};

fn skipped(a: &Analysis) -> Vec<&str> {
    a.searched.skipped.iter().map(|s| s.reason.as_str()).collect()
}

#[test]
fn what_stands_behind_the_last_chunk_of_a_body_is_read() {
    // The gateway undid the framing of the connection; this is the app's own, of which a receiver may make what it likes.
    let body = [&b"1\r\nx\r\n0\r\n\r\n"[..], &jpeg(1, FRAME)].concat();
    for head in ["Transfer-Encoding: chunked\r\n", "Content-Encoding: chunked\r\n"] {
        assert_eq!(chain(&sent(post(head, &body)), Kind::Camera), ["http", "jpeg"], "{head}");
    }
    let beside = format!("4;{}\r\nWiki\r\n0\r\n\r\n", base64(&noise(1, 300)));
    assert_eq!(skipped(&sent(post("Transfer-Encoding: chunked\r\n", beside.as_bytes()))), ["encrypted or unknown"]);
}

#[test]
fn a_gzip_stream_that_breaks_explains_nothing_behind_it() {
    let mut stream = gzip(&b"a line of it\n".repeat(20));
    let end = stream.len();
    stream[end - 8] ^= 1;
    let a = sent(post("Content-Encoding: gzip\r\n", &[&stream[..], &noise(2, 3_000)].concat()));
    assert_eq!(skipped(&a), ["broken: gzip", "encrypted or unknown"]);
    let a = kept([&stream[..], base64(&jpeg(1, FRAME)).as_bytes()].concat());
    assert_eq!((chain(&a, Kind::Camera), skipped(&a)), (vec!["base64".to_owned(), "jpeg".to_owned()], vec!["broken: gzip"]));
}

#[test]
fn text_in_utf_16_explains_nothing_behind_it() {
    let text: Vec<u8> = "a line of it\r\n".repeat(200).encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(skipped(&kept(text.clone())), Vec::<&str>::new());
    assert_eq!(skipped(&kept([&text[..], &noise(3, 5_000)].concat())), ["encrypted or unknown"]);
    let a = kept([&text[..], &pcm(1, SECOND, 2.0, 16_000)].concat());
    assert_eq!(chain(&a, Kind::Microphone), ["raw-pcm"]);
}
