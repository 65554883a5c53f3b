//! A strict reader of a ZIP's directory. It accepts what [`crate::Writer`] writes and nothing else.
//!
//! Usual readers trust the central directory and ignore what stands elsewhere, so two programs can see two different
//! archives in one file. Here the entries must follow each other from the first byte without gap, each local header must
//! agree with the central one, names must be unique and plain, and nothing may follow the end. Source: PKWARE APPNOTE 6.3.10,
//! sections 4.3.7, 4.3.12, 4.3.16. ZIP64, encryption, comments and data descriptors are refused.

use crate::{BundleError, broken};

/// Entries that are read at most.
pub const ENTRIES_MAX: usize = 60_000;

/// One entry of the archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name: relative, `/` between parts, no `..`.
    pub name: String,
    /// Where its data begins in the file.
    pub data: usize,
    /// Bytes in the file.
    pub stored: usize,
    /// Bytes when unpacked.
    pub size: u64,
    /// 0 stored, 8 deflated.
    pub method: u16,
    /// CRC-32 of the unpacked bytes.
    pub crc: u32,
}

/// Of each entry in the directory: version made by (Unix) and needed (2.0; 1.0 if stored), time, date (1980-01-01), disk,
/// internal and external attributes.
const DEFLATED: [u16; 8] = [0x0314, 20, 0, 0x21, 0, 0, 0, 0o100_644];
const STORED: [u16; 8] = [0x030a, 10, 0, 0x21, 0, 0, 0, 0o100_644];

fn u16_at(b: &[u8], i: usize) -> Option<u16> {
    Some(u16::from_le_bytes(b.get(i..i.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(b: &[u8], i: usize) -> Option<u32> {
    Some(u32::from_le_bytes(b.get(i..i.checked_add(4)?)?.try_into().ok()?))
}

/// Names that may stand in a bundle: relative, of plain characters, without `.` and `..` parts.
pub fn plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
        && name.split('/').all(|p| !p.is_empty() && p != "." && p != "..")
}

/// The entries of an archive, in order.
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, BundleError> {
    let short = || broken("the file ends in the middle of its directory, or is no ZIP");
    let end = bytes.len().checked_sub(22).ok_or_else(short)?;
    let at16 = |i| u16_at(bytes, i).ok_or_else(short);
    let at32 = |i| u32_at(bytes, i).ok_or_else(short);
    if at32(end)? != 0x0605_4b50 {
        return Err(broken("the file is no ZIP, was cut off, or has bytes after its end"));
    }
    let (count, count_all) = (at16(end + 10)?, at16(end + 8)?);
    let (size, start) = (at32(end + 12)? as usize, at32(end + 16)? as usize);
    if at16(end + 4)? != 0 || at16(end + 6)? != 0 || count != count_all || at16(end + 20)? != 0 || start.checked_add(size) != Some(end) {
        return Err(broken("the end of the ZIP's directory is not as it must be"));
    }
    if usize::from(count) > ENTRIES_MAX {
        return Err(BundleError::Limit { what: format!("{count} entries; at most {ENTRIES_MAX} are read") });
    }
    let mut entries = Vec::with_capacity(usize::from(count));
    let mut names = std::collections::HashSet::new();
    let (mut c, mut next) = (start, 0usize);
    while c < end {
        if at32(c)? != 0x0201_4b50 {
            return Err(broken("something that is no entry stands in the ZIP's directory"));
        }
        let (name_len, extra_len, comment_len) = (usize::from(at16(c + 28)?), usize::from(at16(c + 30)?), usize::from(at16(c + 32)?));
        let raw = bytes.get(c + 46..c + 46 + name_len).ok_or_else(short)?;
        let name = std::str::from_utf8(raw).ok().filter(|n| plain(n));
        let name =
            name.ok_or_else(|| broken(format!("entry `{}` has a name that is not allowed", String::from_utf8_lossy(raw).escape_debug())))?;
        if !names.insert(name.to_owned()) {
            return Err(broken(format!("entry `{name}` stands twice in the ZIP")));
        }
        let header = |at| bytes.get(at..at + 22).ok_or_else(short);
        let local_at = at32(c + 42)? as usize;
        if local_at != next || at32(local_at)? != 0x0403_4b50 {
            return Err(broken(format!("entry `{name}` does not follow the one before it: something is hidden in the ZIP")));
        }
        // Version needed, flags, method, time, date, CRC, both sizes stand in both, in the same order.
        let local_name = bytes.get(local_at + 30..local_at + 30 + usize::from(at16(local_at + 26)?)).ok_or_else(short)?;
        if header(local_at + 4)? != header(c + 6)? || local_name != raw {
            return Err(broken(format!("entry `{name}` has two headers that differ")));
        }
        let (flags, method, crc) = (at16(c + 8)?, at16(c + 10)?, at32(c + 16)?);
        let (stored, unpacked) = (at32(c + 20)?, at32(c + 24)?);
        let lengths = [extra_len, comment_len, usize::from(at16(local_at + 28)?)];
        // Nothing that a reader would pass over may differ from what the writer writes, so nothing can be told there.
        let fixed = [at16(c + 4)?, at16(c + 6)?, at16(c + 12)?, at16(c + 14)?, at16(c + 34)?, at16(c + 36)?, at16(c + 38)?, at16(c + 40)?];
        let usual = flags == 0 && lengths == [0; 3] && matches!((method, fixed), (0, STORED) | (8, DEFLATED));
        if !usual || stored == u32::MAX || unpacked == u32::MAX {
            return Err(broken(format!("entry `{name}` is stored in a way that bundles do not use")));
        }
        let data = local_at + 30 + local_name.len();
        next = data.checked_add(stored as usize).filter(|n| *n <= start).ok_or_else(short)?;
        entries.push(Entry { name: name.to_owned(), data, stored: stored as usize, size: u64::from(unpacked), method, crc });
        c += 46 + name_len + extra_len + comment_len;
    }
    if next != start || c != end || entries.len() != usize::from(count) {
        return Err(broken("the ZIP holds bytes that belong to no entry"));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn noise_is_refused_without_a_panic(b in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(read(&b).is_err());
        }

        #[test]
        fn noise_behind_a_plausible_end_is_refused_without_a_panic(mut b in prop::collection::vec(any::<u8>(), 46..400), n in 1..4u16) {
            let len = b.len() as u32;
            b.extend_from_slice(&0x0605_4b50u32.to_le_bytes());
            b.extend_from_slice(&[0; 4]);
            b.extend_from_slice(&n.to_le_bytes());
            b.extend_from_slice(&n.to_le_bytes());
            b.extend_from_slice(&len.to_le_bytes());
            b.extend_from_slice(&0u32.to_le_bytes());
            b.extend_from_slice(&[0; 2]);
            b[..4].copy_from_slice(&0x0201_4b50u32.to_le_bytes());
            prop_assert!(read(&b).is_err());
        }
    }

    #[test]
    fn names_that_climb_or_hide_are_refused() {
        for n in ["", "/a", "a//b", "../a", "a/..", "a/./b", "a\\b", "a b", "ä", "a\0"] {
            assert!(!plain(n), "{n:?}");
        }
        assert!(plain("trials/1/artifacts/ab.json"));
    }
}
