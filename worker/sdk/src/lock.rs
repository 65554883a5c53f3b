//! The lock: which version of each package, where it is and what its bytes are, taken down by somebody.
//!
//! A build never changes the lock. What it found out about packages that are not reviewed yet it writes into a candidate beside
//! it, which a person compares, copies over and commits.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stakeout_contract::Sha256Digest;

use crate::{
    SdkError,
    digest::{Digests, Sha1Digest},
    index::{Archive, Package, Revision, plain},
};

/// The lock that this version was made with: `images/emulator/lock.json`.
pub const BUILT_IN: &str = include_str!("../../../images/emulator/lock.json");
const MAX_BYTES: usize = 1 << 20;

/// Who looked at a pin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Review {
    /// A person fetched the archive and compared it with the index.
    Reviewed,
    /// The values are from public records of others who did; `source` says which.
    SecondHand,
}

/// One package as it is pinned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// `emulator`, `system-images;android-34;google_apis;x86_64`.
    pub path: String,
    /// Its version.
    pub revision: Revision,
    /// Relative to the index that lists it.
    pub url: String,
    /// Bytes; what is missing is taken from the index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The index's checksum.
    pub sha1: Sha1Digest,
    /// Taken down by somebody who had the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256Digest>,
    /// Id of its licence, for when the index no longer lists it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Who looked at it.
    pub review: Review,
    /// Where the values are from.
    pub source: String,
}

/// All pins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// 1.
    pub format: u32,
    /// What a reader should know.
    pub about: String,
    /// The pins.
    pub packages: Vec<Pin>,
}

/// Which lock.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum LockSource {
    /// This version's own. A candidate is written into the cache.
    #[default]
    BuiltIn,
    /// A file. A candidate is written beside it.
    File(PathBuf),
}

impl LockSource {
    /// Reads it.
    pub fn load(&self) -> Result<Lock, SdkError> {
        match self {
            Self::BuiltIn => Lock::parse(BUILT_IN).map_err(|problem| SdkError::BadLock { path: "built in".into(), problem }),
            Self::File(path) => {
                let size = std::fs::metadata(path).map_err(SdkError::io("read", path))?.len();
                if size > MAX_BYTES as u64 {
                    return Err(SdkError::BadLock {
                        path: path.display().to_string(),
                        problem: format!("it has more than {MAX_BYTES} bytes"),
                    });
                }
                let text = std::fs::read_to_string(path).map_err(SdkError::io("read", path))?;
                Lock::parse(&text).map_err(|problem| SdkError::BadLock { path: path.display().to_string(), problem })
            }
        }
    }

    /// Where its candidate goes.
    pub fn candidate(&self, cache: &Path) -> PathBuf {
        match self {
            Self::BuiltIn => cache.join("lock.candidate.json"),
            Self::File(path) => path.with_extension("candidate.json"),
        }
    }
}

impl Lock {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("it has more than {MAX_BYTES} bytes"));
        }
        let lock: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if lock.format != 1 {
            return Err(format!("its format is {}, and 1 is known", lock.format));
        }
        for (i, p) in lock.packages.iter().enumerate() {
            // These become addresses, labels and folders.
            let url = p.url.strip_prefix("https://").unwrap_or(&p.url);
            if !p.path.split(';').chain(url.split('/')).chain(p.license.as_deref()).all(plain) {
                return Err(format!("the pin of `{}` has strange characters", p.path.chars().take(100).collect::<String>()));
            }
            if lock.packages[..i].iter().any(|q| q.path == p.path) {
                return Err(format!("it pins `{}` twice", p.path));
            }
        }
        Ok(lock)
    }

    /// The pin of a package.
    pub fn pin(&self, path: &str) -> Option<&Pin> {
        self.packages.iter().find(|p| p.path == path)
    }

    /// The lock with what a build found out. Pins that a person reviewed with a SHA-256 stay as they are.
    #[must_use]
    pub fn with(&self, found: Vec<Pin>) -> Self {
        let mut lock = self.clone();
        for pin in found {
            match lock.packages.iter_mut().find(|p| p.path == pin.path) {
                Some(p) if p.is_settled() => {}
                Some(p) => *p = pin,
                None => lock.packages.push(pin),
            }
        }
        lock.packages.sort_by(|a, b| a.path.cmp(&b.path));
        lock
    }

    /// As the file has it.
    pub fn to_text(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl Pin {
    /// Whether a build can add something to it.
    pub fn is_settled(&self) -> bool {
        self.review == Review::Reviewed && self.sha256.is_some() && self.size.is_some()
    }

    /// Compares with what the index says of the same revision.
    pub(crate) fn agrees(&self, package: &Package, archive: &Archive) -> Result<(), SdkError> {
        let differs = |field, lock: String, index: String| {
            Err(SdkError::LockMismatch { package: self.path.clone(), revision: package.revision.to_string(), field, lock, index })
        };
        let file = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
        if self.sha1 != archive.expected.sha1 {
            return differs("SHA-1", self.sha1.to_string(), archive.expected.sha1.to_string());
        }
        match self.size {
            Some(size) if size != archive.expected.size => return differs("size", size.to_string(), archive.expected.size.to_string()),
            _ => {}
        }
        // The lock's address is relative to the repository, the index's to the index: the file's name must be the same.
        if file(&self.url) != file(&archive.url) {
            return differs("address", self.url.clone(), archive.url.clone());
        }
        Ok(())
    }

    /// What a build found out about a package.
    pub(crate) fn candidate(chosen: &crate::choose::Chosen, found: &Digests) -> Self {
        Self {
            path: chosen.path.clone(),
            revision: chosen.revision,
            url: chosen.url.clone(),
            size: Some(chosen.expected.size),
            sha1: found.sha1,
            sha256: Some(found.sha256),
            license: if let [one] = &chosen.licenses[..] { Some(one.clone()) } else { None },
            review: Review::SecondHand,
            source: "fetched by `stakeout images build emulator`; set `review` to `reviewed` when a person has compared it".into(),
        }
    }
}

/// Writes a candidate, with what an earlier one found out about other packages. Gives its path, if there was anything to write.
pub(crate) fn write_candidate(lock: &Lock, source: &LockSource, cache: &Path, found: Vec<Pin>) -> Result<Option<PathBuf>, SdkError> {
    let found: Vec<Pin> = found.into_iter().filter(|f| !lock.pin(&f.path).is_some_and(Pin::is_settled)).collect();
    if found.is_empty() {
        return Ok(None);
    }
    let path = source.candidate(cache);
    // One that cannot be read is somebody's work: it is not written over.
    let earlier = if path.exists() { LockSource::File(path.clone()).load()?.packages } else { Vec::new() };
    // What the lock says of other bytes by now is newer than what was found of these.
    let stands = |p: &Pin| lock.pin(&p.path).is_none_or(|q| !q.is_settled() && q.revision == p.revision && q.sha1 == p.sha1);
    let earlier = earlier.into_iter().filter(|p| p.sha256.is_some() && stands(p));
    let earlier = earlier.map(|p| Pin { review: Review::SecondHand, ..p }).collect();
    let text = lock.with(earlier).with(found).to_text().map_err(|e| SdkError::io("make", &path)(e.into()))?;
    crate::fetch::write_atomically(&path, text.as_bytes())?;
    Ok(Some(path))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pin(path: &str, review: Review, sha256: Option<&[u8]>) -> Pin {
        Pin {
            path: path.into(),
            revision: Revision::new(1, 2, 3),
            url: "a.zip".into(),
            size: Some(3),
            sha1: Sha1Digest::of(b"abc"),
            sha256: sha256.map(Sha256Digest::of),
            license: None,
            review,
            source: "test".into(),
        }
    }

    #[test]
    fn the_lock_of_this_version_can_be_read_and_is_written_the_same() {
        let lock = Lock::parse(BUILT_IN).unwrap();
        assert_eq!(lock.to_text().unwrap(), BUILT_IN);
        for path in ["emulator", "system-images;android-34;google_apis;x86_64"] {
            assert!(lock.pin(path).is_some(), "{path}");
        }
    }

    #[test]
    fn a_reviewed_pin_is_not_changed_by_what_a_build_found() {
        let reviewed = pin("emulator", Review::Reviewed, Some(b"abc"));
        let lock = Lock { format: 1, about: String::new(), packages: vec![reviewed.clone(), pin("other", Review::SecondHand, None)] };
        let after = lock.with(vec![
            pin("emulator", Review::SecondHand, Some(b"x")),
            pin("other", Review::SecondHand, Some(b"y")),
            pin("new", Review::SecondHand, Some(b"z")),
        ]);
        assert_eq!(after.pin("emulator"), Some(&reviewed));
        assert_eq!(after.pin("other").unwrap().sha256, Some(Sha256Digest::of(b"y")));
        assert!(after.pin("new").is_some());
    }

    #[test]
    fn a_candidate_keeps_what_an_earlier_one_found_and_the_lock_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock.json");
        let lock = Lock { format: 1, about: String::new(), packages: vec![pin("emulator", Review::Reviewed, Some(b"abc"))] };
        std::fs::write(&path, lock.to_text().unwrap()).unwrap();
        let source = LockSource::File(path.clone());
        let none = write_candidate(&lock, &source, folder.path(), vec![pin("emulator", Review::SecondHand, Some(b"x"))]).unwrap();
        assert_eq!(none, None, "nothing new about a reviewed pin");
        for name in ["one", "two"] {
            let written = write_candidate(&lock, &source, folder.path(), vec![pin(name, Review::SecondHand, Some(b"x"))]).unwrap();
            assert_eq!(written, Some(folder.path().join("lock.candidate.json")));
        }
        let candidate = LockSource::File(folder.path().join("lock.candidate.json")).load().unwrap();
        let paths: Vec<_> = candidate.packages.iter().map(|p| p.path.as_str()).collect();
        assert_eq!(paths, ["emulator", "one", "two"]);
        assert_eq!(source.load().unwrap(), lock);
    }

    #[test]
    fn strange_locks_are_refused() {
        for bad in ["", "[]", "{\"format\":2,\"about\":\"\",\"packages\":[]}", "{\"format\":1,\"about\":\"\",\"packages\":[],\"more\":1}"] {
            assert!(Lock::parse(bad).is_err(), "{bad}");
        }
        let twice = Lock { format: 1, about: String::new(), packages: vec![pin("a", Review::Reviewed, None); 2] };
        assert!(Lock::parse(&twice.to_text().unwrap()).unwrap_err().contains("twice"));
        let with = |url: &str| Lock {
            format: 1,
            about: String::new(),
            packages: vec![Pin { url: url.into(), ..pin("a", Review::Reviewed, None) }],
        };
        for (url, good) in [
            ("x/a.zip", true),
            ("https://example.org/x/a.zip", true),
            ("../a.zip", false),
            ("http://example.org/a.zip", false),
            ("a b.zip", false),
        ] {
            assert_eq!(Lock::parse(&with(url).to_text().unwrap()).is_ok(), good, "{url}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(s in ".{0,200}") {
            let _ = Lock::parse(&s);
        }
    }
}
