//! `stakeout feed`.

use std::{ops::Range, path::Path, process::ExitCode};

use stakeout_contract::{
    DeviceKind, Epoch, JobId, Nanos, Sha256Digest, TrialId,
    trial::{AppFacts, FeedMode, KeyHex, TrialCost, TrialEnd, TrialRecord, TrialState},
};
use stakeout_feed::{CameraFeed, MicFeed, TrialKey};

use crate::{
    args::{FacingArg, Feed, FeedCommand, RenderArgs},
    exit::Failure,
    library, output,
};

pub(crate) fn run(c: FeedCommand) -> Result<ExitCode, Failure> {
    match c {
        FeedCommand::New { out, seed, feed } => new(&out, seed, mode(feed)),
        FeedCommand::Render(a) => render(&a),
    }
}

/// The mode that an argument names.
pub(crate) const fn mode(f: Feed) -> FeedMode {
    match f {
        Feed::Pattern => FeedMode::Pattern,
        Feed::Scene => FeedMode::Scene,
    }
}

/// The renderer's word for a mode.
pub(crate) const fn renderer(m: FeedMode) -> stakeout_feed::FeedMode {
    match m {
        FeedMode::Pattern => stakeout_feed::FeedMode::Pattern,
        FeedMode::Scene => stakeout_feed::FeedMode::Scene,
    }
}

/// Reads a trial's record.
pub(crate) fn trial(path: &Path) -> Result<TrialRecord, Failure> {
    let text = std::fs::read(path).map_err(|e| {
        Failure::hint(format!("`{}` cannot be read: {e}", path.display()), "give a trial.json of a bundle, or one of `stakeout feed new`")
    })?;
    serde_json::from_slice(&text).map_err(|e| {
        Failure::hint(format!("`{}` is no trial: {e}", path.display()), "give a trial.json of a bundle, or one of `stakeout feed new`")
    })
}

/// The key that a trial reveals.
pub(crate) fn key_of(t: &TrialRecord) -> Result<TrialKey, Failure> {
    let key = t.key.as_ref().ok_or_else(|| {
        Failure::hint("the trial does not reveal its key", "keys are in the bundle's trial.json, after the trial has ended")
    })?;
    Ok(TrialKey::from_bytes(*key.bytes()))
}

fn new(out: &Path, seed: Option<u64>, feed_mode: FeedMode) -> Result<ExitCode, Failure> {
    if out.exists() {
        return Err(Failure::hint(format!("`{}` exists", out.display()), "choose another name; nothing is overwritten"));
    }
    let mut key = [0; 32];
    match seed {
        Some(s) => key = *Sha256Digest::of(format!("stakeout feed seed {s}").as_bytes()).as_bytes(),
        None => getrandom::fill(&mut key).map_err(|e| Failure::other(anyhow::anyhow!("the system gives no randomness: {e}")))?,
    }
    let id = |prefix: &str| format!("{prefix}-{}", Sha256Digest::of(&key).short());
    let record = TrialRecord {
        format: TrialRecord::FORMAT.to_owned(),
        trial: id("trial").parse::<TrialId>().map_err(Failure::other)?,
        job: id("job").parse::<JobId>().map_err(Failure::other)?,
        epoch: Epoch::FIRST,
        number: 1,
        app: AppFacts::default(),
        scenario: library::parse("built in", "name: none\nsteps: [launchApp]")?,
        device: DeviceKind::Jvm,
        api: 34,
        image: String::new(),
        cooperative: false,
        commitment: Sha256Digest::from_bytes(TrialKey::from_bytes(key).commitment()),
        key: Some(KeyHex::new(key)),
        feed_mode,
        started_at: String::new(),
        started_real: String::new(),
        timeline: vec![],
        clock: vec![],
        delivered: vec![],
        canaries: vec![],
        artifacts: vec![],
        end: TrialEnd { state: TrialState::Queued, stage: String::new(), reason: String::new(), log: String::new() },
        cost: TrialCost::default(),
    };
    let text = serde_json::to_string_pretty(&record).map_err(Failure::other)?;
    std::fs::write(out, text + "\n").map_err(|e| Failure::usage(anyhow::anyhow!("`{}` cannot be written: {e}", out.display())))?;
    Ok(ExitCode::SUCCESS)
}

fn range(text: &str, what: &str) -> Result<Range<u64>, Failure> {
    let bad = || {
        Failure::hint(
            format!("`--{what} {}` is no range", output::plain(text)),
            format!("write it as `--{what} 0..30`, at most 100000 long"),
        )
    };
    let (a, b) = text.split_once("..").ok_or_else(bad)?;
    let r = a.trim().parse().map_err(|_| bad())?..b.trim().parse().map_err(|_| bad())?;
    if r.start < r.end && r.end - r.start <= 100_000 && r.end < 1 << 40 { Ok(r) } else { Err(bad()) }
}

fn render(a: &RenderArgs) -> Result<ExitCode, Failure> {
    let t = trial(&a.trial)?;
    let keys = key_of(&t)?.subkeys();
    if a.frames.is_none() && a.audio.is_none() {
        return Err(Failure::hint("nothing is to be rendered", "give `--frames A..B`, `--audio A..B` or both"));
    }
    let size = a.size.split_once('x').and_then(|(w, h)| Some((w.parse::<u32>().ok()?, h.parse::<u32>().ok()?)));
    let (w, h) = size.filter(|(w, h)| (16..=4096).contains(w) && (16..=4096).contains(h)).ok_or_else(|| {
        Failure::hint(format!("`--size {}` is no size", output::plain(&a.size)), "write it as `640x480`, 16 to 4096 pixels a side")
    })?;
    std::fs::create_dir_all(&a.out).map_err(|e| Failure::usage(anyhow::anyhow!("`{}` cannot be made: {e}", a.out.display())))?;
    let put = |name: String, bytes: &[u8]| {
        let path = a.out.join(name);
        std::fs::write(&path, bytes).map_err(|e| Failure::usage(anyhow::anyhow!("`{}` cannot be written: {e}", path.display())))
    };
    if let Some(r) = &a.frames {
        let sub = match a.facing {
            FacingArg::Back => keys.camera_back,
            FacingArg::Front => keys.camera_front,
        };
        let feed = CameraFeed::with_mode(sub, renderer(t.feed_mode));
        for frame in range(r, "frames")? {
            put(format!("frame-{frame:08}.jpg"), &feed.jpeg(frame, w, h, a.quality).map_err(Failure::other)?)?;
        }
    }
    if let Some(r) = &a.audio {
        let r = range(r, "audio")?;
        if !(8000..=48_000).contains(&a.rate) {
            return Err(Failure::hint(format!("`--rate {}` is out of range", a.rate), "use 8000 to 48000"));
        }
        let samples = (r.end - r.start) * u64::from(a.rate);
        let pcm = MicFeed::new(keys.microphone).pcm(Nanos::from_secs(r.start).get(), samples as usize, a.rate);
        put(format!("audio-{}-{}.wav", r.start, r.end), &wav(&pcm, a.rate))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// 16-bit mono RIFF WAVE.
fn wav(pcm: &[i16], rate: u32) -> Vec<u8> {
    let data = (pcm.len() * 2) as u32;
    let mut out = Vec::with_capacity(44 + pcm.len() * 2);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(36 + data).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend_from_slice(&rate.to_le_bytes());
    out.extend_from_slice(&(rate * 2).to_le_bytes());
    out.extend_from_slice(b"\x02\0\x10\0data");
    out.extend_from_slice(&data.to_le_bytes());
    out.extend(pcm.iter().flat_map(|s| s.to_le_bytes()));
    out
}
