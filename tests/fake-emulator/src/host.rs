//! The host's microphone by PulseAudio, as QEMU's driver `pa` has it: connected once, when the sound card is made, and from then on
//! ready to record. The client is the real one (`parec`), and so is the server: whoever starts us gives it.

use std::{
    collections::VecDeque,
    env,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    io::AsyncReadExt,
    net::UnixStream,
    process::{ChildStdout, Command},
};

use crate::world::World;

/// Of our time: a recording that got less by then stays as it is.
const PATIENCE: Duration = Duration::from_millis(300);
/// What a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// The microphone of a sound server.
#[derive(Debug)]
pub struct Host {
    /// Samples a second.
    pub rate: u32,
    server: String,
    source: Option<String>,
    /// What was heard since the guest began to record; none: it does not.
    queue: Mutex<Option<VecDeque<u8>>>,
}

impl Host {
    /// If QEMU's variables say that there is one.
    pub fn of_environment() -> Option<Self> {
        let variable = |name: &str| env::var(name).ok().filter(|v| !v.is_empty());
        variable("QEMU_AUDIO_DRV").filter(|d| d == "pa")?;
        Some(Self {
            rate: variable("QEMU_AUDIO_ADC_FIXED_FREQ").and_then(|r| r.parse().ok()).unwrap_or(44_100),
            server: variable("QEMU_PA_SERVER").or_else(|| variable("PULSE_SERVER"))?,
            source: variable("QEMU_PA_SOURCE"),
            queue: Mutex::default(),
        })
    }

    /// Records so many bytes, in so many of our seconds. What does not come is silence.
    pub async fn record(&self, total: usize, seconds: f64) -> Vec<u8> {
        let queue = || self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        // What was heard before is not kept.
        *queue() = Some(VecDeque::new());
        let until = Instant::now() + Duration::from_secs_f64(seconds) + PATIENCE;
        while queue().as_ref().is_some_and(|q| q.len() < total) && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut heard: Vec<u8> = queue().take().unwrap_or_default().into();
        heard.resize(total, 0);
        heard
    }

    fn hear(&self, bytes: &[u8]) {
        if let Some(queue) = self.queue.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            queue.extend(bytes);
        }
    }

    /// Kills the server.
    pub async fn kill(&self) {
        let Ok(stream) = UnixStream::connect(self.server.trim_start_matches("unix:")).await else { return };
        let Some(pid) = stream.peer_cred().ok().and_then(|c| c.pid()) else { return };
        let _ = Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status().await;
    }

    fn client(&self) -> Command {
        let mut command = Command::new("parec");
        command.args(["--raw", "--format=s16le", "--channels=1", "--latency-msec=20"]);
        command.arg(format!("--rate={}", self.rate)).arg(format!("--server={}", self.server));
        command.args(self.source.as_ref().map(|s| format!("--device={s}")));
        // It says when it records.
        command.arg("--verbose").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// Connects, and hears from then on until the server is gone.
pub async fn connect(world: &Arc<World>) {
    let Some(host) = &world.host else { return };
    let cannot = |why: &dyn std::fmt::Display| eprintln!("pulseaudio: Failed to initialize PA context: {why}");
    let mut client = match host.client().spawn() {
        Ok(c) => c,
        Err(e) => return cannot(&e),
    };
    let (Some(out), Some(mut said)) = (client.stdout.take(), client.stderr.take()) else { return };
    let ready = async {
        let (mut all, mut bytes) = (Vec::new(), [0; 1024]);
        while !String::from_utf8_lossy(&all).contains("Stream successfully created") {
            match said.read(&mut bytes).await {
                Ok(n) if n > 0 => all.extend_from_slice(&bytes[..n]),
                _ => return false,
            }
        }
        true
    };
    if !tokio::time::timeout(CONNECT, ready).await.unwrap_or(false) {
        return cannot(&"no stream");
    }
    let world = world.clone();
    tokio::spawn(async move {
        let rest = async {
            let mut bytes = [0; 1024];
            while said.read(&mut bytes).await.is_ok_and(|n| n > 0) {}
        };
        tokio::join!(hear(&world, out), rest);
        drop(client);
    });
}

async fn hear(world: &World, mut out: ChildStdout) {
    let mut bytes = vec![0; 16 << 10];
    while let Ok(n @ 1..) = out.read(&mut bytes).await {
        if let Some(host) = &world.host {
            host.hear(&bytes[..n]);
        }
    }
}
