//! Images against the real engine of this host. Everything is made under names of this test and is gone at its end.
#![allow(clippy::unwrap_used, reason = "a test suite")]

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use stakeout_containers::{BakerySpec, BuildError, Engine, ImageSpec, Kvm};
use tokio::process::Command;

async fn docker(args: &[&str]) -> String {
    let out = Command::new("docker").args(args).output().await.unwrap();
    assert!(out.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// A context as a stream: a Dockerfile, and a file that no other run has, so that no step comes from the cache.
fn context(dockerfile: &str) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    let mut tar = tar::Builder::new(Vec::new());
    let unique = format!("{:?}", std::time::SystemTime::now());
    for (name, text) in [("Dockerfile", dockerfile), ("unique", &unique), ("play", include_str!("bake.sh"))] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o755);
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    let bytes = tar.into_inner().unwrap();
    futures_util::stream::iter(bytes.chunks(700).map(|c| Ok(Bytes::copy_from_slice(c))).collect::<Vec<_>>())
}

fn spec(name: &str) -> ImageSpec {
    let tags = ["one", "two"].map(|t| format!("stakeout-test/images-{name}:{t}-{}", std::process::id())).to_vec();
    ImageSpec { tags, arguments: BTreeMap::from([("BASE".to_owned(), "stakeout/base:0.1.0".to_owned())]) }
}

const GOOD: &str = "ARG BASE\nFROM $BASE\nCOPY unique /unique\nLABEL org.stakeout.image=\"a-test\"\nCOPY play /play\nENTRYPOINT [\"/bin/sh\", \"/play\"]\n";

async fn ids(engine: &Engine) -> Vec<String> {
    engine.images().await.unwrap().into_iter().map(|i| i.id).collect()
}

#[tokio::test]
async fn a_context_becomes_an_image_with_all_its_names_and_goes_with_the_last_of_them() {
    let engine = Engine::connect().await.unwrap();
    let (spec, lines) = (spec("good"), Mutex::new(Vec::new()));
    let id = engine.build_image(&spec, context(GOOD), |l| lines.lock().unwrap().push(l.to_owned()), std::future::pending()).await.unwrap();
    assert!(lines.lock().unwrap().iter().any(|l| l.starts_with("Step 2/6 : FROM")));
    let images = engine.images().await.unwrap();
    let image = images.iter().find(|i| i.id == id).unwrap();
    let mut tags = image.tags.clone();
    tags.sort();
    assert_eq!(tags, spec.tags);
    assert_eq!(image.labels["org.stakeout.image"], "a-test");
    assert!(image.size > 1 << 20 && image.created > 1_700_000_000);
    assert!(images.iter().any(|i| i.id == image.parent), "the step before it is listed");
    let user = docker(&["create", &spec.tags[0]]).await;
    assert!(engine.images_in_use().await.unwrap().contains(&id));
    docker(&["rm", &user]).await;
    assert_eq!(engine.remove_image(&spec.tags[0]).await.unwrap(), Vec::<String>::new(), "it has another name");
    let gone = engine.remove_image(&spec.tags[1]).await.unwrap();
    assert!(gone.contains(&id) && gone.len() > 1, "{gone:?}");
    assert!(!ids(&engine).await.contains(&id));
    assert_eq!(engine.remove_image(&spec.tags[1]).await.unwrap(), Vec::<String>::new(), "what is gone is gone");
}

#[tokio::test]
async fn a_build_that_fails_says_where_and_leaves_nothing() {
    let engine = Engine::connect().await.unwrap();
    let mark = format!("bad-{}", std::process::id());
    let bad = format!("ARG BASE\nFROM $BASE\nLABEL mark={mark}\nCOPY unique /unique\nRUN echo about to fail && exit 7\n");
    let e = engine.build_image(&spec("bad"), context(&bad), |_| {}, std::future::pending()).await.unwrap_err();
    let BuildError::Step { step, problem, output, .. } = &e else { panic!("{e}") };
    assert!(step.starts_with("RUN echo about") && problem.contains('7') && output.iter().any(|l| l == "about to fail"), "{e:?}");
    // A context that breaks on the way says why.
    let broken = context(GOOD).chain(futures_util::stream::iter([Err(std::io::Error::other("the disk is gone"))]));
    let e = engine.build_image(&spec("broken"), broken, |_| {}, std::future::pending()).await.unwrap_err();
    assert!(matches!(&e, BuildError::Context(why) if why.contains("the disk is gone")), "{e:?}");
    let label = format!("label=mark={mark}");
    assert_eq!(docker(&["ps", "-aq", "--filter", &label]).await, "");
    assert_eq!(docker(&["images", "-aq", "--filter", &label]).await, "");
}

#[tokio::test]
async fn a_build_that_is_stopped_leaves_neither_container_nor_image() {
    let engine = Engine::connect().await.unwrap();
    let mark = format!("mark-{}", std::process::id());
    let slow = format!("ARG BASE\nFROM $BASE\nLABEL mark={mark}\nCOPY unique /unique\nRUN echo running && sleep 600\n");
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let sender = Mutex::new(Some(sender));
    let line = |l: &str| {
        if l == "running" {
            sender.lock().unwrap().take().map(|s| s.send(()));
        }
    };
    let stop = async { receiver.await.unwrap() };
    let e = engine.build_image(&spec("slow"), context(&slow), line, stop).await.unwrap_err();
    assert!(matches!(e, BuildError::Stopped));
    let label = format!("label=mark={mark}");
    assert_eq!(docker(&["ps", "-aq", "--filter", &label]).await, "");
    assert_eq!(docker(&["images", "-aq", "--filter", &label]).await, "");
}

#[tokio::test]
async fn a_bakery_works_without_network_or_privileges_and_is_kept_with_its_labels() {
    let engine = Engine::connect().await.unwrap();
    let image = spec("bakery");
    engine.build_image(&image, context(GOOD), |_| {}, std::future::pending()).await.unwrap();
    let spec = BakerySpec {
        image: image.tags[0].clone(),
        arguments: vec!["--bake".into()],
        input: "{\"format\":1}".into(),
        memory: 64 << 20,
        // A device that every host has, in the place of the real one.
        kvm: Some(Kvm { path: "/dev/null".into(), group: Some(4242) }),
        video: None,
        line: 2000,
    };
    let mut bakery = engine.start_bakery(&spec).await.unwrap();
    let mut lines = Vec::new();
    while let Some(line) = bakery.line().await.unwrap() {
        lines.push(line);
    }
    assert_eq!(bakery.code().await.unwrap(), 0);
    let expected = [
        "arguments --bake",
        "order {\"format\":1}",
        "interfaces lo",
        "kvm 1:3 rw",
        "groups 0 4242",
        "CapEff 00000000000001e4",
        "root rw",
        "work tmpfs",
    ];
    assert_eq!(lines, expected);
    assert_eq!(bakery.stderr(), "for people\n");
    assert!(bakery.has("/opt/made/snapshot").await.unwrap());
    assert!(!bakery.has("/opt/made/other").await.unwrap() && !bakery.has("/work/lost").await.unwrap());
    let name = format!("stakeout-test/images-baked:{}", std::process::id());
    let id = bakery.commit(&name, &[("org.stakeout.image".into(), "baked-test".into())]).await.unwrap();
    bakery.remove().await;
    assert_eq!(engine.leftovers(), 0);
    let of = |format: &'static str| {
        let name = name.clone();
        async move { docker(&["image", "inspect", "-f", format, &name]).await }
    };
    assert_eq!(of("{{.Id}}").await, id);
    assert_eq!(of("{{index .Config.Labels \"org.stakeout.image\"}}|{{index .Config.Labels \"org.stakeout.cell\"}}|{{index .Config.Labels \"org.stakeout.role\"}}").await, "baked-test||");
    assert_eq!(of("{{.Config.Entrypoint}} {{len .Config.Cmd}}").await, "[/bin/sh /play] 0");
    assert_eq!(docker(&["run", "--rm", "--network", "none", "--entrypoint", "", &name, "cat", "/opt/made/snapshot"]).await, "saved");
    for tag in [&name, &image.tags[0], &image.tags[1]] {
        engine.remove_image(tag).await.unwrap();
    }
}

#[tokio::test]
async fn a_bakery_that_is_dropped_or_that_says_too_much_is_removed() {
    let engine = Engine::connect().await.unwrap();
    let image = spec("dropped");
    engine.build_image(&image, context(GOOD), |_| {}, std::future::pending()).await.unwrap();
    let spec = |argument: &str| BakerySpec {
        image: image.tags[0].clone(),
        arguments: vec![argument.into()],
        input: String::new(),
        memory: 64 << 20,
        kvm: None,
        video: None,
        line: 2000,
    };
    let mut flood = engine.start_bakery(&spec("flood")).await.unwrap();
    assert!(flood.line().await.is_err());
    drop(flood);
    let mut hang = engine.start_bakery(&spec("hang")).await.unwrap();
    assert_eq!(hang.line().await.unwrap().as_deref(), Some("no kvm"));
    assert!(tokio::time::timeout(Duration::from_millis(300), hang.line()).await.is_err());
    drop(hang);
    while engine.leftovers() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let missing = BakerySpec { kvm: Some(Kvm { path: "/dev/no-such-device".into(), group: None }), ..spec("hang") };
    let e = engine.start_bakery(&missing).await.map(drop).unwrap_err();
    assert!(e.to_string().contains("start a container"), "{e}");
    assert_eq!(engine.leftovers(), 0);
    for tag in &image.tags {
        engine.remove_image(tag).await.unwrap();
    }
}
