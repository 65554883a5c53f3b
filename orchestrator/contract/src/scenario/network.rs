//! What the network of a trial is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The network of a scenario.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Network {
    /// What leaves the cell.
    pub policy: NetworkPolicy,
    /// Whether TLS is opened.
    pub tls: TlsMode,
    /// With `policy: live`: names that may be reached (globs); empty: all public addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Scripted answers, the first that fits wins. This is how a remote configuration is played.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stubs: Vec<Stub>,
}

/// What leaves the cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkPolicy {
    /// Nothing: the gateway answers by itself, from stubs or by default.
    #[default]
    Sinkhole,
    /// What `allow` names reaches the real network, through the gateway.
    Live,
}

/// Whether TLS is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// With certificates of the job's CA.
    #[default]
    Intercept,
    /// Left as it is: contents stay opaque.
    Pass,
}

/// One scripted answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stub {
    /// Host name, `*` stands for anything.
    #[serde(default = "any")]
    pub host: String,
    /// Path with query, `*` stands for anything.
    #[serde(default = "any")]
    pub path: String,
    /// HTTP method; none: every.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Status of the answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// Headers of the answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Body as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Body as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<serde_json::Value>,
    /// Body as bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

fn any() -> String {
    "*".to_owned()
}

const fn ok() -> u16 {
    200
}

/// A stub's body.
#[derive(Clone, PartialEq, Debug)]
pub enum Body<'a> {
    /// Text, or nothing.
    Text(&'a str),
    /// JSON.
    Json(&'a serde_json::Value),
    /// Base64 of the bytes.
    Base64(&'a str),
}

impl Stub {
    /// The body that it gives.
    pub fn content(&self) -> Body<'_> {
        match (&self.json, &self.body_base64) {
            (Some(j), _) => Body::Json(j),
            (None, Some(b)) => Body::Base64(b),
            (None, None) => Body::Text(self.body.as_deref().unwrap_or("")),
        }
    }

    /// What is wrong with it, as a sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        let bodies = usize::from(self.body.is_some()) + usize::from(self.json.is_some()) + usize::from(self.body_base64.is_some());
        if bodies > 1 {
            return Err(format!("the stub for `{}{}` has {bodies} bodies", self.host.escape_debug(), self.path.escape_debug()));
        }
        if !(100..=599).contains(&self.status) {
            return Err(format!("the stub for `{}{}` has `status: {}`", self.host.escape_debug(), self.path.escape_debug(), self.status));
        }
        let bad = self.headers.iter().find(|(k, v)| {
            k.is_empty() || !k.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') || v.bytes().any(|b| b < 32 || b == 127)
        });
        match bad {
            Some((k, _)) => Err(format!(
                "the stub for `{}{}` has an unusable header `{}`",
                self.host.escape_debug(),
                self.path.escape_debug(),
                k.escape_debug()
            )),
            None => Ok(()),
        }
    }
}

/// Whether `text` fits `glob`, where `*` stands for anything, also nothing. Case counts.
pub fn glob(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(p) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(p);
        }
        match rest.find(p) {
            Some(i) => rest = &rest[i + p.len()..],
            None => return false,
        }
    }
    true
}

impl Stub {
    /// Whether it answers this request. Host names are compared without case.
    pub fn fits(&self, method: &str, host: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|m| m.eq_ignore_ascii_case(method))
            && glob(&self.host.to_ascii_lowercase(), &host.to_ascii_lowercase())
            && glob(&self.path, path)
    }
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn a_glob_fits_only_what_it_says() {
        for (g, t, fits) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("*.example", "x.example", true),
            ("*.example", "example", false),
            ("/c/*?v=*", "/c/a?v=1", true),
            ("abc", "abcd", false),
            ("a*b*a", "aba", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(glob(g, t), fits, "{g} {t}");
        }
    }
}
