//! The answers of a job, from what its trials left behind.

use std::collections::BTreeSet;

use stakeout_contract::{
    Answer, DeviceState, JobId, Kind, Rung,
    finding::Analysis,
    flow::Flow,
    observation::Observation,
    result::{Bound, Cost, Evidence, JobResult, Reason, TrialSummary, Verdict},
    scenario::Scenario,
    trial::{AppFacts, TrialRecord, TrialState, Try},
};

use crate::{
    captures,
    events::{self, Event},
    footprint,
    reasons::{self, Doubt},
};

/// One trial's evidence.
#[derive(Clone, Copy, Debug)]
pub struct TrialEvidence<'a> {
    /// The record.
    pub record: &'a TrialRecord,
    /// In order of time; those that [`crate::matters::to_anyone`] leaves out need not be there.
    pub observations: &'a [Observation],
    /// Which line of the trial each of them is; empty: they are all there.
    pub lines: &'a [u32],
    /// In order of their ids.
    pub flows: &'a [Flow],
    /// What the analysis found.
    pub analysis: &'a Analysis,
    /// Its leases that came to nothing.
    pub tries: &'a [Try],
    /// Trials of the job: each finding's probability is corrected for all of them.
    pub trials: usize,
}

/// What a job was.
#[derive(Clone, Debug)]
pub struct JobFacts<'a> {
    /// Its id.
    pub job: &'a JobId,
    /// How it ended.
    pub state: TrialState,
    /// The app.
    pub app: &'a AppFacts,
    /// The scenario.
    pub scenario: &'a Scenario,
    /// `jvm 34`.
    pub device: String,
    /// From submit to now, seconds.
    pub wall_seconds: f64,
    /// Versions of what made this.
    pub engine: String,
}

/// Pieces of evidence that are listed for a verdict, the strongest first; all are counted.
const EVIDENCE_LISTED: usize = 60;

/// The result of a job.
pub fn decide(job: &JobFacts<'_>, trials: &[TrialEvidence<'_>]) -> JobResult {
    let events: Vec<Event> = trials.iter().flat_map(events::of).collect();
    let doubts: Vec<Doubt> = trials.iter().flat_map(reasons::of).collect();
    let tested = job.scenario.states();
    let mut verdicts = Vec::new();
    for kind in Kind::ALL {
        for rung in kind.rungs() {
            for state in DeviceState::ALL {
                if *rung == Rung::Declared && *state != DeviceState::Any {
                    continue;
                }
                verdicts.push(answer(job.scenario, trials, &events, &doubts, &tested, (*kind, *rung, *state)));
            }
        }
    }
    JobResult {
        format: "stakeout-result/1".to_owned(),
        job: job.job.clone(),
        state: job.state,
        app: job.app.clone(),
        scenario: job.scenario.name.clone(),
        device: job.device.clone(),
        trials: trials.iter().map(summary).collect(),
        verdicts,
        sending: sending(job.scenario, trials, &events, &doubts, &tested),
        footprint: footprint::of(trials),
        requests_per_idle_hour: footprint::requests(trials, &events),
        captures: captures::of(trials, &events),
        cost: cost(job, trials),
        engine: job.engine.clone(),
        left_out: 0,
    }
}

/// What left the device, by the state in which it was sent. What an app took while it was used and sends at night is no capture
/// while idle, and is sent while idle all the same.
fn sending(scenario: &Scenario, trials: &[TrialEvidence<'_>], events: &[Event], doubts: &[Doubt], tested: &[DeviceState]) -> Vec<Verdict> {
    let by_sending = |e: &Event| Some(Event { state: e.sent?, dated_by_record: false, ..e.clone() });
    let sent: Vec<Event> = events.iter().filter_map(by_sending).collect();
    let doubts: Vec<Doubt> = doubts.iter().map(Doubt::by_sending).collect();
    let states = || DeviceState::ALL.iter().filter(|s| **s != DeviceState::Any);
    let claims = Kind::ALL.iter().flat_map(|kind| states().map(move |state| (*kind, Rung::Transmitted, *state)));
    claims.map(|claim| answer(scenario, trials, &sent, &doubts, tested, claim)).collect()
}

fn answer(
    scenario: &Scenario,
    trials: &[TrialEvidence<'_>],
    events: &[Event],
    doubts: &[Doubt],
    tested: &[DeviceState],
    (kind, rung, state): (Kind, Rung, DeviceState),
) -> Verdict {
    let mut mine: Vec<&Event> =
        events.iter().filter(|e| e.kind == kind && e.rung == rung && (state == DeviceState::Any || e.state == state)).collect();
    let mut v = Verdict {
        kind,
        rung,
        device_state: state,
        verdict: Answer::NotTested,
        p_false: None,
        bound: None,
        reasons: vec![],
        evidence: vec![],
        count: mine.len() as u64,
    };
    let of_row: Vec<&Doubt> = doubts.iter().filter(|d| d.touches(kind, rung, state)).collect();
    if !mine.is_empty() {
        mine.sort_by(|a, b| strength(a).total_cmp(&strength(b)));
        // What the device's record dates is proven to have happened, not when.
        let proves = |e: &&Event| e.proves.filter(|_| state == DeviceState::Any || !e.dated_by_record);
        v.p_false = mine.iter().copied().filter_map(|e| proves(&e)).reduce(|a, b| if b < a { b } else { a });
        v.verdict = if v.p_false.is_some() { Answer::Proven } else { Answer::Supported };
        v.evidence = listed(&mine);
        if v.verdict == Answer::Supported {
            v.reasons = unattributed(&mine);
        }
        return v;
    }
    if !covered(scenario, tested, kind, state) {
        v.reasons.push(not_covered(scenario, kind, state));
        return v;
    }
    let ended = |t: &&TrialEvidence<'_>| t.record.end.state == TrialState::Finished;
    // A trial without time in a state says nothing of it.
    let there = |t: &&TrialEvidence<'_>| rung == Rung::Declared || t.record.hours_in(state) > 0.0;
    let finished: Vec<&TrialEvidence<'_>> = trials.iter().filter(ended).filter(there).collect();
    let hours: f64 = finished.iter().map(|t| t.record.hours_in(state)).sum();
    if finished.is_empty() || (rung != Rung::Declared && hours <= 0.0) {
        v.verdict = Answer::Inconclusive;
        v.reasons = of_row.iter().map(|d| d.reason.clone()).collect();
        if v.reasons.is_empty() {
            v.reasons.push(Reason {
                code: "too_few_trials".to_owned(),
                text: format!("no trial ended with time in `{state}`"),
                settled_by: "more trials".to_owned(),
            });
        }
        v.reasons.sort();
        v.reasons.dedup();
        return v;
    }
    v.reasons = of_row.iter().map(|d| d.reason.clone()).collect();
    v.reasons.sort();
    v.reasons.dedup();
    if v.reasons.is_empty() {
        v.verdict = Answer::NotObserved;
        // A manifest is read whole: there is nothing to bound.
        v.bound = (rung != Rung::Declared).then(|| bound(finished.len() as u32, hours));
    } else {
        v.verdict = Answer::Inconclusive;
    }
    v
}

/// Why what was seen does not prove more, where the app is not alone in its device: each why once, and few of them.
fn unattributed(mine: &[&Event]) -> Vec<Reason> {
    const TOLD: usize = 3;
    let whys: BTreeSet<&str> = mine.iter().filter_map(|e| e.unattributed.as_deref()).collect();
    let more = whys.len().saturating_sub(TOLD);
    let more = (more > 0).then(|| format!("{more} more of this sort"));
    let texts = whys.into_iter().take(TOLD).map(str::to_owned).chain(more);
    let reason = |text| Reason {
        code: "attribution".to_owned(),
        text,
        settled_by: "the `jvm` device, where the app is alone, or an image without other apps".to_owned(),
    };
    texts.map(reason).collect()
}

/// Proofs first, by probability; then by time.
fn strength(e: &Event) -> f64 {
    e.proves.map_or(1.0 + e.evidence.at_seconds.unwrap_or(0.0), stakeout_contract::Probability::get)
}

/// The strongest, but each canary, destination and trial at least once before anything is repeated.
fn listed(mine: &[&Event]) -> Vec<Evidence> {
    let key = |e: &&Event| {
        (
            e.evidence.trial,
            e.evidence.canary.clone(),
            e.evidence.destination.clone(),
            e.evidence.frames.is_some(),
            e.evidence.seconds.is_some(),
        )
    };
    let mut seen = std::collections::HashSet::new();
    let (first, rest): (Vec<&&Event>, Vec<&&Event>) = mine.iter().partition(|e| seen.insert(key(e)));
    first.into_iter().chain(rest).take(EVIDENCE_LISTED.max(seen.len().min(500))).map(|e| e.evidence.clone()).collect()
}

fn planted(s: &Scenario, kind: Kind) -> bool {
    let p = &s.plant;
    match kind {
        Kind::Camera | Kind::Microphone => true,
        Kind::Contacts => p.contacts > 0,
        Kind::CallLog => p.call_log > 0,
        Kind::Cell => p.cells > 0,
        Kind::Wifi => p.wifi > 0,
        Kind::Location => p.location,
        Kind::Identifiers => p.identifiers,
        Kind::Clipboard => p.clipboard,
        Kind::Sms => p.sms > 0,
        Kind::Calendar => p.calendar > 0,
        Kind::MediaFiles => p.media > 0,
        Kind::Accounts => p.accounts > 0,
        Kind::InstalledApps => p.installed_apps > 0,
    }
}

fn covered(s: &Scenario, tested: &[DeviceState], kind: Kind, state: DeviceState) -> bool {
    planted(s, kind) && (state == DeviceState::Any || tested.contains(&state))
}

fn not_covered(s: &Scenario, kind: Kind, state: DeviceState) -> Reason {
    let (text, settled_by) = if planted(s, kind) {
        (format!("the scenario has no time in `{state}`"), "a scenario with such a step")
    } else {
        (format!("the scenario plants no {kind}"), "a scenario that plants it")
    };
    Reason { code: "not_played".to_owned(), text, settled_by: settled_by.to_owned() }
}

/// What n trials without an event in `hours` exclude at 95 %: at most 1-0.05^(1/n) of trials (exact binomial), at most
/// -ln(0.05)/hours, about 3/hours, events an hour (Poisson).
pub fn bound(trials: u32, hours: f64) -> Bound {
    Bound {
        trials,
        hours,
        share_of_trials: 1.0 - 0.05f64.powf(1.0 / f64::from(trials.max(1))),
        per_hour: if hours > 0.0 { 3.0 / hours } else { f64::MAX },
        confidence: 0.95,
    }
}

fn summary(t: &TrialEvidence<'_>) -> TrialSummary {
    let r = t.record;
    TrialSummary {
        number: r.number,
        trial: r.trial.clone(),
        epoch: r.epoch.0,
        tries: t.tries.to_vec(),
        end: r.end.clone(),
        commitment: r.commitment,
        cost: r.cost.clone(),
        searched: t.analysis.searched.clone(),
        idle_hours: footprint::idle_hours(r),
    }
}

fn cost(job: &JobFacts<'_>, trials: &[TrialEvidence<'_>]) -> Cost {
    let costs = || trials.iter().map(|t| &t.record.cost);
    Cost {
        trials: trials.len() as u32,
        wall_seconds: job.wall_seconds,
        virtual_seconds: costs().map(|c| c.virtual_seconds).sum(),
        cpu_seconds: costs().map(|c| c.cpu_seconds).sum(),
        peak_memory_bytes: costs().map(|c| c.peak_memory_bytes).max().unwrap_or(0),
        // A worker may say any number.
        kept_bytes: costs().fold(0, |sum, c| sum.saturating_add(c.kept_bytes)),
    }
}

#[cfg(test)]
mod tests;
