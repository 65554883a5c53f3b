//! App ops.

use stakeout_truth::{
    Cut, Parsed, When,
    appops::{self, AppOps, Mode, Op, OpAccess, Scope, UidState},
};

use crate::{NOW, ago, clock, fixture};

fn read(name: &str) -> Parsed<AppOps> {
    let p = appops::parse(&fixture(name), &clock());
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{name}: {:?}", p.notes);
    p
}

fn op<'a>(p: &'a Parsed<AppOps>, uid: u32, name: &str) -> &'a Op {
    let (_, package) = p.value.package("com.example.app").find(|(u, _)| u.uid == uid).unwrap();
    package.ops.iter().find(|o| o.name == name).unwrap()
}

fn used(state: Option<UidState>, flags: &[&str], when: When, duration_ms: Option<i64>) -> OpAccess {
    OpAccess {
        rejected: false,
        state,
        flags: flags.iter().map(|f| (*f).to_owned()).collect(),
        when,
        doubtful: false,
        duration_ms,
        proxy: None,
    }
}

fn refused(a: OpAccess) -> OpAccess {
    OpAccess { rejected: true, ..a }
}

#[test]
fn the_books_of_api_26_have_ages_and_no_states() {
    let p = read("appops-26.txt");
    let camera = op(&p, 10142, "CAMERA");
    assert_eq!(camera.mode, Mode::Allow);
    assert_eq!(camera.attributed[0].accesses, [used(None, &[], ago(300_000), Some(3000))]);
    let contacts = op(&p, 10142, "READ_CONTACTS");
    assert_eq!(contacts.attributed[0].accesses, [used(None, &[], ago(3_600_000), None), refused(used(None, &[], ago(7_200_000), None))]);
    let mic = &op(&p, 10142, "RECORD_AUDIO").attributed[0];
    assert_eq!((mic.running_ms, mic.accesses[0].when), (Some(9000), ago(9000)));
    assert!(op(&p, 10142, "FINE_LOCATION").attributed.is_empty(), "never is no date");
    let uid = p.value.uids.iter().find(|u| u.uid == 10142).unwrap();
    assert_eq!(uid.modes, [("COARSE_LOCATION".to_owned(), Mode::Ignore)]);
}

#[test]
fn the_books_of_api_28_have_a_line_for_each_state() {
    let p = read("appops-28.txt");
    let camera = &op(&p, 10142, "CAMERA").attributed[0];
    let expected = [
        used(Some(UidState::Top), &[], ago(300_000), Some(3000)),
        used(Some(UidState::Fg), &[], ago(600_000), None),
        refused(used(Some(UidState::Bg), &[], ago(60_000), None)),
    ];
    assert_eq!(camera.accesses, expected);
    assert_eq!(op(&p, 10142, "READ_CONTACTS").attributed[0].accesses, [used(Some(UidState::Cch), &[], ago(899_750), None)]);
    assert_eq!(op(&p, 10142, "RECORD_AUDIO").attributed[0].running_ms, Some(9000));
    assert_eq!(p.value.uids[0].state, Some(UidState::Cch));
    assert_eq!(p.value.doubtful_dates, 0);
}

#[test]
fn the_books_of_api_30_and_35_have_tags_and_flags() {
    let p = read("appops-30.txt");
    let camera = &op(&p, 10142, "CAMERA").attributed[0];
    assert_eq!((camera.running_ms, &camera.accesses[..]), (Some(10_000), &[used(Some(UidState::Top), &["s"], ago(10_000), None)][..]));

    let p = read("appops-35.txt");
    let camera = op(&p, 10142, "CAMERA");
    assert_eq!(camera.mode, Mode::Foreground);
    let expected =
        [used(Some(UidState::Top), &["s"], ago(299_309), Some(3278)), refused(used(Some(UidState::Cch), &["s"], ago(60_000), None))];
    assert_eq!(camera.attributed[0].accesses, expected);
    let contacts = op(&p, 10142, "READ_CONTACTS");
    let tags: Vec<_> = contacts.attributed.iter().map(|a| a.tag.as_deref()).collect();
    assert_eq!(tags, [None, Some("sync")]);
    let proxy = contacts.attributed[0].accesses[0].proxy.as_ref().unwrap();
    assert_eq!((proxy.uid, proxy.package.as_deref()), (Some(10099), Some("com.example.assistant")));
    let uid = &p.value.uids[0];
    assert_eq!((uid.uid, uid.capability.as_deref()), (10142, Some("-----")));
    assert_eq!(uid.mode("com.example.app", "POST_NOTIFICATION"), Some(&Mode::Ignore));
    assert_eq!(uid.mode("com.example.app", "CAMERA"), Some(&Mode::Foreground));
    assert_eq!(uid.mode("com.example.app", "GPS"), None);
}

#[test]
fn a_date_that_contradicts_its_age_is_both_and_told() {
    let p = read("appops-35.txt");
    assert_eq!(p.value.doubtful_dates, 1);
    let clipboard = &op(&p, 1_010_142, "READ_CLIPBOARD").attributed[0].accesses[0];
    assert!(clipboard.doubtful);
    assert_eq!(clipboard.when, When { earliest: NOW - 3 * 3_600_000, latest: NOW - 29 * 60_000 });
}

#[test]
fn empty_books_are_whole_and_missing_ones_are_not() {
    assert_eq!(read("appops-idle.txt").value, AppOps::default());
    let p = appops::parse(b"Can't find service: appops\n", &clock());
    assert!(p.notes.refused.is_some() && !p.notes.is_whole());
    let whole = fixture("appops-35.txt");
    let stop = whole.windows(10).position(|w| w == b"sync=[\n   ").unwrap() + 7;
    let p = appops::parse(&whole[..stop], &clock());
    assert_eq!(p.notes.cut, [Cut::Missing], "a tag that is not closed");
    let p = appops::parse(b"Current AppOps Service state:\n*** SERVICE 'appops' DUMP TIMEOUT (10000ms) EXPIRED ***\n", &clock());
    assert_eq!(p.notes.cut, [Cut::Timeout]);
}

#[test]
fn get_gives_modes_and_ages() {
    let p = appops::parse_get(&fixture("appops-get-28.txt"), &clock());
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    let e = &p.value.entries;
    assert_eq!(e.iter().map(|e| e.op.as_str()).collect::<Vec<_>>(), ["COARSE_LOCATION", "CAMERA", "RECORD_AUDIO"]);
    assert_eq!((e[0].access, e[0].reject), (None, Some(ago(3_600_000))));
    assert_eq!((e[1].access, e[1].duration_ms, e[1].running), (Some(ago(300_000)), Some(3000), false));
    assert_eq!((e[2].access, e[2].running), (Some(ago(9000)), true));
    assert!(e.iter().all(|e| e.scope == Scope::Package));

    let p = appops::parse_get(&fixture("appops-get-35.txt"), &clock());
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    let scopes: Vec<_> = p.value.entries.iter().map(|e| e.scope).collect();
    // Of POST_NOTIFICATION nobody can say: it may be the uid's second or the package's first.
    assert_eq!(scopes, [Scope::Uid, Scope::Unclear, Scope::Package, Scope::Package]);
    assert_eq!(p.value.entries[2].reject, Some(ago(60_000)));
    assert_eq!(p.value.mode("COARSE_LOCATION"), Some(&Mode::Ignore));
    assert_eq!(p.value.mode("CAMERA"), Some(&Mode::Foreground));

    let p = appops::parse_get(&fixture("appops-get-idle.txt"), &clock());
    assert!(p.value.none && p.notes.is_whole());
    assert_eq!(p.value.default_mode, Some(Mode::Allow));
    let p = appops::parse_get(b"Error: No UID for com.example.none in user 0\n", &clock());
    assert!(p.notes.refused.is_some());
}
