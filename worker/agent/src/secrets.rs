//! Values that are typed into an app and kept nowhere.
//!
//! A scenario names secrets, whoever submits the job gives their values, and they are taken out of all that a trial leaves:
//! observations, flows, logs, files and bodies. Each occurrence is overwritten with as many `*`, so that sizes and offsets stay.
//! Found are the bytes themselves, percent-encoded, JSON- and XML-escaped, base64 at all three offsets, UTF-16 and hexadecimal. In
//! files and bodies also what is behind layers that the analysis undoes (`layers.rs`): there the encoded stretch is withheld. What
//! an app makes of a secret by hashing or encrypting is not found. The network capture loses its TLS secrets, and no
//! screenshot is kept from the first typing on.

pub(crate) mod layers;
mod places;

use memchr::memmem;
use serde::{Serialize, de::DeserializeOwned};

use places::Written;

/// Shorter ones would take half of the evidence with them.
pub const LEAST: usize = 4;

/// A way of writing a value.
#[derive(Clone)]
struct Form {
    bytes: Vec<u8>,
    written: Written,
    /// Of which value, by its place in the list.
    value: usize,
}

/// What was overwritten somewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wiped {
    /// Places.
    pub places: u64,
    /// Those of them that may have been something else than what was typed: evidence, perhaps.
    pub doubtful: u64,
}

impl std::ops::AddAssign for Wiped {
    fn add_assign(&mut self, other: Self) {
        self.places += other.places;
        self.doubtful += other.doubtful;
    }
}

/// Overwrites the forms of some values.
#[derive(Clone, Default)]
pub struct Scrubber {
    forms: Vec<Form>,
    values: Vec<Vec<u8>>,
    /// Values that are part of something planted, or the other way round: each place of theirs is doubtful.
    clashing: Vec<bool>,
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrubber({} forms)", self.forms.len())
    }
}

impl Scrubber {
    /// For these values, each of at least [`LEAST`] bytes. `planted`: texts of this trial that are searched for.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>, planted: &[&str]) -> Self {
        let values: Vec<&str> = values.into_iter().filter(|v| v.len() >= LEAST).collect();
        let mut forms: Vec<Form> = (0..).zip(&values).flat_map(|(i, v)| forms(i, v)).filter(|f| f.bytes.len() >= LEAST).collect();
        // A long form may contain a shorter one. Of the same bytes, the first is the value as it is.
        forms.sort_by(|a, b| (b.bytes.len(), &a.bytes).cmp(&(a.bytes.len(), &b.bytes)));
        forms.dedup_by(|a, b| a.bytes == b.bytes);
        let clashes = |v: &&str| planted.iter().any(|p| within(v, p) || within(p, v));
        Self { forms, clashing: values.iter().map(clashes).collect(), values: values.iter().map(|v| v.as_bytes().to_vec()).collect() }
    }

    /// There is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Whether a value is there, in any of its forms.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        self.forms.iter().any(|form| memmem::find(bytes, &form.bytes).is_some())
    }

    /// Overwrites in place.
    pub fn bytes(&self, bytes: &mut [u8]) -> Wiped {
        let mut wiped = Wiped::default();
        for form in &self.forms {
            let mut from = 0;
            while let Some(i) = memmem::find(&bytes[from..], &form.bytes) {
                let (at, len) = (from + i, form.bytes.len());
                wiped.places += 1;
                let field = places::is_a_field(bytes, at, len, form.written, &self.values[form.value]);
                wiped.doubtful += u64::from(!field || self.clashing[form.value]);
                bytes[at..at + len].fill(b'*');
                from = at + len;
            }
        }
        wiped
    }

    /// A text without the values, and what was overwritten in it.
    pub fn text(&self, text: String) -> (String, Wiped) {
        if self.is_empty() {
            return (text, Wiped::default());
        }
        let mut bytes = text.into_bytes();
        let wiped = self.bytes(&mut bytes);
        (String::from_utf8_lossy(&bytes).into_owned(), wiped)
    }

    /// The first `most` characters of a text without the values. It is cut afterwards: the begin of a value would not be found.
    pub fn head(&self, text: String, most: usize) -> String {
        crate::text::head(&self.text(text).0, most)
    }

    /// The last `most` characters, likewise.
    pub fn tail(&self, text: String, most: usize) -> String {
        crate::text::tail(&self.text(text).0, most)
    }

    /// A document without the values. A field of it that could not be read any more afterwards is kept as it was: a value that is one
    /// of our own words, or digits of a digest, gives nothing away there.
    pub fn value<T: Serialize + DeserializeOwned>(&self, value: T) -> (T, Wiped) {
        let mut wiped = Wiped::default();
        if self.is_empty() {
            return (value, wiped);
        }
        match serde_json::to_value(&value).map(|v| self.json(v, &mut wiped)).and_then(serde_json::from_value) {
            Ok(clean) => (clean, wiped),
            Err(_) => self.by_field(value),
        }
    }

    /// The same, each field for itself.
    fn by_field<T: Serialize + DeserializeOwned>(&self, value: T) -> (T, Wiped) {
        let mut all = Wiped::default();
        let Ok(serde_json::Value::Object(mut fields)) = serde_json::to_value(&value) else { return (value, all) };
        let mut clean = value;
        let names: Vec<String> = fields.keys().cloned().collect();
        for name in names {
            let Some(before) = fields.get(&name).cloned() else { continue };
            let mut wiped = Wiped::default();
            fields.insert(name.clone(), self.json(before.clone(), &mut wiped));
            if wiped.places == 0 {
                continue;
            }
            match serde_json::from_value(serde_json::Value::Object(fields.clone())) {
                Ok(read) => {
                    clean = read;
                    all += wiped;
                }
                Err(_) => drop(fields.insert(name, before)),
            }
        }
        (clean, all)
    }

    fn json(&self, v: serde_json::Value, wiped: &mut Wiped) -> serde_json::Value {
        use serde_json::Value;
        match v {
            Value::String(s) => {
                let (text, more) = self.text(s);
                *wiped += more;
                Value::String(text)
            }
            Value::Array(a) => Value::Array(a.into_iter().map(|x| self.json(x, wiped)).collect()),
            Value::Object(o) => Value::Object(o.into_iter().map(|(k, x)| (k, self.json(x, wiped))).collect()),
            other => other,
        }
    }
}

/// Whether a text has the other in it, whatever the case of its letters.
fn within(small: &str, large: &str) -> bool {
    large.to_ascii_lowercase().contains(&small.to_ascii_lowercase())
}

fn forms(index: usize, value: &str) -> Vec<Form> {
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
    };
    let raw = value.as_bytes();
    let percent = |space: &str, upper: bool| -> Vec<u8> {
        let one = |b: &u8| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(*b).to_string(),
            b' ' => space.to_owned(),
            b if upper => format!("%{b:02X}"),
            b => format!("%{b:02x}"),
        };
        raw.iter().map(one).collect::<String>().into_bytes()
    };
    let json = serde_json::to_string(value).unwrap_or_default();
    // As Android writes its preferences, and with quotes left alone.
    let inner = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let xml = |apostrophe: &str| inner.replace('"', "&quot;").replace('\'', apostrophe).into_bytes();
    let text = [
        raw.to_vec(),
        percent("%20", true),
        percent("%20", false),
        percent("+", true),
        percent("+", false),
        json.trim_matches('"').as_bytes().to_vec(),
        xml("&apos;"),
        xml("&#39;"),
        inner.clone().into_bytes(),
    ];
    let mut out: Vec<(Vec<u8>, Written)> = text.into_iter().map(|b| (b, Written::Text)).collect();
    out.push((hex::encode(raw).into_bytes(), Written::Hex));
    out.push((hex::encode_upper(raw).into_bytes(), Written::Hex));
    out.push((value.encode_utf16().flat_map(u16::to_le_bytes).collect(), Written::Utf16 { little: true }));
    out.push((value.encode_utf16().flat_map(u16::to_be_bytes).collect(), Written::Utf16 { little: false }));
    for lead in 0..3usize {
        let mut bytes = vec![0; lead];
        bytes.extend(raw);
        // Characters that also hold bits of neighbours are not ours: the first ones of a shifted text, the last of a cut one.
        let skip = [0, 2, 3][lead];
        for text in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            let end = if bytes.len() % 3 == 0 { text.len() } else { text.len() - 1 };
            if skip < end {
                out.push((text.as_bytes()[skip..end].to_vec(), Written::Base64));
            }
        }
    }
    out.into_iter().map(|(bytes, written)| Form { bytes, written, value: index }).collect()
}

/// A capture without its TLS secrets (pcapng, blocks of type 10). A capture that cannot be read becomes empty: what may hold a
/// secret is not kept.
pub fn without_tls_secrets(pcapng: &[u8]) -> Vec<u8> {
    const SECRETS: u32 = 10;
    let little = pcapng.get(8..12) == Some(&[0x4d, 0x3c, 0x2b, 0x1a]);
    let number = |at: usize| -> Option<u32> {
        let four: [u8; 4] = pcapng.get(at..at + 4)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    };
    let (mut out, mut at) = (Vec::with_capacity(pcapng.len()), 0);
    while at < pcapng.len() {
        let (Some(kind), Some(length)) = (number(at), number(at + 4)) else { return Vec::new() };
        let end = at + length as usize;
        if length < 12 || length % 4 != 0 || end > pcapng.len() {
            return Vec::new();
        }
        if kind != SECRETS {
            out.extend_from_slice(&pcapng[at..end]);
        }
        at = end;
    }
    out
}

#[cfg(test)]
mod tests;
