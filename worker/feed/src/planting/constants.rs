//! Texts that are no secret of anybody: what is planted on every device is made of them, and what media and messages begin with.
//!
//! A value that is typed into an app is overwritten wherever it stands. One of these would take evidence of every trial with it.

use super::words::{
    APP_KINDS, APP_WORDS, FIRST_NAMES, GIVEN_ZH, LAST_NAMES, MAIL_HOSTS, MOBILE_CN, NETWORKS, PLANS, PLANS_ZH, ROADS_ZH, SURNAMES_ZH,
};

/// Pieces of planted values that are in no list of words.
const PIECES: [&str; 16] = [
    "android.permission.",
    "com.google",
    "tracking SF",
    "快递单号 SF",
    "IMG_2024020",
    "image/png",
    "incoming",
    "outgoing",
    "missed",
    " here, ",
    " is moved, door code ",
    "，取件码",
    "+86",
    "+447",
    "460-00-",
    "234-10-",
];

/// What media, archives and messages begin with or are known by, also in base64 and hexadecimal.
const MARKS: [&str; 24] = [
    "\u{fffd}PNG",
    "IHDR",
    "JFIF",
    "Exif",
    "RIFF",
    "WAVEfmt",
    "WEBPVP8",
    "ftypisom",
    "ftypmp4",
    "ftyp3gp",
    "#!AMR",
    "OggS",
    "fLaC",
    "SQLite format 3",
    "/9j/4AAQSkZJRg",
    "iVBORw0KGgo",
    "UklGR",
    "ffd8ffe0",
    "89504e47",
    "multipart/form-data",
    "Content-Disposition",
    "Content-Type",
    "HTTP/1.1",
    "base64,",
];

/// Whether a value is part of such a text, or holds what media are known by. Upper and lower case are one.
pub fn is_constant(value: &str) -> bool {
    let value = value.to_lowercase();
    let part_of = |text: &str| text.to_lowercase().contains(&value);
    let lists: [&[&str]; 12] = [
        &SURNAMES_ZH,
        &GIVEN_ZH,
        &FIRST_NAMES,
        &LAST_NAMES,
        &MAIL_HOSTS,
        &MOBILE_CN,
        &ROADS_ZH,
        &PLANS_ZH,
        &PLANS,
        &NETWORKS,
        &APP_WORDS,
        &APP_KINDS,
    ];
    lists.iter().any(|l| l.iter().any(|w| part_of(w)))
        || PIECES.iter().any(|p| part_of(p))
        || MARKS.iter().any(|m| part_of(m) || value.contains(&m.to_lowercase()))
}
