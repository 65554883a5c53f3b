//! What is put where no viewer looks: beside a picture, in the pixels of another, at the end of a long buffer, in a second track.

use crate::common::*;
use stakeout_contract::{Kind, artifact::Role, finding::Analysis};
use stakeout_evidence::Limits;

fn skipped(a: &Analysis) -> Vec<&str> {
    a.searched.skipped.iter().map(|s| s.reason.as_str()).collect()
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    [&[0xff, marker][..], &(content.len() as u16 + 2).to_be_bytes(), content].concat()
}

fn chunk(name: &[u8], content: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(name);
    crc.update(content);
    [&(content.len() as u32).to_be_bytes()[..], name, content, &crc.sum().to_be_bytes()].concat()
}

fn png(w: u32, h: u32, rows: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    png_of(w, h, &zlib(rows), more)
}

fn png_of(w: u32, h: u32, stream: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    let head = [&w.to_be_bytes()[..], &h.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let mut out = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &head)].concat();
    out.extend(more.concat());
    out.extend(chunk(b"IDAT", stream));
    out.extend(chunk(b"IEND", &[]));
    out
}

/// Rows without a filter.
fn rows(w: usize, luma: &[u8]) -> Vec<u8> {
    luma.chunks(w).flat_map(|r| [&[0][..], r].concat()).collect()
}

fn boxed(name: &[u8], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], name, content].concat()
}

/// A small picture of our own with something beside its own pixels, for each place where that goes.
fn covers(hidden: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let cover = jpeg(9, 5);
    let flat = rows(64, &[90; 64 * 64]);
    let mut sound = wav(&vec![0; 8_000], 8_000);
    sound.extend([b"JUNK", &(hidden.len() as u32).to_le_bytes()[..], hidden].concat());
    let riff = sound.len() as u32 - 8;
    sound[4..8].copy_from_slice(&riff.to_le_bytes());
    let film = [boxed(b"ftyp", b"isom\0\0\0\0isom"), boxed(b"free", hidden), boxed(b"mdat", &[0; 40])].concat();
    vec![
        ("jpeg", [&cover[..2], &segment(0xfe, hidden), &cover[2..]].concat()),
        ("jpeg", [&cover[..2], &segment(0xe7, hidden), &cover[2..]].concat()),
        ("png", png(64, 64, &flat, &[chunk(b"prIv", hidden)])),
        ("wav", sound),
        ("mp4", film),
    ]
}

#[test]
fn a_photo_beside_the_pixels_of_another_is_read() {
    let photo = stakeout_feed::CameraFeed::new(keys(1).camera_back).jpeg(FRAME, 320, 240, 50).unwrap();
    for (format, file) in covers(&photo) {
        assert_eq!(chain(&kept(file), Kind::Camera), [format, "aside", "jpeg"]);
    }
    // Two layers of it, and packed.
    let inner = [&jpeg(9, 5)[..2], &segment(0xfe, &photo), &jpeg(9, 5)[2..]].concat();
    let outer = png(64, 64, &rows(64, &[90; 64 * 64]), &[chunk(b"prIv", &gzip(&inner))]);
    assert_eq!(chain(&kept(outer), Kind::Camera), ["png", "aside", "gzip", "jpeg", "aside", "jpeg"]);
    let behind = [jpeg(9, 5), photo].concat();
    assert_eq!(chain(&kept(behind), Kind::Camera), ["jpeg"]);
}

#[test]
fn what_nothing_explains_beside_the_pixels_of_a_picture_is_told() {
    for (format, file) in covers(&noise(3, 6_000)) {
        let a = kept(file);
        assert!(skipped(&a).contains(&"encrypted or unknown"), "{format}: {:?}", a.searched);
    }
    for (format, file) in covers(b"taken with a camera, on a sunny day") {
        let a = kept(file);
        assert!(!skipped(&a).contains(&"encrypted or unknown"), "{format}: {:?}", a.searched);
    }
}

#[test]
fn a_cipher_text_as_the_pixels_of_a_picture_is_told_and_pictures_are_not() {
    let told = |file: Vec<u8>| !skipped(&kept(file)).is_empty();
    assert!(told(png(64, 64, &rows(64, &noise(4, 64 * 64)), &[])));
    // Half of it a picture.
    let half = [vec![90; 64 * 32], noise(5, 64 * 32)].concat();
    assert!(told(png(64, 64, &rows(64, &half), &[])));
    assert!(told(wav(&noise(6, 40_000), 8_000)));
    let ramp: Vec<u8> = (0..256 * 64_u32).map(|i| (i % 256) as u8).collect();
    assert!(!told(png(256, 64, &rows(256, &ramp), &[])));
    let room = stakeout_feed::CameraFeed::with_mode(keys(7).camera_back, stakeout_feed::FeedMode::Scene);
    for (w, h) in [(320, 240), (640, 480)] {
        let grey = image::GrayImage::from_raw(w, h, room.luma(9, w, h)).unwrap();
        let rgb = image::RgbImage::from_raw(w, h, room.rgb(9, w, h)).unwrap();
        for picture in [image::DynamicImage::from(grey), image::DynamicImage::from(rgb)] {
            for format in [image::ImageFormat::Png, image::ImageFormat::WebP] {
                let mut out = std::io::Cursor::new(Vec::new());
                image::DynamicImage::from(picture.to_rgb8()).write_to(&mut out, format).unwrap();
                assert!(!told(out.into_inner()));
            }
        }
    }
    assert!(!told(wav(&pcm(7, SECOND, 2.0, 8_000), 8_000)));
}

#[test]
fn what_follows_the_rows_of_a_png_and_rows_below_its_end_are_read() {
    let feed = stakeout_feed::CameraFeed::new(keys(1).camera_back);
    let flat = zlib(&rows(64, &[90; 64 * 64]));
    let photo = feed.jpeg(FRAME, 320, 240, 50).unwrap();
    let a = kept(png_of(64, 64, &[&flat[..], &photo].concat(), &[]));
    assert_eq!((chain(&a, Kind::Camera), skipped(&a)), (vec!["png".to_owned(), "aside".to_owned(), "jpeg".to_owned()], Vec::<&str>::new()));
    assert_eq!(skipped(&kept(png_of(64, 64, &[&flat[..], &noise(9, 3_000)].concat(), &[]))), ["encrypted or unknown"]);
    for declared in [1, 16, 239] {
        let a = kept(png(320, declared, &rows(320, &feed.luma(FRAME, 320, 240)), &[]));
        assert_eq!(proofs(&a).first().and_then(|f| f.frames), Some([FRAME; 2]), "{declared}: {a:?}");
    }
    // Half of a row more is no row.
    assert_eq!(skipped(&kept(png(64, 64, &[rows(64, &[90; 64 * 64]), vec![7; 40]].concat(), &[]))), ["broken: png"]);
}

#[test]
fn a_later_picture_of_an_animation_is_read_and_too_many_are_told() {
    let feed = stakeout_feed::CameraFeed::new(keys(1).camera_back);
    let (w, h) = (160_u32, 120_u32);
    let control = |n: u32| {
        let mut c = n.to_be_bytes().to_vec();
        c.extend([w, h, 0, 0].iter().flat_map(|v| v.to_be_bytes()));
        c.extend([0, 1, 0, 10, 0, 1]);
        chunk(b"fcTL", &c)
    };
    let frame = |n: u32, luma: &[u8]| chunk(b"fdAT", &[&n.to_be_bytes()[..], &zlib(&rows(160, luma))].concat());
    let mut file = png(w, h, &rows(160, &vec![80; 160 * 120]), &[chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0])]);
    let end = file.split_off(file.len() - 12);
    file.extend([control(0), frame(1, &vec![70; 160 * 120]), control(2), frame(3, &feed.luma(FRAME, w, h)), end].concat());
    let a = kept(file.clone());
    assert_eq!((proofs(&a)[0].frames, chain(&a, Kind::Camera)), (Some([FRAME; 2]), vec!["png".to_owned()]));
    assert_eq!(skipped(&a), Vec::<&str>::new());
    let a = search_all(&trial(1), &[artifact(Role::AppFile, file)], Limits { film_pictures: 2, ..Limits::default() });
    assert_eq!((a.findings.len(), skipped(&a)), (0, vec!["limit: film"]));
}

#[test]
fn a_preview_that_is_written_into_one_file_is_read_from_its_first_frame_to_its_last() {
    let feed = stakeout_feed::CameraFeed::new(keys(1).camera_back);
    // 2.4 s of it: more than is tried as one picture.
    let first = FRAME - 12;
    let roll: Vec<u8> = (0..73).flat_map(|i| feed.nv21(first + i.min(60), 640, 480)).collect();
    assert!(roll.len() > 32 << 20);
    let a = kept([b"preview 640x480\n".repeat(500), roll].concat());
    let mut frames: Vec<u64> = proofs(&a).iter().map(|f| f.frames.unwrap()[0]).collect();
    frames.sort_unstable();
    assert_eq!((frames.first(), frames.last()), (Some(&first), Some(&(first + 60))));
    assert!(frames.len() > 15, "{frames:?}");
    assert_eq!(skipped(&a), ["limit: raw buffer"]);
}

#[test]
fn a_film_of_two_visits_names_the_frames_that_prove() {
    let feed = stakeout_feed::CameraFeed::new(keys(1).camera_back);
    let visits = (3_600..3_610).chain(3_650..3_660);
    let raw: Vec<u8> = visits.clone().flat_map(|f| feed.luma(f, 320, 240)).collect();
    let input = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", "320x240", "-r", "30"];
    let film = encoded(&raw, &input, &["-c:v", "mpeg4", "-b:v", "2M"], "mkv");
    let a = kept(film);
    let f = proofs(&a)[0];
    assert!(f.shown.len() > 10 && f.shown.iter().all(|n| visits.clone().any(|v| v == *n)), "{f:?}");
    assert_eq!(f.frames, Some([f.shown[0], *f.shown.last().unwrap()]));
}

#[test]
fn the_second_track_is_heard_and_a_track_of_another_kind_is_told() {
    let sound = wav(&pcm(1, SECOND, 3.0, 16_000), 16_000);
    let quiet = ["-f", "lavfi", "-t", "3", "-i", "anullsrc=r=16000:cl=mono"];
    let film = encoded(&sound, &quiet, &["-map", "0:a", "-map", "1:a", "-c:a", "libopus", "-b:a", "16k"], "mkv");
    let a = kept(film);
    assert!(proofs(&a).iter().any(|f| f.kind == Kind::Microphone), "{a:?}");
    assert_eq!(skipped(&a), Vec::<&str>::new());
}

#[test]
fn a_recording_is_heard_to_its_end_and_what_was_not_searched_is_told() {
    // Forty minutes in which nothing is said, then three seconds of the trial.
    let hiss: Vec<u8> = noise(8, 40 * 60 * 8_000).iter().flat_map(|v| (i16::from(*v) - 128).to_le_bytes()).collect();
    let file = wav(&[hiss, pcm(1, SECOND, 3.0, 8_000)].concat(), 8_000);
    let a = kept(file.clone());
    assert!(proofs(&a).iter().any(|f| f.kind == Kind::Microphone), "{a:?}");
    assert_eq!(skipped(&a), Vec::<&str>::new());
    for limits in [Limits { media_seconds: 60, ..Limits::default() }, Limits { sound_transforms: 20, ..Limits::default() }] {
        let a = search_all(&trial(1), &[artifact(Role::AppFile, file.clone())], limits);
        assert_eq!(skipped(&a), ["limit: sound"]);
    }
}

#[test]
fn of_a_window_that_is_half_silent_only_the_seconds_that_sound_are_heard() {
    let mut samples = pcm(1, SECOND, 1.9, 16_000);
    samples.resize(samples.len() + 2 * 16_000 * 2, 0);
    let a = kept(wav(&samples, 16_000));
    let f = proofs(&a)[0];
    let last = f.heard.last().unwrap()[1];
    assert!((f.heard[0][0] - 125.0).abs() < 0.05 && (126.6..127.1).contains(&last), "{f:?}");
    assert!(f.seconds.unwrap()[1] > 128.0, "the window is longer: {f:?}");
}

#[test]
fn pictures_and_sounds_that_are_nobodys_are_named() {
    let unread = |bytes: Vec<u8>| kept(bytes).searched.unread.into_iter().map(|u| u.reason).collect::<Vec<_>>();
    assert_eq!(unread(jpeg(2, FRAME)), ["picture"]);
    assert_eq!(unread(wav(&pcm(2, SECOND, 1.0, 8_000), 8_000)), ["sound"]);
    assert_eq!(unread(jpeg(1, FRAME)), Vec::<String>::new());
    assert_eq!(unread(wav(&vec![0; 16_000], 8_000)), Vec::<String>::new());
    assert_eq!(unread(b"no picture".to_vec()), Vec::<String>::new());
}

#[test]
fn channels_that_take_each_other_away_are_heard() {
    let mono = pcm(1, SECOND, 2.0, 8_000);
    let opposed = mono.chunks_exact(2).flat_map(|s| {
        let v = i16::from_le_bytes([s[0], s[1]]);
        [v.to_le_bytes(), v.saturating_neg().to_le_bytes()].concat()
    });
    let mut file = wav(&opposed.collect::<Vec<u8>>(), 8_000);
    (file[22], file[32]) = (2, 4);
    assert_eq!(chain(&kept(file), Kind::Microphone), ["wav"]);
}
