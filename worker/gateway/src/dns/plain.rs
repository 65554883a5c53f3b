//! Whether a message is one plain question, and nothing beside it.
//!
//! A reader of DNS passes over what it does not ask for: records of other sections, options, bytes behind the message. An app can
//! put there what it likes, and the name that it asks for says nothing of it.

/// The class of all that is asked for.
const INTERNET: u16 = 1;
/// The record that EDNS lays beside a question (RFC 6891), and its option that only fills up, with zeros (RFC 7830).
const OPT: u16 = 41;
const PADDING: u16 = 12;

/// A query with one question and no more than EDNS without content, which ends where the message does.
pub fn is_plain(message: &[u8]) -> bool {
    behind(message).is_some_and(<[u8]>::is_empty)
}

/// What stands behind a plain question; none: it is something else.
fn behind(message: &[u8]) -> Option<&[u8]> {
    let (head, mut rest) = message.split_at_checked(12)?;
    let count = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let is_query = head[2] & 0xf8 == 0;
    if !is_query || (count(4), count(6), count(8)) != (1, 0, 0) || count(10) > 1 {
        return None;
    }
    loop {
        let (length, label) = rest.split_first()?;
        // Longer ones are pointers to a name before, and there is none.
        if *length > 63 {
            return None;
        }
        rest = label.get(usize::from(*length)..)?;
        if *length == 0 {
            break;
        }
    }
    let (_kind, rest) = number(rest)?;
    let (class, rest) = number(rest)?;
    if class != INTERNET {
        return None;
    }
    if count(10) == 0 { Some(rest) } else { behind_edns(rest) }
}

fn behind_edns(record: &[u8]) -> Option<&[u8]> {
    let (name, rest) = record.split_first()?;
    let (kind, rest) = number(rest)?;
    let (_size, rest) = number(rest)?;
    let (_flags, rest) = rest.split_at_checked(4)?;
    let (length, rest) = number(rest)?;
    let (mut options, rest) = rest.split_at_checked(usize::from(length))?;
    if *name != 0 || kind != OPT {
        return None;
    }
    while !options.is_empty() {
        let (code, after) = number(options)?;
        let (length, after) = number(after)?;
        let (value, after) = after.split_at_checked(usize::from(length))?;
        if code != PADDING || value.iter().any(|b| *b != 0) {
            return None;
        }
        options = after;
    }
    Some(rest)
}

fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (two, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*two), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A question for `a.bc`, with these counts of records and what stands behind it.
    fn message(flags: u8, counts: [u8; 4], behind: &[u8]) -> Vec<u8> {
        let [questions, answers, authorities, more] = counts;
        let head = [7, 7, flags, 0, 0, questions, 0, answers, 0, authorities, 0, more];
        [&head[..], b"\x01a\x02bc\x00\x00\x01\x00\x01", behind].concat()
    }

    #[test]
    fn one_question_is_plain_with_and_without_edns() {
        let edns = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
        let padded = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x07\x00\x0c\x00\x03\x00\x00\x00";
        assert!(is_plain(&message(1, [1, 0, 0, 0], b"")));
        assert!(is_plain(&message(1, [1, 0, 0, 1], edns)) && is_plain(&message(1, [1, 0, 0, 1], padded)));
    }

    #[test]
    fn whatever_can_hold_something_else_is_not() {
        let question = b"\x01x\x00\x00\x01\x00\x01";
        let record = b"\x00\x00\x10\x00\x01\x00\x00\x00\x00\x00\x04\x03abc";
        let option = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x07\xff\xe9\x00\x03abc";
        let filled = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x07\x00\x0c\x00\x03abc";
        for (what, m) in [
            ("noise", b"contacts of the owner".to_vec()),
            ("an answer", message(0x80, [1, 0, 0, 0], b"")),
            ("another opcode", message(0x28, [1, 0, 0, 0], b"")),
            ("two questions", message(1, [2, 0, 0, 0], question)),
            ("no question", message(1, [0, 0, 0, 0], b"")),
            ("an answer's record", message(1, [1, 1, 0, 0], record)),
            ("an authority", message(1, [1, 0, 1, 0], record)),
            ("one more record", message(1, [1, 0, 0, 1], record)),
            ("an option", message(1, [1, 0, 0, 1], option)),
            ("padding that is none", message(1, [1, 0, 0, 1], filled)),
            ("bytes behind it", message(1, [1, 0, 0, 0], b"abc")),
            ("bytes behind its EDNS", message(1, [1, 0, 0, 1], b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00abc")),
        ] {
            assert!(!is_plain(&m), "{what}");
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = is_plain(&noise);
            let _ = is_plain(&message(1, [1, 0, 0, 1], &noise));
        }
    }
}
