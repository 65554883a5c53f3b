//! The scripted app, as a device would see it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

mod support;

use std::io::{Read, Write};

use stakeout_links::guest::Guest;
use support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_app_is_refused_the_camera_unless_a_service_runs() {
    let steps = r#"{"on": "background", "after": 5, "do": {"open_camera": {"seconds": 1, "to": {"store": "/sdcard/idle.jpg"}}}}"#;
    let idle = format!(r#"{{"steps": [{steps}]}}"#);
    let service = format!(r#"{{"steps": [{{"on": "launch", "do": "foreground_service"}}, {steps}]}}"#);
    for (script, api, gets) in [(&idle, "34", false), (&service, "34", true), (&idle, "27", true)] {
        let (emulator, adb) = Emulator::booted("", &[("FAKE_EMULATOR_SCRIPT", script), ("FAKE_EMULATOR_API", api)]).await;
        adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &["-g"], LONG).await.unwrap();
        said(&adb, "am start -n com.example.app/.MainActivity").await;
        said(&adb, "input keyevent KEYCODE_HOME").await;
        if gets {
            until(|| async { said(&adb, "dumpsys media.camera").await.contains(": CONNECT device 0") }).await;
            until(|| async { adb.stat("/sdcard/idle.jpg", LONG).await.unwrap().is_some() }).await;
        } else {
            until(|| async { said(&adb, "dumpsys media.camera").await.contains("REJECT device 0 client for package com.example.app") })
                .await;
            assert!(said(&adb, "dumpsys appops").await.contains("Reject: [cch-s]"));
            // Of the guest's time: a picture that was taken all the same is stored after one second of it.
            adb.shell("sleep 3", LONG).await.unwrap();
            assert!(!said(&adb, "dumpsys media.camera").await.contains(": CONNECT device 0"));
            assert_eq!(adb.stat("/sdcard/idle.jpg", LONG).await.unwrap(), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permission_is_asked_on_the_screen_and_given_by_a_touch() {
    let script = r#"{"steps": [{"on": "launch", "do": {"request_permission": "android.permission.CAMERA"}}]}"#;
    let (emulator, adb) = Emulator::booted("", &[("FAKE_EMULATOR_SCRIPT", script)]).await;
    adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &[], LONG).await.unwrap();
    said(&adb, "am start -n com.example.app/.MainActivity").await;
    until(|| async { said(&adb, "uiautomator dump /dev/tty").await.contains("permission_allow_foreground_only_button") }).await;
    said(&adb, "input tap 500 1545").await;
    assert!(said(&adb, "dumpsys package com.example.app").await.contains("android.permission.CAMERA: granted=true"));
    assert!(said(&adb, "uiautomator dump /dev/tty").await.contains("text=\"Agree\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_app_reads_leaves_by_a_request_of_the_emulator() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}/up", server.local_addr().unwrap().port());
    let script = format!(r#"{{"steps": [{{"on": "screen_off", "do": {{"read": {{"what": "contacts", "to": {{"upload": "{url}"}}}}}}}}]}}"#);
    let (emulator, adb) = Emulator::booted("", &[("FAKE_EMULATOR_SCRIPT", &script)]).await;
    adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &["-g"], LONG).await.unwrap();
    let insert = "content insert --uri content://com.android.contacts/data --bind raw_contact_id:i:1 --bind 'data1:s:Vera O'\\''Hara'";
    assert_eq!(adb.shell(insert, LONG).await.unwrap().exit, Some(0));
    assert!(said(&adb, "content query --uri content://com.android.contacts/data --projection data1").await.contains("data1=Vera O'Hara"));
    said(&adb, "am start -n com.example.app/.MainActivity").await;
    said(&adb, "input keyevent 26").await;
    let asked = tokio::task::spawn_blocking(move || {
        let (mut socket, _) = server.accept().unwrap();
        let mut got = Vec::new();
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&got).contains("Vera O'Hara") {
            let n = socket.read(&mut buffer).unwrap();
            assert!(n > 0, "{}", String::from_utf8_lossy(&got));
            got.extend_from_slice(&buffer[..n]);
        }
        socket.write_all(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&got).into_owned()
    });
    assert!(asked.await.unwrap().starts_with("POST /up HTTP/1.1\r\n"));
    until(|| async { said(&adb, "logcat -d").await.contains("bytes: 204") }).await;
    assert!(said(&adb, "cmd appops get com.example.app").await.contains("READ_CONTACTS: allow"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_leaves_by_tls_to_an_authority_of_the_guest_only() {
    use rustls::{crypto::aws_lc_rs, pki_types::PrivateKeyDer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(std::sync::Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/p", server.local_addr().unwrap().port());
    let (got, mut uploads) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = server.accept().await {
            let Ok(mut socket) = acceptor.accept(socket).await else { continue };
            let mut bytes = Vec::new();
            // A JPEG ends with FF D9.
            while !bytes.ends_with(b"\xff\xd9") && socket.read_buf(&mut bytes).await.unwrap_or(0) > 0 {}
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            let _ = socket.shutdown().await;
            let _ = got.send(bytes);
        }
    });
    let script = format!(r#"{{"steps": [{{"on": "launch", "do": {{"open_camera": {{"seconds": 1, "to": {{"upload": "{url}"}}}}}}}}]}}"#);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (authority, trusted) in [(other.cert.pem(), false), (made.cert.pem(), true)] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), authority).unwrap();
        let variables = [("FAKE_EMULATOR_SCRIPT", script.as_str()), ("FAKE_EMULATOR_CA", file.path().to_str().unwrap())];
        let (emulator, adb) = Emulator::booted("", &variables).await;
        adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &["-g"], LONG).await.unwrap();
        said(&adb, "am start -n com.example.app/.MainActivity").await;
        if trusted {
            let bytes = tokio::time::timeout(LONG, uploads.recv()).await.unwrap().unwrap();
            assert!(bytes.starts_with(b"POST /p HTTP/1.1") && bytes.windows(3).any(|w| w == b"\xff\xd8\xff"));
        } else {
            until(|| async { said(&adb, "logcat -d").await.contains("not sent: invalid peer certificate") }).await;
            assert!(uploads.try_recv().is_err(), "something was sent to a server that is not trusted");
        }
    }
}
