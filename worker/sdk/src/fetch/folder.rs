//! A folder in the place of the repository: each file under its path in the repository, or all in one folder.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use crate::{SdkError, choose::Chosen, index::plain};

/// The first of the names that is there, with its bytes.
pub(super) fn index(folder: &Path, names: &[&str]) -> Result<(String, Vec<u8>), SdkError> {
    for name in names {
        if let Some(path) = find(folder, name) {
            let mut bytes = Vec::new();
            let file = std::fs::File::open(&path).map_err(SdkError::io("open", &path))?;
            // One byte more than the parser takes.
            file.take(crate::index::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(SdkError::io("read", &path))?;
            return Ok((path.display().to_string(), bytes));
        }
    }
    Err(SdkError::Missing { name: names.first().copied().unwrap_or_default().to_owned(), folder: folder.to_owned() })
}

/// The archive's file.
pub(super) fn archive(folder: &Path, chosen: &Chosen) -> Result<PathBuf, SdkError> {
    find(folder, &chosen.url).ok_or_else(|| SdkError::Missing { name: chosen.file().to_owned(), folder: folder.to_owned() })
}

/// An index's words never lead out of the folder: every part of the path is a plain name.
fn find(folder: &Path, url: &str) -> Option<PathBuf> {
    let whole = url.split('/').all(plain).then(|| folder.join(url));
    let flat = url.rsplit('/').next().filter(|f| plain(f)).map(|f| folder.join(f));
    whole.into_iter().chain(flat).find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_path_or_by_name_and_never_outside() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("sdk");
        std::fs::create_dir_all(folder.join("sys-img/google_apis")).unwrap();
        std::fs::write(outer.path().join("secret.zip"), b"").unwrap();
        std::fs::write(folder.join("flat.zip"), b"").unwrap();
        std::fs::write(folder.join("sys-img/google_apis/deep.zip"), b"").unwrap();
        assert_eq!(find(&folder, "sys-img/google_apis/deep.zip"), Some(folder.join("sys-img/google_apis/deep.zip")));
        assert_eq!(find(&folder, "sys-img/google_apis/flat.zip"), Some(folder.join("flat.zip")));
        assert_eq!(find(&folder, "https://example.org/x/flat.zip"), Some(folder.join("flat.zip")));
        for out in ["../secret.zip", "sys-img/../../secret.zip", "..", "", "/", "secret.zip"] {
            assert_eq!(find(&folder, out), None, "{out}");
        }
    }
}
