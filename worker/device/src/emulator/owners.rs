//! Whose files on the shared storage are: the app's own folders are its alone, anybody writes there.
//!
//! The media provider keeps the package that made a file, from Android 10 on. Folders below `Android/` that Android gives to
//! each app are that app's user's on the disk itself, from Android 11 on. What neither says is not known to be the app's.

use std::collections::{BTreeMap, HashSet};

use stakeout_contract::observation::Fact;
use stakeout_protocol::Problem;

use super::{apps::App, phone::Phone};

/// Bytes of a list.
const LIST: usize = 16 << 20;
/// The media provider's list of all files.
const QUERY: &str = "content query --uri content://media/external/file --projection";
/// The first API level at which it knows who made them.
const SINCE: u32 = 29;
/// Files that are told of.
const MOST: usize = 5000;
/// The shared storage by its names: for the provider, on the disk, for apps.
const NAMES: [&str; 2] = ["/storage/emulated/0/", "/data/media/0/"];
const SHARED: &str = "/sdcard/";

impl Phone {
    /// Who made the files that were not there before, as far as the guest says so.
    pub async fn owners(&self, api: u32, app: &App, before: &HashSet<Vec<u8>>) -> Result<Vec<Fact>, Problem> {
        let mut all = BTreeMap::new();
        if api >= SINCE {
            // Numbers are no text of apps: so many rows there are.
            let ids = self.run_long(&format!("{QUERY} _id"), LIST, self.within).await?;
            let said = self.run_long(&format!("{QUERY} _data:owner_package_name"), LIST, self.within).await?;
            if ![&ids, &said].iter().any(|d| d.failed() || d.truncated) {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                all.extend(provided(&text(&said.stdout), text(&ids.stdout).lines().count()));
            }
        }
        // By the user on the disk; a guest whose disk knows none has none of these.
        let own = self.run_long(&format!("find {}Android -type f -user {} -print0", NAMES[1], app.uid), LIST, self.within).await?;
        if !own.truncated {
            let names = own.stdout.split(|b| *b == 0).filter_map(|n| shared(std::str::from_utf8(n).ok()?));
            all.extend(names.map(|n| (n, app.package.clone())));
        }
        let new = all.into_iter().filter(|(path, _)| !before.contains(path.as_bytes()));
        let fact = |(path, package)| Fact::File { path, change: "owned".to_owned(), bytes: None, to: Some(package) };
        Ok(new.take(MOST).map(fact).collect())
    }
}

/// A path as apps name it.
fn shared(path: &str) -> Option<String> {
    NAMES.iter().find_map(|n| path.strip_prefix(n)).map(|rest| format!("{SHARED}{rest}"))
}

/// Paths and packages of the provider's answer. Names of files are text of apps: an answer in which one of them could be taken
/// for something else is not believed at all.
fn provided(text: &str, rows: usize) -> BTreeMap<String, String> {
    const OWNER: &str = ", owner_package_name=";
    let mut all = BTreeMap::new();
    if text.lines().count() != rows {
        return all;
    }
    for (n, line) in text.lines().enumerate() {
        if n == 0 && line.starts_with("No result found") {
            return all;
        }
        let row = line.strip_prefix(&format!("Row: {n} _data="));
        let Some((path, package)) = row.and_then(|r| r.split_once(OWNER)).filter(|(_, p)| !p.contains(OWNER)) else {
            return BTreeMap::new();
        };
        if let Some(path) = shared(path).filter(|_| package != "NULL") {
            all.insert(path, package.to_owned());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "Row: 0 _data=/storage/emulated/0/DCIM/a.jpg, owner_package_name=com.camera\n";

    #[test]
    fn the_provider_names_who_made_a_file() {
        let text = ROW.to_owned() + "Row: 1 _data=/storage/emulated/0/x, owner_package_name=NULL\n";
        assert_eq!(provided(&text, 2), [("/sdcard/DCIM/a.jpg".to_owned(), "com.camera".to_owned())].into());
        assert!(provided("No result found.\n", 1).is_empty());
    }

    #[test]
    fn a_name_that_speaks_as_the_provider_is_not_believed() {
        let named = |name: &str| format!("{ROW}Row: 1 _data=/storage/emulated/0/{name}, owner_package_name=com.other\n");
        assert_eq!(provided(&named("x"), 2).len(), 2);
        for name in [
            "x, owner_package_name=com.app",
            "x\nRow: 2 _data=/storage/emulated/0/y, owner_package_name=com.app\nz",
            "x, owner_package_name=com.app\nRow: 2 _data=/storage/emulated/0/y",
        ] {
            assert!(provided(&named(name), 2).is_empty(), "{name:?}");
        }
    }
}
