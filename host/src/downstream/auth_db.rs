//! The `auth.db` of an ankisyncd: who may log in, by name, with a hash. The file is the other program's: it is opened for each piece of
//! work and let go.
//! Refuses the schema of before 2017, to change owner, mode, schema and journal mode, and to wait for a lock for long.

use crate::domain::TenantName;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file, which may not be there yet.
#[derive(Clone, Debug)]
pub struct AuthDb {
    path: PathBuf,
}

/// Why nothing was read or written.
#[derive(Debug, thiserror::Error)]
pub enum AuthDbError {
    /// Somebody else writes and does not end.
    #[error("{} is locked by another program", .0.display())]
    Locked(PathBuf),
    /// The table has a column `user`: the program that made it cannot use ours.
    #[error("{} has the old schema (a column `user`): run ankisyncd's utils/migrate_user_tables.py first", .0.display())]
    OldSchema(PathBuf),
    /// No table `auth` with `username` and `hash`.
    #[error("{} is no auth.db of an ankisyncd", .0.display())]
    Foreign(PathBuf),
    /// Another tenant has the file.
    #[error("{} is the auth.db of tenant {owner}", .path.display())]
    Shared {
        /// Which file.
        path: PathBuf,
        /// Whose it is.
        owner: TenantName,
    },
    /// The file cannot be used.
    #[error("{}", .path.display())]
    Sqlite {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// How long somebody else's transaction is waited for before the work is put off.
const LOCKED_FOR: Duration = Duration::from_millis(500);

impl AuthDb {
    /// The file at this path; nothing is opened yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it can be used: not there is fine, an old schema is not.
    pub fn check(&self) -> Result<(), AuthDbError> {
        self.reading(|_| Ok(())).map(drop)
    }

    /// Every name that has a row. What is no text is no name.
    pub fn names(&self) -> Result<Vec<String>, AuthDbError> {
        let names = self.reading(|c| {
            let mut statement =
                c.prepare("SELECT username FROM auth WHERE username IS NOT NULL")?;
            let text = |row: &Row<'_>| Ok(row.get_ref(0)?.as_str().ok().map(str::to_owned));
            let rows = statement.query_map([], text)?;
            rows.filter_map(Result::transpose).collect::<Result<_, _>>()
        })?;
        Ok(names.unwrap_or_default())
    }

    /// Whether exactly this name has a row.
    pub fn has(&self, name: &str) -> Result<bool, AuthDbError> {
        let found = self.reading(|c| {
            c.query_row("SELECT 1 FROM auth WHERE username = ?1", [name], |_| Ok(())).optional()
        })?;
        Ok(found.flatten().is_some())
    }

    /// None when there is no file.
    fn reading<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, AuthDbError> {
        if matches!(self.path.try_exists(), Ok(false)) {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let read = || {
            let connection = Connection::open_with_flags(&self.path, flags)?;
            connection.busy_timeout(LOCKED_FOR)?;
            let sql = table(&connection)?;
            Ok((sql, connection))
        };
        let (sql, connection) = read().map_err(|error| self.failed(error))?;
        self.check_schema(sql.as_deref())?;
        work(&connection).map(Some).map_err(|error| self.failed(error))
    }

    /// Told as ankisyncd itself tells them apart.
    fn check_schema(&self, sql: Option<&str>) -> Result<(), AuthDbError> {
        match sql {
            Some(sql) if sql.contains("username") && sql.contains("hash") => Ok(()),
            Some(sql) if sql.contains("user VARCHAR PRIMARY KEY") => {
                Err(AuthDbError::OldSchema(self.path.clone()))
            }
            _ => Err(AuthDbError::Foreign(self.path.clone())),
        }
    }

    fn failed(&self, source: rusqlite::Error) -> AuthDbError {
        let path = self.path.clone();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => AuthDbError::Locked(path),
            _ => AuthDbError::Sqlite { path, source },
        }
    }
}

/// What the table was made with.
fn table(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'auth'";
    connection.query_row(sql, [], |row| row.get(0)).optional()
}
