//! The device as its owner left it, and which verbs bring it into another state. Pure.

use stakeout_contract::{DeviceState, scenario::IdleState};
use stakeout_protocol::device::Verb;

/// What the scenario did to the device so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Phone {
    screen: bool,
    doze: bool,
    app_on_top: bool,
    launched: bool,
    rebooted: bool,
}

impl Default for Phone {
    /// After boot: the screen is on, Home is visible.
    fn default() -> Self {
        Self { screen: true, doze: false, app_on_top: false, launched: false, rebooted: false }
    }
}

impl Phone {
    /// Wakes the device, for an act of its owner.
    pub fn wake(&mut self) -> Vec<Verb> {
        let mut verbs = Vec::new();
        if std::mem::take(&mut self.doze) {
            verbs.push(Verb::Doze { on: false });
        }
        if !std::mem::replace(&mut self.screen, true) {
            verbs.push(Verb::Screen { on: true });
        }
        verbs
    }

    /// The app was opened by its icon.
    pub fn launched(&mut self) {
        (self.app_on_top, self.launched, self.rebooted) = (true, true, false);
    }

    /// Home was pressed.
    pub fn home(&mut self) {
        self.app_on_top = false;
    }

    /// The device started anew.
    pub fn rebooted(&mut self) {
        *self = Self { rebooted: true, ..Self::default() };
    }

    /// Brings the device into the state of an idle step. Verbs of the device before those of the app: an app that comes back
    /// must find the screen on.
    pub fn idle(&mut self, to: IdleState) -> Vec<Verb> {
        let mut verbs = Vec::new();
        match to {
            IdleState::Foreground => {
                verbs = self.wake();
                // After a reboot the app is open only when its owner opened it: an idle step does not.
                if self.launched && !std::mem::replace(&mut self.app_on_top, true) {
                    verbs.push(Verb::Foreground);
                }
            }
            IdleState::Background => {
                verbs = self.wake();
                if std::mem::take(&mut self.app_on_top) {
                    verbs.push(Verb::Background);
                }
            }
            IdleState::ScreenOff | IdleState::Doze => {
                let doze = to == IdleState::Doze;
                if self.doze && !doze {
                    verbs.push(Verb::Doze { on: false });
                }
                if std::mem::take(&mut self.screen) {
                    verbs.push(Verb::Screen { on: false });
                }
                if doze && !self.doze {
                    verbs.push(Verb::Doze { on: true });
                }
                self.doze = doze;
            }
        }
        verbs
    }

    /// The word for an idle step in this state.
    pub fn state(&self, asked: IdleState) -> DeviceState {
        match asked {
            _ if self.rebooted => DeviceState::AfterReboot,
            IdleState::Foreground if !self.app_on_top => DeviceState::Background,
            other => other.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_is_these_verbs_and_no_others() {
        let mut p = Phone::default();
        assert_eq!(p.wake(), []);
        p.launched();
        let mut idle = |s| (p.idle(s), p.state(s));
        assert_eq!(idle(IdleState::Foreground), (vec![], DeviceState::Foreground));
        assert_eq!(idle(IdleState::Background), (vec![Verb::Background], DeviceState::Background));
        assert_eq!(idle(IdleState::ScreenOff), (vec![Verb::Screen { on: false }], DeviceState::ScreenOff));
        assert_eq!(idle(IdleState::Doze), (vec![Verb::Doze { on: true }], DeviceState::Doze));
        assert_eq!(idle(IdleState::ScreenOff), (vec![Verb::Doze { on: false }], DeviceState::ScreenOff));
        assert_eq!(idle(IdleState::Foreground), (vec![Verb::Screen { on: true }, Verb::Foreground], DeviceState::Foreground));
        assert_eq!(idle(IdleState::Doze), (vec![Verb::Screen { on: false }, Verb::Doze { on: true }], DeviceState::Doze));
        assert_eq!(
            idle(IdleState::Background),
            (vec![Verb::Doze { on: false }, Verb::Screen { on: true }, Verb::Background], DeviceState::Background)
        );
    }

    #[test]
    fn after_a_reboot_every_idle_state_is_after_reboot_until_the_app_is_opened() {
        let mut p = Phone::default();
        p.launched();
        p.rebooted();
        for s in [IdleState::Foreground, IdleState::Background, IdleState::ScreenOff] {
            assert!(!p.idle(s).contains(&Verb::Foreground));
            assert_eq!(p.state(s), DeviceState::AfterReboot);
        }
        assert_eq!(p.wake(), [Verb::Screen { on: true }]);
        p.launched();
        assert_eq!((p.idle(IdleState::Background), p.state(IdleState::Background)), (vec![Verb::Background], DeviceState::Background));
    }

    #[test]
    fn an_app_that_was_never_opened_is_not_in_the_foreground() {
        let mut p = Phone::default();
        assert_eq!((p.idle(IdleState::Foreground), p.state(IdleState::Foreground)), (vec![], DeviceState::Background));
    }
}
