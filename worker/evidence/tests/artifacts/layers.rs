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

/// Files and requests in which something is told to be noise.
fn opaque(made: &[Made]) -> usize {
    let a = search_all(&trial(1), made, stakeout_evidence::Limits::default());
    a.searched.skipped.iter().filter(|s| s.reason == "encrypted or unknown").count()
}

#[test]
fn fields_that_are_encrypted_one_by_one_are_told_together() {
    use stakeout_contract::artifact::Role;
    let request = |fields: std::ops::Range<u64>| {
        let all: Vec<String> = fields.map(|i| format!("{{\"v\":\"{}\"}}", base64(&noise(100 + i, 72)))).collect();
        artifact(Role::FlowRequest, post("Content-Type: application/json\r\n", format!("[{}]", all.join(",")).as_bytes()))
    };
    assert_eq!(opaque(&[request(0..30)]), 1);
    // An ordinary app's tokens are few, and the same in each request.
    assert_eq!(opaque(&[request(0..4)]), 0);
    let same = (0..40).map(|i| {
        let mut r = request(0..4);
        r.0.flow = Some(i);
        r
    });
    assert_eq!(opaque(&same.collect::<Vec<_>>()), 0);
    // A few in each of many requests are many.
    assert_eq!(opaque(&(0..30).map(|i| request(4 * i..4 * i + 4)).collect::<Vec<_>>()), 30);
}

#[test]
fn noise_in_an_alphabet_that_nobody_undoes_is_told_and_text_is_not() {
    let symbols: Vec<u8> = (b'('..b'<').chain(b'A'..=b'Z').chain(b'a'..=b'z').collect();
    let text = |n| noise(7, n).iter().map(|v| symbols[usize::from(*v) % symbols.len()]).collect::<Vec<u8>>();
    assert_eq!(skipped(&sent(post("", &[&b"d="[..], &text(400)].concat()))), ["encrypted or unknown"]);
    let ordinary = serde_json::json!({
        "items": (0..60).map(|i| serde_json::json!({"id": i, "name": format!("An ordinary thing, number {i}"), "at": 1_710_000_000_000_u64 + i * 977,
            "image": format!("https://cdn.example.com/2024/03/a-picture-of-it_{i}.jpg?w=640&h=480"), "place": [f64::from(i as u32) * 1.37, 48.1]})).collect::<Vec<_>>(),
        "session": base64(&noise(1, 32)), "device": hex::encode(noise(2, 16)), "digest": hex::encode(noise(3, 32))});
    assert_eq!(skipped(&sent(post("", ordinary.to_string().as_bytes()))), Vec::<&str>::new());
}

/// A database of one page of rows, each of texts and fractions.
fn database(rows: &[(&[&str], &[f64])]) -> Vec<u8> {
    let mut page = vec![0; 4096];
    page[0] = 13;
    page[3..5].copy_from_slice(&(rows.len() as u16).to_be_bytes());
    let mut end = page.len();
    for (i, (texts, fractions)) in rows.iter().enumerate() {
        let mut record: Vec<u8> = texts.iter().map(|t| 13 + 2 * t.len() as u8).chain(fractions.iter().map(|_| 7)).collect();
        record.insert(0, record.len() as u8 + 1);
        record.extend(texts.concat().bytes());
        record.extend(fractions.iter().flat_map(|v| v.to_be_bytes()));
        let cell = [&[record.len() as u8, i as u8 + 1][..], &record].concat();
        end -= cell.len();
        page[end..end + cell.len()].copy_from_slice(&cell);
        page[8 + 2 * i..10 + 2 * i].copy_from_slice(&(end as u16).to_be_bytes());
    }
    let mut head = vec![0; 4096];
    head[..24].copy_from_slice(b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20");
    [head, page].concat()
}

#[test]
fn values_of_a_row_that_stand_without_anything_between_them_are_told_apart() {
    let rows: &[(&[&str], &[f64])] = &[
        (&["com.google", "linyuhe.q7w2k9@example.org", "x"], &[]),
        (&["1", "867394051234568", "1710000000000"], &[]),
        (&["place"], &[39.904_217, 116.407_394]),
    ];
    let a = kept(database(rows));
    for id in ["contacts/0", "identifiers/imei", "location"] {
        let found = a.findings.iter().find(|f| f.canary.as_deref() == Some(id));
        assert!(found.is_some_and(|f| !f.lead && f.chain == ["sqlite"]), "{id}: {a:?}");
    }
    assert_eq!(skipped(&a), Vec::<&str>::new());
    assert_eq!(kept(database(&[(&["com.google", "nobody@example.org"], &[1.5])])).findings, []);
}
