//! The guest's shell, as far as a device uses it: commands one after another, no pipes.

mod activity;
mod content;
mod files;
mod firewall;
mod package;

use std::sync::Arc;

pub(crate) use self::{activity::tap, package::brought};
use crate::{dumpsys, frida, guest::Phone, keeper, world::World};

/// What a command did.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Exit code.
    pub code: u8,
}

impl Done {
    /// It worked, and says something.
    pub fn said(text: impl Into<String>) -> Self {
        Self { stdout: text.into().into_bytes(), ..Self::default() }
    }

    /// It failed.
    pub fn failed(code: u8, text: impl Into<String>) -> Self {
        Self { stderr: format!("{}\n", text.into()).into_bytes(), code, ..Self::default() }
    }

    fn lines(lines: impl IntoIterator<Item = String>) -> Self {
        Self::said(lines.into_iter().fold(String::new(), |all, l| all + &l + "\n"))
    }
}

/// Cuts a line into words: quotes and backslashes as in `sh`; `;`, `&&`, `||`, `|` and `>` are words where they are not quoted.
pub fn words(line: &str) -> Result<Vec<String>, &'static str> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("unterminated quote"),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => word.extend(chars.next()),
                        Some(c) => word.push(c),
                        None => return Err("unterminated quote"),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c if c.is_whitespace() => all.extend(word.take()),
            ';' | '&' | '|' | '>' => {
                // `2>` is one word.
                let number = c == '>' && word.as_deref() == Some("2");
                if number {
                    word = None;
                }
                all.extend(word.take());
                let mut sign = String::from(if number { "2" } else { "" });
                sign.push(c);
                while let Some(c) = chars.next_if(|n| matches!(n, '&' | '|' | '>') && c != ';') {
                    sign.push(c);
                }
                // `2>&1` needs no word after it.
                if sign == "2>&" {
                    sign.extend(chars.next());
                }
                all.push(format!("\0{sign}"));
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    Ok(all)
}

/// Runs a line.
pub async fn run(world: &Arc<World>, line: &str) -> Done {
    let words = match words(line) {
        Ok(words) => words,
        Err(why) => return Done::failed(1, format!("/system/bin/sh: syntax error: {why}")),
    };
    let mut all = Done::default();
    let mut join = String::from(";");
    let mut rest = words.as_slice();
    while !rest.is_empty() {
        let end = rest.iter().position(|w| matches!(w.as_str(), "\0;" | "\0&&" | "\0||" | "\0|")).unwrap_or(rest.len());
        let (now, after) = rest.split_at(end);
        let skip = (join == "&&" && all.code != 0) || (join == "||" && all.code == 0);
        if !skip && !now.is_empty() {
            let done = simple(world, now).await;
            all.stdout.extend(done.stdout);
            all.stderr.extend(done.stderr);
            all.code = done.code;
        }
        let Some(sign) = after.first() else { break };
        sign.trim_start_matches('\0').clone_into(&mut join);
        if join == "|" {
            return Done::failed(1, "/system/bin/sh: the stand-in has no pipes");
        }
        rest = &after[1..];
    }
    all
}

/// Runs one command with its redirections.
async fn simple(world: &Arc<World>, words: &[String]) -> Done {
    let end = words.iter().position(|w| w.starts_with('\0')).unwrap_or(words.len());
    let (words, signs) = words.split_at(end);
    let mut done = builtin(world, words).await;
    let mut signs = signs.iter();
    while let Some(sign) = signs.next() {
        match sign.as_str() {
            "\x002>&1" => {
                let stderr = std::mem::take(&mut done.stderr);
                done.stdout.extend(stderr);
            }
            "\x002>" => {
                signs.next();
                done.stderr.clear();
            }
            "\0>" | "\0>>" => {
                let Some(path) = signs.next() else { continue };
                let bytes = std::mem::take(&mut done.stdout);
                if path != "/dev/null" {
                    files::write(world, path, bytes, sign.ends_with(">>"));
                }
            }
            _ => return Done::failed(1, "/system/bin/sh: syntax error"),
        }
    }
    done
}

async fn builtin(world: &Arc<World>, words: &[String]) -> Done {
    let all: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some((&name, rest)) = all.split_first() else { return Done::default() };
    // All of these are services of the system server.
    let needs_system =
        matches!(name, "pm" | "am" | "cmd" | "content" | "dumpsys" | "settings" | "monkey" | "input" | "uiautomator" | "svc");
    if needs_system && !world.phone().system {
        return Done::failed(20, format!("{name}: Can't find service: {}", rest.first().copied().unwrap_or("package")));
    }
    match name {
        "false" => Done { code: 1, ..Done::default() },
        "exit" => Done { code: rest.first().and_then(|c| c.parse().ok()).unwrap_or(0), ..Done::default() },
        "echo" => Done::said(rest.join(" ") + "\n"),
        "sleep" => {
            world.clock.sleep(rest.first().and_then(|s| s.parse().ok()).unwrap_or(0.0)).await;
            Done::default()
        }
        "id" => Done::said(if world.phone().root { "uid=0(root) gid=0(root)\n" } else { "uid=2000(shell) gid=2000(shell)\n" }),
        "date" => date(world, rest),
        "getprop" => getprop(&world.phone(), rest),
        "setprop" => {
            if let ["persist.sys.timezone", zone] = rest {
                crate::clock::set_zone(zone);
            }
            if let [key, value] = rest {
                world.phone().props.insert((*key).to_owned(), (*value).to_owned());
            }
            Done::default()
        }
        "service" => service(world, rest),
        "settings" => settings(&mut world.phone(), rest),
        "logcat" => {
            let mut phone = world.phone();
            if rest.contains(&"-c") {
                phone.log.clear();
                return Done::default();
            }
            if rest.contains(&"-G") {
                return Done::default();
            }
            logged(&phone, rest)
        }
        "dumpsys" => dump(world, rest),
        "pm" => package::pm(world, rest),
        "cmd" => cmd(world, rest),
        "am" | "monkey" | "input" | "uiautomator" | "svc" => activity::run(world, name, rest),
        "content" => content::run(world, rest),
        "iptables" | "ip6tables" => firewall::run(world, name == "ip6tables", rest),
        "cat" if rest == ["/proc/uptime"] => Done::said(format!("{:.2} 0.00\n", world.uptime().as_secs_f64())),
        // Two processors that have nothing to do.
        "cat" if rest == ["/proc/stat"] => {
            Done::said(format!("cpu  10 0 10 {} 0 0 0 0 0 0\n", (world.uptime().as_secs_f64() * 200.0) as u64))
        }
        program if program.ends_with(&format!("/{}", keeper::NAME)) => world.keeper.start(world, program, rest),
        program if program.ends_with(&format!("/{}", frida::NAME)) => frida::once(world, program, rest),
        "ps" => processes(&world.phone(), rest),
        "cat" | "tail" | "ls" | "rm" | "mkdir" | "touch" | "stat" | "chmod" | "chown" | "chcon" | "sha256sum" | "screencap" | "mv"
        | "cp" | "find" | "tar" => files::run(world, name, rest),
        "pidof" => match rest {
            ["zygote"] => Done::said("300\n"),
            ["zygote64"] => Done::said("301\n"),
            ["system_server"] if !world.phone().system => Done { code: 1, ..Done::default() },
            ["system_server"] => Done::said(format!("{}\n", 500 + 1000 * world.phone().starts[0])),
            ["cameraserver"] => Done::said(format!("{}\n", 600 + 1000 * world.phone().starts[1])),
            ["audioserver"] => Done::said(format!("{}\n", 601 + 1000 * world.phone().starts[2])),
            [keeper::NAME] => match world.keeper.process() {
                Some(pid) => Done::said(format!("{pid}\n")),
                None => Done { code: 1, ..Done::default() },
            },
            [package] => match world.phone().packages.get(*package).and_then(|p| p.pid) {
                Some(pid) => Done::said(format!("{pid}\n")),
                None => Done { code: 1, ..Done::default() },
            },
            _ => Done { code: 1, ..Done::default() },
        },
        "nsenter" => {
            let mut phone = world.phone();
            phone.bound |= phone.root && rest.ends_with(&["--bind", "/system/etc/security/cacerts", "/apex/com.android.conscrypt/cacerts"]);
            Done::default()
        }
        // Nothing is to be done, or only a rooted guest does it.
        "true" | ":" | "mount" | "umount" | "sync" | "setenforce" | "restorecon" | "wm" | "locksettings" | "kill" => Done::default(),
        _ => Done::failed(127, format!("/system/bin/sh: {name}: inaccessible or not found")),
    }
}

/// `ps -A -o UID,PID,NAME`.
fn processes(phone: &Phone, rest: &[&str]) -> Done {
    if rest != ["-A", "-o", "UID,PID,NAME"] {
        return Done::failed(1, "ps: the stand-in wants `-A -o UID,PID,NAME`");
    }
    let system = [(0, 1, "init"), (1000, 500, "system_server")].map(|(uid, pid, name)| format!("{uid:>5} {pid:>5} {name}"));
    let apps = phone.packages.iter().filter_map(|(name, p)| Some(format!("{:>5} {:>5} {name}", p.uid, p.pid?)));
    Done::lines(["  UID   PID NAME".to_owned()].into_iter().chain(system).chain(apps))
}

/// `logcat -d`: as text, or with `-B` as the log daemon keeps it; from a time on with `-T SECONDS.MILLIS`.
fn logged(phone: &Phone, rest: &[&str]) -> Done {
    let since = rest.iter().position(|w| *w == "-T").and_then(|at| rest.get(at + 1)).and_then(|t| t.parse::<f64>().ok());
    let lines = phone.log.iter().filter(|l| since.is_none_or(|s| l.millis as f64 >= s * 1000.0));
    if rest.contains(&"-B") {
        return Done { stdout: lines.flat_map(crate::guest::LogLine::binary).collect(), ..Done::default() };
    }
    Done::lines(lines.map(crate::guest::LogLine::threadtime))
}

fn date(world: &World, rest: &[&str]) -> Done {
    let now = world.clock.millis();
    match rest {
        [] => Done::said(crate::clock::Clock::format(now, "%a %b %e %H:%M:%S UTC %Y\n")),
        [form] if form.starts_with('+') => {
            let nanos = format!("{:09}", now.rem_euclid(1000) * 1_000_000);
            let seconds = now.div_euclid(1000).to_string();
            let form = form[1..].replace("%s", &seconds).replace("%N", &nanos).replace("%3N", &nanos[..3]);
            Done::said(crate::clock::Clock::format(now, &form) + "\n")
        }
        // `date @SECONDS`, `date -s @SECONDS`: as root.
        [.., time] if time.starts_with('@') => match time[1..].parse::<i64>() {
            Ok(seconds) if world.phone().root => {
                world.clock.jump(seconds * 1000 - now);
                Done::default()
            }
            _ => Done::failed(1, "date: cannot set date: Operation not permitted"),
        },
        _ => Done::failed(1, "date: bad argument"),
    }
}

fn getprop(phone: &Phone, rest: &[&str]) -> Done {
    match rest {
        [] => Done::lines(phone.props.iter().map(|(k, v)| format!("[{k}]: [{v}]"))),
        [key, otherwise @ ..] => {
            let value = phone.props.get(*key).map(String::as_str).or(otherwise.first().copied()).unwrap_or_default();
            Done::said(format!("{value}\n"))
        }
    }
}

/// The alarm service sets the zone: the property, and all that listen to it.
fn set_zone(world: &World, zone: &str) {
    crate::clock::set_zone(zone);
    world.phone().props.insert("persist.sys.timezone".to_owned(), zone.to_owned());
    if !world.faults.has(crate::faults::Fault::AudioKeepsTheZone) {
        crate::clock::tell_zone();
    }
}

fn service(world: &World, rest: &[&str]) -> Done {
    if let ["call", "alarm", "3", "s16", zone] = rest {
        set_zone(world, zone);
        return Done::said("Result: Parcel(00000000    '....')\n");
    }
    let ["check", name] = rest else { return Done::failed(1, "service: bad arguments") };
    let known = ["package", "activity", "window", "input", "media.camera", "audio", "appops", "power", "content", "settings"];
    let phone = world.phone();
    let missing = *name == "package" && world.faults.has(crate::faults::Fault::NoPackageManager);
    let found = phone.system && known.contains(name) && !missing;
    Done::said(format!("Service {name}: {}\n", if found { "found" } else { "not found" }))
}

fn settings(phone: &mut Phone, rest: &[&str]) -> Done {
    match rest {
        ["put", space, key, value, ..] => {
            phone.settings.insert(((*space).to_owned(), (*key).to_owned()), (*value).to_owned());
            Done::default()
        }
        ["get", space, key] => {
            let value = phone.settings.get(&((*space).to_owned(), (*key).to_owned()));
            Done::said(format!("{}\n", value.map_or("null", String::as_str)))
        }
        ["delete", space, key] => {
            let gone = phone.settings.remove(&((*space).to_owned(), (*key).to_owned())).is_some();
            Done::said(format!("Deleted {} rows\n", u8::from(gone)))
        }
        _ => Done::failed(255, "settings: bad arguments"),
    }
}

fn dump(world: &World, rest: &[&str]) -> Done {
    let Some((name, rest)) = rest.split_first() else { return Done::failed(1, "dumpsys: the stand-in wants a service") };
    if *name == "battery" {
        return battery(&mut world.phone(), rest);
    }
    let rest: Vec<String> = rest.iter().map(|w| (*w).to_owned()).collect();
    match dumpsys::dumpsys(&world.phone(), name, &rest, world.clock.millis()) {
        Some(text) => Done::said(text),
        None => Done::failed(0, format!("Can't find service: {name}")),
    }
}

/// Doze. What `dumpsys deviceidle` would refuse without an exit code, this does with one.
fn deviceidle(phone: &mut Phone, rest: &[&str]) -> Done {
    match rest {
        ["enable", "deep" | "all"] => {
            phone.deep = true;
            Done::said("Deep idle mode enabled\n")
        }
        ["disable", "deep" | "all"] => {
            (phone.deep, phone.doze) = (false, false);
            Done::said("Deep idle mode disabled\n")
        }
        ["force-idle"] | ["force-idle", "deep"] if !phone.deep => Done { code: 255, ..Done::said("Unable to go deep idle; not enabled\n") },
        ["force-idle"] | ["force-idle", "deep"] => {
            phone.doze = true;
            Done::said("Now forced in to deep idle mode\n")
        }
        ["unforce"] => {
            phone.doze = false;
            Done::said("Light state: ACTIVE, deep state: ACTIVE\n")
        }
        ["get", "deep"] => Done::said(if phone.doze { "IDLE\n" } else { "ACTIVE\n" }),
        _ => Done::failed(255, "Unknown command"),
    }
}

/// `dumpsys battery ..`.
fn battery(phone: &mut Phone, rest: &[&str]) -> Done {
    match rest {
        [] => {
            let ac = !phone.unplugged;
            Done::said(format!(
                "Current Battery Service state:\n  AC powered: {ac}\n  USB powered: false\n  Wireless powered: false\n  level: 100\n"
            ))
        }
        ["unplug"] => {
            phone.unplugged = true;
            Done::default()
        }
        ["reset"] => {
            phone.unplugged = false;
            Done::default()
        }
        _ => Done::failed(255, "Unknown command"),
    }
}

fn cmd(world: &World, rest: &[&str]) -> Done {
    match rest {
        ["package", rest @ ..] => package::pm(world, rest),
        ["appops", "get", package, ..] => {
            let text = dumpsys::appops_of(&world.phone(), package, world.clock.millis());
            text.map_or_else(|| Done::failed(255, format!("Error: No UID for {package} in user 0")), Done::said)
        }
        ["appops", "set", package, op, mode] => {
            let mut phone = world.phone();
            let Some(app) = phone.packages.get_mut(*package) else {
                return Done::failed(255, format!("Error: No UID for {package} in user 0"));
            };
            app.ops.entry((*op).to_owned()).or_default().mode = Some((*mode).to_owned());
            Done::default()
        }
        ["alarm", "set-timezone", zone] if world.phone().api() >= 28 => {
            set_zone(world, zone);
            Done::default()
        }
        ["alarm", ..] => Done::failed(255, "Unknown command"),
        ["deviceidle", rest @ ..] => deviceidle(&mut world.phone(), rest),
        ["sensor_privacy" | "statusbar" | "wifi" | "connectivity" | "power" | "notification" | "locale", ..] => Done::default(),
        [name, ..] => Done::failed(20, format!("cmd: Can't find service: {name}")),
        [] => Done::failed(20, "cmd: No service specified"),
    }
}
