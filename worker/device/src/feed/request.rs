//! Requests for frames and sound, parsed and limited.

use serde::Deserialize;
use stakeout_contract::{Nanos, Sensor, observation::Facing};
use stakeout_protocol::Problem;

use crate::core::limits;

/// As it comes on the pipe, see `docs/host-pipe.md`.
#[derive(Debug, Deserialize)]
pub struct Request {
    /// Of the guest.
    pub id: u64,
    sensor: Sensor,
    facing: Option<Facing>,
    at: u64,
    session: u64,
    width: Option<u32>,
    height: Option<u32>,
    format: Option<Format>,
    quality: Option<u8>,
    rate: Option<u32>,
    frames: Option<u32>,
}

/// How a frame is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Luma rows, then interleaved V and U at half size.
    Nv21,
    /// Three bytes a pixel.
    Rgb,
    /// A JFIF file.
    Jpeg,
}

/// A request that can be answered. `at` is the guest's and not yet clamped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the fields are those of docs/host-pipe.md")]
pub enum Ask {
    Frame { facing: Facing, at: Nanos, session: u64, width: u32, height: u32, format: Format, quality: u8 },
    Sound { at: Nanos, session: u64, rate: u32, frames: u32 },
}

impl Request {
    /// Checks it against the limits.
    pub fn check(&self) -> Result<Ask, Problem> {
        let at = Nanos::saturating(self.at);
        match self.sensor {
            Sensor::Camera => {
                let need = |v: Option<u32>, name| v.filter(|v| *v > 0).ok_or_else(|| bad(format!("`{name}` is missing")));
                let (width, height) = (need(self.width, "width")?, need(self.height, "height")?);
                let format = self.format.ok_or_else(|| bad("`format` is missing".to_owned()))?;
                let (side, area) = limits::FRAME;
                if width.max(height) > side || u64::from(width) * u64::from(height) > area {
                    return Err(bad(format!("a frame of {width} x {height} pixels is too large")));
                }
                if format == Format::Nv21 && (width % 2, height % 2) != (0, 0) {
                    return Err(bad(format!("nv21 needs even sides, not {width} x {height}")));
                }
                let facing = self.facing.unwrap_or(Facing::Back);
                Ok(Ask::Frame { facing, at, session: self.session, width, height, format, quality: self.quality.unwrap_or(90) })
            }
            Sensor::Microphone => {
                let (most, rates) = limits::SOUND;
                let (rate, frames) = (self.rate.unwrap_or(0), self.frames.unwrap_or(0));
                if frames == 0 || frames > most || !rates.contains(&rate) {
                    return Err(bad(format!("{frames} samples at {rate} Hz cannot be asked for")));
                }
                Ok(Ask::Sound { at, session: self.session, rate, frames })
            }
        }
    }
}

fn bad(why: String) -> Problem {
    Problem::new("bad_request", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<Ask, String> {
        serde_json::from_str::<Request>(json).map_err(|e| e.to_string())?.check().map_err(|p| p.message)
    }

    #[test]
    fn what_is_too_large_or_makes_no_sense_is_refused() {
        let camera = |w: u32, h: u32, f: &str| {
            check(&format!(r#"{{"id":1,"sensor":"camera","facing":"front","at":5,"session":1,"width":{w},"height":{h},"format":"{f}"}}"#))
        };
        assert!(matches!(camera(640, 480, "nv21"), Ok(Ask::Frame { facing: Facing::Front, width: 640, quality: 90, .. })));
        for (w, h, f) in [(8194, 2, "rgb"), (8000, 8000, "rgb"), (0, 5, "rgb"), (641, 480, "nv21"), (640, 480, "bmp")] {
            assert!(camera(w, h, f).is_err(), "{w} x {h} {f}");
        }
        let sound = |rate: u32, frames: u32| {
            check(&format!(r#"{{"id":1,"sensor":"microphone","at":5,"session":1,"rate":{rate},"frames":{frames}}}"#))
        };
        assert!(sound(44100, 4410).is_ok());
        for (r, f) in [(44100, 0), (1, 10), (44100, u32::MAX)] {
            assert!(sound(r, f).is_err());
        }
    }
}
