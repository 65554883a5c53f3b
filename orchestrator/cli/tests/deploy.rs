//! What `deploy/` sets for the program is what the program reads: a name that is misspelt there would be silently nothing.
#![allow(clippy::unwrap_used, reason = "a test suite")]

use std::{collections::BTreeSet, path::Path, process::Command};

fn kept(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All names of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let parts = text.split(|c| !word(c)).filter(|w| w.starts_with("STAKEOUT_"));
    parts.map(str::to_owned).collect()
}

/// What a command reads: by its options, and by itself, as docs/cli.md lists it.
fn read_by(command: &str) -> BTreeSet<String> {
    let help = Command::new(env!("CARGO_BIN_EXE_stakeout")).args([command, "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let mut all: BTreeSet<String> = help.split("[env: ").skip(1).flat_map(|rest| names(rest.split(['=', ']']).next().unwrap())).collect();
    assert!(all.len() > 5, "{help}");
    let page = kept("docs/cli.md");
    let environment = page.split("## Environment").nth(1).unwrap().split("For building only").next().unwrap();
    all.extend(
        ["STAKEOUT_DATA", "STAKEOUT_CACHE", "STAKEOUT_LOG"].map(str::to_owned).into_iter().filter(|n| environment.contains(n.as_str())),
    );
    all.extend(names(environment).into_iter().filter(|n| n.starts_with("STAKEOUT_IMAGE_")));
    all
}

/// What a file sets for the program, also what is only offered there.
fn set_by(text: &str) -> BTreeSet<String> {
    let set = text.lines().filter_map(|line| {
        let line = line.trim().trim_start_matches(['#', '-', ' ']);
        // Helm's entries, then those of Compose, then those of a unit's file and of a shell.
        if let Some(rest) = line.strip_prefix("{name: ") {
            return rest.split(',').next();
        }
        if let Some(rest) = line.strip_prefix("export ") {
            return Some(rest);
        }
        line.find([':', '=']).map(|end| &line[..end]).filter(|n| n.starts_with("STAKEOUT_") && !n.contains(' '))
    });
    set.flat_map(names).collect()
}

/// What is set and not read.
fn unread(text: &str, commands: &[&str]) -> Vec<String> {
    let read: BTreeSet<String> = commands.iter().flat_map(|c| read_by(c)).collect();
    // The chart's images have the name of each kind at the end.
    set_by(text).into_iter().filter(|n| !read.contains(n) && n != "STAKEOUT_IMAGE_").collect()
}

#[test]
fn each_name_that_is_set_for_a_program_is_one_that_it_reads() {
    for (path, commands, least) in [
        ("deploy/single/server.env", &["serve"][..], 10),
        ("deploy/single/worker.env", &["work"], 6),
        ("deploy/helm/stakeout/templates/server.yaml", &["serve"], 10),
        ("deploy/helm/stakeout/templates/workers.yaml", &["work"], 6),
    ] {
        let text = kept(path);
        assert!(set_by(&text).len() >= least, "{path} sets {:?}", set_by(&text));
        assert_eq!(unread(&text, commands), [""; 0], "{path}");
    }
    let compose = kept("deploy/compose/compose.yaml");
    let (server, worker) = compose.split_once("\n  worker:").unwrap();
    assert!(set_by(server).len() >= 10 && set_by(worker).len() >= 4, "{:?}", set_by(&compose));
    assert_eq!((unread(server, &["serve"]), unread(worker, &["work"])), (vec![], vec![]), "compose.yaml");
    assert_eq!(unread("#STAKEOUT_LISTENS=1\nSTAKEOUT_LISTEN=2", &["serve"]), ["STAKEOUT_LISTENS"], "this test can fail");
}

#[test]
fn each_name_that_compose_asks_for_is_offered_in_its_example_or_has_a_value() {
    let (compose, example) = (kept("deploy/compose/compose.yaml"), kept("deploy/compose/env.example"));
    let offered = set_by(&example);
    let asked: BTreeSet<String> = compose
        .split("${")
        .skip(1)
        .filter(|r| r.starts_with("STAKEOUT_"))
        .flat_map(|r| names(r.split([':', '}']).next().unwrap()))
        .collect();
    let (needed, rest): (Vec<_>, Vec<_>) = asked.iter().partition(|n| compose.contains(&format!("${{{n}:?")));
    assert!(needed.len() >= 3 && needed.iter().all(|n| offered.contains(*n)), "{needed:?} {offered:?}");
    assert!(rest.iter().all(|n| compose.contains(&format!("${{{n}:-"))), "{rest:?}");
    assert!(offered.iter().all(|n| asked.contains(n)), "nobody asks for some of {offered:?}");
}
