//! A program of the device's own that runs in the guest, `stakeout-keeper`: for real, on a folder that mirrors the guest's files.
//!
//! It is run as it was pushed. What it writes is the guest's again, with its dates moved to the guest's clock.

use std::{
    fs::{self, File as RealFile},
    io::{Read, Write},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use stakeout_keeper::{Entry, KEPT, LIST, What};

use crate::{faults::Fault, guest::File, shell::Done, world::World};

/// Its name, which is its process's too.
pub const NAME: &str = "stakeout-keeper";

/// What the guest has of it.
#[derive(Debug, Default)]
pub struct Keeper(Mutex<Option<Run>>);

#[derive(Debug)]
struct Run {
    /// The guest's root.
    root: PathBuf,
    /// The keeper's folder in the guest.
    out: String,
    /// None between two lives of the guest.
    child: Option<Child>,
    /// Bytes of its list that the guest has.
    listed: u64,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.end();
        let _ = fs::remove_dir_all(&self.root);
    }
}

impl Run {
    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn real(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn lives(&self) -> usize {
        let text = fs::read_to_string(self.real(&self.out).join(LIST)).unwrap_or_default();
        text.lines().filter_map(|l| serde_json::from_str::<Entry>(l).ok()).filter(|e| matches!(e.what, What::Watching { .. })).count()
    }
}

/// A folder of our own.
fn folder() -> std::io::Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("fake-guest-{}", std::process::id()));
    fs::create_dir(&path)?;
    Ok(path)
}

/// A path of the guest where it really is: shared storage has two names.
fn real_name(path: &str) -> String {
    path.strip_prefix("/sdcard/").map_or_else(|| path.to_owned(), |rest| format!("/data/media/0/{rest}"))
}

fn write(path: &Path, bytes: &[u8]) {
    let done = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, bytes));
    if let Err(e) = done {
        eprintln!("stand-in: `{}` cannot be written: {e}", path.display());
    }
}

impl Keeper {
    fn with<T>(&self, work: impl FnOnce(&mut Option<Run>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs the program that was pushed to `path`.
    pub fn start(&self, world: &World, path: &str, rest: &[&str]) -> Done {
        let (program, files) = {
            let phone = world.phone();
            let Some(program) = phone.files.get(path).map(|f| f.bytes.clone()) else {
                return Done::failed(127, format!("/system/bin/sh: {path}: inaccessible or not found"));
            };
            let files: Vec<(String, Vec<u8>)> = phone
                .files
                .iter()
                .filter(|(_, f)| f.mode & 0o170_000 == 0o100_000)
                .filter(|(p, _)| ["/data/data/", "/data/user_de/", "/sdcard/"].iter().any(|f| p.starts_with(f)))
                .map(|(p, f)| (p.clone(), f.bytes.clone()))
                .collect();
            (program, files)
        };
        let Some(out) = rest.iter().position(|w| *w == "--out").and_then(|at| rest.get(at + 1)) else {
            return Done::failed(2, "the stand-in wants --out");
        };
        if world.faults.has(Fault::KeeperRefused) {
            return Done::failed(126, format!("/system/bin/sh: {path}: not executable: 64-bit ELF file"));
        }
        self.with(|run| {
            if run.is_none() {
                let root = match folder() {
                    Ok(root) => root,
                    Err(e) => return Done::failed(1, e.to_string()),
                };
                *run = Some(Run { root, out: (*out).to_owned(), child: None, listed: 0 });
            }
            let Some(run) = run else { return Done::default() };
            run.end();
            for (path, bytes) in files {
                write(&run.real(&real_name(&path)), &bytes);
            }
            // The packages' folders are there before the packages' files, and on a phone that was used once so are these.
            for folder in rest.iter().filter(|w| w.starts_with("/data/") && *w != out) {
                let _ = fs::create_dir_all(run.real(folder).join(if folder.starts_with("/data/data/") { "files" } else { "Download" }));
            }
            match launch(run, &program, rest) {
                Ok(()) => Done::default(),
                Err(why) => Done::failed(1, why),
            }
        })
    }

    /// An app, or somebody at the shell, wrote a file, or removed it.
    pub fn changed(&self, path: &str, bytes: Option<&[u8]>) {
        self.with(|run| {
            let Some(run) = run else { return };
            let real = run.real(&real_name(path));
            match bytes {
                Some(bytes) => write(&real, bytes),
                None => drop(fs::remove_file(real)),
            }
        });
    }

    /// Whether it runs.
    pub fn process(&self) -> Option<u32> {
        self.with(|run| {
            let child = run.as_mut()?.child.as_mut()?;
            child.try_wait().ok()?.is_none().then(|| child.id())
        })
    }

    /// The guest has ended: nothing in it runs any more.
    pub fn end(&self) {
        self.with(|run| run.iter_mut().for_each(Run::end));
    }

    /// Gives the guest what it wrote since.
    pub fn bring(&self, world: &World) {
        self.with(|run| {
            let Some(run) = run else { return };
            let folder = run.real(&run.out);
            let mut text = Vec::new();
            let _ = RealFile::open(folder.join(LIST)).and_then(|mut f| f.read_to_end(&mut text));
            let new = text.get(run.listed as usize..).unwrap_or_default();
            let whole = new.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            let mut list = Vec::new();
            for line in new[..whole].split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
                let Ok(mut entry) = serde_json::from_slice::<Entry>(line) else { continue };
                entry.at = world.uptime_of(entry.at);
                list.extend(serde_json::to_vec(&entry).unwrap_or_default());
                list.push(b'\n');
            }
            run.listed += whole as u64;
            let mut phone = world.phone();
            let path = format!("{}/{LIST}", run.out);
            phone.files.entry(path).or_insert(File { mode: 0o100_600, ..File::default() }).bytes.extend(list);
            for kept in fs::read_dir(folder.join(KEPT)).into_iter().flatten().flatten() {
                let path = format!("{}/{KEPT}/{}", run.out, kept.file_name().to_string_lossy());
                let modified = world.clock.millis() / 1000;
                let read = || File { mode: 0o100_600, bytes: fs::read(kept.path()).unwrap_or_default(), modified };
                phone.files.entry(path).or_insert_with(read);
            }
        });
    }
}

fn launch(run: &mut Run, program: &[u8], rest: &[&str]) -> Result<(), String> {
    let before = run.lives();
    // A folder that nothing may be run from does not hinder this.
    let memory = rustix::fs::memfd_create(NAME, rustix::fs::MemfdFlags::CLOEXEC).map_err(|e| e.to_string())?;
    let mut memory = RealFile::from(memory);
    memory.write_all(program).map_err(|e| e.to_string())?;
    let link = format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd());
    // Somebody who writes keeps it from being run.
    let reader = RealFile::open(&link).map_err(|e| e.to_string())?;
    drop(memory);
    let link = format!("/proc/{}/fd/{}", std::process::id(), reader.as_raw_fd());
    let mut words = Vec::new();
    let mut all = rest.iter().filter(|w| **w != "--detach");
    while let Some(word) = all.next() {
        words.push((*word).to_owned());
        if *word == "--out" {
            words.extend(all.next().map(|out| run.real(out).to_string_lossy().into_owned()));
        }
    }
    words.extend(["--root".to_owned(), run.root.to_string_lossy().into_owned()]);
    // Whatever becomes of us, nothing in the guest outlives it.
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(link)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{NAME}: {e}"))?;
    let begun = Instant::now();
    while run.lives() == before {
        if child.try_wait().is_ok_and(|s| s.is_some()) {
            let mut said = String::new();
            let _ = child.stderr.take().map(|mut e| e.read_to_string(&mut said));
            return Err(said);
        }
        if begun.elapsed() > Duration::from_secs(20) {
            let _ = child.kill();
            return Err("it does not begin".to_owned());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    run.child = Some(child);
    Ok(())
}
