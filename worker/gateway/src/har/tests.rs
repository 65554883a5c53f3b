//! What a HAR says of flows.

use super::*;

const BODY: &[u8] = b"POST /up?a=1&b HTTP/1.1\r\nHost: up.example\r\n\r\n\x00\x01picture";

fn flow() -> Flow {
    serde_json::from_value(json!({
        "id": 3, "at": 5_000_000_000_u64, "real": 100, "real_end": 2_000_100, "wall": "2016-02-09T00:00:00Z", "scheme": "https", "host": "up.example",
        "address": "198.18.3.4", "port": 443, "method": "POST", "path": "/up?a=1&b", "request_headers": [["Content-Type", "image/jpeg"]], "status": 200,
        "response_headers": [["content-type", "application/json"], ["Location", "/x"]], "sent": 9, "received": 2,
        "request": Sha256Digest::of(BODY), "response": Sha256Digest::of(b"{}"), "stub": 1, "policy": "sinkhole",
    }))
    .unwrap()
}

fn bodies(digest: &Sha256Digest) -> Option<Vec<u8>> {
    [BODY, b"{}"].into_iter().find(|b| Sha256Digest::of(b) == *digest).map(<[u8]>::to_vec)
}

#[test]
fn a_flow_becomes_an_entry_with_both_bodies_and_both_clocks() {
    let har = write(&[flow()], bodies, &Options::default());
    let e = &har["log"]["entries"][0];
    assert_eq!(e["request"]["url"], "https://up.example/up?a=1&b");
    assert_eq!(e["request"]["queryString"], json!([{"name": "a", "value": "1"}, {"name": "b", "value": ""}]));
    assert_eq!(e["request"]["postData"], json!({"mimeType": "image/jpeg", "text": "AAFwaWN0dXJl", "_encoding": "base64"}));
    assert_eq!(e["response"]["content"], json!({"size": 2, "mimeType": "application/json", "text": "{}"}));
    assert_eq!((&e["time"], &e["_real"], &e["_stub"], &e["response"]["redirectURL"]), (&json!(2.0), &json!(100), &json!(1), &json!("/x")));
    assert_eq!(e["_at"], 5_000_000_000_u64);
}

#[test]
fn every_field_that_har_asks_for_is_there() {
    let har = write(
        &[flow(), Flow { method: String::new(), path: String::new(), scheme: "tcp".into(), host: "2001:db8::1".into(), ..flow() }],
        bodies,
        &Options::default(),
    );
    for e in har["log"]["entries"].as_array().unwrap() {
        for field in ["startedDateTime", "time", "cache", "timings"] {
            assert!(!e[field].is_null(), "{field}");
        }
        for field in ["method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"] {
            assert!(!e["request"][field].is_null(), "{field}");
        }
        for field in ["status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "headersSize", "bodySize"] {
            assert!(!e["response"][field].is_null(), "{field}");
        }
    }
    assert_eq!(har["log"]["entries"][1]["request"]["url"], "tcp://[2001:db8::1]:443");
}

#[test]
fn bodies_that_are_withheld_or_large_are_named_and_left_out() {
    let small = Options { body_max: 4, ..Options::default() };
    let har = write(&[flow()], bodies, &small);
    assert_eq!(har["log"]["entries"][0]["request"]["postData"]["text"], "");
    assert!(har["log"]["entries"][0]["request"]["postData"]["comment"].as_str().unwrap().contains("too large"));
    let har = write(&[flow()], |_| None, &Options::default());
    assert!(har["log"]["entries"][0]["response"]["content"]["comment"].as_str().unwrap().contains("withheld"));
}
