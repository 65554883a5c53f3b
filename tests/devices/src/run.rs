//! Makes the cells, walks the scenes.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use stakeout_agent::{
    Images, Limits,
    keep::Keep,
    link::{CellControl, CellKind, Cells, DockerCells},
};
use stakeout_containers::{Engine, EngineError};
use stakeout_contract::DeviceKind;
use tokio::time::Instant;

use crate::{
    HostFacts,
    check::{Check, Passed, Scene, Trouble, Verdict, ensure, trouble},
    raw,
    report::{CheckReport, Outcome, Report},
    scenes,
    session::Session,
};

/// Longest text of a report's line.
const TEXT: usize = 2000;
/// Bytes of a log's end.
const LOG: usize = 8000;

/// What is to be tried, and where.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the image must say that it is.
    pub device: DeviceKind,
    /// The device's image.
    pub image: String,
    /// The gateway's image.
    pub gateway: String,
    /// A video device of the host, for an emulator's camera.
    pub video: Option<String>,
    /// The operator's folder with Frida's program.
    pub frida: Option<PathBuf>,
    /// API level to boot.
    pub api: u32,
    /// The suite's app, `conform.apk`; its split lies beside it as `conform.split`.
    pub app: PathBuf,
    /// Only these: names of scenes, or `scene.check`. What they need is run too. Empty: all.
    pub only: Vec<String>,
    /// Where the raw answers of a guest go that its device tells as `record:` lines of its log; a file a scene.
    pub record: Option<PathBuf>,
    /// Bounds of the cells.
    pub limits: Limits,
}

impl Plan {
    /// Where the app's split lies.
    pub(crate) fn split(&self) -> PathBuf {
        self.app.with_extension("split")
    }

    fn wants(&self, scene: &str, check: &str) -> bool {
        self.only.is_empty()
            || self.only.iter().any(|o| o == scene || o.strip_prefix(scene).and_then(|r| r.strip_prefix('.')) == Some(check))
    }
}

/// Why the suite did not begin.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// An image is missing, or the engine does not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The app is missing.
    #[error("the suite's app `{path}` cannot be read: {source}\nhint: `tests/apps/build.sh target/apps --only conform` builds it")]
    App {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A name is none of the suite's.
    #[error("`{0}` is no scene and no check\nhint: the names are those of the table: `order`, `life.camera_facts`")]
    Unknown(String),
    /// A folder of this host.
    #[error("a folder for what comes out of cells cannot be used")]
    Folder(#[from] std::io::Error),
}

/// All names, `scene.check`, in order.
pub fn names() -> Vec<String> {
    scenes::all().iter().flat_map(|s| s.checks.iter().map(|c| format!("{}.{}", s.name, c.name))).collect()
}

/// Walks all that the plan wants, one cell after the other. `told` hears of each check when it is done.
pub async fn run(engine: &Engine, plan: Plan, told: &mut dyn FnMut(&CheckReport)) -> Result<Report, SuiteError> {
    let known = scenes::all();
    for o in &plan.only {
        if !known.iter().any(|s| s.name == o) && !names().contains(o) {
            return Err(SuiteError::Unknown(o.chars().take(80).collect()));
        }
    }
    std::fs::File::open(&plan.app).map_err(|source| SuiteError::App { path: plan.app.clone(), source })?;
    for image in [&plan.gateway, &plan.image] {
        engine.image_id(image).await?;
    }
    let folder = tempfile::Builder::new().prefix("stakeout-conformance-").tempdir()?;
    let host = HostFacts::here(engine, &[("gateway", &plan.gateway), ("device", &plan.image)]).await;
    let images = Images {
        gateway: plan.gateway.clone(),
        devices: Vec::new(),
        analysis: String::new(),
        video: plan.video.clone(),
        frida: plan.frida.clone(),
    };
    let cells = DockerCells::new(engine.clone(), &images, plan.limits);
    let mut report = Report {
        format: Report::FORMAT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: jiff::Timestamp::now().to_string(),
        device: plan.device,
        api: plan.api,
        hello: None,
        host,
        checks: Vec::new(),
        logs: Vec::new(),
    };
    let plan = Arc::new(plan);
    let mut prepared = None;
    for scene in known {
        let wanted: Vec<bool> = scene.checks.iter().map(|c| plan.wants(scene.name, c.name)).collect();
        if !wanted.contains(&true) {
            continue;
        }
        let mut walk =
            Walk { engine, cells: &cells, folder: folder.path(), plan: &plan, report: &mut report, prepared: &mut prepared, told };
        walk.scene(&scene, &wanted).await;
    }
    Ok(report)
}

struct Walk<'a> {
    engine: &'a Engine,
    cells: &'a DockerCells,
    folder: &'a Path,
    plan: &'a Arc<Plan>,
    report: &'a mut Report,
    /// What the app's first install gave for the next.
    prepared: &'a mut Option<Vec<u8>>,
    told: &'a mut dyn FnMut(&CheckReport),
}

impl Walk<'_> {
    async fn scene(&mut self, scene: &Scene, wanted: &[bool]) {
        let failed_before = self.report.count(Outcome::Fail);
        let begin = Instant::now();
        let kind = CellKind {
            device: self.plan.device,
            image: self.plan.image.clone(),
            api: self.plan.api,
            locale: "zh-CN".to_owned(),
            live: false,
        };
        let made = tokio::time::timeout(Duration::from_secs(120), self.cells.create(&kind)).await;
        let made = match made {
            Ok(Ok(made)) => Keep::new(self.folder, self.plan.limits.kept_bytes)
                .and_then(|keep| Session::new(made.0, keep, self.plan.clone(), self.engine.walls().clone()))
                .map(|s| (s, made.1))
                .map_err(Trouble::from),
            Ok(Err(e)) => Err(trouble("a sealed cell", said(&e))),
            Err(_) => Err(trouble("a sealed cell within 120 s", "none")),
        };
        let cell = made.as_ref().map_or_else(|e| Err(trouble(&*e.expected, &*e.came)), |_| Ok(Passed::Yes));
        self.tell(scene.name, "cell", "gateway sealed, device's container up", begin, cell);
        if let Ok((mut session, control)) = made {
            session.prepared = self.prepared.take();
            self.checks(scene, wanted, &mut session).await;
            *self.prepared = session.prepared.take();
            if self.report.hello.is_none() && !session.hello.clock.is_empty() {
                self.report.hello = Some(session.hello.clone());
            }
            if self.report.count(Outcome::Fail) > failed_before {
                let log = format!("{}\n{}", session.talk.record.device_log.text(), control.post_mortem().await);
                self.report.logs.push((scene.name.to_owned(), tail(&log)));
            }
            self.keep_records(scene.name, &session);
            drop(session);
            control.destroy().await;
        }
        let begin = Instant::now();
        let left = self.left().await;
        self.tell(scene.name, "nothing_left", "after the cell neither a container nor a network of it is there", begin, left);
    }

    async fn checks(&mut self, scene: &Scene, wanted: &[bool], session: &mut Session) {
        let last = wanted.iter().rposition(|w| *w).unwrap_or(0);
        let mut blocked: Option<String> = None;
        for (i, check) in scene.checks.iter().enumerate() {
            if i > last {
                continue;
            }
            let begin = Instant::now();
            if let Some(why) = &blocked {
                self.tell(scene.name, check.name, check.says, begin, Ok(Passed::Skipped(why.clone())));
                continue;
            }
            let verdict = ask(check, session).await;
            if let Err(t) = &verdict {
                if t.over {
                    blocked = Some(format!("the cell could not be asked any more after `{}`", check.name));
                } else if check.setup {
                    blocked = Some(format!("`{}` failed", check.name));
                }
            }
            self.tell(scene.name, check.name, check.says, begin, verdict);
        }
    }

    fn tell(&mut self, scene: &str, name: &str, says: &str, begin: Instant, verdict: Verdict) {
        let (outcome, expected, came, reason) = match verdict {
            Ok(Passed::Yes) => (Outcome::Pass, String::new(), String::new(), String::new()),
            Ok(Passed::Skipped(why)) => (Outcome::Skipped, String::new(), String::new(), why),
            Err(t) => (Outcome::Fail, t.expected, t.came, String::new()),
        };
        let cut = |s: String| s.chars().take(TEXT).collect::<String>();
        let millis = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (name, says) = (format!("{scene}.{name}"), says.to_owned());
        let check = CheckReport { name, says, outcome, millis, expected: cut(expected), came: cut(came), reason: cut(reason) };
        (self.told)(&check);
        self.report.checks.push(check);
    }

    /// By our own books and, where its program is there, by the engine's.
    async fn left(&self) -> Verdict {
        let ours = self.engine.leftovers();
        ensure(ours == 0, "nothing of ours", || format!("{ours} things that were made and not removed"))?;
        let there = raw::there().await?.unwrap_or_default();
        ensure(there.is_empty(), "nothing of ours on the engine", || there.join("; "))?;
        Ok(Passed::Yes)
    }

    fn keep_records(&self, scene: &str, session: &Session) {
        let Some(dir) = &self.plan.record else { return };
        let heard = session.tap.heard();
        if heard.records.is_empty() {
            return;
        }
        let written = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(dir.join(format!("{scene}.record")), &heard.records));
        if let Err(e) = written {
            eprintln!("records of `{scene}` cannot be kept in `{}`: {e}", dir.display());
        }
    }
}

/// A check within its time.
async fn ask(check: &Check, session: &mut Session) -> Verdict {
    let within = check.within * if session.real_clock() || session.hello.clock.is_empty() { 4 } else { 1 };
    match tokio::time::timeout(within, (check.run)(session)).await {
        Ok(v) => v,
        Err(_) => Err(Trouble { expected: format!("an end within {} s", within.as_secs()), came: "it hangs".to_owned(), over: true }),
    }
}

/// An error with its causes.
fn said(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(c) = cause {
        text = format!("{text}: {c}");
        cause = c.source();
    }
    text
}

fn tail(text: &str) -> String {
    let skip = text.chars().count().saturating_sub(LOG);
    text.chars().skip(skip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_a_name_of_its_own() {
        let mut all = names();
        let n = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), n);
        assert!(n > 60, "{n}");
        for s in scenes::all() {
            assert!(s.checks.first().is_some_and(|c| c.setup), "`{}` begins with what all of it needs", s.name);
        }
    }

    #[test]
    fn a_scene_or_one_check_of_it_can_be_asked_for() {
        let only = |o: &str| Plan {
            device: DeviceKind::Jvm,
            image: String::new(),
            gateway: String::new(),
            video: None,
            frida: None,
            api: 34,
            app: PathBuf::from("a/conform.apk"),
            only: vec![o.to_owned()],
            record: None,
            limits: Limits::default(),
        };
        assert!(only("life").wants("life", "boot") && !only("life").wants("lif", "boot"));
        assert!(only("life.boot").wants("life", "boot") && !only("life.boot").wants("life", "launch"));
        assert_eq!(only("").split(), PathBuf::from("a/conform.split"));
    }
}
