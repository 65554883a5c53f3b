//! Who made a container, so that what a dead process left can be told from what a living one uses.

use std::{fmt, fs, io, str::FromStr};

/// Label of everything that is made here; its value is the [`Owner`].
pub const LABEL: &str = "org.stakeout.cell";
/// Label with what a container is: `gateway`, `device` or `analysis`.
pub const ROLE_LABEL: &str = "org.stakeout.role";
/// Label with the trial's id, for people who look at `docker ps`.
pub const TRIAL_LABEL: &str = "org.stakeout.trial";

/// A process, named so that no other process ever has the same name: boot id, namespace of process ids, id, start time in
/// clock ticks since boot. Written `BOOT/NAMESPACE/PID/START`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Owner {
    boot: String,
    namespace: u64,
    pid: u32,
    start: u64,
}

/// What is known of an owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// The process runs.
    Alive,
    /// It does not, and never will again.
    Dead,
    /// It lives or lived where this process cannot look: in another namespace of process ids.
    Unknown,
}

impl Owner {
    /// This process.
    pub fn this_process() -> io::Result<Self> {
        let pid = std::process::id();
        let start = start_time(pid)?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "/proc/self/stat has no start time"))?;
        Ok(Self { boot: boot_id()?, namespace: namespace()?, pid, start })
    }

    /// Whether it still runs, as far as this process can know.
    pub fn life(&self) -> io::Result<Life> {
        if self.boot != boot_id()? {
            return Ok(Life::Dead);
        }
        if self.namespace != namespace()? {
            return Ok(Life::Unknown);
        }
        Ok(if start_time(self.pid)? == Some(self.start) { Life::Alive } else { Life::Dead })
    }
}

fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// The number in `pid:[4026531836]`.
fn namespace() -> io::Result<u64> {
    let link = fs::read_link("/proc/self/ns/pid")?;
    let digits: String = link.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    digits.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "/proc/self/ns/pid has no number"))
}

/// Field 22 of `/proc/PID/stat`, none if there is no such process, or only its remains: a zombie does nothing any more.
fn start_time(pid: u32) -> io::Result<Option<u64>> {
    let stat = match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(s) => s,
        Err(e) if e.kind() == io::ErrorKind::NotFound || e.raw_os_error() == Some(3) => return Ok(None),
        Err(e) => return Err(e),
    };
    // The second field is the name in parentheses and may hold anything, also `) `.
    let mut fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    if matches!(fields.next(), Some("Z" | "X")) {
        return Ok(None);
    }
    Ok(fields.nth(18).and_then(|f| f.parse().ok()))
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.boot, self.namespace, self.pid, self.start)
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        let mut parts = s.split('/');
        let mut next = || parts.next().ok_or(());
        let boot = next()?.to_owned();
        let owner = Self {
            boot,
            namespace: next()?.parse().map_err(drop)?,
            pid: next()?.parse().map_err(drop)?,
            start: next()?.parse().map_err(drop)?,
        };
        if next().is_ok() { Err(()) } else { Ok(owner) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_survives_its_written_form() {
        let me = Owner::this_process().unwrap();
        assert_eq!(me.to_string().parse(), Ok(me.clone()));
        assert_eq!(me.life().unwrap(), Life::Alive);
    }

    #[test]
    fn another_start_time_or_boot_is_dead_and_another_namespace_is_not_judged() {
        let me = Owner::this_process().unwrap();
        assert_eq!(Owner { start: me.start + 1, ..me.clone() }.life().unwrap(), Life::Dead);
        assert_eq!(Owner { boot: "another".into(), ..me.clone() }.life().unwrap(), Life::Dead);
        assert_eq!(Owner { namespace: 1, ..me }.life().unwrap(), Life::Unknown);
    }

    #[test]
    fn a_process_that_ended_is_dead_even_before_it_is_waited_for() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let start = start_time(child.id()).unwrap().unwrap();
        let owner = Owner { pid: child.id(), start, ..Owner::this_process().unwrap() };
        assert_eq!(owner.life().unwrap(), Life::Alive);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(owner.life().unwrap(), Life::Dead);
    }

    #[test]
    fn other_texts_are_no_owner() {
        for s in ["", "a/b/c/d", "a/1/2", "a/1/2/3/4", "a/-1/2/3"] {
            assert!(s.parse::<Owner>().is_err(), "{s}");
        }
    }
}
