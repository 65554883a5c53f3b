//! The scenario's steps, played on a device.

use std::{collections::BTreeMap, time::Duration};

use stakeout_contract::{
    DeviceState, Nanos,
    artifact::{Artifact, Role},
    observation::{Fact, LOST_STEP},
    scenario::{IdleState, InputText, Scenario, Step, TapOn},
};
use stakeout_protocol::{
    Problem,
    device::{Advanced, Found, Input, Launched, Shot, Verb},
};
use tokio::time::Instant;

use crate::{
    error::Failure,
    keep::artifact,
    phone::Phone,
    report::Reporter,
    talk::{AskError, Side, Talk},
    timeline::Mark,
};

const STAGE: &str = "script";
/// After an act of the owner the app has so long to answer it before the next step.
const SETTLE: Duration = Duration::from_secs(1);
/// How often something that is to be tapped is looked for, a [`SETTLE`] apart.
const TRIES: u32 = 5;
const TRIES_OPTIONAL: u32 = 2;
/// Time passes in slices between these, about 500 of them in a step, so that progress is seen and a day stays fast.
const SLICE_LEAST: Duration = Duration::from_secs(60);
const SLICE_MOST: Duration = Duration::from_secs(600);
/// The least that a device's clock knows of.
const MOMENT: Duration = Duration::from_millis(1);

/// What playing came to, also when it broke off.
#[derive(Debug, Default)]
pub struct Played {
    /// The device's states.
    pub marks: Vec<Mark>,
    /// When the first activity of the app was up.
    pub first_activity: Option<Instant>,
    /// Typed secrets may be on the screen: screenshots are not kept any more.
    pub secret_typed: bool,
}

/// An act of the owner.
enum Act<'a> {
    Tap(&'a TapOn),
    Text(&'a InputText),
    Key(&'a str),
}

/// Plays a scenario.
pub struct Script<'a, 'r, O> {
    /// What to play.
    pub scenario: &'a Scenario,
    /// Values of secrets by name.
    pub secrets: &'a BTreeMap<String, String>,
    /// The cell.
    pub talk: &'a mut Talk,
    /// Who hears of it.
    pub reporter: &'a mut Reporter<'r, O>,
    /// The trial's deadline, but for what it waited for the orchestrator: see [`Reporter::waited`].
    pub until: Instant,
    /// The device.
    pub phone: Phone,
    /// What it came to so far. It stays with the caller: a trial that fails keeps its marks.
    pub played: &'a mut Played,
}

impl<O: crate::Orchestrator> Script<'_, '_, O> {
    /// Plays all steps. What an app does wrong is an outcome of a step; only what ends the trial is a failure.
    pub async fn play(mut self) -> Result<(), Failure> {
        for (index, step) in self.scenario.steps.iter().enumerate() {
            let name = step.summary();
            let outcome = self.step(step, &name).await?;
            let required = !matches!(step, Step::TakeScreenshot(_));
            if required && outcome != "ok" && outcome != "skipped" {
                // The trial was not what the scenario says, so its silence proves less.
                self.talk.record.worker_fact(Fact::Lost { what: format!("{LOST_STEP}{index} ({name}): {outcome}"), count: 1 });
            }
            self.talk.record.worker_fact(Fact::Step { index, step: name, outcome });
            self.told().await?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step, name: &str) -> Result<String, Failure> {
        match step {
            Step::LaunchApp => self.launch(name).await,
            Step::TapOn(tap) => self.owner(name, Act::Tap(tap)).await,
            Step::InputText(text) => self.owner(name, Act::Text(text)).await,
            Step::PressKey(key) => {
                let outcome = self.owner(name, Act::Key(key)).await?;
                if key == "home" {
                    self.phone.home();
                }
                Ok(outcome)
            }
            Step::Background => {
                let outcome = self.change(Verb::Background).await?;
                self.phone.home();
                self.left(DeviceState::Background, name).await?;
                Ok(outcome)
            }
            Step::Idle { state, r#for } => self.idle(*state, r#for.get(), name).await,
            Step::Reboot => {
                let outcome = self.change(Verb::Reboot).await?;
                self.phone.rebooted();
                self.left(DeviceState::AfterReboot, name).await?;
                Ok(outcome)
            }
            Step::TakeScreenshot(shot) => self.screenshot(shot).await,
            Step::StandbyBucket(bucket) => self.change(Verb::StandbyBucket { bucket: *bucket }).await,
        }
    }

    /// Opens the app and answers its consent dialogs, as its owner.
    async fn launch(&mut self, name: &str) -> Result<String, Failure> {
        // Waking the device is the owner's act too.
        self.mark(DeviceState::InUse, name).await?;
        self.wake().await?;
        let launched: Result<Launched, AskError> = self.talk.device(Verb::Launch, self.until()).await;
        let outcome = Self::outcome(launched.map(drop))?;
        self.phone.launched();
        if self.played.first_activity.is_none() && outcome == "ok" {
            self.played.first_activity = Some(Instant::now());
        }
        self.pass(SETTLE).await?;
        for text in &self.scenario.consent {
            let tap = TapOn { text: Some(text.clone()), optional: true, ..TapOn::default() };
            let answer = self.tap(&tap).await?;
            self.talk.record.worker_fact(Fact::Log { line: format!("consent `{text}`: {answer}") });
        }
        Ok(outcome)
    }

    /// An act of the owner: the device is awake and in use.
    async fn owner(&mut self, name: &str, act: Act<'_>) -> Result<String, Failure> {
        // Waking the device is the owner's act too.
        self.mark(DeviceState::InUse, name).await?;
        self.wake().await?;
        let outcome = match act {
            Act::Tap(tap) => self.tap(tap).await?,
            Act::Text(text) => self.text(text).await?,
            Act::Key(key) => self.try_input(Input::Key { key: key.to_owned() }, 1, false).await?,
        };
        self.pass(SETTLE).await?;
        Ok(outcome)
    }

    async fn tap(&mut self, tap: &TapOn) -> Result<String, Failure> {
        let tries = if tap.optional { TRIES_OPTIONAL } else { TRIES };
        let input = Input::Tap { text: tap.text.clone(), view_id: tap.id.clone(), point: tap.point };
        self.try_input(input, tries, tap.optional).await
    }

    async fn text(&mut self, text: &InputText) -> Result<String, Failure> {
        let value = match (&text.secret, &text.text) {
            (Some(name), _) => {
                self.played.secret_typed = true;
                self.secrets.get(name).cloned().ok_or_else(|| Failure::stage(STAGE, format!("the secret `{name}` was not given")))?
            }
            (None, text) => text.clone().unwrap_or_default(),
        };
        let tries = if text.optional { TRIES_OPTIONAL } else { TRIES };
        self.try_input(Input::Text { value, view_id: text.id.clone() }, tries, text.optional).await
    }

    async fn try_input(&mut self, input: Input, tries: u32, optional: bool) -> Result<String, Failure> {
        for n in 1..=tries {
            let found: Result<Found, AskError> = self.talk.device(Verb::Input(input.clone()), self.until()).await;
            match found {
                Ok(Found { found: true, .. }) => return Ok("ok".to_owned()),
                Ok(_) if n < tries => self.pass(SETTLE).await?,
                Ok(_) => {}
                Err(e) => return Self::outcome(Err(e)),
            }
        }
        Ok(if optional { "skipped" } else { "not_found" }.to_owned())
    }

    async fn idle(&mut self, state: IdleState, length: Duration, name: &str) -> Result<String, Failure> {
        let mut outcome = "ok".to_owned();
        let verbs = self.phone.idle(state);
        // An app that comes to the screen does what it does there, one that leaves it is still there, as is one that stays.
        let comes = state == IdleState::Foreground && !verbs.is_empty();
        if comes {
            self.mark(self.phone.state(state), name).await?;
        }
        for verb in verbs {
            let one = self.change(verb).await?;
            if one != "ok" {
                outcome = one;
            }
        }
        if !comes {
            self.left(self.phone.state(state), name).await?;
        }
        let slice = (length / 500).clamp(SLICE_LEAST, SLICE_MOST);
        let mut left = length;
        while !left.is_zero() {
            let now = left.min(slice);
            self.pass(now).await?;
            left -= now;
            self.reporter.progress(name, self.talk.record.now().as_secs_f64()).await;
            self.told().await?;
        }
        Ok(outcome)
    }

    async fn screenshot(&mut self, name: &str) -> Result<String, Failure> {
        if self.played.secret_typed {
            return Ok("skipped".to_owned());
        }
        let shot: Result<Shot, AskError> = self.talk.device(Verb::Screenshot, self.until()).await;
        let shot = match shot {
            Ok(s) => s,
            Err(e) => return Self::outcome(Err(e)),
        };
        let Some(blob) = self.talk.take(Side::Device, &shot.blob).map_err(fatal)? else { return Ok("too large".to_owned()) };
        let entry = Artifact { at: Some(self.talk.record.now()), ..artifact(Role::Screenshot, name) };
        let kept = self.talk.keep.adopt(&blob, entry).map_err(|e| fatal(e.into()))?;
        Ok(if kept { "ok" } else { "no room" }.to_owned())
    }

    async fn wake(&mut self) -> Result<(), Failure> {
        for verb in self.phone.wake() {
            self.change(verb).await?;
        }
        Ok(())
    }

    async fn change(&mut self, verb: Verb) -> Result<String, Failure> {
        let done: Result<serde_json::Value, AskError> = self.talk.device(verb, self.until()).await;
        Self::outcome(done.map(drop))
    }

    async fn pass(&mut self, length: Duration) -> Result<(), Failure> {
        let nanos = Nanos::ZERO.plus(length);
        let done: Result<Advanced, AskError> = self.talk.device(Verb::Advance { nanos }, self.until()).await;
        match done {
            Ok(a) => self.talk.record.passed(a.at),
            Err(AskError::Problem(p)) => return Err(failed(&p)),
            Err(e) => return Err(fatal(e)),
        }
        Ok(())
    }

    /// From now on the device is in this state. An `advance` of nothing tells what time it is.
    async fn mark(&mut self, state: DeviceState, step: &str) -> Result<(), Failure> {
        self.pass(Duration::ZERO).await?;
        if self.played.marks.last().is_some_and(|m| m.at > self.talk.record.now()) {
            // No time has passed since another state was left: what happened then is not of this one.
            self.pass(MOMENT).await?;
        }
        self.begins(state, step, self.talk.record.now()).await
    }

    /// The device has left another state for this one. A virtual clock stands still meanwhile, so what is dated by this very
    /// instant came before: it was due when the time before it ended, or is what the app does as it leaves the screen.
    async fn left(&mut self, state: DeviceState, step: &str) -> Result<(), Failure> {
        self.pass(Duration::ZERO).await?;
        self.begins(state, step, self.talk.record.now().plus(Duration::from_nanos(1))).await
    }

    async fn begins(&mut self, state: DeviceState, step: &str, at: Nanos) -> Result<(), Failure> {
        self.played.marks.push(Mark { at, state });
        self.talk.record.state(at, state, step);
        self.reporter.progress(step, at.as_secs_f64()).await;
        Ok(())
    }

    /// When the app has had its time.
    fn until(&self) -> Instant {
        self.until + self.reporter.waited()
    }

    async fn told(&mut self) -> Result<(), Failure> {
        Ok(self.reporter.hand_in(&mut self.talk.record, false).await?)
    }

    /// What a verb came to. An app that crashes or offers nothing is an outcome, a device that cannot go on is a failure.
    fn outcome(done: Result<(), AskError>) -> Result<String, Failure> {
        match done {
            Ok(()) => Ok("ok".to_owned()),
            Err(AskError::Problem(p)) if matches!(p.code.as_str(), "app_crashed" | "not_found" | "unsupported") => {
                Ok(format!("{}: {}", p.code, crate::text::head(&p.message, 300)))
            }
            Err(AskError::Problem(p)) => Err(failed(&p)),
            Err(e) => Err(fatal(e)),
        }
    }
}

/// The device says that it cannot go on. That an app takes all time or memory is its own doing: another try gives the same.
fn failed(p: &Problem) -> Failure {
    let app = matches!(p.code.as_str(), "deadline" | "out_of_memory" | "app_crashed");
    Failure::stage(STAGE, p.to_string()).by_app(app)
}

fn fatal(e: AskError) -> Failure {
    let late = matches!(e, AskError::Deadline(_));
    let own = late || e.by_guest();
    Failure::stage(STAGE, if late { "the trial's deadline has passed".to_owned() } else { e.to_string() }).by_app(own)
}
