//! The contract between the two halves of a bake.
//!
//! The host starts the image's program as `stakeout-device --kind emulator --bake`, in a container of its own:
//!
//! - the first process is root with the capabilities of a trial's device, no others; `/dev/kvm` is there, and its group (look at
//!   the file) is among the first process's groups: the emulator, as user 10001, must be given that group too;
//! - no network at all;
//! - the root file system is writable, which in a trial it is not, and [`AVD_HOME`] belongs to user 10001. The emulator is started
//!   on the virtual device **in that folder**, so that the snapshot becomes part of the image. Folders that are tmpfs in a trial
//!   (`/work`, `/data`, `/tmp`, `/feed`) are tmpfs here too, and nothing in them is kept. A trial cannot write to [`AVD_HOME`]: its
//!   device makes a copy on a tmpfs (small files copied, disks and snapshots linked) and starts with `-read-only` from there.
//!
//! On its standard input it gets one line, an [`Order`]. It does the work of the stages in their order, one at a time, and writes
//! one [`Said`] a line to standard output: `begun` with the stage's number (from 0 on), then `done` or `failed`. `note` may stand
//! anywhere. After the last `done` it ends with code 0, and so does everything that it started: what is then on disk is what is
//! kept. After a `failed` it ends too; the host begins anew in a new container, or gives up. When its standard input ends it ends
//! at once. It needs no clock: the host removes a container whose stage takes too long.
//!
//! What a stage's work is, its own doc says ([`Work`](super::Work)). The program adds ports and, for `Start`, waits until console
//! and adb answer. Standard error is for people; its end is shown when something fails.
//!
//! The host believes nothing of this but what it can see: lines out of order end the bake, and so does a snapshot whose folder
//! ([`snapshot_folder`]) is not there at the end. What it cannot see, that the snapshot is of a phone in order, the stages prove:
//! the last of them load it once.

use serde::{Deserialize, Serialize};

use super::{Bake, Stage, Work};
use crate::avd::{AVD_HOME, NAME};

/// Argument that makes `stakeout-device` bake.
pub const ARGUMENT: &str = "--bake";
/// Longest line that either half takes, bytes.
pub const LINE_MAX: usize = 64 << 10;
/// Most lines of one try.
pub const LINES_MAX: u32 = 20_000;

/// What the half in the container gets: one line of JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// 1.
    pub format: u32,
    /// All stages but the last: that one, keeping the image, is the host's.
    pub stages: Vec<Stage>,
}

/// What it says: one line of JSON each.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "said", deny_unknown_fields)]
pub enum Said {
    /// A stage began: `{"said":"begun","stage":0}`.
    Begun {
        /// Its place in [`Order::stages`].
        stage: usize,
    },
    /// It is done.
    Done {
        /// Its place.
        stage: usize,
    },
    /// It failed: `{"said":"failed","stage":3,"reason":"the package manager never answered"}`.
    Failed {
        /// Its place.
        stage: usize,
        /// Why, for people.
        reason: String,
    },
    /// For people who wait: `{"said":"note","text":"boot: 40 s"}`.
    Note {
        /// What.
        text: String,
    },
}

/// Where the snapshot must be at the end.
pub fn snapshot_folder(snapshot: &str) -> String {
    format!("{AVD_HOME}/{NAME}.avd/snapshots/{snapshot}")
}

impl Order {
    /// The half of a bake that is done in the container.
    pub fn of(bake: &Bake) -> Self {
        let stages = bake.stages.iter().filter(|s| !matches!(s.work, Work::Commit { .. })).cloned().collect();
        Self { format: 1, stages }
    }
}

impl Said {
    /// Reads a line.
    pub fn parse(line: &str) -> Result<Self, String> {
        if line.len() > LINE_MAX {
            return Err(format!("a line of more than {LINE_MAX} bytes"));
        }
        serde_json::from_str(line).map_err(|e| format!("a line that cannot be read ({e})"))
    }
}

/// Follows what is said, and says what is wrong with it.
#[derive(Debug)]
pub(super) struct Follow {
    stages: usize,
    at: usize,
    begun: bool,
    lines: u32,
}

/// What a line means.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Step {
    Begun(usize),
    Done,
    Failed(String),
    Note(String),
}

impl Follow {
    pub(super) const fn new(stages: usize) -> Self {
        Self { stages, at: 0, begun: false, lines: 0 }
    }

    /// The stage that is under way or comes next.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn over(&self) -> bool {
        self.at == self.stages
    }

    pub(super) fn on(&mut self, line: &str) -> Result<Step, String> {
        self.lines += 1;
        if self.lines > LINES_MAX {
            return Err(format!("more than {LINES_MAX} lines"));
        }
        let under_way = |stage: usize| self.begun && stage == self.at;
        match Said::parse(line)? {
            Said::Note { text } => Ok(Step::Note(text)),
            Said::Begun { stage } if !self.begun && stage == self.at && stage < self.stages => {
                self.begun = true;
                Ok(Step::Begun(stage))
            }
            Said::Done { stage } if under_way(stage) => {
                (self.at, self.begun) = (self.at + 1, false);
                Ok(Step::Done)
            }
            Said::Failed { stage, reason } if under_way(stage) => Ok(Step::Failed(reason)),
            Said::Begun { stage } => Err(format!("that stage {stage} began, which is not its turn")),
            Said::Done { stage } => Err(format!("that stage {stage} is done, which is not under way")),
            Said::Failed { stage, .. } => Err(format!("that stage {stage} failed, which is not under way")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_lines_of_the_docs_can_be_read_and_others_cannot() {
        assert_eq!(Said::parse("{\"said\":\"begun\",\"stage\":0}"), Ok(Said::Begun { stage: 0 }));
        assert_eq!(Said::parse("{\"said\":\"note\",\"text\":\"boot: 40 s\"}"), Ok(Said::Note { text: "boot: 40 s".into() }));
        let failed = "{\"said\":\"failed\",\"stage\":3,\"reason\":\"the package manager never answered\"}";
        assert!(matches!(Said::parse(failed), Ok(Said::Failed { stage: 3, .. })));
        let long = format!("{{\"said\":\"note\",\"text\":\"{}\"}}", "x".repeat(LINE_MAX));
        for bad in
            ["", "begun 0", "{}", "{\"said\":\"begun\"}", "{\"said\":\"begun\",\"stage\":-1}", "{\"said\":\"saved\",\"stage\":1}", &long]
        {
            assert!(Said::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        /// However the lines come, the end is reached only through every stage in its order.
        #[test]
        fn the_end_is_reached_only_stage_by_stage(lines in proptest::collection::vec((0_usize..4, 0_u8..3), 0..40)) {
            let mut follow = Follow::new(3);
            let mut done = Vec::new();
            for (stage, kind) in lines {
                let said = match kind {
                    0 => Said::Begun { stage },
                    1 => Said::Done { stage },
                    _ => Said::Note { text: String::new() },
                };
                match follow.on(&serde_json::to_string(&said).unwrap()) {
                    Ok(Step::Done) => done.push(stage),
                    Ok(_) => {}
                    Err(_) => break,
                }
                prop_assert_eq!(follow.over(), done == [0, 1, 2]);
            }
        }

        #[test]
        fn arbitrary_lines_never_panic(line in ".{0,200}") {
            let _ = Follow::new(2).on(&line);
        }
    }
}
