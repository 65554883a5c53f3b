//! A frame is found through every layer that apps put around it, and the finding says through which.

use crate::common::*;
use stakeout_contract::{Kind, artifact::Role};

#[test]
fn a_bare_jpeg_is_found_with_its_place_and_frame() {
    let photo = jpeg(1, FRAME);
    let file = [b"some header 123".to_vec(), photo.clone(), b"trailer".to_vec()].concat();
    let a = kept(file);
    let f = proofs(&a)[0];
    assert_eq!((f.kind, f.frames, f.offset, f.length), (Kind::Camera, Some([FRAME; 2]), 15, photo.len() as u64), "{f:?}");
    assert_eq!((f.chain.clone(), f.role), (vec!["jpeg".to_owned()], Some(Role::AppFile)));
    assert!(f.p_false.get() < 1e-20 && f.score.unwrap() > 12.0);
    assert_eq!((a.searched.files, a.searched.media, a.searched.keys), (1, 1, 1));
    assert_eq!(a.searched.skipped, []);
}

/// RFC 4648, without padding.
fn base32(b: &[u8]) -> String {
    let group = |g: &[u8]| {
        let all = g.iter().fold(0_u64, |v, c| v << 8 | u64::from(*c)) << (8 * (5 - g.len()));
        let symbol = |k: usize| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(all >> (35 - 5 * k) & 31) as usize]);
        (0..(8 * g.len()).div_ceil(5)).map(symbol).collect::<String>()
    };
    b.chunks(5).map(group).collect()
}

/// With zeroes up to a whole group.
fn ascii85(b: &[u8]) -> Vec<u8> {
    let group = |g: &[u8; 4]| {
        let all = u32::from_be_bytes(*g);
        (0..5).rev().map(move |k| (all / 85_u32.pow(k) % 85) as u8 + b'!')
    };
    let padded = [b, &[0; 3][..(4 - b.len() % 4) % 4]].concat();
    padded.as_chunks::<4>().0.iter().flat_map(group).collect()
}

#[test]
fn each_coding_alone_is_undone() {
    let photo = jpeg(1, FRAME);
    let text = base64(&photo);
    let lines = text.as_bytes().chunks(76).map(|l| String::from_utf8_lossy(l).into_owned()).collect::<Vec<_>>();
    let json = |s: &str| format!("{{\"t\":1,\"photo\":\"{s}\"}}").into_bytes();
    let signed: Vec<i8> = photo.iter().map(|b| *b as i8).collect();
    let cases: Vec<(Vec<u8>, &[&str])> = vec![
        (post("", &photo), &["http", "jpeg"]),
        (post(MULTIPART, &multipart(&[("", b"x"), ("Content-Type: image/jpeg\r\n", &photo)])), &["http", "multipart", "jpeg"]),
        (post("Content-Encoding: gzip\r\n", &gzip(&photo)), &["http", "gzip", "jpeg"]),
        (post("Content-Encoding: deflate\r\n", &zlib(&photo)), &["http", "deflate", "jpeg"]),
        (post("Content-Encoding: deflate\r\n", &deflate(&photo)), &["http", "deflate", "jpeg"]),
        (
            post(
                "Transfer-Encoding: chunked\r\n",
                &[format!("{:x}\r\n", photo.len()).into_bytes(), photo.clone(), b"\r\n0\r\n\r\n".to_vec()].concat(),
            ),
            &["http", "chunked", "jpeg"],
        ),
        ([b"\0\x01 proprietary ".to_vec(), gzip(&photo), b"end".to_vec()].concat(), &["gzip", "jpeg"]),
        ([b"\0\x01 proprietary ".to_vec(), zlib(&photo)].concat(), &["zlib", "jpeg"]),
        (json(&text), &["json", "base64", "jpeg"]),
        (json(&text.replace('/', "\\/")), &["json", "base64", "jpeg"]),
        (json(&lines.join("\\n")), &["json", "base64", "jpeg"]),
        (json(&format!("data:image/jpeg;base64,{text}")), &["json", "base64", "jpeg"]),
        (lines.join("\r\n").into_bytes(), &["base64", "jpeg"]),
        (text.replace('+', "-").replace('/', "_").replace('=', "").into_bytes(), &["base64", "jpeg"]),
        (
            format!("a=1&photo={}&b=2", text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")).into_bytes(),
            &["percent", "base64", "jpeg"],
        ),
        (hex::encode_upper(&photo).into_bytes(), &["hex", "jpeg"]),
        (format!("7{}", hex::encode(&photo)).into_bytes(), &["hex", "jpeg"]),
        (photo.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ").into_bytes(), &["hex", "jpeg"]),
        (photo.iter().map(|b| format!("0x{b:02x},\n")).collect::<Vec<_>>().concat().into_bytes(), &["hex", "jpeg"]),
        (photo.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").into_bytes(), &["numbers", "jpeg"]),
        (format!("{{\"photo\":\"{}\"}}", base32(&photo)).into_bytes(), &["json", "base32", "jpeg"]),
        (base32(&photo).to_ascii_lowercase().into_bytes(), &["base32", "jpeg"]),
        (ascii85(&photo), &["base85", "jpeg"]),
        (serde_json::to_vec(&serde_json::json!({"bytes": signed})).unwrap(), &["numbers", "jpeg"]),
        (format!("<map><string name=\"p\">{}</string></map>", lines.join("&#10;")).into_bytes(), &["xml", "base64", "jpeg"]),
        (text.encode_utf16().flat_map(u16::to_le_bytes).collect(), &["utf-16", "base64", "jpeg"]),
    ];
    for (bytes, expected) in cases {
        let begin = String::from_utf8_lossy(&bytes[..40]).into_owned();
        let a = sent(bytes);
        assert_eq!(chain(&a, Kind::Camera), expected, "{begin}");
        assert_eq!(a.searched.skipped, [], "{begin}");
    }
}

#[test]
fn five_layers_are_undone_in_order() {
    let inner = serde_json::json!({"image": base64(&jpeg(1, FRAME))}).to_string();
    let body = multipart(&[("Content-Type: application/json\r\n", inner.as_bytes())]);
    let outer = serde_json::json!({"v": 2, "payload": base64(&gzip(&body))}).to_string();
    let request = post("Content-Type: application/json\r\n", outer.as_bytes());
    let a = sent(request.clone());
    assert_eq!(chain(&a, Kind::Camera), ["http", "json", "base64", "gzip", "multipart", "json", "base64", "jpeg"]);
    // The place is that of the outermost text that was decoded.
    let f = proofs(&a)[0];
    let at = f.offset as usize;
    assert_eq!(&request[at - 11..at], b"\"payload\":\"");
    assert_eq!(request[at + f.length as usize], b'"');
}

#[test]
fn json_in_a_string_in_json_is_read() {
    let text = |v: &serde_json::Value| serde_json::Value::String(v.to_string());
    let one = serde_json::json!({"photo": base64(&jpeg(1, FRAME)), "name": "林雨禾澈"});
    let two = serde_json::json!({"data": text(&one)});
    let three = serde_json::json!([text(&two)]).to_string().replace('林', "\\u6797");
    let a = sent(three.into_bytes());
    assert_eq!(chain(&a, Kind::Camera), ["json", "json", "json", "base64", "jpeg"]);
    assert!(proofs(&a).iter().any(|f| f.canary.as_deref() == Some("contacts/0")), "{:?}", a.findings);
}

#[test]
fn other_formats_and_raw_buffers_are_read() {
    let feed = stakeout_feed::CameraFeed::new(keys(1).camera_back);
    let rgb = image::RgbImage::from_raw(320, 240, feed.rgb(FRAME, 320, 240)).unwrap();
    let coded = |format| {
        let mut out = std::io::Cursor::new(Vec::new());
        rgb.write_to(&mut out, format).unwrap();
        out.into_inner()
    };
    let rgba: Vec<u8> = rgb.pixels().flat_map(|p| [p.0[0], p.0[1], p.0[2], 255]).collect();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (coded(image::ImageFormat::Png), "png"),
        (coded(image::ImageFormat::WebP), "webp"),
        (feed.nv21(FRAME, 320, 240), "raw-yuv"),
        (feed.luma(FRAME, 328, 246), "raw-yuv"),
        (rgba, "raw-rgb"),
        (rgb.into_raw(), "raw-rgb"),
    ];
    for (bytes, expected) in cases {
        let a = kept(bytes);
        assert_eq!(chain(&a, Kind::Camera), [expected]);
    }
}
