//! What the cell's rules let through and what not, with the real kernel. Needs root and `nft`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod common;

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use common::{Cell, DEVICE, resolve, tshark};
use serde_json::json;
use stakeout_contract::observation::Fact;

fn status(cell: &Cell, field: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{}/status", cell.child.id())).unwrap();
    text.lines().find_map(|l| l.strip_prefix(&format!("{field}:"))).unwrap().trim().to_owned()
}

#[test]
fn a_sealed_gateway_has_no_power_left() {
    let cell = Cell::sealed();
    assert_eq!(cell.cap_eff, "0000000000000000");
    for set in ["CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"] {
        assert_eq!(status(&cell, set), "0000000000000000", "{set}");
    }
    assert_eq!(status(&cell, "NoNewPrivs"), "1");
    assert_eq!(status(&cell, "Uid"), "970\t970\t970\t970");
    assert_eq!(status(&cell, "Groups"), "");
}

#[test]
fn in_a_user_namespace_a_cell_is_sealed_and_captured_too() {
    let mut cell = Cell::sealed_in_a_user_namespace().configured(&json!({}));
    assert_eq!((status(&cell, "CapEff"), status(&cell, "Uid")), ("0000000000000000".to_owned(), "970\t970\t970\t970".to_owned()));
    let sent = cell.device(|| UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"x", "8.8.8.8:123"));
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(cell.until_blocked("udp", "8.8.8.8", 123), "only DNS leaves by UDP");
    let (file, _) = cell.collect();
    assert_eq!(tshark(&file, "udp.port == 123", &["ip.dst"]), [["8.8.8.8"]]);
}

#[test]
fn a_gateway_ends_when_its_worker_is_gone() {
    let mut cell = Cell::sealed();
    let begin = Instant::now();
    cell.hang_up();
    assert!(cell.child.wait().unwrap().success());
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn datagrams_are_refused_and_reported() {
    let mut cell = Cell::with(&json!({}));
    let sent = cell.device(|| UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"x", "8.8.8.8:123"));
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(cell.until_blocked("udp", "8.8.8.8", 123), "only DNS leaves by UDP");
    let (file, _) = cell.collect();
    assert_eq!(tshark(&file, "udp.port == 123", &["ip.dst"]), [["8.8.8.8"]]);
}

#[test]
fn ipv6_is_refused_and_reported() {
    let mut cell = Cell::with(&json!({}));
    let (udp, tcp) = cell
        .device(|| (UdpSocket::bind("[::]:0").and_then(|s| s.send_to(b"x", "[2001:db8::1]:53")), TcpStream::connect("[2001:db8::2]:443")));
    assert!(udp.is_err() && tcp.is_err());
    cell.until_blocked("udp", "2001:db8::1", 53);
    assert_eq!(cell.until_blocked("tcp", "2001:db8::2", 443), "no IPv6 leaves the cell");
}

#[test]
fn pings_are_refused() {
    let cell = Cell::with(&json!({}));
    let made = cell.device(|| socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, Some(socket2::Protocol::ICMPV4)).map(drop));
    assert_eq!(made.unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[test]
fn nobody_but_the_gateway_may_send() {
    let cell = Cell::with(&json!({}));
    for uid in [0, 65_534, 20_000] {
        let sent = cell.act(uid, || UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"x", "8.8.8.8:53"));
        assert_eq!(sent.unwrap_err().kind(), ErrorKind::PermissionDenied, "{uid}");
    }
    // The first user that is the device's is turned to the gateway, as is the last.
    for uid in [10_000, 19_999] {
        assert_eq!(cell.act(uid, || resolve((Ipv4Addr::new(8, 8, 8, 8), 53), "a.example.")).unwrap().len(), 1, "{uid}");
    }
}

#[test]
fn the_gateways_own_ports_are_refused_and_reported() {
    let mut cell = Cell::with(&json!({}));
    for (address, port) in [("127.0.0.1", 15_001), ("127.0.0.1", 15_053), ("10.0.2.15", 15_001), ("127.0.0.9", 5037)] {
        let error = cell.device(|| TcpStream::connect((address, port)).unwrap_err().kind());
        assert_eq!(error, ErrorKind::ConnectionRefused, "{address}:{port}");
        cell.until_blocked("tcp", address, port);
    }
    let sent = cell.device(|| UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", "127.0.0.1:15053"));
    assert!(sent.is_err());
    cell.until_blocked("udp", "127.0.0.1", 15_053);
    // Who is not the device passes the rules, and is refused by the gateway itself.
    cell.act(0, || TcpStream::connect("127.0.0.1:15001").unwrap().read(&mut [0; 1]).unwrap());
    cell.until_fact(|f| matches!(f, Fact::Blocked { address, port: 15_001, reason, .. } if address == "127.0.0.1" && reason == "straight to the gateway's own port").then_some(()));
}

#[test]
fn an_apps_own_loopback_is_left_alone_and_nobody_may_connect_to_it_from_outside() {
    let mut cell = Cell::with(&json!({}));
    let heard = cell.device(|| {
        let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
        let mut c = TcpStream::connect("127.0.0.1:8080").unwrap();
        c.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        listener.accept().unwrap().0.read_exact(&mut heard).unwrap();
        heard
    });
    assert_eq!(&heard, b"hello");
    let (_, collected) = cell.collect();
    assert_eq!(collected["packets"], 0);
}

#[test]
fn the_engines_resolver_is_no_way_out() {
    let mut cell = Cell::with(&json!({}));
    let engine = cell.act(0, || UdpSocket::bind("127.0.0.11:53").unwrap());
    let behind = cell.act(0, || UdpSocket::bind("127.0.0.11:40000").unwrap());
    let tcp = cell.act(0, || TcpListener::bind("127.0.0.11:53").unwrap());
    let asked = AtomicU32::new(0);
    let found = cell.device(|| resolve((Ipv4Addr::new(127, 0, 0, 11), 53), "secret.example.")).unwrap();
    assert_eq!(found[0].octets()[0], 198);
    let straight = cell.device(|| UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", "127.0.0.11:40000"));
    assert_eq!(straight.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(cell.until_blocked("udp", "127.0.0.11", 40_000), "only DNS leaves by UDP");
    assert!(cell.device(|| TcpStream::connect("127.0.0.11:40000")).is_err());
    cell.until_blocked("tcp", "127.0.0.11", 40_000);
    assert!(cell.device(|| TcpStream::connect("127.0.0.11:53")).is_ok());
    for s in [engine, behind] {
        s.set_nonblocking(true).unwrap();
        if s.recv(&mut [0; 100]).is_ok() {
            asked.fetch_add(1, Ordering::Relaxed);
        }
    }
    tcp.set_nonblocking(true).unwrap();
    assert!(tcp.accept().is_err());
    assert_eq!(asked.into_inner(), 0);
    let answer = cell.until_fact(|f| match f {
        Fact::Dns { name, answer } if name == "secret.example" => Some(answer.clone()),
        _ => None,
    });
    assert_eq!(answer, found[0].to_string());
}

#[test]
fn what_is_uploaded_closed_and_left_is_captured_whole() {
    const BYTES: usize = 3_000_000;
    let mut cell = Cell::with(&json!({}));
    // A process of its own, so that nobody is left whose socket it could be.
    let script = format!("exec 3<>/dev/tcp/203.0.113.7/9000; head -c {BYTES} /dev/urandom >&3");
    assert!(cell.run("bash", &["-c", &script], b"").status.success());
    let (file, collected) = cell.collect();
    let (flow, request) = cell.until_flow(|f| f.port == 9000);
    assert_eq!((flow.address.as_str(), flow.sent, request.len()), ("203.0.113.7", BYTES as u64, BYTES));
    assert_eq!(flow.scheme, "tcp");
    // A busy machine sends some bytes twice, so what counts is which bytes were seen, by TCP's own numbers.
    let fields = tshark(&file, "tcp.dstport == 9000 && ip.dst == 203.0.113.7 && tcp.len > 0", &["tcp.seq", "tcp.len"]);
    let mut ranges: Vec<(usize, usize)> = fields.iter().map(|f| (f[0].parse().unwrap(), f[1].parse().unwrap())).collect();
    ranges.sort_unstable();
    let end = ranges.iter().fold(1, |end, (first, length)| if *first <= end { end.max(first + length) } else { end });
    assert_eq!(end - 1, BYTES, "every byte from the first to the last, without a gap");
    assert_eq!(collected["lost_packets"], 0);
    // Both directions bear the address that the app used.
    assert!(!tshark(&file, "tcp.srcport == 9000 && ip.src == 203.0.113.7", &["tcp.len"]).is_empty());
    assert_eq!(DEVICE, 10_001);
}

#[test]
fn before_it_is_configured_connections_wait() {
    let mut cell = Cell::sealed();
    let socket = cell.device(|| {
        let mut s = TcpStream::connect("192.0.2.1:80").unwrap();
        s.write_all(b"GET /early HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").unwrap();
        s
    });
    let mut request = common::configuration(&common::ca(), &json!({"stubs": [{"path": "/early", "body": "at last"}]}));
    request["verb"] = "configure".into();
    cell.ask(request.clone());
    let mut answer = String::new();
    (&socket).read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("at last"), "{answer}");
    assert!(cell.try_ask(request).unwrap_err().contains("configured already"));
}

/// Another host, at the other end of a wire.
struct Neighbour(std::process::Child);

impl Neighbour {
    fn new() -> Self {
        let child = std::process::Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up; echo; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut this = Self(child);
        // One line: it is in its own namespace.
        this.0.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        this
    }

    fn act<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        common::act(self.0.id(), 0, what)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn with_a_real_network_only_the_gateway_reaches_it_and_nobody_comes_in() {
    let neighbour = Neighbour::new();
    let there = neighbour.0.id();
    let mut cell = Cell::sealed_after(&format!(
        "ip link set lo up; ip link add w0 type veth peer name w1 netns {there}; ip addr add 192.0.2.1/24 dev w0; ip link set w0 up; ip route add default via 192.0.2.2; \
         nsenter --net=/proc/{there}/ns/net sh -ec 'ip addr add 192.0.2.2/24 dev w1; ip link set w1 up'"
    ))
    .configured(&json!({"stubs": [{"body": "the gateway speaks"}]}));
    let (tcp, udp) = neighbour.act(|| (TcpListener::bind("192.0.2.2:80").unwrap(), UdpSocket::bind("192.0.2.2:53").unwrap()));

    let answer = cell.device(|| {
        let mut s = TcpStream::connect("192.0.2.2:80").unwrap();
        s.write_all(b"GET / HTTP/1.1\r\nHost: 192.0.2.2\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        s.read_to_string(&mut answer).unwrap();
        answer
    });
    assert!(answer.ends_with("the gateway speaks"), "{answer}");
    assert_eq!(cell.device(|| resolve((Ipv4Addr::new(192, 0, 2, 2), 53), "a.example.")).unwrap()[0].octets()[0], 198);
    for uid in [0, 20_000] {
        assert!(cell.act(uid, || UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"x", "192.0.2.2:53")).is_err());
    }
    // Nothing of that came over the wire; what the gateway itself sends does.
    udp.set_nonblocking(true).unwrap();
    tcp.set_nonblocking(true).unwrap();
    assert!(udp.recv(&mut [0; 100]).is_err() && tcp.accept().is_err());
    assert!(cell.act(970, || TcpStream::connect_timeout(&"192.0.2.2:80".parse().unwrap(), Duration::from_secs(20))).is_ok());

    // The app listens; a neighbour does not get through, and so cannot be answered either.
    let listening = cell.device(|| TcpListener::bind("0.0.0.0:8080").unwrap());
    let knocked = neighbour.act(|| TcpStream::connect_timeout(&"192.0.2.1:8080".parse().unwrap(), Duration::from_millis(1500)));
    assert!(knocked.is_err());
    drop(listening);
    let (file, _) = cell.collect();
    assert!(!tshark(&file, "ip.dst == 192.0.2.2 && tcp.dstport == 80 && ip.src == 192.0.2.1", &["tcp.len"]).is_empty());
    assert!(!tshark(&file, "ip.src == 192.0.2.2 && tcp.srcport == 80", &["tcp.len"]).is_empty());
}

#[test]
fn a_capture_that_is_full_says_how_much_is_missing() {
    let mut cell = Cell::sealed();
    let mut request = common::configuration(&common::ca(), &json!({}));
    request["verb"] = "configure".into();
    request["capture_max"] = 100_000.into();
    cell.ask(request);
    assert!(cell.run("bash", &["-c", "exec 3<>/dev/tcp/203.0.113.7/9000; head -c 1000000 /dev/zero >&3"], b"").status.success());
    let (file, collected) = cell.collect();
    assert!(collected["capture"]["size"].as_u64().unwrap() < 101_000);
    let lost = collected["lost_packets"].as_u64().unwrap();
    assert!(lost > 0);
    assert_eq!(tshark(&file, "ip", &["ip.dst"]).len() as u64, collected["packets"].as_u64().unwrap());
    assert_eq!(cell.until_fact(|f| if let Fact::Lost { what, count } = f { (what == "capture").then_some(*count) } else { None }), lost);
    // What was received is bounded by the same number.
    let (flow, request) = cell.until_flow(|f| f.port == 9000);
    assert!(flow.truncated && request.len() == 100_000, "{}", request.len());
}
