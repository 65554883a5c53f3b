//! Text that apps put into the records, to look like what it is not.

use stakeout_truth::{Cut, access, access::Lost, activity, appops, audio, camera, logcat, package, power, props, ui};

use crate::{clock, fixture};

#[test]
fn a_refused_package_with_lines_in_its_name_opens_no_camera() {
    let p = camera::parse(&fixture("camera-hostile.txt"), &clock());
    assert_eq!(p.value.clients, Some(vec![]), "the list of clients is before the log");
    assert_eq!(p.notes.cut, [Cut::Malformed]);
    let c = access::camera(None, &p);
    assert_eq!((c.accesses.len(), c.gap.unwrap().why), (0, Lost::Unreadable));
}

#[test]
fn a_refused_package_ends_no_log() {
    let dump = |package: &str| {
        let events = format!(
            "  11-25 09:20:11 : DENIED connect device 0 client for package {package} (PID 4500, score 200 state 3) due to eviction policy\n  \
             11-25 09:12:31 : CONNECT device 0 client for package com.example.app (PID 4321)\n"
        );
        format!("Active Camera Clients:\n[]\n\n== Camera service events log (most recent at top): ==\n{events}\n== Camera device 0: ==\n")
    };
    let cut = |package: &str| camera::parse(dump(package).as_bytes(), &clock()).notes.cut;
    assert_eq!(cut("com.example.app"), []);
    assert_eq!(cut("com.victim.app (PID 5) x"), [Cut::Malformed], "the first process is not the one that asked");
    assert_eq!(cut("a (PID 1)\n\nx"), [Cut::Malformed]);
    assert_eq!(cut("a (PID 1)\n== x"), [Cut::Malformed]);
    assert_eq!(cut("a (PID 1)\n\n== Camera service events log"), [Cut::Twice, Cut::Malformed]);
}

#[test]
fn a_tag_changes_no_state_and_ends_no_books() {
    let books = |tag: &str| {
        format!(
            "Current AppOps Service state:\n  Uid u0a142:\n    state=cch\n    capability=---\n    Package a.b:\n      CAMERA (allow):\n        \
             {tag}=[\n          Access: [cch-s] 2026-11-25 09:29:50.000 (-10s0ms)\n        ]\n"
        )
    };
    for tag in ["state=top", "capability=LCM", "Historical", "User restrictions", "foregroundOps:", "pendingState", "duration", "Access: "]
    {
        let p = appops::parse(books(tag).as_bytes(), &clock());
        assert!(p.notes.is_whole(), "{tag}: {:?}", p.notes);
        assert_eq!(access::ops(None, &p).accesses.len(), 1, "{tag}");
        assert_eq!(p.value.uids[0].packages[0].ops[0].attributed[0].tag.as_deref(), Some(tag.trim()), "{tag}");
        assert_eq!((&p.value.uids[0].state, p.value.uids[0].capability.as_deref()), (&Some(appops::UidState::Cch), Some("---")), "{tag}");
    }
}

#[test]
fn the_name_of_a_focus_listener_starts_no_recorder() {
    let p = audio::parse(&fixture("audio-hostile.txt"), &clock());
    assert_eq!(p.notes.cut, [Cut::Twice]);
    let c = access::audio(None, &p);
    assert_eq!((c.accesses.len(), c.gap.unwrap().why), (0, Lost::Unreadable));
}

#[test]
fn a_tag_with_lines_in_it_moves_no_use_to_another_app() {
    let p = appops::parse(&fixture("appops-hostile.txt"), &clock());
    assert_eq!(p.notes.cut, [Cut::Twice]);
    assert!(p.value.package("com.victim.app").count() > 1, "what the text says is there, but not believed");
    let c = access::ops(None, &p);
    assert_eq!((c.accesses.len(), c.gap.unwrap().why), (0, Lost::Unreadable));
}

#[test]
fn books_whose_form_is_broken_are_not_believed() {
    let books = "Current AppOps Service state:\n  Uid u0a142:\n    Package a.b:\n      CAMERA (allow):\n        null=[\n          Access: [top-s] \
                 2026-11-25 09:29:50.000 (-10s0ms)\n        ]\n      GPS (allow):\n    Package c.d:\n      CAMERA (allow):\n  Uid u0a150:\n";
    let read = |text: &str| appops::parse(text.as_bytes(), &clock()).notes;
    assert!(read(books).is_whole() && read(books).unknown_lines == 0);
    for (from, to, cut) in [
        ("Uid u0a150", "Uid u0a142", Cut::Twice),
        ("Uid u0a150", "Uid u0a141", Cut::Twice),
        ("Package c.d", "Package a.b", Cut::Twice),
        ("GPS", "CAMERA", Cut::Twice),
        ("        ]\n", "", Cut::Twice),
        ("        ]\n", "        x=[\n        ]\n", Cut::Twice),
        ("  Uid u0a150", "Uid u0a150", Cut::Malformed),
        ("    Package c.d", "  Package c.d", Cut::Malformed),
        ("      GPS", "GPS", Cut::Malformed),
        ("        null=[", "null=[", Cut::Malformed),
        ("      CAMERA (allow):\n        null=[", "        null=[", Cut::Malformed),
        ("Uid u0a142:\n", "Uid u0a142:\n          Access: [top-s] 2026-11-25 09:29:50.000 (-10s0ms)\n", Cut::Malformed),
        ("        ]\n", "        ]\n  Historical\n        y=[\n", Cut::Malformed),
        ("        ]\n", "        ]\n  Historical\n", Cut::Twice),
    ] {
        let broken = read(&books.replacen(from, to, 1));
        assert!(broken.cut.contains(&cut), "{from:?} {to:?}: {:?}", broken.cut);
    }
}

#[test]
fn the_name_of_a_wake_lock_turns_no_screen_off() {
    let p = power::parse(&fixture("power-hostile.txt"));
    assert_eq!((p.value.screen_off(), p.value.wakefulness, &p.notes.cut[..]), (None, None, &[Cut::Twice][..]));
}

#[test]
fn an_intent_puts_no_other_activity_on_the_screen() {
    let p = activity::parse(&fixture("activities-hostile.txt"));
    assert_eq!((p.value.top(), p.value.visible("com.example.app"), p.value.sleeping), (None, None, None));
}

#[test]
fn a_version_name_grants_and_denies_nothing_untold() {
    let p = package::parse(&fixture("package-hostile.txt"), "com.example.app");
    assert_eq!(p.notes.cut, [Cut::Twice]);
    for line in ["appId=1000", "versionCode=1 minSdk=1 targetSdk=1", "primaryCpuAbi=x86", "flags=[ SYSTEM ]"] {
        let text =
            String::from_utf8(fixture("package-28.txt")).unwrap().replace("versionName=1.2", &format!("versionName=1.2\n    {line}"));
        assert_eq!(package::parse(text.as_bytes(), "com.example.app").notes.cut, [Cut::Twice], "{line}");
    }
}

#[test]
fn lines_of_the_log_count_by_who_wrote_them() {
    let p = logcat::parse(&fixture("logcat-hostile.txt"), &clock());
    let said = |uids: &[u32]| p.value.from_uids(uids).filter_map(logcat::said).collect::<Vec<_>>();
    let trusted = said(&logcat::TRUSTED);
    // The text of a tag is a forged line that cannot be told from others. That is why there is `parse_binary`.
    assert!(matches!(&trusted[0], logcat::Said::Died { pid: 667, .. }));
    let asked = logcat::Said::CameraAsked { pid: 4321, package: "x\", camera ID 9) and y".into(), camera: "0".into() };
    assert_eq!(trusted[1..], [asked]);
    assert!(matches!(said(&[10142])[..], [logcat::Said::Died { pid: 666, .. }]));
    let last = p.value.lines.last().unwrap();
    assert_eq!((last.tag.as_str(), last.text.as_str()), ("a", "b    : c: d"));
}

#[test]
fn text_on_the_screen_makes_no_nodes() {
    let p = ui::parse(&fixture("ui-hostile.xml"));
    assert!(p.notes.is_whole(), "{:?}", p.notes);
    assert_eq!(p.value.nodes.len(), 1);
    assert_eq!(p.value.nodes[0].package, "com.example.app");
    assert!(p.value.nodes[0].text.starts_with("</hierarchy>\" /><node text=\"Allow\""));
    // An entity or a document type is not resolved.
    let p = ui::parse(b"<hierarchy><node text='&x;'/><node text='b'/></hierarchy>");
    assert_eq!((p.value.nodes.len(), &p.notes.cut[..]), (2, &[Cut::Malformed][..]));
}

#[test]
fn books_of_an_app_that_is_not_installed_are_strangers() {
    let p = appops::parse(b"Uid 1000:\n  Uid u0a142:\n  Uid u0a143:\n  Uid u10a142:\n", &clock());
    let installed = props::parse_packages(b"package:com.example.app uid:10142\n").value;
    assert_eq!(p.value.strangers(&installed).map(|u| u.uid).collect::<Vec<_>>(), [10143]);
}
