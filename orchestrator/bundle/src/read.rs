//! Reading a bundle that a stranger gave.

use std::{collections::HashMap, fs::File, io::Read, path::Path};

use crate::{
    BundleError, broken,
    layout::{self, Entry},
};

/// Largest bundle that is read, bytes.
pub(crate) const BUNDLE_MAX: u64 = 2 << 30;
/// Largest entry, unpacked.
pub(crate) const ENTRY_MAX: u64 = 1 << 30;
/// All entries together, unpacked.
pub(crate) const UNPACKED_MAX: u64 = 8 << 30;

/// An opened bundle. Its directory has been checked, its entries not yet: see [`crate::verify::verify`].
#[derive(Debug)]
pub struct Bundle {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Where each is in `entries`: there may be tens of thousands, each looked for.
    places: HashMap<String, usize>,
}

impl Bundle {
    /// Reads a file.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let failed = |source| BundleError::File { path: path.display().to_string(), doing: "read", source };
        let file = File::open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() {
            return Err(broken(format!("`{}` is no file", path.display())));
        }
        if meta.len() > BUNDLE_MAX {
            return Err(BundleError::Limit { what: format!("{} bytes; at most {BUNDLE_MAX} are read", meta.len()) });
        }
        let mut bytes = Vec::with_capacity(meta.len() as usize);
        file.take(BUNDLE_MAX).read_to_end(&mut bytes).map_err(failed)?;
        Self::parse(bytes)
    }

    /// From bytes.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, BundleError> {
        let entries = layout::read(&bytes)?;
        let total = entries.iter().try_fold(0u64, |sum, e| sum.checked_add(e.size)).unwrap_or(u64::MAX);
        if total > UNPACKED_MAX {
            return Err(BundleError::Limit { what: format!("{total} bytes unpacked; at most {UNPACKED_MAX} are read") });
        }
        let places = entries.iter().enumerate().map(|(n, e)| (e.name.clone(), n)).collect();
        Ok(Self { bytes, entries, places })
    }

    /// Names of its entries, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|e| e.name.as_str())
    }

    /// Whether it holds an entry.
    pub fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// An entry's bytes.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, BundleError> {
        let e = self.places.get(name).and_then(|n| self.entries.get(*n)).ok_or_else(|| broken(format!("entry `{name}` is missing")))?;
        if e.size > ENTRY_MAX {
            return Err(BundleError::Limit { what: format!("entry `{name}` has {} bytes; at most {ENTRY_MAX} are read", e.size) });
        }
        let stored = &self.bytes[e.data..e.data + e.stored];
        let mut out = Vec::new();
        if e.method == 0 {
            out.extend_from_slice(stored);
        } else {
            // One byte more than announced is enough to know that it lies.
            let mut decoder = flate2::bufread::DeflateDecoder::new(stored);
            let read = (&mut decoder).take(e.size + 1).read_to_end(&mut out);
            read.map_err(|_| broken(format!("entry `{name}` cannot be unpacked")))?;
            if decoder.total_in() != stored.len() as u64 {
                return Err(broken(format!("entry `{name}` holds bytes behind its end")));
            }
        }
        if out.len() as u64 != e.size {
            return Err(broken(format!("entry `{name}` does not have the size that the ZIP says")));
        }
        let mut crc = flate2::Crc::new();
        crc.update(&out);
        if crc.sum() != e.crc {
            return Err(broken(format!("entry `{name}` was damaged: its CRC differs")));
        }
        Ok(out)
    }

    /// An entry that is written in one way only: what is not signed itself (the envelope, the salts) can hide nothing.
    pub(crate) fn canonical<T: serde::de::DeserializeOwned + serde::Serialize>(&self, name: &str) -> Result<T, BundleError> {
        let bytes = self.read(name)?;
        let value: T = serde_json::from_slice(&bytes).map_err(|e| broken(format!("entry `{name}` cannot be read: {e}")))?;
        if serde_json::to_vec_pretty(&value)? != bytes {
            return Err(broken(format!("entry `{name}` was changed: it holds more than it must")));
        }
        Ok(value)
    }

    /// An entry as a document.
    pub fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, BundleError> {
        serde_json::from_slice(&self.read(name)?).map_err(|e| broken(format!("entry `{name}` cannot be read: {e}")))
    }
}
