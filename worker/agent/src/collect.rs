//! The app's files out of the device's tar. Names are the app's own: they are only data here, never a path.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io,
    path::Path,
};

use stakeout_contract::{
    Sha256Digest,
    artifact::Role,
    canary::{Media, PlantData},
    observation::{Fact, Observation},
};

use crate::keep::{Keep, artifact};

/// What an unpacking came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unpacked {
    /// Files kept.
    pub files: u64,
    /// Files for which there was no room, or which could not be read.
    pub lost: u64,
}

/// Takes the owner's own files out again, where they lie as they were planted: the app did not write them. A copy anywhere else,
/// or a changed one, stays.
pub fn forget_planted(keep: &mut Keep, data: &PlantData) {
    let decode = |m: &Media| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &m.base64).ok();
    let planted: HashMap<String, Sha256Digest> =
        data.media.iter().filter_map(|m| Some((planted_at(m), Sha256Digest::of(&decode(m)?)))).collect();
    keep.artifacts_mut().retain(|a| a.role != Role::AppFile || planted.get(&a.name) != Some(&a.sha256));
}

/// Where a device lays a planted file, as a snapshot names it.
fn planted_at(m: &Media) -> String {
    let folder = match m.mime.split('/').next() {
        Some("image" | "video") => "DCIM/Camera",
        Some("audio") => "Music",
        _ => "Download",
    };
    format!("media/0/{folder}/{}", m.name.replace(['/', '\\'], "_"))
}

/// Keeps every file of the tar under its role. Links, devices and folders are passed over: they have no bytes of their own.
/// A tar that breaks off counts one lost file; what came before is kept, and the begin of that file as truncated.
pub fn unpack(tar: &Path, most_files: u64, keep: &mut Keep) -> io::Result<Unpacked> {
    let mut done = Unpacked::default();
    let mut archive = tar::Archive::new(io::BufReader::new(File::open(tar)?));
    for entry in archive.entries()? {
        let Ok(mut entry) = entry else {
            done.lost += 1;
            break;
        };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some((role, name)) = role_of(&path) else { continue };
        if done.files >= most_files {
            done.lost += 1;
            continue;
        }
        let size = entry.size();
        match keep.adopt_reader(&mut entry, artifact(role, name), size) {
            Ok(Some(_)) => {
                done.files += 1;
                if keep.artifacts().last().is_some_and(|a| a.size < size) {
                    done.lost += 1;
                    break;
                }
            }
            Ok(None) => done.lost += 1,
            // The rest of the tar is gone with this entry, unless it was our disk.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof || e.kind() == io::ErrorKind::Other => {
                done.lost += 1;
                break;
            }
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

/// The role of a tar's entry, and the name that people see.
fn role_of(path: &str) -> Option<(Role, &str)> {
    let path = path.strip_prefix("./").unwrap_or(path);
    let (room, rest) = path.split_once('/')?;
    let role = match room {
        "files" => Role::AppFile,
        // Outside of the app's data, by its path.
        "elsewhere" => return (!rest.is_empty()).then(|| (Role::AppFile, &path[room.len()..])),
        "deleted" => Role::DeletedFile,
        // Which of both it is, is said by the observation of the call.
        "crypto" => Role::CryptoPlain,
        "code" => Role::LoadedCode,
        _ => return None,
    };
    (!rest.is_empty()).then_some((role, if matches!(role, Role::CryptoPlain | Role::LoadedCode) { path } else { rest }))
}

/// Joins plain and cipher text of each encryption, as the device's facts name them. A piece of `crypto/` that no fact names
/// stays plain text without cipher: it can support nothing on the wire.
pub fn pair_crypto(keep: &mut Keep, facts: &[Observation]) {
    let by_name: HashMap<String, Sha256Digest> =
        keep.artifacts().iter().filter(|a| a.role == Role::CryptoPlain).map(|a| (file_name(&a.name).to_owned(), a.sha256)).collect();
    let mut ciphers = HashMap::new();
    let mut plains = HashMap::new();
    for o in facts {
        let Fact::Crypto { plain, cipher, .. } = &o.fact else { continue };
        let cipher = cipher.as_deref().map(file_name).filter(|c| by_name.contains_key(*c));
        if let Some(c) = cipher {
            ciphers.insert(c.to_owned(), o.at);
        }
        if let Some(p) = plain.as_deref().map(file_name) {
            plains.insert(p.to_owned(), (cipher.and_then(|c| by_name.get(c)).copied(), o.at));
        }
    }
    for a in keep.artifacts_mut().iter_mut().filter(|a| a.role == Role::CryptoPlain) {
        let name = file_name(&a.name).to_owned();
        if let Some(at) = ciphers.get(&name) {
            (a.role, a.at) = (Role::CryptoCipher, Some(*at));
        } else if let Some((cipher, at)) = plains.get(&name) {
            (a.cipher, a.at) = (*cipher, Some(*at));
        }
    }
}

/// How many artifacts the device's facts name that did not come: each is evidence that is lost, whatever became of it.
pub fn missing(keep: &Keep, facts: &[Observation]) -> u64 {
    let came: HashSet<&str> = keep.artifacts().iter().filter_map(|a| kept_name(a.role, &a.name)).collect();
    let named = facts.iter().flat_map(|o| match &o.fact {
        Fact::File { change, to, .. } if matches!(change.as_str(), "deleted" | "replaced") => [to.as_deref(), None],
        Fact::Crypto { plain, cipher, .. } => [plain.as_deref(), cipher.as_deref()],
        Fact::DexLoaded { artifact, .. } => [artifact.as_deref(), None],
        _ => [None, None],
    });
    named.flatten().filter(|n| !came.contains(n.strip_prefix("deleted/").unwrap_or(n))).count() as u64
}

/// An artifact's name as [`role_of`] gave it, if it is of those that facts name.
fn kept_name(role: Role, name: &str) -> Option<&str> {
    matches!(role, Role::DeletedFile | Role::CryptoPlain | Role::CryptoCipher | Role::LoadedCode).then_some(name)
}

/// The last part of a name that a fact or a tar gives.
fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use stakeout_contract::{Nanos, observation::Source};

    use super::*;

    fn tar_of(dir: &Path, files: &[(&str, &[u8])]) -> std::path::PathBuf {
        let path = dir.join("t.tar");
        let mut b = tar::Builder::new(File::create(&path).unwrap());
        for (name, bytes) in files {
            let mut h = tar::Header::new_gnu();
            h.set_size(bytes.len() as u64);
            h.set_mode(0o644);
            // `append_data` refuses `..`, so the name is written by hand, as an attacker would.
            h.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            h.set_cksum();
            b.append(&h, *bytes).unwrap();
        }
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        b.append_link(&mut link, "files/link", "/etc/passwd").unwrap();
        b.into_inner().unwrap();
        path
    }

    #[test]
    fn hostile_names_are_data_and_links_are_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let tar = tar_of(
            dir.path(),
            &[
                ("files/../../../evil", b"1"),
                ("files//etc/cron.d/x", b"2"),
                ("deleted/a\nb", b"3"),
                ("/abs", b"4"),
                ("else/x", b"5"),
                ("elsewhere/tmp/x", b"6"),
            ],
        );
        let mut keep = Keep::new(dir.path(), 1000).unwrap();
        assert_eq!(unpack(&tar, 100, &mut keep).unwrap(), Unpacked { files: 4, lost: 0 });
        let names: Vec<_> = keep.artifacts().iter().map(|a| (a.role, a.name.as_str())).collect();
        let elsewhere = (Role::AppFile, "/tmp/x");
        assert_eq!(names, [(Role::AppFile, "../../../evil"), (Role::AppFile, "/etc/cron.d/x"), (Role::DeletedFile, "a\nb"), elsewhere]);
        assert!(!dir.path().join("../evil").exists());
    }

    #[test]
    fn only_the_owners_own_files_are_forgotten_and_only_where_they_were_planted() {
        let dir = tempfile::tempdir().unwrap();
        let tar = tar_of(
            dir.path(),
            &[
                ("files/media/0/DCIM/Camera/a.png", b"photo"),
                ("files/media/0/DCIM/Camera/b.png", b"changed"),
                ("files/media/0/Android/data/x/a.png", b"photo"),
                ("files/media/0/.hidden/DCIM/Camera/a.png", b"photo"),
                ("files/data/x/a.png", b"photo"),
                ("deleted/media/0/DCIM/Camera/a.png", b"photo"),
                ("files/media/0/Music/c.ogg", b"song"),
            ],
        );
        let mut keep = Keep::new(dir.path(), 1000).unwrap();
        unpack(&tar, 100, &mut keep).unwrap();
        let media = |name: &str, mime: &str, bytes: &[u8]| Media {
            name: name.into(),
            mime: mime.into(),
            base64: base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes),
        };
        let list = [media("a.png", "image/png", b"photo"), media("b.png", "image/png", b"photo"), media("c.ogg", "audio/ogg", b"song")];
        forget_planted(&mut keep, &PlantData { media: list.to_vec(), ..PlantData::default() });
        let names: Vec<_> = keep.artifacts().iter().map(|a| a.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "media/0/DCIM/Camera/b.png",
                "media/0/Android/data/x/a.png",
                "media/0/.hidden/DCIM/Camera/a.png",
                "data/x/a.png",
                "media/0/DCIM/Camera/a.png"
            ]
        );
    }

    #[test]
    fn too_many_files_and_a_tar_that_breaks_off_are_losses() {
        let dir = tempfile::tempdir().unwrap();
        let tar = tar_of(dir.path(), &[("files/a", b"1"), ("files/b", b"2"), ("files/c", &[7; 2000])]);
        let mut keep = Keep::new(dir.path(), 10_000).unwrap();
        assert_eq!(unpack(&tar, 1, &mut keep).unwrap(), Unpacked { files: 1, lost: 2 });
        File::options().write(true).open(&tar).unwrap().set_len(3 * 512 + 512 * 2 + 100).unwrap();
        let mut keep = Keep::new(dir.path(), 10_000).unwrap();
        assert_eq!(unpack(&tar, 10, &mut keep).unwrap(), Unpacked { files: 3, lost: 1 });
        assert_eq!(keep.artifacts().iter().map(|a| (a.size, a.truncated)).collect::<Vec<_>>(), [(1, false), (1, false), (100, true)]);
    }

    #[test]
    fn a_long_name_is_no_end_of_a_tar() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("long.tar");
        let mut b = tar::Builder::new(File::create(&path).unwrap());
        for name in [format!("files/{}", "d/".repeat(800)) + "x", "files/next".to_owned()] {
            let mut h = tar::Header::new_gnu();
            h.set_size(1);
            b.append_data(&mut h, name, &b"1"[..]).unwrap();
        }
        b.into_inner().unwrap();
        let mut keep = Keep::new(dir.path(), 1000).unwrap();
        assert_eq!(unpack(&path, 10, &mut keep).unwrap(), Unpacked { files: 2, lost: 0 });
        assert_eq!(keep.artifacts().iter().map(|a| a.truncated).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn plain_and_cipher_text_are_joined_by_the_fact_of_the_call() {
        let dir = tempfile::tempdir().unwrap();
        let tar = tar_of(dir.path(), &[("crypto/1.plain", b"secret"), ("crypto/1.cipher", b"garble"), ("crypto/2.plain", b"alone")]);
        let mut keep = Keep::new(dir.path(), 1000).unwrap();
        unpack(&tar, 100, &mut keep).unwrap();
        let fact = Fact::Crypto {
            algorithm: "AES".into(),
            operation: "encrypt".into(),
            plain: Some("crypto/1.plain".into()),
            cipher: Some("crypto/1.cipher".into()),
        };
        pair_crypto(&mut keep, &[Observation { at: Nanos::from_secs(9), source: Source::Host, fact, stack: vec![] }]);
        let a = keep.artifacts();
        assert_eq!((a[0].role, a[0].cipher, a[0].at), (Role::CryptoPlain, Some(Sha256Digest::of(b"garble")), Some(Nanos::from_secs(9))));
        assert_eq!((a[1].role, a[2].role, a[2].cipher), (Role::CryptoCipher, Role::CryptoPlain, None));
    }

    #[test]
    fn what_a_fact_names_and_did_not_come_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let tar =
            tar_of(dir.path(), &[("deleted/00001-a", b"1"), ("crypto/00002-plain", b"2"), ("code/00003-x", b"3"), ("files/00004-b", b"4")]);
        let mut keep = Keep::new(dir.path(), 1000).unwrap();
        unpack(&tar, 100, &mut keep).unwrap();
        let file = |change: &str, to: &str| Fact::File { path: "p".into(), change: change.into(), bytes: None, to: Some(to.into()) };
        let crypto = |plain: &str, cipher: Option<&str>| Fact::Crypto {
            algorithm: "AES".into(),
            operation: "encrypt".into(),
            plain: Some(plain.into()),
            cipher: cipher.map(Into::into),
        };
        let dex = |name: &str| Fact::DexLoaded { path: "p".into(), artifact: Some(name.into()) };
        let missing = |facts: Vec<Fact>| {
            let said = |fact| Observation { at: Nanos::ZERO, source: Source::Host, fact, stack: vec![] };
            missing(&keep, &facts.into_iter().map(said).collect::<Vec<_>>())
        };
        assert_eq!(missing(vec![file("deleted", "deleted/00001-a"), crypto("crypto/00002-plain", None), dex("code/00003-x")]), 0);
        assert_eq!(missing(vec![file("renamed", "files/elsewhere")]), 0, "the app's own name");
        assert_eq!(missing(vec![file("deleted", "00004-b"), file("replaced", "deleted/00009-c")]), 2, "a file of the app's is no artifact");
        assert_eq!(missing(vec![crypto("crypto/00002-plain", Some("crypto/00005-cipher")), dex("dex-1.dex")]), 2);
    }
}
