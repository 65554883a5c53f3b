//! What the end-to-end tests share: the program as its user calls it, and questions to its answers.
//!
//! The tests know the program's command line, its exit codes and the documents that it writes, and nothing of its insides.
//! They need root, the images and the sample apps (`make images apps`); `make test-e2e` prepares all of it.
//!
//! Read first: [`Stakeout`], [`Answers`].
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]
#![allow(clippy::missing_panics_doc, reason = "tests panic where something is not as it must be")]

pub mod browser;
pub mod server;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use stakeout_bundle::Bundle;
use stakeout_contract::{
    Answer, DeviceState, Kind, Rung,
    observation::Observation,
    result::{JobResult, Verdict},
    trial::TrialRecord,
};

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Where builds are.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

/// A built program.
pub fn program(name: &str) -> PathBuf {
    let p = target().join("x86_64-unknown-linux-gnu/release").join(name);
    assert!(p.is_file(), "{} is missing: run `make images apps` first", p.display());
    p
}

/// A sample app.
pub fn app(name: &str) -> PathBuf {
    let p = target().join("apps").join(format!("{name}.apk"));
    assert!(p.is_file(), "{} is missing: run `tests/apps/build.sh target/apps` first", p.display());
    p
}

/// A sample scenario.
pub fn scenario(name: &str) -> PathBuf {
    target().join("apps/scenarios").join(format!("{name}.yaml"))
}

/// What the builder says that an app truly does.
pub fn truth(name: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(target().join("apps").join(format!("{name}.truth.json"))).unwrap()).unwrap()
}

/// The program with folders of its own.
pub struct Stakeout {
    /// Everything of this test.
    pub dir: tempfile::TempDir,
}

impl Default for Stakeout {
    fn default() -> Self {
        Self::new()
    }
}

impl Stakeout {
    /// With an empty data folder. The cache is shared, as converting an app is slow and of no interest to most tests.
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// Where results go.
    pub fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// The page that a run left.
    pub fn page(&self) -> String {
        std::fs::read_to_string(self.out().join("report.html")).unwrap()
    }

    /// The bundle that a run left.
    pub fn bundle(&self) -> Bundle {
        Bundle::open(&self.out().join("bundle.zip")).unwrap()
    }

    /// The command, not yet started.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Command {
        let mut c = Command::new(program("stakeout"));
        c.args(args)
            .env("STAKEOUT_DATA", self.dir.path().join("data"))
            .env("STAKEOUT_CACHE", target().join("e2e-cache"))
            .env_remove("STAKEOUT_SCENARIOS")
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        c
    }

    /// Runs it to its end.
    pub fn call<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Output {
        self.command(args).output().unwrap()
    }

    /// `stakeout run`, with results in [`Stakeout::out`].
    pub fn run(&self, app: &Path, scenario: &Path, more: &[&str]) -> Answers {
        let mut args = vec!["run".to_owned(), text(app), "--scenario".to_owned(), text(scenario), "--out".to_owned(), text(&self.out())];
        args.extend(more.iter().map(|s| (*s).to_owned()));
        let output = self.call(&args);
        Answers::read(&self.out(), output)
    }

    /// Starts it and gives the process.
    pub fn start<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// How many recovered pictures a page has, and how many of them are shown beside the frame that was fed, both as JPEG.
pub fn pairs(page: &str) -> (usize, usize) {
    let figures = page.split("<figure><div class=\"two\">").skip(1).map(|f| f.split("</figure>").next().unwrap_or_default());
    let whole = |f: &str| {
        let both = f.contains("<img alt=\"Recovered: ") && f.contains("<img alt=\"Fed: ");
        both && f.matches("src=\"data:image/jpeg;base64,/9j/").count() == 2
    };
    figures.fold((0, 0), |(all, shown), f| (all + 1, shown + usize::from(whole(f))))
}

/// What one trial's record of facts holds.
pub fn observations(bundle: &Bundle, trial: u32) -> Vec<Observation> {
    let lines = String::from_utf8(bundle.read(&format!("trials/{trial}/observations.jsonl")).unwrap()).unwrap();
    lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// What one trial was.
pub fn record(bundle: &Bundle, trial: u32) -> TrialRecord {
    bundle.json(&format!("trials/{trial}/trial.json")).unwrap()
}

/// A path as an argument.
pub fn text(p: &Path) -> String {
    p.to_str().unwrap().to_owned()
}

/// Standard error as text.
pub fn stderr(o: &Output) -> String {
    String::from_utf8_lossy(&o.stderr).into_owned()
}

/// What a run answered.
pub struct Answers {
    /// Exit code.
    pub code: i32,
    /// What it said.
    pub stderr: String,
    /// The document.
    pub result: JobResult,
}

impl Answers {
    /// What a run left here and said.
    pub fn read(out: &Path, o: Output) -> Self {
        let said = stderr(&o);
        let result = std::fs::read(out.join("result.json")).unwrap_or_else(|e| panic!("no result ({e}): {said}"));
        Self { code: o.status.code().unwrap_or(-1), stderr: said, result: serde_json::from_slice(&result).unwrap() }
    }

    /// A claim's row.
    pub fn row(&self, kind: Kind, rung: Rung, state: DeviceState) -> &Verdict {
        self.result.verdicts.iter().find(|v| v.kind == kind && v.rung == rung && v.device_state == state).unwrap()
    }

    /// A claim's answer.
    pub fn answer(&self, kind: Kind, rung: Rung, state: DeviceState) -> Answer {
        self.row(kind, rung, state).verdict
    }

    /// Asserts an answer, and shows what there is if it is another.
    pub fn is(&self, kind: Kind, rung: Rung, state: DeviceState, wanted: Answer) {
        let v = self.row(kind, rung, state);
        assert_eq!(v.verdict, wanted, "{kind} {rung} in {state}: {v:#?}\ntrials: {:#?}\n{}", self.result.trials, self.stderr);
    }

    /// Asserts that nothing is said to be absent, of no kind, state or rung, but what the manifest does not name: for apps that hide,
    /// crash or cannot be run here.
    pub fn never_clean(&self) {
        let clean: Vec<_> = self
            .result
            .verdicts
            .iter()
            .chain(&self.result.sending)
            .filter(|v| v.verdict == Answer::NotObserved && v.rung != Rung::Declared)
            .map(|v| (v.kind, v.rung, v.device_state))
            .collect();
        assert!(clean.is_empty(), "said to be absent: {clean:?}\n{:#?}", self.result.trials);
        assert_ne!(self.code, 0, "{}", self.stderr);
    }

    /// Codes of the reasons of a row.
    pub fn codes(&self, kind: Kind, rung: Rung, state: DeviceState) -> Vec<String> {
        self.row(kind, rung, state).reasons.iter().map(|r| r.code.clone()).collect()
    }

    /// Whether any row has this reason.
    pub fn says(&self, code: &str) -> bool {
        self.result.verdicts.iter().any(|v| v.reasons.iter().any(|r| r.code == code))
    }
}

/// Containers and networks whose maker lives no more: they were left behind. What other runs on this machine use at the same
/// time is theirs.
pub fn left_on_the_engine() -> Vec<String> {
    let list = |args: &[&str]| {
        let o = Command::new("docker").args(args).args(["--filter", "label=org.stakeout.cell"]).output().unwrap();
        assert!(o.status.success(), "{}", stderr(&o));
        String::from_utf8_lossy(&o.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut all = list(&["ps", "-a", "--format", "{{.Label \"org.stakeout.cell\"}} {{.ID}} {{.Image}} {{.Status}}"]);
    all.extend(list(&["network", "ls", "--format", "{{.Label \"org.stakeout.cell\"}} {{.ID}}"]));
    all.retain(|line| !lives(line.split(' ').next().unwrap_or_default()));
    all
}

/// Whether the owner `BOOT/NAMESPACE/PID/START` is a process that runs.
fn lives(owner: &str) -> bool {
    let mut parts = owner.split('/').skip(2);
    let (Some(pid), Some(start)) = (parts.next(), parts.next()) else { return false };
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let mut fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    !matches!(fields.next(), None | Some("" | "Z" | "X")) && fields.nth(18) == Some(start)
}

/// Folders of runs and of their workers whose process lives no more.
pub fn left_in_the_cache() -> Vec<PathBuf> {
    let folders = ["runs", "worker/trials"].map(|f| std::fs::read_dir(target().join("e2e-cache").join(f)));
    let abandoned = |p: &PathBuf| std::fs::File::open(p.join("lock")).is_ok_and(|f| f.try_lock().is_ok());
    folders.into_iter().flatten().flatten().flatten().map(|e| e.path()).filter(abandoned).collect()
}
