//! Apps that bring down whoever reads them, given to the real program: the server says so of the app and goes on.
#![allow(clippy::unwrap_used, reason = "a test suite")]

mod apk;
mod given_up;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

fn stakeout(folder: &Path) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_stakeout"));
    c.current_dir(folder)
        .env("STAKEOUT_CACHE", folder.join("cache"))
        .env("STAKEOUT_DATA", folder.join("data"))
        .env("DOCKER_HOST", format!("unix://{}/no-engine.sock", folder.display()));
    c
}

/// A server, ended with its test.
struct Serving {
    process: Child,
    url: String,
    token: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = (self.process.kill(), self.process.wait());
    }
}

impl Serving {
    fn start(folder: &Path) -> Self {
        let mut process = stakeout(folder).args(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let url = lines.find_map(|l| l.strip_prefix("listening on ").map(str::to_owned)).unwrap();
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let token = std::fs::read_to_string(folder.join("data/admin.token")).unwrap().trim().to_owned();
        Self { process, url, token }
    }

    async fn upload(&self, http: &reqwest::Client, apk: Vec<u8>) -> (u16, Value) {
        let request = http.post(format!("{}/v1/apps", self.url)).bearer_auth(&self.token);
        let said = request.header("content-type", "application/vnd.android.package-archive").body(apk).send().await.unwrap();
        (said.status().as_u16(), said.json().await.unwrap())
    }
}

fn http() -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn an_app_that_brings_its_reader_down_is_refused_and_the_server_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (serving, http) = (Serving::start(folder.path()), http());
    for (name, apk) in
        [("nested", apk::nested(200_000)), ("circle", apk::circle()), ("amplified", apk::asking(&"x".repeat(1 << 20), 20_000))]
    {
        assert!(apk.len() < 1 << 20, "{name} is small: {}", apk.len());
        let (status, problem) = serving.upload(&http, apk).await;
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(status, 422, "{name}: {problem}");
        assert!(detail.starts_with("the app could not be read: "), "{name}: {detail}");
        assert!(problem["hint"].as_str().is_some_and(|h| h.contains("compare its digest")), "{name}: {problem}");
    }
    // The same makers, and no harm.
    for apk in [apk::nested(20), apk::asking("android.permission.CAMERA", 20)] {
        let (status, app) = serving.upload(&http, apk).await;
        assert_eq!(status, 201, "{app}");
    }
}

#[tokio::test]
async fn an_app_that_says_too_much_of_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (serving, http) = (Serving::start(folder.path()), http());
    // A character that JSON writes with six.
    for (apk, why) in [
        (apk::asking("p", 1001), "asks for more than 1000 permissions"),
        (apk::asking(&"p".repeat(256), 1), "whose name has more than 255 characters"),
        (apk::asking(&"\u{1}".repeat(255), 1000), "bytes of itself in its manifest; at most 262144 are taken"),
    ] {
        let (status, problem) = serving.upload(&http, apk).await;
        assert_eq!(status, 422, "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|d| d.contains(why)) && problem["hint"].is_string(), "{problem}");
    }
    let (status, app) = serving.upload(&http, apk::asking(&"p".repeat(255), 1000)).await;
    assert_eq!(status, 201, "{app}");
}

#[test]
fn a_run_of_an_app_that_brings_its_reader_down_is_wrong_input() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("nested.apk"), apk::nested(200_000)).unwrap();
    let o = stakeout(folder.path()).args(["run", "nested.apk"]).output().unwrap();
    let said = String::from_utf8(o.stderr).unwrap();
    assert_eq!(o.status.code(), Some(2), "{said}");
    assert!(said.contains("`nested.apk` could not be read: ") && said.contains("\nhint: "), "{said}");
}
