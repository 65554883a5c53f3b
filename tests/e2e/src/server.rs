//! `stakeout serve` as a process.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
};

use crate::{Stakeout, browser::Browser, stderr, text};

/// A server on a free port, without a worker: what is submitted waits.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it is.
    pub url: String,
    /// Its first admin's token.
    pub token: String,
}

impl Server {
    /// Starts one with its state in this test's folder.
    pub fn start(s: &Stakeout) -> Self {
        Self::start_with(s, &[])
    }

    /// With these variables in its environment.
    pub fn start_with(s: &Stakeout, environment: &[(&str, &str)]) -> Self {
        Self::start_at(s, "127.0.0.1:0", environment)
    }

    /// Kills it; what starts it again where it was, with what it kept.
    pub fn kill(self, s: &Stakeout) -> impl FnOnce() -> Self {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        drop(self);
        move || Self::start_at(s, &address, &[])
    }

    fn start_at(s: &Stakeout, listen: &str, environment: &[(&str, &str)]) -> Self {
        let at = |name: &str| text(&s.dir.path().join(name));
        let (db, blobs, key, seal, token) = (at("db"), at("blobs"), at("op.pem"), at("seal"), at("admin.token"));
        let args = ["serve", "--listen", listen, "--store", &db, "--blobs", &blobs, "--key", &key, "--seal-key", &seal];
        let mut command = s.command(&args);
        command.envs(environment.iter().copied()).args(["--admin-token-file", &token]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let url = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it does not listen: {said:?}")).unwrap();
            if let Some((_, url)) = line.split_once("listening on ") {
                break url.trim().to_owned();
            }
            said.push(line);
        };
        // A pipe that nobody reads would hold it up.
        std::thread::spawn(move || lines.for_each(drop));
        let token = std::fs::read_to_string(token).unwrap().trim().to_owned();
        Self { child, url, token }
    }
}

impl Server {
    /// The command line for it, with its first admin's token.
    pub fn command(&self, s: &Stakeout, args: &[&str]) -> Command {
        let mut c = s.command(args);
        c.env("STAKEOUT_SERVER", &self.url).env("STAKEOUT_TOKEN", &self.token);
        c
    }

    /// Signs in as a person does, who wanted to submit an app.
    pub fn sign_in(&self, b: &mut Browser) {
        b.open(&format!("{}/submit", self.url));
        b.until("location.pathname === '/sign-in'");
        b.eval(&format!("document.querySelector('#token').value = '{}'", self.token));
        b.eval("document.querySelector('#token').focus()");
        b.key("Enter", 13);
        // Back to where one wanted to go.
        b.until("location.pathname === '/submit' && document.readyState === 'complete'");
    }

    /// Starts a worker for one trial at a time. What it says is in `worker.log` of the test's folder.
    pub fn worker(&self, s: &Stakeout) -> Worker {
        let o = self.command(s, &["token", "new", "--role", "worker", "--quiet"]).output().unwrap();
        assert!(o.status.success(), "{}", stderr(&o));
        let token = String::from_utf8(o.stdout).unwrap().trim().to_owned();
        let log = File::create(s.dir.path().join("worker.log")).unwrap();
        let mut c = s.command(&["work", "--server", &self.url, "--device", "jvm", "--slots", "1"]);
        Worker(c.env("STAKEOUT_TOKEN", &token).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// SIGTERM, and waits until it has ended in peace.
    pub fn end(mut self) {
        let ended = terminate(&mut self.child);
        assert!(ended.success(), "{ended}");
    }
}

/// SIGTERM, and waits for the end.
pub fn terminate(child: &mut Child) -> ExitStatus {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    child.wait().unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A worker; its end is that of the process, in peace: what it had on the engine is removed.
#[derive(Debug)]
pub struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}
