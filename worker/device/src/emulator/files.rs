//! The app's files, out of a guest whose app was ended.
//!
//! The guest packs them, as root, into a tar of its own, which is pulled and packed again: only regular files, with names that are
//! only data, within the worker's budget. Taken are the app's folders, and what is new on the shared storage since it was installed.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use stakeout_links::guest::{Guest as _, Output, quote};
use stakeout_protocol::Problem;
use tokio::io::AsyncWriteExt as _;

use super::{
    frida::ear,
    kept,
    phone::{FOLDER, Phone, first_line, problem},
};
use crate::snapshot::Budget;

/// Bytes of a list of names.
const NAMES: usize = 32 << 20;
/// Real time to pack and to pull.
const WITHIN: Duration = Duration::from_secs(300);
/// Longest name that is kept, bytes.
const NAME: usize = 4096;

impl Phone {
    /// Files below a folder of the guest, as it names them. A folder that is not there has none.
    async fn list(&self, folders: &[String]) -> Result<Vec<Vec<u8>>, Problem> {
        let quoted: Vec<String> = folders.iter().map(|f| quote(f)).collect();
        let done = self.run_long(&format!("find {} -type f -print0", quoted.join(" ")), NAMES, WITHIN).await?;
        if done.truncated {
            return Err(Problem::new("failed", "the guest has more files than can be listed"));
        }
        let missing = done.stderr.is_empty() || String::from_utf8_lossy(&done.stderr).contains("No such file");
        if done.stdout.is_empty() && !missing {
            return Err(Problem::new("failed", format!("the guest does not list its files: {}", first_line(&done))));
        }
        Ok(done.stdout.split(|b| *b == 0).filter(|n| !n.is_empty()).map(<[u8]>::to_vec).collect())
    }

    /// Packs the files whose names these are.
    async fn tar(&self, tar: &str, list: &str, mut names: &[u8], option: &str) -> Result<Output, Problem> {
        self.adb.push(&mut names, list, 0o600, self.within).await.map_err(problem)?;
        let done = self.run_long(&format!("tar -c -f {tar} {option} {list}"), 64 << 10, WITHIN).await?;
        self.run(&format!("rm -f {list}")).await?;
        Ok(done)
    }

    /// What is on the shared storage: its name is a link, which `find` follows for the slash. Dates say nothing there: an app may set those of its files.
    pub async fn shared_files(&self) -> Result<HashSet<Vec<u8>>, Problem> {
        Ok(self.list(&["/sdcard/".to_owned()]).await?.into_iter().collect())
    }

    /// Pulls the app's files, and what else is on the shared storage that was not there before, as the guest packs them; none
    /// if there are none. And how many it was asked for.
    pub async fn pack(
        &self,
        package: &str,
        before: &HashSet<Vec<u8>>,
        folder: &Path,
        most: u64,
    ) -> Result<Option<(PathBuf, u64)>, Problem> {
        let (tar, list) = (format!("{FOLDER}/stakeout-files.tar"), format!("{FOLDER}/stakeout-files.list"));
        let own: Vec<String> = ["/data/data", "/data/user_de/0", kept::PROFILES].iter().map(|f| format!("{f}/{package}")).collect();
        let mut names = self.list(&own).await?;
        names.extend(self.shared_files().await?.into_iter().filter(|n| !before.contains(n)));
        names.sort();
        // Last, so that what is there comes before what is gone where there is not room for both.
        names.extend(self.list(&[kept::folder()]).await?);
        if names.is_empty() {
            return Ok(None);
        }
        // By `--null`, as a name may hold a line break.
        let mut done = self.tar(&tar, &list, &names.join(&0), "--null -T").await?;
        if done.failed() && knows_no_null(&done.stderr) {
            // An older one reads lines: a name that is more than one is not packed, and counted among what is missing.
            let lines: Vec<&[u8]> = names.iter().map(Vec::as_slice).filter(|n| !n.contains(&b'\n')).collect();
            done = self.tar(&tar, &list, &lines.join(&b'\n'), "-T").await?;
        }
        // A file that went in between is missed below; one that could not be packed ends here.
        let gone = String::from_utf8_lossy(&done.stderr).contains("No such file");
        if (done.failed() && !gone) || self.adb.stat(&tar, self.within).await.map_err(problem)?.is_none() {
            return Err(Problem::new("failed", format!("the guest does not pack the app's files: {}", first_line(&done))));
        }
        let to = folder.join("app-files.tar");
        let mut file = tokio::fs::File::create(&to).await.map_err(|e| Problem::new("failed", e.to_string()))?;
        let pulled = self.adb.pull(&tar, &mut file, most, WITHIN).await.map_err(problem);
        let flushed = file.flush().await;
        self.run(&format!("rm -f {tar}")).await?;
        pulled?;
        flushed.map_err(|e| Problem::new("failed", e.to_string()))?;
        Ok(Some((to, names.len() as u64)))
    }
}

/// Whether a guest's `tar` does not know that names may end with a zero: to Android 10 it does not, and says so in words of its own.
fn knows_no_null(stderr: &[u8]) -> bool {
    let said = String::from_utf8_lossy(stderr).to_ascii_lowercase();
    said.contains("null") || said.contains("option")
}

/// Packs what the guest packed again, below `files/`, and what was deleted below `deleted/`; and of the folder `texts` all, below
/// its name. The guest's tar is hostile.
pub fn repack<W: io::Write>(packed: Option<(&Path, u64)>, texts: &Path, out: W, mut budget: Budget) -> io::Result<(W, Budget)> {
    let mut to = tar::Builder::new(out);
    if let Some((from, asked)) = packed {
        guests(from, asked, &mut to, &mut budget)?;
    }
    // Last, so that what an agent tells takes no room from what the app left.
    let mut names: Vec<PathBuf> = std::fs::read_dir(texts).into_iter().flatten().flatten().map(|e| e.path()).collect();
    names.sort();
    for path in names {
        let size = path.metadata()?.len();
        if budget.files == 0 || size > budget.bytes {
            budget.lost_files += 1;
            budget.lost_bytes = budget.lost_bytes.saturating_add(size);
            continue;
        }
        let name = Path::new(ear::KEPT).join(path.file_name().unwrap_or_default());
        to.append_path_with_name(&path, name)?;
        budget.files -= 1;
        budget.bytes -= size;
        budget.taken += 1;
    }
    Ok((to.into_inner()?, budget))
}

/// What the guest packed, `asked` for so many files.
fn guests<W: io::Write>(from: &Path, asked: u64, to: &mut tar::Builder<W>, budget: &mut Budget) -> io::Result<()> {
    let mut archive = tar::Archive::new(File::open(from)?);
    for entry in archive.entries()? {
        // A tar that breaks off is not whole: what follows is unknown.
        let Ok(mut entry) = entry else {
            budget.lost_files += 1;
            break;
        };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let size = entry.size();
        let name = entry.path_bytes().into_owned();
        let Some(name) = inside(&name) else {
            budget.lost_files += 1;
            continue;
        };
        if budget.files == 0 || size > budget.bytes {
            budget.lost_files += 1;
            budget.lost_bytes = budget.lost_bytes.saturating_add(size);
            continue;
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(entry.header().mtime().unwrap_or(0));
        let mut bytes = Vec::new();
        let whole = entry.by_ref().take(size).read_to_end(&mut bytes).is_ok() && bytes.len() as u64 == size;
        if !whole {
            budget.lost_files += 1;
            budget.lost_bytes = budget.lost_bytes.saturating_add(size);
            break;
        }
        to.append_data(&mut header, name, bytes.as_slice())?;
        budget.files -= 1;
        budget.bytes -= size;
        budget.taken += 1;
    }
    // What was asked for and is not there.
    budget.lost_files += asked.saturating_sub(budget.taken + budget.lost_files);
    Ok(())
}

/// A name below `files/`, whatever it was; below `deleted/`, if it is one that the keeper gave.
fn inside(name: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    if name.len() > NAME || name.contains(&0) {
        return None;
    }
    let kept = kept::folder_in_tar();
    let name = name.strip_prefix(b"/").unwrap_or(name);
    if let Some(number) = name.strip_prefix(kept.as_bytes()).filter(|n| n.iter().all(u8::is_ascii_digit) && !n.is_empty()) {
        return Some(PathBuf::from("deleted").join(std::ffi::OsStr::from_bytes(number)));
    }
    let parts = name.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".");
    let mut path = PathBuf::from("files");
    for part in parts {
        // A part that leads upwards is a name like any other here, but no tar may have it.
        path.push(if part == b".." { std::ffi::OsStr::new("__") } else { std::ffi::OsStr::from_bytes(part) });
    }
    (path.components().count() > 1).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_agents_come_last_and_within_the_budget() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("plain-000001", "hello"), ("cipher-000001", "xxxxx"), ("plain-000002", "another")] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let (tar, budget) = repack(None, dir.path(), Vec::new(), Budget::new(12, 10)).unwrap();
        let names: Vec<_> =
            tar::Archive::new(&tar[..]).entries().unwrap().map(|e| e.unwrap().path().unwrap().display().to_string()).collect();
        assert_eq!(names, ["crypto/cipher-000001", "crypto/plain-000001"]);
        assert_eq!((budget.taken, budget.lost_files, budget.lost_bytes), (2, 1, 7));
        let none = repack(None, Path::new("/nowhere"), Vec::new(), Budget::new(12, 10)).unwrap();
        assert_eq!(none.1.taken, 0);
    }

    #[test]
    fn no_name_leads_out() {
        assert_eq!(inside(b"/data/data/a.b/x").unwrap(), Path::new("files/data/data/a.b/x"));
        assert_eq!(inside(b"../../etc/passwd").unwrap(), Path::new("files/__/__/etc/passwd"));
        assert_eq!(inside(b"./a/./b").unwrap(), Path::new("files/a/b"));
        assert_eq!(inside(b"/"), None);
        assert_eq!(inside(b"data/local/tmp/stakeout-kept/kept/000012").unwrap(), Path::new("deleted/000012"));
        let other = "data/local/tmp/stakeout-kept/kept/../x";
        assert_eq!(inside(other.as_bytes()).unwrap(), Path::new("files/data/local/tmp/stakeout-kept/kept/__/x"));
        assert_eq!(inside(&[b'a'; 5000]), None);
    }
}
