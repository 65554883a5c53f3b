//! The app: it hears of events and plays its script.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    camera,
    faults::Fault,
    frida::{self, Inside},
    guest::Package,
    script::{Act, On, Step, To, When},
    upload,
    world::{Note, World},
};

/// Samples a second that an app records.
const RATE: u32 = 44_100;

/// Plays the script until the end.
pub async fn play(world: Arc<World>) {
    let mut events = world.events.subscribe();
    while let Ok(when) = events.recv().await {
        let script = world.script();
        if when == On::When(When::Boot) {
            let mut phone = world.phone();
            let pid = phone.number();
            if let Some(app) = phone.packages.get_mut(&script.package) {
                app.pid = Some(pid);
            }
        }
        if when == On::When(When::Launch) && world.faults.has(Fault::AppCrashes) {
            let world = world.clone();
            tokio::spawn(async move {
                world.clock.sleep(1.0).await;
                world.crash(&world.script().package);
            });
        }
        for step in script.steps.iter().filter(|s| s.on == when) {
            tokio::spawn(again(world.clone(), step.clone()));
        }
    }
}

/// Who acts: the app of the script, or another one.
#[derive(Clone)]
struct Who {
    package: String,
    pid: u32,
    uid: u32,
}

/// The user of the first app that is not the script's.
const OTHERS: u32 = 10_300;

/// The app's process and user, while it runs; or another app's, which is always there when it is wanted.
fn process(world: &World, by: Option<&str>) -> Option<Who> {
    let mut phone = world.phone();
    let package = by.map_or_else(|| world.script().package.clone(), str::to_owned);
    if by.is_some() && !phone.packages.contains_key(&package) {
        let (pid, uid) = (phone.number(), OTHERS + phone.packages.len() as u32);
        let all = ["CAMERA", "RECORD_AUDIO", "READ_CONTACTS", "READ_CALL_LOG"].map(|p| format!("android.permission.{p}"));
        let other = Package { uid, pid: Some(pid), granted: all.into(), service: true, ..Package::default() };
        phone.packages.insert(package.clone(), other);
    }
    let app = phone.packages.get(&package)?;
    Some(Who { pid: app.pid?, uid: app.uid, package })
}

/// An act once, or again and again while the process lives that it began in.
async fn again(world: Arc<World>, step: Step) {
    let Some(first) = process(&world, None).map(|who| who.pid) else { return };
    let mut wait = step.after;
    loop {
        world.clock.sleep(wait).await;
        if process(&world, None).is_none_or(|who| who.pid != first) {
            return;
        }
        one(&world, &step).await;
        let Some(every) = step.every else { return };
        wait = every.max(1.0);
    }
}

async fn one(world: &Arc<World>, step: &Step) {
    if let Some(name) = &step.ordered {
        let configuration = world.configuration.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if configuration.get(name) != Some(&serde_json::Value::Bool(true)) {
            return;
        }
    }
    act(world, step.by.as_deref(), step.act.clone()).await;
}

async fn act(world: &Arc<World>, by: Option<&str>, what: Act) {
    let Some(who) = process(world, by) else { return };
    let (package, pid) = (who.package.as_str(), who.pid);
    match what {
        Act::InTurn(all) => {
            for one in all {
                Box::pin(act(world, by, one)).await;
            }
        }
        Act::RequestPermission(name) => {
            if !has(world, package, &name) {
                world.phone().ask(package, name);
            }
        }
        Act::OpenCamera { id, seconds, to } => {
            if let Some(jpeg) = look(world, &who, id, seconds).await {
                put(world, &who, &to, jpeg).await;
            }
        }
        Act::OpenMicrophone { seconds, to } => {
            if let Some((samples, rate)) = hear(world, &who, seconds).await {
                put(world, &who, &to, camera::wav(&samples, rate)).await;
            }
        }
        Act::Read { what, to } => {
            let (address, permission, op) = match what.as_str() {
                "call_log" => ("content://call_log/calls", "READ_CALL_LOG", "READ_CALL_LOG"),
                _ => ("content://com.android.contacts/data", "READ_CONTACTS", "READ_CONTACTS"),
            };
            if !begin(world, package, &format!("android.permission.{permission}"), op) {
                return;
            }
            finish(world, package, op);
            let rows = world.phone().providers.get(address).cloned().unwrap_or_default();
            let lines = rows.iter().map(|r| r.iter().map(|(_, v)| v.as_str()).collect::<Vec<_>>().join("\t")).collect::<Vec<_>>();
            put(world, &who, &to, lines.join("\n").into_bytes()).await;
        }
        Act::WriteFile { path, text } => put(world, &who, &To::Store(path), text.into_bytes()).await,
        Act::DeleteFile { path } => world.file(&path, package, None),
        Act::Get { url, configuration, status: kept } => match upload::get(world, who.uid, &url).await {
            Ok((status, answer)) => {
                if let Some(path) = kept {
                    put(world, &who, &To::Store(path), status.to_string().into_bytes()).await;
                }
                world.say(pid, 'D', "App", &format!("got {} bytes: {status}", answer.len()));
                if configuration {
                    *world.configuration.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                        serde_json::from_slice(&answer).unwrap_or_default();
                }
            }
            Err(e) => world.say(pid, 'W', "App", &format!("nothing got: {e:#}")),
        },
        Act::Connect { host, port, to } => {
            let connected = tokio::time::timeout(Duration::from_secs(5), tokio::net::TcpStream::connect((host.as_str(), port))).await;
            let outcome = match connected {
                Ok(Ok(_)) => "connected".to_owned(),
                Ok(Err(e)) => e.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            put(world, &who, &to, format!("{host}:{port} {outcome}\n").into_bytes()).await;
        }
        Act::ForegroundService => {
            if let Some(app) = world.phone().packages.get_mut(package) {
                app.service = true;
            }
        }
        Act::Log(text) => world.say(pid, 'D', "App", &text),
        Act::Crash => world.crash(package),
    }
}

fn has(world: &World, package: &str, permission: &str) -> bool {
    world.phone().packages.get(package).is_some_and(|p| p.granted.contains(permission))
}

/// Begins an operation; whether the app may.
fn begin(world: &World, package: &str, permission: &str, op: &str) -> bool {
    let now = world.clock.millis();
    let allowed = has(world, package, permission);
    let mut phone = world.phone();
    let state = phone.state(package).0;
    let Some(app) = phone.packages.get_mut(package) else { return false };
    let op = app.ops.entry(op.to_owned()).or_default();
    let allowed = allowed && !matches!(op.mode.as_deref(), Some("ignore" | "deny"));
    if allowed {
        op.access = Some((now, state, 0));
        op.running = Some(now);
    } else {
        op.reject = Some((now, state));
    }
    allowed
}

fn finish(world: &World, package: &str, op: &str) {
    let now = world.clock.millis();
    let mut phone = world.phone();
    let Some(op) = phone.packages.get_mut(package).and_then(|p| p.ops.get_mut(op)) else { return };
    if let (Some(since), Some(access)) = (op.running.take(), &mut op.access) {
        access.2 = now - since;
    }
}

/// Refuses an operation that was allowed by its permission.
fn reject(world: &World, package: &str, op: &str) {
    let now = world.clock.millis();
    let mut phone = world.phone();
    let state = phone.state(package).0;
    if let Some(op) = phone.packages.get_mut(package).map(|p| p.ops.entry(op.to_owned()).or_default()) {
        op.reject = Some((now, state));
        op.running = None;
    }
}

async fn look(world: &World, who: &Who, id: u32, seconds: f64) -> Option<Vec<u8>> {
    let (package, pid) = (&who.package, who.pid);
    if !begin(world, package, "android.permission.CAMERA", "CAMERA") {
        world.say(pid, 'W', "App", "java.lang.SecurityException: camera");
        return None;
    }
    let now = world.clock.millis();
    world.say(
        600,
        'I',
        "CameraService",
        &format!("CameraService::connect call (PID {pid} \"{package}\", camera ID {id}) and Camera API version 2"),
    );
    if !world.phone().may_capture(package) {
        let why = "caller cannot open camera from background";
        world.phone().camera_event(now, &format!("REJECT device {id} client for package {package} (PID {pid}), reason: ({why})"));
        reject(world, package, "CAMERA");
        return None;
    }
    {
        let mut phone = world.phone();
        phone.camera_event(now, &format!("CONNECT device {id} client for package {package} (PID {pid})"));
        phone.camera = Some((id, package.clone(), pid));
    }
    let _ = world.inside.send(Inside::Opened { pid, sensor: "camera", api: "camera2", id: id.to_string() });
    let scene = camera::mode(world, id) == "virtualscene";
    if scene {
        let _ = world.notes.send(Note::Camera(true));
    }
    let source = camera::open(world, id);
    world.clock.sleep(seconds).await;
    // Of the middle of what it sees.
    let jpeg = camera::jpeg(&source.at(seconds / 2.0).await);
    {
        let mut phone = world.phone();
        phone.camera_event(world.clock.millis(), &format!("DISCONNECT device {id} client for package {package} (PID {pid})"));
        phone.camera = None;
    }
    if scene {
        let _ = world.notes.send(Note::Camera(false));
    }
    world.say(600, 'I', "CameraService", &format!("disconnect: Disconnected client for camera {id} for PID {pid}"));
    finish(world, package, "CAMERA");
    Some(jpeg)
}

/// What a recording holds, and its samples a second.
async fn hear(world: &World, who: &Who, seconds: f64) -> Option<(Vec<u8>, u32)> {
    let Who { package, pid, uid } = who;
    let (pid, uid) = (*pid, *uid);
    if !begin(world, package, "android.permission.RECORD_AUDIO", "RECORD_AUDIO") {
        world.say(pid, 'W', "App", "java.lang.SecurityException: microphone");
        return None;
    }
    let (session, silenced) = {
        let mut phone = world.phone();
        let session = phone.number();
        let silenced = !phone.may_capture(package);
        phone.audio_event(world.clock.millis(), "start", package, uid, session, silenced);
        phone.recording = Some((package.clone(), uid, session, silenced));
        (session, silenced)
    };
    let _ = world.inside.send(Inside::Opened { pid, sensor: "microphone", api: "audio_record", id: String::new() });
    if silenced {
        reject(world, package, "RECORD_AUDIO");
    }
    let silent = silenced || world.faults.has(Fault::MicSilent);
    let host = world.host.as_ref().filter(|_| world.phone().host_microphone);
    let rate = host.map_or(RATE, |h| h.rate);
    let total = (seconds * f64::from(rate)) as usize * 2;
    let heard = match host {
        Some(host) => host.record(total, world.clock.ours(seconds)).await,
        None => record(world, total, seconds).await,
    };
    {
        let mut phone = world.phone();
        phone.audio_event(world.clock.millis(), "stop", package, uid, session, silenced);
        phone.recording = None;
    }
    finish(world, package, "RECORD_AUDIO");
    Some((if silent { vec![0; heard.len()] } else { heard }, rate))
}

/// Takes sound as the guest's time goes by: of the file that is the host's microphone, or of what was injected; else silence.
async fn record(world: &World, total: usize, seconds: f64) -> Vec<u8> {
    let started = Instant::now();
    let whole = world.clock.ours(seconds).max(0.001);
    let host = world.phone().host_microphone.then(|| world.pcm.clone()).flatten().and_then(|p| std::fs::read(p).ok());
    let begun = (world.clock.up().as_secs_f64() * f64::from(RATE)) as usize * 2;
    let mut samples = Vec::with_capacity(total);
    while samples.len() < total {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let due = ((started.elapsed().as_secs_f64() / whole).min(1.0) * total as f64) as usize & !1;
        if let Some(host) = host.as_ref().filter(|h| !h.is_empty()) {
            samples.extend((samples.len()..due).map(|n| host[(begun + n) % host.len()]));
            continue;
        }
        let mut queue = world.sound.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while samples.len() < due {
            samples.push(queue.pop_front().unwrap_or(0));
        }
        drop(queue);
        world.sound.changed.notify_waiters();
    }
    samples
}

async fn send(world: &World, who: &Who, url: &str, bytes: &[u8]) {
    let pid = who.pid;
    if let Ok(url) = url.parse::<http::Uri>() {
        let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("https") { 443 } else { 80 });
        let _ = world.inside.send(Inside::Connected { pid, host: url.host().unwrap_or_default().to_owned(), port });
    }
    match upload::post(world, who.uid, url, bytes).await {
        Ok(status) => world.say(pid, 'D', "App", &format!("sent {} bytes: {status}", bytes.len())),
        Err(e) => world.say(pid, 'W', "App", &format!("not sent: {e:#}")),
    }
}

/// Stores or sends.
async fn put(world: &World, who: &Who, to: &To, bytes: Vec<u8>) {
    let pid = who.pid;
    match to {
        To::Store(path) => {
            if world.faults.has(Fault::DiskFull) {
                return world.say(pid, 'W', "App", "java.io.IOException: No space left on device");
            }
            world.file(path, &who.package, Some(bytes));
        }
        To::Upload(url) => send(world, who, url, &bytes).await,
        To::Encrypted(url) => {
            let cipher = frida::encrypt(&bytes);
            let _ = world.inside.send(Inside::Encrypted { pid, plain: bytes, cipher: cipher.clone() });
            send(world, who, url, &cipher).await;
        }
    }
}
