//! The folder for results. Nothing of somebody else's in it is touched, and of a run that came to nothing nothing stays there.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::exit::Failure;

const OURS: [&str; 4] = ["result.json", "report.html", "bundle.zip", "receipt.json"];
/// A bundle that is being written.
const PART: &str = "bundle.zip.part";
/// What helps where a disk has no room for results.
pub(super) const ROOM: &str = "free some space there, or choose another folder with `--out`";

/// The folder of this run. What it wrote there goes with it, unless it is told to keep it.
pub(super) struct Out {
    path: PathBuf,
    made: bool,
    kept: bool,
}

impl Out {
    /// Whether it may be used; changes nothing. Which files of an earlier run it holds.
    pub(super) fn check(path: &Path, force: bool) -> Result<Vec<&'static str>, Failure> {
        if path.exists() && !path.is_dir() {
            return Err(Failure::hint(format!("`{}` is no folder", path.display()), "choose another name with `--out`"));
        }
        let there: Vec<&str> = OURS.into_iter().filter(|n| path.join(n).exists()).collect();
        if !there.is_empty() && !force {
            return Err(Failure::hint(
                format!("`{}` holds the {} of an earlier run", path.display(), there.join(", ")),
                "choose another folder with `--out`, or give `--force` to replace them",
            ));
        }
        Ok(there)
    }

    /// Makes it, and removes what an earlier run left.
    pub(super) fn open(path: &Path, force: bool) -> Result<Self, Failure> {
        let failed = |e: io::Error| {
            Failure::hint(format!("`{}` cannot be used for results: {e}", path.display()), "choose another folder with `--out`")
        };
        let (there, made) = (Self::check(path, force)?, !path.exists());
        fs::create_dir_all(path).map_err(failed)?;
        for n in there {
            fs::remove_file(path.join(n)).map_err(failed)?;
        }
        Ok(Self { path: path.to_owned(), made, kept: false })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one of our files.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        put(&self.path.join(name), text.as_bytes())
    }

    /// What is there is worth keeping, whatever happens from now on.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        for n in OURS.into_iter().chain([PART]) {
            let _ = fs::remove_file(self.path.join(n));
        }
        if self.made {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Writes a file, or says which cannot be written.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    whole(path, bytes).map_err(|e| {
        let failed = Failure::usage(anyhow::Error::from(e).context(format!("`{}` cannot be written", path.display())));
        failed.without_room(path, ROOM)
    })
}

/// Half a document would be taken for one: it goes again. A pipe or a device is somebody else's.
fn whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    let written = file.write_all(bytes);
    if written.is_err() && file.metadata().is_ok_and(|m| m.is_file()) {
        let _ = fs::remove_file(path);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_an_earlier_run_are_there_until_the_next_one_has_begun() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("report.html"), "mine").unwrap();
        fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        assert!(Out::check(dir.path(), false).is_err_and(|e| e.error_for_tests().contains("--force")));
        assert!(Out::open(dir.path(), false).is_err());
        assert!(Out::check(dir.path(), true).is_ok_and(|there| there == ["report.html"]));
        assert!(dir.path().join("report.html").exists(), "a check changes nothing");
        assert!(Out::open(dir.path(), true).is_ok());
        assert!(!dir.path().join("report.html").exists() && dir.path().join("notes.txt").exists());
        assert!(Out::check(&dir.path().join("notes.txt"), true).is_err_and(|e| e.error_for_tests().contains("is no folder")));
    }

    #[test]
    fn a_run_that_came_to_nothing_leaves_nothing_and_one_that_ended_leaves_all() {
        let dir = tempfile::tempdir().unwrap();
        let (new, old) = (dir.path().join("new"), dir.path().join("old"));
        fs::create_dir(&old).unwrap();
        fs::write(old.join("notes.txt"), "mine").unwrap();
        for place in [&new, &old] {
            let out = Out::open(place, false).unwrap_or_else(|e| panic!("{}", e.error_for_tests()));
            out.write("receipt.json", "{}").unwrap_or_else(|e| panic!("{}", e.error_for_tests()));
            fs::write(place.join(PART), "half").unwrap();
        }
        assert!(!new.exists());
        let names: Vec<_> = fs::read_dir(&old).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["notes.txt"]);
        let mut out = Out::open(&new, false).unwrap_or_else(|e| panic!("{}", e.error_for_tests()));
        out.write("receipt.json", "{}").unwrap_or_else(|e| panic!("{}", e.error_for_tests()));
        out.keep();
        drop(out);
        assert!(new.join("receipt.json").is_file());
    }

    #[test]
    fn a_device_without_room_is_told_and_stays() {
        let Err(e) = put(Path::new("/dev/full"), b"{}") else { panic!("it was written") };
        let said = e.error_for_tests();
        assert!(said.contains("there is no space left for `/dev/full`") && said.contains("hint: "), "{said}");
        assert!(Path::new("/dev/full").exists());
    }
}
