//! An orchestrator as a process, with a folder of keys that several share.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use stakeout_client::{Client, ClientOptions};

/// Where an orchestrator keeps its things.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) program: PathBuf,
    pub(crate) dir: PathBuf,
    pub(crate) store: String,
    pub(crate) blobs: String,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) lease_seconds: u64,
}

/// A running orchestrator; killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Place {
    /// Starts one on a port, or on a free one, and waits until it is ready. Its cache and its log are in `home`; its environment has
    /// this too.
    pub(crate) async fn start(&self, home: &Path, port: Option<u16>, env: &[(String, String)]) -> Result<Server> {
        let port = match port {
            Some(p) => p,
            None => TcpListener::bind("127.0.0.1:0")?.local_addr()?.port(),
        };
        let log = File::options().create(true).append(true).open(home.join("log"))?;
        let file = |name: &str| self.dir.join(name);
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(&self.program)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--store", &self.store, "--blobs", &self.blobs])
            .args(["--lease-seconds", &self.lease_seconds.to_string(), "--allow-private-hooks"])
            .arg("--key")
            .arg(file("operator.pem"))
            .arg("--seal-key")
            .arg(file("seal.key"))
            .arg("--admin-token-file")
            .arg(file("admin.token"))
            .env("STAKEOUT_CACHE", home.join("cache"))
            .envs(self.env.iter().chain(env).map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start an orchestrator")?;
        let server = Server { child, port };
        let begin = Instant::now();
        let url = format!("http://127.0.0.1:{port}/readyz");
        while begin.elapsed() < Duration::from_secs(60) {
            if reqwest::get(&url).await.is_ok_and(|r| r.status().is_success()) {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("an orchestrator is not ready after a minute; its log is in `{}`", home.display())
    }

    /// The first admin.
    pub(crate) fn admin(&self, port: u16) -> Result<Client> {
        client(port, std::fs::read_to_string(self.dir.join("admin.token"))?.trim())
    }
}

/// A client of a server on this machine.
pub(crate) fn client(port: u16, token: &str) -> Result<Client> {
    let options =
        ClientOptions { server: format!("http://127.0.0.1:{port}"), token: token.to_owned(), ca: None, patience: Duration::from_secs(120) };
    Ok(Client::new(&options)?)
}

/// The program beside this one.
pub(crate) fn program(given: Option<&Path>) -> Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name("stakeout");
    let path = given.map_or(beside, Path::to_owned);
    if path.is_file() { Ok(path) } else { bail!("`{}` is not there\nhint: `make build` makes it", path.display()) }
}

/// CPU seconds and resident MiB of a process.
pub(crate) fn usage(pid: u32) -> (f64, f64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Fields 14 and 15 (proc(5)), after the name in parentheses; in ticks of 10 ms.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let resident = pages.split_whitespace().nth(1).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    ((ticks(11) + ticks(12)) / 100.0, resident * 4096.0 / 1_048_576.0)
}

/// The same for a process and all below it.
pub(crate) fn usage_of_tree(pid: u32) -> f64 {
    let mut sum = usage(pid).0;
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for c in children.split_whitespace().filter_map(|c| c.parse().ok()) {
        sum += usage_of_tree(c);
    }
    sum
}
