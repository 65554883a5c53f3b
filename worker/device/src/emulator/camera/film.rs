//! A film for the emulator's mode `videofile`: frames of the feed from one moment on, each with its own number.
//!
//! The sensor of an emulated phone lies: it is 640 x 480 and turned by 90 degrees. What should stand upright for an app is turned back
//! here (`transpose=2`, as public scripts for this mode do), H.264 and yuv420p. Each picture stands alone (no frame is made from
//! another), so nothing older remains in it.

use std::{
    env, io,
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use stakeout_feed::CameraFeed;

use super::SIZE;

/// Frames of the feed from one picture of a film to the next, of 30 a second.
pub(super) const STEP: u64 = 10;
/// Pictures of a film: 20 s, then it begins anew.
pub(super) const PICTURES: u64 = 60;
/// And a second of them.
const RATE: u64 = 30 / STEP;
/// Between two looks whether the encoder has ended.
const PAUSE: Duration = Duration::from_millis(2);

/// The last frame of a film that begins with this one.
pub(super) const fn last(first: u64) -> u64 {
    first.saturating_add(STEP * (PICTURES - 1))
}

/// How long a film is.
pub(super) const fn length() -> Duration {
    Duration::from_secs(PICTURES / RATE)
}

/// Writes a film that begins with a frame; without a feed a grey one of a second. `between` is called between its pictures, as all
/// of it takes a while.
pub(super) fn write(path: &Path, shown: Option<(&CameraFeed, u64)>, mut between: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    // Upright, and turned by the encoder.
    let (width, height) = (SIZE.1, SIZE.0);
    let mut child = Command::new("ffmpeg")
        .args(arguments(width, height))
        .arg(path)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| io::Error::other(format!("`ffmpeg` did not start: {e}")))?;
    let mut fed = Ok(());
    if let Some(mut to) = child.stdin.take() {
        for n in 0..if shown.is_some() { PICTURES } else { RATE } {
            let grey = || vec![128; (width * height * 3 / 2) as usize];
            let picture = shown.map_or_else(grey, |(feed, first)| feed.nv21(first + n * STEP, width, height));
            fed = between().and_then(|()| to.write_all(&picture));
            if fed.is_err() {
                break;
            }
        }
    }
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if fed.is_err() {
            child.kill()?;
        }
        fed = fed.and(between());
        std::thread::sleep(PAUSE);
    };
    if status.success() {
        return fed;
    }
    let mut said = String::new();
    if let Some(from) = child.stderr.take() {
        from.take(4096).read_to_string(&mut said)?;
    }
    let said: String = said.lines().next().unwrap_or("it does not say why").chars().filter(|c| !c.is_control()).take(300).collect();
    Err(io::Error::other(format!("`ffmpeg` failed ({status}): {said}")))
}

/// What comes after the program's name, and before the file.
fn arguments(width: u32, height: u32) -> Vec<String> {
    let text = format!(
        "-nostdin -hide_banner -v error -f rawvideo -pix_fmt nv21 -s {width}x{height} -r {RATE} -i pipe:0 -vf transpose=2 -an \
         -c:v libx264 -preset ultrafast -crf 20 -g 1 -bf 0 -threads 1 -pix_fmt yuv420p -movflags +faststart -f mp4 -y"
    );
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use stakeout_feed::{CameraDetector, CandidateTrial, Facing, FeedMode, GrayImage, SubKey};

    use super::*;

    fn key() -> SubKey {
        SubKey::from_bytes([5; 32])
    }

    /// Where the film begins.
    const FIRST: u64 = 5000;

    /// The pictures of a film as a decoder gives them, turned and cut by a filter as a guest or its app does.
    fn seen(film: &Path, filter: &str, (width, height): (u32, u32)) -> Vec<GrayImage> {
        let out = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-i"])
            .arg(film)
            .args(["-vf", &format!("{filter},format=gray"), "-f", "rawvideo", "pipe:1"])
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        out.stdout.chunks_exact((width * height) as usize).map(|luma| GrayImage { width, height, luma: luma.to_vec() }).collect()
    }

    fn number(image: &GrayImage) -> u64 {
        let candidate = CandidateTrial {
            subkey: key(),
            facing: Facing::Back,
            mode: FeedMode::Pattern,
            delivered: vec![FIRST..=last(FIRST)],
            horizon_frames: last(FIRST) + 1,
        };
        let found = CameraDetector::new(&[candidate]).detect(image);
        found.first().unwrap_or_else(|| panic!("nothing in {} x {}", image.width, image.height)).frame
    }

    #[test]
    fn each_picture_of_a_film_shows_its_number_however_a_guest_turns_and_cuts_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("back.mp4");
        let mut calls = 0;
        let feed = CameraFeed::new(key());
        write(&path, Some((&feed, FIRST)), || {
            calls += 1;
            Ok(())
        })
        .unwrap();
        assert!(calls >= PICTURES, "others are let work in between");
        for (what, filter, size) in [
            ("as the sensor gives it", "null", (640, 480)),
            ("upright, as an app shows it", "transpose=1", (480, 640)),
            ("cut to another size of the guest's", "crop=586:480,scale=352:288", (352, 288)),
            ("enlarged, its edges lost", "scale=1280:960,crop=1280:720", (1280, 720)),
        ] {
            let pictures = seen(&path, filter, size);
            assert_eq!(pictures.len() as u64, PICTURES, "{what}");
            for n in [0, 1, PICTURES / 2, PICTURES - 1] {
                assert_eq!(number(&pictures[n as usize]), FIRST + n * STEP, "{what}, picture {n}");
            }
        }
        // What stands upright in the feed does so for who turns the sensor's picture, and not otherwise.
        let upright = feed.luma(FIRST, 480, 640);
        let shown = &seen(&path, "transpose=1", (480, 640))[0].luma;
        let off: u64 = upright.iter().zip(shown).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        assert!(off < 480 * 640 * 12, "{}", off as f64 / (480.0 * 640.0));
    }

    #[test]
    fn the_form_is_what_the_mode_takes_and_a_film_without_a_feed_is_grey() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grey.mp4");
        write(&path, None, || Ok(())).unwrap();
        let pictures = seen(&path, "null", (640, 480));
        assert_eq!(pictures.len() as u64, RATE);
        assert!(pictures[0].luma.iter().all(|v| v.abs_diff(128) < 4));
        let mut probe = Command::new("ffprobe");
        probe.args(["-v", "error", "-show_entries", "stream=codec_name,pix_fmt,width,height,r_frame_rate", "-of", "csv=p=0"]);
        let out = probe.arg(&path).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "h264,640,480,yuv420p,3/1");
    }

    #[test]
    fn an_encoder_that_fails_or_is_not_to_go_on_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let e = write(&folder.path().join("no/film.mp4"), None, || Ok(())).unwrap_err().to_string();
        assert!(e.starts_with("`ffmpeg` failed"), "{e}");
        let e = write(&folder.path().join("film.mp4"), None, || Err(io::Error::other("enough"))).unwrap_err().to_string();
        assert!(e.contains("enough") || e.starts_with("`ffmpeg` failed"), "{e}");
    }
}
