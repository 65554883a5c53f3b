//! Shapes of what is spoken, against the documents' own examples and against anything at all.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use std::{fs, time::Duration};

use proptest::prelude::*;
use stakeout_links::{
    Fault, Token,
    adb::{
        Splitter,
        frame::{Banner, Command, Frame, HEADER, Header},
        install_answer,
        shell::{Collector, Kind, Packets},
        sync_word,
    },
    discovery::{self, Running},
    guest::{Ceilings, quote},
    limits,
};

#[test]
fn a_message_has_the_bytes_of_the_document() {
    // protocol.txt: A_OPEN is 0x4e45504f; the header is six little-endian words; the magic is the command's complement.
    let bytes = Frame::new(Command::Open, 1, 0, &b"shell:\0"[..]).encode();
    assert_eq!(&bytes[..4], b"OPEN");
    assert_eq!(u32::from_le_bytes(bytes[..4].try_into().unwrap()), 0x4e45_504f);
    assert_eq!(bytes[4..16], [1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0]);
    let sum: u32 = b"shell:\0".iter().map(|b| u32::from(*b)).sum();
    assert_eq!(bytes[16..20], sum.to_le_bytes());
    assert_eq!(bytes[20..24], (!0x4e45_504fu32).to_le_bytes());
    assert_eq!(&bytes[24..], b"shell:\0");
    for (command, number) in [
        (Command::Connect, 0x4e58_4e43),
        (Command::Auth, 0x4854_5541),
        (Command::StartTls, 0x534c_5453),
        (Command::Okay, 0x5941_4b4f),
        (Command::Write, 0x4554_5257),
        (Command::Close, 0x4553_4c43),
    ] {
        assert_eq!(command.number(), number);
    }
}

#[test]
fn a_length_over_the_limit_is_refused_before_anything_is_read() {
    let mut bytes: [u8; HEADER] = Frame::new(Command::Write, 1, 2, &b""[..]).encode().try_into().unwrap();
    bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(Header::decode(&bytes, limits::ADB_PAYLOAD), Err(Fault::TooLarge { .. })));
    bytes[20] ^= 1;
    assert!(matches!(Header::decode(&bytes, limits::ADB_PAYLOAD), Err(Fault::Protocol(_))));
}

#[test]
fn a_banner_of_an_emulator_is_understood() {
    let text = b"device::ro.product.name=sdk_phone_arm64;ro.product.model=Android SDK built for arm64;ro.product.device=emulator_arm64;\
        features=sendrecv_v2_brotli,remount_shell,sendrecv_v2,abb_exec,fixed_push_mkdir,abb,shell_v2,cmd,ls_v2,apex,stat_v2";
    let banner = Banner::parse(text);
    assert_eq!(banner.kind, "device");
    assert!(banner.has("shell_v2") && banner.has("stat_v2") && !banner.has("shell"));
    assert_eq!(Banner::parse(b"recovery::ro.x=y;\0").kind, "recovery");
    assert_eq!(Banner::parse(b"").kind, "");
}

#[test]
fn shell_packets_have_the_bytes_of_the_header_file() {
    let mut collector = Collector::new(Ceilings::default(), true);
    assert!(!collector.feed(b"\x01\x03\0\0\0out\x02\x02\0\0\0er").unwrap());
    assert!(collector.feed(b"\x03\x01\0\0\0\x07").unwrap());
    let output = collector.output;
    assert_eq!((&output.stdout[..], &output.stderr[..], output.exit), (&b"out"[..], &b"er"[..], Some(7)));
    assert!(matches!(Collector::new(Ceilings::default(), true).feed(b"\x09\0\0\0\0"), Err(Fault::Protocol(_))));
}

#[test]
fn output_over_a_ceiling_is_cut_and_has_no_exit_code() {
    let mut collector = Collector::new(Ceilings { stdout: 4, stderr: 4 }, true);
    assert!(collector.feed(b"\x01\x05\0\0\0hello\x03\x01\0\0\0\0").unwrap());
    assert_eq!((collector.output.stdout.as_slice(), collector.output.truncated, collector.output.exit), (&b"hell"[..], true, None));
    let mut exact = Collector::new(Ceilings { stdout: 5, stderr: 4 }, true);
    assert!(exact.feed(b"\x01\x05\0\0\0hello\x03\x01\0\0\0\0").unwrap());
    assert!(!exact.output.truncated);
}

#[test]
fn a_sync_request_has_the_bytes_of_the_document() {
    assert_eq!(sync_word(*b"DATA", 0x0102), *b"DATA\x02\x01\0\0");
}

#[test]
fn words_of_the_package_manager_are_understood() {
    assert_eq!(install_answer("Success\n").unwrap(), "");
    assert_eq!(install_answer("Success: created install session [12]\n").unwrap(), "created install session [12]");
    assert_eq!(install_answer("Performing Streamed Install\nSuccess\n").unwrap(), "");
    for (text, expected) in [
        ("Failure [INSTALL_FAILED_NO_MATCHING_ABIS: Failed to extract native libraries, res=-113]\n", "INSTALL_FAILED_NO_MATCHING_ABIS"),
        ("Failure [INSTALL_PARSE_FAILED_NOT_APK]", "INSTALL_PARSE_FAILED_NOT_APK"),
        ("Failure [-99]", "UNKNOWN"),
        ("cmd: Can't find service: package", "UNKNOWN"),
        ("", "UNKNOWN"),
    ] {
        assert!(matches!(install_answer(text), Err(Fault::Install { code, .. }) if code == expected), "{text}");
    }
}

#[test]
fn a_discovery_file_is_understood_and_its_token_is_not_shown() {
    let text =
        "port.serial=5556\r\nport.adb=5557\navd.name=phone\navd.dir=/a/phone.avd\ngrpc.port=8554\ngrpc.token=s3cr3t\ncmdline=a=b\nx\n";
    let running = discovery::parse(text);
    assert_eq!((running.console, running.adb, running.grpc), (Some(5556), Some(5557), Some(8554)));
    assert_eq!(running.token.as_ref().map(Token::reveal), Some("s3cr3t"));
    assert!(!format!("{running:?}").contains("s3cr3t"));
    assert_eq!(discovery::parse("port.adb=0\nport.serial=99999\ngrpc.port=-1\ngrpc.token=a b\n"), Running::default());
}

#[test]
fn only_regular_files_of_the_right_name_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("pid_12.ini"), "port.adb=5555\n").unwrap();
    fs::write(file("pid_x.ini"), "port.adb=1\n").unwrap();
    fs::write(file("pid_13.txt"), "port.adb=2\n").unwrap();
    fs::create_dir(file("pid_14.ini")).unwrap();
    std::os::unix::fs::symlink(file("pid_12.ini"), file("pid_15.ini")).unwrap();
    let huge = ["port.adb=7777\n", &"x".repeat(200 << 10), "\nport.adb=8888\n"].concat();
    fs::write(file("pid_16.ini"), huge).unwrap();
    let mut found = discovery::find(&["/none".into(), folder.path().to_owned()]).unwrap();
    found.sort_by_key(|r| r.pid);
    assert_eq!(found.iter().map(|r| (r.pid, r.adb)).collect::<Vec<_>>(), [(12, Some(5555)), (16, Some(7777))]);
}

#[test]
fn places_are_those_of_the_documents() {
    let places = discovery::places(|name| (name == "HOME").then(|| "/home/u".into()), 7);
    assert_eq!(places, [std::path::PathBuf::from("/run/user/7/avd/running"), "/home/u/.android/avd/running".into()]);
    let places = discovery::places(|name| (name == "XDG_RUNTIME_DIR").then(|| "/x".into()), 7);
    assert_eq!(places[0], std::path::Path::new("/x/avd/running"));
}

#[tokio::test]
async fn an_emulator_that_never_comes_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let error = discovery::wait(&[folder.path().to_owned()], true, Duration::from_millis(250), |_| true).await.unwrap_err();
    assert!(matches!(error.fault, Fault::NotFound(_)), "{error}");
    assert!(error.to_string().starts_with("discovery: "));
}

#[test]
fn a_quoted_argument_has_no_meaning_for_a_shell() {
    assert_eq!(quote("a'b;c"), r"'a'\''b;c'");
}

proptest! {
    #[test]
    fn any_header_is_read_or_refused(bytes in any::<[u8; HEADER]>(), largest in any::<u32>()) {
        if let Ok(header) = Header::decode(&bytes, largest) {
            prop_assert!(header.length <= largest);
        }
    }

    #[test]
    fn a_message_comes_back_as_it_went(arg0 in any::<u32>(), arg1 in any::<u32>(), payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Frame::new(Command::Write, arg0, arg1, payload.clone()).encode();
        let header = Header::decode(bytes[..HEADER].try_into().unwrap(), 300).unwrap();
        prop_assert_eq!((header.command, header.arg0, header.arg1, header.length as usize), (Command::Write, arg0, arg1, payload.len()));
        prop_assert_eq!(&bytes[HEADER..], &payload[..]);
    }

    #[test]
    fn packets_are_the_same_however_they_are_cut(
        packets in proptest::collection::vec((1u8..=3, proptest::collection::vec(any::<u8>(), 1..60)), 0..12),
        cuts in proptest::collection::vec(1usize..40, 1..20),
    ) {
        let mut bytes = Vec::new();
        for (kind, data) in &packets {
            bytes.push(*kind);
            bytes.extend((data.len() as u32).to_le_bytes());
            bytes.extend(data);
        }
        let mut got: Vec<(Kind, Vec<u8>)> = Vec::new();
        let mut reader = Packets::default();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (now, after) = rest.split_at(rest.len().min(*cut));
            reader.feed(now, |kind, data| got.push((kind, data.to_vec()))).unwrap();
            rest = after;
        }
        let bytes_of = |kind: Kind| got.iter().filter(|(k, _)| *k == kind).flat_map(|(_, d)| d.clone()).collect::<Vec<u8>>();
        let sent = |kind: u8| packets.iter().filter(|(k, _)| *k == kind).flat_map(|(_, d)| d.clone()).collect::<Vec<u8>>();
        prop_assert_eq!(bytes_of(Kind::Stdout), sent(1));
        prop_assert_eq!(bytes_of(Kind::Stderr), sent(2));
        prop_assert_eq!(bytes_of(Kind::Exit), sent(3));
    }

    #[test]
    fn any_bytes_of_a_shell_stay_below_the_ceilings(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..20)) {
        let mut collector = Collector::new(Ceilings { stdout: 100, stderr: 50 }, true);
        for piece in pieces {
            if !matches!(collector.feed(&piece), Ok(false)) { break; }
        }
        prop_assert!(collector.output.stdout.len() <= 100 && collector.output.stderr.len() <= 50);
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut(lines in proptest::collection::vec("[a-z ]{0,30}", 0..10), cut in 1usize..20) {
        let text = lines.iter().fold(String::new(), |all, l| all + l + "\n");
        let mut splitter = Splitter::default();
        text.as_bytes().chunks(cut).for_each(|c| splitter.feed(c));
        let got: Vec<String> = std::iter::from_fn(|| splitter.take()).map(|l| l.text).collect();
        prop_assert_eq!(got, lines);
    }

    #[test]
    fn any_text_of_the_package_manager_is_understood_or_not(text in any::<String>()) {
        let _ = install_answer(&text);
    }

    #[test]
    fn any_discovery_file_is_read(text in any::<String>()) {
        let _ = discovery::parse(&text);
    }

    #[test]
    fn any_banner_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Banner::parse(&bytes);
    }
}

#[test]
fn a_long_line_is_cut_and_marked() {
    let mut splitter = Splitter::default();
    for _ in 0..10 {
        splitter.feed(&vec![b'x'; limits::LOG_LINE]);
    }
    splitter.feed(b"\nnext\n");
    let first = splitter.take().unwrap();
    assert_eq!((first.text.len(), first.cut), (limits::LOG_LINE, true));
    assert!(!splitter.take().unwrap().cut);
}
