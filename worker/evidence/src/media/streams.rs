//! Which tracks a film has and how long they are, as `ffprobe` says. The file may lie: what it says only decides how a film is
//! read, and what is read is counted.

use serde_json::Value;

/// Tracks of one kind that are read.
const TRACKS: usize = 4;

/// Tracks by their numbers in the file.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Streams {
    pub(super) sounds: Vec<u64>,
    pub(super) pictures: Vec<Film>,
    /// Kinds of tracks that are not read.
    pub(super) unread: Vec<String>,
}

/// A track of pictures.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Film {
    pub(super) index: u64,
    /// Seconds, if it says so.
    pub(super) seconds: Option<f64>,
    /// Pictures, if it says so.
    pub(super) pictures: Option<f64>,
}

impl Streams {
    /// Of a format that has one track.
    pub(super) fn one(sound: bool) -> Self {
        let film = Film { index: 0, seconds: None, pictures: None };
        if sound { Self { sounds: vec![0], ..Self::default() } } else { Self { pictures: vec![film], ..Self::default() } }
    }

    /// From what `ffprobe -of json` prints; none if it is not that.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        let all: Value = serde_json::from_slice(json).ok()?;
        let whole = number(&all["format"]["duration"]);
        let mut out = Self::default();
        for s in all["streams"].as_array()? {
            let Some(index) = s["index"].as_u64() else { continue };
            match s["codec_type"].as_str() {
                Some("audio") if out.sounds.len() < TRACKS => out.sounds.push(index),
                Some("video") if out.pictures.len() < TRACKS => {
                    let seconds = [number(&s["duration"]), whole].into_iter().flatten().reduce(f64::max);
                    let rate = s["avg_frame_rate"].as_str().and_then(ratio);
                    let counted = number(&s["nb_frames"]);
                    let pictures = counted.or_else(|| seconds.zip(rate).map(|(s, r)| s * r));
                    out.pictures.push(Film { index, seconds, pictures });
                }
                kind => out.unread.push(kind.unwrap_or("unknown").to_owned()),
            }
        }
        out.unread.sort();
        out.unread.dedup();
        Some(out)
    }
}

fn number(v: &Value) -> Option<f64> {
    v.as_str().and_then(|s| s.parse().ok()).filter(|n: &f64| n.is_finite() && *n > 0.0)
}

fn ratio(s: &str) -> Option<f64> {
    let (a, b) = s.split_once('/')?;
    let (a, b): (f64, f64) = (a.parse().ok()?, b.parse().ok()?);
    (a > 0.0 && b > 0.0).then_some(a / b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_over_the_bound_and_of_other_kinds_are_named() {
        let stream = |i: u64, kind: &str| serde_json::json!({"index": i, "codec_type": kind, "avg_frame_rate": "30/1", "duration": "2.0"});
        let mut all: Vec<Value> = (0..6).map(|i| stream(i, "audio")).collect();
        all.extend([stream(6, "video"), stream(7, "data")]);
        let s = Streams::read(serde_json::json!({"streams": all, "format": {"duration": "4"}}).to_string().as_bytes()).unwrap();
        assert_eq!(s.sounds, [0, 1, 2, 3]);
        assert_eq!(s.pictures, [Film { index: 6, seconds: Some(4.0), pictures: Some(120.0) }]);
        assert_eq!(s.unread, ["audio", "data"]);
        assert_eq!(Streams::read(b"{}"), None);
    }
}
