//! `stakeout images list`.

use std::{collections::BTreeSet, process::ExitCode};

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use serde::Serialize;
use stakeout_containers::Image;
use stakeout_sdk::{host::Cpu, labels};

use super::{
    bytes,
    host::{KINDS, baked_for, fits, names, ours},
    prune::current,
};
use crate::{exit::Failure, output};

#[derive(Serialize)]
struct Row {
    image: &'static str,
    names: Vec<String>,
    id: String,
    size_bytes: u64,
    created_unix: i64,
    api: Option<u32>,
    abi: Option<String>,
    /// The class of hosts that a bake is for.
    host_class: Option<String>,
    /// The same for people.
    host: Option<String>,
    /// A bake: whether this host can load it. An emulator: whether there is a bake that this host can load.
    fits_this_host: Option<bool>,
    /// It has this version's name, or one that somebody gave it.
    current: bool,
    in_use: bool,
}

pub(super) async fn run(json: bool) -> Result<ExitCode, Failure> {
    let engine = crate::commands::engine().await?;
    let images = engine.images().await.map_err(Failure::other)?;
    let used = engine.images_in_use().await.map_err(Failure::other)?;
    let rows = rows(&images, &used, Cpu::this().as_ref());
    if json {
        output::json(&rows)?;
    } else if rows.is_empty() {
        output::line("no image of this project is on this host; `make images` and `stakeout images build emulator` build them")?;
    } else {
        output::line(&table(&rows).to_string())?;
        let old = rows.iter().filter(|r| !r.current).count();
        if old > 0 {
            output::line(&format!("{old} more or less old: `stakeout images prune` removes those that nothing uses"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(images: &[Image], used: &BTreeSet<String>, cpu: Option<&Cpu>) -> Vec<Row> {
    let mut out: Vec<Row> = images
        .iter()
        .filter_map(|i| {
            let kind = ours(i)?;
            let label = |l: &str| i.labels.get(l).cloned();
            // `emulator-sdk` has the labels too, and nothing is baked from it.
            let emulator = kind.starts_with("emulator");
            Some(Row {
                image: kind,
                names: names(kind, i).into_iter().map(str::to_owned).collect(),
                id: i.id.clone(),
                size_bytes: i.size,
                created_unix: i.created,
                api: label(labels::API).filter(|_| emulator).and_then(|a| a.parse().ok()),
                abi: label(labels::ABI).filter(|_| emulator),
                host_class: label(labels::BAKE_CLASS),
                host: label(labels::BAKE_HOST),
                fits_this_host: if kind == "emulator" { Some(baked_for(images, i, cpu).is_some()) } else { fits(i, cpu) },
                current: current(i)
                    || (kind == "emulator-baked" && images.iter().any(|e| label(labels::BAKE_FROM).as_ref() == Some(&e.id))),
                in_use: used.contains(&i.id),
            })
        })
        .collect();
    let order = |r: &Row| KINDS.iter().position(|k| *k == r.image);
    out.sort_by(|a, b| order(a).cmp(&order(b)).then(b.current.cmp(&a.current)).then(b.created_unix.cmp(&a.created_unix)));
    out
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY);
    table.set_header(["name", "id", "size", "API", "for hosts of class", "this host", ""]);
    for r in rows {
        let fits = match (r.image, r.fits_this_host) {
            ("emulator", Some(true)) => "baked",
            ("emulator", Some(false)) => "boots cold",
            (_, Some(true)) => "fits",
            (_, Some(false)) => "does not fit",
            (_, None) => "",
        };
        let state = match (r.current, r.in_use) {
            (true, false) => "",
            (true, true) => "in use",
            (false, false) => "old",
            (false, true) => "old, in use",
        };
        let id = r.id.strip_prefix("sha256:").unwrap_or(&r.id);
        table.add_row([
            output::plain(r.names.first().map_or("", String::as_str)),
            output::plain(&id.chars().take(12).collect::<String>()),
            bytes(r.size_bytes),
            r.api.map(|a| a.to_string()).unwrap_or_default(),
            output::plain(r.host_class.as_deref().unwrap_or_default()),
            fits.to_owned(),
            state.to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::images::host::tests::image;

    #[test]
    fn images_are_listed_by_kind_the_current_ones_first_and_strangers_not_at_all() {
        let current = concat!("stakeout/jvm:", env!("CARGO_PKG_VERSION"));
        let mut emulator = image("sha256:e", "", "emulator", &["stakeout/emulator:0123456789abcdef"]);
        emulator.labels.insert(labels::API.into(), "34".into());
        let images = [
            emulator,
            image("sha256:1", "", "jvm", &["stakeout/jvm:0123456789abcdef"]),
            image("sha256:2", "", "jvm", &[current, "stakeout/jvm:fedcba9876543210"]),
            image("sha256:3", "", "gateway", &["stakeout/gateway:mine"]),
            image("sha256:4", "", "base", &["stakeout-test/x:1"]),
        ];
        let rows = rows(&images, &["sha256:1".to_owned()].into(), None);
        let seen: Vec<_> = rows.iter().map(|r| (r.id.as_str(), r.current, r.in_use)).collect();
        assert_eq!(seen, [("sha256:3", true, false), ("sha256:2", true, false), ("sha256:1", false, true), ("sha256:e", false, false)]);
        assert_eq!((rows[3].api, rows[3].fits_this_host), (Some(34), Some(false)));
        let said = table(&rows).to_string();
        assert!(said.contains("boots cold") && said.contains("old, in use") && said.contains(current), "{said}");
    }
}
