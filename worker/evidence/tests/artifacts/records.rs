//! What the device recorded of encryptions, and what is told of what could not be read.

use std::fs;

use crate::common::*;
use stakeout_contract::{Kind, artifact::Role};
use stakeout_evidence::{Engine, EvidenceError, Limits, NoCaptures, NoDecoder, analyze_files, analyze_trial_dir};

/// A plain text and the cipher text that the device saw beside it.
fn encrypted(plain: &[u8], seed: u64) -> (Made, Made, Vec<u8>) {
    let cipher = noise(seed, plain.len() + 16);
    let c = artifact(Role::CryptoCipher, cipher.clone());
    let mut p = artifact(Role::CryptoPlain, plain.to_vec());
    p.0.cipher = Some(c.0.sha256);
    (p, c, cipher)
}

#[test]
fn an_encrypted_upload_is_linked_to_its_plain_text_by_its_cipher_text() {
    let (p, c, cipher) = encrypted(&gzip(&jpeg(1, FRAME)), 1);
    let body = format!("{{\"iv\":\"AAAA\",\"data\":\"{}\"}}", base64(&cipher));
    let request = artifact(Role::FlowRequest, post("", body.as_bytes()));
    let a = search_all(&trial(1), &[p, c, request], Limits::default());
    let f = a.findings.iter().find(|f| f.role == Some(Role::FlowRequest)).unwrap();
    assert_eq!(f.chain, ["http", "json", "base64", "cipher", "gzip", "jpeg"]);
    assert!(f.cooperative && f.frames == Some([FRAME; 2]) && f.flow == Some(1), "{f:?}");
    let f = a.findings.iter().find(|f| f.role == Some(Role::CryptoPlain)).unwrap();
    assert!(f.cooperative && f.chain == ["gzip", "jpeg"], "{f:?}");
    assert_eq!(a.searched.skipped, []);
}

#[test]
fn a_field_that_was_encrypted_alone_is_linked_to_its_plain_text() {
    // Sixteen bytes of cipher text behind an initialization vector: in base64 they look like nothing.
    let cipher = noise(11, 16);
    let c = artifact(Role::CryptoCipher, cipher.clone());
    let mut p = artifact(Role::CryptoPlain, b"Morwenna Quistgaard-Vael".to_vec());
    p.0.cipher = Some(c.0.sha256);
    for field in [base64(&[&noise(12, 12)[..], &cipher].concat()), hex::encode([&noise(12, 12)[..], &cipher].concat()), base64(&cipher)] {
        let request = artifact(Role::FlowRequest, post("", format!("{{\"n\":\"{field}\"}}").as_bytes()));
        let a = search_all(&trial(1), &[p.clone(), c.clone(), request], Limits::default());
        let f = a.findings.iter().find(|f| f.role == Some(Role::FlowRequest));
        assert!(f.is_some_and(|f| f.cooperative && f.canary.as_deref() == Some("contacts/1")), "{field}: {a:?}");
    }
}

#[test]
fn on_a_device_of_its_own_the_apps_word_on_ciphers_adds_and_explains_nothing() {
    let mut own = trial(1);
    own.cooperative = false;
    let (p, c, cipher) = encrypted(&gzip(&jpeg(1, FRAME)), 1);
    let request = artifact(Role::FlowRequest, post("", base64(&cipher).as_bytes()));
    let a = search_all(&own, &[p, c, request], Limits::default());
    let f = a.findings.iter().find(|f| f.role == Some(Role::FlowRequest)).unwrap();
    assert!(f.cooperative && f.chain == ["http", "base64", "cipher", "gzip", "jpeg"], "{f:?}");
    let told = |a: &stakeout_contract::finding::Analysis| a.searched.skipped.iter().map(|s| (s.reason.clone(), s.role)).collect::<Vec<_>>();
    assert_eq!(told(&a), [("encrypted or unknown".to_owned(), Some(Role::FlowRequest))], "who says so may have made it up");

    // An app that calls its photo a cipher text of something harmless hides neither the photo nor what else it sends.
    let photo = jpeg(1, FRAME);
    let c = artifact(Role::CryptoCipher, photo.clone());
    let mut p = artifact(Role::CryptoPlain, [&b"nothing to see"[..], &photo].concat());
    p.0.cipher = Some(c.0.sha256);
    let request = artifact(Role::FlowRequest, post("", &[&photo[..], &gzip(&jpeg(1, FRAME + 9))].concat()));
    let a = search_all(&own, &[p, c, request], Limits::default());
    let sent: Vec<_> = a.findings.iter().filter(|f| f.role == Some(Role::FlowRequest)).map(|f| (f.cooperative, f.frames)).collect();
    assert!(sent.contains(&(false, Some([FRAME; 2]))) && sent.contains(&(false, Some([FRAME + 9; 2]))), "{sent:?}");
}

#[test]
fn a_plain_text_that_was_encrypted_in_pieces_is_joined() {
    let photo = jpeg(1, FRAME);
    let mut made = Vec::new();
    let mut body = b"magic".to_vec();
    for (i, piece) in photo.chunks(512).enumerate() {
        let (p, c, cipher) = encrypted(piece, i as u64);
        body.extend(cipher);
        made.extend([p, c]);
    }
    made.push(artifact(Role::AppFile, body));
    let a = search_all(&trial(1), &made, Limits::default());
    let f = a.findings.iter().find(|f| f.role == Some(Role::AppFile)).unwrap();
    assert!(f.chain == ["cipher", "jpeg"] && f.offset == 5 && f.cooperative, "{f:?}");
}

#[test]
fn an_upload_that_nothing_explains_is_told_and_a_token_is_not() {
    let skipped = |body: &[u8]| sent(post("", body)).searched.skipped.into_iter().map(|s| (s.reason, s.role)).collect::<Vec<_>>();
    let opaque = [("encrypted or unknown".to_owned(), Some(Role::FlowRequest))];
    assert_eq!(skipped(&noise(1, 5_000)), opaque);
    assert_eq!(skipped(base64(&noise(2, 400)).as_bytes()), opaque);
    assert_eq!(skipped(hex::encode(noise(3, 400)).as_bytes()), opaque);
    assert_eq!(skipped(&gzip(&noise(4, 5_000))), opaque);
    assert_eq!(skipped(&[b"{\"a\":1}".repeat(50), noise(5, 1_000)].concat()), opaque);
    for body in [
        format!("{{\"token\":\"{}\",\"n\":1}}", base64(&noise(6, 32))).into_bytes(),
        hex::encode(noise(7, 32)).into_bytes(),
        gzip(b"{\"event\":\"start\",\"count\":17}"),
        include_bytes!("../../src/lib.rs").to_vec(),
        jpeg(5, 77),
        b"id=550e8400-e29b-41d4-a716-446655440000&t=1710000000000&v=com.example.app.feature.analytics.internal.session".to_vec(),
    ] {
        assert_eq!(skipped(&body), [], "{}", String::from_utf8_lossy(&body[..body.len().min(60)]));
    }
}

fn engine() -> Engine<'static> {
    Engine { limits: Limits::default(), decoder: &NoDecoder, captures: &NoCaptures }
}

#[test]
fn a_record_that_claims_an_endless_trial_is_searched_as_far_as_a_trial_goes() {
    let mut record = trial(1);
    for d in &mut record.delivered {
        d.last = u64::MAX;
    }
    record.timeline[0].to = stakeout_contract::Nanos::saturating(u64::MAX);
    let a = search_all(&record, &[artifact(Role::AppFile, jpeg(1, FRAME))], Limits::default());
    assert!(a.findings.iter().any(|f| f.frames == Some([FRAME; 2])), "{a:?}");
}

#[test]
fn a_trials_folder_is_analysed_twice_to_the_same_document() {
    let dir = tempfile::tempdir().unwrap();
    let mut record = planted(1);
    fs::create_dir(dir.path().join("artifacts")).unwrap();
    for (a, bytes) in [
        artifact(Role::AppFile, jpeg(1, FRAME)),
        artifact(Role::FlowRequest, post(MULTIPART, &multipart(&[("", &jpeg(1, FRAME + 9)), ("", address(&record).as_bytes())]))),
        artifact(Role::Screenshot, jpeg(1, FRAME + 1)),
    ] {
        fs::write(dir.path().join(format!("artifacts/{}", a.sha256)), bytes).unwrap();
        record.artifacts.push(a);
    }
    let write =
        |r: &stakeout_contract::trial::TrialRecord| fs::write(dir.path().join("trial.json"), serde_json::to_vec(r).unwrap()).unwrap();
    write(&record);
    let one = analyze_trial_dir(&engine(), dir.path()).unwrap();
    record.artifacts.reverse();
    write(&record);
    let two = analyze_trial_dir(&engine(), dir.path()).unwrap();
    assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&two).unwrap());
    assert_eq!(one.findings.len(), 3);
    assert_eq!(one.searched.files, 2, "a screenshot is of ours, not the app's");

    // A swapped artifact is told, and a key that was not the published one is refused.
    let path = dir.path().join(format!("artifacts/{}", record.artifacts[0].sha256));
    fs::remove_file(&path).unwrap();
    let gone = analyze_trial_dir(&engine(), dir.path()).unwrap();
    let at = record.artifacts[2].sha256.to_string();
    assert!(gone.searched.skipped.is_empty(), "{at}: the screenshot is not searched");
    for a in &record.artifacts {
        fs::write(dir.path().join(format!("artifacts/{}", a.sha256)), vec![7; a.size as usize]).unwrap();
    }
    let swapped = analyze_trial_dir(&engine(), dir.path()).unwrap();
    assert!(swapped.findings.is_empty() && swapped.searched.skipped.len() == 2, "{swapped:?}");
    assert!(swapped.searched.skipped[0].reason.contains("digest"));
    record.key = trial(2).key;
    write(&record);
    assert!(matches!(analyze_trial_dir(&engine(), dir.path()), Err(EvidenceError::OtherKey(_))));
    record.key = None;
    write(&record);
    assert!(matches!(analyze_trial_dir(&engine(), dir.path()), Err(EvidenceError::NoKey(_))));
}

#[test]
fn what_a_record_adds_to_what_its_key_plants_is_told_and_never_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sent");
    fs::write(&path, "v=what the app always sends").unwrap();
    let mut record = planted(1);
    record.canaries[0].needles[0].text = "what the app always sends".to_owned();
    record.canaries[0].needles[0].bits = 65;
    let a = analyze_files(&engine(), &[path], Some(&record)).unwrap();
    assert_eq!(a.findings, []);
    let told: Vec<&str> = a.searched.skipped.iter().map(|s| s.reason.as_str()).collect();
    assert_eq!(told, ["the canary `contacts/0` has other values than the key gives"]);
}

#[test]
fn any_file_can_be_searched_and_a_har_is_read_as_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let har = serde_json::json!({"log": {"version": "1.2", "entries": [{"request": {"method": "POST", "postData":
        {"mimeType": "image/jpeg", "text": base64(&jpeg(1, FRAME)), "encoding": "base64"}}}]}});
    let path = dir.path().join("x.har");
    fs::write(&path, serde_json::to_vec_pretty(&har).unwrap()).unwrap();
    let a = analyze_files(&engine(), std::slice::from_ref(&path), Some(&planted(1))).unwrap();
    assert_eq!(
        (chain(&a, Kind::Camera), a.findings[0].file.clone()),
        (vec!["json".into(), "base64".into(), "jpeg".into()], path.display().to_string())
    );
    let a = analyze_files(&engine(), &[path], None).unwrap();
    assert!(a.findings.is_empty() && a.searched.keys == 0 && a.searched.files == 1);
    let capture = dir.path().join("x.pcapng");
    fs::write(&capture, b"\x0a\x0d\x0d\x0a\0\0\0\0").unwrap();
    let a = analyze_files(&engine(), &[capture, dir.path().join("none")], Some(&planted(1))).unwrap();
    let reasons: Vec<&str> = a.searched.skipped.iter().map(|s| s.reason.as_str()).collect();
    assert_eq!(reasons, ["unreadable: entity not found", "no decoder: tshark"]);
}

/// A raw-IP pcap of one TCP segment.
fn capture(payload: &[u8]) -> Vec<u8> {
    let n = payload.len() as u16 + 40;
    let mut ip = vec![0x45, 0, (n >> 8) as u8, n as u8, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    ip.extend([0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    ip.extend(payload);
    let mut out = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0];
    out.extend([0; 8]);
    out.extend(u32::from(n).to_le_bytes());
    out.extend(u32::from(n).to_le_bytes());
    out.extend(ip);
    out
}

#[test]
fn the_bodies_of_a_capture_are_taken_out_by_tshark() {
    let Some(captures) = stakeout_evidence::Tshark::on_path() else {
        panic!("no tshark on the path: scripts/setup.sh brings it");
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.pcap");
    fs::write(&path, capture(&post("Content-Type: text/plain\r\n", &gzip(format!("dear {}", address(&planted(1))).as_bytes())))).unwrap();
    let engine = Engine { limits: Limits::default(), decoder: &NoDecoder, captures: &captures };
    let a = analyze_files(&engine, std::slice::from_ref(&path), Some(&planted(1))).unwrap();
    assert!(a.findings.iter().any(|f| f.file == format!("{}#1", path.display()) && f.chain == ["gzip"]), "{a:?}");
}
