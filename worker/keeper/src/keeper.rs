//! Watching: from the kernel's events to what is kept and written down. Folders are in [`super::folders`].

use std::{
    collections::{HashMap, HashSet, VecDeque},
    ffi::{OsStr, OsString},
    fs::File,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::{
    entry::{Loss, STOP, What},
    folders::{DEPTH, Folder},
    held::{self, Copy, Found, Held},
    shelf::{Before, Budget, Shelf, boot_time},
};

/// Files and folders that are held open, if the kernel allows as many.
const HANDLES: u64 = 100_000;
/// The second half of a move comes at once, or never: it went to where nobody watches.
const MOVE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// A change that the kernel tells so soon after a copy was made may have come before it: the kernel tells of a change when it is
/// done, and cutting a file takes some milliseconds. So what is written over within this time counts as lost.
const SOON: Duration = Duration::from_millis(20);
/// Who is further behind the app than this may have missed what a name stood for in between.
const BEHIND: Duration = Duration::from_millis(100);
/// Events that wait; more are as if the kernel had lost them.
const WAITING: usize = 100_000;
/// Bytes of a path that are written down.
const PATH: usize = 4096;

/// A name in a folder that is watched.
pub(crate) type Key = (i32, OsString);

/// What is on its way from one name to another.
pub(crate) enum Moving {
    File(Box<Held>),
    Folder(i32),
    /// Nothing that was held: it was too quick.
    Quick,
}

/// See the library.
pub struct Keeper {
    pub(crate) shelf: Shelf,
    pub(crate) events: OwnedFd,
    /// The watch of our own folder, in which the order to stop appears.
    own: i32,
    pub(crate) folders: HashMap<i32, Folder>,
    /// Folders by their names.
    pub(crate) below: HashMap<Key, i32>,
    pub(crate) files: HashMap<Key, Held>,
    /// What came and was not there any more: it was moved on, or it is lost.
    pub(crate) quick: HashSet<Key>,
    /// By the kernel's number of the move, with the former path.
    moving: HashMap<u32, (Moving, String)>,
    /// Events that are not looked at yet, and room to read more.
    waiting: VecDeque<Happened>,
    buffer: Vec<MaybeUninit<u8>>,
    /// What is there at the begin was there before the app.
    pub(crate) first: bool,
    /// That it is behind was told, and it did not catch up yet.
    behind: bool,
    stop: bool,
}

/// An event, taken out of the kernel's buffer.
struct Happened {
    folder: i32,
    flags: ReadFlags,
    cookie: u32,
    name: OsString,
    /// When it was taken, by our clock and by the kernel's since its boot.
    read: Instant,
    at: u64,
}

impl Keeper {
    /// Keeps in this folder.
    pub fn new(out: &Path, budget: Budget) -> anyhow::Result<Self> {
        let shelf = Shelf::open(out, budget).with_context(|| format!("`{}` cannot be written to", out.display()))?;
        let _ = std::fs::remove_file(out.join(STOP));
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).context("the kernel gives no inotify")?;
        let own =
            inotify::add_watch(&events, out, WatchFlags::CREATE | WatchFlags::MOVED_TO).context("its own folder cannot be watched")?;
        // As many as we may, and before the app where there is a choice; neither is needed.
        let limit = getrlimit(Resource::Nofile);
        let most = limit.maximum.map_or(HANDLES, |m| m.min(HANDLES));
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum });
        let _ = rustix::process::nice(-20);
        Ok(Self {
            shelf,
            events,
            own,
            folders: HashMap::new(),
            below: HashMap::new(),
            files: HashMap::new(),
            quick: HashSet::new(),
            moving: HashMap::new(),
            waiting: VecDeque::new(),
            buffer: vec![MaybeUninit::uninit(); 1 << 16],
            first: true,
            behind: false,
            stop: false,
        })
    }

    /// Watches folders, and others where they are there, below another that is not part of their names.
    pub fn watch(mut self, root: Option<&Path>, folders: &[PathBuf], also: &[PathBuf]) -> anyhow::Result<Self> {
        for (folder, needed) in folders.iter().map(|f| (f, true)).chain(also.iter().map(|f| (f, false))) {
            let real = root.map_or_else(|| folder.clone(), |r| r.join(folder.strip_prefix("/").unwrap_or(folder)));
            // These names are ours, and Android has links among them.
            match File::open(&real) {
                Ok(f) => self.adopt(None, folder.as_os_str().to_owned(), f)?,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound && !needed => {}
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    self.shelf.tell(What::Lost { why: Loss::Unwatched, path: folder.to_string_lossy().into_owned() })?;
                }
                Err(e) => return Err(e).with_context(|| format!("`{}` cannot be opened", real.display())),
            }
        }
        self.first = false;
        self.shelf.tell(What::Watching { folders: self.folders.len() as u64, files: self.files.len() as u64 })?;
        self.shelf.flush()?;
        Ok(self)
    }

    /// Runs until it is told to stop.
    pub fn run(mut self) -> anyhow::Result<()> {
        loop {
            self.read()?;
            if !self.waiting.is_empty() {
                while let Some(event) = self.waiting.pop_front() {
                    self.shelf.at = Some(event.at);
                    self.late(&event)?;
                    self.happened(event)?;
                }
                self.shelf.at = None;
                continue;
            }
            self.behind = false;
            self.shelf.flush()?;
            if self.stop {
                break;
            }
            let wait = (!self.moving.is_empty()).then_some(&MOVE);
            match poll(&mut [PollFd::new(&self.events, PollFlags::IN)], wait) {
                Ok(0) => self.moved_out()?,
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(e).context("waiting for events failed"),
            }
        }
        self.moved_out()?;
        for key in std::mem::take(&mut self.quick) {
            self.lost(Loss::TooQuick, &key)?;
        }
        // What somebody overwrote without closing the file since.
        for (key, held) in std::mem::take(&mut self.files) {
            self.overwritten(held.copy, &held.file, held.changed, &self.path(&key))?;
        }
        self.shelf.end()?;
        Ok(())
    }

    /// Takes all events that the kernel has.
    pub(crate) fn read(&mut self) -> anyhow::Result<()> {
        let mut reader = inotify::Reader::new(&self.events, &mut self.buffer);
        loop {
            match reader.next() {
                Ok(e) if self.waiting.len() < WAITING => {
                    let name = e.file_name().map_or_else(OsString::new, |n| OsStr::from_bytes(n.to_bytes()).to_owned());
                    let (read, at) = (Instant::now(), boot_time());
                    let event = Happened { folder: e.wd(), flags: e.events(), cookie: e.cookie(), name, read, at };
                    self.waiting.push_back(event);
                }
                // The last one stands for all that are not kept.
                Ok(_) => {
                    if let Some(last) = self.waiting.back_mut() {
                        last.flags |= ReadFlags::QUEUE_OVERFLOW;
                    }
                }
                Err(Errno::WOULDBLOCK) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(e) => return Err(e).context("events cannot be read"),
            }
        }
    }

    fn late(&mut self, e: &Happened) -> anyhow::Result<()> {
        if !self.behind && e.read.elapsed() > BEHIND {
            self.behind = true;
            self.lost(Loss::Behind, &(e.folder, e.name.clone()))?;
        }
        Ok(())
    }

    fn happened(&mut self, e: Happened) -> anyhow::Result<()> {
        let has = |f: ReadFlags| e.flags.contains(f);
        if has(ReadFlags::QUEUE_OVERFLOW) {
            self.stop |= e.folder == self.own && e.name == STOP;
            return self.look_again();
        }
        if e.folder == self.own {
            self.stop |= e.name == STOP;
            return Ok(());
        }
        let Happened { folder, name, cookie, .. } = e;
        let key = (folder, name);
        let is_folder = has(ReadFlags::ISDIR);
        if has(ReadFlags::IGNORED) {
            return self.forget(folder);
        }
        if !self.folders.contains_key(&folder) {
            return Ok(());
        }
        if has(ReadFlags::CREATE) {
            self.take(key)
        } else if has(ReadFlags::MODIFY) {
            self.changed(&key, e.read)
        } else if has(ReadFlags::CLOSE_WRITE) {
            self.written(&key, Some(e.read))
        } else if has(ReadFlags::DELETE) {
            if is_folder { self.folder_gone(&key) } else { self.deleted(&key) }
        } else if has(ReadFlags::MOVED_FROM) {
            self.moved_from(&key, cookie, is_folder)
        } else if has(ReadFlags::MOVED_TO) {
            self.moved_to(key, cookie)
        } else {
            Ok(())
        }
    }

    /// The path of a name, as the app knows it; cut where nobody would read on.
    pub(crate) fn path(&self, key: &Key) -> String {
        let mut parts = vec![key.1.as_os_str()];
        let mut at = Some(key.0);
        while let Some(f) = at.and_then(|wd| self.folders.get(&wd)).filter(|_| parts.len() < DEPTH) {
            parts.push(&f.name);
            at = f.parent;
        }
        let mut path = parts.iter().rev().filter(|p| !p.is_empty()).collect::<PathBuf>().to_string_lossy().into_owned();
        path.truncate(path.floor_char_boundary(PATH));
        path
    }

    pub(crate) fn lost(&mut self, why: Loss, key: &Key) -> anyhow::Result<()> {
        let path = self.path(key);
        Ok(self.shelf.tell(What::Lost { why, path })?)
    }

    /// Holds what has come under a name.
    pub(crate) fn take(&mut self, key: Key) -> anyhow::Result<()> {
        let Some(folder) = self.folders.get(&key.0) else { return Ok(()) };
        match held::open(&folder.handle, &key.1) {
            Ok(Found::File(file, bytes)) => self.hold(key, file, bytes),
            Ok(Found::Folder(handle)) => self.adopt(Some(key.0), key.1, handle),
            Ok(Found::Other) => Ok(()),
            Err(Errno::NOENT) => {
                self.quick.insert(key);
                Ok(())
            }
            Err(Errno::MFILE | Errno::NFILE) => self.lost(Loss::TooMany, &key),
            Err(_) => self.lost(Loss::Unreadable, &key),
        }
    }

    fn hold(&mut self, key: Key, mut file: Held, bytes: u64) -> anyhow::Result<()> {
        if self.files.get(&key).is_some_and(|f| f.is(&file)) {
            return Ok(());
        }
        self.quick.remove(&key);
        file.old = self.first;
        // A name that stands for another file without a word of what became of the one before.
        if let Some(before) = self.files.insert(key.clone(), file) {
            self.gone(before, self.path(&key), true)?;
        }
        // Whoever wrote it may never close it again.
        if bytes > 0 && !self.first { self.written(&key, None) } else { Ok(()) }
    }

    /// A writer has closed a file, and when that was read; or it was found as somebody had left it.
    fn written(&mut self, key: &Key, closed: Option<Instant>) -> anyhow::Result<()> {
        let path = self.path(key);
        let Some(held) = self.files.get_mut(key) else { return Ok(()) };
        if !held.is_new() || held.is_as_copied() {
            return Ok(());
        }
        let last = match std::mem::replace(&mut held.copy, Copy::Never) {
            Copy::Never => None,
            Copy::There(last) => Some(last),
            Copy::Missing(why) => {
                self.shelf.tell(What::Lost { why, path: path.clone() })?;
                None
            }
        };
        let known = last.as_ref().map(|l| l.bytes);
        let (before, copy) = self.shelf.written(&held.file, last);
        held.copy = copy.map_or_else(Copy::Missing, Copy::There);
        let now = held.file.metadata().map_or(0, |m| m.len());
        // Who opens a file to write and does not has written nothing.
        let same = matches!(before, Before::Same) && known == Some(now);
        // What was there when it was closed the time before was copied too late.
        let spoiled = !same && closed.zip(held.copied).is_some_and(|(read, copied)| read <= copied + SOON);
        held.seen(closed.map(|_| Instant::now()));
        self.shelf.told(before, known.unwrap_or(0), &path)?;
        if spoiled {
            self.shelf.tell(What::Lost { why: Loss::TooQuick, path: path.clone() })?;
        }
        if !same {
            self.shelf.tell(What::Written { path, bytes: now })?;
        }
        // What the kernel has told until here came before the copy, or may have.
        self.read()
    }

    /// A file was changed. If its copy was made after that, what was in it when it was closed was never seen.
    fn changed(&mut self, key: &Key, read: Instant) -> anyhow::Result<()> {
        let Some(held) = self.files.get_mut(key) else { return Ok(()) };
        held.changed = true;
        match held.copied.take() {
            Some(copied) if read <= copied + SOON => self.lost(Loss::TooQuick, key),
            _ => Ok(()),
        }
    }

    /// What a writer had closed a file with, if it is not the begin of what is in it now.
    fn overwritten(&mut self, copy: Copy, file: &File, changed: bool, path: &str) -> anyhow::Result<()> {
        match copy {
            Copy::There(last) => {
                let bytes = last.bytes;
                let before = self.shelf.put_by(file, last);
                Ok(self.shelf.told(before, bytes, path)?)
            }
            Copy::Missing(why) if changed => Ok(self.shelf.tell(What::Lost { why, path: path.to_owned() })?),
            Copy::Missing(_) | Copy::Never => Ok(()),
        }
    }

    /// A file's name is gone, and so would be what it holds.
    pub(crate) fn gone(&mut self, held: Held, path: String, replaced: bool) -> anyhow::Result<()> {
        let all = held.file.metadata().map_or(0, |m| m.len());
        let old = !held.is_new() && !held.changed;
        self.overwritten(held.copy, &held.file, held.changed, &path)?;
        let (kept, bytes) = match if old { Ok(None) } else { self.shelf.keep(&held.file) } {
            Ok(Some((name, bytes))) => (Some(name), bytes),
            Ok(None) => (None, all),
            Err(why) => {
                self.shelf.tell(What::Lost { why, path: path.clone() })?;
                (None, all)
            }
        };
        let what = if replaced { What::Replaced { path, bytes, kept } } else { What::Deleted { path, bytes, kept } };
        Ok(self.shelf.tell(what)?)
    }

    /// Takes the file of a name out; none if the name still stands for it, so that what went was another.
    pub(crate) fn let_go(&mut self, key: &Key) -> Option<Held> {
        let held = self.files.get(key)?;
        if self.folders.get(&key.0).is_some_and(|f| held.is_at(&f.handle, &key.1)) {
            return None;
        }
        self.files.remove(key)
    }

    fn drop_held(&mut self, key: &Key) {
        if let Some(Held { copy: Copy::There(last), .. }) = self.files.remove(key) {
            self.shelf.drop_last(last);
        }
    }

    fn deleted(&mut self, key: &Key) -> anyhow::Result<()> {
        let was = self.files.contains_key(key);
        match self.let_go(key) {
            Some(held) => self.gone(held, self.path(key), false),
            // Another of that name had been there, which was never seen.
            None if was || self.quick.remove(key) => self.lost(Loss::TooQuick, key),
            None => Ok(()),
        }
    }

    fn moved_from(&mut self, key: &Key, cookie: u32, is_folder: bool) -> anyhow::Result<()> {
        let path = self.path(key);
        let was = self.files.contains_key(key);
        let what = if is_folder && let Some(wd) = self.leave(key)? {
            Moving::Folder(wd)
        } else if let Some(held) = self.let_go(key) {
            Moving::File(Box::new(held))
        } else if is_folder || was || self.quick.remove(key) {
            Moving::Quick
        } else {
            return Ok(());
        };
        self.moving.insert(cookie, (what, path));
        Ok(())
    }

    fn moved_to(&mut self, key: Key, cookie: u32) -> anyhow::Result<()> {
        let moving = self.moving.remove(&cookie);
        // What had the name before is gone.
        if self.files.contains_key(&key) {
            if let Some(before) = self.let_go(&key) {
                self.gone(before, self.path(&key), true)?;
            } else {
                // It was not, so what was taken for it came later, and will come again; what did have the name was never seen.
                self.lost(Loss::TooQuick, &key)?;
                self.drop_held(&key);
            }
        }
        let Some((what, path)) = moving else { return self.take(key) };
        let to = self.path(&key);
        self.shelf.tell(What::Renamed { path, to })?;
        match what {
            Moving::File(held) => {
                self.files.insert(key, *held);
                Ok(())
            }
            Moving::Folder(wd) => {
                self.settle(wd, key);
                Ok(())
            }
            Moving::Quick => self.take(key),
        }
    }

    /// Moves without a second half led out of all that is watched.
    fn moved_out(&mut self) -> anyhow::Result<()> {
        for (_, (what, path)) in std::mem::take(&mut self.moving) {
            match what {
                Moving::File(held) => self.gone(*held, path, false)?,
                Moving::Quick => self.shelf.tell(What::Lost { why: Loss::TooQuick, path })?,
                Moving::Folder(wd) => self.folder_out(wd, &path)?,
            }
        }
        Ok(())
    }
}
