//! `stakeout analyze`: the detectors, offline.

use std::{
    io::{Read as _, Seek as _},
    path::Path,
    process::ExitCode,
};

use stakeout_confine::{Held, UNCONFINED};
use stakeout_contract::finding::{Analysis, Finding};
use stakeout_evidence::{
    Engine, Ffmpeg, Limits, MediaDecoder, NoDecoder, analyze_files, analyze_trial_dir,
    tshark::{CaptureReader, NoCaptures, Tshark},
};
use stakeout_feed::planting;

use super::{analyze_bundle, feed};
use crate::{args::AnalyzeArgs, exit::Failure, output};

/// The programs that the detectors may use, where there are such: `ffmpeg` for films and speech codecs, `tshark` for captures.
/// The analysis container has `ffmpeg`.
pub(crate) struct Tools {
    decoder: Box<dyn MediaDecoder + Sync>,
    captures: Box<dyn CaptureReader>,
}

impl Tools {
    /// Those on this host's path.
    pub(crate) fn here() -> Self {
        let decoder: Box<dyn MediaDecoder + Sync> = Ffmpeg::on_path().map_or_else(|| Box::new(NoDecoder) as _, |f| Box::new(f) as _);
        let captures: Box<dyn CaptureReader> = Tshark::on_path().map_or_else(|| Box::new(NoCaptures) as _, |t| Box::new(t) as _);
        Self { decoder, captures }
    }

    /// An engine with them, and the usual limits.
    pub(crate) fn engine(&self) -> Engine<'_> {
        Engine { limits: Limits::default(), decoder: &*self.decoder, captures: &*self.captures }
    }
}

pub(crate) fn run(a: &AnalyzeArgs) -> Result<ExitCode, Failure> {
    for p in &a.inputs {
        if !p.exists() {
            return Err(Failure::hint(format!("there is no `{}`", p.display()), "give a bundle, or files that exist"));
        }
    }
    if let [one] = a.inputs.as_slice()
        && is_bundle(one)?
    {
        return analyze_bundle::run(one, a.json);
    }
    let tools = Tools::here();
    let engine = tools.engine();
    if stakeout_confine::held() == Held::Nothing {
        say!("note: {UNCONFINED}");
    }
    let mut untrue = Vec::new();
    let analysis = match (a.inputs.as_slice(), &a.trial) {
        // A trial's folder: what a worker gives to its analysis container.
        ([dir], _) if dir.is_dir() => analyze_trial_dir(&engine, dir).map_err(Failure::usage)?,
        (files, Some(path)) => {
            let trial = feed::trial(path)?;
            untrue = planting::differs(&trial);
            analyze_files(&engine, files, Some(&trial)).map_err(Failure::usage)?
        }
        (files, None) => {
            say!("hint: without `--trial TRIAL.json` nothing is looked for; a bundle has one as `trials/N/trial.json`");
            analyze_files(&engine, files, None).map_err(Failure::usage)?
        }
    };
    let of_dir = a.inputs.len() == 1 && a.inputs[0].is_dir();
    if a.json && of_dir {
        output::json(&analysis)?;
    } else if a.json {
        output::json(&analysis.findings)?;
    } else {
        say(&analysis)?;
    }
    for what in &untrue {
        say!("differs: in the trial's record {}", output::plain(what));
    }
    Ok(ExitCode::from(u8::from(!untrue.is_empty())))
}

/// A bundle that is broken, or packed again by another program, is not taken for a file of an app.
fn is_bundle(path: &Path) -> Result<bool, Failure> {
    match stakeout_bundle::Bundle::open(path) {
        Ok(b) => Ok(b.names().any(|n| n == "manifest.json")),
        Err(e) if path.is_file() && lists_a_bundle(path).unwrap_or(false) => Err(Failure::hint(
            e.to_string(),
            "it looks like a bundle: use it as it was made; to search its bytes as a file, give a second file beside it",
        )),
        Err(_) => Ok(false),
    }
}

/// Whether the end of a file, where a ZIP has its directory, names what every bundle has last.
fn lists_a_bundle(path: &Path) -> std::io::Result<bool> {
    const END: u64 = 1 << 20;
    let mut file = std::fs::File::open(path)?;
    let mut bytes = vec![0; 2];
    file.read_exact(&mut bytes)?;
    let long = file.metadata()?.len();
    file.seek(std::io::SeekFrom::Start(long.saturating_sub(END)))?;
    file.take(END).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.starts_with("PK") && ["manifest.json", "manifest.dsse.json", "salts.json"].iter().all(|name| text.contains(name)))
}

/// A finding in a line.
pub(crate) fn line_of(f: &Finding) -> String {
    let what = match (f.frames, f.seconds, &f.canary) {
        (Some([a, b]), ..) if a == b => format!("frame {a}"),
        (Some([a, b]), ..) => format!("frames {a}..{b}"),
        (_, Some([a, b]), _) => format!("seconds {a:.2}..{b:.2}"),
        (.., Some(c)) => c.clone(),
        _ => String::new(),
    };
    let lead = if f.lead { " (a lead, no proof)" } else { "" };
    output::plain(&format!(
        "{} at {}+{}: {} {what} by {}, p <= {:.1e}{lead}",
        f.file,
        f.offset,
        f.length,
        f.kind,
        f.chain.join(" > "),
        f.p_false.get()
    ))
}

/// Findings and what was not looked into, for people.
pub(crate) fn say(a: &Analysis) -> Result<(), Failure> {
    for f in &a.findings {
        output::line(&line_of(f))?;
    }
    for s in &a.searched.skipped {
        say!("not looked into: {}", output::plain(&format!("{}: {}", s.file, s.reason)));
    }
    let n = &a.searched;
    say!("{} findings in {} files ({} bytes, {} pictures and sounds read)", a.findings.len(), n.files, n.bytes, n.media);
    Ok(())
}
