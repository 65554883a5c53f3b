//! What a container may do: as little as its first process needs. The tests read it back from the engine and from `/proc`.

use std::collections::HashMap;

use bollard::models::{DeviceMapping, HostConfig, HostConfigLogConfig, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum};

use crate::{Walls, seccomp::Profile};

/// Bounds and grants of one container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Confinement {
    /// Capabilities that its first process starts with; it gives them up or keeps them from its children.
    pub capabilities: Vec<String>,
    /// Memory with what lies on its tmpfs, bytes. Swap is not allowed on top.
    pub memory: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Open files of one process.
    pub open_files: u32,
    /// Largest file that a process may write, bytes.
    pub file_size: u64,
    /// Where it may write: path and mount options (`size=64m,mode=1777,noexec`). Always `nosuid,nodev`.
    pub tmpfs: Vec<(String, String)>,
    /// Kernel settings of its network namespace.
    pub sysctls: Vec<(String, String)>,
    /// Host folders that it may read: `HOST:INSIDE:ro`.
    pub binds: Vec<String>,
    /// `/dev/kvm` is there.
    pub kvm: bool,
    /// What it runs, for the filter of system calls.
    pub profile: Profile,
    /// A video device of the host that is there, under its own path; and no other device of the host but these two.
    pub video: Option<String>,
}

/// The host's virtualisation.
const KVM: &str = "/dev/kvm";

/// What `stakeout-device` needs: to run the guest as another user with an empty bounding set, to end it, to read what it wrote.
pub const DEVICE_CAPABILITIES: [&str; 5] = ["SETUID", "SETGID", "SETPCAP", "KILL", "DAC_READ_SEARCH"];
/// What `stakeout-gateway` needs until it has sealed the cell; then it drops all of them. SETPCAP empties its bounding set.
pub const GATEWAY_CAPABILITIES: [&str; 4] = ["NET_ADMIN", "SETUID", "SETGID", "SETPCAP"];

/// Docker 20.10 lets every user bind low ports and send ICMP echo in a container; a cell takes both back.
pub(crate) fn namespace_sysctls() -> Vec<(String, String)> {
    [("net.ipv4.ip_unprivileged_port_start", "1024"), ("net.ipv4.ping_group_range", "1 0")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .to_vec()
}

impl Confinement {
    fn devices(&self) -> Option<Vec<DeviceMapping>> {
        let mapping = |path: &str| {
            let path = Some(path.to_owned());
            DeviceMapping { path_on_host: path.clone(), path_in_container: path, cgroup_permissions: Some("rw".to_owned()) }
        };
        let all: Vec<DeviceMapping> = self.kvm.then_some(KVM).into_iter().chain(self.video.as_deref()).map(mapping).collect();
        (!all.is_empty()).then_some(all)
    }

    /// The engine's form of it, in the network `network_mode`, behind `walls`.
    pub(crate) fn host_config(&self, network_mode: String, walls: &Walls) -> HostConfig {
        let memory = Some(i64::try_from(self.memory).unwrap_or(i64::MAX));
        let limit = |name: &str, n: u64| {
            let n = Some(i64::try_from(n).unwrap_or(i64::MAX));
            ResourcesUlimits { name: Some(name.to_owned()), soft: n, hard: n }
        };
        HostConfig {
            network_mode: Some(network_mode),
            cap_drop: Some(vec!["ALL".to_owned()]),
            cap_add: Some(self.capabilities.clone()),
            security_opt: Some(self.security(walls)),
            runtime: walls.runtimes.of(self.profile).cloned(),
            privileged: Some(false),
            readonly_rootfs: Some(true),
            memory,
            // The same as `memory`: no swap.
            memory_swap: memory,
            memory_swappiness: Some(0),
            oom_kill_disable: Some(false),
            pids_limit: Some(i64::from(self.pids)),
            ulimits: Some(vec![limit("nofile", u64::from(self.open_files)), limit("core", 0), limit("fsize", self.file_size)]),
            tmpfs: Some(self.tmpfs.iter().map(|(path, options)| (path.clone(), format!("rw,nosuid,nodev,{options}"))).collect()),
            shm_size: Some(1 << 20),
            sysctls: (!self.sysctls.is_empty()).then(|| self.sysctls.iter().cloned().collect::<HashMap<_, _>>()),
            binds: (!self.binds.is_empty()).then(|| self.binds.clone()),
            ipc_mode: Some("private".to_owned()),
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
            devices: self.devices(),
            init: Some(false),
            auto_remove: Some(false),
            ..HostConfig::default()
        }
    }

    fn security(&self, walls: &Walls) -> Vec<String> {
        let filter = walls.filter.json(self.profile).map(|json| format!("seccomp={json}"));
        std::iter::once("no-new-privileges:true".to_owned()).chain(filter).collect()
    }
}
