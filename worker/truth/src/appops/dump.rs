//! `dumpsys appops`, in the three forms that it had: API 26 and 27, 28, 29 and later.

use super::{AppOps, Attributed, Mode, Op, OpAccess, PackageOps, Proxy, UidOps, UidState, is_op};
use crate::{
    lines::{Text, between, some, uid},
    notes::{Cut, Notes, Parsed},
    when::{GuestClock, Stamp, When, span},
};

/// How far a date and the age beside it may be apart before both are doubted.
const SLACK_MS: i64 = 2000;

/// Packages of a uid, and operations of a package, that are looked through for a second one: there are never so many.
const FEW: usize = 1000;

/// Begins of lines that say nothing about accesses.
const PASSED: [&str; 8] = [
    "pendingState",
    "pendingCapability",
    "pendingStateCommitTime",
    "appWidgetVisible",
    "pendingAppWidgetVisible",
    "foregroundOps:",
    "hasForegroundWatchers",
    "startNesting=",
];

/// Reads the answer of `dumpsys appops`, whole or with `--package`.
pub fn parse(bytes: &[u8], clock: &GuestClock) -> Parsed<AppOps> {
    let (text, mut notes) = Text::new(bytes);
    let mut r =
        Reader { clock, books: AppOps::default(), inside: false, ended: false, items: 0, tag_open: false, rejected: false, last: None };
    let mut seen = false;
    for line in text.lines(&mut notes) {
        seen |= line.starts_with("Current AppOps Service state") || line.starts_with("AppOps Uid Op State");
        r.line(line, &mut notes);
    }
    if !(seen || r.inside) || r.tag_open {
        notes.cut(Cut::Missing);
    }
    notes.with(r.books)
}

struct Reader<'a> {
    clock: &'a GuestClock,
    books: AppOps,
    /// Within the part that holds uids.
    inside: bool,
    /// Behind that part.
    ended: bool,
    items: usize,
    tag_open: bool,
    /// Lines without a word of their own (API 28) go on with refusals.
    rejected: bool,
    /// The latest use of the part that is being read, by its place.
    last: Option<usize>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str, notes: &mut Notes) {
        let t = line.trim();
        let due = margin(t);
        if self.inside && due.is_some_and(|d| d != line.len() - line.trim_start().len()) {
            notes.unknown(t);
            notes.cut(Cut::Malformed);
            return;
        }
        if let Some(id) = t.strip_prefix("Uid ").and_then(|r| r.strip_suffix(':')).and_then(uid) {
            // Uids come once, in the order of their numbers, and all that is opened is closed. A tag is text of an app and may hold
            // lines that look like others.
            if self.tag_open || self.ended || self.books.uids.last().is_some_and(|u| u.uid >= id) {
                notes.cut(Cut::Twice);
            }
            (self.inside, self.tag_open) = (true, false);
            if self.room(notes) {
                self.books.uids.push(UidOps { uid: id, state: None, capability: None, modes: Vec::new(), packages: Vec::new() });
            }
            return;
        }
        if t.is_empty() {
            return;
        }
        if !self.inside {
            if self.ended && (t.ends_with("=[") || t.starts_with("Access: ") || t.starts_with("Reject: ")) {
                // What ended the books was text of an app.
                notes.cut(Cut::Malformed);
            }
            return notes.skipped();
        }
        let heading = ["User restrictions", "Global restrictions", "Historical"].iter().any(|h| t.starts_with(h));
        if heading && due.is_none() && line.len() - line.trim_start().len() <= 2 {
            (self.inside, self.ended) = (false, true);
            return;
        }
        if due.is_none() && PASSED.iter().any(|p| t.starts_with(p)) || t.ends_with(": WATCHER") || t.ends_with(": SILENT") {
            return;
        }
        if self.of_uid(t, notes).or_else(|| self.of_op(t, notes)).is_none() {
            notes.unknown(t);
            if due.is_some() || t.starts_with("Access: ") || t.starts_with("Reject: ") {
                notes.cut(Cut::Malformed);
            }
        }
    }

    /// Whether there is room for one more thing, which is taken.
    fn room(&mut self, notes: &mut Notes) -> bool {
        let room = self.items < crate::MAX_ITEMS;
        self.items += usize::from(room);
        if !room {
            notes.cut(Cut::TooMany);
        }
        room
    }

    /// Lines of a uid, and those that begin a package or an operation.
    fn of_uid(&mut self, t: &str, notes: &mut Notes) -> Option<()> {
        let uid = self.books.uids.last_mut()?;
        // Both stand before the packages.
        let first = uid.packages.is_empty();
        if let Some(v) = t.strip_prefix("state=").filter(|_| first) {
            uid.state = Some(UidState::read(v));
            return Some(());
        }
        if let Some(v) = t.strip_prefix("capability=").filter(|_| first) {
            uid.capability = some(v);
            return Some(());
        }
        if let Some(p) = t.strip_prefix("Package ").and_then(|p| p.strip_suffix(':')) {
            if self.tag_open || uid.packages.iter().take(FEW).any(|known| known.package == p) {
                notes.cut(Cut::Twice);
            }
            (self.tag_open, self.last) = (false, None);
            if self.room(notes) {
                self.books.uids.last_mut()?.packages.push(PackageOps { package: p.to_owned(), ops: Vec::new() });
            }
            return Some(());
        }
        let (op, in_package) = if let Some((name, rest)) = t.split_once(": mode=").filter(|(n, _)| is_op(n)) {
            let (mode, more) = rest.split_once([';', ' ']).unwrap_or((rest, ""));
            let op = Op { name: name.to_owned(), mode: Mode::read(mode), attributed: oldest_form(more, self.clock) };
            (op, !uid.packages.is_empty())
        } else {
            let (name, rest) = t.strip_suffix("):")?.split_once(" (").filter(|(n, _)| is_op(n))?;
            let mode = Mode::read(rest.split(" / ").next().unwrap_or(rest));
            (Op { name: name.to_owned(), mode, attributed: Vec::new() }, true)
        };
        let known = in_package && uid.packages.last()?.ops.iter().take(FEW).any(|o| o.name == op.name);
        if self.tag_open || known {
            notes.cut(Cut::Twice);
        }
        (self.tag_open, self.last) = (false, None);
        if self.room(notes) {
            let uid = self.books.uids.last_mut()?;
            if in_package {
                uid.packages.last_mut()?.ops.push(op);
            } else {
                uid.modes.push((op.name, op.mode));
            }
        }
        Some(())
    }

    /// Lines of an operation.
    fn of_op(&mut self, t: &str, notes: &mut Notes) -> Option<()> {
        let parts = self.books.uids.last()?.packages.last()?.ops.last()?.attributed.len();
        if let Some(tag) = t.strip_suffix("=[") {
            if self.tag_open {
                notes.cut(Cut::Twice);
            }
            (self.tag_open, self.last) = (true, None);
            let part = Attributed { tag: some(tag), ..Attributed::default() };
            if self.room(notes) {
                self.parts()?.push(part);
            }
            return Some(());
        }
        if t == "]" {
            self.tag_open = false;
            return Some(());
        }
        if let Some(v) = t.strip_prefix("duration=") {
            // API 28 has one for the operation; it is that of the last use.
            let (ms, last) = (span(v.trim())?, self.last?);
            self.parts()?.last_mut()?.accesses.get_mut(last)?.duration_ms = Some(ms);
            return Some(());
        }
        let said = if let Some(v) = t.strip_prefix("Running start at:") {
            Said::Running(span(v.trim())?)
        } else {
            let (rejected, rest) = match (t.strip_prefix("Access: "), t.strip_prefix("Reject: ")) {
                (Some(r), _) => (false, r),
                (_, Some(r)) => (true, r),
                _ => (self.rejected, t),
            };
            let access = access(rest, rejected, self.clock)?;
            self.rejected = rejected;
            self.books.doubtful_dates += u32::from(access.doubtful);
            Said::Access(access)
        };
        if !self.room(notes) {
            return Some(());
        }
        if parts == 0 {
            self.parts()?.push(Attributed::default());
        }
        let last = self.last;
        let part = self.parts()?.last_mut()?;
        match said {
            Said::Running(ms) => part.running_ms = Some(ms),
            Said::Access(a) => {
                let latest = last.and_then(|l| part.accesses.get(l)).is_none_or(|l| l.when.latest <= a.when.latest);
                let newest = (latest && !a.rejected).then_some(part.accesses.len());
                part.accesses.push(a);
                self.last = newest.or(last);
            }
        }
        Some(())
    }

    fn parts(&mut self) -> Option<&mut Vec<Attributed>> {
        Some(&mut self.books.uids.last_mut()?.packages.last_mut()?.ops.last_mut()?.attributed)
    }
}

/// How far from the margin a line stands, if it is one that says whose the next ones are. All levels have the same. A tag may hold lines
/// that look like these; from API 31 on it has at most 50 characters, and then there is no room for a margin.
fn margin(t: &str) -> Option<usize> {
    let op = || t.split_once(": mode=").or_else(|| t.strip_suffix("):")?.split_once(" (")).is_some_and(|(n, _)| is_op(n));
    match t {
        _ if t.starts_with("Uid ") && t.ends_with(':') => Some(2),
        _ if t.starts_with("Package ") && t.ends_with(':') => Some(4),
        "]" => Some(8),
        _ if t.ends_with("=[") => Some(8),
        _ => op().then_some(6),
    }
}

enum Said {
    Access(OpAccess),
    Running(i64),
}

/// `[top-s] 2026-11-25 09:54:40.691 (-5m1s) duration=+5s proxy[uid=1, pkg=p, ..]`, or of API 28 `top   = 2026-11-25 ..`.
fn access(t: &str, rejected: bool, clock: &GuestClock) -> Option<OpAccess> {
    let (state, flags, rest) = if let Some(r) = t.strip_prefix('[') {
        let (key, rest) = r.split_once(']')?;
        let (state, flags) = key.split_once('-').unwrap_or((key, ""));
        (state, flags.split(['|', ',']).filter(|f| !f.is_empty()).map(str::to_owned).collect(), rest)
    } else {
        let (state, rest) = t.split_once('=')?;
        (state, Vec::new(), rest)
    };
    let (stamp, rest) = Stamp::read(rest.trim_start())?;
    let mut when = clock.resolve(stamp)?;
    let mut doubtful = false;
    if let Some(age) = between(rest, "(", ")").and_then(span) {
        let counted = clock.now().plus(age);
        doubtful = !When { earliest: when.earliest - SLACK_MS, latest: when.latest + SLACK_MS }.may_be(counted);
        if doubtful {
            when = when.or(counted);
        }
    }
    let duration = rest.split_whitespace().find_map(|w| w.strip_prefix("duration=")).and_then(span);
    let proxy = between(rest, "proxy[", "]").map(|p| {
        let part = |key: &str| p.split(", ").find_map(|f| f.strip_prefix(key));
        Proxy { uid: part("uid=").and_then(uid), package: part("pkg=").and_then(some) }
    });
    let state = Some(UidState::read(state));
    Some(OpAccess { rejected, state, flags, when, doubtful, duration_ms: duration, proxy })
}

/// API 26 and 27: `time=+1h2m ago; rejectTime=+5s ago (running)`, or `.. ; duration=+3s`.
fn oldest_form(more: &str, clock: &GuestClock) -> Vec<Attributed> {
    let ages = Ages::read(more, clock);
    let at = |rejected, when, duration_ms| OpAccess {
        rejected,
        state: None,
        flags: Vec::new(),
        when,
        doubtful: false,
        duration_ms,
        proxy: None,
    };
    let used = ages.access.map(|w| at(false, w, if ages.running { None } else { ages.duration_ms }));
    let running_ms = ages.access.filter(|_| ages.running).map(|w| clock.now().latest.saturating_sub(w.latest));
    let accesses: Vec<_> = used.into_iter().chain(ages.reject.map(|w| at(true, w, None))).collect();
    if accesses.is_empty() { Vec::new() } else { vec![Attributed { tag: None, accesses, running_ms }] }
}

/// Ages behind an operation, in the form that `cmd appops get` still has.
pub(super) struct Ages {
    pub(super) access: Option<When>,
    pub(super) reject: Option<When>,
    pub(super) duration_ms: Option<i64>,
    pub(super) running: bool,
}

impl Ages {
    pub(super) fn read(text: &str, clock: &GuestClock) -> Self {
        // "Never" may be a time of 0, which then is some fifty years ago.
        const NEVER_MS: i64 = 86_400_000;
        let age = |key: &str| {
            let t = text.split([';', ' ']).find_map(|w| w.trim().strip_prefix(key))?;
            span(t).map(|ms| clock.ago(ms)).filter(|w| w.latest > NEVER_MS)
        };
        Self {
            access: age("time="),
            reject: age("rejectTime="),
            duration_ms: text.split([';', ' ']).find_map(|w| w.trim().strip_prefix("duration=")).and_then(span),
            running: text.contains("(running)"),
        }
    }
}
