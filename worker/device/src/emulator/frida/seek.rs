//! Looks for the app's processes and has an agent in each, for as long as it lives.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use stakeout_contract::{
    Nanos,
    observation::{Fact, Source},
};
use stakeout_links::{
    Adb, Fault, LinkError,
    adb::Line as Said,
    guest::{Ceilings, Guest as _},
};
use stakeout_protocol::device::Event;
use tokio::{
    task::{AbortHandle, JoinSet},
    time::Instant,
};

use super::{
    SharedEar,
    lines::{LINE, Line, What, short},
};
use crate::{
    core::{outbox::Outbox, window::monotonic_nanos},
    emulator::clock::{SharedClock, lock},
};

/// Our time between two looks at the guest's processes: for a while after an act of the owner's, and else.
const SOON: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(250));
const PAUSE: Duration = Duration::from_secs(2);
/// Bytes of a list of processes.
const PROCESSES: usize = 256 << 10;
/// Processes that have an agent at a time, and tries of each.
const WATCHED: usize = 8;
const TRIES: u32 = 2;
/// Lines in a second that are listened to, bytes in a trial, and lines of a process that are not the agent's.
const RATE: u32 = 2000;
const BYTES: u64 = 256 << 20;
const STRANGE: u32 = 1000;
/// An agent may say nothing for as long as a trial lasts.
const SILENT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Has agents in an app's processes.
pub struct Seeker {
    /// The guest.
    pub adb: Arc<Adb>,
    /// The command that puts the agent into a process, but for its number.
    pub command: String,
    /// The app's user.
    pub uid: u32,
    /// The trial's clock.
    pub clock: SharedClock,
    /// Who is told.
    pub out: Outbox,
    /// Who listens.
    pub ear: SharedEar,
    /// The last act of the owner's.
    pub acted: Arc<Mutex<Instant>>,
    /// Time for a command of the guest's, and for an agent to say that it listens.
    pub within: (Duration, Duration),
    /// Agents that run.
    pub running: Arc<AtomicU64>,
    /// Bytes that all said.
    pub bytes: AtomicU64,
}

/// A process that had an agent put into it.
struct Watched {
    tries: u32,
    task: AbortHandle,
}

/// A line for the trial's record and the device's log.
pub async fn say(out: &Outbox, at: Nanos, line: String) {
    out.fact(at, Source::Device, Fact::Log { line: line.clone() }).await;
    out.event(Event::Log { line }).await;
}

/// Processes of a user in what `ps -A -o UID,PID,NAME` says.
pub fn processes(text: &str, uid: u32) -> BTreeMap<u32, String> {
    let of = |line: &str| {
        let mut words = line.split_whitespace();
        let (user, pid) = (words.next()?.parse::<u32>().ok()?, words.next()?.parse::<u32>().ok()?);
        (user == uid && pid > 1).then(|| (pid, short(words.next().unwrap_or_default())))
    };
    text.lines().filter_map(of).collect()
}

impl Seeker {
    fn now(&self) -> Nanos {
        lock(&self.clock).now(monotonic_nanos())
    }

    /// Goes on until it is dropped.
    pub async fn seek(self) {
        let this = Arc::new(self);
        let mut all: BTreeMap<u32, Watched> = BTreeMap::new();
        let mut tasks = JoinSet::new();
        let mut crowded = false;
        loop {
            while tasks.try_join_next().is_some() {}
            // In the middle of a restart nobody answers.
            if let Some(now) = this.processes().await {
                all.retain(|pid, _| now.contains_key(pid));
                for (pid, name) in now {
                    let tries = match all.get(&pid) {
                        None => 1,
                        Some(w) if w.task.is_finished() && w.tries < TRIES => w.tries + 1,
                        Some(_) => continue,
                    };
                    if tasks.len() >= WATCHED {
                        if !std::mem::replace(&mut crowded, true) {
                            say(
                                &this.out,
                                this.now(),
                                format!("frida: the app has more than {WATCHED} processes, and not all are watched"),
                            )
                            .await;
                        }
                        continue;
                    }
                    let task = tasks.spawn(this.clone().watch(pid, name));
                    all.insert(pid, Watched { tries, task });
                }
            }
            let acted = *this.acted.lock().unwrap_or_else(PoisonError::into_inner);
            tokio::time::sleep(if acted.elapsed() < SOON.0 { SOON.1 } else { PAUSE }).await;
        }
    }

    async fn processes(&self) -> Option<BTreeMap<u32, String>> {
        let ceilings = Ceilings { stdout: PROCESSES, ..Ceilings::default() };
        let done = self.adb.shell_with("ps -A -o UID,PID,NAME", ceilings, self.within.0).await.ok()?;
        (!done.failed()).then(|| processes(&done.text(), self.uid))
    }

    /// One agent, from its begin to its end.
    async fn watch(self: Arc<Self>, pid: u32, name: String) {
        let since = self.now();
        self.running.fetch_add(1, Ordering::Relaxed);
        let (hooked, why) = self.listen(pid, &name, since).await;
        self.running.fetch_sub(1, Ordering::Relaxed);
        let now = self.now();
        self.ear.lock().unwrap_or_else(PoisonError::into_inner).gone(pid, now);
        let how = if hooked { "no longer attached to" } else { "not attached to" };
        say(&self.out, now, format!("frida: {how} process {pid} (`{name}`): {why}")).await;
    }

    /// Hears an agent until it ends: whether it had begun to listen, and why it has ended.
    async fn listen(&self, pid: u32, name: &str, since: Nanos) -> (bool, String) {
        let mut lines = match self.adb.follow(&self.command.replace("PID", &pid.to_string()), LINE, self.within.0).await {
            Ok(lines) => lines,
            Err(e) => return (false, e.to_string()),
        };
        let until = Instant::now() + self.within.1;
        // The last line that is not the agent's says why it ends.
        let (mut hooked, mut strange, mut last) = (false, 0, None::<String>);
        let mut pace = (Instant::now(), 0);
        loop {
            let limit = if hooked { SILENT } else { until.saturating_duration_since(Instant::now()) };
            let said = match lines.next(limit).await {
                Ok(Some(said)) => said,
                Ok(None) => return (hooked, last.map_or_else(|| "it has ended".to_owned(), |l| format!("it has ended: {l}"))),
                Err(LinkError { fault: Fault::Timeout(_), .. }) if !hooked => {
                    let more = last.map_or_else(String::new, |l| format!(", its last words: {l}"));
                    return (false, format!("it does not say within {} s that it listens{more}", self.within.1.as_secs()));
                }
                Err(e) => return (hooked, e.to_string()),
            };
            if self.bytes.fetch_add(said.text.len() as u64, Ordering::Relaxed) > BYTES {
                return (hooked, format!("agents have said more than {} MiB", BYTES >> 20));
            }
            self.pace(&mut pace).await;
            match Line::parse(&said.text, pid).filter(|_| !said.cut) {
                Some(Line { what: What::Hello { java: false, why, .. }, .. }) => return (false, format!("no Java in it: {why}")),
                Some(Line { what: What::Hooked { hooked: to, missing }, .. }) if !hooked => {
                    hooked = true;
                    let not: Vec<String> = missing.iter().map(|(hook, why)| format!("; not `{hook}`: {why}")).collect();
                    say(
                        &self.out,
                        self.now(),
                        format!("frida: attached to process {pid} (`{name}`), hooks {}{}", to.join(", "), not.concat()),
                    )
                    .await;
                }
                Some(line) => {
                    let at = self.date(line.up, since);
                    self.ear.lock().unwrap_or_else(PoisonError::into_inner).hear(pid, line, at);
                }
                None => {
                    strange += 1;
                    if strange > STRANGE {
                        return (hooked, format!("it says more than {STRANGE} lines that are not the agent's"));
                    }
                    if last.replace(visible(&said)).is_some() {
                        self.ear.lock().unwrap_or_else(PoisonError::into_inner).lose("lines that are not the agent's", 1);
                    }
                }
            }
        }
    }

    /// Lets at most so many lines a second through: the guest waits with the rest.
    async fn pace(&self, (begun, lines): &mut (Instant, u32)) {
        *lines += 1;
        if *lines < RATE {
            return;
        }
        tokio::time::sleep_until(*begun + Duration::from_secs(1)).await;
        (*begun, *lines) = (Instant::now(), 0);
    }

    /// When a line is of: as the process says, but not before we came to it, nor later than now.
    fn date(&self, up: Option<u64>, since: Nanos) -> Nanos {
        let mut clock = lock(&self.clock);
        let now = clock.now(monotonic_nanos());
        up.and_then(|up| clock.of_up(up)).unwrap_or(now).max(since).min(now)
    }
}

/// A line for people: without what colours it on a terminal.
fn visible(said: &Said) -> String {
    let mut out = String::new();
    let mut rest = said.text.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, r)| r);
    }
    out.push_str(rest);
    short(out.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_the_users_own() {
        let text = "  UID   PID NAME\n    0     1 init\n10123  4123 org.x\n10123  4200 org.x:remote\n10124  9 other\nnonsense\n10123 1 x\n";
        let want = [(4123, "org.x".to_owned()), (4200, "org.x:remote".to_owned())];
        assert_eq!(processes(text, 10_123), BTreeMap::from(want));
        assert!(processes("ps: bad -o", 10_123).is_empty());
    }

    #[test]
    fn last_words_have_no_colours() {
        let said = |text: &str| Said { text: text.to_owned(), cut: false };
        assert_eq!(visible(&said("\u{1b}[0;31mProcess terminated\u{1b}[0m")), "Process terminated");
        assert_eq!(visible(&said("a \u{1b}[ b\tc")), "a");
    }
}
