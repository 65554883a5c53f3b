//! Follows what the half in the container says.

use stakeout_protocol::bake::{LINES_MAX, Said};

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
