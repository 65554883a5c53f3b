//! The back camera by the emulator's mode `webcam0`: a video device of the host (v4l2loopback) that is written every frame of the feed.
//!
//! So every frame is dated when it is written. Who reads sees the newest, or one that waited in a buffer: see [`QUEUE`].
//!
//! The emulator lists video devices when it starts, passes over compressed formats, and takes the first of YUV420, YVU420, NV12, NV21,
//! YUYV, .. that is offered (external/qemu, `android/camera/camera-capture-linux.c`); with the module's `exclusive_caps=1` a device
//! can be read only once somebody writes. So the writer is there before the emulator is, and writes grey until there is a trial.

mod video;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use stakeout_contract::trial::frame_at;
use stakeout_feed::Facing;

use self::video::{Node, Pixels, convert, negotiate};
use super::{
    super::clock::{SharedClock, lock},
    SIZE,
};
use crate::{core::window::monotonic_nanos, feed::SharedFeeds};

/// How much older than the moment a frame may be that is read: buffers of the module and of the emulator, at 30 frames a second.
pub const QUEUE: Duration = Duration::from_millis(400);
/// Between two looks whether there is a new frame.
const LOOK: Duration = Duration::from_millis(5);
/// What is shown again, if nothing else is to be shown.
const AGAIN: Duration = Duration::from_millis(100);
/// What an operator does where there is none.
const HINT: &str = "`modprobe v4l2loopback exclusive_caps=1` on the host, and its device's path in `STAKEOUT_VIDEO` for the worker";

/// A writer of every frame. Dropping it ends it.
pub struct Webcam {
    state: Arc<Mutex<Option<String>>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl Webcam {
    /// Opens the one video device that there is in this folder, and writes to it from now on: grey, and the feed when there is one.
    pub fn open(folder: &Path, feeds: SharedFeeds, clock: SharedClock) -> Result<Self, String> {
        let path = only(folder).map_err(|e| format!("{e}; {HINT}"))?;
        let (pixels, writer) = negotiate(&Node(path.clone()), SIZE.0, SIZE.1).map_err(|e| format!("`{}`: {e}; {HINT}", path.display()))?;
        Self::write(path, pixels, writer, feeds, clock)
    }

    fn write(
        path: PathBuf,
        pixels: Pixels,
        mut to: impl Write + Send + 'static,
        feeds: SharedFeeds,
        clock: SharedClock,
    ) -> Result<Self, String> {
        let (state, end) = (Arc::<Mutex<Option<String>>>::default(), Arc::new(AtomicBool::new(false)));
        let failed = |e: io::Error| format!("`{}` cannot be written to: {e}", path.display());
        // Who can be read only while somebody writes can be read from here on.
        let grey = convert(&vec![128; Pixels::Yuv420.bytes(SIZE.0, SIZE.1)], SIZE.0, SIZE.1, pixels);
        frame(&mut to, &grey).map_err(failed)?;
        let thread = std::thread::Builder::new().name("webcam".to_owned()).spawn({
            let (state, end, name) = (state.clone(), end.clone(), path.display().to_string());
            move || {
                if let Err(e) = run(&mut to, pixels, &grey, &feeds, &clock, &end) {
                    *state.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("the camera's feed by `{name}`: {e}"));
                }
            }
        });
        Ok(Self { state, end, thread: Some(thread.map_err(failed)?), path })
    }

    /// Its device.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why nothing is written any more, if so; said once.
    pub fn trouble(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Webcam {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(t) = self.thread.take() {
            let _ = t.join();
        }
    }
}

/// The only video device of a folder.
pub fn only(folder: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("`{}`: {e}", folder.display()))?;
    let is = |p: &PathBuf| {
        p.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.strip_prefix("video").is_some_and(|n| n.parse::<u8>().is_ok()))
    };
    let found: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(is).collect();
    match <[PathBuf; 1]>::try_from(found) {
        Ok([one]) => Ok(one),
        Err(all) if all.is_empty() => Err("there is no video device".to_owned()),
        Err(all) => Err(format!("there are {} video devices, and the emulator takes one", all.len())),
    }
}

/// Writes one frame: at once, or not at all.
fn frame(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    match to.write(bytes)? {
        n if n == bytes.len() => Ok(()),
        n => Err(io::Error::other(format!("{n} of {} bytes of a frame were taken", bytes.len()))),
    }
}

fn run(to: &mut impl Write, pixels: Pixels, grey: &[u8], feeds: &SharedFeeds, clock: &SharedClock, end: &AtomicBool) -> io::Result<()> {
    let mut last = None;
    let mut written = Instant::now();
    while !end.load(Ordering::Relaxed) {
        let fed = feeds.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let number = fed.as_ref().map(|_| frame_at(lock(clock).now(monotonic_nanos())));
        // A guest that stands still is shown the same again: who reads waits for frames.
        if number != last || written.elapsed() >= AGAIN {
            match (&fed, number) {
                (Some(feeds), Some(n)) => {
                    let nv21 = feeds.camera(Facing::Back).nv21(n, SIZE.0, SIZE.1);
                    frame(to, &convert(&nv21, SIZE.0, SIZE.1, pixels))?;
                }
                _ => frame(to, grey)?,
            }
            (last, written) = (number, Instant::now());
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use stakeout_feed::{CameraDetector, CandidateTrial, FeedMode, Feeds, GrayImage, SubKey, SubKeys};

    use super::*;
    use crate::emulator::clock::Look;

    struct Frames(mpsc::Sender<Vec<u8>>);

    impl Write for Frames {
        fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
            self.0.send(frame.to_vec()).map_err(io::Error::other)?;
            Ok(frame.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_folder_without_a_video_device_or_with_several_is_said_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Webcam::open(folder.path(), SharedFeeds::default(), SharedClock::default()).err().unwrap();
        assert!(open().starts_with("there is no video device; `modprobe v4l2loopback exclusive_caps=1`"), "{}", open());
        fs::write(folder.path().join("video10"), "").unwrap();
        fs::write(folder.path().join("videodev"), "").unwrap();
        let why = open();
        assert!(why.contains("video10`: YU12: ") && why.contains("YUYV: "), "a file is no device: {why}");
        fs::write(folder.path().join("video11"), "").unwrap();
        assert!(open().starts_with("there are 2 video devices"), "{}", open());
    }

    #[test]
    fn each_frame_of_the_trial_is_written_and_shows_its_number() {
        let (frames, written) = mpsc::channel();
        let (feeds, clock) = (SharedFeeds::default(), SharedClock::default());
        let webcam = Webcam::write("/dev/video0".into(), Pixels::Yuv420, Frames(frames), feeds.clone(), clock.clone()).unwrap();
        let grey = written.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(grey.iter().all(|b| *b == 128), "before there is a trial");
        let key = |n| SubKey::from_bytes([n; 32]);
        let keys = SubKeys { camera_back: key(1), camera_front: key(2), microphone: key(3), canaries: key(0) };
        let now = monotonic_nanos();
        lock(&clock).begin(Look { before: now, after: now, up: 5_000_000_000, wall_ms: 0 });
        *feeds.lock().unwrap() = Some(Feeds::with_mode(&keys, FeedMode::Pattern));
        let mut numbers = Vec::new();
        while numbers.len() < 4 {
            let bytes = written.recv_timeout(Duration::from_secs(20)).unwrap();
            if bytes == grey {
                continue;
            }
            let most = frame_at(lock(&clock).now(monotonic_nanos()));
            let candidate = CandidateTrial {
                subkey: key(1),
                facing: Facing::Back,
                mode: FeedMode::Pattern,
                delivered: vec![0..=most],
                horizon_frames: most + 1,
            };
            let image = GrayImage { width: 640, height: 480, luma: bytes[..640 * 480].to_vec() };
            numbers.push(CameraDetector::new(&[candidate]).detect(&image).first().expect("a frame").frame);
        }
        assert!(numbers.is_sorted() && numbers[0] < numbers[3], "{numbers:?}");
        assert!(webcam.trouble().is_none());
        // Nobody takes them any longer.
        drop(written);
        let until = Instant::now() + Duration::from_secs(20);
        let why = loop {
            if let Some(why) = webcam.trouble() {
                break why;
            }
            assert!(Instant::now() < until, "a device that is gone is said");
            std::thread::sleep(LOOK);
        };
        assert!(why.starts_with("the camera's feed by `/dev/video0`: "), "{why}");
    }
}
