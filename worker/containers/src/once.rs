//! A container that runs once for its output, without network, capabilities or anything to write on but a tmpfs.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use bollard::query_parameters::{AttachContainerOptionsBuilder, StartContainerOptions, WaitContainerOptionsBuilder};
use futures_util::StreamExt;

use crate::{Engine, EngineError, LABEL, ROLE_LABEL, Stderr, engine::Made, hardening::Confinement, pipe::stdout, seccomp::Profile};

/// What to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OnceSpec {
    /// Image.
    pub image: String,
    /// Arguments of the image's entry point.
    pub arguments: Vec<String>,
    /// `NAME=value`.
    pub environment: Vec<String>,
    /// Who runs it inside: `65534:65534`.
    pub user: String,
    /// A folder of this host that is seen as `/in`, read-only.
    pub input: PathBuf,
    /// Memory with its tmpfs, bytes.
    pub memory: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Real time.
    pub time: Duration,
    /// Bytes of standard output; more is an error, as half a document is none.
    pub output: usize,
    /// Size of `/tmp`, bytes.
    pub tmp: u64,
}

/// What came out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OnceOutput {
    /// Exit code; 137 also when the kernel ended it for its memory.
    pub code: i64,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// The end of standard error.
    pub stderr: String,
}

/// How running it failed.
#[derive(Debug, thiserror::Error)]
pub enum Once {
    /// The engine did.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It took too long.
    #[error("it took longer than {} s", .0.as_secs())]
    Time(Duration),
    /// It said too much.
    #[error("it wrote more than {0} bytes")]
    Output(usize),
    /// Its output broke.
    #[error("its output broke: {0}")]
    Pipe(#[from] std::io::Error),
}

/// Removes the container when the future that runs it is dropped.
struct Guard {
    engine: Engine,
    made: Option<Made>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let (Some(made), Ok(runtime)) = (self.made.take(), tokio::runtime::Handle::try_current()) {
            let engine = self.engine.clone();
            runtime.spawn(async move { engine.remove(&made).await });
        }
    }
}

impl Engine {
    /// Runs a container and gives its output. It is removed whatever happens.
    pub async fn run_once(&self, spec: &OnceSpec) -> Result<OnceOutput, Once> {
        let confinement = Confinement {
            capabilities: Vec::new(),
            memory: spec.memory,
            pids: spec.pids,
            open_files: 1024,
            file_size: spec.tmp,
            tmpfs: vec![("/tmp".to_owned(), format!("size={},mode=1777,noexec", spec.tmp))],
            sysctls: Vec::new(),
            binds: vec![format!("{}:/in:ro", spec.input.display())],
            kvm: false,
            profile: Profile::Analysis,
            video: None,
        };
        let labels = HashMap::from([(LABEL.to_owned(), self.owner.to_string()), (ROLE_LABEL.to_owned(), "analysis".to_owned())]);
        let host = confinement.host_config("none".to_owned(), &self.walls);
        let id = self.create_container(&spec.image, labels, host, false, &spec.arguments, &spec.environment, &spec.user).await?;
        let mut guard = Guard { engine: self.clone(), made: Some(Made::Container(id.clone())) };
        let result = tokio::time::timeout(spec.time, self.output_of(&id, spec.output)).await.unwrap_or(Err(Once::Time(spec.time)));
        if let Some(made) = guard.made.take() {
            self.remove(&made).await?;
        }
        result
    }

    async fn output_of(&self, id: &str, most: usize) -> Result<OnceOutput, Once> {
        let options = AttachContainerOptionsBuilder::default().stream(true).stdout(true).stderr(true).build();
        let attached = self.docker.attach_container(id, Some(options)).await.map_err(EngineError::call("attach to a container"))?;
        self.docker.start_container(id, None::<StartContainerOptions>).await.map_err(EngineError::call("start a container"))?;
        let stderr = Stderr::default();
        let (mut output, mut bytes) = (stdout(attached.output, stderr.clone()), Vec::new());
        while let Some(piece) = output.next().await {
            bytes.extend_from_slice(&piece?);
            if bytes.len() > most {
                return Err(Once::Output(most));
            }
        }
        let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
        let mut wait = std::pin::pin!(self.docker.wait_container(id, Some(options)));
        let code = match wait.next().await {
            Some(Ok(w)) => w.status_code,
            Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => code,
            Some(Err(e)) => return Err(EngineError::call("wait for a container")(e).into()),
            None => -1,
        };
        Ok(OnceOutput { code, stdout: bytes, stderr: stderr.text() })
    }
}
