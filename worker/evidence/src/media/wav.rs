use super::{CHUNK, Piece, SOUND, Sound, Taker, Told};
use crate::{carve::le32, limits::Limits};

/// Mono mean of a WAV: PCM of 8 to 32 bits, floats, A-law and mu-law.
pub(super) fn read(b: &[u8], limits: &Limits, each: &mut Taker<'_>) -> Option<Told> {
    let mut i = 12;
    let mut form: Option<(u16, usize, u32, u16)> = None;
    while let (Some(name), Some(size)) = (b.get(i..i + 4), le32(b, i + 4)) {
        let body = b.get(i + 8..)?;
        // A recorder that was stopped leaves 0 or -1 as the size of its data.
        let size = if name == b"data" && matches!(size, 0 | 0xffff_ffff) { body.len() } else { (size as usize).min(body.len()) };
        let body = &body[..size];
        if name == b"fmt " && size >= 16 {
            let word = |k: usize| u16::from_le_bytes([body[k], body[k + 1]]);
            let code = if word(0) == 0xfffe && size >= 26 { word(24) } else { word(0) };
            form = Some((code, usize::from(word(2)), u32::from_le_bytes([body[4], body[5], body[6], body[7]]), word(14)));
        }
        if name == b"data" {
            let (code, channels, rate, bits) = form?;
            if !(1..=8).contains(&channels) || !(4000..=384_000).contains(&rate) {
                return None;
            }
            return mono(body, (code, bits), channels, rate, limits, each);
        }
        i += 8 + size + size % 2;
    }
    None
}

/// How much louder one channel is than the mean of all where they are opposed: at most twice its amplitude where they are not.
const OPPOSED: f64 = 4.1;

fn mono(b: &[u8], coding: (u16, u16), channels: usize, rate: u32, limits: &Limits, each: &mut Taker<'_>) -> Option<Told> {
    let (bytes, value): (usize, fn(&[u8]) -> f32) = match coding {
        (1, 8) => (1, |s| (f32::from(s[0]) - 128.0) / 128.0),
        (1, 16) => (2, |s| f32::from(i16::from_le_bytes([s[0], s[1]])) / 32_768.0),
        (1, 24) => (3, |s| i32::from_le_bytes([0, s[0], s[1], s[2]]) as f32 / 2_147_483_648.0),
        (1, 32) => (4, |s| i32::from_le_bytes([s[0], s[1], s[2], s[3]]) as f32 / 2_147_483_648.0),
        (3, 32) => (4, |s| finite(f32::from_le_bytes([s[0], s[1], s[2], s[3]]))),
        (6, 8) => (1, |s| a_law(s[0])),
        (7, 8) => (1, |s| mu_law(s[0])),
        _ => return None,
    };
    let frame = bytes * channels;
    let most = (rate as usize).saturating_mul(limits.media_seconds as usize).saturating_mul(frame);
    let told = if b.len() > most { vec![SOUND.to_owned()] } else { Told::new() };
    for piece in b[..b.len().min(most)].chunks(CHUNK * frame) {
        let frames = || piece.chunks_exact(frame);
        let mean: Vec<f32> = frames().map(|f| f.chunks_exact(bytes).map(value).sum::<f32>() / channels as f32).collect();
        let first: Vec<f32> = if channels > 1 { frames().map(|f| value(&f[..bytes])).collect() } else { Vec::new() };
        let power = |x: &[f32]| x.iter().map(|v| f64::from(v * v)).sum::<f64>();
        // Channels that take each other away have one that does not.
        let opposed = power(&mean) * OPPOSED < power(&first);
        let more = each(Piece::Sound { track: 0, sound: Sound { samples: mean, rate } });
        if !more || opposed && !each(Piece::Sound { track: 1, sound: Sound { samples: first, rate } }) {
            break;
        }
    }
    Some(told)
}

fn finite(v: f32) -> f32 {
    if v.is_finite() { v.clamp(-8.0, 8.0) } else { 0.0 }
}

/// ITU-T G.711.
fn a_law(v: u8) -> f32 {
    let v = v ^ 0x55;
    let (exponent, low) = (i32::from(v >> 4 & 7), i32::from(v & 15));
    let size = if exponent == 0 { (low << 4) + 8 } else { ((low << 4) + 0x108) << (exponent - 1) };
    (if v & 0x80 == 0 { -size } else { size }) as f32 / 32_768.0
}

/// ITU-T G.711.
fn mu_law(v: u8) -> f32 {
    let v = !v;
    let size = (((i32::from(v & 15) << 3) + 0x84) << i32::from(v >> 4 & 7)) - 0x84;
    (if v & 0x80 == 0 { size } else { -size }) as f32 / 32_768.0
}
