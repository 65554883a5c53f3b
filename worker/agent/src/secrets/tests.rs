use base64::Engine as _;
use proptest::prelude::*;
use stakeout_contract::{
    Nanos, Sha256Digest,
    artifact::Role,
    observation::{Fact, Observation, Source},
};

use super::*;

#[test]
fn all_forms_of_a_secret_go_and_lengths_stay() {
    let s = Scrubber::new(["p@ss wörd\"1"], &[]);
    let b64 = |t: &str| base64::engine::general_purpose::STANDARD.encode(t);
    for text in [
        "user=x&pw=p@ss wörd\"1&y",
        "pw=p%40ss%20w%C3%B6rd%221",
        "pw=p%40ss+w%c3%b6rd%221;",
        r#"{"pw":"p@ss wörd\"1"}"#,
        "<string name=\"pw\">p@ss wörd&quot;1</string>",
        "7040737320 70407373 2077c3b672642231",
    ] {
        let mut bytes = text.as_bytes().to_vec();
        let before = bytes.len();
        let has_it = !text.starts_with("7040737320");
        assert_eq!((s.bytes(&mut bytes).places > 0, bytes.len()), (has_it, before), "{text}");
    }
    for lead in ["", "a", "ab", "abc"] {
        let mut bytes = b64(&format!("{lead}p@ss wörd\"1 and more")).into_bytes();
        assert!(s.bytes(&mut bytes).places > 0, "{lead}");
    }
}

#[test]
fn a_document_loses_the_value_and_nothing_else() {
    let s = Scrubber::new(["hunter22"], &[]);
    let (v, wiped) = s.value(serde_json::json!({"a": "x hunter22 y", "n": 5, "l": ["hunter2"]}));
    assert_eq!(wiped, Wiped { places: 1, doubtful: 0 });
    assert_eq!(v, serde_json::json!({"a": "x ******** y", "n": 5, "l": ["hunter2"]}));
    assert!(!format!("{s:?}").contains("hunter"));
}

#[test]
fn a_value_that_is_a_word_of_ours_goes_from_all_fields_but_those_that_need_it() {
    let s = Scrubber::new(["gateway", "4242"], &[]);
    let digest = Sha256Digest::from_bytes([0x42; 32]);
    let fact = Fact::Crashed { message: "the gateway's 4242".into(), trace: vec!["at gateway".into()] };
    let (o, wiped) = s.value(Observation { at: Nanos::ZERO, source: Source::Gateway, fact, stack: vec![] });
    let clean = Fact::Crashed { message: "the *******'s ****".into(), trace: vec!["at *******".into()] };
    assert_eq!((o.source, o.fact, wiped.places), (Source::Gateway, clean, 3));
    let named = stakeout_contract::artifact::Artifact { sha256: digest, ..crate::keep::artifact(Role::AppFile, "pin=4242") };
    let (named, _) = s.value(named);
    assert_eq!((named.sha256, named.name.as_str()), (digest, "pin=****"));
}

#[test]
fn a_field_of_its_own_is_no_loss_and_the_middle_of_something_is() {
    let s = Scrubber::new(["hunter22"], &[]);
    let b64 = |t: &str| base64::engine::general_purpose::STANDARD.encode(t);
    let utf16 = |t: &str| t.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let doubtful = |bytes: &[u8]| s.bytes(&mut bytes.to_vec());
    let (fine, lost) = (Wiped { places: 1, doubtful: 0 }, Wiped { places: 1, doubtful: 1 });
    for field in [
        &b"user=x&pw=hunter22&y=1"[..],
        br#"{"pw":"hunter22"}"#,
        br#"{"inner":"{\"pw\":\"hunter22\"}"}"#,
        b"data=%7B%22pw%22%3A%22hunter22%22%7D",
        b"<string name=\"pw\">hunter22</string>",
        b"\x12\x08hunter22\x1a\x03abc",
        b"hunter22",
        b"pw=68756e7465723232&x",
        format!("Authorization: Basic {}\r\n", b64("user:hunter22")).as_bytes(),
        &utf16("\"hunter22\""),
    ] {
        assert_eq!(doubtful(field), fine, "{}", String::from_utf8_lossy(field));
    }
    for middle in [
        &b"com.hunter22.app"[..],
        b"x=9hunter229",
        b"pw=aa68756e746572323261&x",
        format!("{{\"photo\":\"{}\"}}", b64(&format!("{}hunter22{}", "a".repeat(900), "b".repeat(900)))).as_bytes(),
        &utf16("xhunter22x"),
        b"alicehunter22alice@post.example",
    ] {
        assert_eq!(doubtful(middle), lost, "{}", String::from_utf8_lossy(middle));
    }
}

#[test]
fn a_value_that_is_part_of_what_is_planted_is_doubtful_wherever_it_stands() {
    let s = Scrubber::new(["8812 0417"], &["+86 139 8812 0417"]);
    assert_eq!(s.bytes(&mut b"pin=8812 0417&".to_vec()), Wiped { places: 1, doubtful: 1 });
}

#[test]
fn a_capture_loses_its_tls_secrets_only() {
    let block = |kind: u32, body: &[u8]| {
        let n = (12 + body.len()) as u32;
        [&kind.to_le_bytes()[..], &n.to_le_bytes(), body, &n.to_le_bytes()].concat()
    };
    let head = block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0]);
    let (secrets, packet) = (block(10, b"CLIENT_R"), block(6, b"abcd"));
    assert_eq!(without_tls_secrets(&[head.clone(), secrets, packet.clone()].concat()), [head.clone(), packet].concat());
    assert_eq!(without_tls_secrets(&[&head[..], b"short"].concat()), b"");
}

proptest! {
    #[test]
    fn no_form_is_left_wherever_it_stands(secret in "[ -~]{4,20}", before in "[a-z]{0,9}", after in "[a-z]{0,9}") {
        let s = Scrubber::new([secret.as_str()], &[]);
        let mut bytes = format!("{before}{secret}{after}").into_bytes();
        prop_assert!(s.bytes(&mut bytes).places > 0);
        prop_assert!(memmem::find(&bytes, secret.as_bytes()).is_none() || secret.bytes().all(|b| b == b'*'));
    }
}
