//! `stakeout doctor`: what is missing here, and how to get it.

mod emulator;
mod walls;

use std::process::ExitCode;

use serde::Serialize;
use stakeout_agent::Images;
use stakeout_containers::Engine;

use crate::{args::walls::WallArgs, exit::Failure, output, places};

#[derive(Serialize)]
struct Check {
    what: String,
    state: State,
    found: String,
    mend: String,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    Missing,
    Optional,
}

fn check(what: &str, good: bool, needed: bool, found: impl Into<String>, mend: &str) -> Check {
    let state = match (good, needed) {
        (true, _) => State::Good,
        (false, true) => State::Missing,
        (false, false) => State::Optional,
    };
    Check { what: what.to_owned(), state, found: found.into(), mend: if good { String::new() } else { mend.to_owned() } }
}

/// API levels that an emulator's image can be built for.
const EMULATOR: std::ops::RangeInclusive<u32> = 26..=36;

/// The images of this version. Each emulator's image is of one API level.
pub(crate) fn images() -> Images {
    use stakeout_contract::DeviceKind::{Emulator, EmulatorFake, Jvm};
    let set = |n: &str| std::env::var(format!("STAKEOUT_IMAGE_{}", n.to_uppercase().replace('-', "_"))).ok();
    let emulator = |api: u32| {
        set(&format!("emulator-{api}"))
            .or_else(|| set("emulator"))
            .unwrap_or_else(|| format!("stakeout/emulator:{}-api{api}-x86_64", env!("CARGO_PKG_VERSION")))
    };
    let name = |n: &str| set(n).unwrap_or_else(|| format!("stakeout/{n}:{}", env!("CARGO_PKG_VERSION")));
    Images {
        gateway: name("gateway"),
        devices: [(Jvm, name("jvm"), vec![23, 27, 34]), (EmulatorFake, name("emulator-fake"), vec![34])]
            .into_iter()
            .chain(EMULATOR.map(|api| (Emulator, emulator(api), vec![api])))
            .collect(),
        analysis: name("analysis"),
        video: video(),
        frida: None,
    }
}

/// A video device for the emulator's camera.
pub(crate) fn video() -> Option<String> {
    std::env::var("STAKEOUT_VIDEO").ok().filter(|v| !v.is_empty())
}

pub(crate) async fn run(json: bool, walls: &WallArgs) -> Result<ExitCode, Failure> {
    let mut checks = Vec::new();
    let engine = Engine::connect().await;
    match &engine {
        Ok(engine) => {
            let info = engine.info().await;
            let found = info.as_ref().map_or_else(ToString::to_string, |i| {
                format!("{} with {} CPUs, {} GiB, {} on cgroups {}", i.version, i.cpus, i.memory >> 30, i.storage, i.cgroups)
            });
            checks.push(check("Docker engine", true, true, found, ""));
            if let Ok(info) = &info {
                checks.extend(walls::checks(&walls.walls(), info));
            }
            let images = images();
            for (what, image) in
                [("gateway image", &images.gateway), ("jvm image", &images.devices[0].1), ("analysis image", &images.analysis)]
            {
                let id = engine.image_id(image).await;
                let found = id.as_ref().map_or_else(|_| format!("`{image}` is not there"), |id| format!("`{image}` {id}"));
                checks.push(check(what, id.is_ok(), true, found, "`make images` builds it"));
            }
        }
        Err(e) => checks.push(check(
            "Docker engine",
            false,
            true,
            e.to_string().lines().next().unwrap_or_default(),
            "`make setup` installs and starts it",
        )),
    }
    let free = places::memory_available() >> 30;
    checks.push(check(
        "memory",
        free >= 3,
        true,
        format!("{free} GiB available"),
        "a trial needs about 3 GiB: end other programs, or use a larger host",
    ));
    let cache = places::cache()?;
    let writable = std::fs::create_dir_all(&cache).and_then(|()| tempfile::tempfile_in(&cache)).is_ok();
    checks.push(check(
        "cache folder",
        writable,
        true,
        cache.display().to_string(),
        "make it writable, or set STAKEOUT_CACHE to another folder",
    ));
    let key = places::operator_key()?;
    let usable = stakeout_bundle::keys::SigningKey::load_or_create(&key).map(|o| o.public().fingerprint());
    checks.push(check(
        "operator's key",
        usable.is_ok(),
        true,
        usable.unwrap_or_else(|e| e.to_string().lines().next().unwrap_or_default().to_owned()),
        "`chmod 600` the file, or move it away: a new one is made",
    ));
    for (program, why) in
        [("ffmpeg", "`analyze` on this host opens films and speech codecs with it"), ("tshark", "`analyze` of a capture needs it")]
    {
        let there = std::env::var_os("PATH").is_some_and(|p| std::env::split_paths(&p).any(|d| d.join(program).is_file()));
        checks.push(check(
            program,
            there,
            false,
            if there { "found".to_owned() } else { why.to_owned() },
            &format!("`apt-get install {program}`"),
        ));
    }
    let held = stakeout_confine::held();
    checks.push(check(
        "landlock",
        held != stakeout_confine::Held::Nothing,
        false,
        format!("what reads strangers' bytes is held to its own: {}", held.as_str()),
        "a kernel since 5.13 with `landlock` among its `lsm=`: without it ffmpeg, tshark and the reader of apps have their user's rights",
    ));
    checks.extend(emulator::checks(engine.as_ref().ok()).await);
    let good = checks.iter().all(|c| c.state != State::Missing);
    if json {
        output::json(&checks)?;
    } else {
        for c in &checks {
            let mark = match c.state {
                State::Good => "ok      ",
                State::Missing => "missing ",
                State::Optional => "optional",
            };
            output::line(&output::plain(&format!("{mark} {:<16} {}", c.what, c.found)))?;
            if !c.mend.is_empty() {
                output::line(&output::plain(&format!("         {:<16} hint: {}", "", c.mend)))?;
            }
        }
    }
    Ok(ExitCode::from(u8::from(!good)))
}
