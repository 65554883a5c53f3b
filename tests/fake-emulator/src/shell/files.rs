//! Files in memory.

use super::Done;
use crate::{camera, guest::File, world::World};

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

/// Commands about files.
pub(super) fn run(world: &World, name: &str, rest: &[&str]) -> Done {
    let flags: Vec<&str> = rest.iter().filter(|w| w.starts_with('-')).copied().collect();
    let paths: Vec<&str> = rest.iter().filter(|w| !w.starts_with('-')).map(|p| p.trim_end_matches('/')).collect();
    let mut phone = world.phone();
    let missing = |path: &str| Done::failed(1, format!("{name}: {path}: No such file or directory"));
    match (name, paths.as_slice()) {
        ("cat", [path, ..]) => {
            phone.files.get(*path).map_or_else(|| missing(path), |f| Done { stdout: f.bytes.clone(), ..Done::default() })
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
            phone.files.entry((*path).to_owned()).or_insert(File { mode: 0o100_660, ..File::default() });
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
        // The stand-in has no users of files.
        ("chmod" | "chown", _) => Done::default(),
        ("sha256sum", _) => Done::failed(1, format!("{name}: the stand-in has none; {}", camera::mode(world, 0))),
        _ => Done::failed(1, format!("{name}: Needs 1 argument")),
    }
}
