//! Makes a folder of stand-ins for Google's SDK, with scripts in the place of programs, for images/emulator/test.sh:
//!
//! ```text
//! cargo run --release -p stakeout-sdk --example stand_in_sdk -- FOLDER [EMULATOR]
//! ```
//!
//! With EMULATOR, a program that plays the emulator (tests/fake-emulator) is in it, whose guest has this API level.
//! Its one API level is 99, which does not exist: no image of it is taken for an emulator. `FOLDER/lock.json` pins nothing.

use std::{io::Write, path::Path};

use stakeout_sdk::Sha1Digest;

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let folder = std::env::args().nth(1).ok_or("usage: stand_in_sdk FOLDER [EMULATOR]")?;
    let player = std::env::args().nth(2).map(std::fs::read).transpose()?;
    stand_in(Path::new(&folder), player.as_deref())
}

/// Archives of the vendor's form with scripts that say who they are.
fn stand_in(sdk: &Path, player: Option<&[u8]>) -> Result<(), Failed> {
    std::fs::create_dir_all(sdk.join("sys-img/google_apis"))?;
    let script = |says: &str| format!("#!/bin/sh\necho {says}\n");
    let play = "#!/bin/sh\nexport FAKE_EMULATOR_API=99\nexec \"${0%/*}/player\" \"$@\"\n".to_owned();
    let emulator = if player.is_some() { play } else { script("stand-in emulator") };
    let (adb, player) = (script("stand-in adb"), player.unwrap_or(b"#!/bin/sh\n"));
    let tools = [
        (
            "emulator",
            "90.1.12",
            "emulator-linux_x64-1012.zip",
            &[
                ("emulator/emulator", emulator.as_bytes()),
                ("emulator/player", player),
                ("emulator/source.properties", b"Pkg.Revision=90.1.12\n"),
            ][..],
        ),
        (
            "platform-tools",
            "91.0.1",
            "platform-tools_r91.0.1-linux.zip",
            &[("platform-tools/adb", adb.as_bytes()), ("platform-tools/source.properties", b"Pkg.Revision=91.0.1\n")][..],
        ),
    ];
    let license = "<license id=\"stand-in-license\" type=\"text\">A stand-in for tests, without any terms.</license><channel id=\"channel-0\">stable</channel>";
    let mut packages = String::new();
    for (path, revision, file, entries) in tools {
        let archive = zip(entries)?;
        packages += &package(path, revision, "", file, &archive, "<host-os>linux</host-os>");
        std::fs::write(sdk.join(file), archive)?;
    }
    std::fs::write(sdk.join("repository2-1.xml"), format!("<sdk-repository>{license}{packages}</sdk-repository>"))?;
    let archive = zip(&[("x86_64/system.img", b"stand-in image\n"), ("x86_64/source.properties", b"AndroidVersion.ApiLevel=99\n")])?;
    let details = "<type-details><api-level>99</api-level><tag><id>google_apis</id></tag><abi>x86_64</abi></type-details>";
    let image = package("system-images;android-99;google_apis;x86_64", "14", details, "x86_64-99_r14.zip", &archive, "");
    std::fs::write(sdk.join("sys-img/google_apis/x86_64-99_r14.zip"), archive)?;
    std::fs::write(sdk.join("lock.json"), "{\"format\":1,\"about\":\"none\",\"packages\":[]}")?;
    std::fs::write(sdk.join("sys-img/google_apis/sys-img2-5.xml"), format!("<sdk-sys-img>{license}{image}</sdk-sys-img>"))?;
    Ok(())
}

fn package(path: &str, revision: &str, details: &str, file: &str, archive: &[u8], host: &str) -> String {
    let revision: String =
        ["major", "minor", "micro"].iter().zip(revision.split('.')).map(|(n, v)| ["<", n, ">", v, "</", n, ">"].concat()).collect();
    format!(
        "<remotePackage path=\"{path}\">{details}<revision>{revision}</revision><uses-license ref=\"stand-in-license\"/><channelRef ref=\"channel-0\"/>\
         <archives><archive><complete><size>{}</size><checksum type=\"sha1\">{}</checksum><url>{file}</url></complete>{host}</archive></archives></remotePackage>",
        archive.len(),
        Sha1Digest::of(archive)
    )
}

fn zip(entries: &[(&str, &[u8])]) -> Result<Vec<u8>, Failed> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let mode = if bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF") { 0o755 } else { 0o644 };
        zip.start_file(*name, zip::write::SimpleFileOptions::default().unix_permissions(mode))?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}
