//! Sound, films, thumbnails: what needs more than a look at the bytes.

use crate::common::*;
use stakeout_contract::{Kind, artifact::Role};
use stakeout_evidence::Limits;

/// Seconds of the proof of sound in a file.
fn heard(a: &stakeout_contract::finding::Analysis) -> [f64; 2] {
    let found: Vec<_> = proofs(a).into_iter().filter(|f| f.kind == Kind::Microphone).collect();
    assert_eq!(found.len(), 1, "{a:?}");
    found[0].seconds.unwrap()
}

fn near(a: [f64; 2], from: f64, to: f64) {
    assert!((a[0] - from).abs() < 0.15 && (a[1] - to).abs() < 0.15, "{a:?}");
}

#[test]
fn sound_is_found_in_wav_and_in_raw_samples() {
    let a = sent(post(MULTIPART, &multipart(&[("", &wav(&pcm(1, SECOND, 3.0, 16_000), 16_000))])));
    near(heard(&a), 125.0, 128.0);
    assert_eq!(chain(&a, Kind::Microphone), ["http", "multipart", "wav"]);
    let a = kept(pcm(1, SECOND, 2.0, 44_100));
    near(heard(&a), 125.0, 127.0);
    assert_eq!(chain(&a, Kind::Microphone), ["raw-pcm"]);
    let misaligned = [b"HDR".to_vec(), pcm(1, SECOND, 2.0, 16_000)].concat();
    near(heard(&kept(misaligned)), 125.0, 127.0);
}

#[test]
fn a_thumbnail_in_exif_is_read_on_its_own() {
    let cover = jpeg(9, 5);
    let thumb = stakeout_feed::CameraFeed::new(keys(1).camera_back).jpeg(FRAME, 160, 120, 80).unwrap();
    let exif = [&b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"[..], &thumb].concat();
    let length = (exif.len() as u16 + 2).to_be_bytes();
    let file = [&cover[..2], b"\xff\xe1", &length, &exif, &cover[2..]].concat();
    let a = kept(file);
    assert_eq!(chain(&a, Kind::Camera), ["jpeg", "aside", "jpeg"]);
    assert_eq!(a.searched.media, 2);
}

#[test]
fn a_truncated_jpeg_still_shows_its_frame() {
    let photo = jpeg(1, FRAME);
    let a = sent(post("", &photo[..photo.len() * 2 / 3]));
    assert_eq!(proofs(&a)[0].frames, Some([FRAME; 2]));
}

/// Films and the codecs of speech, at their lowest rates.
#[test]
fn films_and_speech_codecs_are_opened_by_ffmpeg() {
    let sound = wav(&pcm(1, SECOND, 3.0, 16_000), 16_000);
    for (output, container, step) in [
        (&["-ar", "8000", "-c:a", "libopencore_amrnb", "-b:a", "4.75k"][..], "amr", "amr"),
        (&["-c:a", "libvo_amrwbenc", "-b:a", "6.6k"], "amr", "amr"),
        (&["-c:a", "aac", "-b:a", "32k"], "m4a", "mp4"),
        (&["-c:a", "aac", "-b:a", "32k"], "aac", "aac"),
        (&["-c:a", "libopus", "-b:a", "12k"], "ogg", "ogg"),
        (&["-c:a", "libmp3lame", "-b:a", "32k"], "mp3", "mp3"),
    ] {
        let a = sent([b"xx".to_vec(), encoded(&sound, &[], output, container), b"yy".to_vec()].concat());
        near(heard(&a), 125.0, 128.0);
        assert_eq!(chain(&a, Kind::Microphone), [step], "{output:?}");
    }
    let feed = stakeout_feed::CameraFeed::new(keys(1).camera_back);
    let raw: Vec<u8> = (FRAME..FRAME + 30).flat_map(|f| feed.luma(f, 320, 240)).collect();
    let input = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", "320x240", "-r", "30"];
    let bytes = encoded(&raw, &input, &["-c:v", "mpeg4", "-b:v", "800k", "-pix_fmt", "yuv420p"], "mp4");
    let a = kept(bytes);
    let f = proofs(&a).into_iter().find(|f| f.kind == Kind::Camera).unwrap();
    let [first, last] = f.frames.unwrap();
    assert!(first >= FRAME && last < FRAME + 30 && last > first, "{f:?}");
}

#[test]
fn without_a_decoder_a_film_is_told_as_skipped() {
    let film = [&b"\0\0\0\x14ftypisom\0\0\0\0isom\0\0\0\x10mdat"[..], &noise(1, 8)].concat();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("film");
    std::fs::write(&path, film).unwrap();
    let engine = stakeout_evidence::Engine {
        limits: Limits::default(),
        decoder: &stakeout_evidence::NoDecoder,
        captures: &stakeout_evidence::NoCaptures,
    };
    let a = stakeout_evidence::analyze_files(&engine, &[path], Some(&trial(1))).unwrap();
    assert_eq!(a.searched.skipped[0].reason, "no decoder: mp4");
}

#[test]
fn another_trials_feed_is_not_found() {
    let made = [
        artifact(Role::AppFile, jpeg(2, FRAME)),
        artifact(Role::FlowRequest, wav(&pcm(2, SECOND, 3.0, 16_000), 16_000)),
        artifact(Role::AppFile, stakeout_feed::CameraFeed::new(keys(2).camera_back).nv21(FRAME, 320, 240)),
    ];
    let a = search_all(&trial(1), &made, Limits::default());
    assert_eq!(a.findings, []);
    assert!(a.searched.media >= 3);
    let a = search_all(&trial(2), &made, Limits::default());
    assert_eq!(proofs(&a).len(), 3);
}
