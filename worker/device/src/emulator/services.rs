//! Which life of Android's services keeps the books.
//!
//! The books lie in the memory of these processes. One that died takes its book along, and a new one answers a moment later as if
//! nothing had been; whoever asks every ten seconds may not see the gap. So at each look each must still be the process that it was.

use std::collections::BTreeMap;

use stakeout_protocol::Problem;

use super::phone::Phone;

/// Those that keep books, as the kernel names their processes.
const KEEPERS: [&str; 3] = ["system_server", "cameraserver", "audioserver"];
/// How often the system server was started, from Android 10 on (`SystemServer.SYSPROP_START_COUNT`): sees a number that came again.
const STARTS: &str = "sys.system_server.start_count";

/// Their processes, as they were at one look.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Services(BTreeMap<&'static str, String>);

impl Services {
    /// Asks for them.
    pub async fn read(phone: &Phone) -> Result<Self, Problem> {
        let asked: Vec<String> = KEEPERS.iter().map(|k| format!("echo {k}; pidof {k}")).collect();
        // `pidof` that finds none has an exit code of its own, which is no failure.
        let said = phone.run(&format!("{}; echo {STARTS}; getprop {STARTS}", asked.join("; "))).await?;
        Ok(Self::parse(&said.text()))
    }

    fn parse(text: &str) -> Self {
        let mut all = BTreeMap::new();
        let mut of = None;
        for line in text.lines().map(str::trim) {
            if let Some(name) = KEEPERS.iter().find(|k| **k == line) {
                of = Some(*name);
            } else if line == STARTS {
                of = Some(KEEPERS[0]);
            } else if let Some(name) = of
                && !line.is_empty()
            {
                let numbers: &mut String = all.entry(name).or_default();
                numbers.push_str(line);
                numbers.push(' ');
            }
        }
        Self(all)
    }

    /// Those of which nothing is known: they do not run, or the guest has no `pidof`.
    pub fn unknown(&self) -> impl Iterator<Item = &'static str> {
        KEEPERS.into_iter().filter(|k| !self.0.contains_key(k))
    }

    /// Those that are no longer what they were.
    pub fn other_than(&self, before: &Self) -> impl Iterator<Item = &'static str> {
        KEEPERS.into_iter().filter(|k| self.0.get(k) != before.0.get(k))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Services {
        Services::parse(text)
    }

    #[test]
    fn each_keeper_is_known_by_its_number_and_the_system_server_by_its_starts_too() {
        let first = of("system_server\n612\ncameraserver\n433\naudioserver\n431\nsys.system_server.start_count\n1\n");
        assert_eq!(first.unknown().count(), 0);
        let again = of("system_server\n612\ncameraserver\n433\naudioserver\n431\nsys.system_server.start_count\n2\n");
        assert_eq!(again.other_than(&first).collect::<Vec<_>>(), ["system_server"]);
        let camera = of("system_server\n612\ncameraserver\n9433\naudioserver\n431\nsys.system_server.start_count\n1\n");
        assert_eq!(camera.other_than(&first).collect::<Vec<_>>(), ["cameraserver"]);
        assert_eq!(first.other_than(&first.clone()).count(), 0);
    }

    #[test]
    fn one_that_is_gone_has_changed_and_a_guest_before_android_10_has_no_count() {
        let first = of("system_server\n612\ncameraserver\n433\naudioserver\n431\nsys.system_server.start_count\n\n");
        let gone = of("system_server\ncameraserver\n433\naudioserver\n431\nsys.system_server.start_count\n\n");
        assert_eq!(gone.other_than(&first).collect::<Vec<_>>(), ["system_server"]);
        assert_eq!(gone.unknown().collect::<Vec<_>>(), ["system_server"]);
        assert_eq!(of("/system/bin/sh: pidof: not found").unknown().count(), 3);
    }
}
