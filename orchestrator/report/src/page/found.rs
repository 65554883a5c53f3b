//! What was found: recovered pictures beside the fed frames, and each finding's chain from the wire's bytes to the match.

use std::collections::{BTreeMap, HashSet};

use base64::Engine;
use serde::Serialize;
use stakeout_contract::{
    DeviceState, Kind, Nanos,
    artifact::Role,
    finding::Finding,
    flow::Flow,
    result::{Evidence, JobResult},
    trial::frame_time,
};

use crate::{
    Picture, ReportInput, TrialInput,
    clock::DeviceClock,
    numbers,
    text::{clean, short},
    words,
};

/// Chains that are printed.
const CHAINS: usize = 8;
/// Bytes of a picture at most.
const PICTURE: usize = 600_000;

/// A recovered picture and the frame that was fed.
#[derive(Debug, Serialize)]
pub(super) struct Pair {
    pub title: String,
    pub when: String,
    pub state: &'static str,
    pub place: String,
    #[serde(skip)]
    pub found: Option<Image>,
    #[serde(skip)]
    pub fed: Option<Image>,
}

/// A JPEG that the page holds itself.
#[derive(Debug)]
pub(super) struct Image {
    pub data: String,
    pub width: u32,
    pub height: u32,
}

/// From bytes to match.
#[derive(Debug, Serialize)]
pub(super) struct Chain {
    pub kind: &'static str,
    pub what: String,
    pub captured: String,
    pub state: &'static str,
    pub steps: Vec<Step>,
    pub decoded: Vec<String>,
    pub p_false: String,
    pub score: String,
    pub cooperative: bool,
}

/// A line of a chain.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub name: &'static str,
    pub text: String,
}

/// All evidence that a verdict lists, by trial and finding.
pub(super) type ByFinding<'a> = BTreeMap<(u32, usize), &'a Evidence>;

pub(super) fn by_finding(r: &JobResult) -> ByFinding<'_> {
    let all = r.verdicts.iter().flat_map(|v| &v.evidence);
    all.filter_map(|e| Some(((e.trial, e.finding?), e))).collect()
}

/// In which state a match was captured: as the verdicts have it, which know what an act of the owner began; else by the time.
fn state(t: &TrialInput<'_>, index: usize, f: &Finding, evidence: &ByFinding<'_>) -> Option<DeviceState> {
    let said = evidence.get(&(t.record.number, index)).and_then(|e| e.device_state);
    said.or_else(|| captured(t, f).and_then(|at| t.record.state_at(at)))
}

pub(super) fn pairs(input: &ReportInput<'_>, evidence: &ByFinding<'_>) -> Vec<Pair> {
    input.pictures.iter().filter_map(|p| pair(input, p, evidence)).collect()
}

fn pair(input: &ReportInput<'_>, p: &Picture, evidence: &ByFinding<'_>) -> Option<Pair> {
    let t = input.trials.iter().find(|t| t.record.number == p.trial)?;
    let f = t.analysis.findings.get(p.finding)?;
    let place = place(t, f);
    let facing = f.facing.map_or("", |s| match s {
        stakeout_contract::observation::Facing::Back => ", back camera",
        stakeout_contract::observation::Facing::Front => ", front camera",
    });
    Some(Pair {
        title: format!("{}, trial {}{facing}", what(t, f), p.trial),
        when: captured(t, f).map_or_else(String::new, |at| DeviceClock::new(&t.record.started_at).time(at)),
        state: state(t, p.finding, f, evidence).map_or("state not known", words::state_head),
        place,
        found: p.found.as_deref().and_then(image),
        fed: p.fed.as_deref().and_then(image),
    })
}

/// Decoded and encoded again: no byte that an app made reaches the reader's browser.
fn image(bytes: &[u8]) -> Option<Image> {
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), image::ImageFormat::Jpeg);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(4096);
    limits.max_image_height = Some(4096);
    reader.limits(limits);
    let picture = reader.decode().ok()?.thumbnail(640, 640).to_rgb8();
    let mut out = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 82).encode_image(&picture).ok()?;
    let data = base64::engine::general_purpose::STANDARD.encode(&out);
    (out.len() <= PICTURE).then_some(Image { data, width: picture.width(), height: picture.height() })
}

/// When media were captured; canaries tell no time.
fn captured(t: &TrialInput<'_>, f: &Finding) -> Option<Nanos> {
    match (f.frames, f.seconds) {
        (Some([a, _]), _) => Some(frame_time(a)),
        (_, Some([a, _])) => Some(Nanos::saturating((a.max(0.0) * 1e9) as u64)),
        _ => flow(t, f).map(|w| w.at),
    }
}

fn flow<'a>(t: &TrialInput<'a>, f: &Finding) -> Option<&'a Flow> {
    t.flows.iter().find(|w| Some(w.id) == f.flow)
}

pub(super) fn label(t: &TrialInput<'_>, id: &str) -> String {
    t.record.canaries.iter().find(|c| c.id == id).map_or_else(String::new, |c| short(&c.label))
}

fn what(t: &TrialInput<'_>, f: &Finding) -> String {
    match (f.frames, f.seconds, &f.canary) {
        (Some([a, b]), ..) if a == b => format!("Frame {a}"),
        (Some([a, b]), ..) => format!("Frames {a} to {b}"),
        (_, Some([a, b]), _) => format!("Sound, seconds {a:.1} to {b:.1}"),
        (.., Some(id)) => format!("Planted {} ({})", short(id), label(t, id)),
        _ => words::kind(f.kind).to_owned(),
    }
}

/// Where it was found, in a few words.
pub(super) fn place(t: &TrialInput<'_>, f: &Finding) -> String {
    match (f.role, flow(t, f)) {
        (Some(Role::FlowRequest), Some(w)) => format!("sent to {} in flow {}", short(&w.host), w.id),
        (Some(Role::FlowRequest), None) => "sent".to_owned(),
        (Some(Role::DeletedFile), _) => "in a file that the app deleted again".to_owned(),
        (Some(Role::CryptoPlain), _) => "in what the app encrypted".to_owned(),
        (Some(Role::AppFile), _) => "in a file of the app".to_owned(),
        _ => "in an artifact".to_owned(),
    }
}

fn rank(f: &Finding) -> u8 {
    match f.role {
        Some(Role::FlowRequest) => 0,
        Some(Role::AppFile | Role::DeletedFile) => 1,
        _ => 2,
    }
}

/// One of each kind, state, rung and trial first; how many media findings are not shown.
pub(super) fn chains(input: &ReportInput<'_>, evidence: &ByFinding<'_>) -> (Vec<Chain>, usize) {
    let mut all: Vec<(&TrialInput<'_>, usize, &Finding)> = Vec::new();
    for t in &input.trials {
        let real = |f: &&(usize, &Finding)| f.1.kind.is_sensor() && !f.1.lead && f.1.trial.is_none();
        all.extend(t.analysis.findings.iter().enumerate().filter(|f| real(&f)).map(|(i, f)| (t, i, f)));
    }
    all.sort_by(|a, b| {
        let key = |x: &(&TrialInput<'_>, usize, &Finding)| {
            (rank(x.2), state(x.0, x.1, x.2, evidence).is_none_or(|s| !s.is_idle()), x.0.record.number)
        };
        key(a).cmp(&key(b)).then(a.2.p_false.get().total_cmp(&b.2.p_false.get()))
    });
    let mut seen = HashSet::new();
    let (first, rest): (Vec<_>, Vec<_>) = all.iter().partition(|(t, i, f)| seen.insert((f.kind, state(t, *i, f, evidence), rank(f))));
    let total = all.len();
    let shown: Vec<Chain> = first.into_iter().chain(rest).take(CHAINS).map(|(t, i, f)| chain(t, i, f, evidence)).collect();
    let left = total - shown.len();
    (shown, left)
}

fn chain(t: &TrialInput<'_>, index: usize, f: &Finding, evidence: &ByFinding<'_>) -> Chain {
    let mut steps = Vec::new();
    let mut step = |name, text: String| steps.push(Step { name, text });
    let ordered = evidence.get(&(t.record.number, index)).and_then(|e| e.ordered_by_flow);
    if let Some(w) = ordered.and_then(|id| t.flows.iter().find(|w| w.id == id)) {
        step("Named before by", format!("{}: its answer names the host that the data went to", exchange(t, w)));
    }
    if let Some(w) = flow(t, f) {
        step("Flow", format!("{}, {} sent", exchange(t, w), numbers::bytes(w.sent as f64)));
    }
    let digest = f.file.rsplit('/').next().unwrap_or(&f.file);
    let kept = t.record.artifacts.iter().find(|a| a.sha256.to_string() == digest);
    if let Some(name) = kept.map(|a| a.name.as_str()).filter(|n| !n.is_empty() && f.role != Some(Role::FlowRequest)) {
        step("File", clean(name, 200));
    }
    step("Artifact", format!("SHA-256 {}", clean(digest, 80)));
    step("Bytes", format!("{} from offset {}", numbers::count(f.length), numbers::count(f.offset)));
    let at = captured(t, f);
    let clock = DeviceClock::new(&t.record.started_at);
    Chain {
        kind: words::kind(f.kind),
        what: format!("{}, trial {}, {}", what(t, f), t.record.number, place(t, f)),
        captured: at.map_or_else(|| "time not known".to_owned(), |at| clock.time(at)),
        state: state(t, index, f, evidence).map_or("state not known", words::state_head),
        steps,
        decoded: f.chain.iter().take(16).map(|c| clean(c, 60)).collect(),
        p_false: numbers::probability(f.p_false.get()),
        score: f.score.map_or_else(String::new, |s| format!("{s:.1}")),
        cooperative: f.cooperative,
    }
}

/// `flow 12, 08:40:03, POST https://drop.example/u`.
fn exchange(t: &TrialInput<'_>, w: &Flow) -> String {
    let at = DeviceClock::new(&t.record.started_at).time(w.at);
    format!(
        "flow {}, {at}, {} {}://{}:{}{}",
        w.id,
        clean(&w.method, 20),
        clean(&w.scheme, 12),
        clean(&w.host, 120),
        w.port,
        clean(&w.path, 120)
    )
}

/// Kinds whose findings are canaries.
pub(super) const fn is_data(k: Kind) -> bool {
    !k.is_sensor()
}
