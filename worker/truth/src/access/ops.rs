//! Uses of operations, from the app ops service's books.

use std::collections::HashMap;

use super::{Access, Changes, Outcome, Source, Span, unreadable};
use crate::{
    appops::{AppOps, Attributed, OpAccess, UidState, kind_of},
    notes::Parsed,
};

/// New uses of operations that the product has a word for. Without a poll before, the last use of each, however old.
pub fn ops(prev: Option<&Parsed<AppOps>>, now: &Parsed<AppOps>) -> Changes {
    if !now.notes.is_whole() {
        return unreadable(Source::AppOps);
    }
    let mut known: HashMap<(PartKey<'_>, UseKey<'_>), Vec<&OpAccess>> = HashMap::new();
    for (part, uses) in prev.filter(|p| p.notes.is_whole()).map(|p| parts(&p.value)).unwrap_or_default() {
        for u in &uses.accesses {
            known.entry((part, use_key(u))).or_default().push(u);
        }
    }
    let mut changes = Changes::default();
    let mut going_on = Vec::new();
    for (part, uses) in parts(&now.value) {
        for u in &uses.accesses {
            if known.get(&(part, use_key(u))).is_some_and(|old| old.iter().any(|o| same_use(o, u))) {
                continue;
            }
            let (outcome, span) = if u.rejected {
                (Outcome::Refused, Span::at(u.when))
            } else {
                (Outcome::Accessed, Span { from: Some(u.when), to: u.duration_ms.map(|ms| u.when.plus(ms)) })
            };
            changes.accesses.extend(of_op(part, outcome, span, u.state.clone()));
        }
        if uses.running_ms.is_some() {
            // What is in use has an entry for its begin.
            let last = uses.accesses.iter().filter(|u| !u.rejected).max_by_key(|u| u.when.latest);
            let span = Span { from: last.map(|u| u.when), to: None };
            going_on.extend(of_op(part, Outcome::Ongoing, span, last.and_then(|u| u.state.clone())));
        }
    }
    changes.accesses.append(&mut going_on);
    changes
}

/// Uid, package, operation, tag.
type PartKey<'a> = (u32, &'a str, &'a str, Option<&'a str>);
/// Refused, state, flags.
type UseKey<'a> = (bool, Option<&'a UidState>, &'a [String]);

fn use_key(u: &OpAccess) -> UseKey<'_> {
    (u.rejected, u.state.as_ref(), &u.flags)
}

/// Whether two polls tell the same use. What is doubtful may have been at any time between date and age, and so would be the next use
/// too. But of one use the date stays where it is, and of another one date and age are others; the age is counted from a clock that
/// is read a little before or after the poll, so it may move from poll to poll.
fn same_use(a: &OpAccess, b: &OpAccess) -> bool {
    const SLACK_MS: u64 = 1000;
    let near = |a: i64, b: i64| a.abs_diff(b) <= SLACK_MS;
    if a.doubtful || b.doubtful {
        near(a.when.earliest, b.when.earliest) || near(a.when.latest, b.when.latest)
    } else {
        a.when.may_be(b.when)
    }
}

fn parts(books: &AppOps) -> Vec<(PartKey<'_>, &Attributed)> {
    let mut all = Vec::new();
    for uid in &books.uids {
        for package in &uid.packages {
            for op in package.ops.iter().filter(|o| kind_of(&o.name).is_some()) {
                for part in &op.attributed {
                    all.push(((uid.uid, package.package.as_str(), op.name.as_str(), part.tag.as_deref()), part));
                }
            }
        }
    }
    all
}

fn of_op((uid, package, op, _): PartKey<'_>, outcome: Outcome, span: Span, state: Option<UidState>) -> Option<Access> {
    Some(Access {
        what: kind_of(op)?,
        outcome,
        span,
        source: Source::AppOps,
        package: Some(package.to_owned()),
        uid: Some(uid),
        pid: None,
        id: op.to_owned(),
        state,
        reason: None,
    })
}
