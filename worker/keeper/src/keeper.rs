//! Watching: from the kernel's events to what is kept and written down.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    ffi::{OsStr, OsString},
    fs::File,
    mem::MaybeUninit,
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
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
    held::{self, Copy, Found, Held},
    shelf::{Before, Budget, Shelf},
};

/// Files and folders that are held open, if the kernel allows as many.
const HANDLES: u64 = 100_000;
/// The second half of a move comes at once, or never: it went to where nobody watches.
const MOVE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// How exactly a file system dates: a tick of the kernel's, and some.
const TICK: Duration = Duration::from_millis(12);
/// A change that the kernel tells so soon after a copy was made may have come before it: the kernel tells of a change when it is
/// done, and cutting a file takes some milliseconds. So what is written over within this time counts as lost.
const SOON: Duration = Duration::from_millis(20);
/// Depth of folders.
const DEPTH: usize = 200;

/// A name in a folder that is watched.
type Key = (i32, OsString);

/// A folder that is watched.
struct Folder {
    handle: OwnedFd,
    /// The folder that it is in; none: it is one of those that were asked for.
    parent: Option<i32>,
    name: OsString,
}

/// What is on its way from one name to another.
enum Moving {
    File(Box<Held>),
    Folder(i32),
    /// Nothing that was held: it was too quick.
    Quick,
}

/// See the module.
pub struct Keeper {
    shelf: Shelf,
    events: OwnedFd,
    /// The watch of our own folder, in which the order to stop appears.
    own: i32,
    folders: HashMap<i32, Folder>,
    /// Folders by their names.
    below: HashMap<Key, i32>,
    files: HashMap<Key, Held>,
    /// What came and was not there any more: it was moved on, or it is lost.
    quick: HashSet<Key>,
    /// By the kernel's number of the move, with the former path.
    moving: HashMap<u32, (Moving, String)>,
    /// Events that are not looked at yet, and room to read more.
    waiting: VecDeque<Happened>,
    buffer: Vec<MaybeUninit<u8>>,
    /// What is there at the begin is not looked at twice.
    first: bool,
    stop: bool,
}

/// An event, taken out of the kernel's buffer.
struct Happened {
    folder: i32,
    flags: ReadFlags,
    cookie: u32,
    name: OsString,
    /// When it was taken.
    read: Instant,
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
            stop: false,
        })
    }

    /// Watches folders, below another that is not part of their names.
    pub fn watch(mut self, root: Option<&Path>, folders: &[PathBuf]) -> anyhow::Result<Self> {
        for folder in folders {
            let real = root.map_or_else(|| folder.clone(), |r| r.join(folder.strip_prefix("/").unwrap_or(folder)));
            // These names are ours, and Android has links among them.
            match File::open(&real) {
                Ok(f) => self.adopt(None, folder.as_os_str().to_owned(), f.into())?,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
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
                    self.happened(event)?;
                }
                continue;
            }
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
        self.shelf.end()?;
        Ok(())
    }

    /// Takes all events that the kernel has.
    fn read(&mut self) -> anyhow::Result<()> {
        let mut reader = inotify::Reader::new(&self.events, &mut self.buffer);
        loop {
            match reader.next() {
                Ok(e) => {
                    let name = e.file_name().map_or_else(OsString::new, |n| OsStr::from_bytes(n.to_bytes()).to_owned());
                    let event = Happened { folder: e.wd(), flags: e.events(), cookie: e.cookie(), name, read: Instant::now() };
                    self.waiting.push_back(event);
                }
                Err(Errno::WOULDBLOCK) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(e) => return Err(e).context("events cannot be read"),
            }
        }
    }

    fn happened(&mut self, e: Happened) -> anyhow::Result<()> {
        let has = |f: ReadFlags| e.flags.contains(f);
        if has(ReadFlags::QUEUE_OVERFLOW) {
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
            self.take(key, false)
        } else if has(ReadFlags::MODIFY) {
            self.changed(&key, e.read)
        } else if has(ReadFlags::CLOSE_WRITE) {
            self.written(&key, true)
        } else if has(ReadFlags::DELETE) {
            if is_folder { self.folder_gone(&key) } else { self.deleted(&key) }
        } else if has(ReadFlags::MOVED_FROM) {
            self.moved_from(&key, cookie, is_folder);
            Ok(())
        } else if has(ReadFlags::MOVED_TO) {
            self.moved_to(key, cookie)
        } else {
            Ok(())
        }
    }

    /// The path of a name, as the app knows it.
    fn path(&self, key: &Key) -> String {
        let mut parts = vec![key.1.as_os_str()];
        let mut at = Some(key.0);
        while let Some(f) = at.and_then(|wd| self.folders.get(&wd)).filter(|_| parts.len() < DEPTH) {
            parts.push(&f.name);
            at = f.parent;
        }
        parts.iter().rev().filter(|p| !p.is_empty()).collect::<PathBuf>().to_string_lossy().into_owned()
    }

    fn lost(&mut self, why: Loss, key: &Key) -> anyhow::Result<()> {
        let path = self.path(key);
        Ok(self.shelf.tell(What::Lost { why, path })?)
    }

    /// Holds what has come under a name. `whole`: it may have been written before it was seen.
    fn take(&mut self, key: Key, whole: bool) -> anyhow::Result<()> {
        let Some(folder) = self.folders.get(&key.0) else { return Ok(()) };
        match held::open(&folder.handle, &key.1) {
            Ok(Found::File(file, seen)) => self.hold(key, file, whole || seen),
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

    fn hold(&mut self, key: Key, file: Held, whole: bool) -> anyhow::Result<()> {
        if self.files.get(&key).is_some_and(|f| f.is(&file)) {
            return Ok(());
        }
        self.quick.remove(&key);
        // A name that stands for another file without a word of what became of the one before.
        if let Some(before) = self.files.insert(key.clone(), file) {
            self.gone(before, self.path(&key), true)?;
        }
        // No writer may ever close it again.
        if whole && !self.first { self.written(&key, false) } else { Ok(()) }
    }

    /// Watches a folder, and holds what is in it.
    fn adopt(&mut self, parent: Option<i32>, name: OsString, handle: OwnedFd) -> anyhow::Result<()> {
        let key = parent.map(|p| (p, name.clone()));
        let depth = std::iter::successors(parent, |p| self.folders.get(p)?.parent).take(DEPTH + 1).count();
        let flags = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        let watch = if depth > DEPTH { Err(Errno::LOOP) } else { inotify::add_watch(&self.events, held::link(&handle), flags) };
        let Ok(wd) = watch else {
            return self.lost(Loss::Unwatched, &key.unwrap_or((-1, name)));
        };
        if self.folders.contains_key(&wd) {
            return Ok(());
        }
        let file = File::from(handle.try_clone()?);
        let names: Vec<OsString> = match rustix::fs::Dir::read_from(&handle) {
            Ok(entries) => entries.flatten().map(|e| OsString::from_vec(e.file_name().to_bytes().to_vec())).collect(),
            Err(_) => Vec::new(),
        };
        if let Some(key) = key {
            self.quick.remove(&key);
            self.below.insert(key, wd);
        }
        self.folders.insert(wd, Folder { handle, parent, name });
        let mut newest = None;
        for n in names.into_iter().filter(|n| n != "." && n != "..") {
            let key = (wd, n);
            self.take(key.clone(), true)?;
            let folder = || self.below.get(&key).and_then(|wd| self.folders.get(wd)).and_then(born);
            newest = newest.max(self.files.get(&key).and_then(Held::born).or_else(folder));
        }
        if !self.first && was_changed(&file, newest) {
            self.lost(Loss::NewFolder, &(wd, OsString::new()))?;
        }
        Ok(())
    }

    /// A writer has closed a file.
    fn written(&mut self, key: &Key, told: bool) -> anyhow::Result<()> {
        let path = self.path(key);
        let Some(held) = self.files.get_mut(key) else { return Ok(()) };
        let last = match std::mem::replace(&mut held.copy, Copy::Never) {
            Copy::Never => None,
            Copy::There(last) => Some(last),
            Copy::Missing(why) => {
                self.shelf.tell(What::Lost { why, path: path.clone() })?;
                None
            }
        };
        let bytes = last.as_ref().map_or(0, |l| l.bytes);
        let (before, copy) = self.shelf.written(&held.file, last);
        held.copy = copy.map_or_else(Copy::Missing, Copy::There);
        match before {
            Before::Same => {}
            Before::Kept(name) => self.shelf.tell(What::Replaced { path: path.clone(), bytes, kept: Some(name) })?,
            Before::Lost(why) => {
                self.shelf.tell(What::Lost { why, path: path.clone() })?;
                self.shelf.tell(What::Replaced { path: path.clone(), bytes, kept: None })?;
            }
        }
        if told {
            held.copied = Some(Instant::now());
            let bytes = held.file.metadata().map_or(0, |m| m.len());
            self.shelf.tell(What::Written { path, bytes })?;
            // What the kernel has told until here came before the copy, or may have.
            self.read()?;
        }
        Ok(())
    }

    /// A file was changed. If its copy was made after that, what was in it when it was closed was never seen.
    fn changed(&mut self, key: &Key, read: Instant) -> anyhow::Result<()> {
        let Some(held) = self.files.get_mut(key) else { return Ok(()) };
        match held.copied.take() {
            Some(copied) if read <= copied + SOON => self.lost(Loss::TooQuick, key),
            _ => Ok(()),
        }
    }

    /// A file's name is gone, and so would be what it holds.
    fn gone(&mut self, held: Held, path: String, replaced: bool) -> anyhow::Result<()> {
        if let Copy::There(last) = held.copy {
            self.shelf.drop_last(last);
        }
        let all = held.file.metadata().map_or(0, |m| m.len());
        let (kept, bytes) = match self.shelf.keep(&held.file) {
            Ok(Some((name, bytes))) => (Some(name), bytes),
            Ok(None) => (None, 0),
            Err(why) => {
                self.shelf.tell(What::Lost { why, path: path.clone() })?;
                (None, all)
            }
        };
        let what = if replaced { What::Replaced { path, bytes, kept } } else { What::Deleted { path, bytes, kept } };
        Ok(self.shelf.tell(what)?)
    }

    /// Takes the file of a name out; none if the name still stands for it, so that what went was another.
    fn let_go(&mut self, key: &Key) -> Option<Held> {
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

    fn folder_gone(&mut self, key: &Key) -> anyhow::Result<()> {
        self.below.remove(key);
        if self.quick.remove(key) { self.lost(Loss::TooQuick, key) } else { Ok(()) }
    }

    fn moved_from(&mut self, key: &Key, cookie: u32, is_folder: bool) {
        let path = self.path(key);
        let was = self.files.contains_key(key);
        let what = if is_folder && let Some(wd) = self.below.remove(key) {
            Moving::Folder(wd)
        } else if let Some(held) = self.let_go(key) {
            Moving::File(Box::new(held))
        } else if was || self.quick.remove(key) {
            Moving::Quick
        } else {
            return;
        };
        self.moving.insert(cookie, (what, path));
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
        let Some((what, path)) = moving else { return self.take(key, true) };
        let to = self.path(&key);
        self.shelf.tell(What::Renamed { path, to })?;
        match what {
            Moving::File(held) => {
                self.files.insert(key, *held);
                Ok(())
            }
            Moving::Folder(wd) => {
                if let Some(f) = self.folders.get_mut(&wd) {
                    (f.parent, f.name) = (Some(key.0), key.1.clone());
                }
                self.below.insert(key, wd);
                Ok(())
            }
            Moving::Quick => self.take(key, true),
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

    fn folder_out(&mut self, wd: i32, path: &str) -> anyhow::Result<()> {
        let inside: Vec<Key> = self.files.keys().filter(|k| k.0 == wd).cloned().collect();
        for key in inside {
            if let Some(held) = self.files.remove(&key) {
                self.gone(held, format!("{path}/{}", key.1.to_string_lossy()), false)?;
            }
        }
        let folders: Vec<(Key, i32)> = self.below.iter().filter(|(k, _)| k.0 == wd).map(|(k, w)| (k.clone(), *w)).collect();
        for (key, sub) in folders {
            self.below.remove(&key);
            self.folder_out(sub, &format!("{path}/{}", key.1.to_string_lossy()))?;
        }
        let _ = inotify::remove_watch(&self.events, wd);
        self.folders.remove(&wd);
        Ok(())
    }

    /// The kernel watches a folder no more: it is gone.
    fn forget(&mut self, wd: i32) -> anyhow::Result<()> {
        let left: Vec<Key> = self.files.keys().filter(|k| k.0 == wd).cloned().collect();
        for key in left {
            if let Some(held) = self.files.remove(&key) {
                self.gone(held, self.path(&key), false)?;
            }
        }
        if let Some(f) = self.folders.remove(&wd)
            && let Some(parent) = f.parent
        {
            let key = (parent, f.name);
            if self.below.get(&key) == Some(&wd) {
                self.below.remove(&key);
            }
        }
        Ok(())
    }

    /// Events are missing: looks at everything. What came and went meanwhile is lost.
    fn look_again(&mut self) -> anyhow::Result<()> {
        self.lost(Loss::Overflow, &(-1, OsString::new()))?;
        let known: Vec<Key> = self.files.keys().cloned().collect();
        for key in known {
            if let Some(held) = self.let_go(&key) {
                self.gone(held, self.path(&key), false)?;
            }
        }
        let folders: Vec<i32> = self.folders.keys().copied().collect();
        for wd in folders {
            let Some(f) = self.folders.get(&wd) else { continue };
            let Ok(entries) = rustix::fs::Dir::read_from(&f.handle) else { continue };
            let names: Vec<OsString> = entries.flatten().map(|e| OsString::from_vec(e.file_name().to_bytes().to_vec())).collect();
            for n in names.into_iter().filter(|n| n != "." && n != "..") {
                let key = (wd, n);
                if !self.files.contains_key(&key) && !self.below.contains_key(&key) {
                    self.take(key, true)?;
                }
            }
        }
        Ok(())
    }
}

fn born(folder: &Folder) -> Option<SystemTime> {
    File::from(folder.handle.try_clone().ok()?).metadata().ok()?.created().ok()
}

/// Whether names in a folder changed after the newest that is in it came, and after it came itself: something was removed.
fn was_changed(folder: &File, newest: Option<SystemTime>) -> bool {
    let Ok(meta) = folder.metadata() else { return true };
    // Where the file system does not know when something was made, nothing can be said, and that is a loss.
    let (Ok(made), Ok(changed)) = (meta.created(), meta.modified()) else { return true };
    changed > newest.map_or(made, |n| n.max(made)) + TICK
}
