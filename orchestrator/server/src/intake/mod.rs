//! What is refused at the door, each with the thing's name and a hint.

mod archive;
mod child;
mod signature;

use std::{
    borrow::Cow,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use stakeout_contract::{
    scenario::{Scenario, ScenarioProblem, Step},
    trial::AppFacts,
};
use stakeout_feed::planting;

pub use child::{Intake, Question, answer};

use crate::Secrets;

/// Why something was refused.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The scenario's contents.
    #[error(transparent)]
    Scenario(#[from] ScenarioProblem),
    /// The scenario names a secret that was not given.
    #[error("the scenario types the secret `{0}`, which was not given\nhint: add `--secret {0}=env:VARIABLE` or `--secret {0}=file:PATH`")]
    NoSecret(String),
    /// A secret would take evidence with it.
    #[error("the secret `{name}` {why}\nhint: {hint}")]
    BadSecret {
        /// Which.
        name: String,
        /// What is wrong; never its value.
        why: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The file cannot be read.
    #[error("`{path}` cannot be read: {source}\nhint: check the path and that you may read it")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("`{path}` {what}\nhint: {hint}")]
    NotUsable {
        /// Which.
        path: String,
        /// What is wrong.
        what: String,
        /// What to do.
        hint: Cow<'static, str>,
    },
}

/// Largest APK, bytes.
pub const APK_MAX: u64 = 1 << 30;
/// What is known of an app, as JSON, bytes: each of its jobs has a copy.
pub const FACTS_MAX: usize = 256 << 10;
/// Permissions that an app may ask for. The largest of published apps ask for some hundred.
const PERMISSIONS_MAX: usize = 1000;
/// Characters of a permission's name, and of a package's.
const NAME_MAX: usize = 255;
/// Characters of a label or of a version's name; of a longer one the begin stands, with a mark.
const TEXT_MAX: usize = 255;
/// The folders of native code that a device looks into. Source: the NDK's guide "Android ABIs", with those that it dropped.
const ABIS: [&str; 8] = ["arm64-v8a", "armeabi", "armeabi-v7a", "mips", "mips64", "riscv64", "x86", "x86_64"];

/// Reads what an app is, and refuses what is no app, what is only a part of one, and splits of another app. In this process, which
/// a hostile one can bring down: see [`Intake`].
pub fn app(apk: &Path, splits: &[PathBuf]) -> Result<AppFacts, IntakeError> {
    let (facts, split) = facts_of(apk)?;
    if let Some(split) = split {
        return Err(bad(
            apk,
            format!("is the split `{split}` of an app, not its base"),
            "give the base APK, and each split with `--split`",
        ));
    }
    for path in splits {
        let (s, name) = facts_of(path)?;
        if name.is_none() {
            return Err(bad(path, "is no split: its manifest names none", "give one base APK, and only its splits with `--split`"));
        }
        if s.package != facts.package {
            return Err(bad(path, format!("is a split of `{}`, not of `{}`", s.package, facts.package), "give the splits of the same app"));
        }
        if s.signers != facts.signers {
            return Err(bad(path, "is signed by another key than its base", "give the splits as they were published with this base"));
        }
    }
    Ok(facts)
}

/// Which of several APKs is the base: see [`Intake::base_of`].
fn base_of(files: &[PathBuf]) -> Result<usize, IntakeError> {
    let [first, _, ..] = files else { return Ok(0) };
    let mut bases = Vec::new();
    for (n, path) in files.iter().enumerate() {
        if let (facts, None) = facts_of(path)? {
            bases.push((n, facts.package));
        }
    }
    match &bases[..] {
        [(base, _)] => Ok(*base),
        [] => Err(bad(first, "comes with splits only, and without its base", "give its base APK together with its splits")),
        [(_, a), (_, b), ..] => {
            Err(bad(first, format!("comes with more than one base: `{a}` and `{b}`"), "give one app at a time: its base and its splits"))
        }
    }
}

fn bad(path: &Path, what: impl Into<String>, hint: &'static str) -> IntakeError {
    IntakeError::NotUsable { path: path.display().to_string(), what: what.into(), hint: hint.into() }
}

fn looks_like_zip(path: &Path) -> Result<(), IntakeError> {
    let failed = |source| IntakeError::Unreadable { path: path.display().to_string(), source };
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(bad(path, "is no file", "give the path of an APK file"));
    }
    if meta.len() > APK_MAX {
        return Err(bad(
            path,
            format!("has {} bytes, more than the {APK_MAX} that are taken", meta.len()),
            "submit the base APK and its splits, without expansion files",
        ));
    }
    let mut head = [0; 4];
    let n = File::open(path).and_then(|mut f| f.read(&mut head)).map_err(failed)?;
    if head[..n] != *b"PK\x03\x04" {
        return Err(bad(
            path,
            "is no APK: it does not begin as a ZIP does",
            "an APK is a ZIP with `AndroidManifest.xml`; was the download complete?",
        ));
    }
    Ok(())
}

/// What an APK is, and the name of the split that it is, if it is one.
fn facts_of(path: &Path) -> Result<(AppFacts, Option<String>), IntakeError> {
    looks_like_zip(path)?;
    archive::check(path).map_err(|e| {
        let hint = match e {
            archive::Harmful::NoZip(_) => "it may be cut off or damaged; compare its size or digest with the source",
            archive::Harmful::NoManifest => "give an APK as it is installed: of an `.apks` or `.xapk`, unpack the base and its splits",
            archive::Harmful::Bomb(_) => "no app is built so; it was made to exhaust who opens it",
        };
        bad(path, e.to_string(), hint)
    })?;
    let apk = apk_info::Apk::new(path).map_err(|e| {
        bad(path, format!("cannot be read as an APK: {e}"), "it may be cut off or damaged; compare its size or digest with the source")
    })?;
    let package = apk.get_package_name().filter(|p| !p.is_empty());
    let package = package.ok_or_else(|| {
        bad(path, "has no readable `AndroidManifest.xml`", "give an APK as it is installed, not a project or a resource archive")
    })?;
    // As the platform demands of a package's name; a stranger's text stands in lists, logs and books.
    if package.len() > NAME_MAX || !package.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.') {
        return Err(bad(
            path,
            "names a package that is no package's name",
            "a device refuses it too: letters, digits, `_` and `.` are allowed",
        ));
    }
    let found = |abi: &&str| apk.namelist().any(|n| n.strip_prefix("lib/").and_then(|r| r.split_once('/')).is_some_and(|(a, _)| a == *abi));
    let split = apk.get_attribute_value("manifest", "split").filter(|s| !s.is_empty());
    let facts = AppFacts {
        sha256: None,
        package,
        version_name: cut(&apk.get_version_name().unwrap_or_default()),
        version_code: apk.get_version_code().and_then(|v| v.parse().ok()).unwrap_or(0),
        target_sdk: apk.get_target_sdk_version(),
        label: cut(&apk.get_application_label().unwrap_or_default()),
        permissions: permissions(path, apk.get_permissions())?,
        signers: signers(path, &apk)?,
        abis: ABIS.into_iter().filter(found).map(str::to_owned).collect(),
    };
    let bytes = serde_json::to_vec(&facts).map_or(usize::MAX, |v| v.len());
    if bytes > FACTS_MAX {
        return Err(bad(
            path,
            format!("says {bytes} bytes of itself in its manifest; at most {FACTS_MAX} are taken"),
            "no published app asks for so many permissions with names so long",
        ));
    }
    Ok((facts, split.map(|s| s.chars().take(80).collect())))
}

/// Text for people, at most so long.
fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

/// What an app asks for. One that was left out would look as if the app did not ask for it, so too many are refused.
fn permissions<'a>(path: &Path, asked: impl Iterator<Item = &'a str>) -> Result<Vec<String>, IntakeError> {
    let mut all = Vec::new();
    for name in asked {
        if all.len() == PERMISSIONS_MAX {
            let what = format!("asks for more than {PERMISSIONS_MAX} permissions");
            return Err(bad(path, what, "no published app does; give the APK as it was published"));
        }
        if name.chars().nth(NAME_MAX).is_some() {
            let what = format!("asks for a permission whose name has more than {NAME_MAX} characters");
            return Err(bad(path, what, "no permission of a device or of an app has such a name"));
        }
        all.push(name.to_owned());
    }
    Ok(all)
}

/// Who signed it; what was changed since, or was never signed, is refused as a device would.
fn signers(path: &Path, apk: &apk_info::Apk) -> Result<Vec<String>, IntakeError> {
    let unreadable = |source| IntakeError::Unreadable { path: path.display().to_string(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    match signature::check(&mut file) {
        Ok(signature::Signature::Holds(s)) => Ok(s),
        Ok(signature::Signature::NoBlock) => {
            let v1 = apk.namelist().any(|n| n.starts_with("META-INF/") && [".RSA", ".EC", ".DSA"].iter().any(|e| n.ends_with(e)));
            if v1 {
                Ok(vec!["scheme v1 only, not checked".to_owned()])
            } else {
                Err(bad(path, "is not signed", "sign it with `apksigner`, or give the APK as it was published"))
            }
        }
        Err(signature::BadSignature::Unreadable(source)) => Err(unreadable(source)),
        Err(e) => {
            Err(bad(path, format!("cannot be installed: {e}"), "give the APK as it was published; compare its digest with the source's"))
        }
    }
}

/// Every secret that the scenario types was given.
pub(crate) fn secrets_are_there(s: &Scenario, secrets: &Secrets) -> Result<(), IntakeError> {
    for step in &s.steps {
        if let Step::InputText(i) = step
            && let Some(name) = &i.secret
        {
            let value = secrets.get(name).ok_or_else(|| IntakeError::NoSecret(name.clone()))?;
            takes_evidence(value, i.short).map_err(|(why, hint)| IntakeError::BadSecret { name: name.clone(), why, hint })?;
        }
    }
    Ok(())
}

/// Fewest bytes of a secret, unless the scenario says that it is short.
const SECRET_LEAST: usize = 6;

/// Why a value must not be overwritten wherever it stands, with a hint.
fn takes_evidence(value: &str, short: bool) -> Result<(), (&'static str, &'static str)> {
    if value.len() < SECRET_LEAST && !short {
        return Err((
            "has fewer than 6 bytes: it would be found, and overwritten, where it was not typed",
            "use a longer one; for a PIN say `short: true` at its `inputText`, and expect `inconclusive: overwritten`",
        ));
    }
    if planting::is_constant(value) {
        return Err((
            "is a part of what is planted on every device, or of what media begin with: evidence would go with it",
            "use another value, such as a long random one",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_for_people_is_cut_with_a_mark() {
        assert_eq!(cut("Loud"), "Loud");
        assert_eq!(cut(&"ä".repeat(TEXT_MAX)), "ä".repeat(TEXT_MAX));
        assert_eq!(cut(&"ä".repeat(TEXT_MAX + 1)), "ä".repeat(TEXT_MAX) + "…");
    }

    #[test]
    fn too_many_permissions_and_names_too_long_are_refused_and_none_is_left_out() {
        let of = |names: Vec<String>| permissions(Path::new("a.apk"), names.iter().map(String::as_str)).map_err(|e| e.to_string());
        assert_eq!(of(vec!["p".repeat(NAME_MAX); PERMISSIONS_MAX]).unwrap().len(), PERMISSIONS_MAX);
        assert!(of(vec!["p".to_owned(); PERMISSIONS_MAX + 1]).unwrap_err().contains("asks for more than 1000 permissions\nhint: "));
        assert!(of(vec!["p".repeat(NAME_MAX + 1)]).unwrap_err().contains("more than 255 characters\nhint: "));
    }

    #[test]
    fn a_secret_that_would_take_evidence_with_it_is_refused_at_the_door() {
        let refused = |value: &str, short| takes_evidence(value, short).is_err();
        assert!(refused("1234", false) && !refused("1234", true));
        for constant in ["android.permission", "com.google", "mail.example", "Schmidt", "/9j/4AAQSkZJRgABAQ", "multipart/form-data"] {
            assert!(refused(constant, false), "{constant}");
        }
        assert!(refused("com.", true));
        assert!(!refused("s3cr3t word", false) && !refused("correct horse battery staple", false));
        let mut secrets = Secrets::default();
        secrets.insert("PIN".to_owned(), "1234".to_owned());
        let steps = |short| serde_json::json!({"name": "s", "steps": [{"inputText": {"secret": "PIN", "short": short}}]});
        let check = |short| secrets_are_there(&serde_json::from_value(steps(short)).unwrap(), &secrets);
        let e = check(false).unwrap_err().to_string();
        assert!(e.contains("`PIN`") && e.contains("short: true") && !e.contains("1234"), "{e}");
        check(true).unwrap();
    }
}
