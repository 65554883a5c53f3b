//! What apps say and hear, through the real kernel, with real clients. Needs root, `nft`, `curl`, `openssl` and `tshark`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod common;

use std::{
    io::{Read, Write},
    net::{TcpStream, UdpSocket},
};

use common::{Cell, tshark};
use serde_json::json;
use stakeout_contract::observation::Fact;

#[test]
fn https_is_answered_by_a_stub_and_the_capture_decrypts() {
    let mut cell = Cell::with(
        &json!({"stubs": [{"host": "config.*", "path": "/v1/*", "json": {"upload": "up.example"}, "headers": {"X-Played": "yes"}}]}),
    );
    let out = cell.curl(&["-i", "https://config.example/v1/remote?id=7", "-d", "secret=contents-of-the-request"]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(
        text.contains("X-Played: yes") && text.ends_with(r#"{"upload":"up.example"}"#),
        "{text} {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let (flow, request) = cell.until_flow(|f| f.host == "config.example");
    assert_eq!((flow.scheme.as_str(), flow.method.as_str(), flow.path.as_str(), flow.port), ("https", "POST", "/v1/remote?id=7", 443));
    assert_eq!((flow.status, flow.stub, flow.sent, flow.received), (200, Some(0), 30, 23));
    assert!(flow.address.starts_with("198.1"), "{}", flow.address);
    let request = String::from_utf8(request).unwrap();
    assert!(
        request.starts_with("POST /v1/remote?id=7 HTTP/1.1\r\nHost: config.example\r\n")
            && request.ends_with("\r\n\r\nsecret=contents-of-the-request"),
        "{request}"
    );

    let (file, collected) = cell.collect();
    assert_eq!(collected["lost_packets"], 0);
    let decrypted = tshark(&file, "http.request", &["http.request.method", "http.host", "http.request.uri", "http.file_data"]);
    assert_eq!(decrypted.len(), 1, "tshark decrypts the request");
    assert_eq!(decrypted[0][..3], ["POST", "config.example", "/v1/remote?id=7"]);
    assert_eq!(tshark(&file, "http.response", &["http.response.code"]), [["200"]]);
    assert!(!tshark(&file, "dns.flags.response == 1", &["dns.a"]).is_empty());
}

#[test]
fn a_name_is_known_also_without_sni() {
    let mut cell = Cell::with(&json!({}));
    let ca = cell.ca_file();
    let out = cell.run(
        "openssl",
        &[
            "s_client",
            "-connect",
            "nosni.example:8443",
            "-noservername",
            "-verify_return_error",
            "-CAfile",
            ca.to_str().unwrap(),
            "-verify_hostname",
            "nosni.example",
            "-quiet",
        ],
        b"GET /x HTTP/1.0\r\n\r\n",
    );
    assert!(String::from_utf8_lossy(&out.stdout).contains("200 OK"), "{}", String::from_utf8_lossy(&out.stderr));
    let (flow, _) = cell.until_flow(|f| f.path == "/x");
    assert_eq!((flow.host.as_str(), flow.port), ("nosni.example", 8443));
}

#[test]
fn a_client_that_does_not_trust_us_is_evidence() {
    let mut cell = Cell::with(&json!({}));
    let out = cell.run("curl", &["-sS", "--max-time", "30", "https://pinned.example/"], b"");
    assert!(!out.status.success());
    let reason = cell.until_fact(|f| match f {
        Fact::TlsRefused { host, port: 443, reason } if host == "pinned.example" => Some(reason.clone()),
        _ => None,
    });
    assert!(reason.contains("unknown_ca"), "{reason}");
    // Who checks only after the handshake, as OkHttp does.
    let ca = cell.ca_file();
    cell.run(
        "openssl",
        &["s_client", "-connect", "late.example:443", "-servername", "late.example", "-CAfile", ca.to_str().unwrap()],
        b"Q\n",
    );
    let reason = cell.until_fact(|f| match f {
        Fact::TlsRefused { host, reason, .. } if host == "late.example" => Some(reason.clone()),
        _ => None,
    });
    assert!(reason.contains("said nothing"), "{reason}");
}

#[test]
fn with_tls_passed_the_connection_is_opaque_and_its_name_known() {
    let mut cell = Cell::with(&json!({"tls": "pass"}));
    cell.run("curl", &["-sS", "--max-time", "2", "https://opaque.example/"], b"");
    let (protocol, sent) = cell.until_fact(|f| match f {
        Fact::Opaque { host, protocol, sent, .. } if host == "opaque.example" => Some((protocol.clone(), *sent)),
        _ => None,
    });
    assert_eq!(protocol, "tls");
    let (flow, request) = cell.until_flow(|f| f.host == "opaque.example");
    assert_eq!((flow.scheme.as_str(), flow.sent, request.len() as u64, request[0]), ("tls", sent, sent, 22));
}

#[test]
fn what_is_no_plain_question_to_dns_is_kept_and_told_as_not_read() {
    let question = b"\x07\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01x\x04name\x00\x00\x01\x00\x01";
    let mut cell = Cell::with(&json!({}));
    let answered = cell.device(|| {
        UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"contacts of the owner", "8.8.8.8:53").unwrap();
        TcpStream::connect("192.0.2.7:53").unwrap().write_all(b"seconds of the microphone").unwrap();
        // A question, with bytes behind it: it is answered, and kept.
        let s = UdpSocket::bind("0.0.0.0:0").unwrap();
        s.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        s.send_to(&[&question[..], b"and a frame"].concat(), "8.8.4.4:53").unwrap();
        s.recv(&mut [0; 500]).unwrap()
    });
    assert!(answered > question.len());
    let (flow, request) = cell.until_flow(|f| f.scheme == "udp" && f.sent == 21);
    assert_eq!((flow.host.as_str(), flow.port, &request[..]), ("dns", 53, &b"contacts of the owner"[..]));
    let (flow, request) = cell.until_flow(|f| f.scheme == "tcp");
    assert_eq!((flow.host.as_str(), flow.port, &request[..]), ("192.0.2.7", 53, &b"seconds of the microphone"[..]));
    let (_, request) = cell.until_flow(|f| f.scheme == "udp" && f.sent != 21);
    assert!(request.ends_with(b"and a frame"));
    for (wanted, bytes) in [("dns", 21), ("192.0.2.7", 25), ("dns", question.len() as u64 + 11)] {
        cell.until_fact(|f| match f {
            Fact::Opaque { host, port: 53, sent, received: 0, .. } if host == wanted && *sent == bytes => Some(()),
            _ => None,
        });
    }
    cell.until_fact(|f| matches!(f, Fact::Dns { name, .. } if name == "x.name").then_some(()));
}

/// How long an app holds back the rest of a request.
const HELD: std::time::Duration = std::time::Duration::from_millis(700);

#[test]
fn chunked_pipelined_and_expected_bodies_are_kept_without_their_framing() {
    let mut cell = Cell::with(&json!({}));
    let answer = cell.device(|| {
        let mut s = TcpStream::connect("192.0.2.7:8080").unwrap();
        s.write_all(b"POST /a HTTP/1.1\r\nhOsT: raw.example\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n3;x\r\nefg\r\n0\r\n\r\nPUT /b HTTP/1.1\r\nHost: raw.example\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n").unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"100 Continue\r\n\r\n") {
            let mut piece = [0; 500];
            let n = s.read(&mut piece).unwrap();
            assert_ne!(n, 0, "{}", String::from_utf8_lossy(&heard));
            heard.extend(&piece[..n]);
        }
        std::thread::sleep(HELD);
        s.write_all(b"xyz").unwrap();
        s.read_to_end(&mut heard).unwrap();
        String::from_utf8(heard).unwrap()
    });
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    let (a, kept_a) = cell.until_flow(|f| f.path == "/a");
    assert_eq!(
        String::from_utf8(kept_a).unwrap(),
        "POST /a HTTP/1.1\r\nhOsT: raw.example\r\nTransfer-Encoding: chunked\r\n\r\nabcdefg\r\n3;x\r\n",
        "what stands beside a size lies behind the body"
    );
    let (b, kept_b) = cell.until_flow(|f| f.path == "/b");
    assert!(kept_b.ends_with(b"\r\n\r\nxyz"));
    assert_eq!((a.sent, b.sent, a.id + 1, a.host.as_str(), a.stub), (12, 3, b.id, "raw.example", None));
    assert!(a.error.is_empty() && b.error.is_empty());
    let held = HELD.as_nanos() as u64;
    assert!(b.real_sent >= b.real + held && b.real_sent <= b.real_end, "its last byte came late: {b:?}");
    assert!(a.real_sent < a.real + held, "and that of the one before did not: {a:?}");
}

#[test]
fn a_request_that_stops_midway_is_kept_as_far_as_it_came() {
    let mut cell = Cell::with(&json!({}));
    cell.device(|| {
        TcpStream::connect("192.0.2.7:80")
            .unwrap()
            .write_all(b"POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nonly this")
            .unwrap();
    });
    let (flow, kept) = cell.until_flow(|f| f.path == "/half");
    assert!(kept.ends_with(b"only this"));
    assert_eq!((flow.status, flow.sent), (0, 9));
    assert!(flow.error.contains("closed"), "{}", flow.error);
}

#[test]
fn a_large_body_is_cut_and_says_so() {
    let mut cell = Cell::with(&json!({}));
    let body = vec![7; 5_000_000];
    let file = cell.folder.path().join("body");
    std::fs::write(&file, body).unwrap();
    let out = cell.curl(&["-T", file.to_str().unwrap(), "http://big.example/up"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let (flow, kept) = cell.until_flow(|f| f.host == "big.example");
    assert!(flow.truncated);
    assert_eq!(flow.sent, 5_000_000);
    let head = kept.len() - 4_000_000;
    assert!(kept[..head].ends_with(b"\r\n\r\n") && kept[head..].iter().all(|b| *b == 7));
}

#[test]
fn unknown_protocols_are_counted_and_their_begin_kept() {
    let mut cell = Cell::with(&json!({}));
    cell.device(|| TcpStream::connect("192.0.2.7:5222").unwrap().write_all(b"\x01\x02binary words").unwrap());
    let sent = cell.until_fact(|f| match f {
        Fact::Opaque { port: 5222, protocol, sent, .. } if protocol == "tcp" => Some(*sent),
        _ => None,
    });
    let (flow, kept) = cell.until_flow(|f| f.port == 5222);
    assert_eq!((flow.host.as_str(), sent, &kept[..]), ("192.0.2.7", 14, &b"\x01\x02binary words"[..]));
}
