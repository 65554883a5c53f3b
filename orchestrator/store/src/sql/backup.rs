//! Writes and reads a [logical backup](crate::backup).

use futures_util::TryStreamExt;
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Connection, QueryBuilder};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

use super::{Backend, Conn, Db, DbRow, SNAPSHOT, row::Read};
use crate::{
    StoreError,
    backup::{BackupError, FORMAT, Header, Line, RESTORED, TABLES, Table},
    codec::{bad, db},
};

impl Backend {
    /// Writes all tables as they are at one moment, while others go on.
    pub async fn dump<W: AsyncWrite + Unpin + Send>(&self, writer: &mut W) -> Result<(), BackupError> {
        let mut conn = self.reader().await?;
        let mut tx = conn.begin_with(SNAPSHOT).await.map_err(db("begin a backup"))?;
        write(writer, &Header { format: FORMAT.to_owned() }).await?;
        for table in TABLES {
            let sql = format!("SELECT {} FROM {}", table.columns(), table.name);
            let mut rows = sqlx::query::<Db>(AssertSqlSafe(sql)).fetch(&mut *tx);
            while let Some(row) = rows.try_next().await.map_err(db("read a table"))? {
                write(writer, &Line { table: table.name.to_owned(), row: values(table, &row)? }).await?;
            }
        }
        writer.flush().await?;
        Ok(())
    }

    /// Reads a backup of either back end into this store, which must be empty: all of it or nothing.
    pub async fn load<R: AsyncBufRead + Unpin + Send>(&self, reader: &mut R) -> Result<(), BackupError> {
        let mut tx = self.begin().await?;
        for table in TABLES {
            let sql = format!("SELECT count(*) AS n FROM (SELECT 1 FROM {} LIMIT 1) one", table.name);
            let row = sqlx::query::<Db>(AssertSqlSafe(sql)).fetch_one(&mut *tx).await.map_err(db("look for rows"))?;
            if Read(table.name, &row).int("n")? > 0 {
                return Err(BackupError::NotEmpty(table.name));
            }
        }
        let (mut text, mut line) = (String::new(), 0);
        loop {
            text.clear();
            line += 1;
            if reader.read_line(&mut text).await? == 0 {
                break;
            }
            let wrong = |why: String| BackupError::BadLine { line, why };
            if line == 1 {
                let header: Header = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
                if header.format != FORMAT {
                    return Err(wrong(format!("its format is `{}`, expected is `{FORMAT}`", header.format)));
                }
                continue;
            }
            let row: Line = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
            let table = TABLES.iter().find(|t| t.name == row.table).ok_or_else(|| wrong(format!("there is no table `{}`", row.table)))?;
            insert(&mut tx, table, &row.row).await.map_err(|e| match e {
                StoreError::BadRow { source, .. } => wrong(source.to_string()),
                other => other.into(),
            })?;
        }
        if line == 1 {
            return Err(BackupError::BadLine { line, why: "it is empty".to_owned() });
        }
        restored(&mut tx).await?;
        tx.commit().await.map_err(db("commit"))?;
        Ok(())
    }
}

/// Brings what was loaded to this moment and this version.
async fn restored(conn: &mut Conn) -> Result<(), StoreError> {
    run!(conn, "raise epochs", "UPDATE trials SET epoch = epoch + $1 WHERE state IN ('queued', 'leased', 'running')", i64::from(RESTORED))?;
    // Of a version that did not keep these.
    run!(conn, "begin days of deliveries", "UPDATE deliveries SET since = created WHERE since = 0")?;
    run!(
        conn,
        "begin the workers' time",
        "INSERT INTO shares (tenant, time) SELECT '', max(time) FROM shares HAVING count(*) > 0 ON CONFLICT DO NOTHING"
    )?;
    Ok(())
}

async fn write<W: AsyncWrite + Unpin + Send, T: serde::Serialize + Sync>(writer: &mut W, value: &T) -> Result<(), BackupError> {
    let mut text = serde_json::to_vec(value).map_err(std::io::Error::from)?;
    text.push(b'\n');
    writer.write_all(&text).await?;
    Ok(())
}

fn values(table: &Table, row: &DbRow) -> Result<Map<String, Value>, StoreError> {
    let r = Read(table.name, row);
    let mut map = Map::new();
    for column in table.texts {
        map.insert((*column).to_owned(), r.get::<Option<String>>(column)?.into());
    }
    for column in table.numbers {
        map.insert((*column).to_owned(), r.get::<Option<i64>>(column)?.into());
    }
    for column in table.bytes {
        map.insert((*column).to_owned(), r.get::<Option<Vec<u8>>>(column)?.map(hex::encode).into());
    }
    map.retain(|_, v| !v.is_null());
    Ok(map)
}

/// Only with the columns that there are: one of an older version has no value here, which is not null.
async fn insert(conn: &mut Conn, table: &'static Table, row: &Map<String, Value>) -> Result<(), StoreError> {
    let of = |columns: &'static [&'static str]| columns.iter().copied().filter(|c| row.contains_key(*c)).collect::<Vec<_>>();
    let (texts, numbers, bytes) = (of(table.texts), of(table.numbers), of(table.bytes));
    let columns = [texts.as_slice(), &numbers, &bytes].concat();
    if columns.is_empty() {
        return Err(bad(table.name)("a row has no column"));
    }
    let mut q = QueryBuilder::<Db>::new(format!("INSERT INTO {} ({}) VALUES (", table.name, columns.join(", ")));
    let mut list = q.separated(", ");
    for column in texts {
        list.push_bind(kind(row.get(column), column, Value::as_str)?.map(str::to_owned));
    }
    for column in numbers {
        list.push_bind(kind(row.get(column), column, Value::as_i64)?);
    }
    for column in bytes {
        let text = kind(row.get(column), column, Value::as_str)?;
        list.push_bind(text.map(hex::decode).transpose().map_err(bad(table.name))?);
    }
    q.push(")").build().execute(conn).await.map_err(db("load a row"))?;
    Ok(())
}

/// A value of a type, or none.
fn kind<'v, T>(value: Option<&'v Value>, column: &str, read: impl Fn(&'v Value) -> Option<T>) -> Result<Option<T>, StoreError> {
    let Some(value) = value else { return Ok(None) };
    read(value).map(Some).ok_or_else(|| bad("backup")(format!("`{column}` is of another type")))
}
