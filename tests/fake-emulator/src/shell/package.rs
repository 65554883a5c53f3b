//! The package manager.

use super::Done;
use crate::{faults::Fault, guest::Session, script::Script, world::World};

/// `pm ..`, `cmd package ..`.
pub(super) fn pm(world: &World, rest: &[&str]) -> Done {
    if world.faults.has(Fault::NoPackageManager) {
        return Done::failed(20, "cmd: Can't find service: package");
    }
    let Some((&verb, rest)) = rest.split_first() else { return Done::failed(1, "pm: no command") };
    // Options with a value, then names.
    let size = rest.iter().position(|w| *w == "-S").and_then(|at| rest.get(at + 1)).and_then(|s| s.parse::<u64>().ok());
    let skip = |n: usize| n > 0 && matches!(rest[n - 1], "-S" | "-i" | "--user" | "--abi");
    let names: Vec<&str> = rest.iter().enumerate().filter(|(n, w)| !w.starts_with('-') && !skip(*n)).map(|(_, w)| *w).collect();
    let grant = rest.contains(&"-g");
    // From API 34 on it knows the option.
    let old = rest.contains(&"--bypass-low-target-sdk-block");
    if old && world.phone().api() < 34 {
        return Done::failed(255, "Error: Unknown option --bypass-low-target-sdk-block");
    }
    match (verb, names.as_slice()) {
        ("install", [path]) => {
            let apk = world.phone().files.get(*path).map(|f| f.bytes.clone());
            match apk {
                Some(apk) => {
                    brought(world, &apk);
                    install(world, apk.len() as u64, grant, old)
                }
                None => Done { code: 1, ..Done::said("Failure [INSTALL_FAILED_INVALID_URI]\n") },
            }
        }
        ("install", []) => install(world, size.unwrap_or(0), grant, old),
        ("install-create", _) => {
            let mut phone = world.phone();
            let number = u64::from(phone.number());
            // That permissions are granted is remembered in a part that no file has.
            phone.sessions.insert(number, Session { size: 0, parts: if grant { 1 << 16 } else { 0 }, old });
            Done::said(format!("Success: created install session [{number}]\n"))
        }
        ("install-write", [session, _, from @ ..]) => {
            let mut phone = world.phone();
            let size = match from {
                ["-"] | [] => size.unwrap_or(0),
                [path, ..] => phone.files.get(*path).map_or(0, |f| f.bytes.len() as u64),
            };
            match session.parse().ok().and_then(|n: u64| phone.sessions.get_mut(&n)) {
                Some(session) => {
                    session.size += size;
                    session.parts += 1;
                    Done::said(format!("Success: streamed {size} bytes\n"))
                }
                None => Done { code: 1, ..Done::said("Failure [INSTALL_FAILED_INTERNAL_ERROR: no session]\n") },
            }
        }
        ("install-commit", [session, ..]) => {
            let session = session.parse().ok().and_then(|n: u64| world.phone().sessions.remove(&n));
            match session {
                Some(session) if session.parts & 0xffff > 0 => install(world, session.size, session.parts >> 16 > 0, session.old),
                _ => Done { code: 1, ..Done::said("Failure [INSTALL_PARSE_FAILED_NOT_APK: no parts]\n") },
            }
        }
        ("install-abandon", [session, ..]) => {
            let gone = session.parse().ok().and_then(|n: u64| world.phone().sessions.remove(&n));
            Done::said(if gone.is_some() { "Success\n" } else { "Failure\n" })
        }
        ("uninstall", [name, ..]) => {
            let gone = world.phone().packages.remove(*name).is_some();
            Done::said(if gone { "Success\n" } else { "Failure [DELETE_FAILED_INTERNAL_ERROR]\n" })
        }
        ("path", [name, ..]) => {
            if world.phone().packages.contains_key(*name) || *name == "android" {
                Done::said(format!("package:/data/app/{name}/base.apk\n"))
            } else {
                Done { code: 1, ..Done::default() }
            }
        }
        ("list", ["packages", ..]) => Done::lines(world.phone().packages.keys().map(|n| format!("package:{n}"))),
        ("list", _) => Done::default(),
        ("grant" | "revoke", [name, permission, ..]) => {
            let mut phone = world.phone();
            let Some(app) = phone.packages.get_mut(*name) else {
                return Done::failed(255, format!("java.lang.IllegalArgumentException: Unknown package: {name}"));
            };
            if verb == "grant" {
                app.granted.insert((*permission).to_owned());
            } else {
                app.granted.remove(*permission);
            }
            Done::default()
        }
        ("clear", [name, ..]) => {
            let mut phone = world.phone();
            phone.end(name);
            Done::said(if phone.packages.contains_key(*name) { "Success\n" } else { "Failed\n" })
        }
        ("resolve-activity", _) => {
            let phone = world.phone();
            let script = world.script();
            let known = names.last().is_some_and(|n| phone.packages.contains_key(*n) && *n == script.package);
            Done::said(if known {
                format!(
                    "priority=0 preferredOrder=0 match=0x108000 specificIndex=-1 isDefault=true\n{}/{}\n",
                    script.package, script.activity
                )
            } else {
                "No activity found\n".to_owned()
            })
        }
        _ => Done::failed(255, format!("Unknown command: {verb}")),
    }
}

/// The bytes of an APK have come: it may bring what the app does.
pub(crate) fn brought(world: &World, apk: &[u8]) {
    world.broken.store(Script::is_broken(apk), std::sync::atomic::Ordering::SeqCst);
    match Script::of_apk(apk) {
        Some(Ok(script)) => world.set_script(script),
        Some(Err(why)) => world.say(1, 'E', "StandIn", &why),
        None => {}
    }
}

fn install(world: &World, size: u64, grant: bool, old: bool) -> Done {
    let refuse = |code: &str| Done { code: 1, ..Done::said(format!("Failure [{code}]\n")) };
    if let Some(code) = world.faults.value(Fault::InstallFails) {
        return refuse(if code.is_empty() { "INSTALL_FAILED_INTERNAL_ERROR" } else { code });
    }
    if world.faults.has(Fault::DiskFull) {
        return refuse("INSTALL_FAILED_INSUFFICIENT_STORAGE");
    }
    if size == 0 || world.broken.load(std::sync::atomic::Ordering::SeqCst) {
        return refuse("INSTALL_PARSE_FAILED_NOT_APK: Failed to parse base.apk");
    }
    let script = world.script();
    let mut phone = world.phone();
    let least = if phone.api() >= 35 { 24 } else { 23 };
    if phone.api() >= 34 && script.target_sdk < least && !old {
        return refuse(&format!(
            "INSTALL_FAILED_DEPRECATED_SDK_VERSION: App package must target at least SDK version {least}, but found {}",
            script.target_sdk
        ));
    }
    let abis = phone.props.get("ro.product.cpu.abilist").cloned().unwrap_or_default();
    let needed = &script.abis;
    if !needed.is_empty() && !abis.split(',').any(|a| needed.iter().any(|n| n == a)) {
        return refuse("INSTALL_FAILED_NO_MATCHING_ABIS: Failed to extract native libraries, res=-113");
    }
    phone.install(&script, size, grant);
    Done::said("Success\n")
}
