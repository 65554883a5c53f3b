//! The connection to the engine, and what this process has made with it.

use std::{
    collections::BTreeSet,
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bollard::{API_DEFAULT_VERSION, Docker, query_parameters::RemoveContainerOptionsBuilder};

use crate::{EngineError, Owner, Runtimes, Walls, error::is_gone};

/// Longest time that one call of the engine may take.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// The engine. Clones share the connection and the list of what was made.
#[derive(Clone)]
pub struct Engine {
    pub(crate) docker: Docker,
    pub(crate) owner: Owner,
    pub(crate) walls: Walls,
    made: Arc<Mutex<BTreeSet<Made>>>,
}

/// Something of ours that exists. Containers sort before networks, which cannot go before them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Made {
    Container(String),
    Network(String),
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// Version and figures of an engine, for `doctor`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EngineInfo {
    /// Of the engine: `20.10.24`.
    pub version: String,
    /// Its processors.
    pub cpus: u64,
    /// Its memory, bytes.
    pub memory: u64,
    /// `overlay2`.
    pub storage: String,
    /// `1` or `2`.
    pub cgroups: String,
    /// Where its data is.
    pub root: String,
    /// It filters the system calls of containers that ask for nothing else.
    pub seccomp: bool,
    /// Users of containers are others on the host, `root` too.
    pub user_namespaces: bool,
    /// It runs without being root.
    pub rootless: bool,
    /// Names of its runtimes, sorted.
    pub runtimes: Vec<String>,
    /// Which of them runs containers that ask for none.
    pub default_runtime: String,
}

/// Whether the engine's own words on its security promise a filter of system calls: `name=seccomp,profile=builtin`.
fn filters(security: &[String]) -> bool {
    security.iter().any(|s| s.starts_with("name=seccomp") && !s.contains("unconfined"))
}

impl Engine {
    /// Connects to the engine that DOCKER_HOST names, else to `/var/run/docker.sock`, and asks whether it answers.
    pub async fn connect() -> Result<Self, EngineError> {
        let host = std::env::var("DOCKER_HOST").ok().filter(|h| !h.is_empty());
        match host.as_deref() {
            None => Self::connect_to(Path::new(DEFAULT_SOCKET)).await,
            Some(h) => match h.strip_prefix("unix://") {
                Some(path) => Self::connect_to(Path::new(path)).await,
                None => Err(EngineError::NotLocal { host: h.to_owned() }),
            },
        }
    }

    /// Connects to the engine behind a socket. One that does not filter system calls is refused: apps in cells are not trusted.
    pub async fn connect_to(socket: &Path) -> Result<Self, EngineError> {
        let name = socket.display().to_string();
        let not_answering = |reason: String| EngineError::NotAnswering { socket: name.clone(), reason };
        // The client library tells these apart by text only, so the socket is tried first.
        if let Err(e) = tokio::net::UnixStream::connect(socket).await {
            return Err(match e.kind() {
                io::ErrorKind::NotFound => EngineError::NoSocket { socket: name },
                io::ErrorKind::PermissionDenied => EngineError::NoPermission { socket: name },
                _ => not_answering(e.to_string()),
            });
        }
        let asked = async { Docker::connect_with_unix(&name, CALL_TIMEOUT.as_secs(), API_DEFAULT_VERSION)?.negotiate_version().await };
        let docker = match tokio::time::timeout(PING_TIMEOUT, asked).await {
            Ok(Ok(d)) => d,
            Ok(Err(e)) => return Err(not_answering(e.to_string())),
            Err(_) => return Err(not_answering(format!("no answer within {} s", PING_TIMEOUT.as_secs()))),
        };
        let engine = Self { docker, owner: Owner::this_process()?, walls: Walls::default(), made: Arc::default() };
        if !engine.info().await?.seccomp {
            return Err(EngineError::NoSeccomp { socket: name });
        }
        Ok(engine)
    }

    /// The same engine, whose containers stand behind these walls. A runtime that it does not have is refused.
    pub async fn behind(mut self, walls: Walls) -> Result<Self, EngineError> {
        if walls.runtimes != Runtimes::default() {
            let there = self.info().await?.runtimes;
            if let Some(runtime) = walls.runtimes.missing(&there) {
                return Err(EngineError::NoRuntime { runtime: runtime.clone(), there: there.join("`, `") });
            }
        }
        self.walls = walls;
        Ok(self)
    }

    /// What stands between its containers and the host's kernel.
    pub const fn walls(&self) -> &Walls {
        &self.walls
    }

    /// What the engine says of itself.
    pub async fn info(&self) -> Result<EngineInfo, EngineError> {
        let i = self.docker.info().await.map_err(EngineError::call("say what it is"))?;
        let security = i.security_options.unwrap_or_default();
        let mut runtimes: Vec<String> = i.runtimes.unwrap_or_default().into_keys().collect();
        runtimes.sort();
        let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        Ok(EngineInfo {
            version: i.server_version.unwrap_or_default(),
            cpus: number(i.ncpu),
            memory: number(i.mem_total),
            storage: i.driver.unwrap_or_default(),
            cgroups: i.cgroup_version.map(|v| v.to_string()).unwrap_or_default(),
            root: i.docker_root_dir.unwrap_or_default(),
            seccomp: filters(&security),
            user_namespaces: security.iter().any(|s| s.starts_with("name=userns")),
            rootless: security.iter().any(|s| s.starts_with("name=rootless")),
            runtimes,
            default_runtime: i.default_runtime.unwrap_or_default(),
        })
    }

    /// The id (`sha256:..`) of an image that is on this host.
    pub async fn image_id(&self, image: &str) -> Result<String, EngineError> {
        match self.docker.inspect_image(image).await {
            Ok(i) => Ok(i.id.unwrap_or_default()),
            Err(e) if is_gone(&e) => Err(EngineError::NoImage { image: image.to_owned() }),
            Err(e) => Err(EngineError::call(format!("inspect the image `{image}`"))(e)),
        }
    }

    /// Removes all that this process made and that still exists. For the end of a process: call it, then exit.
    pub async fn destroy_all(&self) {
        let all: Vec<Made> = self.made().iter().cloned().collect();
        for made in all {
            if let Err(e) = self.remove(&made).await {
                tracing::warn!(?made, error = %e, "not removed; the next start sweeps it away");
            }
        }
    }

    /// What this process has made and not yet removed.
    pub fn leftovers(&self) -> usize {
        self.made().len()
    }

    fn made(&self) -> std::sync::MutexGuard<'_, BTreeSet<Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn remember(&self, made: Made) {
        self.made().insert(made);
    }

    pub(crate) async fn remove(&self, made: &Made) -> Result<(), EngineError> {
        let done = match made {
            Made::Container(id) => {
                let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
                self.docker.remove_container(id, Some(options)).await
            }
            Made::Network(id) => self.docker.remove_network(id).await,
        };
        match done {
            Ok(()) => {}
            Err(e) if is_gone(&e) => {}
            Err(e) => return Err(EngineError::call(format!("remove {made:?}"))(e)),
        }
        self.made().remove(made);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_without_a_filter_of_system_calls_is_known() {
        let said = |all: &[&str]| filters(&all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert!(said(&["name=apparmor", "name=seccomp,profile=default"]) && said(&["name=seccomp,profile=builtin", "name=cgroupns"]));
        assert!(said(&["name=seccomp,profile=/etc/docker/seccomp.json"]));
        assert!(!said(&[]) && !said(&["name=apparmor", "name=cgroupns"]) && !said(&["name=seccomp,profile=unconfined"]));
    }
}
