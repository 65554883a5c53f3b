//! A cell: made in one order, destroyed in any.

use std::{collections::HashMap, time::Duration};

use bollard::{
    models::{ContainerCreateBody, HostConfig, NetworkCreateRequest},
    query_parameters::{AttachContainerOptionsBuilder, CreateContainerOptions, StartContainerOptions},
};
use serde::{Serialize, de::DeserializeOwned};
use stakeout_protocol::{Request, Wire, device, gateway};

use crate::{
    Engine, EngineError, LABEL, Pipe, ROLE_LABEL, TRIAL_LABEL, Usage,
    engine::Made,
    error::is_gone,
    hardening::{Confinement, DEVICE_CAPABILITIES, GATEWAY_CAPABILITIES, namespace_sysctls},
    seccomp::Profile,
};

/// What the cell's network namespace is connected to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CellNetwork {
    /// Nothing: loopback only. The gateway answers by itself.
    #[default]
    None,
    /// A bridge of its own, for a gateway whose policy is `live`.
    Live,
}

/// What to make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CellSpec {
    /// For people who look at `docker ps`; a warm cell has no trial yet.
    pub label: String,
    /// Image of the gateway.
    pub gateway_image: String,
    /// Image of the device.
    pub device_image: String,
    /// Its network.
    pub network: CellNetwork,
    /// Bounds of the gateway.
    pub gateway: Confinement,
    /// Bounds of the device.
    pub device: Confinement,
    /// Arguments of the gateway's program.
    pub gateway_arguments: Vec<String>,
    /// Time until the gateway must have sealed the cell.
    pub seal_within: Duration,
}

/// Ports by which an emulator is steered: console, adb, gRPC. The app's user may not reach them.
pub const EMULATOR_PORTS: [u16; 3] = [5554, 5555, 8554];

/// Bytes of the tmpfs of an emulator: it starts nowhere where less than 2 GiB are free, and makes a data partition, of 6 GiB at least,
/// only where 1.2 times as much are.
const EMULATOR_ROOM: u64 = 9 << 30;

impl CellSpec {
    /// A cell with usual bounds: `gateway_memory` and `device_memory` in bytes.
    pub fn new(gateway_image: &str, device_image: &str, gateway_memory: u64, device_memory: u64) -> Self {
        let text = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        let gateway = Confinement {
            capabilities: text(&GATEWAY_CAPABILITIES),
            memory: gateway_memory,
            pids: 64,
            open_files: 4096,
            file_size: 1 << 30,
            tmpfs: vec![("/tmp".to_owned(), format!("size={},mode=1777,noexec", gateway_memory / 2))],
            sysctls: namespace_sysctls(),
            binds: Vec::new(),
            kvm: false,
            profile: Profile::Gateway,
            video: None,
        };
        let device = Confinement {
            capabilities: text(&DEVICE_CAPABILITIES),
            memory: device_memory,
            pids: 512,
            open_files: 8192,
            file_size: 1 << 30,
            // As images/README.md lists them: what is whose, and what may run.
            tmpfs: [
                ("/work", "noexec,size=1g,mode=0755"),
                ("/data", "noexec,size=512m,uid=10001,gid=10001,mode=0700"),
                ("/artifacts", "noexec,size=512m,uid=10001,gid=10001,mode=0700"),
                ("/tmp", "exec,size=256m,uid=10001,gid=10001,mode=0700"),
                ("/convert", "noexec,size=768m,uid=10002,gid=10002,mode=0700"),
            ]
            .map(|(path, options)| (path.to_owned(), options.to_owned()))
            .to_vec(),
            sysctls: Vec::new(),
            binds: Vec::new(),
            kvm: false,
            profile: Profile::Jvm,
            video: None,
        };
        Self {
            label: String::new(),
            gateway_image: gateway_image.to_owned(),
            device_image: device_image.to_owned(),
            network: CellNetwork::None,
            gateway,
            device,
            gateway_arguments: Vec::new(),
            seal_within: Duration::from_secs(20),
        }
    }

    /// For an emulator: its controls are closed to the app's user, it has more room, and KVM if it is a real one.
    pub fn emulator(&mut self, kvm: bool) {
        self.gateway_arguments = EMULATOR_PORTS.iter().flat_map(|p| ["--control-port".to_owned(), p.to_string()]).collect();
        self.device.kvm = kvm;
        self.device.profile = Profile::Emulator;
        self.device.pids = 2048;
        self.device.file_size = 8 << 30;
        self.device.tmpfs = [
            ("/work", "noexec,size=1g,mode=0755".to_owned()),
            // The emulator's home, its copy of the virtual device (for an image that was never booted also the disks that it makes), and
            // what the guest writes over its disks. Room is asked for before it is needed; what is used is bounded by the memory.
            ("/data", format!("noexec,size={EMULATOR_ROOM},uid=10001,gid=10001,mode=0700")),
            // Temporary files of others than the guest, and the display's socket, which has its place here.
            ("/tmp", "exec,size=512m,mode=1777".to_owned()),
        ]
        .map(|(path, options)| (path.to_owned(), options))
        .to_vec();
    }
}

/// Requests to a device, and what it says.
pub type DevicePipe = Pipe<device::FromDevice, Request<device::Verb>>;
/// Requests to a gateway, and what it says.
pub type GatewayPipe = Pipe<gateway::FromGateway, Request<gateway::Verb>>;

/// A sealed cell. [`Cell::destroy`] it; a cell that is only dropped is destroyed in the background.
pub struct Cell {
    engine: Engine,
    parts: Parts,
}

/// The pipes of a cell.
pub struct Pipes {
    /// To and from the gateway, after it was sealed.
    pub gateway: GatewayPipe,
    /// To and from the device, from its first byte on.
    pub device: DevicePipe,
}

/// What was made so far, youngest last. Dropping it removes all of it.
struct Parts {
    engine: Engine,
    made: Vec<Made>,
    gateway: String,
    device: String,
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cell").field("gateway", &self.parts.gateway).field("device", &self.parts.device).finish_non_exhaustive()
    }
}

impl Cell {
    /// Makes the gateway, waits until it is sealed, then makes the device. If any of it fails, or the future is dropped,
    /// nothing stays.
    pub async fn create(engine: &Engine, spec: &CellSpec) -> Result<(Self, Pipes), EngineError> {
        let mut parts = Parts { engine: engine.clone(), made: Vec::new(), gateway: String::new(), device: String::new() };
        let mode = match spec.network {
            CellNetwork::None => "none".to_owned(),
            CellNetwork::Live => parts.network(spec).await?,
        };
        let host = spec.gateway.host_config(mode, &engine.walls);
        parts.gateway = parts.container(spec, "gateway", &spec.gateway_image, host, &spec.gateway_arguments).await?;
        let mut gateway: GatewayPipe = engine.attach_and_start(&parts.gateway).await?;
        tokio::time::timeout(spec.seal_within, sealed(&mut gateway))
            .await
            .map_err(|_| EngineError::Timeout { what: "sealing the cell".to_owned(), limit: spec.seal_within })??;

        let host = spec.device.host_config(format!("container:{}", parts.gateway), &engine.walls);
        parts.device = parts.container(spec, "device", &spec.device_image, host, &[]).await?;
        let device = engine.attach_and_start(&parts.device).await?;
        Ok((Self { engine: engine.clone(), parts }, Pipes { gateway, device }))
    }

    /// Id of the gateway's container.
    pub fn gateway_id(&self) -> &str {
        &self.parts.gateway
    }

    /// Id of the device's container.
    pub fn device_id(&self) -> &str {
        &self.parts.device
    }

    /// What gateway and device used so far. Ask before the device ends.
    pub async fn usage(&self) -> (Usage, Usage) {
        tokio::join!(self.engine.usage(&self.parts.gateway), self.engine.usage(&self.parts.device))
    }

    /// Whether the kernel ended something in the device for its memory.
    pub async fn out_of_memory(&self) -> bool {
        let state = self.engine.docker.inspect_container(&self.parts.device, None).await.ok().and_then(|i| i.state);
        state.and_then(|s| s.oom_killed).unwrap_or(false)
    }

    /// Removes containers and network. What cannot be removed now is left to the next [`Engine::sweep`]. Drop the pipes before,
    /// so that both end by themselves where the engine hangs.
    pub async fn destroy(mut self) {
        self.parts.remove().await;
    }
}

impl Parts {
    async fn network(&mut self, spec: &CellSpec) -> Result<String, EngineError> {
        let request = NetworkCreateRequest {
            name: format!("stakeout-{:016x}", fresh_number(&self.engine)),
            driver: Some("bridge".to_owned()),
            enable_ipv6: Some(false),
            labels: Some(self.labels(spec)),
            options: Some(HashMap::from([("com.docker.network.bridge.enable_icc".to_owned(), "false".to_owned())])),
            ..NetworkCreateRequest::default()
        };
        let name = request.name.clone();
        let made = self.engine.docker.create_network(request).await.map_err(EngineError::call("create a network"))?;
        self.keep(Made::Network(made.id));
        Ok(name)
    }

    async fn container(
        &mut self,
        spec: &CellSpec,
        role: &str,
        image: &str,
        host: HostConfig,
        arguments: &[String],
    ) -> Result<String, EngineError> {
        let mut labels = self.labels(spec);
        labels.insert(ROLE_LABEL.to_owned(), role.to_owned());
        let id = self.engine.create_container(image, labels, host, true, arguments, &[], "0").await?;
        self.made.push(Made::Container(id.clone()));
        Ok(id)
    }

    fn keep(&mut self, made: Made) {
        self.engine.remember(made.clone());
        self.made.push(made);
    }

    fn labels(&self, spec: &CellSpec) -> HashMap<String, String> {
        HashMap::from([(LABEL.to_owned(), self.engine.owner.to_string()), (TRIAL_LABEL.to_owned(), spec.label.clone())])
    }

    async fn remove(&mut self) {
        // The device before the gateway whose namespace it uses, both before the network.
        while let Some(made) = self.made.last() {
            if let Err(e) = self.engine.remove(made).await {
                tracing::warn!(?made, error = %e, "not removed; the next start sweeps it away");
            }
            self.made.pop();
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if self.made.is_empty() {
            return;
        }
        let mut rest =
            Self { engine: self.engine.clone(), made: std::mem::take(&mut self.made), gateway: String::new(), device: String::new() };
        // Without a runtime the process is ending: `Engine::destroy_all` or the next sweep has it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { rest.remove().await });
        } else {
            rest.made.clear();
        }
    }
}

/// A number that no other network of this host has: process and time.
fn fresh_number(engine: &Engine) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(engine.owner.to_string())
}

async fn sealed(gateway: &mut GatewayPipe) -> Result<(), EngineError> {
    let broke = |reason: String, stderr: &crate::Stderr| EngineError::NotSealed {
        reason: format!("{reason}; its log ends: {}", tail(&stderr.text())),
    };
    loop {
        match gateway.reader.next().await {
            Some(Ok(Wire::Message(gateway::FromGateway::Event(gateway::Event::Sealed { cap_eff })))) => {
                let left = cap_eff.trim_start_matches("0x").trim_matches('0');
                return if left.is_empty() { Ok(()) } else { Err(broke(format!("it kept the capabilities `{cap_eff}`"), &gateway.stderr)) };
            }
            Some(Ok(Wire::Message(gateway::FromGateway::Event(gateway::Event::Log { line })))) => {
                gateway.stderr.push(format!("{line}\n").as_bytes());
            }
            Some(Ok(_)) => return Err(broke("it said something else before it was sealed".to_owned(), &gateway.stderr)),
            Some(Err(e)) => return Err(broke(e.to_string(), &gateway.stderr)),
            None => return Err(broke("it ended".to_owned(), &gateway.stderr)),
        }
    }
}

/// The last 600 characters, for a message.
fn tail(text: &str) -> String {
    let text = text.trim();
    let skip = text.chars().count().saturating_sub(600);
    text.chars().skip(skip).collect()
}

impl Engine {
    #[allow(clippy::too_many_arguments, reason = "the one place where containers are made")]
    pub(crate) async fn create_container(
        &self,
        image: &str,
        labels: HashMap<String, String>,
        host: HostConfig,
        stdin: bool,
        cmd: &[String],
        env: &[String],
        user: &str,
    ) -> Result<String, EngineError> {
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            labels: Some(labels),
            user: Some(user.to_owned()),
            tty: Some(false),
            open_stdin: Some(stdin),
            // When the worker's end goes, so does the container's standard input.
            stdin_once: Some(stdin),
            attach_stdin: Some(stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: (!cmd.is_empty()).then(|| cmd.to_vec()),
            env: (!env.is_empty()).then(|| env.to_vec()),
            stop_timeout: Some(1),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        };
        match self.docker.create_container(None::<CreateContainerOptions>, body).await {
            Ok(made) => {
                self.remember(Made::Container(made.id.clone()));
                Ok(made.id)
            }
            Err(e) if is_gone(&e) => Err(EngineError::NoImage { image: image.to_owned() }),
            Err(e) => Err(EngineError::call(format!("create a container of `{image}`"))(e)),
        }
    }

    /// Attaches before the start, so that no byte is missed.
    async fn attach_and_start<In: DeserializeOwned, Out: Serialize>(&self, id: &str) -> Result<Pipe<In, Out>, EngineError> {
        let options = AttachContainerOptionsBuilder::default().stream(true).stdin(true).stdout(true).stderr(true).build();
        let attached = self.docker.attach_container(id, Some(options)).await.map_err(EngineError::call("attach to a container"))?;
        self.docker.start_container(id, None::<StartContainerOptions>).await.map_err(EngineError::call("start a container"))?;
        Ok(Pipe::new(attached))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulator_has_the_room_that_it_asks_for_before_it_makes_its_disks() {
        for kvm in [true, false] {
            let mut spec = CellSpec::new("gateway", "device", 1 << 30, 8 << 30);
            spec.emulator(kvm);
            let (_, options) = spec.device.tmpfs.iter().find(|(path, _)| path == "/data").unwrap();
            let size = options.split(',').find_map(|o| o.strip_prefix("size=")).unwrap();
            let data: u64 = 6 << 30;
            assert!(size.parse::<u64>().unwrap() > data / 5 * 6, "{options}");
            // A file of it may be as large as the partition.
            assert!(spec.device.file_size > data);
        }
    }
}
