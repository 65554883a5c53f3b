//! What is run in the app's process: Frida's bridge to Java where the operator gives one, and our agent behind it.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use stakeout_contract::Sha256Digest;

/// Our agent.
pub const AGENT: &str = include_str!("agent.js");
/// Frida's program in the operator's folder, or the begin of its name as it is released.
const PROGRAM: &str = "frida-inject";
/// The bridge there. Frida 16 has its own; from 17 on it comes with Frida's tools, as `bridges/java.js`.
const BRIDGE: &str = "java-bridge.js";
/// Bytes of a bridge. Frida's is of some 240 kB.
const MOST: u64 = 8 << 20;

/// What the operator gives, and what is made of it.
#[derive(Clone, Debug)]
pub struct Kit {
    /// Frida's program.
    pub program: PathBuf,
    /// What it is, for a trial's record.
    pub words: String,
    /// What it runs.
    pub script: String,
}

impl Kit {
    /// What is in the operator's folder; why it is of no use.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let program = program(folder)?;
        let digest = digest(&program).map_err(|e| format!("`{}` cannot be read: {e}", program.display()))?;
        let bridge = bridge(folder)?;
        let of_bridge = bridge.as_ref().map(|b| format!(", {BRIDGE} sha256:{}", Sha256Digest::of(b.as_bytes())));
        let words =
            format!("{PROGRAM} sha256:{digest}{}, agent.js sha256:{}", of_bridge.unwrap_or_default(), Sha256Digest::of(AGENT.as_bytes()));
        Ok(Self { program, words, script: script(bridge.as_deref()) })
    }
}

/// The one program of the folder: there are others beside it for other processors, and packed ones.
fn program(folder: &Path) -> Result<PathBuf, String> {
    let exact = folder.join(PROGRAM);
    if exact.is_file() {
        return Ok(exact);
    }
    let all = fs::read_dir(folder).map_err(|e| format!("the folder for it cannot be read: {e}"))?;
    let is = |p: &PathBuf| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(PROGRAM)) && p.is_file();
    let all: Vec<PathBuf> = all.flatten().map(|e| e.path()).filter(is).collect();
    let packed = |p: &PathBuf| p.extension().is_some_and(|e| e == "xz");
    match all.iter().filter(|p| !packed(p)).collect::<Vec<_>>()[..] {
        [one] => Ok(one.clone()),
        [] if all.is_empty() => Err(format!("the folder for it has no `{PROGRAM}`")),
        [] => Err(format!("`{PROGRAM}` is packed: unpack it with `xz -d`")),
        _ => Err(format!("the folder for it has several programs: name the one of the guest's processor `{PROGRAM}`")),
    }
}

fn digest(path: &Path) -> io::Result<Sha256Digest> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(Sha256Digest::from_bytes(hash.finalize().into()))
}

fn bridge(folder: &Path) -> Result<Option<String>, String> {
    let path = folder.join(BRIDGE);
    let mut text = String::new();
    match File::open(&path).and_then(|f| f.take(MOST + 1).read_to_string(&mut text)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(format!("`{BRIDGE}` cannot be read: {e}")),
        Ok(_) => {}
    }
    if text.len() as u64 > MOST {
        return Err(format!("`{BRIDGE}` is larger than {MOST} bytes"));
    }
    // What `frida-compile` makes is a script by itself, and nothing can stand behind it.
    if text.starts_with('\u{1f4e6}') {
        return Err(format!("`{BRIDGE}` is a bundle of frida-compile: use `bridges/java.js` of Frida's tools"));
    }
    Ok(Some(text))
}

/// The bridge, where Frida has none of its own, and the agent.
fn script(bridge: Option<&str>) -> String {
    let bridge = bridge.map_or_else(String::new, |b| {
        format!(
            "if (typeof Java === 'undefined') (function () {{\n{b}\n;if (typeof bridge !== 'undefined') globalThis.Java = bridge;\n}})();\n"
        )
    });
    format!("{bridge}{AGENT}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_as_it_is_unpacked_from_a_release() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        let why = || Kit::read(dir.path()).unwrap_err();
        assert_eq!(why(), "the folder for it has no `frida-inject`");
        put("frida-inject-17.2.16-android-x86_64.xz", "x");
        assert_eq!(why(), "`frida-inject` is packed: unpack it with `xz -d`");
        put("frida-inject-17.2.16-android-x86_64", "program");
        let kit = Kit::read(dir.path()).unwrap();
        assert!(kit.words.contains(&format!("frida-inject sha256:{}, agent.js sha256:", Sha256Digest::of(b"program"))), "{}", kit.words);
        assert_eq!(kit.script, AGENT);
        put("frida-inject-17.2.16-android-arm64", "other");
        assert!(why().contains("several programs"));
        put("frida-inject", "program");
        put("java-bridge.js", "var bridge = {};");
        let kit = Kit::read(dir.path()).unwrap();
        assert!(kit.words.contains("java-bridge.js sha256:") && kit.program.ends_with("frida-inject"));
        assert!(kit.script.starts_with("if (typeof Java === 'undefined')") && kit.script.ends_with(AGENT));
        put("java-bridge.js", "\u{1f4e6}\n1 /x.js");
        assert!(why().contains("a bundle of frida-compile"));
    }
}
