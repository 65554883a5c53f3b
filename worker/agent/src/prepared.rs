//! Apps as a device prepared them, so that the second trial of the same app on the same image converts nothing.
//!
//! The bytes mean nothing here. They are made from the app alone and go only to devices of the same image with the same app,
//! so a hostile app can spoil nobody's trial but its own. Each tenant has its own: a trial that converts nothing shows in what it
//! cost, and would tell one tenant that another had this app.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use stakeout_contract::Sha256Digest;

/// A folder of prepared apps, bounded; what was not used for longest goes first.
#[derive(Clone, Debug)]
pub struct Prepared {
    dir: PathBuf,
    most: u64,
    tenant: Option<Sha256Digest>,
}

impl Prepared {
    /// A cache in `dir`, made if missing, of at most `most` bytes.
    pub fn new(dir: PathBuf, most: u64) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        Ok(Self { dir, most, tenant: None })
    }

    /// The part of a tenant, by what stands for it in its leases.
    #[must_use]
    pub fn of(&self, tenant: Option<Sha256Digest>) -> Self {
        Self { tenant, ..self.clone() }
    }

    fn path(&self, image: &str, api: u32, apps: &[Sha256Digest]) -> PathBuf {
        let tenant = self.tenant.map_or_else(String::new, |t| format!("tenant {t}\n"));
        let key: Vec<String> = apps.iter().map(ToString::to_string).collect();
        self.dir.join(Sha256Digest::of(format!("{tenant}{image}\n{api}\n{}", key.join("\n")).as_bytes()).to_string())
    }

    /// What was prepared for an app (and its splits) on an image at an API level, with the digest of the bytes.
    pub fn get(&self, image: &str, api: u32, apps: &[Sha256Digest]) -> Option<(PathBuf, Sha256Digest)> {
        let path = self.path(image, api, apps);
        let digest = fs::read_to_string(path.with_extension("sha256")).ok()?.parse().ok()?;
        let file = fs::File::options().write(true).open(&path).ok()?;
        // Its last use, for the order in which things go.
        let _ = file.set_modified(SystemTime::now());
        Some((path, digest))
    }

    /// Keeps what a device prepared. `blob` is copied or moved.
    pub fn put(&self, image: &str, api: u32, apps: &[Sha256Digest], blob: &Path, digest: &Sha256Digest) -> io::Result<()> {
        let path = self.path(image, api, apps);
        let part = path.with_extension(format!("part{}", std::process::id()));
        fs::rename(blob, &part).or_else(|_| fs::copy(blob, &part).map(drop))?;
        fs::rename(&part, &path)?;
        fs::write(path.with_extension("sha256"), digest.to_string())?;
        self.shrink()
    }

    /// Forgets one whose bytes are not what they were.
    pub fn forget(&self, image: &str, api: u32, apps: &[Sha256Digest]) {
        let path = self.path(image, api, apps);
        let _ = (fs::remove_file(path.with_extension("sha256")), fs::remove_file(path));
    }

    fn shrink(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for e in fs::read_dir(&self.dir)? {
            let e = e?;
            let m = e.metadata()?;
            if m.is_file() && e.path().extension().is_none() {
                files.push((m.modified()?, m.len(), e.path()));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|f| f.1).sum();
        for (_, size, path) in files {
            if total <= self.most {
                break;
            }
            let _ = fs::remove_file(path.with_extension("sha256"));
            fs::remove_file(path)?;
            total -= size;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Prepared::new(dir.path().join("c"), 10).unwrap();
        let app = |n: u8| [Sha256Digest::of(&[n])];
        let put = |n: u8, age: u64| {
            let blob = dir.path().join("blob");
            fs::write(&blob, [n; 4]).unwrap();
            cache.put("image", 34, &app(n), &blob, &Sha256Digest::of(&[n; 4])).unwrap();
            let f = fs::File::options().write(true).open(cache.path("image", 34, &app(n))).unwrap();
            f.set_modified(SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
        };
        put(1, 300);
        put(2, 200);
        assert_eq!(cache.get("image", 34, &app(1)).unwrap().1, Sha256Digest::of(&[1; 4]));
        put(3, 0);
        assert!(cache.get("image", 34, &app(2)).is_none());
        assert!(cache.get("image", 34, &app(1)).is_some() && cache.get("image", 34, &app(3)).is_some());
        assert!(cache.get("other", 34, &app(1)).is_none() && cache.get("image", 23, &app(1)).is_none());
        cache.forget("image", 34, &app(1));
        assert!(cache.get("image", 34, &app(1)).is_none());
    }

    #[test]
    fn what_one_tenants_trial_prepared_is_not_there_for_another_tenants() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Prepared::new(dir.path().join("c"), 10).unwrap();
        let (app, tag) = ([Sha256Digest::of(b"app")], |name: &[u8]| Some(Sha256Digest::of(name)));
        let blob = dir.path().join("blob");
        fs::write(&blob, "made").unwrap();
        cache.of(tag(b"press")).put("image", 34, &app, &blob, &Sha256Digest::of(b"made")).unwrap();
        assert!(cache.of(tag(b"press")).get("image", 34, &app).is_some());
        assert!(cache.of(tag(b"company")).get("image", 34, &app).is_none() && cache.of(None).get("image", 34, &app).is_none());
    }
}
