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
    ($update:literal, $condition:literal) => {
        concat!($update, " WHERE ", $condition)
    };
}

pub(super) use super::SqliteStore as Backend;
pub(super) use sqlx::{Sqlite as Db, SqliteConnection as Conn, sqlite::SqliteRow as DbRow};

/// Begins a consistent view for a backup.
pub(super) const SNAPSHOT: &str = "BEGIN";
