//! The vendor's index of packages: `repository2-1.xml` and `sys-img2-5.xml`, as `sdkmanager` reads them.
//!
//! The form is that of AOSP's `tools/base/repository` (schemas `repo-common-01` to `-03`) and `sdklib` (`sys-img-01` to `-05`).
//! Of a package only what is needed is interpreted, and a package that makes no sense is set aside with the reason instead of
//! spoiling the others.

mod revision;
mod xml;

pub use revision::{BadRevision, Revision};
pub(crate) use xml::MAX_BYTES;

use crate::{
    digest::{Expected, Sha1Digest},
    license::License,
};

/// Packages that one index may have: Google's have a few hundred.
const MAX_PACKAGES: usize = 20_000;
const MAX_LICENSES: usize = 200;
const MAX_ARCHIVES: usize = 64;
/// Nothing that Google offers comes near.
const MAX_ARCHIVE_BYTES: u64 = 16 << 30;

/// An index that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadIndex {
    /// More than an index may have.
    #[error("it has more than {most} {what}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// It brings a document type, which could define entities.
    #[error("it has a document type; an index has none")]
    DocumentType,
    /// It names an entity that XML does not define.
    #[error("it uses an entity that XML does not define")]
    Entity,
    /// It is not well-formed.
    #[error("it is not well-formed: {0}")]
    Malformed(String),
    /// It is something else.
    #[error("its root element is `{0}`; `sdk-repository` or `sdk-sys-img` is expected")]
    Root(String),
}

/// How settled a package is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Channel {
    /// Released.
    Stable,
    /// Beta.
    Beta,
    /// Dev.
    Dev,
    /// Canary, or a channel that we do not know.
    Canary,
}

impl Channel {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Beta => "beta",
            Self::Dev => "dev",
            Self::Canary => "canary",
        }
    }

    /// From the word, else from the id that refers to it: Google's `channel-0` is `stable`.
    fn of(word_or_id: &str) -> Self {
        match word_or_id {
            "stable" | "channel-0" => Self::Stable,
            "beta" | "channel-1" => Self::Beta,
            "dev" | "channel-2" => Self::Dev,
            _ => Self::Canary,
        }
    }
}

/// A file of a package, for some hosts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Archive {
    /// `linux`, `macosx`, `windows`; none: all.
    pub host_os: Option<String>,
    /// `x64`, `aarch64`; none: all.
    pub host_arch: Option<String>,
    /// As the index has it: normally relative to the index.
    pub url: String,
    /// Size and checksum.
    pub expected: Expected,
}

/// What a system image is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageDetails {
    /// As the index has it: `34`, `36.1`, `37.0`, `33x`.
    pub api_level: String,
    /// A plain API level without a minor part: the number that `--api` takes.
    pub api: Option<u32>,
    /// A preview of an Android that is not out yet.
    pub codename: bool,
    /// An image with a newer extension SDK than its API level's own.
    pub extension: bool,
    /// `google_apis`, from the package's path: the tags in the details may be several.
    pub tag: String,
    /// `x86_64`.
    pub abi: String,
}

/// A package that is offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Package {
    /// `emulator`, `system-images;android-34;google_apis;x86_64`.
    pub path: String,
    /// Its version.
    pub revision: Revision,
    /// Id of the licence that must be accepted.
    pub license: Option<String>,
    /// How settled it is.
    pub channel: Channel,
    /// Withdrawn by its maker.
    pub obsolete: bool,
    /// For system images.
    pub image: Option<ImageDetails>,
    /// The oldest emulator that it runs in.
    pub min_emulator: Option<Revision>,
    /// Its files.
    pub archives: Vec<Archive>,
}

/// An index, or several as one.
#[derive(Clone, Default, Debug)]
pub struct Index {
    /// Packages that we may want: the emulator, system images.
    pub packages: Vec<Package>,
    /// Licences.
    pub licenses: Vec<License>,
    /// Packages that made no sense, and why.
    pub skipped: Vec<(String, String)>,
}

impl Index {
    /// Reads an index of either kind.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadIndex> {
        let root = xml::parse(bytes)?;
        if !matches!(root.name.as_str(), "sdk-repository" | "sdk-sys-img" | "repository") {
            return Err(BadIndex::Root(root.name.chars().take(40).collect()));
        }
        let channels: Vec<(&str, Channel)> =
            root.all("channel").filter_map(|c| Some((c.attribute("id")?, Channel::of(c.text.trim())))).take(16).collect();
        let mut index = Self::default();
        for l in root.all("license") {
            if index.licenses.len() == MAX_LICENSES {
                return Err(BadIndex::Limit { what: "licences", most: MAX_LICENSES });
            }
            if let Some(id) = l.attribute("id").filter(|id| plain(id)) {
                index.licenses.push(License::new(id, &l.text));
            }
        }
        for p in root.all("remotePackage") {
            let path = p.attribute("path").unwrap_or_default();
            if !(path == "emulator" || path.starts_with("system-images;")) {
                continue;
            }
            if index.packages.len() + index.skipped.len() == MAX_PACKAGES {
                return Err(BadIndex::Limit { what: "packages", most: MAX_PACKAGES });
            }
            match package(path, p, &channels) {
                Ok(package) => index.packages.push(package),
                Err(reason) => index.skipped.push((path.chars().take(120).collect(), reason)),
            }
        }
        Ok(index)
    }

    /// Adds another's packages and licences.
    pub fn merge(&mut self, other: Self) {
        self.packages.extend(other.packages);
        self.skipped.extend(other.skipped);
        for l in other.licenses {
            if !self.licenses.contains(&l) {
                self.licenses.push(l);
            }
        }
    }

    /// All texts with this id: two files of one index may have different ones, and then all are asked for.
    pub fn licenses_with(&self, id: &str) -> Vec<&License> {
        self.licenses.iter().filter(|l| l.id == id).collect()
    }
}

/// Letters, digits and `.`, `_`, `-`: what may stand in a label, a file name, a message.
pub(crate) fn plain(s: &str) -> bool {
    !s.is_empty()
        && s.len() <= 100
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && !s.starts_with('.')
}

fn package(path: &str, p: &xml::Element, channels: &[(&str, Channel)]) -> Result<Package, String> {
    if path.len() > 200 || !path.split(';').all(plain) {
        return Err("its path has strange characters".into());
    }
    let revision = p.child("revision").ok_or("it has no revision")?;
    let image =
        if path.starts_with("system-images;") { Some(image(path, p.child("type-details").ok_or("it has no details")?)?) } else { None };
    let min_emulator = p
        .child("dependencies")
        .and_then(|d| d.all("dependency").find(|d| d.attribute("path") == Some("emulator")))
        .and_then(|d| d.child("min-revision"))
        .map(revision_of)
        .transpose()?;
    let archives: Vec<Archive> = match p.child("archives") {
        Some(a) if a.children.len() > MAX_ARCHIVES => return Err(format!("it has more than {MAX_ARCHIVES} archives")),
        Some(a) => a.all("archive").map(archive).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let channel = p.child("channelRef").and_then(|c| c.attribute("ref"));
    // A package without a channel is stable (schema: the default), one with an unknown id is what its id says.
    let channel = channel.map_or(Channel::Stable, |id| channels.iter().find(|(i, _)| *i == id).map_or(Channel::of(id), |(_, c)| *c));
    let license = match p.child("uses-license") {
        None => None,
        // Not the same as none: it must be asked for.
        Some(l) => Some(l.attribute("ref").filter(|id| plain(id)).ok_or("its licence has a strange name")?.to_owned()),
    };
    Ok(Package {
        path: path.to_owned(),
        revision: revision_of(revision)?,
        license,
        channel,
        obsolete: p.attribute("obsolete") == Some("true") || p.child("obsolete").is_some(),
        image,
        min_emulator,
        archives,
    })
}

fn image(path: &str, details: &xml::Element) -> Result<ImageDetails, String> {
    let api_level = details.text_of("api-level").ok_or("it has no API level")?;
    let tag = path.split(';').nth(2).ok_or("its path has no tag")?;
    let abi = details.text_of("abi").or_else(|| path.split(';').nth(3)).ok_or("it has no ABI")?;
    if !plain(api_level) || !plain(abi) {
        return Err("its details have strange characters".into());
    }
    // `37.0` is Android 17 itself, `37.1` a later release with more API.
    let whole = api_level.strip_suffix(".0").unwrap_or(api_level);
    Ok(ImageDetails {
        api_level: api_level.to_owned(),
        api: (whole.len() <= 4 && whole.bytes().all(|b| b.is_ascii_digit())).then(|| whole.parse().ok()).flatten(),
        codename: details.text_of("codename").is_some(),
        extension: details.text_of("base-extension") == Some("false") || api_level.ends_with('x'),
        tag: tag.to_owned(),
        abi: abi.to_owned(),
    })
}

fn revision_of(r: &xml::Element) -> Result<Revision, String> {
    let part = |name: &str| match r.text_of(name) {
        None => Ok(None),
        Some(t) if t.len() <= 9 && t.bytes().all(|b| b.is_ascii_digit()) => Ok(t.parse().ok()),
        Some(_) => Err(format!("its {name} revision is no number")),
    };
    let major = part("major")?.ok_or("its revision has no major part")?;
    Ok(Revision::new(major, part("minor")?.unwrap_or(0), part("micro")?.unwrap_or(0)).preview(part("preview")?))
}

fn archive(a: &xml::Element) -> Result<Archive, String> {
    let complete = a.child("complete").ok_or("an archive has no complete file")?;
    let size = complete.text_of("size").and_then(|s| s.parse::<u64>().ok()).ok_or("an archive has no size")?;
    if size == 0 || size > MAX_ARCHIVE_BYTES {
        return Err(format!("an archive has {size} bytes"));
    }
    let checksum = complete.child("checksum").ok_or("an archive has no checksum")?;
    let kind = checksum.attribute("type").unwrap_or("sha1");
    if kind != "sha1" {
        return Err(format!(
            "an archive's checksum is of the type `{}`, and only `sha1` is known",
            kind.chars().take(20).collect::<String>()
        ));
    }
    let sha1: Sha1Digest = checksum.text.trim().parse().map_err(|e: crate::digest::BadSha1| e.to_string())?;
    let url = complete.text_of("url").ok_or("an archive has no address")?;
    if url.len() > 500 || !url.bytes().all(|b| b.is_ascii_graphic()) || !url.rsplit('/').next().is_some_and(plain) {
        return Err("an archive's address is strange".into());
    }
    Ok(Archive {
        host_os: a.text_of("host-os").map(str::to_owned),
        host_arch: a.text_of("host-arch").map(str::to_owned),
        url: url.to_owned(),
        expected: Expected { size, sha1, sha256: None },
    })
}

#[cfg(test)]
mod tests;
