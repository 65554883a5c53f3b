//! What a trial leaves: files, pictures, sounds, flows, clocks.

use stakeout_contract::{Sensor, artifact::Role, observation::Fact};
use stakeout_feed::{SubKeys, TrialKey};

use super::{life, sensors};
use crate::{
    app,
    check::{Passed, Trouble, Verdict, ensure, skipped, trouble},
    media::{self, Wav},
    session::{Session, said},
};

/// What the app played by a stand-in cannot know.
const PLAYED: &str = "the device plays the app instead of running it, as the app's files say";

pub(super) async fn snapshot(s: &mut Session) -> Verdict {
    s.take_files(None).await?;
    let n = s.files.len() as u64;
    let answer = s.snapshot.clone();
    let fits = answer.as_ref().is_some_and(|a| a.files == n && (a.lost_files, a.lost_bytes) == (0, 0));
    ensure(fits, format!("{n} files in the answer as in the tar, and none lost"), || format!("{answer:?}"))?;
    Ok(Passed::Yes)
}

/// A file with these bytes.
fn file(s: &Session, name: &str, text: &str) -> Result<(), Trouble> {
    let came = s.files.of_app(name);
    ensure(came == Some(text.as_bytes()), format!("`files/{name}` with `{text}`"), || {
        came.map_or_else(|| s.files.names(), |b| String::from_utf8_lossy(b).into_owned())
    })
}

pub(super) fn files(s: &mut Session) -> Verdict {
    file(s, "written.txt", app::WRITTEN)?;
    let who = (s.files.of_app("said/real").is_some(), s.files.of_app("said/played").is_some());
    ensure(who.0 != who.1, "either `said/real` or `said/played`", || s.files.names())?;
    ensure(s.files.of_app("gone.txt").is_none(), "no `gone.txt`", || s.files.names())?;
    Ok(Passed::Yes)
}

pub(super) fn deleted(s: &mut Session) -> Verdict {
    if s.files.deleted(app::DELETED.as_bytes()) {
        return Ok(Passed::Yes);
    }
    let kept = |f: &Fact| matches!(f, Fact::File { path, change, to: Some(_), .. } if change == "deleted" && path.ends_with("gone.txt"));
    let says = s.since(0).iter().any(|o| kept(&o.fact));
    if s.hello.cooperative || says {
        return Err(trouble("the deleted file among `deleted/`", s.files.names()));
    }
    skipped("the device says of no deleted file that it keeps it")
}

pub(super) fn acts(s: &mut Session) -> Verdict {
    if !s.files.app_is_real() {
        return skipped(PLAYED);
    }
    file(s, "typed.txt", life::TYPED)?;
    file(s, "life/key_camera", "1")?;
    if s.screen.is_some() {
        file(s, "life/touched", "1")?;
    }
    for permission in app::ASKED {
        file(s, &format!("said/{permission}"), "granted")?;
    }
    for act in ["camera", "microphone", "contacts", "calls", "write", "erase", "fetch", "ports"] {
        file(s, &format!("said/{act}"), "ok")?;
    }
    Ok(Passed::Yes)
}

pub(super) fn life(s: &mut Session) -> Verdict {
    let mut wanted = vec!["resumed", "stopped", "screen_off", "screen_on", "boot"];
    if s.files.app_is_real() {
        wanted.extend(["doze_on", "doze_off"]);
    }
    wanted.retain(|w| s.files.of_app(&format!("life/{w}")).is_none());
    ensure(wanted.is_empty(), format!("the app to have seen {wanted:?}"), || s.files.names())?;
    Ok(Passed::Yes)
}

pub(super) fn alarm(s: &mut Session) -> Verdict {
    file(s, "alarm.txt", "the alarm came")?;
    Ok(Passed::Yes)
}

/// Names and numbers that were planted are in what the app stored.
pub(super) fn data(s: &mut Session) -> Verdict {
    let (contacts, calls) = (s.files.text("contacts.txt"), s.files.text("calls.txt"));
    let missing = |text: &str, all: Vec<&String>| all.into_iter().filter(|w| !text.contains(w.as_str())).cloned().collect::<Vec<_>>();
    let names = missing(&contacts, s.planted.contacts.iter().map(|c| &c.name).collect());
    ensure(names.is_empty(), format!("all planted people in `contacts.txt`, also {names:?}"), || contacts.chars().take(600).collect())?;
    let numbers = missing(&calls, s.planted.call_log.iter().map(|c| &c.number).collect());
    ensure(numbers.is_empty(), format!("all planted calls in `calls.txt`, also {numbers:?}"), || calls.chars().take(600).collect())?;
    Ok(Passed::Yes)
}

/// Keys that nothing was coded with.
fn other_keys() -> SubKeys {
    TrialKey::from_bytes([0x5a; 32]).subkeys()
}

fn photo(s: &Session) -> Result<stakeout_feed::GrayImage, Trouble> {
    let bytes = s.files.of_app("photo.jpg").ok_or_else(|| trouble("`files/photo.jpg`", s.files.names()))?;
    ensure(bytes.starts_with(&[0xff, 0xd8, 0xff]), "a JPEG", || format!("{} bytes of something else", bytes.len()))?;
    media::picture(bytes).map_err(|e| trouble("a JPEG that can be opened", e))
}

pub(super) fn picture(s: &mut Session) -> Verdict {
    let (photo, runs) = (photo(s)?, s.delivered(Sensor::Camera));
    let found = media::frame(&photo, &s.keys(), &runs);
    let holds = found.as_ref().is_some_and(|m| m.delivered && m.log10_p < -9.0);
    ensure(holds, format!("a frame of {runs:?}, by chance less than once in 10^9"), || format!("{found:?}"))?;
    Ok(Passed::Yes)
}

pub(super) fn picture_other_key(s: &mut Session) -> Verdict {
    let found = media::frame(&photo(s)?, &other_keys(), &s.delivered(Sensor::Camera));
    ensure(found.is_none(), "no frame", || format!("{found:?}"))?;
    Ok(Passed::Yes)
}

fn recording(s: &Session) -> Result<Wav, Trouble> {
    let bytes = s.files.of_app("sound.wav").ok_or_else(|| trouble("`files/sound.wav`", s.files.names()))?;
    let sound = Wav::read(bytes).map_err(|e| trouble("a WAV file", e.to_string()))?;
    ensure((1_500_000_000..=4_000_000_000).contains(&sound.nanos()), "some two seconds of sound", || format!("{} ns", sound.nanos()))?;
    Ok(sound)
}

pub(super) fn sound(s: &mut Session) -> Verdict {
    let (sound, runs, span) = (recording(s)?, s.delivered(Sensor::Microphone), sensors::span(s, "Microphone")?);
    let found = media::seconds(&sound, &s.keys(), &runs);
    let holds = found.iter().any(|m| {
        let begin = m.from_nanos.saturating_sub(m.recording_nanos);
        m.delivered && m.log10_p < -9.0 && (span.from.get()..=span.to.get()).contains(&begin)
    });
    ensure(holds, format!("seconds of the blocks {runs:?}, begun from {} to {}", span.from, span.to), || format!("{found:?}"))?;
    Ok(Passed::Yes)
}

pub(super) fn sound_other_key(s: &mut Session) -> Verdict {
    let found = media::seconds(&recording(s)?, &other_keys(), &s.delivered(Sensor::Microphone));
    ensure(found.is_empty(), "no second", || format!("{found:?}"))?;
    Ok(Passed::Yes)
}

pub(super) fn flow(s: &mut Session) -> Verdict {
    let flows = s.end().flows.clone();
    let Some(f) = flows.iter().find(|f| f.host == app::HOST && f.path == app::PATH) else {
        return Err(trouble(format!("a flow to https://{}{}", app::HOST, app::PATH), format!("{} others", flows.len())));
    };
    let said = (f.scheme.as_str(), f.method.as_str(), f.status, f.stub);
    ensure(said == ("https", "GET", 200, Some(0)), "https, GET, 200, of the first stub", || format!("{said:?} {}", f.error))?;
    let text = |d: Option<stakeout_contract::Sha256Digest>| d.and_then(|d| std::fs::read(s.talk.keep.path(&d)).ok()).unwrap_or_default();
    let (request, answer) = (text(f.request), text(f.response));
    let head = format!("GET {} HTTP/1.1\r\n", app::PATH);
    ensure(request.starts_with(head.as_bytes()), format!("a request that begins `{}`", head.trim_end()), || lossy(&request))?;
    ensure(answer == app::ANSWER.as_bytes(), format!("the answer `{}`", app::ANSWER), || lossy(&answer))?;
    let kept = |role| s.talk.keep.artifacts().iter().any(|a| a.role == role && a.flow == Some(f.id));
    ensure(kept(Role::FlowRequest) && kept(Role::FlowResponse), "both kept as artifacts", || "not both".to_owned())?;
    let span = sensors::span(s, "Fetch")?;
    ensure((span.from..=span.to).contains(&f.at), format!("a date from {} to {}", span.from, span.to), || f.at.to_string())?;
    if s.files.app_is_real() {
        file(s, "fetched.txt", app::ANSWER)?;
    }
    Ok(Passed::Yes)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(300).collect()
}

/// Nothing answers there. A connection that stood is the gateway's, and the gateway has it in its books.
pub(super) fn ports_closed(s: &mut Session) -> Verdict {
    let flows = s.end().flows.clone();
    let (hosts, ports) = app::CONTROLS;
    for (host, port) in hosts.into_iter().flat_map(|h| ports.map(|p| (h, p))) {
        let name = format!("ports/{host}-{port}");
        let Some(came) = s.files.of_app(&name).map(lossy) else { return Err(trouble(format!("`files/{name}`"), s.files.names())) };
        let stood = came.starts_with("connected");
        let gateways = flows.iter().any(|f| f.port == port && f.address == host)
            || s.since(0).iter().any(|o| match &o.fact {
                Fact::Opaque { host: h, port: p, .. } | Fact::TlsRefused { host: h, port: p, .. } => (h.as_str(), *p) == (host, port),
                Fact::Blocked { address, port: p, .. } => (address.as_str(), *p) == (host, port),
                _ => false,
            });
        let good = !came.starts_with("answered") && (!stood || gateways);
        ensure(good, format!("{host}:{port} refused, or taken by the gateway"), || format!("{came}; {}", said(s.since(0))))?;
    }
    Ok(Passed::Yes)
}

pub(super) fn clocks(s: &mut Session) -> Verdict {
    let samples = s.tap.heard().samples.clone();
    ensure(samples.len() >= 2, "two samples at least", || format!("{}", samples.len()))?;
    let back = samples.windows(2).find(|w| w[1].real < w[0].real || w[1].at < w[0].at);
    ensure(back.is_none(), "samples in order", || format!("{back:?}"))?;
    let last = samples.last().map(|l| l.at);
    ensure(last <= Some(s.talk.record.now()), "no sample after the end", || format!("{last:?}"))?;
    Ok(Passed::Yes)
}

pub(super) fn healthy(s: &mut Session) -> Verdict {
    let health = s.tap.heard().health.clone();
    ensure(health.is_empty(), "no word of it", || health.join("; "))?;
    let lost: Vec<_> = s.since(0).iter().filter(|o| matches!(o.fact, Fact::Lost { .. } | Fact::Escape { .. })).collect();
    ensure(lost.is_empty(), "nothing lost, nothing escaped", || format!("{lost:?}"))?;
    Ok(Passed::Yes)
}
