//! A device's program alone in a container, spoken to in bytes: what a worker of ours would never write.
//!
//! The engine's own client program starts it, with the grants and bounds of a cell's device, and no network at all: the pipe of
//! a cell carries only what the protocol's types can say.

use std::{io::Write as _, process::Stdio, time::Duration};

use serde_json::Value;
use stakeout_agent::Limits;
use stakeout_containers::{CellSpec, LABEL, Owner, Walls};
use stakeout_contract::DeviceKind;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::check::{Trouble, ensure, trouble};

/// Time for an answer, and for an end.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer that is read.
const LINE: u64 = 1 << 20;

/// Whether the engine's program is on the path.
pub(crate) fn possible() -> bool {
    std::env::var_os("PATH").is_some_and(|p| std::env::split_paths(&p).any(|d| d.join("docker").is_file()))
}

/// A device's program.
pub(crate) struct Raw {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// The filter of system calls, which the engine's program reads when it starts.
    _filter: Option<NamedTempFile>,
}

impl Raw {
    /// Starts it.
    pub(crate) fn start(kind: DeviceKind, image: &str, limits: &Limits, walls: &Walls) -> Result<Self, Trouble> {
        let mut spec = CellSpec::new("", image, limits.gateway_memory, limits.memory_of(kind));
        match kind {
            DeviceKind::Jvm => {}
            DeviceKind::Emulator => spec.emulator(true),
            DeviceKind::EmulatorFake => spec.emulator(false),
        }
        let filter = match walls.filter.json(spec.device.profile) {
            Some(json) => {
                let mut file = NamedTempFile::new()?;
                file.write_all(json.as_bytes())?;
                Some(file)
            }
            None => None,
        };
        let mut command = command(&spec, &Owner::this_process()?, filter.as_ref(), walls.runtimes.cell.as_deref());
        let mut child = command.spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(trouble("pipes to `docker run`", "none"));
        };
        Ok(Self { child, input: Some(input), output: BufReader::new(output), _filter: filter })
    }

    /// Writes bytes. A device that has ended does not read them, which is no error here.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        if let Some(i) = &mut self.input {
            let _ = i.write_all(bytes).await;
            let _ = i.flush().await;
        }
    }

    /// The answer with this number, past events. None: it ended.
    pub(crate) async fn answer(&mut self, id: u64) -> Result<Option<Value>, Trouble> {
        let read = async {
            loop {
                let mut line = Vec::new();
                let n = (&mut self.output).take(LINE).read_until(b'\n', &mut line).await?;
                if n == 0 {
                    return Ok::<_, Trouble>(None);
                }
                let Ok(v) = serde_json::from_slice::<Value>(&line) else { continue };
                if v.get("id").and_then(Value::as_u64) == Some(id) {
                    return Ok(Some(v));
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.map_err(|_| hangs("an answer or an end"))?
    }

    /// Ends its input, and waits until it has ended.
    pub(crate) async fn leave(mut self) -> Result<(), Trouble> {
        self.input = None;
        self.ended().await
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> Result<(), Trouble> {
        let mut rest = Vec::new();
        let both = async {
            // What it still says must not hold it up.
            let _ = (&mut self.output).take(64 * LINE).read_to_end(&mut rest).await;
            self.child.wait().await
        };
        let status = tokio::time::timeout(PATIENCE, both).await.map_err(|_| hangs("the device's program to end"))??;
        // It ends well, or says that it was spoken to badly; everything else is a crash, or no program at all.
        ensure(matches!(status.code(), Some(0 | 1)), "an end with code 0 or 1", || status.to_string())
    }
}

fn hangs(expected: &str) -> Trouble {
    trouble(format!("{expected} within {} s", PATIENCE.as_secs()), "nothing")
}

/// `docker run` with what a cell's device has.
fn command(spec: &CellSpec, owner: &Owner, filter: Option<&NamedTempFile>, runtime: Option<&str>) -> Command {
    let mut c = Command::new("docker");
    c.args(["run", "--rm", "-i", "--network", "none", "--read-only", "--user", "0", "--security-opt", "no-new-privileges:true"]);
    c.args(["--cap-drop", "ALL", "--log-driver", "none", "--label", &format!("{LABEL}={owner}")]);
    if let Some(filter) = filter {
        c.args(["--security-opt", &format!("seccomp={}", filter.path().display())]);
    }
    if let Some(runtime) = runtime {
        c.args(["--runtime", runtime]);
    }
    let device = &spec.device;
    for capability in &device.capabilities {
        c.args(["--cap-add", capability]);
    }
    for (path, options) in &device.tmpfs {
        c.args(["--tmpfs", &format!("{path}:rw,nosuid,nodev,{options}")]);
    }
    c.args(["--memory", &device.memory.to_string(), "--memory-swap", &device.memory.to_string()]);
    c.args(["--pids-limit", &device.pids.to_string()]);
    if device.kvm {
        c.args(["--device", "/dev/kvm"]);
    }
    c.arg(&spec.device_image).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    c
}

/// Containers and networks of this process that are there, as the engine's program says; none if there is no such program.
pub(crate) async fn there() -> Result<Option<Vec<String>>, Trouble> {
    if !possible() {
        return Ok(None);
    }
    let filter = format!("label={LABEL}={}", Owner::this_process()?);
    let mut all = Vec::new();
    for what in [&["ps", "--all", "--format", "{{.ID}} {{.Image}} {{.Status}}"][..], &["network", "ls", "--format", "{{.ID}} {{.Name}}"]] {
        let asked = Command::new("docker").args(what).args(["--filter", &filter]).stdin(Stdio::null()).kill_on_drop(true).output();
        let out = tokio::time::timeout(PATIENCE, asked).await.map_err(|_| hangs("the engine to answer"))??;
        ensure(out.status.success(), "the engine's program to answer", || String::from_utf8_lossy(&out.stderr).into_owned())?;
        all.extend(String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned));
    }
    Ok(Some(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_alone_has_no_more_power_than_in_a_cell_and_no_network() {
        let limits = Limits::default();
        let mut spec = CellSpec::new("", "an/image", limits.gateway_memory, limits.device_memory);
        spec.emulator(false);
        let filter = NamedTempFile::new().unwrap();
        let c = command(&spec, &Owner::this_process().unwrap(), Some(&filter), None);
        let words: Vec<_> = c.as_std().get_args().map(|a| a.to_str().unwrap()).collect();
        let after = |w: &str| words.iter().position(|x| *x == w).map(|i| words[i + 1]);
        assert_eq!([after("--network"), after("--cap-drop"), after("--memory")], [Some("none"), Some("ALL"), Some("2621440000")]);
        assert!(words.contains(&"--read-only") && !words.contains(&"--privileged") && !words.contains(&"--device"));
        assert!(words.iter().any(|w| w.starts_with("/work:rw,nosuid,nodev,noexec")), "{words:?}");
        assert!(words.contains(&&*format!("seccomp={}", filter.path().display())) && !words.contains(&"--runtime"));
        assert_eq!(words.iter().filter(|w| **w == "--cap-add").count(), stakeout_containers::hardening::DEVICE_CAPABILITIES.len());
    }
}
