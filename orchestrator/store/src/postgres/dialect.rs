//! What is PostgreSQL's own in the text of `sql`.

/// Others wait for these rows. `NO KEY`, as whoever adds what refers to a row (events to a job) locks its key for that: two that
/// did so and then asked for more would wait for each other.
macro_rules! for_update {
    () => {
        " FOR NO KEY UPDATE"
    };
}
/// Rows that another has are passed over.
macro_rules! skip_locked {
    () => {
        " FOR NO KEY UPDATE SKIP LOCKED"
    };
}
/// Nobody changes this row meanwhile.
macro_rules! for_share {
    () => {
        " FOR SHARE"
    };
}
/// An insert that a crash may undo: its commit does not wait for the disk.
macro_rules! lazily {
    ($insert:literal, $columns:literal, $rows:literal, $rest:literal) => {
        concat!(
            "WITH lazily AS (SELECT set_config('synchronous_commit', 'off', true)) ",
            $insert,
            " SELECT ",
            $columns,
            " FROM lazily, ",
            $rows,
            " ",
            $rest
        )
    };
}
/// Where a text is in another, from 1; 0: it is not.
macro_rules! place {
    ($text:literal, $part:literal) => {
        concat!("strpos(", $text, ", ", $part, ")")
    };
}

/// A column is one of a list of texts that is given as JSON. As an array: of a subquery the planner thinks that it is long, and reads
/// a table from its begin to its end where it is not very large.
macro_rules! among {
    ($column:literal, $list:literal) => {
        concat!($column, " = ANY (ARRAY(SELECT json_array_elements_text(", $list, "::json)))")
    };
}
/// It is none of them.
macro_rules! none_of {
    ($column:literal, $list:literal) => {
        concat!($column, " <> ALL (ARRAY(SELECT json_array_elements_text(", $list, "::json)))")
    };
}
/// The rows `n` of a table that is given as JSON: a list of objects, with the types of their members.
macro_rules! given {
    ($rows:literal: $first:ident $first_type:ident $(, $name:ident $type:ident)* $(,)?) => {
        concat!(
            "json_to_recordset(", $rows, "::json) AS n(", stringify!($first), " ", stringify!($first_type),
            $(", ", stringify!($name), " ", stringify!($type),)* ")"
        )
    };
}

pub(super) use super::PostgresStore as Backend;
pub(super) use sqlx::{PgConnection as Conn, Postgres as Db, postgres::PgRow as DbRow};

/// Begins a consistent view for a backup.
pub(super) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How many transactions of one kind there are at a time. One would wait for a row that another orchestrator has, with all behind it.
pub(super) const TRACKS: usize = 2;
