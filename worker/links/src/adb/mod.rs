//! The guest over TCP: a client for its adbd, without an adb server.
//!
//! One connection carries many streams. It is opened at the first call and again after it broke, so a call after a reboot,
//! or after `root`, finds its way; a call in the middle of which the connection breaks fails with [`Fault::Closed`].
//!
//! No key is used: the emulator is started with `-skip-adb-auth`, or its image does not ask. A guest that asks for one is
//! [`Fault::Unauthorized`].

mod connection;
pub mod frame;
mod install;
mod lines;
pub mod shell;
mod stream;
mod sync;

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Mutex,
};

use self::{connection::Connection, shell::Collector, sync::Sync};
pub use self::{
    install::answer as install_answer,
    lines::{Line, Lines, Splitter},
    sync::word as sync_word,
};
use crate::{
    Fault, LinkError, Stage,
    error::within,
    guest::{Ceilings, Guest, Output, Rooted, Stat, quote},
    limits,
};

/// A guest behind its adbd.
pub struct Adb {
    port: u16,
    slot: Mutex<Option<Arc<Connection>>>,
}

impl std::fmt::Debug for Adb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adb").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Adb {
    /// The guest behind `port` on loopback: `port.adb` of the discovery file, or a forwarder's. Nothing is sent yet.
    pub fn new(port: u16) -> Self {
        Self { port, slot: Mutex::new(None) }
    }

    /// Connects, if there is no connection, and tells what the guest says that it can do.
    pub async fn connect(&self, limit: Duration) -> Result<frame::Banner, LinkError> {
        Ok(self.ready(limit).await?.0.banner.clone())
    }

    /// A connection, and what is left of the time. A guest that cannot be reached is told as such, whatever was asked of it.
    async fn ready(&self, limit: Duration) -> Result<(Arc<Connection>, Duration), LinkError> {
        let started = tokio::time::Instant::now();
        match within(Stage::AdbConnect, limit, self.connection()).await {
            // The port takes connections as soon as the emulator runs; that nobody answers means that the guest is not up.
            Err(LinkError { fault: Fault::Timeout(_), stage }) => {
                Err(Fault::Offline(format!("no answer within {} ms", limit.as_millis())).at(stage))
            }
            other => Ok((other?, limit.saturating_sub(started.elapsed()))),
        }
    }

    async fn connection(&self) -> Result<Arc<Connection>, Fault> {
        let mut slot = self.slot.lock().await;
        if let Some(connection) = slot.as_ref().filter(|c| c.is_alive()) {
            return Ok(connection.clone());
        }
        *slot = None;
        let connection = Connection::open(self.port).await?;
        *slot = Some(connection.clone());
        Ok(connection)
    }

    /// Forgets the connection: the guest restarts.
    async fn disconnect(&self, why: &str) {
        if let Some(connection) = self.slot.lock().await.take() {
            connection.give_up(why);
        }
    }
}

/// A service that says a line and ends, or takes the connection with it.
async fn word_of(connection: &Arc<Connection>, service: &str) -> Result<String, Fault> {
    let mut stream = connection.service(service).await?;
    match stream.read_text(limits::REFUSAL).await {
        Err(Fault::Closed) => Ok(String::new()),
        other => other,
    }
}

/// The sync service of a guest.
async fn sync(connection: &Arc<Connection>) -> Result<Sync, Fault> {
    Ok(Sync::new(connection.service("sync:").await?))
}

/// Runs a command on a connection.
async fn run(connection: &Arc<Connection>, command: &str, ceilings: Ceilings) -> Result<Output, Fault> {
    let packets = connection.banner.has("shell_v2");
    let service = if packets { format!("shell,v2,raw:{command}") } else { format!("shell:{command}") };
    let mut stream = connection.service(&service).await?;
    let mut collector = Collector::new(ceilings, packets);
    while let Some(bytes) = stream.read().await? {
        match collector.feed(&bytes) {
            Ok(false) => {}
            Ok(true) => break,
            Err(e) => {
                connection.give_up("nonsense from the shell service");
                return Err(e);
            }
        }
    }
    Ok(collector.output)
}

impl Guest for Adb {
    async fn shell_with(&self, command: &str, ceilings: Ceilings, limit: Duration) -> Result<Output, LinkError> {
        let (connection, limit) = self.ready(limit).await?;
        within(Stage::AdbShell, limit, run(&connection, command, ceilings)).await
    }

    async fn push(&self, from: &mut (impl AsyncRead + Unpin + Send), to: &str, mode: u32, limit: Duration) -> Result<u64, LinkError> {
        let (connection, limit) = self.ready(limit).await?;
        within(Stage::AdbPush, limit, async { sync(&connection).await?.push(from, to, mode).await }).await
    }

    async fn pull(&self, from: &str, into: &mut (impl AsyncWrite + Unpin + Send), most: u64, limit: Duration) -> Result<u64, LinkError> {
        let (connection, limit) = self.ready(limit).await?;
        within(Stage::AdbPull, limit, async { sync(&connection).await?.pull(from, into, most).await }).await
    }

    async fn stat(&self, path: &str, limit: Duration) -> Result<Option<Stat>, LinkError> {
        let (connection, limit) = self.ready(limit).await?;
        let v2 = connection.banner.has("stat_v2");
        within(Stage::AdbStat, limit, async { sync(&connection).await?.stat(path, v2).await }).await
    }

    async fn install(&self, apks: &[PathBuf], options: &[&str], limit: Duration) -> Result<(), LinkError> {
        let (connection, limit) = self.ready(limit).await?;
        within(Stage::AdbInstall, limit, install::install(&connection, apks, options)).await
    }

    async fn logcat(&self, arguments: &[&str], limit: Duration) -> Result<Lines, LinkError> {
        let (connection, limit) = self.ready(limit).await?;
        within(Stage::AdbLogcat, limit, async {
            let packets = connection.banner.has("shell_v2");
            let mut command = if packets { "shell,v2,raw:logcat" } else { "shell:logcat" }.to_owned();
            for argument in arguments {
                command.extend([" ".to_owned(), quote(argument)]);
            }
            Ok(Lines::new(connection.service(&command).await?, packets, Splitter::default(), Stage::AdbLogcat))
        })
        .await
    }

    async fn follow(&self, command: &str, line: usize, limit: Duration) -> Result<Lines, LinkError> {
        let (connection, limit) = self.ready(limit).await?;
        within(Stage::AdbShell, limit, async {
            let packets = connection.banner.has("shell_v2");
            let kind = if packets { "shell,v2,raw" } else { "shell" };
            let stream = connection.service(&format!("{kind}:{command}")).await?;
            Ok(Lines::new(stream, packets, Splitter::new(line), Stage::AdbShell))
        })
        .await
    }

    async fn root(&self, limit: Duration) -> Result<Rooted, LinkError> {
        let (connection, limit) = self.ready(limit).await?;
        within(Stage::AdbRoot, limit, async {
            let text = word_of(&connection, "root:").await?;
            if text.contains("already running as root") {
                return Ok(Rooted::Already);
            }
            if text.contains("cannot run as root") {
                return Err(Fault::Denied(text.trim().to_owned()));
            }
            // adbd may end before its word arrives.
            self.disconnect("adbd restarts").await;
            Ok(Rooted::Restarting)
        })
        .await
    }

    async fn wait_for_device(&self, limit: Duration) -> Result<(), LinkError> {
        let mut last = Fault::Timeout(limit);
        let waiting = async {
            loop {
                match self.shell("echo up", limits::ATTEMPT.min(limit)).await {
                    Ok(o) if o.text().trim() == "up" => return Ok(()),
                    Ok(_) => last = Fault::Closed,
                    // Waiting does not help.
                    Err(LinkError { fault: fault @ Fault::Unauthorized(_), .. }) => return Err(fault),
                    Err(e) => last = e.fault,
                }
                self.disconnect("the guest did not answer").await;
                tokio::time::sleep(limits::POLL).await;
            }
        };
        match tokio::time::timeout(limit, waiting).await {
            Ok(done) => done.map_err(|fault| fault.at(Stage::AdbWait)),
            // The last reason says more than that time ran out.
            Err(_) if matches!(last, Fault::Timeout(_) | Fault::Closed) => {
                Err(Fault::Offline(format!("no answer within {} ms", limit.as_millis())).at(Stage::AdbWait))
            }
            Err(_) => Err(last.at(Stage::AdbWait)),
        }
    }

    async fn reboot(&self, limit: Duration) -> Result<(), LinkError> {
        let (connection, limit) = self.ready(limit).await?;
        within(Stage::AdbReboot, limit, async {
            word_of(&connection, "reboot:").await?;
            self.disconnect("the guest restarts").await;
            Ok(())
        })
        .await
    }
}
