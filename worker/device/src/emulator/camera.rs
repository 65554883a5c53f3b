//! The cameras, by the emulator's modes `imagefile` and `videofile`: a picture or a film that it reads each time a camera is opened;
//! or the back one by [`webcam`], a device of the host that is written every frame, which is another matter.
//!
//! A thread writes a new one over each, again and again, and sees every opening of one: each is a file of its own until the next takes
//! its name, and the kernel says which was opened. So an opening is dated exactly, and so is the frame that there was first.
//!
//! - A picture ([`still`]) is of the moment; what an app films after the opening is the same frame, which the route cannot change.
//! - A film ([`film`]) begins with the moment in which it is laid before the camera, and runs from its opening on. So a frame of it
//!   was shown at its number's time at the earliest, later by as much as the film was old when it was opened, and by its length each
//!   time that it has begun anew. A state of the device begins with a new film ([`Pictures::renew`]).

mod film;
mod show;
mod still;
pub mod webcam;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, eventfd},
    fs::inotify::{self, CreateFlags},
};
use stakeout_contract::{
    Nanos,
    observation::Facing,
    trial::{frame_at, frame_time},
};
use stakeout_protocol::choice::Cameras;

use self::show::Show;
use super::clock::SharedClock;
use crate::feed::SharedFeeds;

/// Pixels of a picture: the guest's usual size, which it fills and cuts to its other ones.
const SIZE: (u32, u32) = (640, 480);
/// How often pictures are replaced, and films: those take a second to be made.
const REFRESH: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// Our time in which both are replaced, on a busy host.
const RENEWED: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// A picture was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Open {
    /// CLOCK_MONOTONIC.
    pub host: u64,
    /// Which camera.
    pub facing: Facing,
    /// The frame that was there.
    pub frame: u64,
    /// The last that it can show; the same, if it is a picture.
    pub last: u64,
}

impl Open {
    /// The last frame that it can have shown after this time.
    pub fn until(&self, passed: Duration) -> u64 {
        let frames = frame_at(Nanos::saturating(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)));
        self.last.min(self.frame.saturating_add(frames))
    }

    /// How many pictures there are after its first one and up to this frame.
    pub const fn pictures(&self, last: u64) -> u64 {
        last.saturating_sub(self.frame) / film::STEP
    }
}

/// What was opened, and whether openings were lost.
#[derive(Debug, Default)]
pub struct Seen {
    /// In order.
    pub opens: Vec<Open>,
    /// Why no more is seen, or that some were lost.
    pub trouble: Option<String>,
}

/// Who waits for new pictures, and how many were made.
#[derive(Debug, Default)]
struct Wanted {
    asked: Mutex<Asked>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct Asked {
    calls: u64,
    made: u64,
    /// The frame that the films begin with that are there now.
    begun: Option<u64>,
}

/// The pictures for both cameras. Dropping it ends the thread.
pub struct Pictures {
    seen: Arc<Mutex<Seen>>,
    end: Arc<AtomicBool>,
    wanted: Arc<Wanted>,
    bell: Arc<rustix::fd::OwnedFd>,
    cameras: Cameras,
    thread: Option<JoinHandle<()>>,
}

/// Both cameras, as the contract and the feed name them.
const SIDES: [(Facing, stakeout_feed::Facing); 2] =
    [(Facing::Front, stakeout_feed::Facing::Front), (Facing::Back, stakeout_feed::Facing::Back)];

/// Those that are fed by files.
fn sides(cameras: Cameras) -> &'static [(Facing, stakeout_feed::Facing)] {
    if cameras == Cameras::Webcam { &SIDES[..1] } else { &SIDES }
}

const fn name(facing: Facing) -> &'static str {
    match facing {
        Facing::Back => "back",
        Facing::Front => "front",
    }
}

fn path(folder: &Path, cameras: Cameras, facing: Facing) -> PathBuf {
    folder.join(format!("{}.{}", name(facing), cameras.ending()))
}

/// Puts grey pictures where the cameras look, before there is a trial: a guest must not find none.
pub fn first(folder: &Path, cameras: Cameras) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for facing in sides(cameras).iter().map(|s| s.0) {
        let new = folder.join("first.new");
        match cameras {
            Cameras::ImageFile | Cameras::Webcam => still::write(&new, None)?,
            Cameras::VideoFile => film::write(&new, None, || Ok(()))?,
        }
        fs::rename(new, path(folder, cameras, facing))?;
    }
    Ok(())
}

/// How the cameras are fed, for a trial's record.
pub fn words(cameras: Cameras) -> String {
    match cameras {
        Cameras::ImageFile => "camera by imagefile".to_owned(),
        Cameras::Webcam => format!(
            "camera by webcam (the front one by imagefile): a frame was shown at its number's time or up to {} ms later",
            webcam::QUEUE.as_millis()
        ),
        Cameras::VideoFile => format!(
            "camera by videofile: a frame was shown at its number's time or later, by as much as its film was old when it was opened \
             (some {} s at most), and by {} s each time that the film has begun anew",
            REFRESH.1.as_secs() + 2,
            film::length().as_secs()
        ),
    }
}

impl Pictures {
    /// Shows the feed, by the trial's clock, until it is dropped.
    pub fn show(folder: PathBuf, cameras: Cameras, feeds: SharedFeeds, clock: SharedClock) -> io::Result<Self> {
        let (seen, end) = (Arc::<Mutex<Seen>>::default(), Arc::new(AtomicBool::new(false)));
        let wanted = Arc::<Wanted>::default();
        let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let mut show = Show::new(watch, bell.clone(), wanted.clone(), (folder, cameras), feeds, clock);
        // The first coded pictures are there before anything of the trial runs.
        show.replace(&seen)?;
        let thread = std::thread::Builder::new().name("pictures".to_owned()).spawn({
            let (seen, end) = (seen.clone(), end.clone());
            move || {
                if let Err(e) = show.run(&seen, &end) {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.trouble = Some(format!("the cameras' pictures: {e}"));
                }
            }
        })?;
        Ok(Self { seen, end, wanted, bell, cameras, thread: Some(thread) })
    }

    /// Waits until the pictures are of now: what is opened from here on shows no frame that is older. Blocks for some ten
    /// milliseconds. For films, which take some seconds, it says when they begin: just now.
    pub fn renew(&self) -> Option<Nanos> {
        let mut asked = self.wanted.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.calls += 1;
        let mine = asked.calls;
        let _ = rustix::io::write(&*self.bell, &1_u64.to_ne_bytes());
        let within = if self.cameras == Cameras::VideoFile { RENEWED.1 } else { RENEWED.0 };
        let wait = self.wanted.done.wait_timeout_while(asked, within, |a| a.made < mine);
        let (asked, wait) = wait.unwrap_or_else(PoisonError::into_inner);
        if wait.timed_out() {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.trouble = Some("the cameras' pictures were not renewed in time".to_owned());
        }
        let begun = asked.begun.map(frame_time);
        drop(asked);
        if self.streams() {
            // What waited in buffers is of before.
            std::thread::sleep(webcam::QUEUE);
        }
        begun
    }

    /// Whether the back camera is given every frame, and not by files.
    pub fn streams(&self) -> bool {
        self.cameras == Cameras::Webcam
    }

    /// What was opened since this was asked last.
    pub fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Pictures {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(t) = self.thread.take() {
            let _ = t.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use stakeout_feed::{FeedMode, Feeds, SubKey, SubKeys};

    use super::*;
    use crate::{
        core::window::monotonic_nanos,
        emulator::clock::{Look, lock},
    };

    fn feeds() -> SharedFeeds {
        let key = |n| SubKey::from_bytes([n; 32]);
        let keys = SubKeys { camera_back: key(1), camera_front: key(2), microphone: key(3), canaries: key(0) };
        Arc::new(Mutex::new(Some(Feeds::with_mode(&keys, FeedMode::Pattern))))
    }

    #[test]
    fn an_opening_is_told_with_the_frame_that_was_there() {
        let dir = tempfile::tempdir().unwrap();
        first(dir.path(), Cameras::ImageFile).unwrap();
        let clock = SharedClock::default();
        let now = monotonic_nanos();
        lock(&clock).begin(Look { before: now, after: now, up: 5_000_000_000, wall_ms: 0 });
        let feeds = feeds();
        let pictures = Pictures::show(dir.path().to_owned(), Cameras::ImageFile, feeds.clone(), clock).unwrap();
        assert_eq!(pictures.take().opens, [], "our own writing is no opening");
        let mut told = Vec::new();
        for _ in 0..3 {
            let bytes = fs::read(dir.path().join("front.png")).unwrap();
            let until = Instant::now() + Duration::from_secs(20);
            let open = loop {
                if let Some(o) = pictures.take().opens.first() {
                    break *o;
                }
                assert!(Instant::now() < until, "the opening was not seen");
                std::thread::sleep(Duration::from_millis(5));
            };
            // The very frame that was read.
            let shown = image::load_from_memory(&bytes).unwrap().to_rgb8().into_raw();
            let feeds = feeds.lock().unwrap().clone().unwrap();
            assert_eq!(shown, feeds.camera(stakeout_feed::Facing::Front).rgb(open.frame, SIZE.0, SIZE.1));
            assert_eq!(open.facing, Facing::Front);
            told.push(open.frame);
            pictures.renew();
        }
        assert!(told.is_sorted() && told[0] < told[2], "{told:?}");
    }

    #[test]
    fn an_opening_of_a_film_is_told_with_where_it_begins_and_a_renewed_one_begins_later() {
        let dir = tempfile::tempdir().unwrap();
        first(dir.path(), Cameras::VideoFile).unwrap();
        let clock = SharedClock::default();
        let now = monotonic_nanos();
        lock(&clock).begin(Look { before: now, after: now, up: 5_000_000_000, wall_ms: 0 });
        let pictures = Pictures::show(dir.path().to_owned(), Cameras::VideoFile, feeds(), clock.clone()).unwrap();
        assert_eq!(pictures.take().opens, [], "our own writing is no opening");
        let opened = || {
            drop(fs::File::open(dir.path().join("back.mp4")).unwrap());
            let until = Instant::now() + Duration::from_secs(20);
            loop {
                if let Some(o) = pictures.take().opens.first() {
                    break *o;
                }
                assert!(Instant::now() < until, "the opening was not seen");
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        let before = opened();
        assert_eq!(before.last, film::last(before.frame));
        assert_eq!(before.until(Duration::ZERO), before.frame);
        assert_eq!(before.until(Duration::from_secs(2)), before.frame + 60);
        assert_eq!(before.until(Duration::from_secs(3600)), before.last, "it begins anew, and shows no other");
        let asked = frame_at(lock(&clock).now(monotonic_nanos()));
        pictures.renew();
        let after = opened();
        assert!(after.frame > asked && asked >= before.frame, "{asked}: {before:?}, {after:?}");
        assert!(pictures.take().trouble.is_none());
    }
}
