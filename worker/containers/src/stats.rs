//! What a container used.

use bollard::{models::ContainerStatsResponse, query_parameters::StatsOptionsBuilder};
use futures_util::StreamExt;

use crate::Engine;

/// What a container used so far. Zero where the engine does not say.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Usage {
    /// Of all processors, seconds.
    pub cpu_seconds: f64,
    /// Peak where the kernel keeps one (cgroup v1), else the memory at this moment; bytes.
    pub memory_bytes: u64,
}

impl Usage {
    fn of(s: &ContainerStatsResponse) -> Self {
        let cpu = s.cpu_stats.as_ref().and_then(|c| c.cpu_usage.as_ref()).and_then(|u| u.total_usage);
        let memory = s.memory_stats.as_ref();
        Self {
            cpu_seconds: cpu.map_or(0.0, |n| n as f64 / 1e9),
            memory_bytes: memory.and_then(|m| m.max_usage.filter(|n| *n > 0).or(m.usage)).unwrap_or(0),
        }
    }
}

impl Engine {
    /// Asks the engine once. A container that has ended, or an engine that does not know, gives zeros: figures are for
    /// people and never stop a trial.
    pub(crate) async fn usage(&self, container: &str) -> Usage {
        let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
        let mut stats = std::pin::pin!(self.docker.stats(container, Some(options)));
        match stats.next().await {
            Some(Ok(s)) => Usage::of(&s),
            _ => Usage::default(),
        }
    }
}
