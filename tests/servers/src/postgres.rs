//! A PostgreSQL from Debian's package `postgresql`, whose programs are under `/usr/lib/postgresql/*/bin`.

use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::disk::{self, Disk};

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Do not wait for the disk: faster, and a crash of the host may damage it.
    pub no_fsync: bool,
    /// Further settings, as `name=value`.
    pub settings: Vec<String>,
    /// On a disk of its own of so many MiB, in memory, which can be filled.
    pub disk_mib: Option<u32>,
    /// What its environment has too.
    pub env: Vec<(String, String)>,
}

/// A server that is stopped, and its folder removed, when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    running: Running,
    port: u16,
    options: Options,
    // Unmounted after the process is gone, before its folder is removed.
    _disk: Option<Disk>,
    folder: TempDir,
}

/// How long a start may take on a machine that does too much.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a port that somebody else took meanwhile is exchanged for another.
const PORTS: u32 = 5;

impl Postgres {
    /// Starts one with its default settings. Blocks until it answers.
    pub fn start() -> Result<Self> {
        Self::start_with(&Options::default())
    }

    /// Starts one. Blocks until it answers.
    pub fn start_with(options: &Options) -> Result<Self> {
        let bin = programs()?;
        let owner = Owner::find()?;
        let folder = tempfile::Builder::new().prefix("stakeout-postgres-").tempdir()?;
        let disk = options.disk_mib.map(|mib| Disk::mount(folder.path(), mib)).transpose()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        for name in ["data", "sockets"] {
            let dir = folder.path().join(name);
            fs::create_dir(&dir)?;
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?;
            owner.give(&dir)?;
        }
        let log = folder.path().join("log");
        let mut init = owner.command(&bin.join("initdb"));
        init.arg("-D").arg(folder.path().join("data"));
        init.args(["-U", "stakeout", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
        let done = init.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?).status().context("run `initdb`")?;
        if !done.success() {
            bail!("`initdb` failed: {}", read(&log));
        }
        for _ in 0..PORTS {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let mut running = Running(server(&owner, &bin, folder.path(), port, options)?);
            if running.answers(port)? {
                return Ok(Self { running, port, options: options.clone(), _disk: disk, folder });
            }
            if !read(&log).contains("Address already in use") {
                break;
            }
        }
        bail!("`postgres` does not start: {}", read(&log))
    }

    /// Where its database is, for clients.
    pub fn url(&self) -> String {
        format!("postgres://stakeout@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// What it logged.
    pub fn log(&self) -> String {
        read(&self.folder.path().join("log"))
    }

    /// Ends it at once, as when its host loses power, and starts it again on the same port. Blocks until it answers.
    pub fn restart(&mut self) -> Result<()> {
        if let Some(pid) = Pid::from_raw(self.running.0.id().cast_signed()) {
            // SIGQUIT: immediate shutdown, with recovery at the next start (PostgreSQL docs, "Shutting Down the Server").
            kill_process(pid, Signal::QUIT)?;
        }
        self.running.0.wait()?;
        self.start_again()
    }

    /// Fills its disk: it can write nothing more, and may end by itself.
    pub fn fill(&self) -> Result<()> {
        Ok(disk::fill(self.folder.path())?)
    }

    /// Ends what [`Self::fill`] began; starts it again if it has ended. Blocks until it answers.
    pub fn free(&mut self) -> Result<()> {
        disk::free(self.folder.path())?;
        if self.running.answers(self.port)? { Ok(()) } else { self.start_again() }
    }

    fn start_again(&mut self) -> Result<()> {
        self.running = Running(server(&Owner::find()?, &programs()?, self.folder.path(), self.port, &self.options)?);
        if self.running.answers(self.port)? { Ok(()) } else { bail!("`postgres` does not start again: {}", self.log()) }
    }

    /// The process that is the server.
    pub fn pid(&self) -> u32 {
        self.running.0.id()
    }
}

fn server(owner: &Owner, bin: &Path, folder: &Path, port: u16, options: &Options) -> Result<Child> {
    // What is preloaded is for the server alone, not for what changes the user.
    let mut server = owner.command(Path::new("env"));
    server.args(options.env.iter().map(|(k, v)| format!("{k}={v}"))).arg(bin.join("postgres"));
    server.arg("-D").arg(folder.join("data")).arg("-k").arg(folder.join("sockets")).args(["-h", "127.0.0.1"]);
    server.arg("-p").arg(port.to_string()).args(["-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "jit=off"]);
    if options.no_fsync {
        server.args(["-c", "fsync=off"]);
    }
    for setting in &options.settings {
        server.arg("-c").arg(setting);
    }
    let log = File::create(folder.join("log"))?;
    server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().context("run `postgres`")
}

fn read(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}

/// The newest version that is installed.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, e.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin).context("PostgreSQL is not installed\nhint: run `scripts/setup.sh`, or `apt-get install postgresql`")
}

/// Who runs the server: it refuses to run as root, so then it is the package's own user.
enum Owner {
    Me,
    Other { uid: u32, gid: u32 },
}

impl Owner {
    fn find() -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self::Me);
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let user = users.lines().find_map(|l| l.strip_prefix("postgres:")).context("there is no user `postgres`")?;
        let mut ids = user.split(':').skip(1).map(str::parse);
        match (ids.next(), ids.next()) {
            (Some(Ok(uid)), Some(Ok(gid))) => Ok(Self::Other { uid, gid }),
            _ => bail!("the user `postgres` in /etc/passwd has no ids"),
        }
    }

    fn give(&self, dir: &Path) -> Result<()> {
        if let Self::Other { uid, gid } = self {
            chown(dir, Some(*uid), Some(*gid))?;
        }
        Ok(())
    }

    fn command(&self, program: &Path) -> Command {
        let mut command;
        match self {
            Self::Me => command = Command::new(program),
            Self::Other { uid, gid } => {
                command = Command::new("setpriv");
                command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned(), "--".to_owned()]);
                command.arg(program);
            }
        }
        command.current_dir("/").env_remove("PGDATA").env_remove("PGPORT").env_remove("PGHOST");
        command
    }
}

/// A process that ends with this value.
#[derive(Debug)]
struct Running(Child);

impl Running {
    /// Waits until the port answers; no, if the process ended.
    fn answers(&mut self, port: u16) -> Result<bool> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.0.try_wait()?.is_some() {
                return Ok(false);
            }
            if ready(port) {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(false)
    }
}

/// Whether a server on this port takes clients: it answers a request for TLS by a byte, and only once it is up a start of a
/// session by anything but an error.
fn ready(port: u16) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let parameters = b"user\0stakeout\0database\0postgres\0\0";
    let mut hello = u32::try_from(8 + parameters.len()).unwrap_or(0).to_be_bytes().to_vec();
    hello.extend(196_608u32.to_be_bytes());
    hello.extend(parameters);
    let mut first = [0];
    stream.set_read_timeout(Some(Duration::from_secs(10))).is_ok()
        && stream.write_all(&hello).is_ok()
        && stream.read_exact(&mut first).is_ok()
        && first == *b"R"
}

impl Drop for Running {
    fn drop(&mut self) {
        // At once, without writing anything out: its folder goes too. Its own children end with it.
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::QUIT).ok();
        }
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until && matches!(self.0.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_and_is_gone_afterwards() {
        let server = Postgres::start().unwrap();
        let (pid, port, folder) = (server.pid(), server.port, server.folder.path().to_path_buf());
        assert!(ready(port));
        drop(server);
        assert!(!folder.exists());
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        assert!(!ready(port));
    }
}
