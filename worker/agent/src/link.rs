//! The border to a cell: two pipes as channels, and a handle to end it. Tests put a script behind the same channels.

use std::{
    future::Future,
    path::{Path, PathBuf},
};

use stakeout_containers::{Cell, CellNetwork, CellSpec, DevicePipe, Engine, EngineError, GatewayPipe, OnceSpec};
use stakeout_contract::DeviceKind;
use stakeout_protocol::{Request, Wire, WireError, choice::FRIDA, device, gateway};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::JoinSet,
};

use crate::Limits;

/// Items that wait on a channel. Each has at most 1 MiB, so a hostile cell cannot fill the worker's memory.
const WAITING: usize = 16;

/// What comes out of a cell.
#[derive(Debug)]
pub enum FromCell {
    /// From the device.
    Device(Wire<device::FromDevice>),
    /// From the gateway.
    Gateway(Wire<gateway::FromGateway>),
    /// The device's pipe ended or broke; the reason.
    DeviceEnded(String),
    /// The gateway's pipe ended or broke; the reason.
    GatewayEnded(String),
}

/// Both pipes of a cell. Dropping it ends the standard input of both containers.
pub struct Link {
    /// To the device.
    pub to_device: Sender<Wire<Request<device::Verb>>>,
    /// To the gateway.
    pub to_gateway: Sender<Wire<Request<gateway::Verb>>>,
    /// From both, in the order of each.
    pub from: Receiver<FromCell>,
    /// Pumps; they end with the link.
    pub pumps: JoinSet<()>,
}

/// What a cell used.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct CellUsage {
    /// Both containers, seconds.
    pub cpu_seconds: f64,
    /// Peak of the device, bytes.
    pub device_memory_bytes: u64,
}

/// The handle of a cell.
pub trait CellControl: Send + Sync + 'static {
    /// What it used so far.
    fn usage(&self) -> impl Future<Output = CellUsage> + Send;
    /// Why its device may have ended: out of memory, or what is kept of its standard error. Not cut: typed values are found before.
    fn post_mortem(&self) -> impl Future<Output = String> + Send;
    /// Removes it.
    fn destroy(self) -> impl Future<Output = ()> + Send;
}

/// What kind of cell is wanted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CellKind {
    /// What the device must say that it is.
    pub device: DeviceKind,
    /// The device's image.
    pub image: String,
    /// API level that it boots.
    pub api: u32,
    /// Locale that it boots.
    pub locale: String,
    /// Whether the gateway may reach the real network.
    pub live: bool,
}

/// Makes cells, and runs the analysis.
pub trait Cells: Send + Sync + 'static {
    /// Their handle.
    type Control: CellControl;
    /// A sealed cell whose device's program runs.
    fn create(&self, kind: &CellKind) -> impl Future<Output = Result<(Link, Self::Control), EngineError>> + Send;
    /// Runs `stakeout analyze` on a trial's folder; gives its standard output, or why there is none.
    fn analyse(&self, folder: &Path) -> impl Future<Output = Result<Vec<u8>, String>> + Send;
    /// The id of an image.
    fn image_id(&self, image: &str) -> impl Future<Output = Result<String, EngineError>> + Send;
    /// What stands between cells and the host's kernel, for a trial's record; none: they are not of containers.
    fn walls(&self) -> Option<String> {
        None
    }
}

/// Cells of containers.
pub struct DockerCells {
    engine: Engine,
    gateway: String,
    analysis: String,
    video: Option<String>,
    frida: Option<PathBuf>,
    limits: Limits,
}

/// A cell of containers.
pub struct DockerControl {
    cell: Cell,
    stderr: stakeout_containers::Stderr,
}

impl DockerCells {
    /// Cells on this engine.
    pub fn new(engine: Engine, images: &crate::Images, limits: Limits) -> Self {
        Self {
            engine,
            gateway: images.gateway.clone(),
            analysis: images.analysis.clone(),
            video: images.video.clone(),
            frida: images.frida.clone(),
            limits,
        }
    }
}

impl Cells for DockerCells {
    type Control = DockerControl;

    async fn create(&self, kind: &CellKind) -> Result<(Link, DockerControl), EngineError> {
        let mut spec = CellSpec::new(&self.gateway, &kind.image, self.limits.gateway_memory, self.limits.memory_of(kind.device));
        match kind.device {
            DeviceKind::Jvm => {}
            DeviceKind::Emulator => {
                spec.emulator(true);
                spec.device.video.clone_from(&self.video);
            }
            DeviceKind::EmulatorFake => spec.emulator(false),
        }
        if let Some(folder) = self.frida.as_ref().filter(|_| kind.device != DeviceKind::Jvm) {
            spec.device.binds.push(format!("{}:{FRIDA}:ro", folder.display()));
        }
        spec.network = if kind.live { CellNetwork::Live } else { CellNetwork::None };
        spec.label = format!("api {}", kind.api);
        let (cell, pipes) = Cell::create(&self.engine, &spec).await?;
        let stderr = pipes.device.stderr.clone();
        Ok((pump(pipes.gateway, pipes.device), DockerControl { cell, stderr }))
    }

    async fn analyse(&self, folder: &Path) -> Result<Vec<u8>, String> {
        let spec = OnceSpec {
            image: self.analysis.clone(),
            arguments: ["analyze", "--trial", "/in/trial.json", "--json", "/in"].map(str::to_owned).to_vec(),
            environment: vec!["HOME=/tmp".to_owned(), "TMPDIR=/tmp".to_owned(), "RUST_BACKTRACE=0".to_owned()],
            user: "971:971".to_owned(),
            input: folder.to_owned(),
            memory: self.limits.analysis_memory,
            pids: 256,
            time: self.limits.analysis_time,
            output: crate::analysis::OUTPUT_MAX,
            tmp: self.limits.analysis_memory / 2,
        };
        let out = self.engine.run_once(&spec).await.map_err(|e| e.to_string())?;
        if out.code != 0 {
            return Err(format!("it ended with code {}: {}", out.code, crate::text::tail(&out.stderr, 400)));
        }
        if out.stderr.contains(stakeout_confine::UNCONFINED) {
            tracing::warn!("ffmpeg runs beside a trial's key: {}", stakeout_confine::UNCONFINED);
        }
        Ok(out.stdout)
    }

    async fn image_id(&self, image: &str) -> Result<String, EngineError> {
        self.engine.image_id(image).await
    }

    fn walls(&self) -> Option<String> {
        Some(self.engine.walls().to_string())
    }
}

impl CellControl for DockerControl {
    async fn usage(&self) -> CellUsage {
        let (gateway, device) = self.cell.usage().await;
        CellUsage { cpu_seconds: gateway.cpu_seconds + device.cpu_seconds, device_memory_bytes: device.memory_bytes }
    }

    async fn post_mortem(&self) -> String {
        if self.cell.out_of_memory().await {
            return "the kernel ended it: out of memory".to_owned();
        }
        self.stderr.text()
    }

    async fn destroy(self) {
        self.cell.destroy().await;
    }
}

/// Connects both pipes of a cell to channels.
fn pump(gateway: GatewayPipe, device: DevicePipe) -> Link {
    let (from_cell, from) = channel(WAITING);
    let (to_device, mut device_requests) = channel::<Wire<Request<device::Verb>>>(WAITING);
    let (to_gateway, mut gateway_requests) = channel::<Wire<Request<gateway::Verb>>>(WAITING);
    let mut pumps = JoinSet::new();

    let (mut reader, mut writer, out) = (device.reader, device.writer, from_cell.clone());
    pumps.spawn(async move {
        loop {
            let (item, last) = received(reader.next().await, FromCell::Device, FromCell::DeviceEnded);
            if out.send(item).await.is_err() || last {
                return;
            }
        }
    });
    pumps.spawn(async move {
        // A broken pipe shows on the reading side, with its reason.
        while let Some(r) = device_requests.recv().await {
            if writer.send(r).await.is_err() {
                return;
            }
        }
    });
    let (mut reader, mut writer) = (gateway.reader, gateway.writer);
    pumps.spawn(async move {
        loop {
            let (item, last) = received(reader.next().await, FromCell::Gateway, FromCell::GatewayEnded);
            if from_cell.send(item).await.is_err() || last {
                return;
            }
        }
    });
    pumps.spawn(async move {
        while let Some(r) = gateway_requests.recv().await {
            if writer.send(r).await.is_err() {
                return;
            }
        }
    });
    Link { to_device, to_gateway, from, pumps }
}

/// What a read gave, and whether it was the last.
fn received<T>(
    read: Option<Result<Wire<T>, WireError>>,
    item: impl Fn(Wire<T>) -> FromCell,
    ended: impl Fn(String) -> FromCell,
) -> (FromCell, bool) {
    match read {
        Some(Ok(w)) => (item(w), false),
        Some(Err(e)) => (ended(e.to_string()), true),
        None => (ended("it ended".to_owned()), true),
    }
}
