//! The cameras, by the emulator's mode `imagefile`: a picture that it reads each time a camera is opened.
//!
//! A thread writes the frame of the moment over each picture, some times a second, and sees every opening of one: each picture is a
//! file of its own until the next takes its name, and the kernel says which was opened. So an opening is dated exactly, and
//! so is the frame; what an app films after that is the same frame, which the route cannot change.

use std::{
    collections::HashMap,
    fs,
    io::{self, Cursor},
    mem::MaybeUninit,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use image::{ExtendedColorType, ImageEncoder, codecs::png};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
};
use stakeout_contract::{observation::Facing, trial::frame_at};

use super::clock::{SharedClock, lock};
use crate::{core::window::monotonic_nanos, feed::SharedFeeds};

/// Pixels of a picture: the guest's usual size, which it fills and cuts to its other ones.
const SIZE: (u32, u32) = (640, 480);
/// How often the pictures are replaced.
const REFRESH: Duration = Duration::from_millis(200);
/// Openings that wait to be told.
const WAITING: usize = 10_000;

/// A picture was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Open {
    /// CLOCK_MONOTONIC.
    pub host: u64,
    /// Which camera.
    pub facing: Facing,
    /// The frame that was there.
    pub frame: u64,
}

/// What was opened, and whether openings were lost.
#[derive(Debug, Default)]
pub struct Seen {
    /// In order.
    pub opens: Vec<Open>,
    /// Why no more is seen, or that some were lost.
    pub trouble: Option<String>,
}

/// Our time in which a guest's clock goes on by a frame, unless it stands still.
const FRAME_MOST: Duration = Duration::from_millis(150);

/// Who waits for new pictures, and how many were made.
#[derive(Debug, Default)]
struct Wanted {
    asked: Mutex<(u64, u64)>,
    done: Condvar,
}

/// The pictures for both cameras. Dropping it ends the thread.
pub struct Pictures {
    seen: Arc<Mutex<Seen>>,
    end: Arc<AtomicBool>,
    wanted: Arc<Wanted>,
    bell: Arc<rustix::fd::OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

const fn name(facing: Facing) -> &'static str {
    match facing {
        Facing::Back => "back",
        Facing::Front => "front",
    }
}

/// Puts grey pictures where the cameras look, before there is a trial: a guest must not find none.
pub fn first(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let grey = vec![128; (SIZE.0 * SIZE.1 * 3) as usize];
    for facing in [Facing::Back, Facing::Front] {
        let new = folder.join("first.new");
        fs::write(&new, encode(&grey)?)?;
        fs::rename(new, folder.join(format!("{}.png", name(facing))))?;
    }
    Ok(())
}

fn encode(rgb: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Cursor::new(Vec::new());
    png::PngEncoder::new_with_quality(&mut out, png::CompressionType::Fast, png::FilterType::NoFilter)
        .write_image(rgb, SIZE.0, SIZE.1, ExtendedColorType::Rgb8)
        .map_err(io::Error::other)?;
    Ok(out.into_inner())
}

impl Pictures {
    /// Shows the feed, by the trial's clock, until it is dropped.
    pub fn show(folder: PathBuf, feeds: SharedFeeds, clock: SharedClock) -> io::Result<Self> {
        let (seen, end) = (Arc::<Mutex<Seen>>::default(), Arc::new(AtomicBool::new(false)));
        let wanted = Arc::<Wanted>::default();
        let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
        let mut show = Show {
            watch: inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?,
            bell: bell.clone(),
            wanted: wanted.clone(),
            files: HashMap::new(),
            folder,
            feeds,
            clock,
        };
        // The first coded pictures are there before anything of the trial runs.
        show.replace()?;
        let thread = std::thread::Builder::new().name("pictures".to_owned()).spawn({
            let (seen, end) = (seen.clone(), end.clone());
            move || {
                if let Err(e) = show.run(&seen, &end) {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.trouble = Some(format!("the cameras' pictures: {e}"));
                }
            }
        })?;
        Ok(Self { seen, end, wanted, bell, thread: Some(thread) })
    }

    /// Waits until the pictures are of now: what is opened from here on shows no frame that is older. Blocks for some ten
    /// milliseconds.
    pub fn renew(&self) {
        let mut asked = self.wanted.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.0 += 1;
        let mine = asked.0;
        let _ = rustix::io::write(&*self.bell, &1_u64.to_ne_bytes());
        let limit = Duration::from_secs(2);
        let wait = self.wanted.done.wait_timeout_while(asked, limit, |a| a.1 < mine);
        if wait.unwrap_or_else(PoisonError::into_inner).1.timed_out() {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.trouble = Some("the cameras' pictures were not renewed in time".to_owned());
        }
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

struct Show {
    watch: rustix::fd::OwnedFd,
    bell: Arc<rustix::fd::OwnedFd>,
    wanted: Arc<Wanted>,
    /// Which frame of which camera a watched file holds.
    files: HashMap<i32, (Facing, u64)>,
    folder: PathBuf,
    feeds: SharedFeeds,
    clock: SharedClock,
}

impl Show {
    fn run(&mut self, seen: &Mutex<Seen>, end: &AtomicBool) -> io::Result<()> {
        let mut due = Instant::now() + REFRESH;
        while !end.load(Ordering::Relaxed) {
            let left = due.saturating_duration_since(Instant::now());
            let (asked, made) = *self.wanted.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if left.is_zero() || asked > made {
                if asked > made {
                    self.next_frame(seen)?;
                }
                self.replace()?;
                self.wanted.asked.lock().unwrap_or_else(PoisonError::into_inner).1 = asked;
                self.wanted.done.notify_all();
                due = Instant::now() + REFRESH;
                continue;
            }
            let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
            let mut both = [PollFd::new(&self.watch, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
            match poll(&mut both, Some(&wait)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => {
                    let _ = rustix::io::read(&*self.bell, &mut [0; 8]);
                    self.hear(seen)?;
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// Waits for a frame that begins later than now: the frame of the moment began a moment ago, which may be before the act that
    /// the pictures are renewed for.
    fn next_frame(&mut self, seen: &Mutex<Seen>) -> io::Result<()> {
        let number = |clock: &SharedClock| frame_at(lock(clock).now(monotonic_nanos()));
        let now = number(&self.clock);
        let until = Instant::now() + FRAME_MOST;
        while number(&self.clock) <= now && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
            self.hear(seen)?;
        }
        Ok(())
    }

    /// Replaces both pictures by the frame of the moment.
    fn replace(&mut self) -> io::Result<()> {
        let Some(feeds) = self.feeds.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return Ok(()) };
        for facing in [Facing::Back, Facing::Front] {
            let frame = frame_at(lock(&self.clock).now(monotonic_nanos()));
            let camera = feeds.camera(match facing {
                Facing::Back => stakeout_feed::Facing::Back,
                Facing::Front => stakeout_feed::Facing::Front,
            });
            let new = self.folder.join(format!("{}.new", name(facing)));
            // A new file, not the old one written over: whoever has that open reads it to its end.
            let _ = fs::remove_file(&new);
            fs::write(&new, encode(&camera.rgb(frame, SIZE.0, SIZE.1))?)?;
            let number = inotify::add_watch(&self.watch, &new, WatchFlags::OPEN)?;
            self.files.insert(number, (facing, frame));
            fs::rename(&new, self.folder.join(format!("{}.png", name(facing))))?;
        }
        Ok(())
    }

    fn hear(&mut self, seen: &Mutex<Seen>) -> io::Result<()> {
        let host = monotonic_nanos();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.watch, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(e) => e,
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(()),
                Err(e) => return Err(e.into()),
            };
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) || seen.opens.len() >= WAITING {
                seen.trouble = Some("openings of the cameras' pictures were lost".to_owned());
                continue;
            }
            if event.events().contains(ReadFlags::IGNORED) {
                self.files.remove(&event.wd());
            } else if let Some((facing, frame)) = self.files.get(&event.wd()).copied() {
                seen.opens.push(Open { host, facing, frame });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use stakeout_feed::{FeedMode, Feeds, SubKey, SubKeys};

    use super::*;
    use crate::emulator::clock::Look;

    fn feeds() -> SharedFeeds {
        let key = |n| SubKey::from_bytes([n; 32]);
        let keys = SubKeys { camera_back: key(1), camera_front: key(2), microphone: key(3), canaries: key(0) };
        Arc::new(Mutex::new(Some(Feeds::with_mode(&keys, FeedMode::Pattern))))
    }

    #[test]
    fn an_opening_is_told_with_the_frame_that_was_there() {
        let dir = tempfile::tempdir().unwrap();
        first(dir.path()).unwrap();
        let clock = SharedClock::default();
        let now = monotonic_nanos();
        lock(&clock).begin(Look { before: now, after: now, up: 5_000_000_000, wall_ms: 0 });
        let feeds = feeds();
        let pictures = Pictures::show(dir.path().to_owned(), feeds.clone(), clock).unwrap();
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
}
