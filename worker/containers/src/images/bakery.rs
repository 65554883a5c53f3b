//! A container that works for a while, says lines, and is kept as an image if all went well. Its root can be written, which no
//! other container's can: that is what is kept.

use std::{collections::HashMap, path::PathBuf, pin::Pin, time::Duration};

use bollard::{
    models::{ContainerConfig, DeviceMapping, HostConfig},
    query_parameters::{
        AttachContainerOptionsBuilder, CommitContainerOptionsBuilder, ContainerArchiveInfoOptionsBuilder, StartContainerOptions,
        WaitContainerOptionsBuilder,
    },
};
use futures_util::StreamExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::{
    codec::{FramedRead, LinesCodec},
    io::StreamReader,
};

use crate::{
    CellSpec, Engine, EngineError, LABEL, ROLE_LABEL, Stderr, TRIAL_LABEL, engine::Made, error::is_gone, pipe::stdout, seccomp::Profile,
};

/// Until an image of some GB is written.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Shared memory for the emulator's processes, bytes.
const SHM: i64 = 256 << 20;

/// The host's virtualization, as a container gets it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kvm {
    /// Its device on the host.
    pub path: PathBuf,
    /// The group that may use it; none: everybody may.
    pub group: Option<u32>,
}

/// What to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BakerySpec {
    /// Image.
    pub image: String,
    /// Arguments of its entry point.
    pub arguments: Vec<String>,
    /// Written to its standard input, which then stays open until the container is removed.
    pub input: String,
    /// Memory with its tmpfs, bytes.
    pub memory: u64,
    /// `/dev/kvm` inside.
    pub kvm: Option<Kvm>,
    /// A video device of the host inside, for a camera that is one.
    pub video: Option<String>,
    /// Longest line, bytes.
    pub line: usize,
}

type Lines =
    FramedRead<StreamReader<Pin<Box<dyn futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Send>>, bytes::Bytes>, LinesCodec>;

/// The running container. [`Bakery::remove`] it; one that is only dropped is removed in the background.
pub struct Bakery {
    engine: Engine,
    made: Option<Made>,
    id: String,
    lines: Lines,
    stderr: Stderr,
    /// Held, as the program ends when its input does.
    input: Pin<Box<dyn AsyncWrite + Send>>,
}

impl Drop for Bakery {
    fn drop(&mut self) {
        if let (Some(made), Ok(runtime)) = (self.made.take(), tokio::runtime::Handle::try_current()) {
            let engine = self.engine.clone();
            runtime.spawn(async move { engine.remove(&made).await });
        }
    }
}

impl Engine {
    /// Starts it: no network, the capabilities of a device, a root that can be written.
    pub async fn start_bakery(&self, spec: &BakerySpec) -> Result<Bakery, EngineError> {
        let mut confinement = CellSpec::new("", "", 0, spec.memory).device;
        // An emulator's threads, and files as large as the guest's memory and disks. Open files as every device has them: an engine in a
        // container of its own cannot give more than it has.
        (confinement.pids, confinement.file_size, confinement.profile) = (2048, 32 << 30, Profile::Emulator);
        confinement.tmpfs = [
            ("/work", "noexec,size=256m,mode=0755"),
            // As in a cell: the emulator starts nowhere where less than 2 GiB are free, and what its guest writes lies here.
            ("/data", "noexec,size=4g,uid=10001,gid=10001,mode=0700"),
            ("/tmp", "exec,size=512m,mode=1777"),
            ("/feed", "noexec,size=64m,mode=0755"),
        ]
        .map(|(path, options)| (path.to_owned(), options.to_owned()))
        .to_vec();
        let device = |path: &str, inside: &str| DeviceMapping {
            path_on_host: Some(path.to_owned()),
            path_in_container: Some(inside.to_owned()),
            cgroup_permissions: Some("rw".to_owned()),
        };
        let kvm = spec.kvm.iter().map(|k| device(&k.path.display().to_string(), "/dev/kvm"));
        let devices: Vec<DeviceMapping> = kvm.chain(spec.video.iter().map(|v| device(v, v))).collect();
        let host = HostConfig {
            readonly_rootfs: Some(false),
            devices: (!devices.is_empty()).then_some(devices),
            group_add: spec.kvm.as_ref().and_then(|k| k.group).map(|g| vec![g.to_string()]),
            shm_size: Some(SHM),
            ..confinement.host_config("none".to_owned(), &self.walls)
        };
        let labels = HashMap::from([(LABEL.to_owned(), self.owner.to_string()), (ROLE_LABEL.to_owned(), "bakery".to_owned())]);
        let id = self.create_container(&spec.image, labels, host, true, &spec.arguments, &[], "0").await?;
        let options = AttachContainerOptionsBuilder::default().stream(true).stdin(true).stdout(true).stderr(true).build();
        let attached = match self.docker.attach_container(&id, Some(options)).await {
            Ok(a) => a,
            Err(e) => {
                self.remove(&Made::Container(id)).await?;
                return Err(EngineError::call("attach to a container")(e));
            }
        };
        let stderr = Stderr::default();
        let lines = FramedRead::new(StreamReader::new(stdout(attached.output, stderr.clone())), LinesCodec::new_with_max_length(spec.line));
        let mut bakery = Bakery { engine: self.clone(), made: Some(Made::Container(id.clone())), id, lines, stderr, input: attached.input };
        let started = async {
            let start = self.docker.start_container(&bakery.id, None::<StartContainerOptions>).await;
            start.map_err(EngineError::call(format!("start a container of `{}`", spec.image)))?;
            let text = format!("{}\n", spec.input);
            let written = async {
                bakery.input.write_all(text.as_bytes()).await?;
                bakery.input.flush().await
            };
            written.await.map_err(|e| EngineError::call("write to a container")(e.into()))
        };
        match started.await {
            Ok(()) => Ok(bakery),
            Err(e) => {
                bakery.remove().await;
                Err(e)
            }
        }
    }
}

impl Bakery {
    /// The next line of its standard output; none: it has ended. A line that is too long or no text is an error.
    pub async fn line(&mut self) -> std::io::Result<Option<String>> {
        self.lines.next().await.transpose().map_err(std::io::Error::other)
    }

    /// Its exit code, when it has ended.
    pub async fn code(&mut self) -> Result<i64, EngineError> {
        let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
        // A bake's program may take its time to end; the caller has its own limit.
        let docker = self.engine.docker.clone().with_timeout(PATIENCE);
        let mut wait = std::pin::pin!(docker.wait_container(&self.id, Some(options)));
        match wait.next().await {
            Some(Ok(w)) => Ok(w.status_code),
            Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(e)) => Err(EngineError::call("wait for a container")(e)),
            None => Ok(-1),
        }
    }

    /// The end of its standard error.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Whether a path is there, in what would be kept.
    pub async fn has(&mut self, path: &str) -> Result<bool, EngineError> {
        let options = ContainerArchiveInfoOptionsBuilder::default().path(path).build();
        match self.engine.docker.get_container_archive_info(&self.id, Some(options)).await {
            Ok(_) => Ok(true),
            Err(e) if is_gone(&e) => Ok(false),
            Err(e) => Err(EngineError::call("look into a container")(e)),
        }
    }

    /// Keeps it as an image with these labels beside those of its own image, which also gives the entry point. Gives its id.
    pub async fn commit(&mut self, name: &str, labels: &[(String, String)]) -> Result<String, EngineError> {
        let inspected = self.engine.docker.inspect_container(&self.id, None).await.map_err(EngineError::call("inspect a container"))?;
        let mut labels: HashMap<String, String> = labels.iter().cloned().collect();
        // The container's own would be inherited: whatever is made of the image would look like a leftover of this process.
        labels.extend([LABEL, ROLE_LABEL, TRIAL_LABEL].map(|l| (l.to_owned(), String::new())));
        let config = ContainerConfig {
            labels: Some(labels),
            // With an entry point of its own the image does not take over the arguments that this container had.
            entrypoint: inspected.config.and_then(|c| c.entrypoint),
            ..ContainerConfig::default()
        };
        let (repo, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        let options = CommitContainerOptionsBuilder::default().container(&self.id).repo(repo).tag(tag).pause(true).build();
        let docker = self.engine.docker.clone().with_timeout(PATIENCE);
        Ok(docker.commit_container(options, config).await.map_err(EngineError::call(format!("keep a container as `{name}`")))?.id)
    }

    /// Removes it.
    pub async fn remove(mut self) {
        if let Some(made) = self.made.take()
            && let Err(e) = self.engine.remove(&made).await
        {
            tracing::warn!(?made, error = %e, "not removed; the next start sweeps it away");
        }
    }
}
