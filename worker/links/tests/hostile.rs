//! Peers that do what no emulator does: garbage, huge lengths, half messages, words without end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use stakeout_links::{
    Adb, Console, Control, Fault, LinkError,
    adb::frame::{Command, Frame, VERSION},
    control::SoundFormat,
    guest::{Ceilings, Guest},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

const SHORT: Duration = Duration::from_millis(600);
const LONG: Duration = Duration::from_secs(30);

/// A peer that treats each connection in the same way.
async fn peer<F, Fut>(treat: F) -> u16
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(treat(socket));
        }
    });
    port
}

/// A peer that says some bytes and then reads for ever.
async fn sayer(bytes: Vec<u8>) -> u16 {
    peer(move |mut socket| {
        let bytes = bytes.clone();
        async move {
            let _ = socket.write_all(&bytes).await;
            let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
        }
    })
    .await
}

fn hello() -> Vec<u8> {
    Frame::new(Command::Connect, VERSION, 4096, &b"device::features=shell_v2,cmd,stat_v2"[..]).encode()
}

fn frame(command: Command, arg0: u32, arg1: u32, payload: &[u8]) -> Vec<u8> {
    Frame::new(command, arg0, arg1, payload.to_vec()).encode()
}

/// An adbd that greets, waits for `OPEN`, and then says these bytes.
async fn adbd(after: Vec<u8>) -> u16 {
    peer(move |mut socket| {
        let after = after.clone();
        async move {
            let _ = socket.write_all(&hello()).await;
            // CNXN and OPEN came.
            let mut got = Vec::new();
            while !got.windows(4).any(|w| w == b"OPEN") {
                if socket.read_buf(&mut got).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let _ = socket.write_all(&after).await;
            let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
        }
    })
    .await
}

fn name<T: std::fmt::Debug>(result: Result<T, LinkError>) -> String {
    let debug = format!("{:?}", result.expect_err("it must fail").fault);
    debug[..debug.find(|c: char| !c.is_alphanumeric()).unwrap_or(debug.len())].to_owned()
}

#[tokio::test]
async fn garbage_for_a_greeting_is_no_adbd() {
    assert_eq!(name(Adb::new(sayer(vec![b'x'; 100]).await).connect(LONG).await), "Protocol");
    assert_eq!(name(Adb::new(sayer(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).await).connect(LONG).await), "Protocol");
    let mut huge = hello();
    huge[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(name(Adb::new(sayer(huge).await).connect(LONG).await), "TooLarge");
    assert_eq!(name(Adb::new(sayer(hello()[..40].to_vec()).await).connect(SHORT).await), "Offline");
    assert_eq!(name(Adb::new(sayer(frame(Command::Write, 1, 1, b"x")).await).connect(LONG).await), "Protocol");
    let recovery = Frame::new(Command::Connect, VERSION, 4096, &b"recovery::x"[..]).encode();
    assert_eq!(name(Adb::new(sayer(recovery).await).connect(LONG).await), "Offline");
    let closed = peer(|socket| async move { drop(socket) }).await;
    assert_eq!(name(Adb::new(closed).connect(LONG).await), "Offline");
}

#[tokio::test]
async fn nonsense_on_a_stream_ends_it_at_once() {
    let okay = frame(Command::Okay, 9, 1, b"");
    for (after, expected) in [
        (frame(Command::Close, 0, 1, b""), "Denied"),
        (frame(Command::Write, 9, 1, b"early"), "Protocol"),
        ([okay.clone(), okay.clone()].concat(), "Protocol"),
        ([okay.clone(), frame(Command::Write, 8, 1, b"other")].concat(), "Protocol"),
        ([okay.clone(), frame(Command::Write, 9, 1, b"\x09\0\0\0\0")].concat(), "Protocol"),
        ([okay.clone(), vec![0; 24]].concat(), "Protocol"),
        ([okay.clone(), frame(Command::Connect, 1, 1, b"")].concat(), "Protocol"),
        ([okay.clone(), hello()].concat(), "Protocol"),
    ] {
        let started = Instant::now();
        assert_eq!(name(Adb::new(adbd(after).await).shell("x", LONG).await), expected);
        assert!(started.elapsed() < LONG / 2);
    }
    assert_eq!(name(Adb::new(adbd(okay).await).shell("x", SHORT).await), "Timeout");
}

#[tokio::test]
async fn words_for_other_streams_change_nothing() {
    let noise = (50..150).map(|n| frame(Command::Write, 9, n, b"noise")).collect::<Vec<_>>().concat();
    let okay = frame(Command::Okay, 9, 1, b"");
    let real = frame(Command::Write, 9, 1, b"\x01\x02\0\0\0ok\x03\x01\0\0\0\0");
    let output = Adb::new(adbd([noise.clone(), okay, noise, real].concat()).await).shell("x", LONG).await.unwrap();
    assert_eq!((output.text().as_ref(), output.exit), ("ok", Some(0)));
}

#[tokio::test]
async fn a_packet_of_four_gigabytes_costs_no_memory_and_is_cut() {
    let mut after = frame(Command::Okay, 9, 1, b"");
    after.extend(frame(Command::Write, 9, 1, b"\x01\xff\xff\xff\xffhello"));
    let output = Adb::new(adbd(after).await).shell_with("x", Ceilings { stdout: 3, stderr: 3 }, LONG).await.unwrap();
    assert_eq!((output.stdout.as_slice(), output.truncated), (&b"hel"[..], true));
}

#[tokio::test]
async fn a_flood_without_waiting_for_okay_loses_the_connection() {
    // Stream 1 is opened and nobody reads it while a second command waits on the same connection.
    let mut after = frame(Command::Okay, 9, 1, b"");
    after.extend((0..100).map(|_| frame(Command::Write, 9, 1, b"line\n")).collect::<Vec<_>>().concat());
    let adb = Adb::new(adbd(after).await);
    let mut lines = adb.logcat(&[], LONG).await.unwrap();
    let mut ended = Ok(None);
    for _ in 0..200 {
        ended = lines.next(LONG).await;
        if !matches!(ended, Ok(Some(_))) {
            break;
        }
    }
    assert_eq!(name(ended), "Protocol");
}

/// An adbd whose sync service answers the first request with these bytes.
async fn syncing(answer: Vec<u8>) -> u16 {
    peer(move |mut socket| {
        let answer = answer.clone();
        async move {
            let _ = socket.write_all(&hello()).await;
            let mut got = Vec::new();
            for (word, say) in [
                (b"OPEN", frame(Command::Okay, 9, 1, b"")),
                (b"WRTE", [frame(Command::Okay, 9, 1, b""), frame(Command::Write, 9, 1, &answer)].concat()),
            ] {
                while !got.windows(4).any(|w| w == word) {
                    if socket.read_buf(&mut got).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let _ = socket.write_all(&say).await;
            }
            let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
        }
    })
    .await
}

#[tokio::test]
async fn hostile_answers_of_the_sync_service_are_bounded() {
    for (answer, expected) in [
        (&b"DATA\xff\xff\xff\xff"[..], "TooLarge"),
        (b"DATA\x01\0\x01\0", "TooLarge"),
        (b"NOPE\0\0\0\0", "Protocol"),
        (b"FAIL\x02\0\0\0no", "Denied"),
        (b"DATA\x04\0\0\0ab", "Timeout"),
        (b"FAIL\xff\xff\xff\xff", "Timeout"),
    ] {
        let mut into = Vec::new();
        assert_eq!(name(Adb::new(syncing(answer.to_vec()).await).pull("/x", &mut into, 100, SHORT).await), expected);
        assert!(into.is_empty());
    }
    let mut into = Vec::new();
    let adb = Adb::new(syncing(b"DATA\x02\0\0\0abDONE\0\0\0\0".to_vec()).await);
    assert_eq!(adb.pull("/x", &mut into, 100, LONG).await.unwrap(), 2);
    assert_eq!(into, b"ab");
    assert_eq!(name(Adb::new(syncing(b"STAT".repeat(18)).await).stat("/x", LONG).await), "Protocol");
    assert_eq!(name(Adb::new(syncing(b"DONE\0\0\0\0".to_vec()).await).push(&mut &b"x"[..], "/x", 0o644, LONG).await), "Protocol");
}

#[tokio::test]
async fn a_command_that_was_dropped_answers_nobody_else() {
    // It answers each line with itself, the first one late.
    let port = peer(|mut socket| async move {
        let _ = socket.write_all(b"OK\r\n").await;
        let mut got = Vec::new();
        while socket.read_buf(&mut got).await.unwrap_or(0) > 0 {
            if got.starts_with(b"slow") {
                tokio::time::sleep(SHORT * 2).await;
            }
            let _ = socket.write_all(&[&got[..], b"OK\r\n"].concat()).await;
            got.clear();
        }
    })
    .await;
    let console = Console::new(port, None);
    assert_eq!(name(console.command("slow", SHORT).await), "Timeout");
    assert_eq!(console.command("quick", LONG).await.unwrap(), ["quick"]);
}

#[tokio::test]
async fn a_console_that_talks_for_ever_is_left() {
    let endless_line = peer(|mut socket| async move { while socket.write_all(&[b'x'; 4096]).await.is_ok() {} }).await;
    assert_eq!(name(Console::new(endless_line, None).command("ping", LONG).await), "TooLarge");
    let endless_lines = peer(|mut socket| async move { while socket.write_all(b"hello\r\n").await.is_ok() {} }).await;
    assert_eq!(name(Console::new(endless_lines, None).command("ping", LONG).await), "TooLarge");
    assert_eq!(name(Console::new(sayer(b"Android Cons".to_vec()).await, None).command("ping", SHORT).await), "Timeout");
    assert_eq!(name(Console::new(sayer(b"KO: go away\r\n".to_vec()).await, None).command("ping", LONG).await), "Protocol");
    let closed = peer(|socket| async move { drop(socket) }).await;
    assert_eq!(name(Console::new(closed, None).command("ping", LONG).await), "Closed");
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_not_taken_for_the_next() {
    // Each greeting comes with an answer too many.
    let port = peer(|mut socket| async move {
        let _ = socket.write_all(b"OK\r\n").await;
        let mut got = Vec::new();
        while !got.ends_with(b"\n") {
            if socket.read_buf(&mut got).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let _ = socket.write_all(&[&got[..], b"OK\r\nstale\r\nOK\r\n"].concat()).await;
        let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
    })
    .await;
    let console = Console::new(port, None);
    assert_eq!(console.command("first", LONG).await.unwrap(), ["first"]);
    assert_eq!(console.command("second", LONG).await.unwrap(), ["second"]);
}

#[tokio::test]
async fn garbage_is_no_grpc() {
    let control = Control::new(sayer(vec![b'x'; 5000]).await, None);
    let error = control.status(LONG).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Protocol(_) | Fault::Closed), "{error:?}");
    assert_eq!(name(Control::new(sayer(Vec::new()).await, None).status(SHORT).await), "Timeout");
    let closed = peer(|socket| async move { drop(socket) }).await;
    let error = Control::new(closed, None).status(LONG).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Protocol(_) | Fault::Closed), "{error:?}");
    let sound = Control::new(sayer(Vec::new()).await, None);
    let mut sound = sound.inject(SoundFormat { rate: 8000, stereo: false, real_time: false }, LONG).await.unwrap();
    // It says nothing, so what is sent piles up to the windows and then times out.
    let mut last = Ok(());
    for _ in 0..1000 {
        last = sound.send(vec![0; 4000].into(), SHORT).await;
        if last.is_err() {
            break;
        }
    }
    assert_eq!(name(last), "Timeout");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_bytes_from_any_peer_end_in_an_error_or_an_answer(
        greeting in any::<bool>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        Runtime::new().unwrap().block_on(async {
            let limit = Duration::from_millis(150);
            let bytes = if greeting { [hello(), frame(Command::Okay, 9, 1, b""), bytes].concat() } else { bytes };
            let port = peer(move |mut socket| {
                let bytes = bytes.clone();
                async move {
                    let _ = socket.write_all(&bytes).await;
                }
            })
            .await;
            let adb = Adb::new(port);
            let _ = adb.shell("x", limit).await;
            let _ = adb.stat("/x", limit).await;
            let _ = Console::new(port, None).command("x", limit).await;
            let _ = Control::new(port, None).status(limit).await;
        });
    }
}
