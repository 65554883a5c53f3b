//! Short answers: `getprop`, `service check`, `pm path`, `pm list packages -U`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    lines::Text,
    notes::{Cut, MAX_ITEMS, Parsed},
};

/// Reads the answer of `getprop`: `[name]: [value]`, where a value may have several lines.
pub fn parse_props(bytes: &[u8]) -> Parsed<BTreeMap<String, String>> {
    let (text, mut notes) = Text::new(bytes);
    let mut got = BTreeMap::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines(&mut notes) {
        let begin = line.strip_prefix('[').and_then(|r| r.split_once("]: ["));
        if let Some((name, value)) = begin {
            if open.take().is_some() {
                // The one before was never closed.
                notes.cut(Cut::Missing);
            }
            match value.strip_suffix(']') {
                Some(v) if got.len() < MAX_ITEMS => drop(got.insert(name.to_owned(), v.to_owned())),
                Some(_) => notes.cut(Cut::TooMany),
                None => open = Some((name.to_owned(), value.to_owned())),
            }
        } else if let Some((_, value)) = &mut open {
            value.push('\n');
            value.push_str(line.strip_suffix(']').unwrap_or(line));
            if line.ends_with(']')
                && let Some((name, value)) = open.take()
            {
                got.insert(name, value);
            }
        } else {
            notes.unknown(line);
        }
    }
    if open.is_some() {
        notes.cut(Cut::Missing);
    }
    notes.with(got)
}

/// Reads the answer of `service check NAME`: `Service NAME: found`. None if it is another answer.
pub fn parse_service_check(bytes: &[u8], name: &str) -> Parsed<Option<bool>> {
    let (text, mut notes) = Text::new(bytes);
    let mut got = None;
    for line in text.lines(&mut notes) {
        let said = line.trim().strip_prefix("Service ").and_then(|r| r.strip_prefix(name)).and_then(|r| r.strip_prefix(": "));
        match said {
            Some("found") => got = Some(true),
            Some("not found") => got = Some(false),
            _ => notes.unknown(line),
        }
    }
    if got.is_none() {
        notes.cut(Cut::Missing);
    }
    notes.with(got)
}

/// Reads the answer of `pm path PACKAGE`: one `package:/path` for each APK; nothing if there is no such package.
pub fn parse_paths(bytes: &[u8]) -> Parsed<Vec<String>> {
    let (text, mut notes) = Text::new(bytes);
    let mut got = Vec::new();
    for line in text.lines(&mut notes) {
        match line.trim().strip_prefix("package:") {
            Some(p) if p.starts_with('/') => notes.keep(&mut got, p.to_owned()),
            _ => notes.unknown(line),
        }
    }
    notes.with(got)
}

/// An installed package.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub package: String,
    /// Its uid, of the first user that has it.
    pub uid: Option<u32>,
}

/// Reads the answer of `pm list packages -U`: `package:NAME uid:10142`, or several uids with commas.
pub fn parse_packages(bytes: &[u8]) -> Parsed<Vec<Listed>> {
    let (text, mut notes) = Text::new(bytes);
    let mut got = Vec::new();
    for line in text.lines(&mut notes) {
        let Some(rest) = line.trim().strip_prefix("package:") else {
            notes.unknown(line);
            continue;
        };
        let (package, uids) = rest.split_once(" uid:").map_or((rest, None), |(p, u)| (p, Some(u)));
        let uid = uids.and_then(|u| u.split(',').next()?.trim().parse().ok());
        notes.keep(&mut got, Listed { package: package.to_owned(), uid });
    }
    notes.with(got)
}
