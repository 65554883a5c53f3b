//! Whose it was, in a guest where the app is not alone.

use stakeout_contract::{
    DeviceKind, Nanos, Sha256Digest,
    artifact::Artifact,
    told::{OthersSession, Traffic},
};

use super::*;

const APP: &str = "net.example.app";

fn guest(mut s: Sample) -> Sample {
    s.record.device = DeviceKind::Emulator;
    s.record.app.package = APP.into();
    s.observations.iter_mut().for_each(|o| o.source = Source::Device);
    s
}

fn told(s: Sample, secs: u64, fact: impl Into<Fact>) -> Sample {
    guest(s.saw(secs, fact.into()))
}

fn counted(from: u64, to: u64, own: u64, others: u64) -> Traffic {
    Traffic { from: Nanos::from_secs(from), to: Nanos::from_secs(to), own, others }
}

/// A frame of the background, given to session 1.
fn filmed() -> Sample {
    silent().gave(BACKGROUND_FRAME, BACKGROUND_FRAME)
}

/// And found in a file that lies there.
fn in_file(s: Sample, role: Role, name: &str) -> Sample {
    let sha256 = Sha256Digest::of(b"x");
    let mut s = s.found(Kind::Camera, role, None, Some(BACKGROUND_FRAME), 1e-30);
    s.analysis.findings.last_mut().unwrap().file = format!("artifacts/{sha256}");
    s.record.artifacts.push(Artifact { sha256, size: 1, role, name: name.into(), flow: None, at: None, cipher: None, truncated: false });
    s
}

fn uploaded(s: Sample) -> Sample {
    s.flow(1, 5000, "drop.example", Some(0)).found(Kind::Camera, Role::FlowRequest, Some(1), Some(BACKGROUND_FRAME), 1e-30)
}

fn of(s: &Sample, rung: Rung) -> Verdict {
    row(&s.decide(), Kind::Camera, rung, DeviceState::Background).clone()
}

#[test]
fn a_file_of_the_apps_own_folders_proves_and_one_where_all_may_write_supports() {
    let whose = |name: &str| of(&told(in_file(filmed(), Role::AppFile, name), 90, opened()), Rung::Stored);
    for own in [format!("data/data/{APP}/files/a.jpg"), format!("data/user_de/0/{APP}/a")] {
        assert_eq!(whose(&own).verdict, Answer::Proven, "{own}");
    }
    for other in ["sdcard/DCIM/a.jpg".to_owned(), format!("data/data/{APP}.evil/a"), format!("sdcard/data/data/{APP}/a")] {
        let v = whose(&other);
        assert_eq!((v.verdict, codes(&v), v.p_false), (Answer::Supported, vec!["attribution"], None), "{other}");
        assert!(v.evidence[0].text.contains("who made it is not known"), "{}", v.evidence[0].text);
    }
}

#[test]
fn a_shared_file_proves_when_the_guest_says_that_the_app_made_it() {
    let owned = |by: &str| Fact::File { path: "/sdcard/DCIM/a.jpg".into(), change: "owned".into(), bytes: None, to: Some(by.into()) };
    let with =
        |by: &str| of(&told(told(in_file(filmed(), Role::AppFile, "sdcard/DCIM/a.jpg"), 90, opened()), 200, owned(by)), Rung::Stored);
    assert_eq!(with(APP).verdict, Answer::Proven);
    let v = with("com.camera");
    assert_eq!(v.verdict, Answer::Supported);
    assert!(v.reasons[0].text.contains("`com.camera`"), "{:?}", v.reasons);
}

#[test]
fn a_deleted_file_is_whose_the_folder_was_that_it_lay_in() {
    let gone = |path: &str| Fact::File { path: path.into(), change: "deleted".into(), bytes: None, to: Some("deleted/000001".into()) };
    let with =
        |path: &str| of(&told(told(in_file(filmed(), Role::DeletedFile, "000001"), 90, opened()), 200, gone(path)), Rung::Stored).verdict;
    assert_eq!(with(&format!("/data/data/{APP}/cache/x")), Answer::Proven);
    assert_eq!(with("/sdcard/x"), Answer::Supported);
}

#[test]
fn a_request_proves_only_if_others_cannot_have_sent_it() {
    let with = |all: &[Traffic]| {
        let all = all.iter().fold(told(uploaded(filmed()), 90, opened()), |s, t| told(s, 100, *t));
        of(&all, Rung::Transmitted)
    };
    // 1001 bytes at 5000 s.
    assert_eq!(with(&[counted(60, 7000, 9000, 0)]).verdict, Answer::Proven);
    assert_eq!(
        with(&[counted(60, 4990, 0, 99_999), counted(4990, 5010, 2000, 900), counted(5010, 7000, 0, 99_999)]).verdict,
        Answer::Proven
    );
    for unknown in [
        vec![],
        vec![counted(60, 7000, 9000, 1001)],
        // They may all be of one app, which sent between two readings.
        vec![counted(60, 5000, 0, 600), counted(5000, 7000, 0, 600)],
        vec![counted(60, 4000, 9000, 0)],
        vec![counted(60, 4999, 9000, 0), counted(5001, 7000, 9000, 0)],
    ] {
        let v = with(&unknown);
        assert_eq!((v.verdict, codes(&v)), (Answer::Supported, vec!["attribution"]), "{unknown:?}");
    }
}

#[test]
fn what_another_app_opened_is_not_delivered_to_the_app() {
    let other = OthersSession { sensor: Sensor::Camera, session: 1, package: "com.camera".into() };
    let s = told(in_file(filmed(), Role::AppFile, &format!("data/data/{APP}/a.jpg")), 90, other);
    for rung in [Rung::Opened, Rung::Delivered] {
        assert_eq!(of(&s, rung).verdict, Answer::NotObserved, "{rung}");
    }
    let v = of(&s, Rung::Stored);
    assert_eq!((v.verdict, codes(&v)), (Answer::Supported, vec!["attribution"]));
    assert!(v.evidence[0].text.contains("it was given to another app (`com.camera`)"), "{}", v.evidence[0].text);
}

#[test]
fn what_no_book_gives_to_the_app_is_a_doubt_unless_it_is_found_in_its_own_things() {
    for elsewhere in [guest(filmed()), guest(in_file(filmed(), Role::AppFile, "sdcard/DCIM/a.jpg"))] {
        for rung in [Rung::Opened, Rung::Delivered] {
            let v = of(&elsewhere, rung);
            assert_eq!((v.verdict, codes(&v)), (Answer::Inconclusive, vec!["attribution"]), "{rung}");
            let other = row(&elsewhere.decide(), Kind::Camera, rung, DeviceState::ScreenOff).verdict;
            assert_eq!(other, Answer::NotObserved, "nothing was given then");
        }
    }
    assert_eq!(gate(&guest(filmed()).decide(), Rung::Opened, 1), Gate::Inconclusive);
    // Bytes in its own folder are its all the same, and tell of the rest of that session.
    let own = guest(in_file(filmed().gave(BACKGROUND_FRAME + 9, BACKGROUND_FRAME + 99), Role::AppFile, &format!("data/data/{APP}/a.jpg")));
    assert_eq!(of(&own, Rung::Stored).verdict, Answer::Proven);
    assert_eq!((of(&own, Rung::Delivered).verdict, of(&own, Rung::Delivered).count), (Answer::Proven, 3));
}

#[test]
fn names_that_anybody_in_a_guest_may_have_asked_for_support_at_most() {
    let named = || {
        let mut s = uploaded(filmed());
        s.flows[0].scheme = stakeout_contract::flow::DNS.into();
        s
    };
    let alone = told(told(named(), 90, opened()), 100, counted(60, 7000, 9000, 0));
    let v = of(&alone, Rung::Transmitted);
    assert_eq!((v.verdict, codes(&v)), (Answer::Supported, vec!["attribution"]));
    assert_eq!(of(&named(), Rung::Transmitted).verdict, Answer::Proven, "the device of one process");
}

#[test]
fn the_device_of_one_process_is_the_apps_alone() {
    let s = uploaded(in_file(filmed(), Role::AppFile, "anywhere/a.jpg"));
    assert_eq!(of(&s, Rung::Transmitted).verdict, Answer::Proven);
    assert_eq!(of(&s, Rung::Stored).verdict, Answer::Proven);
}
