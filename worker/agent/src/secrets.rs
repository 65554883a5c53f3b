//! Values that are typed into an app and kept nowhere.
//!
//! A scenario names secrets, whoever submits the job gives their values, and they are taken out of all that a trial leaves:
//! observations, flows, logs, files and bodies. Each occurrence is overwritten with as many `*`, so that sizes and offsets stay.
//! Found are the bytes themselves, percent-encoded, JSON-escaped, base64 at all three offsets, UTF-16 and hexadecimal; what an
//! app makes of a secret by hashing, compressing or encrypting is not found. The network capture loses its TLS secrets, and no
//! screenshot is kept from the first typing on.

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

    /// A document without the values. One that could not be read any more afterwards is kept as it was: a value that is one of our own
    /// words gives nothing away there.
    pub fn value<T: Serialize + DeserializeOwned>(&self, value: T) -> (T, Wiped) {
        let mut wiped = Wiped::default();
        if self.is_empty() {
            return (value, wiped);
        }
        match serde_json::to_value(&value).map(|v| self.json(v, &mut wiped)).and_then(serde_json::from_value) {
            Ok(clean) => (clean, wiped),
            Err(_) => (value, Wiped::default()),
        }
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
    let text = [
        raw.to_vec(),
        percent("%20", true),
        percent("%20", false),
        percent("+", true),
        percent("+", false),
        json.trim_matches('"').as_bytes().to_vec(),
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
mod tests {
    use base64::Engine as _;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_forms_of_a_secret_go_and_lengths_stay() {
        let s = Scrubber::new(["p@ss wörd\"1"], &[]);
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
            assert_eq!((s.bytes(&mut bytes).places > 0, bytes.len()), (has_it, before), "{text}");
        }
        for lead in ["", "a", "ab", "abc"] {
            let mut bytes = b64(&format!("{lead}p@ss wörd\"1 and more")).into_bytes();
            assert!(s.bytes(&mut bytes).places > 0, "{lead}");
        }
    }

    #[test]
    fn a_document_loses_the_value_and_nothing_else() {
        let s = Scrubber::new(["hunter22"], &[]);
        let (v, wiped) = s.value(serde_json::json!({"a": "x hunter22 y", "n": 5, "l": ["hunter2"]}));
        assert_eq!(wiped, Wiped { places: 1, doubtful: 0 });
        assert_eq!(v, serde_json::json!({"a": "x ******** y", "n": 5, "l": ["hunter2"]}));
        assert!(!format!("{s:?}").contains("hunter"));
    }

    #[test]
    fn a_field_of_its_own_is_no_loss_and_the_middle_of_something_is() {
        let s = Scrubber::new(["hunter22"], &[]);
        let b64 = |t: &str| base64::engine::general_purpose::STANDARD.encode(t);
        let utf16 = |t: &str| t.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let doubtful = |bytes: &[u8]| s.bytes(&mut bytes.to_vec());
        let (fine, lost) = (Wiped { places: 1, doubtful: 0 }, Wiped { places: 1, doubtful: 1 });
        for field in [
            &b"user=x&pw=hunter22&y=1"[..],
            br#"{"pw":"hunter22"}"#,
            br#"{"inner":"{\"pw\":\"hunter22\"}"}"#,
            b"data=%7B%22pw%22%3A%22hunter22%22%7D",
            b"<string name=\"pw\">hunter22</string>",
            b"\x12\x08hunter22\x1a\x03abc",
            b"hunter22",
            b"pw=68756e7465723232&x",
            format!("Authorization: Basic {}\r\n", b64("user:hunter22")).as_bytes(),
            &utf16("\"hunter22\""),
        ] {
            assert_eq!(doubtful(field), fine, "{}", String::from_utf8_lossy(field));
        }
        for middle in [
            &b"com.hunter22.app"[..],
            b"x=9hunter229",
            b"pw=aa68756e746572323261&x",
            format!("{{\"photo\":\"{}\"}}", b64(&format!("{}hunter22{}", "a".repeat(900), "b".repeat(900)))).as_bytes(),
            &utf16("xhunter22x"),
            b"alicehunter22alice@post.example",
        ] {
            assert_eq!(doubtful(middle), lost, "{}", String::from_utf8_lossy(middle));
        }
    }

    #[test]
    fn a_value_that_is_part_of_what_is_planted_is_doubtful_wherever_it_stands() {
        let s = Scrubber::new(["8812 0417"], &["+86 139 8812 0417"]);
        assert_eq!(s.bytes(&mut b"pin=8812 0417&".to_vec()), Wiped { places: 1, doubtful: 1 });
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
            let s = Scrubber::new([secret.as_str()], &[]);
            let mut bytes = format!("{before}{secret}{after}").into_bytes();
            prop_assert!(s.bytes(&mut bytes).places > 0);
            prop_assert!(memmem::find(&bytes, secret.as_bytes()).is_none() || secret.bytes().all(|b| b == b'*'));
        }
    }
}
