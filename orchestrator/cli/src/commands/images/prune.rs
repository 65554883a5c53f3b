//! `stakeout images prune`.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};

use serde::Serialize;
use stakeout_containers::Image;
use stakeout_sdk::labels;

use super::{
    bytes,
    host::{is_key, names, ours, tag_of},
};
use crate::{exit::Failure, output};

/// What a name says about who wants the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tag {
    /// This version's.
    Current,
    /// The digest of what it was made from: a cache.
    Key,
    /// An older version's.
    Older,
    /// A bake's, which lives as long as its image.
    Bake,
    /// Somebody's own name, or a name elsewhere.
    Named,
}

/// What the names of an image of ours say.
fn tags(kind: &str, image: &Image) -> Vec<Tag> {
    image.tags.iter().map(|t| tag_of(kind, t).map_or(Tag::Named, |t| tag(kind, t))).collect()
}

/// Whether an image of ours has this version's name, or one that somebody gave it.
pub(crate) fn current(image: &Image) -> bool {
    ours(image).is_some_and(|kind| tags(kind, image).iter().any(|t| matches!(t, Tag::Current | Tag::Named)))
}

fn tag(kind: &str, tag: &str) -> Tag {
    // `0.1.0`, and `0.1.0-api34-x86_64`.
    let version = tag.split_once("-api").map_or(tag, |(v, _)| v);
    match (number(version), number(env!("CARGO_PKG_VERSION"))) {
        _ if is_key(tag) => Tag::Key,
        _ if kind == "emulator-baked" && tag.starts_with("api") => Tag::Bake,
        (Some(this), Some(ours)) if this == ours => Tag::Current,
        (Some(this), Some(ours)) if this < ours => Tag::Older,
        _ => Tag::Named,
    }
}

/// `1.2.3`.
fn number(version: &str) -> Option<[u32; 3]> {
    let parts: Vec<u32> = version.split('.').map(|p| p.parse().ok()).collect::<Option<_>>()?;
    parts.try_into().ok()
}

/// Images that go, those first that are built on others. Pure.
fn going<'a>(images: &'a [Image], used: &BTreeSet<String>) -> Vec<&'a Image> {
    let by_id: BTreeMap<&str, &Image> = images.iter().map(|i| (i.id.as_str(), i)).collect();
    let wanted = |i: &Image| used.contains(&i.id) || current(i) || (ours(i).is_none() && !i.tags.is_empty());
    let mut stays: BTreeSet<&str> = images.iter().filter(|i| wanted(i)).map(|i| i.id.as_str()).collect();
    // A bake stays with the image that it was baked from.
    let baked =
        |i: &&Image| ours(i) == Some("emulator-baked") && i.labels.get(labels::BAKE_FROM).is_some_and(|f| stays.contains(f.as_str()));
    let baked: Vec<&str> = images.iter().filter(baked).map(|i| i.id.as_str()).collect();
    stays.extend(baked);
    // What something that stays was built on takes no room of its own, and has a name that a later build looks for.
    let mut below: Vec<&str> = stays.iter().copied().collect();
    while let Some(id) = below.pop() {
        if let Some(parent) = by_id.get(id).map(|i| i.parent.as_str())
            && stays.insert(parent)
        {
            below.push(parent);
        }
    }
    let mut out: Vec<&Image> = images.iter().filter(|i| ours(i).is_some() && !stays.contains(i.id.as_str())).collect();
    out.sort_by_key(|i| std::cmp::Reverse(depth(&by_id, i)));
    out
}

/// Images that it was built on.
fn depth(by_id: &BTreeMap<&str, &Image>, image: &Image) -> usize {
    let (mut at, mut n) = (image, 0);
    while let Some(parent) = by_id.get(at.parent.as_str()).filter(|_| n < by_id.len()) {
        (at, n) = (parent, n + 1);
    }
    n
}

/// Ids that are gone when these are: also nameless steps below them that nothing else is built on.
fn gone<'a>(images: &'a [Image], going: &[&'a Image], used: &BTreeSet<String>) -> BTreeSet<&'a str> {
    let mut gone: BTreeSet<&str> = going.iter().map(|i| i.id.as_str()).collect();
    loop {
        let alone = |i: &&Image| {
            let above = images.iter().filter(|c| c.parent == i.id);
            let (mut any, mut all) = (false, true);
            above.for_each(|c| (any, all) = (true, all && gone.contains(c.id.as_str())));
            i.tags.is_empty() && any && all && !used.contains(&i.id) && !gone.contains(i.id.as_str())
        };
        let more: Vec<&str> = images.iter().filter(alone).map(|i| i.id.as_str()).collect();
        if more.is_empty() {
            return gone;
        }
        gone.extend(more);
    }
}

/// Bytes that these images take beyond what they were built on.
fn own_bytes<'a>(images: &[Image], ids: impl Iterator<Item = &'a str>) -> u64 {
    let by_id: BTreeMap<&str, &Image> = images.iter().map(|i| (i.id.as_str(), i)).collect();
    ids.filter_map(|id| by_id.get(id)).map(|i| i.size.saturating_sub(by_id.get(i.parent.as_str()).map_or(0, |p| p.size))).sum()
}

#[derive(Serialize)]
struct Done {
    dry_run: bool,
    images: Vec<One>,
    bytes: u64,
    failed: usize,
}

#[derive(Serialize)]
struct One {
    names: Vec<String>,
    id: String,
    size_bytes: u64,
    /// Why it could not be removed.
    error: Option<String>,
}

pub(super) async fn run(dry_run: bool, json: bool) -> Result<ExitCode, Failure> {
    let engine = crate::commands::engine().await?;
    let images = engine.images().await.map_err(Failure::other)?;
    let used = engine.images_in_use().await.map_err(Failure::other)?;
    let going = going(&images, &used);
    let mut done = Done { dry_run, images: Vec::new(), bytes: 0, failed: 0 };
    let mut removed = BTreeSet::new();
    for image in &going {
        let names: Vec<String> = ours(image).map(|k| names(k, image)).unwrap_or_default().into_iter().map(str::to_owned).collect();
        let mut error = None;
        for name in names.iter().filter(|_| !dry_run) {
            match engine.remove_image(name).await {
                Ok(ids) => removed.extend(ids),
                Err(e) => error = Some(stakeout_agent::chain(&e).replace('\n', " ")),
            }
        }
        if !json {
            let verb = if dry_run { "would remove" } else { "removed" };
            let names = output::plain(&names.join(" "));
            match &error {
                None => output::line(&format!("{verb} {names} ({})", bytes(image.size)))?,
                Some(e) => say!("warning: `{names}` stays: {}", output::plain(e)),
            }
        }
        done.failed += usize::from(error.is_some());
        done.images.push(One { names, id: image.id.clone(), size_bytes: image.size, error });
    }
    done.bytes = if dry_run {
        own_bytes(&images, gone(&images, &going, &used).into_iter())
    } else {
        own_bytes(&images, removed.iter().map(String::as_str))
    };
    if json {
        output::json(&done)?;
    } else {
        let n = done.images.len() - done.failed;
        output::line(&format!("{n} images, {} {}", bytes(done.bytes), if dry_run { "would be freed" } else { "freed" }))?;
    }
    Ok(ExitCode::from(u8::from(done.failed > 0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::images::host::tests::image;

    const THIS: &str = env!("CARGO_PKG_VERSION");

    fn sized(image: Image, size: u64) -> Image {
        Image { size, ..image }
    }

    fn ids<'a>(images: &[&'a Image]) -> Vec<&'a str> {
        images.iter().map(|i| i.id.as_str()).collect()
    }

    #[test]
    fn a_name_says_who_wants_the_image() {
        for (kind, name, says) in [
            ("jvm", THIS.to_owned(), Tag::Current),
            ("emulator", format!("{THIS}-api34-x86_64"), Tag::Current),
            ("jvm", "0.0.9".into(), Tag::Older),
            ("emulator", "0.0.9-api28-x86_64".into(), Tag::Older),
            ("jvm", "99.0.0".into(), Tag::Named),
            ("jvm", "0123456789abcdef".into(), Tag::Key),
            ("jvm", "mine".into(), Tag::Named),
            ("jvm", "0.1".into(), Tag::Named),
            ("emulator-baked", "api34-x86_64-0123456789abcdef-0123456789ab".into(), Tag::Bake),
        ] {
            assert_eq!(tag(kind, &name), says, "{kind}:{name}");
        }
    }

    #[test]
    fn only_old_images_of_ours_that_nobody_uses_go() {
        let current = format!("stakeout/jvm:{THIS}");
        let images = [
            image("base", "", "base", &["stakeout/base:00000000000000aa"]),
            image("java", "base", "java", &["stakeout/java:00000000000000ab"]),
            image("new", "java", "jvm", &[&current, "stakeout/jvm:00000000000000ac"]),
            image("old", "base", "jvm", &["stakeout/jvm:00000000000000ad"]),
            image("used", "base", "jvm", &["stakeout/jvm:00000000000000ae"]),
            image("mine", "base", "jvm", &["stakeout/jvm:00000000000000af", "stakeout/jvm:mine"]),
            image("elsewhere", "base", "jvm", &["stakeout/jvm:00000000000000a0", "lab/jvm:1"]),
            image("below-a-stranger", "base", "gateway", &["stakeout/gateway:00000000000000a1"]),
            image("stranger", "below-a-stranger", "gateway", &["lab/own:1"]),
            image("nameless", "base", "jvm", &[]),
            image("no-label", "", "", &["stakeout/debian:00000000000000a2"]),
            image("older", "base", "analysis", &["stakeout/analysis:0.0.1"]),
        ];
        assert_eq!(ids(&going(&images, &["used".to_owned()].into())), ["old", "older"]);
        assert_eq!(ids(&going(&[], &BTreeSet::new())), Vec::<&str>::new());
    }

    #[test]
    fn a_bake_lives_as_long_as_its_image_and_goes_before_it() {
        let bake = |id: &str, from: &str| {
            let mut i = image(id, from, "emulator-baked", &[&format!("stakeout/emulator-baked:api34-x86_64-{id}")]);
            i.labels.insert(labels::BAKE_FROM.into(), from.into());
            i
        };
        let images = [
            image("old", "sdk", "emulator", &["stakeout/emulator:00000000000000aa"]),
            image("new", "sdk", "emulator", &[&format!("stakeout/emulator:{THIS}-api34-x86_64")]),
            image("sdk", "", "emulator-sdk", &["stakeout/emulator-sdk:00000000000000ab"]),
            bake("of-the-old", "old"),
            bake("of-the-new", "new"),
            bake("of-one-that-is-gone", "gone"),
        ];
        assert_eq!(ids(&going(&images, &BTreeSet::new())), ["of-the-old", "old", "of-one-that-is-gone"]);
    }

    #[test]
    fn what_is_freed_is_what_nothing_else_is_built_on() {
        let key = |n: u8| format!("stakeout/jvm:00000000000000{n:02x}");
        let images = [
            sized(image("base", "", "base", &[&format!("stakeout/base:{THIS}")]), 100),
            sized(image("step", "base", "", &[]), 300),
            sized(image("a", "step", "jvm", &[&key(1)]), 310),
            sized(image("b", "step", "jvm", &[&key(2)]), 350),
            sized(image("other-step", "base", "", &[]), 1100),
            sized(image("c", "other-step", "jvm", &[&key(3)]), 1110),
        ];
        let freed = |used: &[&str]| {
            let used = used.iter().map(|u| (*u).to_owned()).collect();
            let going = going(&images, &used);
            own_bytes(&images, gone(&images, &going, &used).into_iter())
        };
        assert_eq!(freed(&[]), (10 + 50 + 200) + (10 + 1000));
        assert_eq!(freed(&["b"]), 10 + (10 + 1000), "the step below stays for the other");
    }

    #[test]
    fn parents_that_go_round_end() {
        let images =
            [image("a", "b", "jvm", &["stakeout/jvm:00000000000000aa"]), image("b", "a", "jvm", &["stakeout/jvm:00000000000000ab"])];
        assert_eq!(going(&images, &BTreeSet::new()).len(), 2);
    }
}
