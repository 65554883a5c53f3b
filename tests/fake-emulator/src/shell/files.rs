//! Files in memory.

use super::Done;
use crate::{
    camera,
    guest::{File, Phone},
    world::World,
};

/// Writes a file, or adds to it.
pub(super) fn write(world: &World, path: &str, bytes: Vec<u8>, add: bool) {
    let modified = world.clock.millis() / 1000;
    let mut phone = world.phone();
    let file = phone.files.entry(path.to_owned()).or_insert(File { mode: 0o100_660, ..File::default() });
    if !add {
        file.bytes.clear();
    }
    file.bytes.extend(bytes);
    file.modified = modified;
}

/// The last word as it was written.
fn original<'a>(rest: &[&'a str]) -> &'a str {
    rest.last().copied().unwrap_or_default()
}

fn is_file(file: &File) -> bool {
    file.mode & 0o170_000 == 0o100_000
}

/// Files directly in a folder.
fn below(phone: &Phone, folder: &str) -> Vec<(String, File)> {
    let folder = format!("{folder}/");
    let direct = |p: &&String| p.strip_prefix(&folder).is_some_and(|n| !n.contains('/'));
    phone.files.iter().filter(|(p, f)| direct(p) && is_file(f)).map(|(p, f)| (p.clone(), f.clone())).collect()
}

/// `find FOLDER.. [-path FOLDER -prune -o] -type f [-newer FILE] -print0`.
fn find(phone: &Phone, rest: &[&str]) -> Done {
    let value = |name: &str| rest.iter().position(|w| *w == name).and_then(|at| rest.get(at + 1)).copied();
    // On a phone `/sdcard` is a link, and links are not followed.
    let folders: Vec<String> = rest
        .iter()
        .take_while(|w| !w.starts_with('-'))
        .filter(|w| **w != "/sdcard")
        .map(|f| format!("{}/", f.trim_end_matches('/')))
        .collect();
    let pruned = value("-path").map(|p| format!("{p}/"));
    let newer = value("-newer").and_then(|p| phone.files.get(p)).map(|f| f.modified);
    let mut out = Vec::new();
    for (path, file) in phone.files.iter().filter(|(_, f)| is_file(f)) {
        let inside = folders.iter().any(|f| path.starts_with(f)) && pruned.as_ref().is_none_or(|p| !path.starts_with(p));
        if inside && newer.is_none_or(|n| file.modified > n) {
            out.extend(path.bytes());
            out.push(0);
        }
    }
    Done { stdout: out, ..Done::default() }
}

/// Commands about files.
pub(super) fn run(world: &World, name: &str, rest: &[&str]) -> Done {
    let flags: Vec<&str> = rest.iter().filter(|w| w.starts_with('-')).copied().collect();
    let paths: Vec<&str> = rest.iter().filter(|w| !w.starts_with('-')).map(|p| p.trim_end_matches('/')).collect();
    match name {
        "cat" | "tail" | "find" | "tar" => world.keeper.bring(world),
        "touch" => paths.iter().for_each(|p| world.keeper.changed(p, Some(&[]))),
        _ => {}
    }
    let mut phone = world.phone();
    let missing = |path: &str| Done::failed(1, format!("{name}: {path}: No such file or directory"));
    match (name, paths.as_slice()) {
        ("cat", [path, ..]) => {
            phone.files.get(*path).map_or_else(|| missing(path), |f| Done { stdout: f.bytes.clone(), ..Done::default() })
        }
        // `tail -c +N FILE`.
        ("tail", [from, path]) => {
            let from: usize = from.trim_start_matches('+').parse().unwrap_or(1);
            let rest = |f: &File| Done { stdout: f.bytes.get(from.saturating_sub(1)..).unwrap_or_default().to_vec(), ..Done::default() };
            phone.files.get(*path).map_or_else(|| missing(path), rest)
        }
        ("ls", [path, ..]) => {
            let below = format!("{path}/");
            let mut names: Vec<String> =
                phone.files.keys().filter_map(|p| p.strip_prefix(&below)).map(|r| r.split('/').next().unwrap_or(r).to_owned()).collect();
            names.dedup();
            match phone.files.get(*path) {
                Some(file) if file.mode & 0o170_000 == 0o100_000 => Done::said(format!("{path}\n")),
                None if names.is_empty() => missing(path),
                _ => Done::lines(names),
            }
        }
        ("rm", paths) => {
            for path in paths {
                let below = format!("{path}/");
                phone.files.retain(|p, _| p != path && !p.starts_with(&below));
            }
            Done::default()
        }
        ("mkdir", paths) => {
            for path in paths {
                phone.files.entry((*path).to_owned()).or_insert(File { mode: 0o040_771, ..File::default() });
            }
            Done::default()
        }
        ("touch", [.., path]) => {
            let modified = world.clock.millis() / 1000;
            phone.files.entry((*path).to_owned()).or_insert(File { mode: 0o100_660, ..File::default() }).modified = modified;
            Done::default()
        }
        ("mv", [from, to]) => match phone.files.remove(*from) {
            Some(file) => {
                phone.files.insert((*to).to_owned(), file);
                Done::default()
            }
            None => missing(from),
        },
        ("stat", [.., path]) => match phone.files.get(*path) {
            Some(file) if flags.contains(&"-c") => Done::said(format!("{}\n", file.bytes.len())),
            Some(file) => Done::said(format!("  File: {path}\n  Size: {}\n", file.bytes.len())),
            None => missing(path),
        },
        ("screencap", paths) => {
            let png = vec![0x89, b'P', b'N', b'G'];
            let Some(path) = paths.first() else { return Done { stdout: png, ..Done::default() } };
            phone.files.insert((*path).to_owned(), File { mode: 0o100_660, bytes: png, modified: 0 });
            Done::default()
        }
        ("cp", [from @ .., to]) => {
            let mut found = Vec::new();
            for from in from {
                match from.strip_suffix("/*") {
                    Some(folder) => found.extend(below(&phone, folder)),
                    None => found.extend(phone.files.get_key_value(*from).map(|(p, f)| (p.clone(), f.clone()))),
                }
            }
            if found.is_empty() {
                return missing(from.first().copied().unwrap_or_default());
            }
            let into = original(rest).ends_with('/') || phone.files.get(*to).is_some_and(|f| f.mode & 0o170_000 == 0o040_000);
            for (path, file) in found {
                let name = if into { format!("{to}/{}", path.rsplit('/').next().unwrap_or_default()) } else { (*to).to_owned() };
                phone.files.insert(name, file);
            }
            Done::default()
        }
        ("find", _) => find(&phone, rest),
        ("tar", _) => {
            let value = |name: &str| rest.iter().position(|w| *w == name).and_then(|at| rest.get(at + 1)).copied();
            let (Some(to), Some(list)) = (value("-f"), value("-T")) else { return Done::failed(1, "tar: the stand-in wants -f and -T") };
            // To API 29 names are lines.
            let end = if flags.contains(&"--null") { 0 } else { b'\n' };
            if end == 0 && phone.api() < 30 {
                return Done::failed(1, "tar: Unknown option 'null' (see \"tar --help\")");
            }
            let Some(names) = phone.files.get(list).map(|f| f.bytes.clone()) else { return missing(list) };
            if names.is_empty() {
                return Done::failed(1, "tar: empty archive");
            }
            let mut tar = tar::Builder::new(Vec::new());
            for name in names.split(|b| *b == end).filter(|n| !n.is_empty()) {
                let name = String::from_utf8_lossy(name).into_owned();
                let Some(file) = phone.files.get(&name) else { continue };
                let mut header = tar::Header::new_gnu();
                header.set_size(file.bytes.len() as u64);
                header.set_mode(0o600);
                header.set_mtime(u64::try_from(file.modified).unwrap_or(0));
                let _ = tar.append_data(&mut header, name.trim_start_matches('/'), file.bytes.as_slice());
            }
            let bytes = tar.into_inner().unwrap_or_default();
            phone.files.insert(to.to_owned(), File { mode: 0o100_600, bytes, modified: 0 });
            Done::default()
        }
        // The stand-in has no users of files.
        ("chmod" | "chown" | "chcon", _) => Done::default(),
        ("sha256sum", _) => Done::failed(1, format!("{name}: the stand-in has none; {}", camera::mode(world, 0))),
        _ => Done::failed(1, format!("{name}: Needs 1 argument")),
    }
}
