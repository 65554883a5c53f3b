//! Whether an archive can be opened without harm: how much it unpacks to is asked before anything is unpacked.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use apk_info::ZipEntry;

/// Entries that an APK may have.
const ENTRIES_MAX: usize = 200_000;
/// All entries together, unpacked, as the directory says.
const UNPACKED_MAX: u64 = 8 << 30;
/// The manifest and the resource table, unpacked, each. The largest of published apps have some tens of MiB.
const READ_MAX: u64 = 256 << 20;
/// Deflate makes at most so many bytes of one.
const RATIO_MAX: u64 = 1032;

/// Why an archive is not opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum Harmful {
    /// No ZIP.
    #[error("cannot be read as an APK: {0}")]
    NoZip(String),
    /// A bundle of APKs, or something else in a ZIP.
    #[error("has no `AndroidManifest.xml` at its top")]
    NoManifest,
    /// Too much.
    #[error("is built as a ZIP bomb: {0}")]
    Bomb(String),
}

/// Refuses archives that would unpack to more than an app has.
pub(super) fn check(path: &Path) -> Result<(), Harmful> {
    let zip = ZipEntry::open(path).map_err(|e| Harmful::NoZip(e.to_string()))?;
    let (mut entries, mut total) = (0usize, 0u64);
    for name in zip.namelist() {
        entries += 1;
        total = total.saturating_add(zip.entry_info(name).map_or(0, |i| i.uncompressed_size));
    }
    if entries > ENTRIES_MAX {
        return Err(Harmful::Bomb(format!("{entries} entries; at most {ENTRIES_MAX} are taken")));
    }
    if total > UNPACKED_MAX {
        return Err(Harmful::Bomb(format!("{total} bytes unpacked; at most {UNPACKED_MAX} are taken")));
    }
    if !zip.contains("AndroidManifest.xml") {
        return Err(Harmful::NoManifest);
    }
    ["AndroidManifest.xml", "resources.arsc"].into_iter().try_for_each(|name| bounded(path, &zip, name))
}

/// The entries that are read here are small, whatever the directory says of them.
fn bounded(path: &Path, zip: &ZipEntry, name: &str) -> Result<(), Harmful> {
    let Some(info) = zip.entry_info(name) else { return Ok(()) };
    let bomb = |n: u64| Harmful::Bomb(format!("`{name}` unpacks to {n} bytes or more; at most {READ_MAX} are taken"));
    if info.uncompressed_size > READ_MAX {
        return Err(bomb(info.uncompressed_size));
    }
    if info.compressed_size.saturating_mul(RATIO_MAX) <= READ_MAX {
        return Ok(());
    }
    let unpacked = File::open(path).map_err(zip::result::ZipError::from).and_then(|f| {
        let mut archive = zip::ZipArchive::new(f)?;
        let entry = archive.by_name(name)?;
        Ok(io::copy(&mut entry.take(READ_MAX + 1), &mut io::sink())?)
    });
    match unpacked {
        Ok(n) if n <= READ_MAX => Ok(()),
        Ok(n) => Err(bomb(n)),
        Err(e) => {
            Err(Harmful::Bomb(format!("`{name}` may unpack to {} bytes, and cannot be tried: {e}", info.compressed_size * RATIO_MAX)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn archive(entries: &[(&str, u64)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut z = zip::ZipWriter::new(file.reopen().unwrap());
        for (name, size) in entries {
            z.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            io::copy(&mut io::repeat(0).take(*size), &mut z).unwrap();
        }
        z.finish().unwrap().flush().unwrap();
        file
    }

    #[test]
    fn a_usual_archive_is_opened() {
        check(archive(&[("AndroidManifest.xml", 20_000), ("classes.dex", 1 << 20)]).path()).unwrap();
    }

    #[test]
    fn a_manifest_that_unpacks_to_too_much_is_not() {
        let bomb = archive(&[("AndroidManifest.xml", READ_MAX + 1)]);
        assert!(matches!(check(bomb.path()), Err(Harmful::Bomb(_))));
        // The directory lies: it says 1 byte.
        let mut bytes = std::fs::read(bomb.path()).unwrap();
        let at = bytes.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
        bytes[at + 24..at + 28].copy_from_slice(&1u32.to_le_bytes());
        bytes[22..26].copy_from_slice(&1u32.to_le_bytes());
        std::fs::write(bomb.path(), bytes).unwrap();
        assert!(matches!(check(bomb.path()), Err(Harmful::Bomb(_) | Harmful::NoZip(_))), "{:?}", check(bomb.path()));
    }

    #[test]
    fn a_bundle_of_apps_is_no_app() {
        assert!(matches!(check(archive(&[("base.apk", 10)]).path()), Err(Harmful::NoManifest)));
    }
}
