//! The smallest app that is taken: a binary manifest in a ZIP, with what a signature of scheme v1 leaves behind.

use std::io::{Cursor, Write};

const NONE: u32 = u32::MAX;

/// An APK of a package; `salt` makes its bytes differ.
pub(crate) fn apk(package: &str, salt: &str) -> Vec<u8> {
    zipped(manifest(&[("package", package)]), salt)
}

/// A split of a package.
pub(crate) fn split(package: &str, name: &str) -> Vec<u8> {
    zipped(manifest(&[("package", package), ("split", name)]), name)
}

fn zipped(manifest: Vec<u8>, salt: &str) -> Vec<u8> {
    let mut z = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let entries = [("AndroidManifest.xml", manifest), ("META-INF/CERT.RSA", b"not checked".to_vec()), ("assets/salt", salt.into())];
    for (name, bytes) in entries {
        z.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        z.write_all(&bytes).unwrap();
    }
    z.finish().unwrap().into_inner()
}

/// `<manifest package=".."/>` as the platform's tools write it.
fn manifest(attributes: &[(&str, &str)]) -> Vec<u8> {
    let mut strings = vec!["manifest"];
    strings.extend(attributes.iter().flat_map(|(name, value)| [*name, *value]));
    let (mut offsets, mut data) = (Vec::new(), Vec::new());
    for s in &strings {
        offsets.extend((data.len() as u32).to_le_bytes());
        data.extend([s.chars().count() as u8, s.len() as u8]);
        data.extend(s.as_bytes());
        data.push(0);
    }
    data.resize(data.len().next_multiple_of(4), 0);
    let start = 28 + offsets.len() as u32;
    let pool = words(&[strings.len() as u32, 0, 0x100, start, 0]);
    let pool = chunk(1, 28, &[pool, offsets, data].concat());
    let map = chunk(0x180, 8, &[]);
    // Line, comment, namespace, name, place and size of attributes, their number, ids; each attribute: a string.
    let mut begin = words(&[1, NONE, NONE, 0]);
    begin.extend([20u16, 20, attributes.len() as u16, 0, 0, 0].iter().flat_map(|v| v.to_le_bytes()));
    for n in 0..attributes.len() as u32 {
        let (name, value) = (1 + 2 * n, 2 + 2 * n);
        begin.extend(words(&[NONE, name, value, 0x0300_0008, value]));
    }
    let begin = chunk(0x102, 16, &begin);
    let end = chunk(0x103, 16, &words(&[1, NONE, NONE, 0]));
    chunk(3, 8, &[pool, map, begin, end].concat())
}

fn words(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A chunk: kind, size of its header, size of it all. `rest` begins behind the eight bytes of that.
fn chunk(kind: u16, header: u16, rest: &[u8]) -> Vec<u8> {
    let head = [kind.to_le_bytes(), header.to_le_bytes()].concat();
    [head, words(&[8 + rest.len() as u32]), rest.to_vec()].concat()
}
