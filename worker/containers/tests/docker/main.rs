//! Against the real engine of this host. What is made carries labels of this test's process and is gone at its end.
//!
//! The image is made here: a static program of the test itself (this test binary is one) on an empty root, so that nothing is
//! fetched and no other image is needed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

mod filter;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use stakeout_containers::{Cell, CellNetwork, CellSpec, Engine, EngineError, Once, OnceSpec, seccomp::Profile};
use stakeout_protocol::{Request, Wire, device, gateway};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    sync::OnceCell,
};

const BUSY: &str = "stakeout-test/containers:busy";

async fn docker(args: &[&str]) -> String {
    let out = Command::new("docker").args(args).output().await.unwrap();
    assert!(out.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// An image whose shell scripts play gateway and device.
async fn image() -> &'static str {
    static MADE: OnceCell<()> = OnceCell::const_new();
    MADE.get_or_init(|| async {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("Dockerfile"), "FROM stakeout/base:0.1.0\nCOPY play /play\nENTRYPOINT [\"/bin/sh\", \"/play\"]\n")
            .unwrap();
        std::fs::write(dir.path().join("play"), include_str!("play.sh")).unwrap();
        docker(&["build", "-q", "-t", BUSY, &dir.path().display().to_string()]).await;
    })
    .await;
    BUSY
}

async fn spec() -> CellSpec {
    let image = image().await;
    CellSpec::new(image, image, 64 << 20, 128 << 20)
}

async fn inspect(id: &str, format: &str) -> String {
    docker(&["inspect", "-f", format, id]).await
}

/// Asks the device, whose script answers with the output of a command in a log line.
async fn log_lines(pipes: &mut stakeout_containers::Pipes, until: &str) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        match pipes.device.reader.next().await.unwrap().unwrap() {
            Wire::Message(device::FromDevice::Event(device::Event::Log { line })) => {
                if line == until {
                    return lines;
                }
                lines.push(line);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_cell_is_hardened_as_the_engine_and_the_kernel_say() {
    let engine = Engine::connect().await.unwrap();
    let (cell, mut pipes) = Cell::create(&engine, &spec().await).await.unwrap();
    let (gateway, device) = (cell.gateway_id().to_owned(), cell.device_id().to_owned());
    for id in [&gateway, &device] {
        assert_eq!(
            inspect(
                id,
                "{{.HostConfig.Privileged}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{index .HostConfig.SecurityOpt 0}}"
            )
            .await,
            "false true [ALL] no-new-privileges:true"
        );
        assert_eq!(inspect(id, "{{.HostConfig.LogConfig.Type}} {{.HostConfig.Init}} {{.HostConfig.AutoRemove}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.IpcMode}}").await, "none false false no private");
        assert_eq!(inspect(id, "{{.HostConfig.Binds}} {{.HostConfig.Devices}} {{.HostConfig.PidMode}} {{len .Mounts}}").await, "[] []  0");
    }
    for (id, profile) in [(&gateway, Profile::Gateway), (&device, Profile::Jvm)] {
        let filter = inspect(id, "{{index .HostConfig.SecurityOpt 1}}").await;
        assert_eq!(filter, format!("seccomp={}", profile.json()).trim(), "{}", profile.name());
    }
    assert_eq!(
        inspect(&device, "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.PidsLimit}}").await,
        "134217728 134217728 512"
    );
    assert_eq!(inspect(&gateway, "{{.HostConfig.NetworkMode}} {{.HostConfig.CapAdd}}").await, "none [NET_ADMIN SETUID SETGID SETPCAP]");
    assert_eq!(
        inspect(&device, "{{.HostConfig.NetworkMode}} {{.HostConfig.CapAdd}}").await,
        format!("container:{gateway} [SETUID SETGID SETPCAP KILL DAC_READ_SEARCH]")
    );
    let limits = inspect(&device, "{{range .HostConfig.Ulimits}}{{.Name}}={{.Hard}} {{end}}").await;
    assert_eq!(limits.trim(), "nofile=8192 core=0 fsize=1073741824");

    let seen = log_lines(&mut pipes, "end of status").await;
    let status = |name: &str| seen.iter().find_map(|l| l.strip_prefix(&format!("{name}:"))).unwrap_or("?").trim().to_owned();
    // DAC_READ_SEARCH 2, KILL 5, SETGID 6, SETUID 7, SETPCAP 8.
    assert_eq!(
        (status("CapEff"), status("CapBnd"), status("NoNewPrivs"), status("Seccomp")),
        ("00000000000001e4".into(), "00000000000001e4".into(), "1".into(), "2".into())
    );
    assert!(seen.contains(&"root is read-only".to_owned()), "{seen:?}");
    assert!(seen.contains(&"interfaces: lo".to_owned()), "{seen:?}");
    assert!(seen.contains(&"low port 1024".to_owned()), "{seen:?}");
    drop(pipes);
    cell.destroy().await;
    assert_eq!(engine.leftovers(), 0);
    assert!(docker(&["ps", "-aq", "--no-trunc"]).await.lines().all(|l| l != gateway && l != device));
}

#[tokio::test]
async fn messages_and_chunks_pass_both_ways_and_the_end_of_input_ends_the_device() {
    let engine = Engine::connect().await.unwrap();
    let (cell, mut pipes) = Cell::create(&engine, &spec().await).await.unwrap();
    log_lines(&mut pipes, "end of status").await;
    pipes.device.writer.send(Wire::Message(Request { id: 7, verb: device::Verb::Hello })).await.unwrap();
    // The script gives the line back as a chunk.
    let Wire::Chunk { blob, bytes } = pipes.device.reader.next().await.unwrap().unwrap() else { panic!("no chunk") };
    assert_eq!((blob, &bytes[..]), (1, &b"{\"id\":7,\"verb\":\"hello\"}"[..]));
    pipes.device.writer.end().await.unwrap();
    assert!(pipes.device.reader.next().await.is_none());
    assert_eq!(pipes.device.stderr.text(), "a line for people\n");
    let (_, usage) = cell.usage().await;
    assert!(usage.memory_bytes < 128 << 20);
    cell.destroy().await;
}

#[tokio::test]
async fn a_gateway_that_does_not_seal_leaves_nothing() {
    let engine = Engine::connect().await.unwrap();
    let image = image().await;
    let mut spec = CellSpec::new(image, image, 64 << 20, 128 << 20);
    for (label, within, says) in [("never", 1, "sealing the cell"), ("caps", 20, "kept the capabilities"), ("ends", 20, "it ended")] {
        // The script reads its part from a tmpfs option that only tests have.
        spec.gateway.tmpfs.push((format!("/part/{label}"), "size=4k".into()));
        spec.seal_within = Duration::from_secs(within);
        let e = Cell::create(&engine, &spec).await.map(drop).unwrap_err();
        assert!(e.to_string().contains(says), "{label}: {e}");
        spec.gateway.tmpfs.pop();
        while engine.leftovers() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_cell_that_is_dropped_is_destroyed() {
    let engine = Engine::connect().await.unwrap();
    let (cell, pipes) = Cell::create(&engine, &spec().await).await.unwrap();
    let ids = [cell.gateway_id().to_owned(), cell.device_id().to_owned()];
    drop((cell, pipes));
    while engine.leftovers() > 0 {
        tokio::task::yield_now().await;
    }
    let left = docker(&["ps", "-aq", "--no-trunc"]).await;
    assert!(ids.iter().all(|id| !left.contains(id)));
}

#[tokio::test]
async fn a_live_cell_has_a_network_of_its_own_that_goes_with_it() {
    let engine = Engine::connect().await.unwrap();
    let (cell, pipes) = Cell::create(&engine, &CellSpec { network: CellNetwork::Live, ..spec().await }).await.unwrap();
    let name = inspect(cell.gateway_id(), "{{.HostConfig.NetworkMode}}").await;
    assert!(name.starts_with("stakeout-"));
    assert_eq!(
        docker(&[
            "network",
            "inspect",
            "-f",
            "{{.Driver}} {{index .Options \"com.docker.network.bridge.enable_icc\"}} {{.EnableIPv6}}",
            &name
        ])
        .await,
        "bridge false false"
    );
    drop(pipes);
    cell.destroy().await;
    assert!(!docker(&["network", "ls", "--format", "{{.Name}}"]).await.contains(&name));
}

#[tokio::test]
async fn what_a_killed_process_left_is_swept_and_nothing_else() {
    let engine = Engine::connect().await.unwrap();
    image().await;
    let (mine, pipes) = Cell::create(&engine, &spec().await).await.unwrap();
    let stranger = docker(&["create", "--label", "org.stakeout.cell=somebody", BUSY]).await;
    // This test's binary, run again, makes a cell, says which, and waits to be killed.
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "makes_a_cell_and_waits_for_its_end", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ids = loop {
        let line = lines.next_line().await.unwrap().expect("the child says what it made");
        if let Some((_, ids)) = line.split_once("made ") {
            break ids.split(' ').map(str::to_owned).collect::<Vec<_>>();
        }
    };
    let exists = |id: String| async move {
        Command::new("docker").args(["inspect", &id]).stdout(Stdio::null()).stderr(Stdio::null()).status().await.unwrap().success()
    };
    assert_eq!(engine.sweep().await.unwrap().containers, 0, "the child lives");
    child.kill().await.unwrap();
    let swept = engine.sweep().await.unwrap();
    assert_eq!((swept.containers, swept.failed), (2, 0));
    for id in ids {
        assert!(!exists(id).await);
    }
    for id in [mine.gateway_id(), mine.device_id(), &stranger] {
        assert!(exists(id.to_owned()).await, "{id} is not ours to remove");
    }
    docker(&["rm", "-f", &stranger]).await;
    drop(pipes);
    mine.destroy().await;
}

#[tokio::test]
#[ignore = "is run by the test of sweeping, which kills it"]
async fn makes_a_cell_and_waits_for_its_end() {
    let engine = Engine::connect().await.unwrap();
    let (cell, _pipes) = Cell::create(&engine, &spec().await).await.unwrap();
    println!("made {} {}", cell.gateway_id(), cell.device_id());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn destroy_all_leaves_nothing_of_this_process() {
    let engine = Engine::connect().await.unwrap();
    let (cell, _pipes) = Cell::create(&engine, &spec().await).await.unwrap();
    let id = cell.device_id().to_owned();
    engine.destroy_all().await;
    assert_eq!(engine.leftovers(), 0);
    assert!(!docker(&["ps", "-aq", "--no-trunc"]).await.contains(&id));
    cell.destroy().await;
}

fn once(input: &Path, argument: &str) -> OnceSpec {
    OnceSpec {
        image: BUSY.into(),
        arguments: vec!["once".into(), argument.into()],
        environment: vec!["A=b".into()],
        user: "971:971".into(),
        input: input.into(),
        memory: 64 << 20,
        pids: 32,
        time: Duration::from_secs(20),
        output: 100_000,
        tmp: 1 << 20,
    }
}

#[tokio::test]
async fn an_analysis_reads_its_folder_and_can_do_nothing_else() {
    let engine = Engine::connect().await.unwrap();
    image().await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(dir.path().join("a"), "hello").unwrap();
    let out = engine.run_once(&once(dir.path(), "look")).await.unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.code, 3);
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        ["hello", "input is read-only", "CapEff: 0000000000000000", "CapBnd: 0000000000000000", "interfaces: lo", "user 971", "A=b"]
    );
    assert_eq!(out.stderr, "a complaint\n");
    assert!(matches!(engine.run_once(&once(dir.path(), "flood")).await, Err(Once::Output(100_000))));
    let slow = OnceSpec { time: Duration::from_secs(1), ..once(dir.path(), "wait") };
    assert!(matches!(engine.run_once(&slow).await, Err(Once::Time(_))));
    let hungry = engine.run_once(&once(dir.path(), "eat")).await.unwrap();
    assert_eq!(hungry.code, 137);
    assert_eq!(engine.leftovers(), 0);
}

#[tokio::test]
async fn what_is_wrong_with_the_engine_is_said_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let socket: PathBuf = dir.path().join("docker.sock");
    let e = Engine::connect_to(&socket).await.unwrap_err();
    assert!(matches!(e, EngineError::NoSocket { .. }) && e.to_string().contains("\nhint: "), "{e}");
    std::os::unix::net::UnixListener::bind(&socket).map(drop).unwrap();
    assert!(matches!(Engine::connect_to(&socket).await, Err(EngineError::NotAnswering { .. })));
    let engine = Engine::connect().await.unwrap();
    let missing = CellSpec::new("stakeout-test/none:0", "stakeout-test/none:0", 64 << 20, 64 << 20);
    let e = Cell::create(&engine, &missing).await.map(drop).unwrap_err();
    assert!(matches!(&e, EngineError::NoImage { image } if image == "stakeout-test/none:0"), "{e}");
    assert!(e.to_string().contains("make images"));
    let _ = gateway::GATEWAY_UID;
}
