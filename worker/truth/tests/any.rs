//! Whatever comes, nothing panics, and what is too much is cut and told.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{fs, sync::LazyLock};

use proptest::prelude::*;
use stakeout_truth::{Cut, MAX_BYTES, MAX_LINE, RecordKind, parse_any};

static FIXTURES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let dir = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).unwrap();
    let mut names: Vec<_> = dir.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e != "md")).collect();
    names.sort();
    names.iter().map(|n| fs::read(n).unwrap()).collect()
});

/// A change to a record: bytes put in, taken away, doubled or turned over.
fn changed(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8, Vec<u8>)]) -> Vec<u8> {
    for (at, how, with) in changes {
        let at = at.index(bytes.len() + 1);
        let end = (at + usize::from(*how)).min(bytes.len());
        match how % 4 {
            0 => drop(bytes.splice(at..at, with.iter().copied())),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => bytes[at..end].reverse(),
        }
    }
    bytes
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "\n",
        "\r\n",
        " ",
        "]",
        "[",
        "{",
        "}",
        "=[",
        ": ",
        "é",
        "\u{0}",
        "-",
        "+5s",
        "99999999999999999999",
        "-1",
        "PID ",
        "(PID 1)",
        "11-25 09:29:00 : ",
        "11-25 09:29:00:000 rec ",
        "Uid u0a1:\n",
        "Package p:\n",
        "Access: [top-s] ",
        "</",
        "&#0;",
        "&amp;",
        "'",
    ]);
    prop_oneof![words.prop_map(|w| w.as_bytes().to_vec()), prop::collection::vec(any::<u8>(), 0..6)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        for kind in RecordKind::ALL {
            parse_any(kind, &bytes);
        }
    }

    #[test]
    fn changed_records_are_read_without_a_panic(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), piece()), 1..12),
    ) {
        let bytes = changed(which.get(&FIXTURES).clone(), &changes);
        for kind in RecordKind::ALL {
            parse_any(kind, &bytes);
        }
    }

    #[test]
    fn lines_of_pieces_are_read_without_a_panic(pieces in prop::collection::vec(piece(), 0..200)) {
        let bytes = pieces.concat();
        for kind in RecordKind::ALL {
            parse_any(kind, &bytes);
        }
    }
}

#[test]
fn a_record_that_stops_in_a_line_is_never_whole() {
    let xml_ends = |b: &[u8]| b.ends_with(b"</hierarchy>");
    for bytes in FIXTURES.iter() {
        for end in (1..bytes.len()).filter(|e| bytes[e - 1] != b'\n' && !xml_ends(&bytes[..*e])).step_by(7) {
            for kind in RecordKind::ALL {
                // The log's own form has no lines; a screen is whole if its document is, whatever follows.
                if kind == RecordKind::Ui && bytes[..end].windows(12).any(|w| w == b"</hierarchy>") {
                    continue;
                }
                assert!(!parse_any(kind, &bytes[..end]).is_whole(), "{kind:?}: {}", String::from_utf8_lossy(&bytes[..end]));
            }
        }
    }
}

#[test]
fn what_is_too_long_is_cut_and_told() {
    for kind in RecordKind::ALL {
        let long = vec![b'a'; MAX_BYTES + 1];
        assert!(parse_any(kind, &long).cut.iter().any(|c| matches!(c, Cut::TooLong | Cut::Malformed)), "{kind:?}");
        let line = [vec![b'a'; MAX_LINE + 1], b"\n".to_vec()].concat();
        let told = parse_any(kind, &line).cut.iter().any(|c| matches!(c, Cut::LongLine | Cut::Malformed | Cut::Missing));
        assert!(told, "{kind:?}");
    }
}

#[test]
fn a_full_measure_of_lines_takes_no_long_time() {
    // Lines that each make the parser do something, as many as are read.
    for line in [
        "  11-25 09:29:00 : CONNECT device 0 client for package p (PID 1)\n",
        "11-25 09:29:00:000 rec start riid:1 uid:1 session:1 src:MIC pack:p\n",
        "    Package p:\n",
        "      CAMERA (allow):\n",
        "[a]: [\n",
        "ResumedActivity: ActivityRecord{1 u0 a/b t1}\n",
        "11-25 09:29:00.000  1  1 E AndroidRuntime: FATAL EXCEPTION: main\n",
        "<node>",
        "sensor=1\n",
        "    User 0: installed=true\n",
    ] {
        let heads = "Active Camera Clients:\n[]\n== Camera service events log\nUid u0a1:\nPackages:\n  Package [com.example.app] (1):\nEvents log: recording activity\n<hierarchy>\n{\n";
        let mut bytes = heads.as_bytes().to_vec();
        bytes.extend(line.as_bytes().iter().cycle().take(MAX_BYTES - bytes.len() - 1));
        bytes.push(b'\n');
        for kind in RecordKind::ALL {
            let begin = std::time::Instant::now();
            parse_any(kind, &bytes);
            assert!(begin.elapsed().as_secs() < 10, "{kind:?}: {line}");
        }
    }
}
