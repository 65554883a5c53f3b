use std::{collections::VecDeque, sync::Mutex};

use stakeout_protocol::bake::Said;

use super::*;
use crate::{
    avd::{Avd, GPU},
    digest,
    host::{Cpu, HostClass},
    index::Revision,
};

/// What a container does, line by line.
#[derive(Clone, Debug)]
enum Act {
    Say(String),
    /// After so many seconds.
    Wait(u64),
    /// Says nothing any more, for ever.
    Hang,
    End(i64),
}

/// Containers that act as they are told, in turn.
#[derive(Default)]
struct Double {
    plays: Mutex<VecDeque<Vec<Act>>>,
    saved: bool,
    /// `started`, `kept NAME`, `removed`.
    log: std::sync::Arc<Mutex<Vec<String>>>,
}

struct Played {
    acts: VecDeque<Act>,
    saved: bool,
    code: i64,
    log: std::sync::Arc<Mutex<Vec<String>>>,
}

impl Bench for Double {
    type Oven = Played;

    async fn start(&self, image: &str, order: &str) -> Result<Played, BenchError> {
        let order: Order = serde_json::from_str(order)?;
        self.log.lock().unwrap().push(format!("started {image} {}", order.stages.len()));
        let acts = self.plays.lock().unwrap().pop_front().ok_or("no container is left")?;
        Ok(Played { acts: acts.into(), saved: self.saved, code: -1, log: self.log.clone() })
    }
}

impl Oven for Played {
    async fn line(&mut self) -> Result<Option<String>, BenchError> {
        loop {
            match self.acts.pop_front() {
                Some(Act::Say(line)) => return Ok(Some(line)),
                Some(Act::Wait(seconds)) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                Some(Act::Hang) => std::future::pending().await,
                Some(Act::End(code)) => {
                    self.code = code;
                    return Ok(None);
                }
                None => return Err("the stream broke".into()),
            }
        }
    }

    async fn code(&mut self) -> Result<i64, BenchError> {
        Ok(self.code)
    }

    fn log(&self) -> String {
        "its last words".into()
    }

    async fn has(&mut self, path: &str) -> Result<bool, BenchError> {
        assert_eq!(path, "/opt/android/avd/stakeout.avd/snapshots/stakeout");
        Ok(self.saved)
    }

    async fn keep(&mut self, name: &str, labels: &[(String, String)]) -> Result<Sha256Digest, BenchError> {
        assert!(labels.iter().any(|(k, _)| k == crate::labels::BAKE_FROM));
        self.log.lock().unwrap().push(format!("kept {name}"));
        Ok(Sha256Digest::of(b"kept"))
    }

    async fn remove(self) {
        self.log.lock().unwrap().push("removed".into());
    }
}

fn bake() -> Bake {
    let digests = digest::of_reader(&b"image"[..]).unwrap().0.finish();
    let cpu = Cpu { vendor: "GenuineIntel".into(), family: 6, model: 85 };
    let class = HostClass::new(cpu, Revision::new(37, 2, 12), &Avd::usual(34, "x86_64"), GPU, [], &digests);
    Bake::new(class, "stakeout/emulator:x", Sha256Digest::of(b"image"))
}

fn say(said: &Said) -> Act {
    Act::Say(serde_json::to_string(said).unwrap())
}

/// Stages up to, and without, `to`, each done.
fn through(to: usize) -> Vec<Act> {
    (0..to).flat_map(|stage| [say(&Said::Begun { stage }), say(&Said::Done { stage })]).collect()
}

/// The number of the stage with that work.
fn stage(want: impl Fn(&Work) -> bool) -> usize {
    bake().stages.iter().position(|s| want(&s.work)).unwrap()
}

fn all() -> Vec<Act> {
    let mut acts = through(bake().stages.len() - 1);
    acts.push(Act::End(0));
    acts
}

async fn run_with(plays: Vec<Vec<Act>>, saved: bool) -> (Result<Baked, NotBaked>, Vec<String>) {
    let double = Double { plays: Mutex::new(plays.into()), saved, log: std::sync::Arc::default() };
    let done = run(&bake(), &double, &()).await;
    let log = double.log.lock().unwrap().clone();
    (done, log)
}

const STARTED: &str = "started stakeout/emulator:x 18";

#[tokio::test(start_paused = true)]
async fn a_bake_that_goes_well_is_kept_under_its_name_and_its_container_removed() {
    let mut play = all();
    play.insert(3, say(&Said::Note { text: "booting".into() }));
    let (done, log) = run_with(vec![play], true).await;
    let baked = done.unwrap();
    assert_eq!((baked.name.as_str(), baked.id), (bake().result.as_str(), Sha256Digest::of(b"kept")));
    assert_eq!(log, [STARTED.to_owned(), format!("kept {}", baked.name), "removed".into()]);
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_hangs_is_ended_at_its_deadline_and_notes_buy_no_time() {
    let ready = stage(|w| matches!(w, Work::Ready));
    let mut play = through(ready);
    play.push(say(&Said::Begun { stage: ready }));
    for _ in 0..10_000 {
        play.extend([Act::Wait(1), say(&Said::Note { text: "still booting".into() })]);
    }
    let begun = Instant::now();
    let (done, log) = run_with(vec![play.clone(), play], true).await;
    let e = done.unwrap_err();
    assert!(matches!(e.fault, Fault::Deadline(d) if d == bake().stages[ready].deadline), "{e:?}");
    assert_eq!((e.tries, e.stage, e.log.as_str()), (2, "wait until the phone is ready", "its last words"));
    assert_eq!(begun.elapsed(), bake().stages[ready].deadline * 2);
    assert_eq!(log, [STARTED, "removed", STARTED, "removed"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_begins_anew_where_the_plan_says_so_and_ends_where_it_does_not() {
    let fail = |stage: usize| {
        let mut play = through(stage);
        play.extend([say(&Said::Begun { stage }), say(&Said::Failed { stage, reason: "because".into() }), Act::Hang]);
        play
    };
    let save = stage(|w| matches!(w, Work::Save { .. }));
    let (done, log) = run_with(vec![fail(save), all()], true).await;
    done.unwrap();
    assert_eq!(log.iter().filter(|l| *l == "removed").count(), 2);
    let (done, log) = run_with(vec![fail(save), fail(save), all()], true).await;
    let e = done.unwrap_err();
    assert!(matches!(&e.fault, Fault::Failed(why) if why == "because"), "{e:?}");
    assert_eq!(log.len(), 4, "two tries are all: {log:?}");
    let root = stage(|w| matches!(w, Work::Root));
    let (done, log) = run_with(vec![fail(root), all()], true).await;
    assert_eq!((done.unwrap_err().tries, log.len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_program_that_lies_is_not_tried_again() {
    let raw = |line: &str| Act::Say(line.into());
    let lies: [(&str, Vec<Act>); 7] = [
        ("not its turn", vec![say(&Said::Begun { stage: 1 })]),
        ("not under way", vec![say(&Said::Done { stage: 0 })]),
        ("not its turn", vec![say(&Said::Begun { stage: 0 }), say(&Said::Begun { stage: 0 })]),
        ("not under way", vec![say(&Said::Begun { stage: 0 }), say(&Said::Done { stage: 17 })]),
        ("not its turn", [through(18), vec![say(&Said::Begun { stage: 18 })]].concat()),
        ("cannot be read", vec![raw("booting...")]),
        ("more than", vec![raw(&"x".repeat(100_000))]),
    ];
    for (says, play) in lies {
        let (done, log) = run_with(vec![play, all()], true).await;
        let e = done.unwrap_err();
        assert!(matches!(&e.fault, Fault::Lie(what) if what.contains(says)), "{says}: {e:?}");
        assert_eq!(log, [STARTED, "removed"], "{says}");
    }
    // All stages, and no snapshot.
    let (done, log) = run_with(vec![all(), all()], false).await;
    let e = done.unwrap_err();
    assert!(matches!(&e.fault, Fault::Lie(what) if what.contains("snapshots/stakeout` is not there")), "{e:?}");
    assert_eq!(log, [STARTED, "removed"], "nothing is kept");
}

#[tokio::test(start_paused = true)]
async fn an_end_before_the_end_is_no_bake() {
    for (play, code) in
        [(vec![Act::End(0)], 0), ([through(18), vec![Act::End(1)]].concat(), 1), ([through(17), vec![Act::End(0)]].concat(), 0)]
    {
        let (done, log) = run_with(vec![play.clone(), play], true).await;
        assert!(matches!(done.unwrap_err().fault, Fault::Ended(c) if c == code));
        assert!(!log.iter().any(|l| l.starts_with("kept")));
    }
    // One that stays after its last stage is not waited for for ever.
    let (done, _) = run_with(vec![[through(18), vec![Act::Hang]].concat()], true).await;
    assert!(matches!(done.unwrap_err().fault, Fault::Deadline(GAP)));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_fails_is_no_failure_of_the_phone() {
    let (done, log) = run_with(vec![], true).await;
    assert!(matches!(done.unwrap_err().fault, Fault::Bench(_)));
    assert_eq!(log, [STARTED]);
    let (done, log) = run_with(vec![through(3), all()], true).await;
    assert!(matches!(done.unwrap_err().fault, Fault::Bench(_)));
    assert_eq!(log, [STARTED, "removed"]);
}
