//! The guest's raw answers, for those who write parsers: `conformance --record` on a real phone gives them what the documents do not.
//!
//! Each is told as lines of the log: `record: == COMMAND (exit N, N bytes)`, then every line of standard output behind `record: | `,
//! or, if it is no text, pieces of it behind `record: base64 `. Only commands that ask are told, and an answer that is as before is not
//! told again. Planted people are made up, and a test's phone has no others; what is typed is never among the commands.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use base64::Engine as _;
use stakeout_contract::Sha256Digest;
use stakeout_links::guest::Output;
use stakeout_protocol::device::Event;

use crate::core::{limits, outbox::Outbox};

/// Commands that ask, by how they begin.
const ASKING: [&str; 12] = [
    "dumpsys ",
    "logcat ",
    "getprop",
    "pm list ",
    "pm path ",
    "service check ",
    "uiautomator dump",
    "cat /proc/stat",
    "cat /data/local/tmp/",
    "echo system_server",
    "cmd package resolve-activity",
    "content query ",
];
/// Bytes of one answer, and of all.
const ONE: usize = 1 << 20;
const ALL: usize = 48 << 20;

/// Tells answers.
#[derive(Debug)]
pub struct Recorder {
    out: Outbox,
    told: Mutex<(HashMap<String, Sha256Digest>, usize)>,
}

impl Recorder {
    /// To this worker.
    pub fn new(out: Outbox) -> Self {
        Self { out, told: Mutex::default() }
    }

    /// Tells an answer, if it is worth it.
    pub async fn tell(&self, command: &str, done: &Output) {
        if !ASKING.iter().any(|a| command.starts_with(a)) {
            return;
        }
        let digest = Sha256Digest::of(&done.stdout);
        let room = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            // What differs each time, as a time in it does, is told as often.
            let as_before = told.0.insert(command.to_owned(), digest) == Some(digest);
            if as_before {
                return;
            }
            let room = told.1 <= ALL;
            told.1 += done.stdout.len().min(ONE);
            room
        };
        let all = if room { lines(command, done) } else { vec![head(command, done, ", not told: there is too much")] };
        for line in all {
            self.out.event(Event::Log { line }).await;
        }
    }
}

fn head(command: &str, done: &Output, more: &str) -> String {
    let shown: String = command.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    let code = done.exit.map_or_else(|| "unknown".to_owned(), |c| c.to_string());
    format!("record: == {shown} (exit {code}, {} bytes{more})", done.stdout.len())
}

fn lines(command: &str, done: &Output) -> Vec<String> {
    let cut = if done.truncated || done.stdout.len() > ONE { ", cut" } else { "" };
    let mut all = vec![head(command, done, cut)];
    let bytes = &done.stdout[..done.stdout.len().min(ONE)];
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => {
            for line in text.lines() {
                // A line of the protocol has its limit, and so has this.
                let mut rest = line;
                loop {
                    let at =
                        rest.char_indices().map(|(i, c)| i + c.len_utf8()).take_while(|i| *i <= limits::LOG_LINE / 2).last().unwrap_or(0);
                    let (now, more) = rest.split_at(at);
                    all.push(format!("record: | {now}"));
                    if more.is_empty() || at == 0 {
                        break;
                    }
                    rest = more;
                }
            }
        }
        _ => all.extend(bytes.chunks(1500).map(|c| format!("record: base64 {}", base64::engine::general_purpose::STANDARD.encode(c)))),
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(stdout: &[u8]) -> Output {
        Output { stdout: stdout.to_vec(), exit: Some(0), ..Output::default() }
    }

    #[test]
    fn text_keeps_its_lines_and_their_indentation_and_what_is_none_is_base64() {
        assert_eq!(
            lines("dumpsys audio", &answer(b"a\n  b\n\n")),
            ["record: == dumpsys audio (exit 0, 7 bytes)", "record: | a", "record: |   b", "record: | "]
        );
        assert_eq!(lines("logcat -B", &answer(b"\0\x01"))[1], "record: base64 AAE=");
        let cut = lines("dumpsys y", &answer(&vec![b'y'; ONE + 1]));
        assert!(cut[0].ends_with(", cut)"), "{}", cut[0]);
        let long = "é".repeat(limits::LOG_LINE);
        let all = lines("dumpsys x", &answer(long.as_bytes()));
        assert!(all.iter().all(|l| l.len() <= limits::LOG_LINE));
        assert_eq!(all[1..].iter().map(|l| l.strip_prefix("record: | ").unwrap()).collect::<String>(), long);
    }

    #[tokio::test]
    async fn only_answers_are_told_and_each_once() {
        let (out, mut told) = Outbox::new();
        let recorder = Recorder::new(out);
        for (command, text) in
            [("dumpsys audio", "one"), ("dumpsys audio", "one"), ("input text 'a secret'", "typed"), ("dumpsys audio", "two")]
        {
            recorder.tell(command, &answer(text.as_bytes())).await;
        }
        drop(recorder);
        let mut lines = 0;
        while told.recv().await.is_some() {
            lines += 1;
        }
        assert_eq!(lines, 4, "a head and a line of each of two answers");
    }
}
