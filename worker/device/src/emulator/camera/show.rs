//! The thread that lays pictures and films before the cameras, and hears who opens them.

use std::{
    collections::HashMap,
    fs, io,
    mem::MaybeUninit,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, ReadFlags, WatchFlags},
};
use stakeout_contract::{observation::Facing, trial::frame_at};
use stakeout_protocol::choice::Cameras;

use super::{
    super::clock::{SharedClock, lock},
    Open, REFRESH, Seen, Wanted, film, name, path, sides, still,
};
use crate::{core::window::monotonic_nanos, feed::SharedFeeds};

/// How much earlier a film is begun to be made than it is laid before the camera, at first; then it is what the last one took.
const LEAD: Duration = Duration::from_millis(1500);
/// A guest whose clock stands still for so long of our time gets no new film.
const STILL: Duration = Duration::from_secs(20);
/// Our time in which a guest's clock goes on by a frame, unless it stands still.
const FRAME_MOST: Duration = Duration::from_millis(150);
/// Openings that wait to be told.
const WAITING: usize = 10_000;
pub(super) struct Show {
    watch: rustix::fd::OwnedFd,
    bell: Arc<rustix::fd::OwnedFd>,
    wanted: Arc<Wanted>,
    /// Which frames of which camera a watched file holds.
    files: HashMap<i32, (Facing, u64, u64)>,
    folder: PathBuf,
    cameras: Cameras,
    lead: Duration,
    feeds: SharedFeeds,
    clock: SharedClock,
}

impl Show {
    pub(super) fn new(
        watch: rustix::fd::OwnedFd,
        bell: Arc<rustix::fd::OwnedFd>,
        wanted: Arc<Wanted>,
        (folder, cameras): (PathBuf, Cameras),
        feeds: SharedFeeds,
        clock: SharedClock,
    ) -> Self {
        Self { watch, bell, wanted, files: HashMap::new(), folder, cameras, lead: LEAD, feeds, clock }
    }

    pub(super) fn run(&mut self, seen: &Mutex<Seen>, end: &AtomicBool) -> io::Result<()> {
        let refresh = if self.cameras == Cameras::VideoFile { REFRESH.1 } else { REFRESH.0 };
        let mut due = Instant::now() + refresh;
        while !end.load(Ordering::Relaxed) {
            let left = due.saturating_duration_since(Instant::now());
            let (asked, made) = {
                let a = self.wanted.asked.lock().unwrap_or_else(PoisonError::into_inner);
                (a.calls, a.made)
            };
            if left.is_zero() || asked > made {
                if asked > made && self.cameras != Cameras::VideoFile {
                    // The frame of the moment began a moment ago, which may be before the act that the pictures are renewed for.
                    self.wait_for(self.number() + 1, FRAME_MOST, seen)?;
                }
                self.replace(seen)?;
                self.wanted.asked.lock().unwrap_or_else(PoisonError::into_inner).made = asked;
                self.wanted.done.notify_all();
                due = Instant::now() + refresh;
                continue;
            }
            let wait = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
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

    fn number(&self) -> u64 {
        frame_at(lock(&self.clock).now(monotonic_nanos()))
    }

    /// Waits for a frame; whether it came in our time.
    fn wait_for(&mut self, frame: u64, limit: Duration, seen: &Mutex<Seen>) -> io::Result<bool> {
        let until = Instant::now() + limit;
        while self.number() < frame {
            if Instant::now() >= until {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
            self.hear(seen)?;
        }
        Ok(true)
    }

    /// Replaces both pictures by the frame of the moment, or both films by ones that begin with the moment.
    pub(super) fn replace(&mut self, seen: &Mutex<Seen>) -> io::Result<()> {
        let Some(feeds) = self.feeds.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return Ok(()) };
        match self.cameras {
            Cameras::ImageFile | Cameras::Webcam => {
                for &(facing, side) in sides(self.cameras) {
                    let frame = self.number();
                    let new = self.fresh(facing);
                    still::write(&new, Some((feeds.camera(side), frame)))?;
                    self.lay(&new, facing, frame, frame)?;
                }
            }
            Cameras::VideoFile => {
                let begun = Instant::now();
                let lead = self.lead.mul_f64(lock(&self.clock).speed().max(0.1));
                let first = frame_at(lock(&self.clock).now(monotonic_nanos()).plus(lead)) + 1;
                for &(facing, side) in sides(self.cameras) {
                    // Who opens the one before meanwhile is heard at once, as that dates the opening.
                    film::write(&self.fresh(facing), Some((feeds.camera(side), first)), || self.hear(seen))?;
                }
                // A little more than it took; but what is asked for is not put off by one slow film for long.
                self.lead = (begun.elapsed().mul_f64(1.2) + Duration::from_millis(50)).min(LEAD * 4);
                // No frame is shown before its time.
                if !self.wait_for(first, STILL, seen)? {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.trouble = Some("new films for the cameras, as the guest's clock stands still".to_owned());
                    return Ok(());
                }
                for &(facing, _) in sides(self.cameras) {
                    self.lay(&self.folder.join(format!("{}.new", name(facing))), facing, first, film::last(first))?;
                }
                self.wanted.asked.lock().unwrap_or_else(PoisonError::into_inner).begun = Some(first);
            }
        }
        Ok(())
    }

    /// Where the next picture of a camera is made. A new file, not the old one written over: whoever has that open reads it to its end.
    fn fresh(&self, facing: Facing) -> PathBuf {
        let new = self.folder.join(format!("{}.new", name(facing)));
        let _ = fs::remove_file(&new);
        new
    }

    /// Lays it before its camera, and watches who opens it.
    fn lay(&mut self, new: &Path, facing: Facing, frame: u64, last: u64) -> io::Result<()> {
        let number = inotify::add_watch(&self.watch, new, WatchFlags::OPEN)?;
        self.files.insert(number, (facing, frame, last));
        fs::rename(new, path(&self.folder, self.cameras, facing))
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
            } else if let Some((facing, frame, last)) = self.files.get(&event.wd()).copied() {
                seen.opens.push(Open { host, facing, frame, last });
            }
        }
    }
}
