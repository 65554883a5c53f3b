//! From what a medium showed to findings: each states only what proves by itself.

use stakeout_contract::observation::Facing;
use stakeout_feed::{SoundMatch, SoundPart};

use crate::shown::{FrameSeen, What};

/// log10 of the probability up to which a part of a match is part of a list. A thousand times stricter than a proof, so that what
/// proves in one trial does so in a job of a thousand.
const LISTED: f64 = -12.0;

/// A finding's own half: where it lies, others say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Statement {
    pub(crate) facing: Option<Facing>,
    pub(crate) frames: Option<[u64; 2]>,
    pub(crate) shown: Vec<u64>,
    pub(crate) seconds: Option<[f64; 2]>,
    pub(crate) heard: Vec<[f64; 2]>,
    pub(crate) score: Option<f64>,
    /// Not corrected for the media that were read.
    pub(crate) log10_p: f64,
}

/// What a medium's match states; `media` is the log10 of the media that were read.
pub(crate) fn statements(what: &What, media: f64) -> Vec<Statement> {
    match what {
        What::Canary(_) => Vec::new(),
        What::Card { facing, t } => vec![Statement { facing: Some(side(*facing)), score: Some(*t), ..Statement::default() }],
        What::Camera { facing, frames } => film(frames, media).map(|s| Statement { facing: Some(side(*facing)), ..s }).collect(),
        What::Microphone(m) => sound(m, media),
    }
}

const fn side(facing: stakeout_feed::Facing) -> Facing {
    match facing {
        stakeout_feed::Facing::Back => Facing::Back,
        stakeout_feed::Facing::Front => Facing::Front,
    }
}

/// Pictures that prove are one statement, each of the others is its own.
fn film(frames: &[FrameSeen], media: f64) -> impl Iterator<Item = Statement> + use<> {
    // The best of each frame, in order.
    let mut all: Vec<FrameSeen> = frames.to_vec();
    all.sort_by(|a, b| a.frame.cmp(&b.frame).then(a.log10_p.total_cmp(&b.log10_p)));
    all.dedup_by_key(|f| f.frame);
    let (strong, weak): (Vec<FrameSeen>, Vec<FrameSeen>) = all.into_iter().partition(|f| f.log10_p + media <= LISTED);
    let best = strong.iter().copied().min_by(|a, b| a.log10_p.total_cmp(&b.log10_p));
    let whole = best.map(|b| Statement {
        frames: strong.first().zip(strong.last()).map(|(a, z)| [a.frame, z.frame]),
        shown: if strong.len() > 1 { strong.iter().map(|f| f.frame).collect() } else { Vec::new() },
        ..one(b)
    });
    whole.into_iter().chain(weak.into_iter().map(one))
}

fn one(f: FrameSeen) -> Statement {
    Statement { frames: Some([f.frame; 2]), score: Some(f.t), log10_p: f.log10_p, ..Statement::default() }
}

/// Windows with pieces that prove by themselves are one statement; each of the others is its own, about some of its seconds.
fn sound(m: &SoundMatch, media: f64) -> Vec<Statement> {
    let seconds = |nanos: u64| nanos as f64 / 1e9;
    let pieces: Vec<(u64, u64)> = m.pieces.iter().filter(|p| p.log10_p + media <= LISTED).map(|p| (p.from_nanos, p.to_nanos)).collect();
    let mut heard: Vec<(u64, u64)> = Vec::new();
    for &(from, to) in &pieces {
        match heard.last_mut() {
            // Rounding, no gap.
            Some(last) if from.abs_diff(last.1) < 1_000_000 => last.1 = to,
            _ => heard.push((from, to)),
        }
    }
    let has_piece = |from: u64, to: u64| pieces.iter().any(|p| p.0 >= from.saturating_sub(1_000_000) && p.1 <= to + 1_000_000);
    let (strong, weak): (Vec<&SoundPart>, Vec<&SoundPart>) = m.windows.iter().partition(|w| has_piece(w.from_nanos, w.to_nanos));
    let mut out = Vec::new();
    if let (Some(first), Some(last)) = (strong.first(), strong.last()) {
        out.push(Statement {
            seconds: Some([seconds(first.from_nanos), seconds(last.to_nanos)]),
            heard: heard.iter().map(|h| [seconds(h.0), seconds(h.1)]).collect(),
            score: Some(m.t),
            log10_p: m.log10_p,
            ..Statement::default()
        });
    }
    let alone = m.windows.len() == 1;
    out.extend(weak.into_iter().map(|w| Statement {
        seconds: Some([seconds(w.from_nanos), seconds(w.to_nanos)]),
        score: alone.then_some(m.t),
        log10_p: w.log10_p,
        ..Statement::default()
    }));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_picture_of_a_film_is_no_part_of_what_its_other_pictures_prove() {
        let seen = |frame, log10_p| FrameSeen { frame, t: 10.0, log10_p };
        let said: Vec<Statement> = film(&[seen(30, -40.0), seen(900, -5.0), seen(10, -50.0), seen(30, -60.0)], 2.0).collect();
        assert_eq!(said.iter().map(|s| s.frames.unwrap()).collect::<Vec<_>>(), [[10, 30], [900, 900]]);
        assert_eq!((said[0].shown.clone(), said[0].log10_p), (vec![10, 30], -60.0));
        assert!(said[1].shown.is_empty() && said[1].log10_p > -6.0);
    }

    #[test]
    fn pieces_that_follow_each_other_are_one_stretch_and_a_window_without_any_is_its_own() {
        let part = |from: u64, to: u64, log10_p| SoundPart { from_nanos: from * 250_000_000, to_nanos: to * 250_000_000, log10_p };
        let m = SoundMatch {
            trial_index: 0,
            from_nanos: 0,
            to_nanos: 4_000_000_000,
            recording_nanos: 0,
            t: 50.0,
            log10_p: -300.0,
            tests: 1,
            speed: 1.0,
            delivered: true,
            windows: vec![part(0, 8, -300.0), part(8, 16, -20.0)],
            pieces: vec![part(0, 1, -40.0), part(1, 2, -40.0), part(3, 4, -40.0), part(9, 10, -5.0)],
        };
        let said = sound(&m, 2.0);
        assert_eq!(said[0].heard, [[0.0, 0.5], [0.75, 1.0]]);
        assert_eq!(said.iter().map(|s| s.seconds.unwrap()).collect::<Vec<_>>(), [[0.0, 2.0], [2.0, 4.0]]);
        assert!(said[1].heard.is_empty() && said[1].log10_p > -21.0);
    }
}
