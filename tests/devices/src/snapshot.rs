//! An app's files out of a device's tar. Names and bytes are a stranger's.

use std::{fs::File, io::Read, path::Path};

use crate::{
    app,
    check::{Trouble, trouble},
};

/// Files, and bytes of one, that are looked at.
const FILES: usize = 20_000;
const BYTES: u64 = 16 << 20;

/// Files by the name that they have in the tar.
#[derive(Debug, Default)]
pub(crate) struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    /// Reads a tar.
    pub(crate) fn read(tar: &Path) -> Result<Self, Trouble> {
        let bad = |e: std::io::Error| trouble("the files as a tar", e.to_string());
        let mut archive = tar::Archive::new(std::io::BufReader::new(File::open(tar)?));
        let mut files = Vec::new();
        for entry in archive.entries().map_err(bad)?.take(FILES) {
            let entry = entry.map_err(bad)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let mut bytes = Vec::new();
            entry.take(BYTES).read_to_end(&mut bytes).map_err(bad)?;
            files.push((name, bytes));
        }
        Ok(Self(files))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Bytes of all of them.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|(_, b)| b.len()).sum()
    }

    /// A file that the app has below its own `files` folder.
    pub(crate) fn of_app(&self, name: &str) -> Option<&[u8]> {
        let end = format!("/{}/files/{name}", app::PACKAGE);
        self.0.iter().find(|(n, _)| n.starts_with("files/") && n.ends_with(&end)).map(|(_, b)| &b[..])
    }

    /// The same as text; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> String {
        self.of_app(name).map(|b| String::from_utf8_lossy(b).into_owned()).unwrap_or_default()
    }

    /// Whether a deleted file with these bytes was kept.
    pub(crate) fn deleted(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|(n, b)| n.starts_with("deleted/") && b == bytes)
    }

    /// Whether the app's own code ran, as it says itself; a device that only plays an app says so by another file.
    pub(crate) fn app_is_real(&self) -> bool {
        self.of_app("said/real").is_some()
    }

    /// All names, for a message.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|(n, _)| n.as_str()).take(60).collect();
        format!("{} files: {}", self.0.len(), names.join(", "))
    }
}
