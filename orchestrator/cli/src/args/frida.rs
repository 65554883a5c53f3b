//! An agent inside of the app, by Frida, where the operator has it.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::exit::Failure;

#[derive(Args, Clone, Debug)]
pub(crate) struct FridaArgs {
    /// For emulators: a folder with Frida's `frida-inject` for the guest, to listen inside of the app as well; the app can know
    /// of it. It is on this host, and the engine must see it under the same path
    #[arg(long, value_name = "DIR", env = "STAKEOUT_FRIDA")]
    pub frida: Option<PathBuf>,
}

impl FridaArgs {
    /// The folder, if one is given, by its whole path.
    pub(crate) fn folder(&self) -> Result<Option<PathBuf>, Failure> {
        let given = self.frida.as_deref().filter(|f| !f.as_os_str().is_empty());
        given.map(folder).transpose()
    }
}

fn folder(given: &Path) -> Result<PathBuf, Failure> {
    let hint = "a folder with `frida-inject` in it; see docs/emulator.md";
    let bad = |why: String| Failure::hint(format!("`--frida` is `{}`: {why}", given.display()), hint);
    let whole = given.canonicalize().map_err(|e| bad(e.to_string()))?;
    if !whole.is_dir() {
        return Err(bad("it is no folder".to_owned()));
    }
    // The engine parts the two paths of a mount by it.
    if whole.to_string_lossy().contains(':') {
        return Err(bad("its path has a colon".to_owned()));
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_given_by_its_whole_path_or_refused() {
        let of = |frida: Option<&Path>| FridaArgs { frida: frida.map(Path::to_owned) }.folder();
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(of(None).ok().flatten(), None);
        assert_eq!(of(Some(Path::new(""))).ok().flatten(), None, "an empty variable is none");
        assert_eq!(of(Some(&dir.path().join("."))).ok().flatten(), Some(dir.path().canonicalize().unwrap()));
        let odd = dir.path().join("a:b");
        std::fs::create_dir(&odd).unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        for bad in [&odd, &file, &dir.path().join("none")] {
            assert!(of(Some(bad)).is_err(), "{}", bad.display());
        }
    }
}
