//! A trial to search for, and artifacts made from its feeds.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use stakeout_contract::{
    Kind, Sha256Digest,
    artifact::{Artifact, Role},
    canary::{Canary, Needle},
    finding::{Analysis, Finding},
    trial::TrialRecord,
};
use stakeout_evidence::{Engine, Ffmpeg, Input, Limits, MediaDecoder, NoCaptures, NoDecoder, Source, analyze_for};
use stakeout_feed::{CameraFeed, MicFeed, SubKeys, TrialKey, planting};

/// Frame of the trial that most tests capture: two minutes in.
pub const FRAME: u64 = 3_612;
/// Second of the trial at which most tests record.
pub const SECOND: u64 = 125;

pub fn trial(seed: u8) -> TrialRecord {
    let key = TrialKey::from_bytes([seed; 32]);
    let id = "0190a0b0-0000-7000-8000-000000000001";
    let record = serde_json::json!({
        "format": "stakeout-trial/1", "trial": format!("trial-{id}"), "job": format!("job-{id}"), "epoch": 1, "number": 1,
        "scenario": {"name": "test", "steps": []}, "device": "jvm", "api": 34, "cooperative": true,
        "commitment": hex::encode(key.commitment()), "key": key.to_hex(),
        "timeline": [{"from": 0, "to": 600_000_000_000_u64, "state": "background"}],
        "delivered": [
            {"sensor": "camera", "facing": "back", "session": 1, "first": 3_600, "last": 3_660, "count": 61},
            {"sensor": "microphone", "session": 2, "first": 2_480, "last": 2_600, "count": 121}],
        "end": {"state": "finished"}});
    let mut record: TrialRecord = serde_json::from_value(record).unwrap();
    record.canaries = canaries();
    record
}

/// The same as its key plants it, which a search that takes nobody's word wants.
pub fn planted(seed: u8) -> TrialRecord {
    let mut record = trial(seed);
    record.canaries = planting::again(&record, record.key.as_ref().unwrap()).unwrap();
    record.started_at = jiff::Timestamp::from_millisecond(record.scenario.start_millis(record.seed()).unwrap()).unwrap().to_string();
    record
}

/// The address of its first contact: 57 bits, which prove alone.
pub fn address(record: &TrialRecord) -> String {
    record.canaries[0].needles.last().unwrap().text.clone()
}

pub fn keys(seed: u8) -> SubKeys {
    TrialKey::from_bytes([seed; 32]).subkeys()
}

/// What the back camera saw at a frame.
pub fn jpeg(seed: u8, frame: u64) -> Vec<u8> {
    CameraFeed::new(keys(seed).camera_back).jpeg(frame, 640, 480, 80).unwrap()
}

/// 16-bit sound from a second of the trial on.
pub fn pcm(seed: u8, second: u64, seconds: f64, rate: u32) -> Vec<u8> {
    let samples = MicFeed::new(keys(seed).microphone).pcm(second * 1_000_000_000, (seconds * f64::from(rate)) as usize, rate);
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

pub fn wav(pcm: &[u8], rate: u32) -> Vec<u8> {
    let mut out = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    out.extend(rate.to_le_bytes());
    out.extend((rate * 2).to_le_bytes());
    out.extend(b"\x02\0\x10\0data");
    out.extend((pcm.len() as u32).to_le_bytes());
    out.extend(pcm);
    let n = out.len() as u32 - 8;
    out[4..8].copy_from_slice(&n.to_le_bytes());
    out
}

pub fn canaries() -> Vec<Canary> {
    let one = |id: &str, kind, needles: &[(&str, u32)]| Canary {
        id: id.to_owned(),
        kind,
        label: id.to_owned(),
        needles: needles.iter().map(|n| Needle { text: n.0.to_owned(), bits: n.1 }).collect(),
    };
    vec![
        one("contacts/0", Kind::Contacts, &[("林雨禾澈", 40), ("+86 139 8812 0417", 26), ("linyuhe.q7w2k9@example.org", 50)]),
        one("contacts/1", Kind::Contacts, &[("Morwenna Quistgaard-Vael", 50), ("+86 137 0451 9926", 26)]),
        one("call_log/0", Kind::CallLog, &[("+86 136 2210 7745", 26)]),
        one("wifi/0", Kind::Wifi, &[("Qiulin-5G-x8Kd03", 45), ("a6:5e:60:9c:31:ff", 44)]),
        one("cell/0", Kind::Cell, &[("460-00-28411-190223847", 44)]),
        one("location", Kind::Location, &[("39.904217,116.407394", 44)]),
        one("identifiers/imei", Kind::Identifiers, &[("867394051234568", 45)]),
        one("identifiers/android_id", Kind::Identifiers, &[("9f3c1a77e0b25d48", 64)]),
    ]
}

/// An artifact and its bytes.
pub type Made = (Artifact, Vec<u8>);

pub fn artifact(role: Role, bytes: Vec<u8>) -> Made {
    let flow = matches!(role, Role::FlowRequest | Role::FlowResponse).then_some(1);
    let sha256 = Sha256Digest::of(&bytes);
    (Artifact { sha256, size: bytes.len() as u64, role, name: String::new(), flow, at: None, cipher: None, truncated: false }, bytes)
}

pub fn search_all(trial: &TrialRecord, made: &[Made], limits: Limits) -> Analysis {
    let inputs: Vec<Input> = made
        .iter()
        .map(|(a, bytes)| Input {
            file: format!("artifacts/{}", a.sha256),
            artifact: Some(a.clone()),
            source: Source::Bytes(bytes.clone()),
        })
        .collect();
    let ffmpeg = Ffmpeg::on_path();
    let decoder: &(dyn MediaDecoder + Sync) = ffmpeg.as_ref().map_or(&NoDecoder, |f| f);
    analyze_for(&Engine { limits, decoder, captures: &NoCaptures }, trial, &trial.canaries, &inputs).unwrap()
}

/// Analysis of one request by the trial of seed 1.
pub fn sent(bytes: Vec<u8>) -> Analysis {
    search_all(&trial(1), &[artifact(Role::FlowRequest, bytes)], Limits::default())
}

/// Analysis of one file by the trial of seed 1.
pub fn kept(bytes: Vec<u8>) -> Analysis {
    search_all(&trial(1), &[artifact(Role::AppFile, bytes)], Limits::default())
}

/// Findings that prove.
pub fn proofs(a: &Analysis) -> Vec<&Finding> {
    a.findings.iter().filter(|f| !f.lead).collect()
}

/// The chain of the one proof of a kind.
pub fn chain(a: &Analysis, kind: Kind) -> Vec<String> {
    let found: Vec<_> = proofs(a).into_iter().filter(|f| f.kind == kind).collect();
    assert_eq!(found.len(), 1, "{:?}", a.findings);
    found[0].chain.clone()
}

pub fn post(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("POST /up HTTP/1.1\r\nHost: x.example\r\n{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

pub fn gzip(b: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    e.write_all(b).unwrap();
    e.finish().unwrap()
}

pub fn zlib(b: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut e = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    e.write_all(b).unwrap();
    e.finish().unwrap()
}

pub fn deflate(b: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut e = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    e.write_all(b).unwrap();
    e.finish().unwrap()
}

pub fn base64(b: &[u8]) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(b)
}

pub fn multipart(bodies: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (head, body) in bodies {
        out.extend(format!("--b0undary\r\nContent-Disposition: form-data; name=\"f\"\r\n{head}\r\n").bytes());
        out.extend(*body);
        out.extend(b"\r\n");
    }
    out.extend(b"--b0undary--\r\n");
    out
}

pub const MULTIPART: &str = "Content-Type: multipart/form-data; boundary=b0undary\r\n";

/// Bytes that no one can tell from an encryption.
pub fn noise(seed: u64, n: usize) -> Vec<u8> {
    let mut out = vec![0; n];
    stakeout_feed::SubKey::from_bytes([0xee; 32]).fill("noise", seed, &mut out);
    out
}

/// By ffmpeg, from a file of these options, in a container of this name. All encoders are in Debian's `libavcodec-extra`: without
/// one of them its codec would go untested, so that is a failure.
pub fn encoded(raw: &[u8], input: &[&str], output: &[&str], container: &str) -> Vec<u8> {
    assert!(Ffmpeg::on_path().is_some(), "no ffmpeg on the path: scripts/setup.sh brings it");
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("in"), dir.path().join("out").with_extension(container));
    std::fs::write(&from, raw).unwrap();
    let mut command = std::process::Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).args(input).arg("-i").arg(&from).args(output).arg(&to);
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{output:?} cannot be made, scripts/setup.sh brings the encoders: {said}");
    std::fs::read(&to).unwrap()
}
