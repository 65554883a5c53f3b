//! Whether a place where a typed value was found is a field of its own, or the middle of something else.
//!
//! What is overwritten is evidence too. A password in a form is a whole field, and nothing is lost with it. The same bytes in the
//! middle of a picture, a number or a name are not what was typed, and then nobody can say what stood there.

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use memchr::memmem;

/// How a form of a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Written {
    /// As it is, percent-encoded or JSON-escaped: its neighbours are characters.
    Text,
    /// Two digits a byte.
    Hex,
    /// Two bytes a unit, the low one first or last.
    Utf16 {
        /// The low one first.
        little: bool,
    },
    /// At any of the three offsets.
    Base64,
}

/// Symbols of base64 around a place that are decoded; a picture has more.
const AROUND: usize = 400;

/// What parts one field from another in the formats in which apps keep and send text.
const fn parts(b: u8) -> bool {
    matches!(
        b,
        0..=b' '
            | b'"'
            | b'\''
            | b'='
            | b'&'
            | b'<'
            | b'>'
            | b','
            | b';'
            | b':'
            | b'{'
            | b'}'
            | b'['
            | b']'
            | b'('
            | b')'
            | b'|'
            | b'\\'
            | b'?'
            | b'#'
            | 0x7f
    )
}

/// Whether the place is a field of its own. `value`: what was typed.
pub(super) fn is_a_field(bytes: &[u8], at: usize, len: usize, written: Written, value: &[u8]) -> bool {
    let (before, after) = (&bytes[..at], &bytes[at + len..]);
    match written {
        Written::Text => begins_after(before) && ends_before(after),
        Written::Hex => {
            let left = hex_before(before).is_none_or(parts);
            let right = pair(after).is_none_or(parts);
            left && right
        }
        Written::Utf16 { little } => {
            let unit = |two: [u8; 2]| if little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) };
            let edge = |two: Option<[u8; 2]>| two.is_none_or(|two| u8::try_from(unit(two)).is_ok_and(parts));
            edge(before.last_chunk().copied()) && edge(after.first_chunk().copied())
        }
        Written::Base64 => in_base64(before, &bytes[at..at + len], after, value),
    }
}

fn begins_after(before: &[u8]) -> bool {
    let encoded = before.last_chunk::<3>().is_some_and(|c| c[0] == b'%' && pair(&c[1..]).is_some_and(parts));
    before.last().is_none_or(|b| parts(*b)) || encoded
}

fn ends_before(after: &[u8]) -> bool {
    let encoded = after.first() == Some(&b'%') && pair(&after[1..]).is_some_and(parts);
    after.first().is_none_or(|b| parts(*b)) || encoded
}

/// The byte that two hexadecimal digits at the begin are.
fn pair(bytes: &[u8]) -> Option<u8> {
    let mut one = [0];
    hex::decode_to_slice(bytes.get(..2)?, &mut one).ok().map(|()| one[0])
}

fn hex_before(before: &[u8]) -> Option<u8> {
    pair(before.last_chunk::<2>()?)
}

/// Decodes the run of symbols around the place, if it is short, and looks whether the value is a field in it.
fn in_base64(before: &[u8], found: &[u8], after: &[u8], value: &[u8]) -> bool {
    let symbol = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    let left = before.iter().rev().take(AROUND + 1).take_while(|b| symbol(b)).count();
    let right = after.iter().take(AROUND + 1).take_while(|b| symbol(b)).count();
    if left > AROUND || right > AROUND {
        return false;
    }
    let run = [&before[before.len() - left..], found, &after[..right]].concat();
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
    let engines = [GeneralPurpose::new(&STANDARD, config), GeneralPurpose::new(&URL_SAFE, config)];
    // A run may begin with what is no base64, such as a scheme's last letters.
    engines.iter().any(|e| {
        (0..4.min(run.len())).any(|from| {
            let text = &run[from..];
            let whole = if text.len() % 4 == 1 { &text[..text.len() - 1] } else { text };
            let Ok(plain) = e.decode(whole) else { return false };
            memmem::find(&plain, value).is_some_and(|i| begins_after(&plain[..i]) && ends_before(&plain[i + value.len()..]))
        })
    })
}
