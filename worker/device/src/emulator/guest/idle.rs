//! The state that the phone was put into, and whether it says that it is in it: what a verdict says of the idle time rests on it.

use stakeout_protocol::Problem;
use stakeout_truth::power::{self, IdleState};

use super::super::phone::Phone;
use crate::core::guest::Change;

/// What the phone was told to be. At a trial's begin, and after a restart, nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Idle {
    /// The screen is on, or off.
    screen: Option<bool>,
    /// It is in deep idle.
    doze: bool,
}

impl Idle {
    /// After a change.
    pub(super) const fn after(self, change: &Change) -> Self {
        match change {
            Change::Screen(on) => Self { screen: Some(*on), ..self },
            Change::Doze(on) => Self { doze: *on, ..self },
            Change::Reboot => Self { screen: None, doze: false },
            _ => self,
        }
    }

    /// What the phone is otherwise than it was told to be, by its own words; one that does not say it is otherwise.
    pub(super) async fn differs(self, phone: &Phone) -> Result<Option<String>, Problem> {
        if let Some(on) = self.screen {
            let off = power::parse(&phone.run("dumpsys power").await?.stdout).value.screen_off();
            if off != Some(!on) {
                return Ok(Some(other_screen(on, off)));
            }
        }
        if self.doze {
            let deep = power::parse_idle(&phone.run("cmd deviceidle get deep").await?.stdout).value.deep;
            // A pause for maintenance is a part of it.
            if !matches!(deep, Some(IdleState::Idle | IdleState::Maintenance)) {
                let is = deep.map_or_else(|| "not known".to_owned(), |d| format!("{d:?}").to_lowercase());
                return Ok(Some(format!("that the phone dozed: its state is {is}")));
            }
        }
        Ok(None)
    }
}

fn other_screen(on: bool, off: Option<bool>) -> String {
    let told = if on { "on" } else { "off" };
    let is = match off {
        Some(true) => "it is off",
        Some(false) => "it is on",
        None => "it is in a state that is not known",
    };
    format!("that the screen was {told}: the phone says that {is}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_expected_of_a_phone_that_was_told_nothing_and_of_one_that_was_started_anew() {
        let dozing = Idle::default().after(&Change::Screen(false)).after(&Change::Doze(true)).after(&Change::Background);
        assert_eq!(dozing, Idle { screen: Some(false), doze: true });
        assert_eq!(dozing.after(&Change::Doze(false)), Idle { screen: Some(false), doze: false });
        assert_eq!(dozing.after(&Change::Reboot), Idle::default());
        assert_eq!(other_screen(false, Some(false)), "that the screen was off: the phone says that it is on");
    }
}
