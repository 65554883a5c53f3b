//! Planted values are found however they are written, and nothing else is.

use crate::common::*;
use md5::Digest as _;
use stakeout_contract::{Kind, artifact::Role};
use stakeout_evidence::Limits;

/// Ids of the canaries that are told for a request, with the greatest probability of each.
fn told(bytes: &[u8]) -> Vec<(String, f64)> {
    let mut out: Vec<(String, f64)> = Vec::new();
    for f in sent(bytes.to_vec()).findings {
        let id = f.canary.clone().unwrap();
        match out.iter_mut().find(|(known, _)| *known == id) {
            Some((_, p)) => *p = p.min(f.p_false.get()),
            None => out.push((id, f.p_false.get())),
        }
    }
    out
}

fn ids(bytes: &[u8]) -> Vec<String> {
    told(bytes).into_iter().map(|t| t.0).collect()
}

#[test]
fn each_way_of_writing_a_value_is_known() {
    let utf16 = |s: &str| s.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let md5 = |s: &str| hex::encode(md5::Md5::digest(s.as_bytes()));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        ("名字：林雨禾澈，".into(), "contacts/0"),
        (b"<to>LINYUHE.Q7W2K9@EXAMPLE.ORG</to>".to_vec(), "contacts/0"),
        (br#"{"n":"\u6797\u96e8\u79be\u6f88"}"#.to_vec(), "contacts/0"),
        (b"q=%E6%9E%97%E9%9B%A8%E7%A6%BE%E6%BE%88&r=1".to_vec(), "contacts/0"),
        ("<s>&#26519;&#x96e8;&#31166;&#28552;</s>".into(), "contacts/0"),
        ([&b"\0\x01"[..], &utf16("林雨禾澈"), b"\xff\xff"].concat(), "contacts/0"),
        (encoding_rs::GB18030.encode("林雨禾澈").0.into_owned(), "contacts/0"),
        (b"To: Morwenna+Quistgaard-Vael%21%21".to_vec(), "contacts/1"),
        (b"BSSID=A6-5E-60-9C-31-FF;".to_vec(), "wifi/0"),
        (b"\"a65e609c31ff\"".to_vec(), "wifi/0"),
        (md5("a65e609c31ff").into_bytes(), "wifi/0"),
        (md5("A6:5E:60:9C:31:FF").to_uppercase().into_bytes(), "wifi/0"),
        (br#"{"mnc":0,"lac":28411,"psc":-1,"cid":190223847}"#.to_vec(), "cell/0"),
        (b"cell=6EFB/B5695E7".to_vec(), "cell/0"),
        (br#"{"lat":39.904217,"lon":116.407394}"#.to_vec(), "location"),
        (b"116.40739400000001,39.904216999999999".to_vec(), "location"),
        (b"39904217|116407394".to_vec(), "location"),
        (b"{\"lat_e7\":399042170,\"lon_e7\":1164073940}".to_vec(), "location"),
        (md5("39.904217,116.407394").into_bytes(), "location"),
        (md5("28411_190223847").into_bytes(), "cell/0"),
        (b"imei=867394051234568&x".to_vec(), "identifiers/imei"),
        (b"86739405 123456 8".to_vec(), "identifiers/imei"),
        (format!("sha={}", hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"867394051234568"))).into_bytes(), "identifiers/imei"),
        (format!("sha={}", base64(&sha1::Sha1::digest(b"867394051234568"))).into_bytes(), "identifiers/imei"),
        // Digests are cut to 16 or 32 digits; of MD5 it is often the middle.
        (
            format!("sha={}", &hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"867394051234568"))[..32]).into_bytes(),
            "identifiers/imei",
        ),
        (format!("d={}", &md5("867394051234568")[8..24]).into_bytes(), "identifiers/imei"),
        (b"id:9F3C1A77E0B25D48".to_vec(), "identifiers/android_id"),
        // In a protocol buffer, before its sixth field.
        (b"\x0a\x0f8673940512345682\x05hello".to_vec(), "identifiers/imei"),
        (b"\x0a\x109f3c1a77e0b25d48b\x05hello".to_vec(), "identifiers/android_id"),
        (b"\x0a\x1alinyuhe.q7w2k9@example.orgR\x05hello".to_vec(), "contacts/0"),
        // Too short to be decoded.
        (format!("{{\"d\":\"{}\"}}", base64(b"867394051234568")).into_bytes(), "identifiers/imei"),
        (format!("d={}", &base64(b"i=867394051234568")[1..]).into_bytes(), "identifiers/imei"),
        (format!("d={}", hex::encode(b"867394051234568")).into_bytes(), "identifiers/imei"),
        (format!("d={}", base64(b"9f3c1a77e0b25d48").trim_end_matches('=')).into_bytes(), "identifiers/android_id"),
        (format!("x{}", base64(b"user id 9f3c1a77e0b25d48 of this device")).into_bytes(), "identifiers/android_id"),
    ];
    for (bytes, id) in cases {
        let found = told(&bytes);
        let show = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(found.iter().map(|t| t.0.as_str()).collect::<Vec<_>>(), [id], "{show}");
        assert!(found[0].1 < 1e-8, "{show}: {found:?}");
    }
}

#[test]
fn what_only_looks_alike_is_not_told() {
    for text in [
        "28411",                                       // an area alone
        "lac 28411 and much later a number 190223848", // another cell
        "1028411, 190223847",                          // the area's digits within a longer number
        "39.9042, 116.5",                              // half a place
        "1867394051234568",                            // the IMEI's digits within a longer number
        "a6:5e:60:9c:31:fe",
        "linyuhe.q7w2k9@example.organic",
        "xMorwenna Quistgaard-Vael",
        "林雨禾",
    ] {
        assert_eq!(ids(text.as_bytes()), Vec::<String>::new(), "{text}");
    }
    let apart = format!("28411{}190223847", " word".repeat(80));
    assert_eq!(ids(apart.as_bytes()), Vec::<String>::new());
}

#[test]
fn a_short_number_is_a_lead_alone_and_a_proof_beside_its_name() {
    let alone = sent(b"{\"phone\":\"+86 136-2210-7745\"}".to_vec());
    assert_eq!(alone.findings.len(), 1);
    assert!(alone.findings[0].lead && alone.findings[0].p_false.get() > 1e-9, "{:?}", alone.findings);
    let both = sent("[{\"n\":\"林雨禾澈\",\"p\":\"13988120417\"},{\"n\":\"Morwenna Quistgaard-Vael\",\"p\":\"13704519926\"}]".into());
    assert_eq!(both.findings.len(), 4);
    assert!(both.findings.iter().all(|f| !f.lead && f.kind == Kind::Contacts), "{:?}", both.findings);
}

#[test]
fn a_value_is_told_once_although_it_is_seen_through_several_layers() {
    let inner = r#"{\"n\":\"Morwenna Quistgaard-Vael\"}"#;
    let request = post("", format!(r#"{{"a":"{inner}","b":"x%41%42"}}"#).as_bytes());
    let a = sent(request.clone());
    assert_eq!(a.findings.len(), 1, "{:?}", a.findings);
    let f = &a.findings[0];
    assert_eq!((f.chain.clone(), &request[f.offset as usize..][..8]), (vec!["http".to_owned()], &b"Morwenna"[..]));
}

#[test]
fn what_the_server_said_first_is_only_a_lead() {
    let says = "welcome Morwenna Quistgaard-Vael".as_bytes().to_vec();
    let mut later = artifact(Role::FlowRequest, says.clone());
    later.0.flow = Some(2);
    let a = search_all(&trial(1), &[artifact(Role::FlowResponse, [&says[..], b"!"].concat()), later.clone()], Limits::default());
    assert!(a.findings.len() == 2 && a.findings.iter().all(|f| f.lead), "{:?}", a.findings);
    let mut earlier = later;
    earlier.0.flow = Some(1);
    let a = search_all(&trial(1), &[artifact(Role::FlowResponse, [&says[..], b"!"].concat()), earlier], Limits::default());
    assert!(a.findings.iter().any(|f| f.role == Some(Role::FlowRequest) && !f.lead), "{:?}", a.findings);
}

#[test]
fn a_name_of_a_file_holds_what_the_file_does_not() {
    let named = |name: &str| {
        let mut file = artifact(Role::AppFile, b"nothing".to_vec());
        file.0.name = name.to_owned();
        search_all(&trial(1), &[file], Limits::default()).findings
    };
    let found = named("cache/avatar_linyuhe.q7w2k9@example.org.jpg");
    assert!(found.len() == 1 && found[0].chain[0] == "name" && !found[0].lead, "{found:?}");
    // "Morwenna Quistgaard-Vael", as base64.
    let found = named("files/TW9yd2VubmEgUXVpc3RnYWFyZC1WYWVs");
    assert!(found.len() == 1 && found[0].chain.contains(&"base64".to_owned()), "{found:?}");
    assert!(named("cache/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.0").is_empty());
}
