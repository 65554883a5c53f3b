//! `stakeout images build emulator`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use futures_util::StreamExt;
use stakeout_containers::{BuildError, Engine, ImageSpec};
use stakeout_sdk::{
    Acceptance, EmulatorImages, Event, ImageBuild, License, LockSource, Origin, Ours, Prepared, Progress, Request, SdkError, prepare,
};
use tokio_util::sync::CancellationToken;

use super::{bake, bytes, options::EmulatorArgs, show::Show};
use crate::{exit::Failure, interrupt, output, places};

/// Left free on the engine's disk after a build.
const MARGIN: u64 = 1 << 30;

pub(super) async fn run(a: &EmulatorArgs) -> Result<ExitCode, Failure> {
    let cache = places::cache()?.join("sdk");
    let show = Show::new();
    if !a.accept_licenses {
        // Needs no engine and no other image: whoever only wants to read should be able to.
        let asked = prepare(&request(a, &cache, "", None), &show).await;
        show.end();
        return Err(match asked {
            Err(SdkError::LicensesNotAccepted(licenses)) => refuse(licenses)?,
            Err(e) => failed(e),
            Ok(_) => Failure::other(anyhow::anyhow!("the licences were not asked for")),
        });
    }
    let ours = Ours {
        program: beside(
            a.device_program.as_deref(),
            "stakeout-device",
            "`cargo build --release -p stakeout-device` makes it",
            "--device-program",
        )?,
        keeper: beside(
            a.keeper_program.as_deref(),
            "stakeout-keeper",
            "`cargo build --release -p stakeout-keeper` makes it",
            "--keeper-program",
        )?,
        probe: beside(a.probe.as_deref(), "stakeout-probe.apk", "`make probe` makes it", "--probe")?,
    };
    let engine = crate::commands::walled(&a.walls).await?;
    let base = base(&engine).await?;
    let stop = interrupt::token()?;
    let work = Work { a, cache: &cache, engine: &engine, show: &show, stop: &stop };
    let done = work.all(&request(a, &cache, &base, Some(ours))).await;
    show.end();
    // What a bake was doing is gone before this process is.
    engine.destroy_all().await;
    done
}

fn request(a: &EmulatorArgs, cache: &Path, base: &str, ours: Option<Ours>) -> Request {
    let mut apis = a.api.clone();
    apis.sort_unstable();
    apis.dedup();
    let from = match (&a.sdk_index, &a.from_dir) {
        (Some(url), _) => Origin::Repository(url.clone()),
        (None, Some(folder)) => Origin::Folder(folder.clone()),
        (None, None) => Origin::default(),
    };
    Request {
        abi: a.abi.clone(),
        from,
        lock: a.lock.clone().map_or(LockSource::BuiltIn, LockSource::File),
        acceptance: if a.accept_licenses { Acceptance::Given } else { Acceptance::NotGiven },
        ours,
        roots: a.roots.clone(),
        window: a.window,
        cameras: a.camera,
        ..Request::new(apis, cache.to_owned(), base, env!("CARGO_PKG_VERSION"))
    }
}

/// The texts on standard output, so that they can be read with a pager; the error names each with its hash.
fn refuse(licenses: Vec<License>) -> Result<Failure, Failure> {
    for l in &licenses {
        output::line(&format!("==== {} ({}) ====\n", output::plain(&l.id), l.hash))?;
        for line in l.text.lines() {
            output::line(&output::plain(line))?;
        }
        output::line("")?;
    }
    Ok(Failure::usage(SdkError::LicensesNotAccepted(licenses)))
}

/// What the caller can mend by calling otherwise is wrong usage; a server or a disk that fails is not.
fn failed(e: SdkError) -> Failure {
    match e {
        SdkError::Status { .. }
        | SdkError::Transfer { .. }
        | SdkError::Certificate { .. }
        | SdkError::Client(_)
        | SdkError::NoSpace { .. }
        | SdkError::Io { .. } => Failure::other(e),
        e => Failure::usage(e),
    }
}

/// The one that was given, else that of the same release: it lies beside this program.
fn beside(given: Option<&Path>, name: &str, made: &str, option: &str) -> Result<PathBuf, Failure> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => std::env::current_exe().map_err(Failure::other)?.with_file_name(name),
    };
    if path.is_file() {
        return Ok(path);
    }
    Err(Failure::hint(format!("`{}` is missing", path.display()), format!("{made} beside `stakeout`; `{option} FILE` names another place")))
}

/// The base image by the digest of what it was made from, so that a new base is a new image.
async fn base(engine: &Engine) -> Result<String, Failure> {
    let name = std::env::var("STAKEOUT_IMAGE_BASE").unwrap_or_else(|_| format!("stakeout/base:{}", env!("CARGO_PKG_VERSION")));
    let id = engine.image_id(&name).await.map_err(Failure::usage)?;
    let images = engine.images().await.map_err(Failure::other)?;
    let image = images.into_iter().find(|i| i.id == id).unwrap_or_default();
    let key = image.labels.get(stakeout_sdk::labels::KEY).map(|k| format!("stakeout/base:{k}"));
    Ok(key.filter(|k| image.tags.contains(k)).unwrap_or(name))
}

struct Work<'a> {
    a: &'a EmulatorArgs,
    cache: &'a Path,
    engine: &'a Engine,
    show: &'a Show,
    stop: &'a CancellationToken,
}

impl Work<'_> {
    async fn all(&self, request: &Request) -> Result<ExitCode, Failure> {
        let prepared = tokio::select! {
            p = prepare(request, self.show) => p.map_err(failed)?,
            () = self.stop.cancelled() => return Err(self.interrupted()),
        };
        self.room(&prepared).await?;
        let mut ids = Vec::new();
        for images in &prepared.images {
            self.image(&images.sdk, images.unpacked).await?;
            if let Some(device) = &images.device {
                ids.push((images, self.image(device, device.context.programs.iter().map(|(_, b)| b.len() as u64).sum()).await?));
            }
        }
        if let Some(path) = &prepared.candidate {
            self.show.line(&format!(
                "not all of it was reviewed: `{}` has what was measured; docs/emulator-images.md says how to review it",
                path.display()
            ));
        }
        let mut lines = Vec::new();
        for (images, id) in &ids {
            let name = images.device.as_ref().and_then(|d| d.tags.last()).map_or("", String::as_str);
            lines.push(format!("{name} {id}"));
            lines.extend(self.bake(images, id).await?);
        }
        self.show.end();
        for line in lines {
            output::line(&line)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Before anything is sent: the engine keeps the context and then the layer.
    async fn room(&self, prepared: &Prepared) -> Result<(), Failure> {
        let mut need = MARGIN;
        for images in &prepared.images {
            if self.engine.image_id(&images.sdk.tags[0]).await.is_err() {
                need += images.unpacked * 2;
            }
        }
        let root = self.engine.info().await.map_err(Failure::other)?.root;
        // An engine in a machine of its own keeps its data where this process cannot look.
        match stakeout_sdk::free_space(Path::new(&root)) {
            Ok(free) if free < need => Err(Failure::other(anyhow::anyhow!(
                "`{root}`, where the engine keeps images, has {} free, and {} are needed\nhint: `stakeout images prune` frees what is ours and unused, `docker system df` shows the rest",
                bytes(free),
                bytes(need)
            ))),
            _ => Ok(()),
        }
    }

    /// Builds an image unless it is there, and gives its id.
    async fn image(&self, build: &ImageBuild, size: u64) -> Result<String, Failure> {
        let name = &build.tags[0];
        if let Ok(id) = self.engine.image_id(name).await {
            for tag in &build.tags[1..] {
                self.engine.tag_image(&id, tag).await.map_err(Failure::other)?;
            }
            self.show.line(&format!("`{name}` is there"));
            return Ok(id);
        }
        self.show.line(&format!("building `{name}`"));
        let mut arguments = build.arguments.clone();
        arguments.extend(proxies().await);
        let spec = ImageSpec { tags: build.tags.clone(), arguments };
        let sending = format!("sending the context of `{name}`");
        let mut sent = 0;
        let context = build.context.clone().into_stream();
        // The stream outlives this function only until the engine has let go of it; what it shows goes through a channel.
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<u64>();
        let context = context.inspect(move |piece| {
            if let Ok(piece) = piece {
                sent += piece.len() as u64;
                let _ = sender.send(sent);
            }
        });
        let line = |l: &str| {
            // Two dozen labels say nothing to who waits.
            if l.starts_with("Step ") && !l.contains(" : LABEL ") {
                self.show.now(l);
            }
        };
        let building = self.engine.build_image(&spec, context, line, self.stop.cancelled());
        let mut building = std::pin::pin!(building);
        let built = loop {
            tokio::select! {
                built = &mut building => break built,
                Some(sent) = receiver.recv() => self.show.event(Event::Bytes { name: &sending, done: sent, total: size.max(sent) }),
            }
        };
        built.map_err(|e| match e {
            BuildError::Stopped => self.interrupted(),
            BuildError::Step { ref output, .. } => {
                self.show.line("the end of the engine's output:");
                for l in output {
                    self.show.line(&format!("    {l}"));
                }
                Failure::other(anyhow::Error::from(e).context(
                    "an image could not be built\nhint: Debian's packages are fetched by the build: check the network, `http_proxy`, and the disk",
                ))
            }
            e => Failure::other(e),
        })
    }

    /// Bakes where that is possible. Gives lines for standard output; what is not baked is a warning, and what should have been
    /// baked and failed an error.
    async fn bake(&self, images: &EmulatorImages, id: &str) -> Result<Option<String>, Failure> {
        if self.a.no_bake {
            return Ok(None);
        }
        let api = images.api;
        let outcome = tokio::select! {
            outcome = bake::bake(self.engine, images, id, &self.a.kvm, self.show) => outcome,
            () = self.stop.cancelled() => return Err(self.interrupted()),
        };
        match outcome? {
            bake::Outcome::Baked { name, id } => Ok(Some(format!("{name} {id}"))),
            bake::Outcome::Not { why, mend } => {
                self.show.line(&format!("warning: nothing is baked for API {api}: {why}; trials boot cold, which takes longer each time"));
                self.show.line(&format!("hint: {mend}, then run this again; or give `--no-bake`"));
                Ok(None)
            }
        }
    }

    fn interrupted(&self) -> Failure {
        let message = format!("interrupted; what was fetched stays in `{}`, and the next run goes on with it", self.cache.display());
        Failure::other(anyhow::anyhow!(message)).with_code(130)
    }
}

/// Proxies for the build's own downloads: of the environment, else the one that this machine's package manager uses. The engine knows
/// these arguments by name and keeps them out of the image.
async fn proxies() -> Vec<(String, String)> {
    let var = |n: &str| std::env::var(n).ok().filter(|v| !v.is_empty());
    let mut out: Vec<(String, String)> =
        ["http_proxy", "https_proxy", "no_proxy"].iter().filter_map(|n| Some(((*n).to_owned(), var(n)?))).collect();
    if !out.iter().any(|(n, _)| n == "http_proxy") {
        let asked = tokio::process::Command::new("apt-config").args(["shell", "p", "Acquire::http::Proxy"]).output().await;
        let text = asked.ok().and_then(|o| String::from_utf8(o.stdout).ok()).unwrap_or_default();
        if let Some(proxy) = text.trim().strip_prefix("p='").and_then(|t| t.strip_suffix('\'')) {
            out.push(("http_proxy".to_owned(), proxy.to_owned()));
        }
    }
    out
}
