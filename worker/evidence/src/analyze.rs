//! One trial's artifacts, or any files: everything searched, then corrected, ordered and told.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use sha2::{Digest, Sha256};
use stakeout_contract::{
    Kind, Probability, Sha256Digest,
    artifact::{Artifact, Role},
    canary::Canary,
    finding::{Analysis, Finding, Searched, Skipped},
    probability::PROVEN_AT_MOST,
    trial::TrialRecord,
};
use stakeout_feed::{TrialKey, planting};

use crate::{
    EvidenceError,
    canary::{Index, Places, Scores},
    cipher::{self, Ciphers},
    detect::Detectors,
    faint::Faint,
    limits::{Budget, Limits},
    media::{self, MediaDecoder},
    search::{Draft, Quest, Search},
    shown::{Unread, What},
    told::{Statement, statements},
    tshark::CaptureReader,
    walk::Walker,
};

/// Chance at which a match of planted data is told at all, as a lead.
const TOLD_AT_MOST: f64 = 1e-2;

/// What an analysis works with.
pub struct Engine<'a> {
    /// Ceilings.
    pub limits: Limits,
    /// Films and the codecs of speech.
    pub decoder: &'a (dyn MediaDecoder + Sync),
    /// Captures that a person gives.
    pub captures: &'a dyn CaptureReader,
}

/// One file to search.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name in findings: `artifacts/SHA256`, or the path that a person gave.
    pub file: String,
    /// What it is, where that is known.
    pub artifact: Option<Artifact>,
    /// Where its bytes are.
    pub source: Source,
}

/// Where bytes are.
#[derive(Debug, Clone)]
pub enum Source {
    /// In a file.
    File(PathBuf),
    /// Here.
    Bytes(Vec<u8>),
}

impl Source {
    /// At most `most` bytes, and whether there are more.
    fn read(&self, most: u64) -> std::io::Result<(Vec<u8>, bool)> {
        let mut bytes = Vec::new();
        match self {
            Self::File(path) => fs::File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?,
            Self::Bytes(b) => b.as_slice().take(most.saturating_add(1)).read_to_end(&mut bytes)?,
        };
        let cut = bytes.len() as u64 > most;
        bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok((bytes, cut))
    }
}

impl Input {
    fn role(&self) -> Option<Role> {
        self.artifact.as_ref().map(|a| a.role)
    }

    /// The name that the app gave to a file: it can hold what the file does not.
    fn name(&self) -> Option<&str> {
        let a = self.artifact.as_ref().filter(|a| matches!(a.role, Role::AppFile | Role::DeletedFile))?;
        Some(a.name.as_str())
    }

    /// Copies of other artifacts, and what the app did not write, are not searched.
    fn is_searched(&self) -> bool {
        !matches!(self.role(), Some(Role::CryptoCipher | Role::LoadedCode | Role::Capture | Role::Har | Role::Screenshot | Role::Log))
    }
}

/// The trial's folder: `trial.json`, and `artifacts/SHA256` for each of its artifacts. This is what the container of an analysis
/// is given.
pub fn analyze_trial_dir(engine: &Engine<'_>, dir: &Path) -> Result<Analysis, EvidenceError> {
    let path = dir.join("trial.json");
    let text = fs::read(&path).map_err(|source| EvidenceError::Read { path: path.clone(), source })?;
    let trial: TrialRecord = serde_json::from_slice(&text).map_err(|source| EvidenceError::NotATrial { path, source })?;
    let input = |a: &Artifact| {
        let file = format!("artifacts/{}", a.sha256);
        Input { source: Source::File(dir.join(&file)), file, artifact: Some(a.clone()) }
    };
    analyze(engine, &trial, &trial.artifacts.iter().map(input).collect::<Vec<_>>())
}

/// All findings in the files, by the trial's key: its codes, and the values that it gives to plant. What the record says was planted
/// is not believed: where it is something else, that is told as what was not looked into. The same bytes give the same document,
/// unless the time runs out.
pub fn analyze(engine: &Engine<'_>, trial: &TrialRecord, inputs: &[Input]) -> Result<Analysis, EvidenceError> {
    let drawn = trial.key.as_ref().and_then(|key| planting::again(trial, key)).filter(|_| !trial.is_empty()).unwrap_or_default();
    let mut out = analyze_for(engine, trial, &drawn, inputs)?;
    let untrue = planting::differs(trial).into_iter().map(|reason| Skipped { file: "trial.json".to_owned(), reason, role: None });
    out.searched.skipped.extend(untrue);
    Ok(out)
}

/// The same for values that the caller vouches for: a test of the search.
pub fn analyze_for(engine: &Engine<'_>, trial: &TrialRecord, canaries: &[Canary], inputs: &[Input]) -> Result<Analysis, EvidenceError> {
    let key = trial.key.as_ref().ok_or_else(|| EvidenceError::NoKey(trial.trial.clone()))?;
    if Sha256Digest::from_bytes(Sha256::digest(key.bytes()).into()) != trial.commitment {
        return Err(EvidenceError::OtherKey(trial.trial.clone()));
    }
    let detectors = Detectors::new(trial, &TrialKey::from_bytes(*key.bytes()));
    Ok(run(engine, &Index::new(canaries), Some(detectors), inputs, trial.cooperative))
}

/// Searches bytes that are no artifact, for the record's own canaries: what a fuzzer makes.
pub fn analyze_bytes(engine: &Engine<'_>, trial: &TrialRecord, name: &str, bytes: Vec<u8>) -> Result<Analysis, EvidenceError> {
    analyze_for(engine, trial, &trial.canaries, &[Input { file: name.to_owned(), artifact: None, source: Source::Bytes(bytes) }])
}

/// The same without a trial, or with one, whose device shares a process with the app or not.
pub(crate) fn run(engine: &Engine<'_>, index: &Index, detectors: Option<Detectors>, inputs: &[Input], cooperative: bool) -> Analysis {
    let until = Instant::now().checked_add(engine.limits.time);
    let mut inputs: Vec<&Input> = inputs.iter().collect();
    let keys = u64::from(detectors.is_some());
    inputs.sort_by(|a, b| {
        (&a.file, a.role(), a.artifact.as_ref().and_then(|a| a.flow)).cmp(&(&b.file, b.role(), b.artifact.as_ref().and_then(|a| a.flow)))
    });
    let ciphers = ciphers(&inputs, &engine.limits, cooperative);
    let limits = &engine.limits;
    let quest = Quest::new(index, detectors, engine.decoder, &engine.limits, until);
    let one = |i: usize| one(&quest, limits, i, inputs[i], &ciphers, until);
    let wanted: Vec<usize> = (0..inputs.len()).filter(|i| inputs[*i].is_searched()).collect();
    let results = side_by_side(&wanted, one);
    let mut whole = Whole { index, drafts: Vec::new(), places: Places::new(), read: quest.read() };
    let mut searched = Searched { keys, ..Searched::default() };
    let (mut unread, mut faint) = (Vec::new(), Vec::new());
    for (i, File { search, bytes }) in results {
        let (file, role) = (&inputs[i].file, inputs[i].role());
        searched.skipped.extend(search.skipped.into_iter().map(|reason| Skipped { file: file.clone(), reason, role }));
        unread.push((i, search.unread));
        faint.push((i, search.faint));
        searched.media += search.media;
        if let Some(bytes) = bytes {
            searched.files += 1;
            searched.bytes += bytes;
        }
        whole.drafts.extend(search.drafts);
        for (class, n) in search.places {
            *whole.places.entry(class).or_default() += n;
        }
    }
    for skipped in told_faint(&faint, &inputs) {
        if !searched.skipped.contains(&skipped) {
            searched.skipped.push(skipped);
        }
    }
    searched.unread = told_unread(&unread, &inputs);
    Analysis { findings: findings(&whole, &inputs), searched }
}

/// Files with media that were not recognised: each that holds enough to hide something, and those that do only together with
/// others of their role, as a recording can be kept in pieces.
fn told_unread(unread: &[(usize, Unread)], inputs: &[&Input]) -> Vec<Skipped> {
    let role = |i: usize| inputs[i].role();
    let mut small: BTreeMap<Option<Role>, Unread> = BTreeMap::new();
    for (i, u) in unread {
        let rest = |kind| u.kinds().any(|k| k == (kind, false));
        let pixels = if rest("picture") { u.pixels } else { 0 };
        let samples = if rest("sound") { u.samples } else { 0 };
        small.entry(role(*i)).or_default().add(Unread { pixels, samples });
    }
    let together = |i: usize, kind| small.get(&role(i)).is_some_and(|s| s.kinds().any(|k| k == (kind, true)));
    let of = |&(i, u): &(usize, Unread)| {
        let told: Vec<&str> = u.kinds().filter(|(kind, enough)| *enough || together(i, kind)).map(|k| k.0).collect();
        told.into_iter().map(move |kind| Skipped { file: inputs[i].file.clone(), reason: kind.to_owned(), role: role(i) })
    };
    unread.iter().flat_map(of).collect()
}

/// Files with noise in pieces that only together are worth telling: a field may be encrypted in each of many requests.
fn told_faint(faint: &[(usize, Faint)], inputs: &[&Input]) -> Vec<Skipped> {
    let role = |i: usize| inputs[i].role();
    let mut all: BTreeMap<Option<Role>, Faint> = BTreeMap::new();
    for (i, f) in faint {
        all.entry(role(*i)).or_default().join(f);
    }
    let told = |(i, f): &&(usize, Faint)| f.has_large() && all.get(&role(*i)).is_some_and(Faint::is_enough_together);
    let skipped = |(i, _): &(usize, Faint)| Skipped { file: inputs[*i].file.clone(), reason: media::OPAQUE.to_owned(), role: role(*i) };
    faint.iter().filter(told).map(skipped).collect()
}

/// What all files gave.
struct Whole<'a> {
    index: &'a Index,
    drafts: Vec<Draft>,
    places: Places,
    /// Different pictures and sounds.
    read: usize,
}

/// What one file gave, and its bytes if it could be read.
struct File<'a> {
    search: Search<'a>,
    bytes: Option<u64>,
}

/// Threads of an analysis; each may hold a file and what is unpacked of it.
const THREADS: usize = 4;

/// Does it for each, on some threads, and gives the answers in order.
fn side_by_side<T: Send>(all: &[usize], work: impl Fn(usize) -> T + Sync) -> Vec<(usize, T)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS).min(all.len());
    let next = AtomicUsize::new(0);
    let some = || -> Vec<(usize, T)> {
        let take = || all.get(next.fetch_add(1, Ordering::Relaxed)).map(|i| (*i, work(*i)));
        std::iter::from_fn(take).collect()
    };
    let mut out: Vec<(usize, T)> = std::thread::scope(|s| {
        let others: Vec<_> = (1..threads).map(|_| s.spawn(some)).collect();
        let mut out = some();
        for other in others {
            match other.join() {
                Ok(these) => out.extend(these),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        out
    });
    out.sort_by_key(|(i, _)| *i);
    out
}

fn one<'q>(quest: &'q Quest<'q>, limits: &Limits, i: usize, input: &Input, ciphers: &Ciphers, until: Option<Instant>) -> File<'q> {
    let mut search = Search::new(quest, i, input.role());
    let bytes = match input.source.read(limits.file_bytes) {
        Ok((bytes, cut)) => {
            if cut {
                search.skip("limit: file size");
            }
            bytes
        }
        Err(e) => {
            search.skip(format!("unreadable: {}", e.kind()));
            return File { search, bytes: None };
        }
    };
    let known = input.artifact.as_ref();
    if known.is_some_and(|a| a.size == bytes.len() as u64 && Sha256Digest::of(&bytes) != a.sha256 || a.size < bytes.len() as u64) {
        search.skip("bytes are not those of the digest");
    }
    if known.is_some_and(|a| a.truncated) {
        search.skip("truncated");
    }
    let none = Ciphers::default();
    let ciphers = if input.role() == Some(Role::CryptoPlain) { &none } else { ciphers };
    let first = if ciphers.add() { &none } else { ciphers };
    for hit in Walker::new(Budget::new(limits, until), first, &mut search).file(&bytes) {
        search.skip(hit);
    }
    search.end();
    if let Some(name) = input.name() {
        let mut named = Search::new(quest, i, input.role());
        // What parts folders is a symbol of base64 too.
        Walker::new(Budget::new(limits, until), &none, &mut named).file(name.replace('/', "\t").as_bytes());
        search.add_name(named);
    }
    if ciphers.add() {
        let mut more = Search::new(quest, i, input.role());
        Walker::new(Budget::new(limits, until), ciphers, &mut more).file(&bytes);
        search.add(more);
    }
    File { search, bytes: Some(bytes.len() as u64) }
}

/// Cipher texts with their plain texts, as far as both were kept.
fn ciphers(inputs: &[&Input], limits: &Limits, explain: bool) -> Ciphers {
    let mut pairs = Vec::new();
    let mut room = limits.expanded_bytes;
    let all: Vec<(&Artifact, &Source)> = inputs.iter().filter_map(|i| Some((i.artifact.as_ref()?, &i.source))).collect();
    let by_digest: HashMap<Sha256Digest, (&Artifact, &Source)> = all.iter().map(|a| (a.0.sha256, *a)).collect();
    for (plain, source) in all.iter().filter(|(a, _)| a.role == Role::CryptoPlain) {
        let Some((cipher, cipher_source)) = plain.cipher.and_then(|d| by_digest.get(&d)) else { continue };
        let size = plain.size.saturating_add(cipher.size);
        if size > room {
            continue;
        }
        if let (Ok((plain, false)), Ok((cipher, false))) = (source.read(limits.file_bytes), cipher_source.read(limits.file_bytes)) {
            room -= size;
            pairs.push((cipher, plain));
        }
    }
    Ciphers::new(pairs, explain)
}

fn findings(whole: &Whole<'_>, inputs: &[&Input]) -> Vec<Finding> {
    let hits = whole.drafts.iter().filter_map(|d| match &d.what {
        What::Canary(hit) => Some((d.file, hit)),
        _ => None,
    });
    let roles: Vec<Option<Role>> = inputs.iter().map(|i| i.role()).collect();
    let scores = Scores::new(whole.index, &whole.places, &roles, hits);
    let media = (whole.read.max(1) as f64).log10();
    let mut out: Vec<(usize, Finding)> = Vec::new();
    let mut media_told = HashMap::new();
    for d in &whole.drafts {
        if let What::Canary(hit) = &d.what {
            let p = Probability::from_log10(scores.log10_p(d.file, hit));
            if p.get() <= TOLD_AT_MOST {
                out.push((d.file, finding(whole, inputs[d.file], d, Statement::default(), p)));
            }
            continue;
        }
        for s in statements(&d.what, media) {
            let p = Probability::from_log10(s.log10_p + media);
            let finding = finding(whole, inputs[d.file], d, s, p);
            // One frame or one second is told once for a file, by its best match; the app's word takes no proof's place.
            let seconds = finding.seconds.map(|s| s.map(f64::to_bits));
            let what = (d.file, finding.kind, finding.facing, finding.frames, seconds, finding.cooperative);
            let known = media_told.entry(what).or_insert(out.len());
            match out.get_mut(*known) {
                Some((_, f)) if finding.p_false < f.p_false => *f = finding,
                Some(_) => {}
                None => out.push((d.file, finding)),
            }
        }
    }
    served_first(&mut out);
    out.sort_by(|(i, a), (j, b)| {
        let order = |f: &Finding| (f.kind, f.offset, f.length, f.chain.clone(), f.canary.clone(), f.facing);
        i.cmp(j).then_with(|| order(a).cmp(&order(b))).then(a.p_false.get().total_cmp(&b.p_false.get()))
    });
    out.into_iter().map(|(_, f)| f).collect()
}

/// What a server said before the app sent it is no secret of the device: such matches are leads.
fn served_first(findings: &mut [(usize, Finding)]) {
    let first = |role: Role, canary: &str| {
        let of = |f: &Finding| f.role == Some(role) && f.canary.as_deref() == Some(canary);
        findings.iter().filter(|(_, f)| of(f)).filter_map(|(_, f)| f.flow).min()
    };
    let served = |canary: &str| match (first(Role::FlowResponse, canary), first(Role::FlowRequest, canary)) {
        (Some(answer), Some(request)) => answer < request,
        (answer, _) => answer.is_some(),
    };
    let canaries: Vec<String> = findings.iter().filter_map(|(_, f)| f.canary.clone()).filter(|c| served(c)).collect();
    for (_, f) in findings.iter_mut() {
        f.lead |= f.canary.as_ref().is_some_and(|c| canaries.contains(c));
    }
}

fn finding(whole: &Whole<'_>, input: &Input, d: &Draft, s: Statement, p_false: Probability) -> Finding {
    let artifact = input.artifact.as_ref();
    let (kind, canary) = match &d.what {
        What::Canary(hit) => {
            let canary = whole.index.needles[hit.needle].canary;
            (whole.index.kinds[canary], Some(whole.index.ids[canary].clone()))
        }
        What::Camera { .. } | What::Card { .. } => (Kind::Camera, None),
        What::Microphone(_) => (Kind::Microphone, None),
    };
    Finding {
        file: input.file.clone(),
        role: input.role(),
        flow: artifact.and_then(|a| a.flow),
        offset: d.origin.offset,
        length: d.origin.length,
        chain: d.chain.iter().map(|s| (*s).to_owned()).collect(),
        kind,
        facing: s.facing,
        frames: s.frames,
        seconds: s.seconds,
        shown: s.shown,
        heard: s.heard,
        canary,
        score: s.score,
        p_false,
        lead: p_false.get() > PROVEN_AT_MOST,
        cooperative: input.role() == Some(Role::CryptoPlain) || d.chain.contains(&cipher::STEP),
        trial: None,
    }
}
