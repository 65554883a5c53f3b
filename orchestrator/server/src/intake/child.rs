//! Strangers' apps are read in a child process, which may use little and write nothing.
//!
//! The libraries that read binary manifests and resource tables nest, follow and copy as the file says: an APK of some KiB
//! overflows their stack, runs in a circle or becomes 20 GB. No look at it beforehand says so. What it brings down is therefore a
//! process of its own: our program again (`stakeout intake`), which bounds its memory, its time and its files before it opens
//! anything, without the server's environment, and gives one document on its standard output. Whatever happens to it is an answer
//! about the app. There are few at once, as each may take its bound.
//!
//! Read first: [`Intake`], then [`answer`], which is the child's half.

use std::{
    io,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use stakeout_confine::Reach;
use stakeout_contract::trial::AppFacts;
use tokio::{io::AsyncReadExt, process::Command, sync::Semaphore};

use super::{IntakeError, bad};

/// Children of a process at once.
const AT_ONCE: usize = 2;
/// Address space of a child, bytes. The largest published apps, whose tables have some tens of MiB, take a few hundred MiB.
const MEMORY_MAX: u64 = 1024 << 20;
/// Seconds of a processor: digests of the largest app take some.
const CPU_SECONDS: u64 = 20;
/// Files that a child has open at once.
const FILES_MAX: u64 = 64;
/// How long a child may take, on a disk that is slow.
const DEADLINE: Duration = Duration::from_secs(60);
/// Bytes of a child's answer: facts of an app are fewer than [`super::FACTS_MAX`].
const ANSWER_MAX: u64 = 1 << 20;

/// What is asked of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question {
    /// What app a base and its splits are: [`AppFacts`].
    App,
    /// Which of several files is the base: its place.
    Base,
}

impl Question {
    /// As a child's argument.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Base => "base",
        }
    }
}

impl std::str::FromStr for Question {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        [Self::App, Self::Base].into_iter().find(|q| q.as_str() == s).ok_or_else(|| "it is `app` or `base`".to_owned())
    }
}

/// What a child says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said<T> {
    /// The answer.
    Is(T),
    /// [`IntakeError::NotUsable`].
    Refused { path: String, what: String, hint: String },
    /// [`IntakeError::Unreadable`].
    Unreadable { path: String, code: Option<i32>, why: String },
}

impl<T> Said<T> {
    fn of(r: Result<T, IntakeError>) -> Self {
        match r {
            Ok(v) => Self::Is(v),
            Err(IntakeError::NotUsable { path, what, hint }) => Self::Refused { path, what, hint: hint.into_owned() },
            Err(IntakeError::Unreadable { path, source }) => {
                Self::Unreadable { path, code: source.raw_os_error(), why: source.to_string() }
            }
            // Only files were asked about.
            Err(e) => Self::Unreadable { path: String::new(), code: None, why: e.to_string() },
        }
    }

    fn result(self) -> Result<T, IntakeError> {
        match self {
            Self::Is(v) => Ok(v),
            Self::Refused { path, what, hint } => Err(IntakeError::NotUsable { path, what, hint: hint.into() }),
            Self::Unreadable { path, code, why } => {
                let source = code.map_or_else(|| io::Error::other(why), io::Error::from_raw_os_error);
                Err(IntakeError::Unreadable { path, source })
            }
        }
    }
}

/// The child's half: bounds this process, which is good for nothing else afterwards, reads the files and gives the document for
/// standard output.
pub fn answer(question: Question, files: &[PathBuf]) -> io::Result<Vec<u8>> {
    bound()?;
    // What the libraries' faults may give is this process: it has the server's user, and is to reach none of the server's files.
    stakeout_confine::here(&reach(files));
    let said = match question {
        Question::App => {
            let (apk, splits) = files.split_first().ok_or_else(|| io::Error::other("there is no file"))?;
            serde_json::to_vec(&Said::of(super::app(apk, splits)))
        }
        Question::Base => serde_json::to_vec(&Said::of(super::base_of(files))),
    };
    Ok(said?)
}

fn reach(files: &[PathBuf]) -> Reach {
    Reach { reads: files.to_vec(), ..Reach::default() }
}

fn bound() -> io::Result<()> {
    // Should the host run out of memory, this goes and not the server.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let most = |what, current: u64, maximum: u64| {
        // What was bounded more already cannot be raised.
        let there = getrlimit(what).maximum.unwrap_or(u64::MAX);
        setrlimit(what, Rlimit { current: Some(current.min(there)), maximum: Some(maximum.min(there)) })
    };
    most(Resource::As, MEMORY_MAX, MEMORY_MAX)?;
    most(Resource::Nofile, FILES_MAX, FILES_MAX)?;
    most(Resource::Core, 0, 0)?;
    most(Resource::Fsize, 0, 0)?;
    // Past the first it is told by a signal of its own, past the second killed.
    most(Resource::Cpu, CPU_SECONDS, CPU_SECONDS + 1)?;
    Ok(())
}

#[derive(Clone, Debug)]
enum How {
    Here,
    Child(PathBuf),
}

/// Reads apps.
#[derive(Clone, Debug)]
pub struct Intake {
    how: How,
    places: Arc<Semaphore>,
    deadline: Duration,
}

impl Intake {
    fn new(how: How) -> Self {
        Self { how, places: Arc::new(Semaphore::new(AT_ONCE)), deadline: DEADLINE }
    }

    /// In this process, which an app can bring down: for tests.
    pub fn here() -> Self {
        Self::new(How::Here)
    }

    /// In children of a program that answers `intake app|base APK ..` by [`answer`].
    pub fn by(program: impl Into<PathBuf>) -> Self {
        Self::new(How::Child(program.into()))
    }

    /// What app a base and its splits are; refuses what is none.
    pub async fn app(&self, apk: &Path, splits: &[PathBuf]) -> Result<AppFacts, IntakeError> {
        let files: Vec<PathBuf> = std::iter::once(apk.to_owned()).chain(splits.iter().cloned()).collect();
        self.ask(Question::App, files, |files| super::app(&files[0], &files[1..])).await
    }

    /// Which of several files is the base, by what their manifests say; the others are its splits. One alone is looked at by
    /// [`Intake::app`].
    pub(crate) async fn base_of(&self, files: &[PathBuf]) -> Result<usize, IntakeError> {
        if files.len() < 2 {
            return Ok(0);
        }
        self.ask(Question::Base, files.to_vec(), super::base_of).await
    }

    async fn ask<T: DeserializeOwned + Send + 'static>(
        &self,
        question: Question,
        files: Vec<PathBuf>,
        here: impl FnOnce(&[PathBuf]) -> Result<T, IntakeError> + Send + 'static,
    ) -> Result<T, IntakeError> {
        // It is never closed.
        let _place = self.places.acquire().await;
        let first = files.first().cloned().unwrap_or_default();
        let unreadable = |source| IntakeError::Unreadable { path: first.display().to_string(), source };
        let program = match &self.how {
            How::Child(program) => program,
            // Reading a stranger's archive takes its time, and no other request's.
            How::Here => return tokio::task::spawn_blocking(move || here(&files)).await.map_err(|e| unreadable(io::Error::other(e)))?,
        };
        let out = self.run(program, question, &files).await.map_err(unreadable)?;
        let died = |why: String| {
            let hint = "no app is built so: it harms whoever reads it; compare its digest with the source's";
            bad(&first, format!("could not be read: {why}"), hint)
        };
        let out = out.map_err(|why| {
            tracing::warn!(app = %first.display(), why, "an app brought its reader down");
            died(why)
        })?;
        serde_json::from_slice::<Said<T>>(&out).map_err(|_| died("its reader gave no answer".to_owned()))?.result()
    }

    /// Runs a child to its end: its answer, or why there is none.
    async fn run(&self, program: &Path, question: Question, files: &[PathBuf]) -> io::Result<Result<Vec<u8>, String>> {
        let mut child = Command::new(program)
            .arg0("stakeout")
            .args(["intake", question.as_str(), "--"])
            .args(files)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut out = Vec::new();
        let pipe = child.stdout.take();
        let ended = tokio::time::timeout(self.deadline, async {
            if let Some(pipe) = pipe {
                pipe.take(ANSWER_MAX + 1).read_to_end(&mut out).await?;
            }
            if out.len() as u64 > ANSWER_MAX { Ok(None) } else { child.wait().await.map(Some) }
        });
        let why = match ended.await {
            Ok(Ok(Some(status))) => match why(status) {
                None => return Ok(Ok(out)),
                Some(why) => why,
            },
            Ok(Ok(None)) => format!("its reader said more than {} KiB", ANSWER_MAX >> 10),
            Ok(Err(e)) => return Err(e),
            Err(_) => format!("it took longer than {} s", self.deadline.as_secs()),
        };
        // What still runs has no more to say.
        child.kill().await.ok();
        Ok(Err(why))
    }
}

/// Why a child that ended gave no answer.
fn why(status: ExitStatus) -> Option<String> {
    let xcpu = rustix::process::Signal::XCPU.as_raw();
    match (status.success(), status.signal()) {
        (true, _) => None,
        (_, Some(n)) if n == xcpu => Some(format!("it took more than {CPU_SECONDS} s of a processor")),
        (_, Some(n)) => Some(format!("its reader took more than {} MiB, or nested deeper than its stack (signal {n})", MEMORY_MAX >> 20)),
        (_, None) => Some(format!("its reader failed (exit code {})", status.code().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    /// A program in the child's place.
    fn script(dir: &Path, text: &str) -> PathBuf {
        let path = dir.join("child");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    async fn said(dir: &Path, text: &str, deadline: Duration) -> String {
        let intake = Intake { deadline, ..Intake::by(script(dir, text)) };
        match intake.base_of(&["a.apk".into(), "b.apk".into()]).await {
            Ok(n) => n.to_string(),
            Err(e) => e.to_string(),
        }
    }

    #[tokio::test]
    async fn whatever_happens_to_a_child_is_an_answer_about_the_app() {
        let dir = tempfile::tempdir().unwrap();
        let minute = Duration::from_secs(60);
        let is = async |text: &str| said(dir.path(), text, minute).await;
        assert_eq!(is(r#"echo '{"is":1}'"#).await, "1");
        for (text, why) in [
            ("kill -ABRT $$", "nested deeper than its stack (signal 6)"),
            ("kill -KILL $$", "more than 1024 MiB"),
            ("kill -XCPU $$", "more than 20 s of a processor"),
            ("exit 101", "its reader failed (exit code 101)"),
            ("echo '{\"is\":'", "its reader gave no answer"),
            ("exec cat /dev/zero", "its reader said more than 1024 KiB"),
        ] {
            let e = is(text).await;
            assert!(e.starts_with("`a.apk` could not be read: ") && e.contains(why) && e.contains("\nhint: "), "{text}: {e}");
        }
        let e = said(dir.path(), "exec sleep 1000", Duration::from_secs(1)).await;
        assert!(e.contains("could not be read: it took longer than 1 s"), "{e}");
    }

    #[tokio::test]
    async fn a_refusal_of_a_child_is_the_same_as_one_of_this_process() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.apk");
        fs::write(&file, "no zip").unwrap();
        for path in [file, dir.path().join("none.apk")] {
            let here = super::super::app(&path, &[]).unwrap_err();
            let told = serde_json::to_vec(&Said::<AppFacts>::of(Err(here))).unwrap();
            let again = serde_json::from_slice::<Said<AppFacts>>(&told).unwrap().result().unwrap_err();
            assert_eq!(again.to_string(), super::super::app(&path, &[]).unwrap_err().to_string());
        }
    }

    #[tokio::test]
    async fn a_child_has_nothing_of_its_parents_environment() {
        let dir = tempfile::tempdir().unwrap();
        // The shell makes some of its own.
        let text = "[ -z \"$HOME$CARGO_MANIFEST_DIR$NEXTEST\" ] && echo '{\"is\":0}'";
        assert_eq!(said(dir.path(), text, Duration::from_secs(60)).await, "0");
    }

    /// A thread that is confined cannot be let go, so it is one of its own.
    #[test]
    fn a_child_reads_no_file_but_the_app() {
        let dir = tempfile::tempdir().unwrap();
        let (app, key) = (dir.path().join("a.apk"), dir.path().join("operator.pem"));
        fs::write(&app, "no zip").unwrap();
        fs::write(&key, "a key").unwrap();
        let free = super::super::app(&app, &[]).unwrap_err().to_string();
        std::thread::spawn(move || {
            stakeout_confine::here(&reach(std::slice::from_ref(&app)));
            let held = stakeout_confine::held() != stakeout_confine::Held::Nothing;
            assert_eq!(fs::read(&key).is_err(), held);
            assert_eq!(super::super::app(&app, &[]).unwrap_err().to_string(), free, "the app itself is read as ever");
        })
        .join()
        .unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_six_apps_at_once_two_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let (at, go) = (dir.path().display(), dir.path().join("go"));
        fs::create_dir(dir.path().join("run")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&go).status().unwrap().success());
        let text = format!("mkdir {at}/run/$$; ls {at}/run | wc -l >> {at}/seen; read x < {at}/go; rmdir {at}/run/$$; echo '{{\"is\":0}}'");
        let intake = Intake::by(script(dir.path(), &text));
        let ask = |_| {
            let intake = intake.clone();
            tokio::spawn(async move { intake.base_of(&["a".into(), "b".into()]).await })
        };
        let all: Vec<_> = (0..6).map(ask).collect();
        while fs::read_dir(dir.path().join("run")).unwrap().count() < AT_ONCE {
            tokio::task::yield_now().await;
        }
        // Open for both, so that neither waits for the other.
        let mut pipe = fs::File::options().read(true).write(true).open(&go).unwrap();
        io::Write::write_all(&mut pipe, b"\n\n\n\n\n\n").unwrap();
        for one in all {
            assert_eq!(one.await.unwrap().unwrap(), 0);
        }
        let seen: Vec<usize> = fs::read_to_string(dir.path().join("seen")).unwrap().lines().map(|l| l.trim().parse().unwrap()).collect();
        assert!(seen.len() == 6 && seen.iter().all(|n| *n <= AT_ONCE), "{seen:?}");
    }
}
