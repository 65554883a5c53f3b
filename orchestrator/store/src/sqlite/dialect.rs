//! What is SQLite's own in the text of `sql`.

/// One writer holds all rows.
macro_rules! for_update {
    () => {
        ""
    };
}
/// One writer: nothing is locked by another.
macro_rules! skip_locked {
    () => {
        ""
    };
}
/// One writer holds all rows.
macro_rules! for_share {
    () => {
        ""
    };
}
/// An insert that a crash may undo. Here it waits for the disk like any other: how long is set for the connection, not for one
/// statement. `WHERE true` tells `ON CONFLICT` from a join's `ON`.
macro_rules! lazily {
    ($insert:literal, $columns:literal, $rows:literal, $rest:literal) => {
        concat!($insert, " SELECT ", $columns, " FROM ", $rows, " WHERE true ", $rest)
    };
}
/// Where a text is in another, from 1; 0: it is not.
macro_rules! place {
    ($text:literal, $part:literal) => {
        concat!("instr(", $text, ", ", $part, ")")
    };
}

pub(super) use super::SqliteStore as Backend;
pub(super) use sqlx::{Sqlite as Db, SqliteConnection as Conn, sqlite::SqliteRow as DbRow};

/// Begins a consistent view for a backup.
pub(super) const SNAPSHOT: &str = "BEGIN";
