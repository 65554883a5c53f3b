//! Short forms of a statement with its arguments, its error and what it gives. `Db` is the back end where they are used.

/// The files of a folder of migrations, by their names. Named here and not found by `sqlx::migrate!`, for which sqlx and all that it
/// needs would be compiled a second time.
macro_rules! migrations {
    ($folder:literal: $($version:literal $name:literal),+ $(,)?) => {
        sqlx::migrate::Migrator::with_migrations(vec![$(sqlx::migrate::Migration::new(
            $version,
            $name.into(),
            sqlx::migrate::MigrationType::Simple,
            sqlx::SqlStr::from_static(include_str!(concat!("../../migrations/", $folder, "/000", $version, "_", $name, ".sql"))),
            false,
        )),+])
    };
}

/// Runs a statement; gives how many rows it changed.
macro_rules! run {
    ($conn:expr, $doing:literal, $sql:expr $(, $arg:expr)* $(,)?) => {
        sqlx::query::<Db>($sql)$(.bind($arg))*.execute(&mut *$conn).await.map(|r| r.rows_affected()).map_err(crate::codec::db($doing))
    };
}

/// One row or none.
macro_rules! maybe {
    ($conn:expr, $doing:literal, $sql:expr $(, $arg:expr)* $(,)?) => {
        sqlx::query::<Db>($sql)$(.bind($arg))*.fetch_optional(&mut *$conn).await.map_err(crate::codec::db($doing))
    };
}

/// The one row.
macro_rules! one {
    ($conn:expr, $doing:literal, $sql:expr $(, $arg:expr)* $(,)?) => {
        sqlx::query::<Db>($sql)$(.bind($arg))*.fetch_one(&mut *$conn).await.map_err(crate::codec::db($doing))
    };
}

/// All rows.
macro_rules! all {
    ($conn:expr, $doing:literal, $sql:expr $(, $arg:expr)* $(,)?) => {
        sqlx::query::<Db>($sql)$(.bind($arg))*.fetch_all(&mut *$conn).await.map_err(crate::codec::db($doing))
    };
}
