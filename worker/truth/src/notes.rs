//! What a parser has to say beside its value.

use serde::{Deserialize, Serialize};

/// Bytes of a record that are read; of what follows only the fact is told.
pub const MAX_BYTES: usize = 4 << 20;
/// Bytes of a line that are read.
pub const MAX_LINE: usize = 16 << 10;
/// Things (events, accesses, nodes ..) that are kept of one record.
pub const MAX_ITEMS: usize = 50_000;
/// Lines that are kept of those that were not understood.
const KEPT_LINES: usize = 24;
/// Characters that are kept of each.
const KEPT_CHARS: usize = 200;

/// A value, and what is to be known about how it was read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Parsed<T> {
    /// What was understood.
    pub value: T,
    /// What was not.
    pub notes: Notes,
}

/// What was not understood, and what is not there.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Notes {
    /// Lines inside a part that the parser knows, which it did not understand.
    pub unknown_lines: u64,
    /// The first of them, shortened.
    pub unknown: Vec<String>,
    /// Lines of parts that nobody asked for.
    pub skipped_lines: u64,
    /// Why the record is not whole, each reason once.
    pub cut: Vec<Cut>,
    /// The line in which the guest said that it does not answer.
    pub refused: Option<String>,
}

/// A value that a record tells once.
#[derive(Default)]
pub(crate) enum Once<T> {
    #[default]
    Nothing,
    Said(T),
    Contradicted,
}

impl<T> Once<T> {
    pub(crate) fn value(self) -> Option<T> {
        if let Self::Said(v) = self { Some(v) } else { None }
    }

    pub(crate) const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

/// A way in which a record is not whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// It has more than [`MAX_BYTES`]; the rest was not read.
    TooLong,
    /// A line has more than [`MAX_LINE`]; its rest was not read.
    LongLine,
    /// It has more than [`MAX_ITEMS`] of something; the rest was not kept.
    TooMany,
    /// Its last line has no end, so it stops in the middle. (Hand over what the command wrote, untrimmed.)
    NoLineEnd,
    /// A part that is always there, or its end, is not.
    Missing,
    /// The guest's service did not end its dump in time.
    Timeout,
    /// The form is broken, as of text that somebody put between the lines.
    Malformed,
    /// What is there once comes twice, or says two things: somebody's text pretends to be it. Neither is believed.
    Twice,
}

impl Notes {
    /// Whether the record was answered and is all there. What was not understood does not count: [`Notes::unknown_lines`] does.
    pub fn is_whole(&self) -> bool {
        self.cut.is_empty() && self.refused.is_none()
    }

    /// Notes, once, that the record is not whole.
    pub(crate) fn cut(&mut self, why: Cut) {
        if !self.cut.contains(&why) {
            self.cut.push(why);
        }
    }

    /// Keeps a value that is told once. If it is told again, and otherwise, neither is believed.
    pub(crate) fn once<T: PartialEq>(&mut self, slot: &mut Once<T>, value: Option<T>) {
        match (&*slot, value) {
            (_, None) => {}
            (Once::Nothing, Some(v)) => *slot = Once::Said(v),
            (Once::Said(old), Some(v)) if *old == v => {}
            (Once::Said(_) | Once::Contradicted, Some(_)) => {
                *slot = Once::Contradicted;
                self.cut(Cut::Twice);
            }
        }
    }

    /// Counts a line that was not understood, and keeps it if it is among the first. Blank lines say nothing.
    pub(crate) fn unknown(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        self.unknown_lines += 1;
        if self.unknown.len() < KEPT_LINES {
            self.unknown.push(short(line));
        }
    }

    /// Counts a line that nobody asked for.
    pub(crate) fn skipped(&mut self) {
        self.skipped_lines += 1;
    }

    /// Keeps `item` unless there are too many.
    pub(crate) fn keep<T>(&mut self, list: &mut Vec<T>, item: T) {
        if list.len() < MAX_ITEMS {
            list.push(item);
        } else {
            self.cut(Cut::TooMany);
        }
    }

    /// The value with these notes.
    pub(crate) fn with<T>(self, value: T) -> Parsed<T> {
        Parsed { value, notes: self }
    }
}

/// The begin of a text, without control characters, for people.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(KEPT_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
