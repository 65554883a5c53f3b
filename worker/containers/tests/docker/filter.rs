//! The filter of system calls, in each kind of container.

use std::{collections::BTreeMap, path::Path};

use stakeout_containers::{Cell, CellSpec, Engine, Filter, Walls};
use stakeout_protocol::{Wire, gateway};
use tokio::sync::OnceCell;

use crate::{docker, log_lines, once};

const CALLS: &str = "stakeout-test/containers:calls";
const EPERM: &str = "1";
const ENOSYS: &str = "38";

/// An image whose program tries forbidden calls.
async fn image() -> &'static str {
    static MADE: OnceCell<()> = OnceCell::const_new();
    MADE.get_or_init(|| async {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("Dockerfile"),
            "FROM stakeout/base:0.1.0\nCOPY calls.pl /calls.pl\nENTRYPOINT [\"/usr/bin/perl\", \"/calls.pl\"]\n",
        )
        .unwrap();
        std::fs::write(dir.path().join("calls.pl"), include_str!("calls.pl")).unwrap();
        docker(&["build", "-q", "-t", CALLS, &dir.path().display().to_string()]).await;
    })
    .await;
    CALLS
}

/// What each call came to.
type Came = BTreeMap<String, String>;

fn came<S: AsRef<str>>(lines: &[S]) -> Came {
    lines.iter().filter_map(|l| l.as_ref().split_once(' ')).map(|(name, what)| (name.to_owned(), what.to_owned())).collect()
}

/// What the calls came to in gateway and device of a cell.
async fn in_a_cell(engine: &Engine, spec: &CellSpec) -> [Came; 2] {
    let (cell, mut pipes) = Cell::create(engine, spec).await.unwrap();
    let device = came(&log_lines(&mut pipes, "end of calls").await);
    let mut lines = Vec::new();
    loop {
        match pipes.gateway.reader.next().await.unwrap().unwrap() {
            Wire::Message(gateway::FromGateway::Event(gateway::Event::Log { line })) if line == "end of calls" => break,
            Wire::Message(gateway::FromGateway::Event(gateway::Event::Log { line })) => lines.push(line),
            other => panic!("{other:?}"),
        }
    }
    drop(pipes);
    cell.destroy().await;
    [came(&lines), device]
}

async fn in_an_analysis(engine: &Engine) -> Came {
    let spec = stakeout_containers::OnceSpec { image: image().await.to_owned(), ..once(Path::new("/usr/share"), "") };
    let out = engine.run_once(&spec).await.unwrap();
    came(&String::from_utf8(out.stdout).unwrap().lines().collect::<Vec<_>>())
}

/// Nothing got further than the filter, but for what this kind of container needs: `needed`, and sockets of these families with
/// these protocols.
fn all_refused(kind: &str, came: &Came, needed: &[&str], sockets: &[(&str, &str)]) {
    assert_eq!(came["Seccomp"], "2", "{kind}: {came:?}");
    assert!(came.len() > 55, "{kind}: {came:?}");
    let families: Vec<_> = came.iter().filter_map(|(name, what)| Some((name.strip_prefix("family.")?, what.as_str()))).collect();
    assert_eq!(families, sockets, "{kind}");
    let calls = came.iter().filter(|(name, _)| !name.starts_with("Seccomp") && !name.starts_with("family."));
    for (name, what) in calls.filter(|(name, _)| !needed.contains(&name.as_str())) {
        // Newer ones than all that a list has are unknown to runc, and so to the program.
        let newer = ["process_madvise", "mount_setattr", "memfd_secret"].contains(&name.as_str()) && what == ENOSYS;
        let expected = if name == "clone3" { ENOSYS } else { EPERM };
        assert!(what == expected || newer, "{kind}: `{name}` came to {what}");
    }
}

/// AF_UNIX.
const HERE: (&str, &str) = ("1", "0");
/// AF_INET and AF_INET6: what the type means, TCP, UDP.
const INTERNET: [(&str, &str); 2] = [("10", "0 6 17"), ("2", "0 6 17")];

#[tokio::test]
async fn forbidden_calls_are_refused_in_each_kind_of_container() {
    let engine = Engine::connect().await.unwrap();
    let image = image().await;
    let mut spec = CellSpec::new(image, image, 64 << 20, 128 << 20);
    let [gateway, jvm] = in_a_cell(&engine, &spec).await;
    // Netlink: routes, netfilter.
    all_refused("gateway", &gateway, &[], &[HERE, INTERNET[0], ("16", "0 12"), INTERNET[1]]);
    all_refused("jvm", &jvm, &[], &[HERE, INTERNET[0], INTERNET[1]]);
    spec.emulator(false);
    let [_, emulator] = in_a_cell(&engine, &spec).await;
    // KVM is asked by `ioctl`.
    all_refused("emulator", &emulator, &["ioctl.sti"], &[HERE, INTERNET[0], ("16", "0"), INTERNET[1]]);
    all_refused("analysis", &in_an_analysis(&engine).await, &[], &[]);
}

#[tokio::test]
async fn what_is_refused_is_refused_by_our_filter_and_by_nothing_else() {
    let image = image().await;
    let bare = ["run", "--rm", "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--security-opt"];
    let without = docker(&[&bare[..], &["seccomp=unconfined", image, "once"]].concat()).await;
    let without = came(&without.lines().collect::<Vec<_>>());
    assert_eq!(without["Seccomp"], "0");
    // The kernel itself refuses what needs a capability, before it looks at anything else.
    let refused: Vec<_> = without.iter().filter(|(_, what)| *what == EPERM).collect();
    assert!(refused.len() < 20 && without.len() > 90, "{refused:?}");

    // An engine's own filter is one too, and lets far more pass.
    let engine = Engine::connect().await.unwrap();
    let walls = |filter| Walls { filter, ..Walls::default() };
    let theirs = engine.clone().behind(walls(Filter::Engine)).await.unwrap();
    let engines = in_an_analysis(&theirs).await;
    assert_eq!((&*engines["Seccomp"], engines["ptrace"] == EPERM, engines.contains_key("family.38")), ("2", false, true), "{engines:?}");

    // A file's filter is taken for each kind: this one has all that ours has, and `personality`.
    let file = tempfile::NamedTempFile::new().unwrap();
    let ours = stakeout_containers::seccomp::Profile::Analysis.json();
    let more = "\"syscalls\": [{ \"names\": [\"personality\"], \"action\": \"SCMP_ACT_ALLOW\" },";
    std::fs::write(file.path(), ours.replacen("\"syscalls\": [", more, 1)).unwrap();
    let filter = file.path().display().to_string().parse().unwrap();
    let operators = in_an_analysis(&engine.behind(walls(filter)).await.unwrap()).await;
    assert_eq!((&*operators["personality.layout"], &*operators["ptrace"]), ("done", EPERM), "{operators:?}");
}

#[tokio::test]
async fn a_runtime_that_the_engine_has_not_is_refused_before_anything_runs() {
    let walls = Walls { runtimes: "no-such-runtime".parse().unwrap(), ..Walls::default() };
    let e = Engine::connect().await.unwrap().behind(walls).await.unwrap_err();
    assert!(e.to_string().contains("no runtime `no-such-runtime`; it has `") && e.to_string().contains("\nhint: "), "{e}");
    let engine = Engine::connect().await.unwrap();
    let usual = engine.info().await.unwrap().default_runtime;
    assert!(engine.behind(Walls { runtimes: usual.parse().unwrap(), ..Walls::default() }).await.is_ok());
}
