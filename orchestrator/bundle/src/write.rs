//! Writing a bundle.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    BundleError, dsse,
    keys::SigningKey,
    layout,
    manifest::{Manifest, ManifestEntry, OWN, Salts, salted},
};

/// Writes a bundle beside its name and renames it when it is whole.
pub struct Writer {
    zip: ZipWriter<BufWriter<File>>,
    part: PathBuf,
    path: PathBuf,
    entries: Vec<ManifestEntry>,
    salts: Salts,
}

impl Writer {
    /// Begins a bundle at `path`, which must not exist.
    pub fn create(path: &Path) -> Result<Self, BundleError> {
        let part = path.with_extension("zip.part");
        let made = |source| BundleError::File { path: part.display().to_string(), doing: "made", source };
        let zip = ZipWriter::new(BufWriter::new(File::create(&part).map_err(made)?));
        Ok(Self { zip, part, path: path.to_owned(), entries: vec![], salts: Salts::new() })
    }

    /// Adds an entry.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|e| BundleError::Limit { what: format!("no randomness: {e}") })?;
        let salt = hex::encode(salt);
        self.entries.push(ManifestEntry { path: name.to_owned(), size: bytes.len() as u64, digest: salted(&salt, bytes) });
        self.salts.insert(name.to_owned(), salt);
        self.put(name, bytes)
    }

    pub(crate) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
        if !layout::plain(name) {
            return Err(BundleError::Limit { what: format!("`{}` cannot be an entry's name", name.escape_debug()) });
        }
        // Media and archives do not shrink; a size below the limit of plain ZIP is part of the format.
        let dense = bytes.len() > 64 && (bytes.starts_with(b"\xff\xd8\xff") || bytes.starts_with(b"\x89PNG") || bytes.starts_with(b"PK"));
        let method = if dense { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options =
            SimpleFileOptions::default().compression_method(method).last_modified_time(zip::DateTime::default()).unix_permissions(0o644);
        self.zip.start_file(name, options)?;
        let failed = |source| BundleError::File { path: self.part.display().to_string(), doing: "written", source };
        self.zip.write_all(bytes).map_err(failed)
    }

    /// Fills in the manifest's entries, signs it, and gives the file its name. Returns the signed manifest.
    pub fn finish(mut self, mut manifest: Manifest, operator: &SigningKey) -> Result<Manifest, BundleError> {
        manifest.entries = std::mem::take(&mut self.entries);
        let payload = serde_json::to_vec_pretty(&manifest)?;
        let envelope = serde_json::to_vec_pretty(&dsse::sign(dsse::MANIFEST, operator, &payload))?;
        let salts = serde_json::to_vec_pretty(&self.salts)?;
        self.close(&payload, &envelope, &salts)?;
        Ok(manifest)
    }

    pub(crate) fn close(mut self, payload: &[u8], envelope: &[u8], salts: &[u8]) -> Result<(), BundleError> {
        for (name, bytes) in OWN.iter().zip([payload, envelope, salts]) {
            self.put(name, bytes)?;
        }
        let failed = |source| BundleError::File { path: self.part.display().to_string(), doing: "written", source };
        let file = self.zip.finish()?.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&self.part, &self.path).map_err(failed)
    }
}
