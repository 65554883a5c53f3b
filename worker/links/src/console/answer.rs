//! What the console says.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::{Fault, dial::broken, limits::CONSOLE};

/// The end of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// `OK`, with what follows a colon.
    Ok(String),
    /// `KO`, with its reason.
    Ko(String),
}

/// An answer with its lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reply {
    /// Lines before the end, without terminal codes.
    pub(super) lines: Vec<String>,
    /// The end.
    pub(super) answer: Answer,
}

impl Answer {
    /// Reads a line that ends an answer; `None` for any other line.
    pub(super) fn of(line: &str) -> Option<Self> {
        let rest = |word: &str| {
            let rest = line.strip_prefix(word)?;
            if rest.is_empty() { Some(String::new()) } else { rest.strip_prefix(':').map(|r| r.trim().to_owned()) }
        };
        rest("OK").map(Self::Ok).or_else(|| rest("KO").map(Self::Ko))
    }
}

/// A line without its end and without terminal codes: newer consoles echo what is typed with them.
pub(super) fn plain(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            if chars.next_if_eq(&'[').is_some() {
                while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
        } else if !c.is_control() || c == '\t' {
            out.push(c);
        }
    }
    out.trim_end().to_owned()
}

/// Reads lines up to the end of an answer.
pub(super) async fn read_reply(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Reply, Fault> {
    let mut lines = Vec::new();
    let mut total = 0;
    let mut line = Vec::new();
    loop {
        let buffer = from.fill_buf().await.map_err(broken)?;
        if buffer.is_empty() {
            return Err(Fault::Closed);
        }
        let end = buffer.iter().position(|b| *b == b'\n');
        let piece = &buffer[..end.unwrap_or(buffer.len())];
        let used = end.map_or(buffer.len(), |e| e + 1);
        total += used;
        if line.len() + piece.len() > CONSOLE.0 {
            return Err(Fault::TooLarge { what: "a line of the console", limit: CONSOLE.0 as u64 });
        }
        if total > CONSOLE.1 {
            return Err(Fault::TooLarge { what: "an answer of the console", limit: CONSOLE.1 as u64 });
        }
        line.extend_from_slice(piece);
        from.consume(used);
        if end.is_some() {
            let text = plain(&line);
            line.clear();
            if let Some(answer) = Answer::of(&text) {
                return Ok(Reply { lines, answer });
            }
            if !text.is_empty() {
                lines.push(text);
            }
        }
    }
}

/// Names in the table of `avd snapshot list`: the second column, after a line that begins with `ID`.
pub(super) fn snapshots(lines: &[String]) -> Vec<String> {
    let rows = lines.iter().skip_while(|l| !l.trim_start().starts_with("ID ")).skip(1);
    rows.take_while(|l| !l.starts_with("List of")).filter_map(|l| l.split_whitespace().nth(1).map(str::to_owned)).collect()
}

/// A text as `sms send` reads it: `\n`, `\\`, `\uNNNN` (console.cpp, sms_utf8_from_message_str).
pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_whole_words_end_an_answer() {
        assert_eq!(Answer::of("OK"), Some(Answer::Ok(String::new())));
        assert_eq!(Answer::of("OK: killing emulator, bye bye"), Some(Answer::Ok("killing emulator, bye bye".to_owned())));
        assert_eq!(Answer::of("KO: unknown command"), Some(Answer::Ko("unknown command".to_owned())));
        assert_eq!(Answer::of("OKAY"), None);
        assert_eq!(Answer::of("not OK"), None);
    }

    #[test]
    fn terminal_codes_of_an_echo_go() {
        assert_eq!(plain(b"a\x1b[K\x1b[Dav\x1b[K\x1b[2Dname\r"), "aavname");
    }

    #[test]
    fn a_table_gives_its_tags() {
        let lines = [
            "List of snapshots present on all disks:",
            "ID        TAG                 VM SIZE                DATE       VM CLOCK",
            "--        base                    60M 2026-11-25 04:00:00   00:00:00.000",
            "--        second                  60M 2026-11-25 04:00:00   00:00:00.000",
        ];
        assert_eq!(snapshots(&lines.map(str::to_owned)), ["base", "second"]);
        assert!(snapshots(&["There is no snapshot available.".to_owned()]).is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = rt.block_on(read_reply(&mut &bytes[..]));
        }

        #[test]
        fn an_answer_is_found_wherever_reads_end(before in "[a-z ]{0,40}", cut in 1usize..20) {
            let text = format!("{before}\r\nKO: why\r\n");
            let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut from = tokio::io::BufReader::with_capacity(cut, text.as_bytes());
            let reply = rt.block_on(read_reply(&mut from)).unwrap();
            prop_assert_eq!(reply.answer, Answer::Ko("why".to_owned()));
        }

        #[test]
        fn an_escaped_text_is_one_line(text in any::<String>()) {
            prop_assert!(!escape(&text).chars().any(char::is_control));
        }
    }
}
