//! Writes the build contexts of an emulator image as tar files, for images/emulator/test.sh and for whoever builds without the
//! command line program:
//!
//! ```text
//! cargo run --release -p stakeout-sdk --example emulator_context -- --stand-in SDK
//! cargo run --release -p stakeout-sdk --example emulator_context -- SDK OUT BASE DEVICE_PROGRAM --accept-licenses
//! ```
//!
//! The first makes a folder of stand-in archives with scripts in the place of programs. The second writes `OUT/sdk.tar`,
//! `OUT/device.tar`, and `OUT/sdk.tag`, `OUT/device.tag` for one API level, 34.
#![allow(clippy::print_stderr, reason = "a program for tests")]

use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use stakeout_sdk::{Acceptance, Host, ImageBuild, LockSource, Origin, Request, Sha1Digest, prepare};

type Failed = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--stand-in", sdk] => stand_in(Path::new(sdk)),
        [sdk, out, base, program, ref rest @ ..] => {
            contexts(Path::new(sdk), Path::new(out), base, Path::new(program), rest.contains(&"--accept-licenses")).await
        }
        _ => Err("usage: emulator_context --stand-in SDK | SDK OUT BASE DEVICE_PROGRAM [--accept-licenses]".into()),
    }
}

async fn contexts(sdk: &Path, out: &Path, base: &str, program: &Path, accepted: bool) -> Result<(), Failed> {
    let lock = out.join("lock.json");
    std::fs::write(&lock, "{\"format\":1,\"about\":\"none\",\"packages\":[]}")?;
    let request = Request {
        from: Origin::Folder(sdk.to_owned()),
        lock: LockSource::File(lock),
        acceptance: if accepted { Acceptance::Given } else { Acceptance::NotGiven },
        device_program: Some(PathBuf::from(program)),
        host: Host { os: "linux", arch: "x64" },
        ..Request::new(vec![34], out.join("cache"), base, "0.0.0-test")
    };
    let prepared = prepare(&request, &()).await?;
    for images in &prepared.images {
        write(out, "sdk", &images.sdk)?;
        images.device.as_ref().map_or(Ok(()), |device| write(out, "device", device))?;
        eprintln!("api {}: {} bytes unpacked", images.api, images.unpacked);
    }
    Ok(())
}

fn write(out: &Path, name: &str, image: &ImageBuild) -> Result<(), Failed> {
    image.context.write_tar(BufWriter::new(std::fs::File::create(out.join(format!("{name}.tar")))?))?;
    let tag = image.tags.first().map(String::as_str).unwrap_or_default();
    std::fs::write(out.join(format!("{name}.tag")), tag)?;
    Ok(())
}

/// Archives of the vendor's form with scripts that say who they are.
fn stand_in(sdk: &Path) -> Result<(), Failed> {
    std::fs::create_dir_all(sdk.join("sys-img/google_apis"))?;
    let script = |says: &str| format!("#!/bin/sh\necho {says}\n");
    let (emulator, adb) = (script("stand-in emulator"), script("stand-in adb"));
    let tools = [
        (
            "emulator",
            "90.1.12",
            "emulator-linux_x64-1012.zip",
            &[("emulator/emulator", emulator.as_str()), ("emulator/source.properties", "Pkg.Revision=90.1.12\n")],
        ),
        (
            "platform-tools",
            "91.0.1",
            "platform-tools_r91.0.1-linux.zip",
            &[("platform-tools/adb", adb.as_str()), ("platform-tools/source.properties", "Pkg.Revision=91.0.1\n")],
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
    let archive = zip(&[("x86_64/system.img", "stand-in image\n"), ("x86_64/source.properties", "AndroidVersion.ApiLevel=34\n")])?;
    let details = "<type-details><api-level>34</api-level><tag><id>google_apis</id></tag><abi>x86_64</abi></type-details>";
    let image = package("system-images;android-34;google_apis;x86_64", "14", details, "x86_64-34_r14.zip", &archive, "");
    std::fs::write(sdk.join("sys-img/google_apis/x86_64-34_r14.zip"), archive)?;
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

fn zip(entries: &[(&str, &str)]) -> Result<Vec<u8>, Failed> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in entries {
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        zip.start_file(*name, zip::write::SimpleFileOptions::default().unix_permissions(mode))?;
        zip.write_all(text.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}
