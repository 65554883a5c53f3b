//! Activities, input and the screen.

use std::sync::Arc;

use super::{Done, content, files};
use crate::{
    faults::Fault,
    script::{Button, On},
    world::World,
};

/// `am`, `monkey`, `input`, `uiautomator`, `svc`.
pub(super) fn run(world: &Arc<World>, name: &str, rest: &[&str]) -> Done {
    match name {
        "am" => am(world, rest),
        "monkey" => {
            let package = rest.iter().position(|w| *w == "-p").and_then(|at| rest.get(at + 1));
            if package.is_some_and(|p| world.launch(p)) {
                Done::said("Events injected: 1\n")
            } else {
                Done { code: 252, ..Done::said("** No activities found to run, monkey aborted.\n") }
            }
        }
        "input" => input(world, rest),
        "uiautomator" => dump(world, rest),
        _ => Done::default(),
    }
}

fn am(world: &Arc<World>, rest: &[&str]) -> Done {
    match rest {
        ["start" | "start-activity", rest @ ..] => {
            if rest.contains(&"android.intent.category.HOME") {
                world.home();
                return Done::said("Starting: Intent { act=android.intent.action.MAIN cat=[android.intent.category.HOME] }\n");
            }
            let at = rest.iter().position(|w| *w == "-n").and_then(|at| rest.get(at + 1)).or(rest.last());
            let component = at.copied().unwrap_or_default();
            let package = component.split('/').next().unwrap_or_default();
            if world.launch(package) {
                return Done::said(format!("Starting: Intent {{ cmp={component} }}\nStatus: ok\nActivity: {component}\nComplete\n"));
            }
            Done {
                code: 1,
                ..Done::said(format!(
                    "Starting: Intent {{ cmp={component} }}\nError type 3\nError: Activity class {{{component}}} does not exist.\n"
                ))
            }
        }
        ["force-stop" | "kill", package, ..] => {
            world.phone().end(package);
            Done::default()
        }
        ["get-uid-state", uid] => {
            let phone = world.phone();
            let package = phone.packages.iter().find(|(_, p)| p.uid.to_string() == *uid).map(|(n, _)| n.clone());
            Done::said(format!("{}\n", package.map_or("-1 (NONEXISTENT)", |p| phone.state(&p).1)))
        }
        ["set-standby-bucket", package, bucket] => {
            let numbers = [("active", 10), ("working_set", 20), ("frequent", 30), ("rare", 40), ("restricted", 45)];
            let Some((_, number)) = numbers.iter().find(|(name, _)| name == bucket) else {
                return Done::failed(255, format!("Error: Unknown bucket: {bucket}"));
            };
            if let Some(app) = world.phone().packages.get_mut(*package) {
                app.bucket = Some(*number);
            }
            Done::default()
        }
        ["get-standby-bucket", package] => {
            Done::said(format!("{}\n", world.phone().packages.get(*package).and_then(|p| p.bucket).unwrap_or(10)))
        }
        ["get-current-user"] => Done::said("0\n"),
        ["broadcast", "-a", "android.intent.action.MEDIA_SCANNER_SCAN_FILE", "-d", address] => {
            content::scan(&mut world.phone(), address);
            Done::said("Broadcast completed: result=0\n")
        }
        ["broadcast", ..] => Done::said("Broadcast completed: result=0\n"),
        _ => Done::failed(255, "am: unknown command"),
    }
}

fn input(world: &Arc<World>, rest: &[&str]) -> Done {
    let rest = rest.strip_prefix(&["keyboard"]).or_else(|| rest.strip_prefix(&["touchscreen"])).unwrap_or(rest);
    world.phone().input.push(rest.join(" "));
    match rest {
        ["keyevent", keys @ ..] => {
            for key in keys {
                let on = world.phone().screen;
                let ignored = world.faults.has(Fault::KeyeventIgnored);
                match *key {
                    "26" | "223" | "224" if ignored => {}
                    "3" | "KEYCODE_HOME" | "HOME" => world.home(),
                    "26" | "KEYCODE_POWER" | "POWER" => world.screen(!on),
                    "223" | "KEYCODE_SLEEP" | "SLEEP" => world.screen(false),
                    "224" | "KEYCODE_WAKEUP" | "WAKEUP" => world.screen(true),
                    _ => {}
                }
            }
            Done::default()
        }
        ["tap", x, y] => {
            let (Ok(x), Ok(y)) = (x.parse::<f64>(), y.parse::<f64>()) else { return Done::failed(255, "Error: Invalid arguments") };
            tap(world, x, y);
            Done::default()
        }
        ["text" | "swipe" | "roll" | "press", ..] => Done::default(),
        _ => Done::failed(255, "Error: Unknown command"),
    }
}

/// A touch: it answers the question that is on the screen, by where its buttons are in [`screen`].
pub(crate) fn tap(world: &World, _x: f64, y: f64) {
    let script = world.script();
    let mut phone = world.phone();
    let Some((package, permission)) = phone.asked.front().cloned() else {
        if phone.top.as_deref() == Some(script.package.as_str()) && y >= 300.0 {
            let (place, below) = (((y - 300.0) / 100.0) as usize, (y - 300.0) % 100.0);
            if let Some(button) = script.buttons.get(place).filter(|_| below < 90.0) {
                let _ = world.events.send(On::Tap { tap: button.text().to_owned() });
            }
        }
        return;
    };
    let allow = (1500.0..1600.0).contains(&y);
    if (1500.0..1700.0).contains(&y) {
        phone.asked.pop_front();
        if let Some(app) = phone.packages.get_mut(&package) {
            app.answered.insert(permission.clone());
            if allow {
                app.granted.insert(permission);
            }
        }
    }
}

fn node(text: &str, id: &str, package: &str, top: u32) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    format!(
        "<node index=\"0\" text=\"{text}\" resource-id=\"{id}\" class=\"android.widget.Button\" package=\"{package}\" content-desc=\"\" \
         checkable=\"false\" checked=\"false\" clickable=\"true\" enabled=\"true\" focusable=\"true\" focused=\"false\" scrollable=\"false\" \
         long-clickable=\"false\" password=\"false\" selected=\"false\" bounds=\"[100,{top}][980,{}]\" />",
        top + 90
    )
}

/// What is on the screen.
fn screen(world: &World) -> String {
    let phone = world.phone();
    let mut nodes = String::new();
    let mut package = "com.google.android.apps.nexuslauncher".to_owned();
    if !phone.asked.is_empty() {
        "com.google.android.permissioncontroller".clone_into(&mut package);
        let id = |n: &str| format!("com.android.permissioncontroller:id/permission_{n}_button");
        let permission = phone.asked.front().map_or("", |a| a.1.as_str());
        let about = match permission.rsplit('.').next().unwrap_or_default() {
            "CAMERA" => "take pictures and record video",
            "RECORD_AUDIO" => "record audio",
            "READ_CONTACTS" => "access your contacts",
            "READ_CALL_LOG" => "access your phone call logs",
            "READ_MEDIA_IMAGES" => "access photos and videos on this device",
            "ACCESS_BACKGROUND_LOCATION" => "access this device\u{2019}s location all the time",
            _ => "do something",
        };
        nodes += &node(&format!("Allow the app to {about}?"), "com.android.permissioncontroller:id/permission_message", &package, 1300);
        let (yes, no) = match permission.rsplit('.').next().unwrap_or_default() {
            "READ_MEDIA_IMAGES" if phone.api() >= 34 => {
                nodes += &node("Select photos and videos", &id("allow_selected"), &package, 1400);
                (("Allow all", "allow_all"), ("Don\u{2019}t allow", "deny"))
            }
            // More of what the app has.
            "ACCESS_BACKGROUND_LOCATION" => {
                (("Allow all the time", "allow_always"), ("Keep \u{201c}While the app is in use\u{201d}", "no_upgrade"))
            }
            _ => (("While using the app", "allow_foreground_only"), ("Don\u{2019}t allow", "deny")),
        };
        nodes += &node(yes.0, &id(yes.1), &package, 1500);
        nodes += &node(no.0, &id(no.1), &package, 1600);
    } else if let Some(top) = &phone.top {
        package.clone_from(top);
        for (n, button) in world.script().buttons.iter().enumerate() {
            let id = match button {
                Button::Text(_) => format!("button{n}"),
                Button::Named { id, .. } => id.clone(),
            };
            nodes += &node(button.text(), &format!("{top}:id/{id}"), top, 300 + 100 * n as u32);
        }
    }
    format!(
        "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><hierarchy rotation=\"0\"><node index=\"0\" text=\"\" resource-id=\"\" \
         class=\"android.widget.FrameLayout\" package=\"{package}\" content-desc=\"\" bounds=\"[0,0][1080,2400]\">{nodes}</node></hierarchy>"
    )
}

fn dump(world: &World, rest: &[&str]) -> Done {
    let ["dump", rest @ ..] = rest else { return Done::failed(1, "Usage: uiautomator <subcommand> [options]") };
    if !world.phone().screen {
        return Done::failed(0, "ERROR: null root node returned by UiTestAutomationBridge.");
    }
    let xml = screen(world);
    match rest.iter().find(|w| !w.starts_with('-')) {
        Some(&"/dev/tty") => Done::said(format!("{xml}UI hierchary dumped to: /dev/tty\n")),
        path => {
            let path = path.copied().unwrap_or("/sdcard/window_dump.xml");
            files::write(world, path, xml.into_bytes(), false);
            Done::said(format!("UI hierchary dumped to: {path}\n"))
        }
    }
}
