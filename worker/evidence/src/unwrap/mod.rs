//! Layers that apps put around what they keep and send: where they are, and how each is undone.
//!
//! Finding is kept apart from undoing. A finder looks at bytes and says "here may be base64"; the walker asks for one decoding at
//! a time, so memory is bounded by the nesting and every byte that decoding makes is counted.

mod base32;
mod base64;
mod base85;
mod compress;
mod escapes;
mod hexed;
mod http;
mod json;
mod multipart;
mod sqlite;
mod zip;

use std::{borrow::Cow, ops::Range};

use crate::limits::Budget;

/// Something that may be decoded.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Where, in the bytes that were looked at.
    pub(crate) at: Range<usize>,
    /// How.
    pub(crate) coding: Coding,
    /// The step's name in a finding's chain; none for a step that is not worth telling.
    pub(crate) label: Option<&'static str>,
    /// What its surroundings say about the content.
    pub(crate) hint: Hint,
}

impl Candidate {
    fn new(at: Range<usize>, coding: Coding, label: &'static str) -> Self {
        Self { at, coding, label: Some(label), hint: Hint::default() }
    }
}

/// How something is undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Coding {
    /// The bytes themselves.
    Slice,
    Base32,
    Base64,
    Base85,
    Hex,
    /// Pairs of digits that stand apart.
    HexPairs,
    Gzip,
    Zlib,
    /// Raw deflate, RFC 1951.
    Deflate,
    /// HTTP/1.1 chunks.
    Chunked,
    /// `%41`; the flag: `+` may be a space.
    Percent,
    /// Escapes of a JSON string, without its quotes.
    JsonString,
    /// `&amp;`, `&#10;`.
    Entities,
    /// Numbers with commas: bytes, or samples of 16 bits.
    Numbers,
    /// Bytes as numbers, with whatever between them.
    Listed,
    QuotedPrintable,
    /// The flag: big end first.
    Utf16(bool),
    /// Put together by the finder, such as a value of a database that is spread over pages.
    Made(Vec<u8>),
    /// The same content written otherwise: it explains nothing.
    Again(Vec<u8>),
    /// A coding that we know but cannot undo.
    Unknown(&'static str),
}

/// What an HTTP or MIME head says of its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hint {
    /// Codings, in the order in which they were applied.
    pub(crate) encodings: Vec<String>,
    /// Boundary of a multipart body.
    pub(crate) boundary: Option<Vec<u8>>,
}

/// What a decoding gave.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    /// The bytes; more than one where the text can be read in two ways.
    pub(crate) parts: Vec<Cow<'a, [u8]>>,
    /// Bytes of the input that it took.
    pub(crate) used: usize,
}

impl<'a> Decoded<'a> {
    #[allow(clippy::unnecessary_wraps, reason = "every decoding may say that it is none")]
    fn one(bytes: impl Into<Cow<'a, [u8]>>, used: usize) -> Option<Self> {
        Some(Self { parts: vec![bytes.into()], used })
    }
}

/// Whether something that is looked for lies in bytes that look like nothing.
pub(crate) type Known<'k> = &'k dyn Fn(&[u8]) -> bool;

/// Undoes one candidate; none if it was not what it seemed.
pub(crate) fn decode<'a>(candidate: &'a Candidate, whole: &'a [u8], known: Known<'_>, budget: &mut Budget) -> Option<Decoded<'a>> {
    let input = whole.get(candidate.at.clone())?;
    let n = input.len();
    if candidate.coding != Coding::Slice && !budget.open() {
        return None;
    }
    let decoded = match &candidate.coding {
        Coding::Slice => return Decoded::one(input, n),
        Coding::Base32 => Decoded::one(base32::decode(input, known)?, n),
        Coding::Base85 => Decoded::one(base85::decode(input, known)?, n),
        Coding::HexPairs => Decoded::one(hexed::decode_pairs(input, known)?, n),
        Coding::Listed => Some(Decoded { parts: json::listed(input)?.into_iter().map(Cow::Owned).collect(), used: n }),
        Coding::Base64 => Decoded::one(base64::decode(input, known)?, n),
        Coding::Hex => Decoded::one(hexed::decode(input, known)?, n),
        Coding::Gzip => return compress::gzip(input, budget),
        Coding::Zlib => return compress::zlib(input, budget),
        Coding::Deflate => return compress::deflate(input, budget),
        Coding::Chunked => {
            let c = http::unchunk(input)?;
            Some(Decoded { parts: vec![Cow::Owned(c.content), Cow::Owned(c.beside)], used: c.used })
        }
        Coding::Percent => Some(Decoded { parts: escapes::percent(input).into_iter().map(Cow::Owned).collect(), used: n }),
        Coding::JsonString => Decoded::one(json::unescape(input), n),
        Coding::Entities => Decoded::one(escapes::entities(input), n),
        Coding::Numbers => Decoded::one(json::numbers(input)?, n),
        Coding::QuotedPrintable => Decoded::one(escapes::quoted_printable(input), n),
        Coding::Utf16(big) => Decoded::one(escapes::utf16(input, *big), escapes::utf16_reaches(input, *big)),
        Coding::Made(bytes) | Coding::Again(bytes) => Decoded::one(bytes.as_slice(), n),
        Coding::Unknown(reason) => {
            budget.stop(reason);
            None
        }
    }?;
    budget.made(decoded.parts.iter().map(|p| p.len()).sum(), false);
    Some(decoded)
}

/// Layers with a structure of their own, that begin where the bytes begin.
pub(crate) fn structures(b: &[u8], hint: &Hint) -> Vec<Candidate> {
    if let Some(coding) = hint.encodings.last() {
        let rest = Hint { encodings: hint.encodings[..hint.encodings.len() - 1].to_vec(), boundary: hint.boundary.clone() };
        let (coding, label) = http::coding(b, coding);
        return vec![Candidate { at: 0..b.len(), coding, label, hint: rest }];
    }
    let found = http::find(b);
    if !found.is_empty() {
        return found;
    }
    let found = multipart::find(b, hint.boundary.as_deref());
    if !found.is_empty() {
        return found;
    }
    sqlite::find(b)
}

/// The same content in another form, where its values cannot be told from each other as they lie.
pub(crate) fn rewritten(b: &[u8]) -> Vec<Candidate> {
    sqlite::rows(b)
}

/// Compressed streams and archives anywhere in the bytes.
fn compressed(b: &[u8]) -> Vec<Candidate> {
    let mut found = zip::find(b);
    found.extend(compress::find(b));
    found.sort_by_key(|c| c.at.start);
    found
}

/// Finds what may be decoded.
pub(crate) type Finder = fn(&[u8]) -> Vec<Candidate>;

/// Layers anywhere in the bytes. A later one is asked about what the earlier ones left; those of text after raw media.
pub(crate) const ANYWHERE: &[Finder] = &[compressed, escapes::find_utf16];
/// Codings of text anywhere in the bytes. What base85 is written in has quotes and percent signs, so it comes before those.
pub(crate) const TEXTS: &[Finder] = &[base85::find, json::find, escapes::find, hexed::find, hexed::find_pairs, base32::find, base64::find];
