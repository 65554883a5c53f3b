//! Privacy switches, power, activities, packages, short answers, the log and the screen.

use regex::Regex;
use stakeout_truth::{
    Cut,
    activity::{self, StandbyBucket, UidProcessState},
    logcat::{self, Level, Said},
    package,
    power::{self, IdleState, Wakefulness},
    privacy::{self, PrivateSensor},
    props, ui,
};

use crate::{NOW, ago, clock, fixture};

#[test]
fn privacy_switches_are_read() {
    let p = privacy::parse(&fixture("privacy-31.txt"));
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    assert_eq!(p.value.is_off(0, PrivateSensor::Microphone), Some(true));
    assert_eq!(p.value.is_off(0, PrivateSensor::Camera), Some(false));
    assert_eq!(p.value.all_off, Some(false));

    let p = privacy::parse(&fixture("privacy-33.txt"));
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    assert_eq!(p.value.is_off(0, PrivateSensor::Microphone), Some(false), "what was never touched is open");
    assert_eq!(p.value.is_off(0, PrivateSensor::Camera), Some(true));
    assert_eq!((p.value.switches[0].toggle_type, p.value.switches[0].last_change_ms), (Some(1), Some(NOW - 1_000_000)));

    let p = privacy::parse(&fixture("privacy-idle.txt"));
    assert!(p.notes.is_whole());
    assert_eq!(p.value.is_off(0, PrivateSensor::Camera), Some(false));
    let p = privacy::parse(b"Can't find service: sensor_privacy\n");
    assert!(p.notes.refused.is_some());
    let whole = fixture("privacy-33.txt");
    let p = privacy::parse(&whole[..whole.len() - 10]);
    assert!(p.notes.cut.contains(&Cut::Missing));
}

#[test]
fn the_screen_and_doze_are_read() {
    let p = power::parse(&fixture("power-28.txt"));
    assert!(p.notes.is_whole());
    assert_eq!((p.value.wakefulness, p.value.screen_off(), p.value.interactive), (Some(Wakefulness::Asleep), Some(true), Some(false)));
    let p = power::parse(&fixture("power-35.txt"));
    assert_eq!((p.value.wakefulness, p.value.screen_off(), p.value.interactive), (Some(Wakefulness::Awake), Some(false), Some(true)));
    let p = power::parse(b"POWER MANAGER (dumpsys power)\n");
    assert_eq!((p.value.screen_off(), &p.notes.cut[..]), (None, &[Cut::Missing][..]));

    let p = power::parse_idle(&fixture("idle-28.txt"));
    assert_eq!((p.value.is_doze(), p.value.light, p.value.forced), (Some(true), Some(IdleState::Override), Some(true)));
    let p = power::parse_idle(&fixture("idle-35.txt"));
    assert_eq!((p.value.is_doze(), p.value.light, p.value.forced), (Some(false), Some(IdleState::Active), Some(false)));
    assert_eq!(power::parse_idle(b"IDLE_MAINTENANCE\n").value.deep, Some(IdleState::Maintenance));
    assert_eq!(power::parse_idle(b"Can't find service: deviceidle\n").value.is_doze(), None);
}

#[test]
fn the_activity_on_screen_is_read() {
    let p = activity::parse(&fixture("activities-28.txt"));
    assert!(p.notes.is_whole());
    assert_eq!(p.value.visible("com.example.app"), Some(true));
    assert_eq!(p.value.visible("com.example"), Some(false));
    assert_eq!(p.value.top().unwrap().class, ".MainActivity");
    let p = activity::parse(&fixture("activities-35.txt"));
    assert!(p.notes.is_whole());
    assert_eq!((p.value.sleeping, p.value.keyguard), (Some(true), Some(true)));
    assert_eq!(p.value.top().unwrap().package, "com.example.launcher");
    assert_eq!(p.value.visible("com.example.launcher"), Some(false), "the lock screen is before it");
    let p = activity::parse(b"ACTIVITY MANAGER ACTIVITIES (dumpsys activity activities)\n");
    assert_eq!((p.value.visible("com.example.app"), p.notes.is_whole()), (None, true));
    assert!(!activity::parse(b"").notes.is_whole());
}

#[test]
fn states_and_buckets_are_read() {
    let top = activity::parse_uid_state(b"2 (TOP)\n").value.unwrap();
    assert_eq!(top, UidProcessState { number: 2, name: "TOP".into() });
    assert!(top.is_top() && !top.is_gone());
    assert!(activity::parse_uid_state(b"20 (NONEXISTENT)\n").value.unwrap().is_gone());
    assert!(activity::parse_uid_state(b"4 (FOREGROUND_SERVICE)\n").value.unwrap().is_foreground_service());
    assert_eq!(activity::parse_uid_state(b"Error: unknown\n").value, None);
    assert_eq!(activity::parse_bucket(b"40\n").value, Some(StandbyBucket::Rare));
    assert_eq!(activity::parse_bucket(b"x\n").value, None);
}

#[test]
fn an_app_is_read() {
    let p = package::parse(&fixture("package-28.txt"), "com.example.app");
    assert!(p.notes.is_whole(), "{:?}", p.notes);
    let info = p.value.unwrap();
    assert_eq!((info.uid, info.version_code, info.target_sdk), (Some(10142), Some(7), Some(27)));
    assert_eq!((info.primary_abi.as_deref(), info.version_name.as_deref()), (Some("arm64-v8a"), Some("1.2")));
    assert_eq!(info.requested, ["android.permission.CAMERA", "android.permission.INTERNET"]);
    assert_eq!((info.users[0].stopped, info.users[0].not_launched), (Some(true), Some(true)));
    assert_eq!(info.granted().count(), 0);

    let p = package::parse(&fixture("package-35.txt"), "com.example.app");
    assert!(p.notes.is_whole(), "{:?}", p.notes);
    let info = p.value.unwrap();
    assert_eq!((info.uid, info.min_sdk, info.primary_abi, info.version_name), (Some(10142), Some(26), None, None));
    assert_eq!(info.flags, ["DEBUGGABLE", "HAS_CODE"]);
    assert_eq!(info.requested, ["android.permission.RECORD_AUDIO", "android.permission.READ_EXTERNAL_STORAGE"]);
    assert_eq!(info.users.len(), 2);
    assert_eq!(info.users[0].runtime_permissions[0].flags, ["USER_SET", "USER_SENSITIVE_WHEN_GRANTED"]);
    let info = package::parse(&fixture("package-35.txt"), "com.example.app").value.unwrap();
    assert_eq!(info.granted().collect::<Vec<_>>(), ["android.permission.RECORD_AUDIO"]);

    let p = package::parse(&fixture("package-35.txt"), "com.example.none");
    assert!(p.value.is_none() && p.notes.is_whole(), "it is not installed");
    let p = package::parse(b"Unable to find package: com.example.none\n", "com.example.none");
    assert!(p.value.is_none() && p.notes.cut.is_empty());
    let p = package::parse(b"Can't find service: package\n", "com.example.app");
    assert!(p.notes.refused.is_some());
    let p = package::parse(&fixture("package-28.txt")[..300], "com.example.app");
    assert_eq!(p.notes.cut, [Cut::NoLineEnd, Cut::Missing]);
}

#[test]
fn short_answers_are_read() {
    let p = props::parse_props(&fixture("props.txt"));
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    assert_eq!(p.value["persist.sys.timezone"], "Europe/Berlin");
    assert_eq!((p.value["ro.example.lines"].as_str(), p.value["ro.serialno"].as_str()), ("one\ntwo", ""));
    assert_eq!(props::parse_service_check(b"Service audio: found\n", "audio").value, Some(true));
    assert_eq!(props::parse_service_check(b"Service audio: not found\n", "audio").value, Some(false));
    assert_eq!(props::parse_service_check(b"Service audio2: found\n", "audio").value, None);
    assert_eq!(props::parse_paths(b"package:/data/app/x/base.apk\n").value, ["/data/app/x/base.apk"]);
    assert!(props::parse_paths(b"").value.is_empty());
    let p = props::parse_packages(b"package:android uid:1000\npackage:com.example.app uid:10142,1010142\nx\n");
    let uids: Vec<_> = p.value.iter().map(|l| (l.package.as_str(), l.uid)).collect();
    assert_eq!((uids, p.notes.unknown_lines), (vec![("android", Some(1000)), ("com.example.app", Some(10142))], 1));
}

#[test]
fn the_log_of_api_28_is_read() {
    let p = logcat::parse(&fixture("logcat-28.txt"), &clock());
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    let lines = &p.value.lines;
    assert_eq!(lines.len(), 9);
    assert_eq!((lines[0].when, lines[0].uid, lines[0].pid, lines[0].tid, lines[0].level), (ago(59_900), None, 1234, 1250, Level::Info));
    let said: Vec<_> = p.value.from_pids(&[1234, 500]).filter_map(logcat::said).collect();
    let expected = [
        Said::Started { pid: 4321, process: "com.example.app".into(), reason: "activity com.example.app/.MainActivity".into() },
        Said::CameraAsked { pid: 4321, package: "com.example.app".into(), camera: "0".into() },
        Said::CameraClosed { pid: 4321, camera: "0".into() },
        Said::Died { pid: 4321, process: "com.example.app".into() },
    ];
    assert_eq!(said, expected);
    let crashes = logcat::crashes(lines);
    assert_eq!(crashes.len(), 1);
    assert_eq!((crashes[0].pid, crashes[0].process.as_deref()), (4321, Some("com.example.app")));
    assert_eq!(crashes[0].first.as_deref(), Some("java.lang.IllegalStateException: it: broke"));
    let frames = ["com.example.app.MainActivity.onCreate(MainActivity.java:12)", "android.app.Activity.performCreate(Activity.java:7136)"];
    assert_eq!(crashes[0].frames, frames);
}

#[test]
fn the_log_of_api_35_is_read_with_uids_years_and_zones() {
    let p = logcat::parse(&fixture("logcat-35.txt"), &clock());
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    assert_eq!(p.value.lines[0].when, ago(59_900));
    assert_eq!(p.value.lines.iter().map(|l| l.uid.unwrap()).collect::<Vec<_>>(), [1000, 1047, 1000, 1000, 1000, 1000, 0]);
    let said: Vec<_> = p.value.from_uids(&logcat::TRUSTED).filter_map(logcat::said).collect();
    assert_eq!(said.len(), 6);
    let Said::Started { process, reason, .. } = &said[0] else { panic!("{said:?}") };
    assert_eq!((process.as_str(), reason.as_str()), ("com.example.app:remote", "service {com.example.app/com.example.app.Sync}"));
    assert_eq!(said[1], Said::CameraAsked { pid: 4321, package: "com.example.app".into(), camera: "0".into() });
    assert!(matches!(&said[2], Said::Recorder(r) if r.riid == Some(47)));
    assert_eq!(said[3], Said::NotAnswering { process: "com.example.app".into() });
    assert_eq!(said[4], Said::Killed { pid: 4321, process: "com.example.app".into(), reason: "empty #17".into() });
    assert_eq!(said[5], Said::Stopped { package: "com.example.app".into(), reason: "installPackageLI".into() });
}

#[test]
fn the_zone_of_a_line_overrules_that_of_the_guest() {
    let log = |t: &str| logcat::parse(t.as_bytes(), &clock()).value.lines;
    let east = log("2026-11-25 10:30:00.000 +0100  1  1 I t: x\n");
    let utc = log("2026-11-25 09:30:00.000  1  1 I t: x\n");
    assert_eq!((east[0].when, utc[0].when), (ago(0), ago(0)));
    assert_eq!(log("2026-11-25 00:00:00.000 -0930  1  1 I t: x\n")[0].when, ago(0));
}

/// An entry as `logcat -B` writes it.
fn entry(lid: u32, uid: u32, pid: i32, payload: &[u8]) -> Vec<u8> {
    let mut e = Vec::new();
    e.extend((payload.len() as u16).to_le_bytes());
    e.extend(28_u16.to_le_bytes());
    e.extend(pid.to_le_bytes());
    for n in [pid as u32 + 1, (NOW / 1000) as u32, 5_000_000, lid, uid] {
        e.extend(n.to_le_bytes());
    }
    e.extend(payload);
    e
}

#[test]
fn the_binary_log_knows_who_wrote() {
    let tag = b"\x04x\n11-25 09:29:00.100  1000  1234  1250 I ActivityManager\0one\ntwo\n\0";
    let bytes = [
        entry(0, 10142, 4321, tag),
        entry(2, 1000, 1234, b"\x01\x02\x03"),
        entry(3, 1000, 1234, b"\x04ActivityManager\0Process com.example.app (pid 4321) has died\0"),
    ]
    .concat();
    let p = logcat::parse_binary(&bytes);
    assert!(p.notes.is_whole() && p.notes.skipped_lines == 1, "{:?}", p.notes);
    assert_eq!(
        p.value.lines.iter().map(|l| l.text.as_str()).collect::<Vec<_>>(),
        ["one", "two", "Process com.example.app (pid 4321) has died"]
    );
    assert_eq!((p.value.lines[0].uid, p.value.lines[0].pid, p.value.lines[0].tid), (Some(10142), 4321, 4322));
    assert_eq!(p.value.lines[0].when, ago(-5));
    let said: Vec<_> = p.value.from_uids(&logcat::TRUSTED).filter_map(logcat::said).collect();
    assert_eq!(said, [Said::Died { pid: 4321, process: "com.example.app".into() }]);
    let p = logcat::parse_binary(&bytes[..bytes.len() - 1]);
    assert_eq!((p.value.lines.len(), &p.notes.cut[..]), (2, &[Cut::NoLineEnd][..]));
    assert_eq!(logcat::parse_binary(&[0xff; 9000]).notes.cut, [Cut::Malformed]);
}

#[test]
fn the_screen_is_found_by_text_and_by_id() {
    let p = ui::parse(&fixture("ui-28.xml"));
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    let s = p.value;
    assert_eq!((s.nodes.len(), s.rotation), (4, Some(0)));
    let re = Regex::new("^Go & see$").unwrap();
    let label = s.by_text(&re).next().unwrap();
    assert_eq!((label.id(), label.parent, label.center()), ("label", Some(1), (105, 300)));
    // The label takes no taps, its row does.
    assert_eq!(s.point(s.by_text(&re)), Some((540, 300)));
    let secret = s.by_id("secret").next().unwrap();
    assert!(secret.password && secret.focused && secret.clickable && secret.enabled);
    assert_eq!(s.by_text(&Regex::new("Password").unwrap()).count(), 1);
    assert_eq!(s.point(s.by_id("none")), None);

    let p = ui::parse(&fixture("ui-35.xml"));
    assert!(p.notes.is_whole() && p.value.rotation == Some(1));
    // The first has no area, the second takes no taps.
    assert_eq!(p.value.point(p.value.by_text(&Regex::new("OK").unwrap())), Some((150, 150)));
    assert_eq!(p.value.point(p.value.by_id("button1")), Some((50, 150)));
}

#[test]
fn a_screen_that_is_not_there_or_not_whole_is_told() {
    let p = ui::parse(&fixture("ui-busy.txt"));
    assert_eq!(p.notes.refused.as_deref(), Some("ERROR: could not get idle state."));
    let whole = fixture("ui-28.xml");
    let p = ui::parse(&whole[..whole.len() / 2]);
    assert!(!p.notes.is_whole() && !p.value.nodes.is_empty());
    let deep = format!("<hierarchy>{}{}</hierarchy>", "<node>".repeat(300), "</node>".repeat(300));
    let p = ui::parse(deep.as_bytes());
    assert_eq!((p.value.nodes.len(), &p.notes.cut[..]), (ui::MAX_DEPTH - 1, &[Cut::TooMany][..]));
    let wide = format!("<hierarchy>{}</hierarchy>", "<node/>".repeat(ui::MAX_NODES + 1));
    let p = ui::parse(wide.as_bytes());
    assert_eq!((p.value.nodes.len(), &p.notes.cut[..]), (ui::MAX_NODES, &[Cut::TooMany][..]));
}
