//! `stakeout serve`, `stakeout backup` and `stakeout report` as a person calls them, without an engine.
#![allow(clippy::unwrap_used, reason = "a test suite")]

use std::{
    io::{BufRead, BufReader, Read, Write},
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

/// Where nothing can be written.
fn full() -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// Whether a server answers there; it has said by then that it listens.
fn answers(port: u16) -> bool {
    let Ok(mut to) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut got = String::new();
    to.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").is_ok()
        && to.read_to_string(&mut got).is_ok()
        && got.starts_with("HTTP/1.1 200")
}

#[test]
fn a_server_whose_log_cannot_be_written_serves_on() {
    let folder = tempfile::tempdir().unwrap();
    let ended = (0..10).find_map(|_| {
        // Nobody can read where it listens, so it is told; another may have taken that meanwhile.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = stakeout(folder.path(), &["serve", "--listen", &format!("127.0.0.1:{port}")]).stderr(full()).spawn().unwrap();
        let code = (0..600).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            let ended = child.try_wait().unwrap();
            (ended.is_some() || answers(port)).then_some(ended)
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let ended = code.expect("it neither answers nor ends");
        (ended.and_then(|e| e.code()) != Some(2)).then_some(ended)
    });
    assert_eq!(ended.expect("ten ports were taken"), None, "it ended");
    let wrong = stakeout(folder.path(), &["verify", "no-such.zip"]).stderr(full()).status().unwrap();
    assert_eq!(wrong.code(), Some(2), "an exit code is not its words");
}

#[test]
fn a_server_whose_worker_cannot_start_does_not_serve() {
    let folder = tempfile::tempdir().unwrap();
    let o = stakeout(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--with-worker"]).output().unwrap();
    let said = String::from_utf8(o.stderr).unwrap();
    assert_eq!(o.status.code(), Some(2), "{said}");
    assert!(said.contains("no container engine") && said.contains("\nhint: ") && !said.contains("listening on"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_told_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for arguments in [&["serve", "--listen", &address][..], &["serve", "--listen", "127.0.0.1:0", "--metrics", &address]] {
        let o = stakeout(folder.path(), arguments).output().unwrap();
        let said = String::from_utf8(o.stderr).unwrap();
        assert_eq!(o.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("`{address}` cannot be listened on")) && said.contains("\nhint: choose another"), "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no store, no token, no key");
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

#[test]
fn a_misspelt_result_is_no_job() {
    let folder = tempfile::tempdir().unwrap();
    for (given, wanted) in [("resutl", "there is no `resutl`"), ("job-1", "no server is named")] {
        let mut command = stakeout(folder.path(), &["report", given]);
        for unset in ["STAKEOUT_SERVER", "STAKEOUT_CONFIG", "XDG_CONFIG_HOME"] {
            command.env_remove(unset);
        }
        let o = command.env("HOME", folder.path()).output().unwrap();
        let said = String::from_utf8(o.stderr).unwrap();
        assert_eq!(o.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted) && said.contains("\nhint: "), "{said}");
    }
}

#[test]
fn a_config_file_that_was_chosen_and_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let o = stakeout(folder.path(), &["report", "job-1"]).env("STAKEOUT_CONFIG", "none.yaml").output().unwrap();
    let said = String::from_utf8(o.stderr).unwrap();
    assert_eq!(o.status.code(), Some(2), "{said}");
    assert!(said.contains("`none.yaml` cannot be read") && said.contains("\nhint: check STAKEOUT_CONFIG"), "{said}");
}

#[test]
fn a_run_on_a_server_takes_token_and_authority_from_the_environment_as_others_do() {
    let folder = tempfile::tempdir().unwrap();
    let said = |settings: &[(&str, &str)]| {
        let mut command = stakeout(folder.path(), &["run", "app.apk", "--server", "https://127.0.0.1:1"]);
        for unset in ["STAKEOUT_TOKEN", "STAKEOUT_TOKEN_FILE", "STAKEOUT_CA", "STAKEOUT_CONFIG", "XDG_CONFIG_HOME"] {
            command.env_remove(unset);
        }
        let o = command.env("HOME", folder.path()).envs(settings.iter().copied()).output().unwrap();
        assert_eq!(o.status.code(), Some(2), "{settings:?}");
        String::from_utf8(o.stderr).unwrap()
    };
    let none = said(&[]);
    assert!(none.contains("there is no token"), "{none}");
    let token = said(&[("STAKEOUT_TOKEN_FILE", "none.token")]);
    assert!(token.contains("the token file `none.token` cannot be read"), "{token}");
    let ca = said(&[("STAKEOUT_TOKEN", "stk_x"), ("STAKEOUT_CA", "none.pem")]);
    assert!(ca.contains("`none.pem` cannot be used"), "{ca}");
    // A server that is named for other commands moves no run away from this host: here the app is looked at first.
    let mut here = stakeout(folder.path(), &["run", "app.apk"]);
    let o = here.env("STAKEOUT_SERVER", "https://127.0.0.1:1").output().unwrap();
    let said = String::from_utf8(o.stderr).unwrap();
    assert!(o.status.code() == Some(2) && said.contains("app.apk") && !said.contains("token"), "{said}");
}

#[test]
fn a_backup_of_what_is_not_there_is_refused_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("farm.db"), "").unwrap();
    for (store, blobs, wanted) in [
        ("none.db", ".", "there is no store `none.db`"),
        ("sqlite:none.db", ".", "there is no store `none.db`"),
        ("farm.db", "none", "there is no folder `none`"),
        ("farm.db", "file:///none/a%20b", "there is no folder `/none/a b`"),
        ("mysql://db/stakeout", ".", "`mysql://` is no kind of store"),
    ] {
        let o = stakeout(folder.path(), &["backup", "--store", store, "--blobs", blobs, "--out", "bk"]).output().unwrap();
        let said = String::from_utf8(o.stderr).unwrap();
        assert_eq!(o.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted) && said.contains("\nhint: "), "{said}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["farm.db"], "neither a store, nor a folder, nor a backup");
}

#[test]
fn what_was_backed_up_is_restored_by_either_name_of_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = serving(folder.path(), "data");
    server.kill().unwrap();
    server.wait().unwrap();
    let ends_well = |arguments: &[&str]| {
        let o = stakeout(folder.path(), arguments).output().unwrap();
        assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    };
    ends_well(&["backup", "--store", "data/farm.db", "--blobs", "data/artifacts", "--out", "bk"]);
    ends_well(&["restore", "--store", "one.db", "--blobs", "one", "--from", "bk"]);
    ends_well(&["restore", "--store", "two.db", "--blobs", "two", "--out", "bk"]);
}
