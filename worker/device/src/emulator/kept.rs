//! What the app deletes or writes over, as a program of ours in the guest keeps it (`stakeout-keeper`).
//!
//! It is started as root after the app was installed and before it is opened, and again after each restart of the guest. Its list is
//! read at each poll. What it could not keep makes `stored` unknown, and nothing else.

use std::{collections::BTreeMap, path::Path};

use stakeout_contract::{
    Kind, Nanos, Rung,
    observation::{Fact, Source},
};
use stakeout_keeper::{Entry, KEPT, LIST, Loss, STOP, What};
use stakeout_links::guest::{Guest as _, quote};
use stakeout_protocol::Problem;
use tokio::time::{Duration, Instant};

use super::{
    clock::{SharedClock, lock},
    phone::{FOLDER, Phone, first_line, problem},
    watch::Told,
};
use crate::core::window::monotonic_nanos;

/// Its name in the guest, which is the process's too.
const NAME: &str = "stakeout-keeper";
/// Its folder in the guest.
const OUT: &str = "/data/local/tmp/stakeout-kept";
/// Where the shared storage really is, and what apps call it.
const SHARED: (&str, &str) = ("/data/media/0", "/sdcard");
/// Where each app may write what was compiled of it, or anything.
pub const PROFILES: &str = "/data/misc/profiles/cur/0";
/// Bytes of the list that are read at a time.
const PIECE: usize = 4 << 20;
/// Time to start, and to end.
const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(20);
/// Bytes that are kept in all. They lie in the guest twice while its files are packed.
pub const BYTES: u64 = 256 << 20;
/// Facts that a file was written or renamed, as what matters is that it is there; and that one was deleted or replaced, of which as
/// many may be kept.
const WRITTEN: u64 = 5000;
const GONE: u64 = 12_000;

/// A keeper in a guest.
pub struct Kept {
    package: String,
    /// Bytes of the list that were read.
    read: u64,
    written: u64,
    gone: u64,
    /// When the last line was written, by the guest's uptime.
    last: u64,
    /// Losses by their kind: how many, and the first.
    lost: BTreeMap<Loss, (u64, String)>,
    /// Why not everything is kept.
    gaps: Vec<String>,
    /// It runs.
    alive: bool,
    ended: bool,
    /// What is read now is of a life of the guest that ended at this time.
    former: Option<Nanos>,
}

/// Where in a tar of the guest's root the kept files are.
pub fn folder_in_tar() -> String {
    format!("{}/{KEPT}/", OUT.trim_start_matches('/'))
}

/// Where the guest has them.
pub fn folder() -> String {
    format!("{OUT}/{KEPT}")
}

impl Kept {
    /// Starts to keep what an app of this name deletes.
    pub async fn start(phone: &Phone, program: &Path, package: &str) -> Result<Self, Problem> {
        let mut bytes =
            tokio::fs::File::open(program).await.map_err(|e| Problem::new("failed", format!("`{}`: {e}", program.display())))?;
        phone.adb.push(&mut bytes, &format!("{FOLDER}/{NAME}"), 0o700, phone.within).await.map_err(problem)?;
        phone.run(&format!("rm -rf {OUT}")).await?;
        let kept = Self {
            package: package.to_owned(),
            read: 0,
            written: 0,
            gone: 0,
            last: 0,
            lost: BTreeMap::new(),
            gaps: Vec::new(),
            alive: true,
            ended: false,
            former: None,
        };
        kept.launch(phone).await?;
        Ok(kept)
    }

    async fn launch(&self, phone: &Phone) -> Result<(), Problem> {
        // More room than the kernel gives by itself: what does not fit is lost. A guest that refuses has less.
        for (name, value) in [("max_queued_events", "1048576"), ("max_user_watches", "262144")] {
            phone.run(&format!("echo {value} > /proc/sys/fs/inotify/{name}")).await?;
        }
        let own = ["/data/data", "/data/user_de/0"].map(|f| quote(&format!("{f}/{}", self.package)));
        // Other names of storage that an app has without any permission, where the guest has them so.
        let also = format!("--also /data/media/obb --also {}", quote(&format!("{PROFILES}/{}", self.package)));
        let command = format!("{FOLDER}/{NAME} --out {OUT} --detach --all-bytes {BYTES} {also} {} {} {}", own[0], own[1], SHARED.0);
        let done = phone.run_long(&command, 1 << 16, START).await?;
        if done.failed() {
            return Err(Problem::new("failed", first_line(&done)));
        }
        Ok(())
    }

    /// What is new in its list, and whether it still runs.
    pub async fn poll(&mut self, phone: &Phone, clock: &SharedClock) -> Result<Vec<Told>, Problem> {
        let told = self.read(phone, clock).await?.0;
        if self.alive && phone.run(&format!("pidof {NAME}")).await?.failed() {
            self.alive = false;
            self.gaps.push("what keeps deleted files has ended before its time".to_owned());
        }
        Ok(told)
    }

    /// The next piece of its list, and whether there is more.
    async fn read(&mut self, phone: &Phone, clock: &SharedClock) -> Result<(Vec<Told>, bool), Problem> {
        let mut told = Vec::new();
        let done = phone.run_long(&format!("tail -c +{} {OUT}/{LIST}", self.read + 1), PIECE, phone.within).await?;
        let whole = done.stdout.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        for line in done.stdout[..whole].split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            self.line(line, clock, &mut told);
        }
        self.read += whole as u64;
        Ok((told, done.truncated && whole > 0))
    }

    fn line(&mut self, line: &[u8], clock: &SharedClock, told: &mut Vec<Told>) {
        let Ok(Entry { at, what }) = serde_json::from_slice(line) else {
            let lost = self.lost.entry(Loss::Unreadable).or_default();
            *lost = (lost.0 + 1, OUT.to_owned());
            return;
        };
        // A clock that goes back is another life's, also where the line that says so is lost.
        if at < std::mem::replace(&mut self.last, at) {
            self.former = None;
        }
        let at = {
            let mut clock = lock(clock);
            let now = clock.now(monotonic_nanos());
            self.former.unwrap_or_else(|| clock.of_up(at).unwrap_or(now).min(now))
        };
        let shown = |path: String| match path.strip_prefix(SHARED.0) {
            Some(rest) => format!("{}{rest}", SHARED.1),
            None => path,
        };
        let file = |path, change: &str, bytes, to| Fact::File { path: shown(path), change: change.to_owned(), bytes, to };
        let fact = match what {
            What::Watching { .. } => {
                self.former = None;
                return;
            }
            What::Ended { unlisted } => {
                self.ended = true;
                if unlisted > 0 {
                    self.gaps.push(format!("{unlisted} changes of files did not fit into the list"));
                }
                return;
            }
            What::Lost { why, path } => {
                let lost = self.lost.entry(why).or_insert_with(|| (0, shown(path)));
                lost.0 += 1;
                return;
            }
            What::Written { .. } | What::Renamed { .. } if self.written >= WRITTEN => return,
            What::Written { path, bytes } => {
                self.written += 1;
                file(path, "written", Some(bytes), None)
            }
            What::Renamed { path, to } => {
                self.written += 1;
                file(path, "renamed", None, Some(shown(to)))
            }
            What::Deleted { .. } | What::Replaced { .. } if self.gone >= GONE => {
                let lost = self.lost.entry(Loss::Full).or_insert_with(|| (0, OUT.to_owned()));
                lost.0 += 1;
                return;
            }
            What::Deleted { path, bytes, kept } => file(path, "deleted", Some(bytes), kept.map(|k| format!("deleted/{k}"))),
            What::Replaced { path, bytes, kept } => file(path, "replaced", Some(bytes), kept.map(|k| format!("deleted/{k}"))),
        };
        if matches!(&fact, Fact::File { change, .. } if change == "deleted" || change == "replaced") {
            self.gone += 1;
        }
        told.push((at, Source::Device, fact));
    }

    /// The guest has restarted: goes on, if it can. What was written down before is of this time at the latest.
    pub async fn again(&mut self, phone: &Phone, now: Nanos) -> Result<(), Problem> {
        self.former = Some(now);
        self.gaps.push("files that were deleted between a restart of the phone and the end of its boot are not kept".to_owned());
        if self.alive
            && let Err(e) = self.launch(phone).await
        {
            self.alive = false;
            self.gaps.push(format!("files that were deleted after a restart of the phone are not kept: {}", e.message));
        }
        Ok(())
    }

    /// Ends it, and reads the rest of its list. What was not kept is told, once for each reason.
    pub async fn end(&mut self, phone: &Phone, clock: &SharedClock) -> Result<Vec<Told>, Problem> {
        let mut told = Vec::new();
        if std::mem::take(&mut self.alive) {
            phone.say(&format!("touch {OUT}/{STOP}")).await?;
            let until = Instant::now() + END;
            loop {
                let (new, more) = self.read(phone, clock).await?;
                told.extend(new);
                if self.ended {
                    break;
                }
                if more {
                    continue;
                }
                if Instant::now() >= until {
                    self.gaps.push("what keeps deleted files did not end in time".to_owned());
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let now = lock(clock).now(monotonic_nanos());
        told.extend(self.not_kept().into_iter().map(|f| (now, Source::Device, f)));
        Ok(told)
    }

    fn not_kept(&mut self) -> Vec<Fact> {
        let lost = std::mem::take(&mut self.lost).into_iter().map(|(why, (count, first))| {
            let first: String = first.chars().take(200).collect();
            format!("{count} deleted or overwritten files were not kept ({}), first `{first}`", word(why))
        });
        std::mem::take(&mut self.gaps).into_iter().chain(lost).map(not_watched).collect()
    }
}

/// That what the app deleted is not kept, and why.
pub fn not_watched(what: String) -> Fact {
    Fact::NotWatched { kinds: Kind::ALL.to_vec(), rung: Rung::Stored, what, settled_by: "the `jvm` device".to_owned() }
}

const fn word(why: Loss) -> &'static str {
    match why {
        Loss::TooQuick => "too quick",
        Loss::NewFolder => "removed from a folder that was new",
        Loss::TooLarge => "too large",
        Loss::Full => "no room left for more",
        Loss::TooMany => "too many files",
        Loss::Unwatched => "a folder that is not there, or too many of them",
        Loss::Overflow => "too many changes at a time",
        Loss::Behind => "the app was quicker than what keeps them",
        Loss::Unreadable => "unreadable",
    }
}
