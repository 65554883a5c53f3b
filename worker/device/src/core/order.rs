//! In which order verbs make sense. A worker that errs here gets `bad_request` and the guest is not asked.

use stakeout_protocol::{Problem, device::Verb};

/// How far a device has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Stage {
    /// The container runs.
    #[default]
    Fresh,
    /// The guest runs, without app and trial.
    Booted,
    /// It is a trial's.
    Assigned,
    /// The app is on it.
    Installed,
    /// The app was ended for its files.
    Ended,
}

/// The stage after a verb has succeeded at this one; or why the verb cannot be asked now.
pub fn after(stage: Stage, verb: &Verb) -> Result<Stage, Problem> {
    use Stage::{Assigned, Booted, Ended, Fresh, Installed};
    let (needs, then) = match verb {
        Verb::Hello | Verb::Stop => return Ok(stage),
        Verb::Boot { .. } => (Fresh, Booted),
        Verb::Assign(_) => (Booted, Assigned),
        Verb::Plant { .. } => (Assigned, Assigned),
        Verb::Install { .. } => (Assigned, Installed),
        Verb::SnapshotFiles { .. } => (stage.clamp(Installed, Ended), Ended),
        // State that can be set before there is an app.
        Verb::Screen { .. } | Verb::Doze { .. } | Verb::Permission { .. } | Verb::Advance { .. } | Verb::Screenshot => {
            (stage.clamp(Assigned, Installed), stage)
        }
        Verb::Launch | Verb::Input(_) | Verb::Background | Verb::Foreground | Verb::Reboot | Verb::StandbyBucket { .. } => {
            (Installed, Installed)
        }
    };
    if stage == needs {
        Ok(then)
    } else {
        Err(Problem::new("bad_request", format!("the device is `{stage:?}` and this verb needs it to be `{needs:?}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_used_once_and_in_order() {
        let boot = Verb::Boot { api: 34, locale: String::new() };
        assert_eq!(after(Stage::Fresh, &boot), Ok(Stage::Booted));
        assert!(after(Stage::Booted, &boot).is_err());
        assert!(after(Stage::Booted, &Verb::Launch).is_err());
        assert_eq!(after(Stage::Installed, &Verb::Launch), Ok(Stage::Installed));
        let snapshot = Verb::SnapshotFiles { max_bytes: 1, max_files: 1 };
        assert_eq!(after(Stage::Installed, &snapshot), Ok(Stage::Ended));
        assert!(after(Stage::Assigned, &snapshot).is_err());
        assert!(after(Stage::Ended, &Verb::Advance { nanos: stakeout_contract::Nanos::ZERO }).is_err());
        assert_eq!(after(Stage::Fresh, &Verb::Stop), Ok(Stage::Fresh));
    }
}
