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

/// A column is one of a list of texts that is given as JSON.
macro_rules! among {
    ($column:literal, $list:literal) => {
        concat!($column, " IN (SELECT value FROM json_each(", $list, "))")
    };
}
/// It is none of them.
macro_rules! none_of {
    ($column:literal, $list:literal) => {
        concat!($column, " NOT IN (SELECT value FROM json_each(", $list, "))")
    };
}
/// The rows `n` of a table that is given as JSON: a list of objects, whose members have the types that they need.
macro_rules! given {
    ($rows:literal: $first:ident $first_type:ident $(, $name:ident $type:ident)* $(,)?) => {
        concat!(
            "(SELECT value ->> '", stringify!($first), "' AS ", stringify!($first),
            $(", value ->> '", stringify!($name), "' AS ", stringify!($name),)* " FROM json_each(", $rows, ")) AS n"
        )
    };
}

pub(super) use super::SqliteStore as Backend;
pub(super) use sqlx::{Sqlite as Db, SqliteConnection as Conn, sqlite::SqliteRow as DbRow};

/// Begins a consistent view for a backup.
pub(super) const SNAPSHOT: &str = "BEGIN";

/// How many transactions of one kind there are at a time: there is one writer.
pub(super) const TRACKS: usize = 1;
