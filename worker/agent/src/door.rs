//! The door by which words about a trial leave the worker.
//!
//! Why a trial failed, the end of its device's log and the names of its steps are in part the app's own words, and an app may say
//! what was typed into it: in its log before it hangs, in the message of the exception that ends it, in the last words of a
//! process. Whatever is told of a trial outside of its observations and artifacts goes through here and loses the typed values:
//! the end that is handed in or given back, progress, and the lines that the worker itself writes. Observations lose them as they
//! come ([`crate::record`]), artifacts before they are handed in.
//!
//! A [`Failure`] has the words as they came. It becomes a [`TrialEnd`] here only, and is told as that.

use stakeout_contract::trial::{TrialEnd, TrialState};

use crate::{OrchestratorError, error::Failure, secrets::Scrubber};

/// The door of one trial.
#[derive(Clone, Debug, Default)]
pub struct Door {
    scrubber: Scrubber,
}

impl Door {
    /// A door that keeps back what this scrubber knows.
    pub fn new(scrubber: Scrubber) -> Self {
        Self { scrubber }
    }

    /// Words that may be told, cut to their first `most` characters.
    pub fn words(&self, text: &str, most: usize) -> String {
        self.scrubber.head(text.to_owned(), most)
    }

    /// What is told of a trial that failed; none if nothing may be written any more. `stage`: where the trial was.
    pub fn end(&self, failure: &Failure, stage: &str) -> Option<TrialEnd> {
        let end = |state, stage: &str, reason: String, log: &str| {
            let (reason, log) = (self.scrubber.text(reason).0, self.scrubber.text(log.to_owned()).0);
            Some(TrialEnd { state, stage: stage.to_owned(), reason, log })
        };
        match failure {
            Failure::Stage { stage, reason, log, .. } => end(TrialState::Failed, stage, reason.clone(), log),
            Failure::Orchestrator(OrchestratorError::Lost(_)) => None,
            Failure::Orchestrator(e) => end(TrialState::Failed, stage, e.to_string(), ""),
            Failure::Cancelled => end(TrialState::Cancelled, stage, "cancelled by its owner".to_owned(), ""),
            // Nobody is to blame: the trial is as good as new.
            Failure::Stopped => end(TrialState::Queued, stage, "the worker was stopped".to_owned(), ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_end_has_a_typed_value_in_its_words() {
        let door = Door::new(Scrubber::new(["s3cr3t word"], &[]));
        let said = || "the guest hangs at s3cr3t word".to_owned();
        for failure in [
            Failure::stage("script", said()).with_log("typed s3cr3t%20word".to_owned()),
            Failure::stage("script", said()).by_app(true),
            OrchestratorError::Refused(said()).into(),
            OrchestratorError::Unreachable(said()).into(),
        ] {
            let end = door.end(&failure, "script").unwrap();
            assert!(end.reason.contains("the guest hangs at ***********"), "{end:?}");
            assert!(!format!("{end:?}").contains("s3cr3t"), "{end:?}");
        }
        assert_eq!(door.words("it is at s3cr3t word", 14), "it is at *****");
    }
}
