//! `content`: rows of providers.

use super::Done;
use crate::{
    guest::{Phone, Row},
    world::World,
};

/// Pictures.
const IMAGES: &str = "content://media/external/images/media";

/// All files of the shared storage, as the media provider lists them.
fn media(phone: &Phone) -> Vec<Row> {
    let shared = phone.files.keys().filter_map(|p| Some((p, p.strip_prefix("/sdcard/")?)));
    let row = |(n, (path, rest)): (usize, (&String, &str))| {
        let owner = phone.made.get(path).map_or("NULL", String::as_str);
        let cells =
            [("_id", (n + 1).to_string()), ("_data", format!("/storage/emulated/0/{rest}")), ("owner_package_name", owner.to_owned())];
        cells.map(|(k, v)| (k.to_owned(), v)).to_vec()
    };
    shared.enumerate().map(row).collect()
}

/// The media scanner has pictures only, by their paths.
fn scanned(phone: &mut Phone, pictures: Vec<String>) {
    let row = |(n, path): (usize, String)| vec![("_id".to_owned(), (n + 1).to_string()), ("_data".to_owned(), path)];
    phone.providers.insert(IMAGES.to_owned(), pictures.into_iter().enumerate().map(row).collect());
}

/// A file that the scanner is told of, if it is there.
pub(super) fn scan(phone: &mut Phone, address: &str) {
    let Some(rest) = address.strip_prefix("file:///storage/emulated/0/") else { return };
    let known = phone.providers.get(IMAGES).into_iter().flatten().flatten().filter(|(k, _)| k == "_data").map(|(_, v)| v.clone());
    let mut all: Vec<String> = known.collect();
    let path = format!("/sdcard/{rest}");
    if phone.files.contains_key(&path) && !all.contains(&path) {
        all.push(path);
    }
    scanned(phone, all);
}

/// `content insert|query|delete|call ..`.
pub(super) fn run(world: &World, rest: &[&str]) -> Done {
    let Some((&verb, rest)) = rest.split_first() else { return Done::failed(1, "[ERROR] no command") };
    let value = |name: &str| rest.iter().position(|w| *w == name).and_then(|at| rest.get(at + 1)).copied();
    let Some(uri) = value("--uri").filter(|u| u.starts_with("content://")) else {
        return Done::failed(1, "[ERROR] Value cannot be null or empty for --uri");
    };
    let mut phone = world.phone();
    match verb {
        "insert" => {
            let binds = rest.iter().enumerate().filter(|(_, w)| **w == "--bind").filter_map(|(n, _)| rest.get(n + 1));
            let id = phone.providers.get(uri).map_or(1, |rows| rows.len() + 1);
            let mut row = vec![("_id".to_owned(), id.to_string())];
            for bind in binds {
                let mut parts = bind.splitn(3, ':');
                let (Some(key), Some(kind), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
                    return Done::failed(1, format!("[ERROR] Binding not well formed: {bind}"));
                };
                if !matches!(kind, "b" | "s" | "i" | "l" | "f" | "d" | "n") {
                    return Done::failed(1, format!("[ERROR] Unsupported type: {kind}"));
                }
                if matches!(kind, "i" | "l") && value.parse::<i64>().is_err() {
                    return Done::failed(1, format!("java.lang.NumberFormatException: {value}"));
                }
                row.push((key.to_owned(), value.to_owned()));
            }
            phone.providers.entry(uri.to_owned()).or_default().push(row);
            Done::default()
        }
        "query" => {
            let rows = match uri {
                "content://media/external/file" => media(&phone),
                _ => phone.providers.get(uri).cloned().unwrap_or_default(),
            };
            if rows.is_empty() {
                return Done::said("No result found.\n");
            }
            let wanted: Option<Vec<&str>> = value("--projection").map(|p| p.split(':').collect());
            Done::lines(rows.iter().enumerate().map(|(n, row)| {
                let cell = |(k, v): &(String, String)| format!("{k}={v}");
                let cells: Vec<String> = match &wanted {
                    None => row.iter().map(cell).collect(),
                    Some(keys) => keys
                        .iter()
                        .map(|k| format!("{k}={}", row.iter().find(|(r, _)| r == k).map_or("NULL", |(_, v)| v.as_str())))
                        .collect(),
                };
                format!("Row: {n} {}", cells.join(", "))
            }))
        }
        "delete" => {
            phone.providers.remove(uri);
            Done::default()
        }
        "call" => {
            // It is of API 30 on; an older provider answers nothing and does nothing.
            if value("--method") != Some("scan_volume") || phone.api() < 30 {
                return Done::said("Result: null\n");
            }
            let pictures = phone.files.keys().filter(|p| p.starts_with("/sdcard/DCIM/")).cloned().collect();
            scanned(&mut phone, pictures);
            Done::said("Result: Bundle[{}]\n")
        }
        _ => Done::failed(1, format!("[ERROR] Unsupported operation: {verb}")),
    }
}
