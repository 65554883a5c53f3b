//! How states, outcomes, times and sizes read on pages.
//!
//! An outcome is never "clean": nothing that was seen is bounded by how much was watched, and the report says by how much.

use std::fmt::Display;

use stakeout_contract::{
    api::jobs::{Job, TrialCounts},
    result::Verdict,
    trial::TrialState,
};

/// A word of the contract in a sentence: `screen_off` is `screen off`.
pub(super) fn plain(word: impl Display) -> String {
    word.to_string().replace('_', " ")
}

/// A state's word.
pub(super) const fn state(s: TrialState) -> &'static str {
    match s {
        TrialState::Queued => "queued",
        TrialState::Leased => "leased",
        TrialState::Running => "running",
        TrialState::Finished => "finished",
        TrialState::Failed => "failed",
        TrialState::Cancelled => "cancelled",
    }
}

/// All states, for a choice.
pub(super) const STATES: [TrialState; 6] =
    [TrialState::Queued, TrialState::Leased, TrialState::Running, TrialState::Finished, TrialState::Failed, TrialState::Cancelled];

/// What came of a job, in words, and the class that colours them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Said {
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) more: String,
}

/// A job's outcome.
pub(super) fn outcome(j: &Job) -> Said {
    let said = |class, word, more: String| Said { class, word, more };
    let Some(o) = &j.outcome else {
        return match j.state {
            TrialState::Cancelled => said("none", "cancelled", "given up before it could answer".to_owned()),
            s if s.is_final() => said("inconclusive", "no result", "it ended without evidence".to_owned()),
            _ => said("none", "no answer yet", String::new()),
        };
    };
    let too_few = || format!("{} of {} finished", j.trials.finished, j.trials.all);
    match (o.exit_code, o.found.first()) {
        // What was found stays found, however few trials there are.
        (_, Some(first)) => {
            let more = o.found.len() - 1;
            let rest = if more == 0 { String::new() } else { format!(", and {more} more") };
            let few = if o.exit_code == 12 { format!("; {}", too_few()) } else { String::new() };
            said("found", "found", format!("{}{rest}{few}", claim(first)))
        }
        (12, None) => said("inconclusive", "too few trials", too_few()),
        (13, None) => said("found", "sent while idle", "taken in use, or when is not known".to_owned()),
        (0, None) => said("nothing", "nothing observed within its bound", String::new()),
        _ => said("inconclusive", "inconclusive", count(u64::from(o.inconclusive), "claim")),
    }
}

/// A claim in words: `camera opened, screen off`.
pub(super) fn claim(v: &Verdict) -> String {
    format!("{} {}, {}", plain(v.kind), v.rung, plain(v.device_state))
}

/// `1 trial`, `3 trials`.
pub(super) fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A segment of the bar of a job's trials, in hundredths of its width.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Segment {
    pub(super) class: &'static str,
    pub(super) from: f64,
    pub(super) width: f64,
}

/// A job's trials as a bar and in words, which say the same.
pub(super) fn bar(c: &TrialCounts) -> (Vec<Segment>, String) {
    let parts = [("finished", c.finished), ("failed", c.failed), ("cancelled", c.cancelled), ("running", c.running), ("queued", c.queued)];
    let (mut segments, mut said, mut from) = (Vec::new(), Vec::new(), 0.0);
    for (class, n) in parts.into_iter().filter(|(_, n)| *n > 0) {
        let width = f64::from(n) * 100.0 / f64::from(c.all.max(1));
        segments.push(Segment { class, from, width });
        said.push(format!("{n} {class}"));
        from += width;
    }
    (segments, format!("{}: {}", count(u64::from(c.all), "trial"), if said.is_empty() { "none".to_owned() } else { said.join(", ") }))
}

/// A moment, for people and for machines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Moment {
    pub(super) iso: String,
    pub(super) text: String,
}

/// Unix milliseconds as a moment, in UTC.
pub(super) fn moment(ms: i64) -> Moment {
    let t = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    Moment { iso: t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), text: t.strftime("%Y-%m-%d %H:%M UTC").to_string() }
}

/// Seconds of a trial's clock: `1:02:03`.
pub(super) fn clock(seconds: f64) -> String {
    let s = seconds.max(0.0) as u64;
    format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// About so long: `40 s`, `12 min`, `3.5 h`.
pub(super) fn about(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Bytes: `340 B`, `1.2 MiB`.
pub(super) fn bytes(n: u64) -> String {
    let mut size = n as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            return if unit == "B" { format!("{size:.0} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

/// Characters of a stranger's text that are shown at most.
const SHOWN: usize = 160;

/// A stranger's text: cut, and without characters that hide or turn others.
pub(super) fn short(s: &str) -> String {
    let hides =
        |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let clean = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if hides(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    let mut out: String = s.trim().chars().take(SHOWN).map(clean).collect();
    if s.trim().chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use stakeout_contract::{Answer, DeviceState, Kind, Rung, Sha256Digest, TenantId, api::jobs::Outcome};
    use stakeout_store::conformance::sample;

    use super::*;

    fn ended(exit_code: u8, found: usize) -> Job {
        let mut row = sample::job(&TenantId::farm(), 3);
        row.state = TrialState::Finished;
        row.counts = TrialCounts { all: 3, finished: 2, failed: 1, ..TrialCounts::default() };
        let verdict = Verdict {
            kind: Kind::Camera,
            rung: Rung::Opened,
            device_state: DeviceState::ScreenOff,
            verdict: Answer::Supported,
            p_false: None,
            bound: None,
            reasons: vec![],
            evidence: vec![],
            count: 1,
        };
        let digest = Sha256Digest::of(b"bundle");
        row.outcome = Some(Outcome {
            exit_code,
            found: vec![verdict; found],
            inconclusive: 4,
            bundle: digest,
            bundle_bytes: 1,
            signer: String::new(),
        });
        crate::api::jobs::doc(&row)
    }

    #[test]
    fn an_outcome_is_said_in_words_and_never_clean() {
        let mut said = Vec::new();
        for (code, found) in [(10, 1), (10, 3), (12, 1), (12, 0), (11, 0), (0, 0)] {
            let s = outcome(&ended(code, found));
            assert!(!s.word.contains("clean"));
            said.push(format!("{} | {} | {}", s.class, s.word, s.more));
        }
        let mut open = ended(0, 0);
        open.outcome = None;
        for state in [TrialState::Running, TrialState::Cancelled, TrialState::Failed] {
            open.state = state;
            let s = outcome(&open);
            said.push(format!("{} | {} | {}", s.class, s.word, s.more));
        }
        assert_eq!(
            said,
            [
                "found | found | camera opened, screen off",
                "found | found | camera opened, screen off, and 2 more",
                "found | found | camera opened, screen off; 2 of 3 finished",
                "inconclusive | too few trials | 2 of 3 finished",
                "inconclusive | inconclusive | 4 claims",
                "nothing | nothing observed within its bound | ",
                "none | no answer yet | ",
                "none | cancelled | given up before it could answer",
                "inconclusive | no result | it ended without evidence",
            ]
        );
    }

    #[test]
    fn a_bar_is_as_long_as_its_trials_and_says_them() {
        let (segments, said) = bar(&TrialCounts { all: 4, queued: 1, running: 1, finished: 2, ..TrialCounts::default() });
        assert_eq!(said, "4 trials: 2 finished, 1 running, 1 queued");
        assert_eq!(
            segments.iter().map(|s| (s.class, s.from, s.width)).collect::<Vec<_>>(),
            [("finished", 0.0, 50.0), ("running", 50.0, 25.0), ("queued", 75.0, 25.0)]
        );
    }

    #[test]
    fn times_sizes_and_strangers_text_are_short() {
        assert_eq!((clock(3723.9), about(40.0), about(12_600.0)), ("1:02:03".to_owned(), "40 s".to_owned(), "3.5 h".to_owned()));
        assert_eq!((bytes(340), bytes(1_300_000)), ("340 B".to_owned(), "1.2 MiB".to_owned()));
        assert_eq!(moment(0).text, "1970-01-01 00:00 UTC");
        assert_eq!(short(" a\u{202e}b\nc\0 "), "a\u{fffd}b c\u{fffd}");
        assert_eq!(short(&"x".repeat(500)).chars().count(), SHOWN + 1);
    }
}
