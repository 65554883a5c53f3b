//! Media of which a part is what was fed, or that say that they are less than they are.

use crate::common::*;
use stakeout_contract::{Kind, artifact::Role, finding::Analysis};
use stakeout_evidence::Limits;
use stakeout_feed::CameraFeed;

fn unread(a: &Analysis) -> Vec<&str> {
    a.searched.unread.iter().map(|u| u.reason.as_str()).collect()
}

/// The same 16-bit samples from the last to the first.
fn backwards(pcm: &[u8]) -> Vec<u8> {
    pcm.chunks_exact(2).rev().flatten().copied().collect()
}

/// Frames that the feed drew, as a grey PNG.
fn png(w: u32, h: u32, luma: Vec<u8>) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image::GrayImage::from_raw(w, h, luma).unwrap().write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

#[test]
fn one_window_that_is_recognised_speaks_for_no_other() {
    let fed = pcm(1, SECOND, 2.0, 8_000);
    let hidden = backwards(&pcm(1, SECOND + 2, 3.0, 8_000)).repeat(20);
    let a = kept(wav(&[fed.clone(), hidden.clone()].concat(), 8_000));
    assert!(proofs(&a).iter().any(|f| f.kind == Kind::Microphone), "{a:?}");
    assert_eq!(unread(&a), ["sound"]);
    let a = kept([fed.clone(), hidden].concat());
    assert!(chain(&a, Kind::Microphone) == ["raw-pcm"] && unread(&a) == ["sound"], "{:?}", a.searched);
    // Within one window, too.
    assert_eq!(unread(&kept(wav(&[fed.clone(), backwards(&fed)].concat(), 8_000))), ["sound"]);
}

#[test]
fn raw_pictures_and_sounds_that_nobody_recognises_are_told() {
    assert_eq!(unread(&kept(CameraFeed::new(keys(2).camera_back).nv21(FRAME, 640, 480))), ["picture"]);
    assert_eq!(unread(&kept(backwards(&pcm(1, SECOND, 3.0, 16_000)))), ["sound"]);
    assert_eq!(unread(&kept([b"HEAD".to_vec(), pcm(2, SECOND, 3.0, 44_100)].concat())), ["sound"]);
    let records: Vec<u8> =
        (0..900_u32).flat_map(|i| [&b"\x0a\x12"[..], &i.to_le_bytes(), b"the name of it\x08", &[0; 5]].concat()).collect();
    for other in [records, noise(1, 20_000), b"a line of it\n".repeat(900)] {
        assert_eq!(unread(&kept(other)), Vec::<&str>::new());
    }
}

#[test]
fn a_whole_recording_of_what_was_fed_leaves_nothing_unread() {
    let none = Vec::<&str>::new();
    for seconds in [0.3, 1.0, 3.9, 5.3] {
        for rate in [8_000, 44_100] {
            assert_eq!(unread(&kept(wav(&pcm(1, SECOND, seconds, rate), rate))), none, "{seconds} s at {rate}");
        }
    }
    let silent = |n: usize| vec![0; n];
    let between = [silent(9_000), pcm(1, SECOND, 3.0, 16_000), silent(50_000)].concat();
    assert_eq!(unread(&kept(wav(&between, 16_000))), none);
    let sound = wav(&pcm(1, SECOND, 5.3, 16_000), 16_000);
    for (output, container) in [
        (&["-ar", "8000", "-c:a", "libopencore_amrnb", "-b:a", "4.75k"][..], "amr"),
        (&["-ar", "8000", "-c:a", "libopencore_amrnb", "-b:a", "12.2k"], "amr"),
        (&["-c:a", "aac", "-b:a", "24k"], "m4a"),
        (&["-c:a", "libopus", "-b:a", "12k"], "ogg"),
        (&["-c:a", "libmp3lame", "-b:a", "16k"], "mp3"),
    ] {
        let file = encoded(&sound, &[], output, container);
        assert_eq!(unread(&kept(file)), none, "{output:?}");
    }
}

#[test]
fn raw_samples_of_24_and_32_bits_and_floats_are_heard() {
    let wide: Vec<i16> = pcm(1, SECOND, 2.0, 16_000).chunks_exact(2).map(|s| i16::from_le_bytes([s[0], s[1]])).collect();
    let long = |s: &i16| (i32::from(*s) << 16) + i32::from(*s).wrapping_mul(40_503).rem_euclid(1 << 16);
    let float = |s: &i16| f32::from(*s) / 32_768.0;
    for (bytes, coding) in [
        (wide.iter().flat_map(|s| long(s).to_le_bytes()).collect::<Vec<u8>>(), "32 bits"),
        (wide.iter().flat_map(|s| long(s).to_be_bytes()).collect(), "32 bits, most first"),
        (wide.iter().flat_map(|s| long(s).to_le_bytes()[1..].to_vec()).collect(), "24 bits"),
        (wide.iter().flat_map(|s| long(s).to_be_bytes()[..3].to_vec()).collect(), "24 bits, most first"),
        (wide.iter().flat_map(|s| float(s).to_le_bytes()).collect(), "floats"),
        (wide.iter().flat_map(|s| float(s).to_be_bytes()).collect(), "floats, most first"),
    ] {
        let a = kept([b"HDR".to_vec(), bytes].concat());
        let found: Vec<_> = proofs(&a).into_iter().filter(|f| f.kind == Kind::Microphone).collect();
        assert_eq!(found.len(), 1, "{coding}: {a:?}");
        let [from, to] = found[0].seconds.unwrap();
        assert!(found[0].chain == ["raw-pcm"] && (from - 125.0).abs() < 0.1 && (to - 127.0).abs() < 0.1, "{coding}: {from} {to}");
    }
}

/// Writes another length into the first edit list.
fn shortened(mut film: Vec<u8>, length: u32) -> Vec<u8> {
    let at = film.windows(4).position(|w| w == b"elst").unwrap() + 12;
    film[at..at + 4].copy_from_slice(&length.to_be_bytes());
    film
}

#[test]
fn an_edit_list_hides_no_part_of_a_film_or_of_a_recording() {
    let sound = wav(&pcm(1, SECOND, 5.0, 16_000), 16_000);
    let sound = encoded(&sound, &[], &["-c:a", "aac", "-b:a", "32k"], "m4a");
    for file in [shortened(sound.clone(), 300), sound] {
        let a = kept(file);
        let heard = proofs(&a).into_iter().flat_map(|f| f.heard.clone()).collect::<Vec<_>>();
        let (first, last) = (heard[0][0], heard.last().unwrap()[1]);
        // The encoder's beginning is played, and dates nothing.
        assert!((first - 125.0).abs() < 0.1 && last > 129.7, "{heard:?}");
        assert_eq!(unread(&a), Vec::<&str>::new());
    }
    let feed = CameraFeed::new(keys(1).camera_back);
    let raw: Vec<u8> = (FRAME..FRAME + 30).flat_map(|f| feed.luma(f, 320, 240)).collect();
    let input = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", "320x240", "-r", "30"];
    let film = encoded(&raw, &input, &["-c:v", "mpeg4", "-g", "1", "-b:v", "8M", "-pix_fmt", "yuv420p"], "mp4");
    let a = kept(shortened(film, 100));
    let last = proofs(&a).iter().filter_map(|f| f.frames).map(|f| f[1]).max();
    assert_eq!(last, Some(FRAME + 29), "{a:?}");
}

#[test]
fn a_jpeg_that_says_that_it_is_low_is_read_to_the_end_of_its_scan() {
    let patched = |mut photo: Vec<u8>, height: u16| {
        let at = photo.windows(2).position(|w| w == b"\xff\xc0").unwrap() + 5;
        photo[at..at + 2].copy_from_slice(&height.to_be_bytes());
        photo
    };
    for height in [16, 100, 240] {
        let a = kept(patched(jpeg(1, FRAME), height));
        assert_eq!(proofs(&a).first().and_then(|f| f.frames), Some([FRAME; 2]), "{height}: {a:?}");
        // Nobody's is told.
        assert_eq!(unread(&kept(patched(jpeg(2, FRAME), height))), ["picture"], "{height}");
    }
    // As it is, cut and odd in size, there is nothing below the end.
    let whole = jpeg(1, FRAME);
    let feed = CameraFeed::new(keys(1).camera_back);
    for photo in [whole[..whole.len() / 2].to_vec(), feed.jpeg(FRAME, 333, 241, 80).unwrap(), whole] {
        let a = kept(photo);
        assert!(proofs(&a).len() == 1 && unread(&a).is_empty(), "{a:?}");
    }
}

#[test]
fn a_photo_in_the_corner_of_another_is_read_and_what_it_is_not_is_told() {
    let feed = CameraFeed::new(keys(1).camera_back);
    let pasted = |small: &[u8], (w, h): (usize, usize), (x, y): (usize, usize)| {
        let mut large = feed.luma(FRAME, 640, 480);
        for (r, row) in small.chunks_exact(w).enumerate().take(h) {
            large[(y + r) * 640 + x..][..w].copy_from_slice(row);
        }
        png(640, 480, large)
    };
    let frames = |a: &Analysis| proofs(a).iter().filter_map(|f| f.frames).flatten().collect::<std::collections::BTreeSet<u64>>();
    let other = FRAME + 20;
    let a = kept(pasted(&feed.luma(other, 160, 120), (160, 120), (480, 360)));
    let both = proofs(&a).iter().flat_map(|f| [f.frames.unwrap().to_vec(), f.shown.clone()].concat()).collect::<Vec<_>>();
    assert!(both.contains(&FRAME) && (both.contains(&other) || unread(&a) == ["picture"]), "{a:?}");
    let a = kept(pasted(&feed.luma(other, 96, 72), (96, 72), (20, 30)));
    assert!(frames(&a).contains(&FRAME) && (frames(&a).contains(&other) || unread(&a) == ["picture"]), "{a:?}");
    // Half of a frame beside half of another, cell by cell in its place.
    let half: Vec<u8> = feed.luma(other, 640, 480).chunks_exact(640).flat_map(|r| r[320..].to_vec()).collect();
    let a = kept(pasted(&half, (320, 480), (320, 0)));
    assert!(frames(&a).contains(&other) || unread(&a) == ["picture"], "{a:?}");
    let stranger = CameraFeed::new(keys(2).camera_back).luma(FRAME, 160, 120);
    assert_eq!(unread(&kept(pasted(&stranger, (160, 120), (0, 0)))), ["picture"]);
    assert_eq!(unread(&kept(png(640, 480, feed.luma(FRAME, 640, 480)))), Vec::<&str>::new());
    // Bars beside it are nothing.
    let barred = [vec![0; 640 * 60], feed.luma(FRAME, 640, 480), vec![0; 640 * 60]].concat();
    assert_eq!(unread(&kept(png(640, 600, barred))), Vec::<&str>::new());
}

#[test]
fn what_is_cut_into_pieces_that_say_nothing_alone_is_told_together() {
    let stranger = CameraFeed::new(keys(2).camera_back).luma(FRAME, 640, 480);
    let strip = |i: usize| png(640, 23, stranger[i * 23 * 640..(i + 1) * 23 * 640].to_vec());
    assert_eq!(unread(&kept(strip(3))), ["picture"]);
    let tile = |i: usize| png(16, 16, stranger.chunks_exact(640).skip(i * 16).take(16).flat_map(|r| r[..16].to_vec()).collect());
    assert_eq!(unread(&kept(tile(3))), Vec::<&str>::new());
    let all = |made: Vec<Vec<u8>>| {
        let made: Vec<Made> = made.into_iter().map(|b| artifact(Role::AppFile, b)).collect();
        let a = search_all(&trial(1), &made, Limits::default());
        a.searched.unread.into_iter().map(|u| u.reason).collect::<Vec<_>>()
    };
    assert_eq!(all((0..3).map(tile).collect()), ["picture"; 3]);
    assert_eq!(unread(&kept((0..3).flat_map(tile).collect())), ["picture"]);
    let click = |i: u64| wav(&pcm(2, SECOND + i, 0.2, 8_000), 8_000);
    assert_eq!(unread(&kept(click(0))), Vec::<&str>::new());
    assert_eq!(all((0..2).map(click).collect()), ["sound"; 2]);
    assert_eq!(unread(&kept((0..2).flat_map(click).collect())), ["sound"]);
    // A blank and silence are nothing, however many there are.
    assert_eq!(all((0..4).map(|i| png(23, 23, vec![i; 23 * 23])).collect()), Vec::<String>::new());
}
