//! Commands in the guest. What they say is the guest's: text of strangers.

use std::{sync::Arc, time::Duration};

use stakeout_links::{
    Adb, Fault, LinkError,
    guest::{Ceilings, Guest as _, Output, quote},
};
use stakeout_protocol::Problem;
use stakeout_truth::{GuestClock, Zone};

use super::{
    clock::{Look, PACE_FROM, SharedClock, lock},
    recorder::Recorder,
};
use crate::core::window::monotonic_nanos;

/// Folder of ours in the guest.
pub const FOLDER: &str = "/data/local/tmp";

/// An answer about the clocks that took so long, in nanoseconds, is good enough, and how often it is asked for.
const NARROW: u64 = 15_000_000;
const LOOKS: usize = 4;

/// A guest that can be spoken to.
#[derive(Debug)]
pub struct Phone {
    /// Its adbd.
    pub adb: Arc<Adb>,
    /// Time for one command.
    pub within: Duration,
    /// The guest's time zone.
    pub zone: Zone,
    /// Who is told the raw answers.
    pub recorder: Option<Recorder>,
}

/// How a link's failure is told.
#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub fn problem(e: LinkError) -> Problem {
    let code = match &e.fault {
        Fault::Timeout(_) => "deadline",
        // Another try on another host may go better.
        _ => "failed",
    };
    let mut text = e.to_string();
    let mut cause = std::error::Error::source(&e);
    while let Some(c) = cause {
        text.push_str(": ");
        text.push_str(&c.to_string());
        cause = c.source();
    }
    Problem::new(code, text)
}

impl Phone {
    /// Runs a command, whatever its exit code.
    pub async fn run(&self, command: &str) -> Result<Output, Problem> {
        let done = self.adb.shell(command, self.within).await.map_err(problem)?;
        self.told(command, &done).await;
        Ok(done)
    }

    async fn told(&self, command: &str, done: &Output) {
        if let Some(recorder) = &self.recorder {
            recorder.tell(command, done).await;
        }
    }

    /// [`Phone::run`], with more room and time.
    pub async fn run_long(&self, command: &str, stdout: usize, within: Duration) -> Result<Output, Problem> {
        let done = self.adb.shell_with(command, Ceilings { stdout, ..Ceilings::default() }, within).await.map_err(problem)?;
        self.told(command, &done).await;
        Ok(done)
    }

    /// Runs a command that has to work, and gives what it says.
    pub async fn say(&self, command: &str) -> Result<String, Problem> {
        let done = self.run(command).await?;
        if done.failed() || done.truncated {
            // Not more of it: what is typed may be a secret.
            let first = command.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
            let why = if done.truncated { "its answer is too long".to_owned() } else { first_line(&done) };
            return Err(Problem::new("failed", format!("`{first} ..` failed in the guest: {why}")));
        }
        Ok(done.text().into_owned())
    }

    /// A property of the system; empty if there is none.
    pub async fn property(&self, name: &str) -> Result<String, Problem> {
        Ok(self.say(&format!("getprop {name}")).await?.trim().to_owned())
    }

    /// Looks at both clocks; again if the answer took long, as then it is not known when it was true.
    pub async fn look(&self) -> Result<Look, Problem> {
        let mut best = self.look_once().await?;
        for _ in 1..LOOKS {
            if best.width() <= NARROW {
                break;
            }
            let next = self.look_once().await?;
            if next.width() < best.width() {
                best = next;
            }
        }
        Ok(best)
    }

    /// The clock begins now, with the pace of the guest since it was ready: one that begins without would date its first seconds wrongly.
    pub async fn begin(&self, clock: &SharedClock, ready: &Look) -> Result<(), Problem> {
        let mut look = self.look().await?;
        if !lock(clock).pace(ready, &look) {
            tokio::time::sleep(PACE_FROM).await;
            look = self.look().await?;
            lock(clock).pace(ready, &look);
        }
        lock(clock).begin(look);
        Ok(())
    }

    /// Sets the zone, by the service that tells everybody of it: Android's own server dates its books in the zone that it was told last,
    /// whatever the property says.
    pub async fn go_to(&mut self, zone: &str) -> Result<(), Problem> {
        const PROPERTY: &str = "persist.sys.timezone";
        let done = self.run(&format!("cmd alarm set-timezone {}", quote(zone))).await?;
        if done.failed() || self.property(PROPERTY).await? != zone {
            // An older one has no command for it, and the same call: `setTimeZone` is the third of `IAlarmManager`.
            self.call("service call alarm 3 s16", &[zone]).await?;
        }
        let is = self.property(PROPERTY).await?;
        if is != zone {
            let is: String = is.chars().filter(|c| !c.is_control()).take(80).collect();
            return Err(Problem::new("failed", format!("the guest does not go to the zone `{zone}`, and stays in `{is}`")));
        }
        self.zone = Zone::Named(zone.to_owned());
        Ok(())
    }

    /// Takes the phone from its charger, and makes sure that it believes it: on one, it neither dozes nor restricts anybody.
    pub async fn unplug(&self) -> Result<(), Problem> {
        self.say("dumpsys battery unplug").await?;
        let said = self.say("dumpsys battery").await?;
        let powered: Vec<&str> = said.lines().filter_map(|l| l.trim().split_once(" powered: ")).map(|(_, v)| v.trim()).collect();
        if powered.is_empty() || powered.contains(&"true") {
            return Err(Problem::new("failed", "the phone does not go from its charger, or does not say so"));
        }
        Ok(())
    }

    async fn look_once(&self) -> Result<Look, Problem> {
        let before = monotonic_nanos();
        let text = self.say("cat /proc/uptime; date +%s.%N").await?;
        let after = monotonic_nanos();
        Look::parse(&text, before, after).ok_or_else(|| Problem::new("failed", "the guest's clocks cannot be read"))
    }

    /// The guest's clock for a record that was asked for at `asked` (CLOCK_MONOTONIC) and came before a look, of a guest whose time
    /// runs so much faster than ours. When in between the record was made is not known, and on a busy host that is long.
    pub fn clock(&self, asked: u64, look: &Look, speed: f64) -> GuestClock {
        let wide = ((look.after.saturating_sub(asked.min(look.before)) / 1_000_000 + 50) as f64 * speed.max(1.0)) as u32;
        GuestClock::new(look.wall_ms, &self.zone).unwrap_or_else(|_| GuestClock::utc(look.wall_ms)).give_or_take(wide)
    }

    /// A command that has to work, with arguments that the shell must take as they are.
    pub async fn call(&self, command: &str, arguments: &[&str]) -> Result<String, Problem> {
        let quoted: Vec<String> = arguments.iter().map(|a| quote(a)).collect();
        self.say(&format!("{command} {}", quoted.join(" "))).await
    }
}

/// The first line of what a command complains about, for people.
pub fn first_line(done: &Output) -> String {
    let all = [done.stderr.as_slice(), done.stdout.as_slice()].concat();
    let text = String::from_utf8_lossy(&all);
    let line = text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or("it says nothing");
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(300).collect()
}
