//! What `dumpsys` and `cmd appops` print.

use std::fmt::Write as _;

use crate::{
    clock::{Clock, duration},
    guest::{Op, Phone},
};

/// A service's words; `None`: no such service.
pub fn dumpsys(phone: &Phone, service: &str, rest: &[String], now: i64) -> Option<String> {
    Some(match service {
        "media.camera" => camera(phone),
        "audio" => audio(phone),
        "appops" => appops(phone, now),
        "power" => {
            let state = if phone.screen {
                "Awake"
            } else if phone.doze {
                "Dozing"
            } else {
                "Asleep"
            };
            format!("POWER MANAGER (dumpsys power)\n\nPower Manager State:\n  mWakefulness={state}\n  mIsPowered=false\n")
        }
        "activity" => {
            let top = match &phone.top {
                _ if !phone.asked.is_empty() => {
                    "ActivityRecord{77aa u0 com.android.permissioncontroller/.permission.ui.GrantPermissionsActivity t7}".to_owned()
                }
                Some(package) => format!("ActivityRecord{{5f0a u0 {package}/.MainActivity t7}}"),
                None => "ActivityRecord{11aa u0 com.google.android.apps.nexuslauncher/.NexusLauncherActivity t1}".to_owned(),
            };
            format!("ACTIVITY MANAGER ACTIVITIES (dumpsys activity activities)\n  topResumedActivity={top}\n  ResumedActivity: {top}\n")
        }
        "package" => {
            let name = rest.first()?;
            let Some(package) = phone.packages.get(name) else { return Some(format!("Unable to find package: {name}\n")) };
            let runtime = package.permissions.iter().filter(|p| !p.ends_with(".INTERNET"));
            let runtime = runtime.fold(String::new(), |all, p| {
                let flags = if package.answered.contains(p) { "[ USER_SET]" } else { "[ ]" };
                all + &format!("        {p}: granted={}, flags={flags}\n", package.granted.contains(p))
            });
            let asked = package.permissions.iter().fold(String::new(), |all, p| all + &format!("      {p}\n"));
            let (version, code, target) = &package.version;
            format!(
                "Packages:\n  Package [{name}] (8d1c):\n    userId={}\n    versionCode={code} minSdk=23 targetSdk={target}\n    \
                 versionName={version}\n    requested permissions:\n{asked}    install permissions:\n      \
                 android.permission.INTERNET: granted=true\n    User 0: ceDataInode=1 installed=true hidden=false suspended=false \
                 stopped=false notLaunched=false enabled=0\n      runtime permissions:\n{runtime}",
                package.uid
            )
        }
        "sensor_privacy" => "Sensor Privacy State:\n  user 0\n    microphone: disabled\n    camera: disabled\n".to_owned(),
        "deviceidle" => format!("  mState={}\n", if phone.doze { "IDLE" } else { "ACTIVE" }),
        _ => return None,
    })
}

fn camera(phone: &Phone) -> String {
    let active = match &phone.camera {
        None => "Active Camera Clients: []".to_owned(),
        Some((id, package, pid)) => format!(
            "Active Camera Clients:\n[\n(Camera ID: {id}, Cost: 99, PID: {pid}, Score: 0, State: 2User Id: 0, \
             Client Package Name: {package}, Conflicting Client Devices: {{}})\n]"
        ),
    };
    let log = phone.camera_log.iter().map(|l| format!("{l}\n")).collect::<Vec<_>>().concat();
    format!(
        "== Service global info: ==\n\nNumber of camera devices: 2\n{active}\nAllowed user IDs: 0\n\n\
         == Camera service events log (most recent at top): ==\n{log}\n"
    )
}

fn audio(phone: &Phone) -> String {
    let active = phone.recording.as_ref().map_or_else(String::new, |(package, uid, session, silenced)| {
        format!(
            "  session:{session} -- source client=MIC, dev=1ch 44100Hz ENCODING_PCM_16BIT -- uid:{uid} -- pack:{package} -- silenced:{silenced}\n"
        )
    });
    let log = phone.audio_log.iter().map(|l| format!("{l}\n")).collect::<Vec<_>>().concat();
    format!("RecordActivityMonitor dump time: x\n{active}\nEvents log: recording activity received by AudioService\n{log}\n")
}

fn appops(phone: &Phone, now: i64) -> String {
    let mut out = String::from("Current AppOps Service state:\n");
    // By their users, as Android has them.
    let mut packages: Vec<_> = phone.packages.iter().collect();
    packages.sort_by_key(|(_, p)| p.uid);
    for (name, package) in packages {
        let state = phone.state(name).0;
        let _ = writeln!(out, "  Uid u0a{}:\n    state={state}\n    Package {name}:", package.uid - 10_000);
        for (op, Op { mode, access, reject, running }) in &package.ops {
            let _ = writeln!(out, "      {op} ({}):\n        null=[", mode.as_deref().unwrap_or("allow"));
            let time = |t: i64| {
                format!(
                    "{} ({})",
                    Clock::format_of_server(t, "%Y-%m-%d %H:%M:%S") + &format!(".{:03}", t.rem_euclid(1000)),
                    duration(t - now)
                )
            };
            if let Some((at, state, length)) = access {
                let length = if *length > 0 { format!(" duration={}", duration(*length)) } else { String::new() };
                let _ = writeln!(out, "          Access: [{}-s] {}{length}", state.trim_end_matches("-s"), time(*at));
            }
            if let Some((at, state)) = reject {
                let _ = writeln!(out, "          Reject: [{}-s]{}", state.trim_end_matches("-s"), time(*at));
            }
            out += "        ]\n";
            if let Some(since) = running {
                let _ = writeln!(out, "          Running start at: {}", duration(now - since));
            }
        }
    }
    out
}

/// `cmd appops get PACKAGE`.
pub fn appops_of(phone: &Phone, package: &str, now: i64) -> Option<String> {
    let app = phone.packages.get(package)?;
    let mut out = String::new();
    for (name, op) in &app.ops {
        let _ = write!(out, "{name}: {}", op.mode.as_deref().unwrap_or("allow"));
        if let Some((at, _, _)) = op.access {
            let _ = write!(out, "; time={} ago", duration(now - at));
        }
        if let Some((at, _)) = op.reject {
            let _ = write!(out, "; rejectTime={} ago", duration(now - at));
        }
        match (op.running, op.access) {
            (Some(_), _) => out += " (running)",
            (None, Some((_, _, length))) if length > 0 => {
                let _ = write!(out, "; duration={}", duration(length));
            }
            _ => {}
        }
        out.push('\n');
    }
    Some(if out.is_empty() { "No operations.\n".to_owned() } else { out })
}
