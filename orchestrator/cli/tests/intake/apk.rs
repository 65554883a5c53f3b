//! Apps that harm whoever reads them, made here: binary manifests and resource tables as the platform's readers take them. Source:
//! `ResourceTypes.h` of Android's `androidfw`.

use std::io::{Cursor, Write};

const NONE: u32 = u32::MAX;
/// Kinds of a value: its size (8) and its type.
const STRING: u32 = 0x0300_0008;
const REFERENCE: u32 = 0x0100_0008;

/// Elements in each other, so many.
pub(crate) fn nested(depth: usize) -> Vec<u8> {
    let body = [manifest(2), begin(3, &[]).repeat(depth), end().repeat(depth), end()].concat();
    apk(&axml(&["manifest", "package", "com.example.nested", "a"], &body), None)
}

/// A label that is a reference to another, which refers to the first.
pub(crate) fn circle() -> Vec<u8> {
    let body = [manifest(2), begin(3, &[(4, REFERENCE, 0x7f01_0000)]), end(), end()].concat();
    apk(&axml(&["manifest", "package", "com.example.circle", "application", "label"], &body), Some(&table()))
}

/// One string, which so many permissions have as their name.
pub(crate) fn asking(name: &str, elements: usize) -> Vec<u8> {
    let one = [begin(3, &[(4, STRING, 5)]), end()].concat();
    let body = [manifest(2), one.repeat(elements), end()].concat();
    apk(&axml(&["manifest", "package", "com.example.asking", "uses-permission", "name", name], &body), None)
}

fn apk(manifest: &[u8], table: Option<&[u8]>) -> Vec<u8> {
    let mut z = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let entries = [("AndroidManifest.xml", Some(manifest)), ("resources.arsc", table), ("META-INF/CERT.RSA", Some(b"not checked"))];
    for (name, bytes) in entries {
        let Some(bytes) = bytes else { continue };
        z.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        z.write_all(bytes).unwrap();
    }
    z.finish().unwrap().into_inner()
}

fn axml(strings: &[&str], body: &[u8]) -> Vec<u8> {
    chunk(3, 8, &[pool(strings), chunk(0x180, 8, &[]), body.to_vec()].concat())
}

/// The begin of `<manifest package="..">`, whose value is this string.
fn manifest(value: u32) -> Vec<u8> {
    begin(0, &[(1, STRING, value)])
}

/// The begin of an element: its name, and each attribute's name, kind and value.
fn begin(name: u32, attributes: &[(u32, u32, u32)]) -> Vec<u8> {
    let mut rest = words(&[1, NONE, NONE, name]);
    rest.extend(halves(&[20, 20, attributes.len() as u16, 0, 0, 0]));
    for (name, kind, value) in attributes {
        rest.extend(words(&[NONE, *name, NONE, *kind, *value]));
    }
    chunk(0x102, 16, &rest)
}

fn end() -> Vec<u8> {
    chunk(0x103, 16, &words(&[1, NONE, NONE, 0]))
}

/// Strings of UTF-16, as only these may be long.
fn pool(strings: &[&str]) -> Vec<u8> {
    let (mut offsets, mut data) = (Vec::new(), Vec::new());
    for s in strings {
        offsets.extend(words(&[data.len() as u32]));
        let n = s.len();
        if n >= 0x8000 {
            data.extend(halves(&[0x8000 | (n >> 16) as u16]));
        }
        data.extend(halves(&[n as u16]));
        data.extend(s.bytes().flat_map(|b| [b, 0]));
        data.extend([0, 0]);
    }
    data.resize(data.len().next_multiple_of(4), 0);
    let head = words(&[strings.len() as u32, 0, 0, 28 + offsets.len() as u32, 0]);
    chunk(1, 28, &[head, offsets, data].concat())
}

/// `string/a` is `@string/b`, which is `@string/a`.
fn table() -> Vec<u8> {
    let (types, keys) = (pool(&["string"]), pool(&["a", "b"]));
    let masks = chunk(0x202, 16, &words(&[1, 2, 0, 0]));
    let entry = |key, to| [halves(&[8, 0]), words(&[key, REFERENCE, to])].concat();
    let config = [words(&[28]), vec![0; 24]].concat();
    let head = [words(&[1, 2, 48 + 8]), config].concat();
    let entries = chunk(0x201, 48, &[head, words(&[0, 16]), entry(0, 0x7f01_0001), entry(1, 0x7f01_0000)].concat());
    let offsets = words(&[288, 0, 288 + types.len() as u32, 0, 0]);
    let package = chunk(0x200, 288, &[words(&[0x7f]), vec![0; 256], offsets, types, keys, masks, entries].concat());
    chunk(2, 12, &[words(&[1]), pool(&[]), package].concat())
}

fn words(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn halves(all: &[u16]) -> Vec<u8> {
    all.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A chunk: kind, size of its header, size of it all. `rest` begins behind the eight bytes of that.
fn chunk(kind: u16, header: u16, rest: &[u8]) -> Vec<u8> {
    [halves(&[kind, header]), words(&[8 + rest.len() as u32]), rest.to_vec()].concat()
}
