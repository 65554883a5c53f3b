//! The half of a bake on the host: it watches the other half, and keeps what came of it.

use std::{future::Future, time::Duration};

use stakeout_contract::Sha256Digest;
use tokio::time::Instant;

use stakeout_protocol::bake::{OnFailure, Order, Stage, Work, snapshot_folder};

use super::{
    Bake,
    follow::{Follow, Step},
};
use crate::progress::{Event, Progress};

/// Longest time between two stages, before the first, and from the last to the container's end.
const GAP: Duration = Duration::from_secs(60);
/// Until the end of a program that failed.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Longest reason and note that is passed on, characters.
const TEXT_MAX: usize = 600;

/// Why the place where containers run could not do something.
pub type BenchError = Box<dyn std::error::Error + Send + Sync>;

/// Where bakes are run.
pub trait Bench: Sync {
    /// One container.
    type Oven: Oven;
    /// Starts the bake's program in a new container of the image, and gives it `order` as the one line of its input.
    fn start(&self, image: &str, order: &str) -> impl Future<Output = Result<Self::Oven, BenchError>> + Send;
}

/// A container in which a bake is done. Dropping it removes it too, at some time.
pub trait Oven: Send {
    /// The next line of its standard output, without its end; none: there will be no more.
    fn line(&mut self) -> impl Future<Output = Result<Option<String>, BenchError>> + Send;
    /// Its exit code, when it has ended.
    fn code(&mut self) -> impl Future<Output = Result<i64, BenchError>> + Send;
    /// The end of what it wrote for people.
    fn log(&self) -> String;
    /// Whether a path is there, in what would be kept.
    fn has(&mut self, path: &str) -> impl Future<Output = Result<bool, BenchError>> + Send;
    /// Keeps it as an image of that name, with these labels; gives the image's id.
    fn keep(&mut self, name: &str, labels: &[(String, String)]) -> impl Future<Output = Result<Sha256Digest, BenchError>> + Send;
    /// Removes it.
    fn remove(self) -> impl Future<Output = ()> + Send;
}

/// What a bake made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Baked {
    /// The image's name.
    pub name: String,
    /// Its id.
    pub id: Sha256Digest,
}

/// There is no snapshot; trials boot cold.
#[derive(Debug, thiserror::Error)]
#[error("the bake failed at the stage `{stage}`, in try {tries} of {of}")]
pub struct NotBaked {
    /// The stage in words.
    pub stage: &'static str,
    /// The try.
    pub tries: u32,
    /// Tries that the plan allows.
    pub of: u32,
    /// What happened.
    #[source]
    pub fault: Fault,
    /// The end of what the program wrote for people; hostile.
    pub log: String,
}

/// What happened.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The program says so.
    #[error("{0}")]
    Failed(String),
    /// It took too long.
    #[error("it took longer than {} s", .0.as_secs())]
    Deadline(Duration),
    /// The program ended too early, or badly.
    #[error("the program in the container ended with code {0}")]
    Ended(i64),
    /// The program is not what it should be: no other try makes it better.
    #[error("the program in the container said {0}")]
    Lie(String),
    /// The engine failed.
    #[error("{0}")]
    Bench(BenchError),
}

impl Fault {
    /// Whether another try could end otherwise.
    const fn may_pass(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Deadline(_) | Self::Ended(_))
    }
}

/// Bakes. May be dropped at any time: nothing stays but what the bench keeps.
pub async fn run(bake: &Bake, bench: &impl Bench, progress: &dyn Progress) -> Result<Baked, NotBaked> {
    let mut tries = 1;
    loop {
        let failed = match one(bake, bench, progress).await {
            Ok(id) => return Ok(Baked { name: bake.result.clone(), id }),
            Err(failed) => failed,
        };
        let stage = bake.stages.get(failed.at);
        let words = stage.map_or("the end", |s| s.work.words());
        let again = stage.is_some_and(|s| s.on_failure == OnFailure::Again) && failed.fault.may_pass();
        if !again || tries >= bake.tries {
            return Err(NotBaked { stage: words, tries, of: bake.tries, fault: failed.fault, log: failed.log });
        }
        tries += 1;
        progress.event(Event::Again { what: words, why: &failed.fault.to_string() });
    }
}

struct Failed {
    at: usize,
    fault: Fault,
    log: String,
}

/// One try.
async fn one(bake: &Bake, bench: &impl Bench, progress: &dyn Progress) -> Result<Sha256Digest, Failed> {
    let order = bake.order();
    let text = serde_json::to_string(&order).map_err(|e| Failed { at: 0, fault: Fault::Bench(e.into()), log: String::new() })?;
    let started = tokio::time::timeout(GAP, bench.start(&bake.image, &text)).await;
    let mut oven = match started {
        Ok(Ok(oven)) => oven,
        Ok(Err(e)) => return Err(Failed { at: 0, fault: Fault::Bench(e), log: String::new() }),
        Err(_) => return Err(Failed { at: 0, fault: Fault::Deadline(GAP), log: String::new() }),
    };
    let mut follow = Follow::new(order.stages.len());
    let done = match watch(&order, &mut oven, &mut follow, bake.stages.len(), progress).await {
        Ok(()) => keep(bake, &mut oven, progress).await.map_err(|fault| (bake.stages.len().saturating_sub(1), fault)),
        Err(fault) => {
            // What it says to people last comes behind what it says to us. One that has had its time has said it.
            if !matches!(fault, Fault::Deadline(_)) {
                let rest = async { while matches!(oven.line().await, Ok(Some(_))) {} };
                let _ = tokio::time::timeout(LAST_WORDS, rest).await;
            }
            Err((follow.at(), fault))
        }
    };
    let log = if done.is_err() { oven.log() } else { String::new() };
    oven.remove().await;
    done.map_err(|(at, fault)| Failed { at, fault, log })
}

/// Until all stages are done and the program has ended well.
async fn watch(order: &Order, oven: &mut impl Oven, follow: &mut Follow, of: usize, progress: &dyn Progress) -> Result<(), Fault> {
    // Of the stage, not of the line: notes buy no time.
    let (mut limit, mut until) = (GAP, Instant::now() + GAP);
    loop {
        let line = tokio::time::timeout_at(until, oven.line()).await.map_err(|_| Fault::Deadline(limit))?.map_err(Fault::Bench)?;
        let Some(line) = line else {
            let code = tokio::time::timeout(GAP, oven.code()).await.map_err(|_| Fault::Deadline(GAP))?.map_err(Fault::Bench)?;
            return if follow.over() && code == 0 { Ok(()) } else { Err(Fault::Ended(code)) };
        };
        match follow.on(&line).map_err(Fault::Lie)? {
            Step::Begun(at) => {
                let Some(Stage { work, deadline, .. }) = order.stages.get(at) else { continue };
                progress.event(Event::Stage { number: at + 1, of, what: work.words(), deadline: *deadline });
                (limit, until) = (*deadline, Instant::now() + *deadline);
            }
            Step::Done => (limit, until) = (GAP, Instant::now() + GAP),
            Step::Failed(reason) => return Err(Fault::Failed(short(&reason))),
            Step::Note(text) => progress.event(Event::Note { text: &short(&text) }),
        }
    }
}

/// Looks whether what was said is there, and keeps it.
async fn keep(bake: &Bake, oven: &mut impl Oven, progress: &dyn Progress) -> Result<Sha256Digest, Fault> {
    let of = bake.stages.len();
    let Some(Stage { work: work @ Work::Commit { labels }, deadline, .. }) = bake.stages.last() else {
        return Err(Fault::Bench("a bake whose last stage keeps nothing".into()));
    };
    progress.event(Event::Stage { number: of, of, what: work.words(), deadline: *deadline });
    let kept = async {
        for snapshot in bake.stages.iter().filter_map(|s| if let Work::Save { snapshot } = &s.work { Some(snapshot) } else { None }) {
            let folder = snapshot_folder(snapshot);
            if !oven.has(&folder).await.map_err(Fault::Bench)? {
                return Err(Fault::Lie(format!("that the snapshot is saved, and `{folder}` is not there")));
            }
        }
        oven.keep(&bake.result, labels).await.map_err(Fault::Bench)
    };
    tokio::time::timeout(*deadline, kept).await.map_err(|_| Fault::Deadline(*deadline))?
}

fn short(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

#[cfg(test)]
mod tests;
