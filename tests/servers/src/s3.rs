//! An S3-compatible server: `versitygw` before a folder of its own.

use std::{
    fs::File,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::disk::{self, Disk};

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum S3ServerError {
    /// The program is missing.
    #[error("`versitygw` is neither in `{0}` nor in a folder of PATH: run scripts/setup.sh")]
    Missing(String),
    /// A file or a process failed.
    #[error("the S3 server could not be started")]
    System(#[from] io::Error),
    /// It ended, or did not answer in time.
    #[error("the S3 server did not come up; it says: {0}")]
    Silent(String),
}

/// A running server with one bucket. Dropped, it is killed, and what it kept is removed.
#[derive(Debug)]
pub struct S3Server {
    child: Child,
    address: SocketAddr,
    // Unmounted after the process is gone, before its folder is removed, as fields are dropped after `drop` in this order.
    _disk: Option<Disk>,
    folder: TempDir,
}

/// How long it may take to come up: it takes 0.1 s alone, and much longer on a machine that is busy.
const UP: Duration = Duration::from_secs(30);

impl S3Server {
    /// The name of its bucket.
    pub const BUCKET: &str = "evidence";
    /// The id of its key.
    pub const ACCESS_KEY: &str = "stakeout-test";
    /// Its key.
    pub const SECRET_KEY: &str = "stakeout-test-secret";
    /// Its region.
    pub const REGION: &str = "us-east-1";

    /// Starts one on a free port of the loopback.
    pub fn start() -> Result<Self, S3ServerError> {
        Self::start_with(None)
    }

    /// The same on a disk of its own of so many MiB, which can be filled.
    pub fn start_on_a_small_disk(mib: u32) -> Result<Self, S3ServerError> {
        Self::start_with(Some(mib))
    }

    /// Fills its disk: what it is given from now on it cannot keep.
    pub fn fill(&self) -> io::Result<()> {
        disk::fill(self.folder.path())
    }

    /// Ends what [`Self::fill`] began.
    pub fn free(&self) -> io::Result<()> {
        disk::free(self.folder.path())
    }

    fn start_with(small: Option<u32>) -> Result<Self, S3ServerError> {
        let program = program()?;
        let mut last = String::new();
        // Between our looking for a free port and its taking it, another may have taken it.
        for _ in 0..5 {
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            let mut server = Self::spawn(&program, address, small)?;
            match server.wait() {
                Ok(()) => return Ok(server),
                Err(said) => last = said,
            }
        }
        Err(S3ServerError::Silent(last))
    }

    fn spawn(program: &Path, address: SocketAddr, small: Option<u32>) -> Result<Self, S3ServerError> {
        let folder = tempfile::Builder::new().prefix("stakeout-s3-").tempdir()?;
        let disk = small.map(|mib| Disk::mount(folder.path(), mib)).transpose()?;
        std::fs::create_dir_all(folder.path().join("root").join(Self::BUCKET))?;
        std::fs::create_dir(folder.path().join("meta"))?;
        let child = Self::program_at(program, address, folder.path())?;
        Ok(Self { child, address, _disk: disk, folder })
    }

    fn program_at(program: &Path, address: SocketAddr, folder: &Path) -> Result<Child, S3ServerError> {
        let log = File::create(folder.join("log"))?;
        // `setpriv`: it is killed as well when the test's process is.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program)
            .args(["--port", &address.to_string(), "--quiet", "--health", "/health", "--region", Self::REGION])
            // Beside the objects and not in their attributes, which not every file system has.
            .arg("posix")
            .arg("--sidecar")
            .arg(folder.join("meta"))
            .arg(folder.join("root"))
            .env_clear()
            .env("ROOT_ACCESS_KEY", Self::ACCESS_KEY)
            .env("ROOT_SECRET_KEY", Self::SECRET_KEY)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(child)
    }

    /// After [`Self::kill`]: the same again, with what it kept.
    pub fn restart(&mut self) -> Result<(), S3ServerError> {
        self.child = Self::program_at(&program()?, self.address, self.folder.path())?;
        self.wait().map_err(S3ServerError::Silent)
    }

    /// Waits until it answers; else what it said.
    fn wait(&mut self) -> Result<(), String> {
        let begin = Instant::now();
        while begin.elapsed() < UP {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            if healthy(self.address).unwrap_or(false) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default())
    }

    /// Its URL, without a bucket.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder that holds the bucket's objects as files: for tests that damage them.
    pub fn bucket_folder(&self) -> PathBuf {
        self.folder.path().join("root").join(Self::BUCKET)
    }

    /// Ends it at once, as when its host loses power; what it kept stays until this is dropped.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn program() -> Result<PathBuf, S3ServerError> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|h| Path::new(&h).join(".cache"))).unwrap_or_default();
    let ours = cache.join("stakeout/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(ours.clone())
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("versitygw"))
        .find(|p| p.is_file())
        .ok_or_else(|| S3ServerError::Missing(ours.display().to_string()))
}

fn healthy(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(stream, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer.ends_with(b" 200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_dropped_is_gone_with_all_it_kept_also_by_a_panic() {
        let (send, seen) = std::sync::mpsc::channel();
        let panicked = std::thread::spawn(move || {
            let server = S3Server::start().unwrap();
            assert!(healthy(server.address).unwrap());
            send.send((server.address, server.folder.path().to_owned(), server.child.id())).unwrap();
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        let (address, folder, pid) = seen.recv().unwrap();
        assert!(healthy(address).is_err() && !folder.exists() && !Path::new(&format!("/proc/{pid}")).exists());
    }
}
