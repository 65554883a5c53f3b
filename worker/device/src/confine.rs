//! Programs as another user without any power.

use std::{ffi::OsString, fs, time::Duration};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::process::Command;

/// What a program may use. Its memory and processes are limited by the container.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open files.
    pub files: u64,
    /// Bytes of a file.
    pub file_bytes: u64,
    /// Groups that it is in beside its own: of devices.
    pub groups: [Option<u32>; 2],
}

/// A command that runs as `user` with no capability, none to be had again, no new privileges by exec, and an environment
/// of ours. The two helpers are of util-linux and replace themselves, so the child's process id is the program's.
pub fn command(program: &[OsString], user: Option<u32>, limits: Limits) -> Command {
    let mut words: Vec<OsString> = Vec::new();
    if let Some(user) = user {
        words.extend(["prlimit", "--core=0"].map(OsString::from));
        words.push(format!("--nofile={}", limits.files).into());
        words.push(format!("--fsize={}", limits.file_bytes).into());
        words.push("setpriv".into());
        words.extend(["reuid", "regid"].map(|w| OsString::from(format!("--{w}={user}"))));
        let groups: Vec<String> = limits.groups.iter().flatten().map(u32::to_string).collect();
        words.push(if groups.is_empty() { "--clear-groups".into() } else { format!("--groups={}", groups.join(",")).into() });
        words.extend(["--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--"].map(OsString::from));
    }
    words.extend(program.iter().cloned());
    let mut words = words.into_iter();
    let mut c = Command::new(words.next().unwrap_or_default());
    c.args(words);
    c.env_clear();
    c.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
    c.kill_on_drop(true);
    c
}

/// A command of ours without any capability, in the group of `user` where there is one: what it makes belongs to that group, as we
/// have no power to give a file away.
pub fn in_group(program: &[OsString], user: Option<u32>) -> Command {
    let mut words: Vec<OsString> = Vec::new();
    if let Some(user) = user {
        words.extend(["setpriv".to_owned(), format!("--regid={user}")].map(OsString::from));
        words.extend(
            ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--"].map(OsString::from),
        );
    }
    words.extend(program.iter().cloned());
    let mut words = words.into_iter();
    let mut c = Command::new(words.next().unwrap_or_default());
    c.args(words).kill_on_drop(true);
    c
}

/// Kills every process of a user, until none is left or five seconds have passed. Returns whether none is left.
/// Only for a container, whose processes are all ours.
pub async fn kill_user(user: u32) -> bool {
    for _ in 0..250 {
        let left = processes_of(user);
        if left.is_empty() {
            return true;
        }
        for p in left {
            let _ = kill_process(p, Signal::KILL);
            // Who lost its parent became ours when we are the first process; our own children are waited for where they
            // were started.
            if parent_of(p) == Some(rustix::process::getpid()) && is_zombie(p) {
                let _ = waitpid(Some(p), WaitOptions::NOHANG);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

fn processes_of(user: u32) -> Vec<Pid> {
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = all.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter_map(Pid::from_raw).filter(|p| field(*p, "Uid:").is_some_and(|v| v == user.to_string())).collect()
}

fn parent_of(p: Pid) -> Option<Pid> {
    Pid::from_raw(field(p, "PPid:")?.parse().ok()?)
}

fn is_zombie(p: Pid) -> bool {
    field(p, "State:").is_some_and(|s| s == "Z")
}

/// Largest memory that a process has had, KiB, as the kernel says.
pub fn peak_kib(pid: u32) -> Option<u64> {
    field(Pid::from_raw(i32::try_from(pid).ok()?)?, "VmHWM:")?.parse().ok()
}

/// How often the kernel has ended something of this container for its memory; 0 where it does not say.
pub fn memory_kills() -> u64 {
    ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"]
        .iter()
        .filter_map(|p| fs::read_to_string(p).ok())
        .map(|t| kills_of(&t))
        .sum()
}

fn kills_of(text: &str) -> u64 {
    text.lines().find_map(|l| l.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
}

/// First word of a line of a process's status.
fn field(p: Pid, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{}/status", p.as_raw_nonzero())).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix(name))?;
    line.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confined_command_gives_up_every_power_before_the_program_starts() {
        let c = command(&["java".into(), "-version".into()], Some(10_001), Limits { files: 10, file_bytes: 20, groups: [None; 2] });
        let words: Vec<_> = c.as_std().get_args().map(|a| a.to_str().unwrap()).collect();
        let at = words.iter().position(|w| *w == "--").unwrap();
        assert_eq!(words[at + 1..], ["java", "-version"]);
        for need in ["--reuid=10001", "--regid=10001", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--core=0"] {
            assert!(words[..at].contains(&need), "{need}");
        }
        let c = command(&["emulator".into()], Some(10_001), Limits { files: 10, file_bytes: 20, groups: [Some(108), Some(44)] });
        assert!(c.as_std().get_args().any(|a| a == "--groups=108,44"));
    }

    #[test]
    fn both_kinds_of_control_groups_say_how_often_memory_ran_out() {
        assert_eq!(kills_of("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), 2);
        assert_eq!(kills_of("low 0\noom 5\noom_kill 3\noom_group_kill 0\n"), 3);
        assert_eq!(kills_of(""), 0);
    }

    #[test]
    fn the_kernel_says_how_much_memory_a_process_had() {
        assert!(peak_kib(std::process::id()).unwrap() > 100);
    }
}
