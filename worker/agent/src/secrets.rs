//! Values that are typed into an app and kept nowhere.
//!
//! A scenario names secrets, whoever submits the job gives their values, and they are taken out of all that a trial leaves:
//! observations, flows, logs, files and bodies. Each occurrence is overwritten with as many `*`, so that sizes and offsets stay.
//! Found are the bytes themselves, percent-encoded, JSON-escaped, base64 at all three offsets, UTF-16 and hexadecimal; what an
//! app makes of a secret by hashing, compressing or encrypting is not found. The network capture loses its TLS secrets, and no
//! screenshot is kept from the first typing on.

use memchr::memmem;
use serde::{Serialize, de::DeserializeOwned};

/// Shorter ones would take half of the evidence with them.
pub const LEAST: usize = 4;

/// Overwrites the forms of some values.
#[derive(Clone, Default)]
pub struct Scrubber {
    forms: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrubber({} forms)", self.forms.len())
    }
}

impl Scrubber {
    /// For these values, each of at least [`LEAST`] bytes.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms: Vec<Vec<u8>> =
            values.into_iter().filter(|v| v.len() >= LEAST).flat_map(forms).filter(|f| f.len() >= LEAST).collect();
        // A long form may contain a shorter one.
        forms.sort_by_key(|f| std::cmp::Reverse(f.len()));
        forms.dedup();
        Self { forms }
    }

    /// There is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Overwrites in place; whether anything was found.
    pub fn bytes(&self, bytes: &mut [u8]) -> bool {
        let mut found = false;
        for form in &self.forms {
            let mut from = 0;
            while let Some(i) = memmem::find(&bytes[from..], form) {
                let at = from + i;
                bytes[at..at + form.len()].fill(b'*');
                found = true;
                from = at + form.len();
            }
        }
        found
    }

    /// A text without the values.
    pub fn text(&self, text: String) -> String {
        if self.is_empty() {
            return text;
        }
        let mut bytes = text.into_bytes();
        self.bytes(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A document without the values. What cannot be read any more afterwards is kept as it was only if nothing was found.
    pub fn value<T: Serialize + DeserializeOwned>(&self, value: T) -> T {
        if self.is_empty() {
            return value;
        }
        match serde_json::to_value(&value).map(|v| self.json(v)).and_then(serde_json::from_value) {
            Ok(clean) => clean,
            Err(_) => value,
        }
    }

    fn json(&self, v: serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match v {
            Value::String(s) => Value::String(self.text(s)),
            Value::Array(a) => Value::Array(a.into_iter().map(|x| self.json(x)).collect()),
            Value::Object(o) => Value::Object(o.into_iter().map(|(k, x)| (k, self.json(x))).collect()),
            other => other,
        }
    }
}

fn forms(value: &str) -> Vec<Vec<u8>> {
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
    let mut out = vec![
        raw.to_vec(),
        percent("%20", true),
        percent("%20", false),
        percent("+", true),
        percent("+", false),
        json.trim_matches('"').as_bytes().to_vec(),
        hex::encode(raw).into_bytes(),
        hex::encode_upper(raw).into_bytes(),
        value.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        value.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ];
    for lead in 0..3usize {
        let mut bytes = vec![0; lead];
        bytes.extend(raw);
        // Characters that also hold bits of neighbours are not ours: the first ones of a shifted text, the last of a cut one.
        let skip = [0, 2, 3][lead];
        for text in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            let end = if bytes.len() % 3 == 0 { text.len() } else { text.len() - 1 };
            if skip < end {
                out.push(text.as_bytes()[skip..end].to_vec());
            }
        }
    }
    out
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
mod tests {
    use base64::Engine as _;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_forms_of_a_secret_go_and_lengths_stay() {
        let s = Scrubber::new(["p@ss wörd\"1"]);
        let b64 = |t: &str| base64::engine::general_purpose::STANDARD.encode(t);
        for text in [
            "user=x&pw=p@ss wörd\"1&y",
            "pw=p%40ss%20w%C3%B6rd%221",
            "pw=p%40ss+w%c3%b6rd%221;",
            r#"{"pw":"p@ss wörd\"1"}"#,
            "7040737320 70407373 2077c3b672642231",
        ] {
            let mut bytes = text.as_bytes().to_vec();
            let before = bytes.len();
            let has_it = !text.starts_with("7040737320");
            assert_eq!((s.bytes(&mut bytes), bytes.len()), (has_it, before), "{text}");
        }
        for lead in ["", "a", "ab", "abc"] {
            let mut bytes = b64(&format!("{lead}p@ss wörd\"1 and more")).into_bytes();
            assert!(s.bytes(&mut bytes), "{lead}");
        }
    }

    #[test]
    fn a_document_loses_the_value_and_nothing_else() {
        let s = Scrubber::new(["hunter22"]);
        let v = s.value(serde_json::json!({"a": "x hunter22 y", "n": 5, "l": ["hunter2"]}));
        assert_eq!(v, serde_json::json!({"a": "x ******** y", "n": 5, "l": ["hunter2"]}));
        assert!(!format!("{s:?}").contains("hunter"));
    }

    #[test]
    fn a_capture_loses_its_tls_secrets_only() {
        let block = |kind: u32, body: &[u8]| {
            let n = (12 + body.len()) as u32;
            [&kind.to_le_bytes()[..], &n.to_le_bytes(), body, &n.to_le_bytes()].concat()
        };
        let head = block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0]);
        let (secrets, packet) = (block(10, b"CLIENT_R"), block(6, b"abcd"));
        assert_eq!(without_tls_secrets(&[head.clone(), secrets, packet.clone()].concat()), [head.clone(), packet].concat());
        assert_eq!(without_tls_secrets(&[&head[..], b"short"].concat()), b"");
    }

    proptest! {
        #[test]
        fn no_form_is_left_wherever_it_stands(secret in "[ -~]{4,20}", before in "[a-z]{0,9}", after in "[a-z]{0,9}") {
            let s = Scrubber::new([secret.as_str()]);
            let mut bytes = format!("{before}{secret}{after}").into_bytes();
            prop_assert!(s.bytes(&mut bytes));
            prop_assert!(memmem::find(&bytes, secret.as_bytes()).is_none() || secret.bytes().all(|b| b == b'*'));
        }
    }
}
