//! `stakeout serve` and `stakeout report` as a person calls them, without an engine.
#![allow(clippy::unwrap_used, reason = "a test suite")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

fn stakeout(folder: &Path, arguments: &[&str]) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_stakeout"));
    c.args(arguments)
        .current_dir(folder)
        .env("STAKEOUT_CACHE", folder.join("cache"))
        .env("STAKEOUT_DATA", folder.join("data"))
        .env("DOCKER_HOST", format!("unix://{}/no-engine.sock", folder.display()));
    c
}

/// A server that listens, with state of its own.
fn serving(folder: &Path, data: &str) -> Child {
    let mut command = stakeout(folder, &["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.env("STAKEOUT_DATA", folder.join(data)).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|l| l.starts_with("listening on ")), "it ended");
    child
}

fn work_folders(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder.join("cache")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|n| n.starts_with("serve-")).collect()
}

#[test]
fn a_server_works_below_the_cache_and_what_a_killed_one_left_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = serving(folder.path(), "data-1");
    let mut second = serving(folder.path(), "data-2");
    let both = work_folders(folder.path());
    assert_eq!(both.len(), 2, "the second took nothing of the first");
    for killed in [&mut first, &mut second] {
        killed.kill().unwrap();
        killed.wait().unwrap();
    }
    let mut third = serving(folder.path(), "data-1");
    let left = work_folders(folder.path());
    third.kill().unwrap();
    third.wait().unwrap();
    assert!(left.len() == 1 && !both.contains(&left[0]), "{both:?} {left:?}");
}

#[test]
fn a_server_whose_worker_cannot_start_does_not_serve() {
    let folder = tempfile::tempdir().unwrap();
    let o = stakeout(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--with-worker"]).output().unwrap();
    let said = String::from_utf8(o.stderr).unwrap();
    assert_eq!(o.status.code(), Some(1), "{said}");
    assert!(said.contains("no container engine") && said.contains("\nhint: ") && !said.contains("listening on"), "{said}");
}

#[test]
fn files_of_a_job_are_not_asked_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    for option in ["--html", "--bundle"] {
        let o = stakeout(folder.path(), &["report", ".", option, "file"]).output().unwrap();
        let said = String::from_utf8(o.stderr).unwrap();
        assert_eq!(o.status.code(), Some(2), "{said}");
        assert!(said.contains("of a job on a server") && said.contains("\nhint: "), "{said}");
    }
}
