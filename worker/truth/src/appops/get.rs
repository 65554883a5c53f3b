//! `cmd appops get PACKAGE`: modes and the last use of each operation, whatever the state.

use serde::{Deserialize, Serialize};

use super::{Mode, code, dump::Ages, is_op};
use crate::{
    lines::Text,
    notes::Parsed,
    when::{GuestClock, When},
};

/// The answer for a package.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct GetOps {
    /// In the order of the answer.
    pub entries: Vec<GetEntry>,
    /// The service has nothing about the package.
    pub none: bool,
    /// What holds then, where one operation was asked for.
    pub default_mode: Option<Mode>,
}

impl GetOps {
    /// The mode that holds: the uid's, else the package's. None if there is an entry of which that is not known.
    pub fn mode(&self, op: &str) -> Option<&Mode> {
        let of = |s: Scope| self.entries.iter().find(move |e| e.op == op && e.scope == s).map(|e| &e.mode);
        of(Scope::Uid).or_else(|| of(Scope::Unclear)).or_else(|| of(Scope::Package))
    }
}

/// An operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GetEntry {
    /// Whose mode this is.
    pub scope: Scope,
    /// Its name.
    pub op: String,
    /// What is allowed.
    pub mode: Mode,
    /// The last use.
    pub access: Option<When>,
    /// The last refusal.
    pub reject: Option<When>,
    /// How long the last use lasted, milliseconds.
    pub duration_ms: Option<i64>,
    /// It is in use.
    pub running: bool,
}

/// Whose mode an entry gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole uid's, which overrules that of the package.
    Uid,
    /// The package's.
    Package,
    /// One of them: the service prints `Uid mode:` before the first entry only, and nothing between the last one of the uid and the
    /// first one of the package.
    Unclear,
}

/// Reads the answer of `cmd appops get PACKAGE [OP]`.
pub fn parse_get(bytes: &[u8], clock: &GuestClock) -> Parsed<GetOps> {
    let (text, mut notes) = Text::new(bytes);
    let mut got = GetOps::default();
    let mut marked = None;
    for line in text.lines(&mut notes) {
        let mut t = line.trim();
        if t.starts_with("No operations") {
            got.none = true;
            continue;
        }
        if let Some(m) = t.strip_prefix("Default mode: ") {
            got.default_mode = Some(Mode::read(m));
            continue;
        }
        if let Some(rest) = t.strip_prefix("Uid mode: ") {
            marked.get_or_insert(got.entries.len());
            t = rest;
        }
        let Some((op, rest)) = t.split_once(": ").filter(|(op, _)| is_op(op)) else {
            notes.unknown(t);
            continue;
        };
        let (mode, more) = rest.split_once([';', ' ']).unwrap_or((rest, ""));
        let ages = Ages::read(more, clock);
        let entry = GetEntry {
            scope: Scope::Package,
            op: op.to_owned(),
            mode: Mode::read(mode),
            access: ages.access,
            reject: ages.reject,
            duration_ms: ages.duration_ms,
            running: ages.running,
        };
        notes.keep(&mut got.entries, entry);
    }
    if let Some(first) = marked.filter(|m| *m < got.entries.len()) {
        divide(&mut got.entries[first..]);
    }
    notes.with(got)
}

/// Says which entries are the uid's. The first one is. Both parts are in the order of the operations' numbers, so where it
/// falls, the package's part begins; and the uid's part has no times.
fn divide(entries: &mut [GetEntry]) {
    let mut highest = None;
    let mut border = None;
    for (i, e) in entries.iter().enumerate() {
        if let Some(c) = code(&e.op) {
            if highest.is_some_and(|h| c <= h) {
                border = Some(i);
                break;
            }
            highest = Some(c);
        }
    }
    let timed = |e: &GetEntry| e.access.is_some() || e.reject.is_some() || e.duration_ms.is_some() || e.running;
    let first_timed = entries.iter().position(timed).unwrap_or(entries.len()).max(1);
    let sure = border.filter(|b| *b <= first_timed);
    for (i, e) in entries.iter_mut().enumerate() {
        e.scope = match sure {
            _ if i < sure.unwrap_or(1) => Scope::Uid,
            None if i < first_timed => Scope::Unclear,
            _ => Scope::Package,
        };
    }
}
