//! Which of the packages that are offered: pure functions of index, lock and host.

use std::collections::BTreeSet;

use crate::{
    SdkError,
    digest::Expected,
    index::{Archive, Channel, Index, Package, Revision},
    lock::{Lock, Pin, Review},
};

/// The only kind of image: with Google's APIs, and rootable. Those with Google's shop are not, and the CA cannot be installed.
pub const TAG: &str = "google_apis";

/// The host that the emulator will run on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host {
    /// As the index has it: `linux`.
    pub os: &'static str,
    /// As the index has it: `x64`, `aarch64`.
    pub arch: &'static str,
}

impl Host {
    /// This one.
    pub fn this() -> Self {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "x64",
            other => other,
        };
        Self { os: std::env::consts::OS, arch }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.os, self.arch)
    }
}

/// How far a choice was looked at by somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// Pinned, and a person compared it.
    Reviewed,
    /// Pinned with values of others.
    SecondHand,
    /// Not pinned: the index alone says what it is.
    IndexOnly,
}

impl Trust {
    /// The word for a label.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reviewed => "reviewed",
            Self::SecondHand => "second-hand",
            Self::IndexOnly => "index-only",
        }
    }
}

/// A package that will be fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chosen {
    /// Its path in the index.
    pub path: String,
    /// Its version.
    pub revision: Revision,
    /// Relative to the repository, or whole.
    pub url: String,
    /// What its bytes must be.
    pub expected: Expected,
    /// Ids of the licences that must be accepted for it: normally one.
    pub licenses: Vec<String>,
    /// Who looked at it.
    pub trust: Trust,
    /// The oldest emulator that it runs in.
    pub min_emulator: Option<Revision>,
}

impl Chosen {
    /// The archive's file name, for people.
    pub fn file(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or(&self.url)
    }
}

/// Chooses a system image: what the lock pins, else the newest stable one.
pub fn image(index: &Index, lock: &Lock, api: u32, abi: &str, host: &Host) -> Result<Chosen, SdkError> {
    if host.arch == "x64" && !matches!(abi, "x86_64" | "x86") {
        return Err(SdkError::Abi { abi: abi.to_owned(), host: host.to_string() });
    }
    let of_level = |p: &&Package| p.image.as_ref().is_some_and(|i| i.api == Some(api) && i.tag == TAG && !i.codename && !i.extension);
    let candidates: Vec<&Package> =
        index.packages.iter().filter(of_level).filter(|p| p.image.as_ref().is_some_and(|i| i.abi == abi)).collect();
    let path = format!("system-images;android-{api};{TAG};{abi}");
    // `android-37.0` is API 37 under another name.
    let pin = lock.pin(&path).or_else(|| candidates.iter().find_map(|p| lock.pin(&p.path)));
    // The index's directory for this tag; what Google serves lies there.
    let folder = format!("sys-img/{TAG}/");
    match choose(&candidates, pin, host, &folder)? {
        Some(chosen) => Ok(chosen),
        None => Err(SdkError::NoImage { api, abi: abi.to_owned(), offered: offered(index, api, abi, &path) }),
    }
}

/// Chooses a tool: `emulator`.
pub fn tool(index: &Index, lock: &Lock, path: &str, host: &Host) -> Result<Chosen, SdkError> {
    let candidates: Vec<&Package> = index.packages.iter().filter(|p| p.path == path).collect();
    choose(&candidates, lock.pin(path), host, "")?.ok_or_else(|| SdkError::NoPackage(path.to_owned()))
}

/// A pin holds for what is withdrawn too: it is still listed, and it was asked for by name.
fn choose(candidates: &[&Package], pin: Option<&Pin>, host: &Host, folder: &str) -> Result<Option<Chosen>, SdkError> {
    if let Some(pin) = pin {
        return match candidates.iter().find(|p| p.path == pin.path && p.revision == pin.revision) {
            Some(p) => {
                let archive = archive(p, host)?;
                pin.agrees(p, archive)?;
                let expected = Expected { sha256: pin.sha256, ..archive.expected.clone() };
                Ok(Some(chosen(p, archive, expected, folder, trust(pin))))
            }
            None => pinned(pin, candidates).map(Some),
        };
    }
    let offered = || candidates.iter().filter(|p| !p.obsolete);
    let Some(newest) = offered().max_by_key(|p| p.revision) else { return Ok(None) };
    let stable = offered().filter(|p| p.channel == Channel::Stable && !p.revision.is_preview()).max_by_key(|p| p.revision);
    let Some(p) = stable else {
        return Err(SdkError::OnlyPreview {
            package: newest.path.clone(),
            channel: newest.channel.word(),
            revision: newest.revision.to_string(),
        });
    };
    let archive = archive(p, host)?;
    Ok(Some(chosen(p, archive, archive.expected.clone(), folder, Trust::IndexOnly)))
}

fn trust(pin: &Pin) -> Trust {
    match pin.review {
        Review::Reviewed => Trust::Reviewed,
        Review::SecondHand => Trust::SecondHand,
    }
}

fn chosen(p: &Package, archive: &Archive, expected: Expected, folder: &str, trust: Trust) -> Chosen {
    let url = if archive.url.contains("://") { archive.url.clone() } else { format!("{folder}{}", archive.url) };
    Chosen {
        path: p.path.clone(),
        revision: p.revision,
        url,
        expected,
        licenses: p.license.clone().into_iter().collect(),
        trust,
        min_emulator: p.min_emulator,
    }
}

/// A revision that the index no longer lists, from the lock alone: vendors keep old archives longer than old entries. Its licence
/// is what the lock says and what the package has now; asking for one too many does no harm.
fn pinned(pin: &Pin, now: &[&Package]) -> Result<Chosen, SdkError> {
    let missing = |field| SdkError::IncompletePin { package: pin.path.clone(), revision: pin.revision.to_string(), field };
    let mut licenses: Vec<String> = pin.license.clone().into_iter().chain(now.iter().filter_map(|p| p.license.clone())).collect();
    licenses.sort();
    licenses.dedup();
    if licenses.is_empty() {
        return Err(missing("licence"));
    }
    Ok(Chosen {
        path: pin.path.clone(),
        revision: pin.revision,
        url: pin.url.clone(),
        expected: Expected { size: pin.size.ok_or_else(|| missing("size"))?, sha1: pin.sha1, sha256: pin.sha256 },
        licenses,
        trust: trust(pin),
        min_emulator: None,
    })
}

fn archive<'a>(p: &'a Package, host: &Host) -> Result<&'a Archive, SdkError> {
    let fits = |a: &&Archive| a.host_os.as_deref().is_none_or(|o| o == host.os) && a.host_arch.as_deref().is_none_or(|h| h == host.arch);
    p.archives.iter().find(fits).ok_or_else(|| SdkError::Host {
        package: p.path.clone(),
        revision: p.revision.to_string(),
        host: host.to_string(),
        offered: list(
            p.archives.iter().map(|a| format!("{} {}", a.host_os.as_deref().unwrap_or("any"), a.host_arch.as_deref().unwrap_or("any"))),
        ),
    })
}

/// What there is instead, for the message.
fn offered(index: &Index, api: u32, abi: &str, path: &str) -> String {
    if let Some((_, reason)) = index.skipped.iter().find(|(p, _)| p == path) {
        return format!("the index lists `{path}`, but {reason}");
    }
    let images = || {
        index
            .packages
            .iter()
            .filter(|p| !p.obsolete)
            .filter_map(|p| p.image.as_ref())
            .filter(|i| i.tag == TAG && !i.codename && !i.extension)
    };
    let levels: BTreeSet<u32> = images().filter(|i| i.abi == abi).filter_map(|i| i.api).collect();
    let abis = images().filter(|i| i.api == Some(api)).map(|i| i.abi.clone());
    format!("API levels for `{abi}`: {}; ABIs for API {api}: {}", list(levels.iter().map(u32::to_string)), list(abis))
}

fn list(things: impl Iterator<Item = String>) -> String {
    // In order of appearance, each once, and not a page full.
    let mut seen: Vec<String> = Vec::new();
    for t in things.take(1000) {
        if !seen.contains(&t) && seen.len() < 60 {
            seen.push(t);
        }
    }
    if seen.is_empty() { "none".into() } else { seen.join(", ") }
}

#[cfg(test)]
mod tests;
