use std::io::Write;

use proptest::prelude::*;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;

const FEW: Limits = Limits { entries: 100, total: 1 << 20 };

/// Writes an archive with `make` and gives what [`Unpack`] makes of it: a line an entry, or the problem.
fn unpack_bytes(bytes: &[u8], limits: Limits) -> Result<Vec<String>, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let problem = |e: SdkError| match e {
        SdkError::Archive { problem, .. } => problem,
        other => panic!("{other}"),
    };
    let mut lines = Vec::new();
    let unpack = Unpack::open(file.path(), "test.zip", "top", limits).map_err(problem)?;
    unpack
        .each(|path, entry| {
            lines.push(match entry {
                Entry::Folder => format!("{path}/"),
                Entry::Link { target } => format!("{path} -> {target}"),
                Entry::File { size, executable, bytes } => {
                    let mut all = Vec::new();
                    bytes.read_to_end(&mut all)?;
                    assert_eq!(all.len() as u64, size);
                    format!("{path}{} {}", if executable { "*" } else { "" }, String::from_utf8_lossy(&all))
                }
            });
            Ok(())
        })
        .map_err(problem)?;
    Ok(lines)
}

fn zip_of(make: impl FnOnce(&mut ZipWriter<io::Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    make(&mut zip);
    zip.finish().unwrap().into_inner()
}

fn unpack(make: impl FnOnce(&mut ZipWriter<io::Cursor<Vec<u8>>>)) -> Result<Vec<String>, String> {
    unpack_bytes(&zip_of(make), FEW)
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
}

fn file(zip: &mut ZipWriter<io::Cursor<Vec<u8>>>, name: &str, bytes: &[u8]) {
    zip.start_file(name, options()).unwrap();
    zip.write_all(bytes).unwrap();
}

#[test]
fn files_folders_links_and_rights_come_through() {
    let lines = unpack(|z| {
        z.add_directory("top/lib", options()).unwrap();
        z.start_file("top/run", options().unix_permissions(0o4755)).unwrap();
        z.write_all(b"program").unwrap();
        file(z, "top/lib/data", b"data");
        // An archive made where no rights are kept.
        file(z, "top/elf", b"\x7fELF");
        z.start_file("top/empty", options().unix_permissions(0o666)).unwrap();
        z.add_symlink("top/lib/link", "../run", options()).unwrap();
    })
    .unwrap();
    assert_eq!(lines, ["top/lib/", "top/run* program", "top/lib/data data", "top/elf* \u{7f}ELF", "top/empty ", "top/lib/link -> ../run"]);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["../x", "top/../../x", "/top/x", "top//x", "top/./x", "other/x", "top\\..\\x", "top/a\u{7}b", "x", "top/.."] {
        assert!(unpack(|z| file(z, name, b"x")).is_err(), "{name:?}");
    }
    assert!(unpack(|z| file(z, &format!("top/{}", "x".repeat(600)), b"")).is_err());
    assert!(unpack(|z| file(z, &format!("top{}", "/x".repeat(40)), b"")).is_err());
}

#[test]
fn links_stay_inside_and_nothing_lies_below_them() {
    for target in ["/etc/passwd", "../x", "../../x", "a/../../x", "", "a\\b"] {
        assert!(unpack(|z| z.add_symlink("top/link", target, options()).unwrap()).is_err(), "{target:?}");
    }
    for (target, inside) in [("a", true), ("a/b", true), ("../a", true), ("../../top/a", false), ("../../x", false)] {
        assert_eq!(unpack(|z| z.add_symlink("top/d/link", target, options()).unwrap()).is_ok(), inside, "{target:?}");
    }
    let below = unpack(|z| {
        z.add_symlink("top/link", "d", options()).unwrap();
        file(z, "top/link/x", b"x");
    });
    assert!(below.unwrap_err().contains("below"));
    let below_file = unpack(|z| {
        file(z, "top/x/y", b"1");
        file(z, "top/x", b"2");
    });
    assert!(below_file.unwrap_err().contains("below"));
}

#[test]
fn bombs_are_refused_by_what_they_say_and_by_what_they_are() {
    let said = unpack(|z| file(z, "top/zeros", &vec![0; (1 << 20) + 1]));
    assert!(said.unwrap_err().contains("more than 1048576 bytes"));
    let many = unpack(|z| (0..101).for_each(|i| file(z, &format!("top/{i}"), b"")));
    assert!(many.unwrap_err().contains("101 entries"));
    // The same file saying that it is smaller: both its headers are changed.
    let liar = |says: u32| {
        let mut bytes = zip_of(|z| file(z, "top/zeros", &vec![0; 5000]));
        for (magic, at) in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)] {
            let begin = bytes.windows(4).position(|w| w == magic).unwrap();
            bytes[begin + at..begin + at + 4].copy_from_slice(&says.to_le_bytes());
        }
        unpack_bytes(&bytes, FEW)
    };
    assert!(liar(5000).is_ok());
    assert!(liar(10).unwrap_err().contains("more bytes than it says"));
    assert!(liar(9000).unwrap_err().contains("bytes than it says"));
}

#[test]
fn damage_is_found_by_the_checksum() {
    let mut bytes = zip_of(|z| {
        z.start_file("top/x", options().compression_method(zip::CompressionMethod::Stored)).unwrap();
        z.write_all(b"some bytes").unwrap();
    });
    let at = bytes.windows(4).position(|w| w == b"some").unwrap();
    bytes[at] ^= 1;
    assert!(unpack_bytes(&bytes, FEW).unwrap_err().contains("damaged"));
}

#[test]
fn two_entries_of_the_same_name_are_refused() {
    let mut bytes = zip_of(|z| {
        file(z, "top/ab", b"1");
        file(z, "top/ac", b"2");
    });
    let places: Vec<usize> = bytes.windows(6).enumerate().filter(|(_, w)| *w == b"top/ac").map(|(i, _)| i).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        bytes[at + 5] = b'b';
    }
    assert!(unpack_bytes(&bytes, FEW).unwrap_err().contains("same name"));
}

#[test]
fn what_is_no_archive_is_said() {
    for bytes in [&b""[..], b"PK", b"<html></html>", &[0; 100]] {
        assert!(unpack_bytes(bytes, FEW).unwrap_err().contains("no ZIP"));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = unpack_bytes(&bytes, FEW);
    }

    #[test]
    fn a_damaged_archive_never_panics_and_never_leaves_its_folder(at in 0..1000usize, with in any::<u8>()) {
        let mut bytes = zip_of(|z| {
            file(z, "top/a/file", b"bytes bytes bytes");
            z.add_symlink("top/a/link", "../b", options()).unwrap();
            file(z, "top/b", b"more");
        });
        let at = at % bytes.len();
        bytes[at] = with;
        for line in unpack_bytes(&bytes, FEW).unwrap_or_default() {
            prop_assert!(line.starts_with("top"), "{}", line);
        }
    }
}
