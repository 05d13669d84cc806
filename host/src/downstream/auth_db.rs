//! The `auth.db` of an ankisyncd: who may log in, by name, with a hash. The file is the other program's: it is opened for each piece of
//! work and let go.
//! Refuses the schema of before 2017, to change owner, mode, schema and journal mode, and to wait for a lock for long.

use crate::domain::TenantName;
use crate::downstream::{Draft, Row as AuthRow};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The file, which may not be there yet. Clones are one: their turns are taken in turn.
#[derive(Clone, Debug)]
pub struct AuthDb {
    path: PathBuf,
    turn: Arc<Mutex<()>>,
    /// Whether it was there once.
    there: Arc<AtomicBool>,
}

/// While this lives nobody else of this process writes to the file. Work that nobody waits for any more holds it to its end.
#[derive(Clone, Debug)]
pub struct FileTurn {
    _turn: Arc<OwnedMutexGuard<()>>,
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
    /// No table `auth` with `username` and `hash`, or one in which a name may stand twice.
    #[error("{} is no auth.db of an ankisyncd: no table auth with a hash for each username", .0.display())]
    Foreign(PathBuf),
    /// It was there, and is not any more.
    #[error("{} was there, and is gone: put it back, or an empty file for a new beginning", .0.display())]
    Gone(PathBuf),
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
    /// The system has no random numbers.
    #[error("no randomness for a salt")]
    NoSalt(#[source] getrandom::Error),
}

/// How long somebody else's transaction is waited for before the work is put off.
const LOCKED_FOR: Duration = Duration::from_millis(500);

impl AuthDbError {
    /// In a word, without a path: for those who may not know where things are on this machine.
    pub fn word(&self) -> &'static str {
        use ErrorCode as Code;
        match self {
            Self::Locked(_) => "locked",
            Self::OldSchema(_) => "old_schema",
            Self::Foreign(_) => "foreign",
            Self::Gone(_) => "gone",
            Self::Shared { .. } => "shared",
            Self::NoSalt(_) => "no_randomness",
            Self::Sqlite { source, .. } => match source.sqlite_error_code() {
                Some(Code::DiskFull) => "disk_full",
                Some(Code::ReadOnly | Code::PermissionDenied) => "read_only",
                Some(Code::DatabaseCorrupt | Code::NotADatabase) => "damaged",
                _ => "unreadable",
            },
        }
    }
}

impl AuthDb {
    /// The file at this path; nothing is opened yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, turn: Arc::default(), there: Arc::default() }
    }

    /// It has been there: where it is gone, a disk may be missing, and none is made in its place.
    pub fn was_there(&self) {
        self.there.store(true, Ordering::Relaxed);
    }

    /// Whether a new one may be made.
    pub(super) fn may_be_made(&self) -> Result<bool, AuthDbError> {
        let was_there = self.there.load(Ordering::Relaxed);
        if was_there && matches!(self.path.try_exists(), Ok(false)) {
            return Err(AuthDbError::Gone(self.path.clone()));
        }
        Ok(!was_there)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until nobody else of this process writes.
    pub async fn turn(&self) -> FileTurn {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        FileTurn { _turn: Arc::new(turn) }
    }

    /// Begins to write; makes the file where there never was one.
    pub fn begin(&self, turn: &FileTurn) -> Result<Draft, AuthDbError> {
        Draft::begin(self, turn, "BEGIN IMMEDIATE")
    }

    /// The same while nobody reads either: somebody who does can keep such a draft from its beginning, and not from its commit.
    pub fn begin_alone(&self, turn: &FileTurn) -> Result<Draft, AuthDbError> {
        Draft::begin(self, turn, "BEGIN EXCLUSIVE")
    }

    /// Whether it was there once, as far as is known.
    pub fn is_known(&self) -> bool {
        self.there.load(Ordering::Relaxed)
    }

    /// Whether it can be used: that it never was there is fine, an old schema is not.
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

    /// What every name has there.
    pub fn rows(&self) -> Result<HashMap<String, AuthRow>, AuthDbError> {
        let rows = self.reading(|c| {
            let mut statement =
                c.prepare("SELECT username, hash FROM auth WHERE username IS NOT NULL")?;
            let row = |row: &Row<'_>| {
                let name = row.get_ref(0)?.as_str().ok().map(str::to_owned);
                Ok(name.map(|name| row.get_ref(1).map(|hash| (name, AuthRow::of(hash)))))
            };
            let rows = statement.query_map([], row)?;
            rows.filter_map(|row| row.and_then(Option::transpose).transpose()).collect()
        })?;
        Ok(rows.unwrap_or_default())
    }

    /// Whether each of exactly these names has a row, in their order.
    pub fn have(&self, names: &[String]) -> Result<Vec<bool>, AuthDbError> {
        let found = self.reading(|c| {
            let mut statement =
                c.prepare("SELECT EXISTS (SELECT 1 FROM auth WHERE username = ?1)")?;
            let has = |name: &String| statement.query_row([name], |row| row.get(0));
            names.iter().map(has).collect()
        })?;
        Ok(found.unwrap_or_else(|| vec![false; names.len()]))
    }

    /// None when there never was a file, or nothing is in it.
    fn reading<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, AuthDbError> {
        if matches!(self.path.try_exists(), Ok(false)) {
            // That one which was there is gone says nothing of the names in it.
            return self.may_be_made().map(|_| None);
        }
        let look = |access| {
            let connection = self.open(access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            let found = Found::in_there(&connection)?;
            Ok((found, connection))
        };
        let looked = match look(OpenFlags::SQLITE_OPEN_READ_ONLY) {
            // Whoever wrote it died meanwhile: what it left is undone first, as by every program that opens it next.
            Err(error) if is_left_half(&error) => look(OpenFlags::SQLITE_OPEN_READ_WRITE),
            looked => looked,
        };
        let (found, connection) = looked.map_err(|error| self.failed(error))?;
        if !self.is_usable(found)? {
            return Ok(None);
        }
        work(&connection).map(Some).map_err(|error| self.failed(error))
    }

    pub(super) fn open(&self, flags: OpenFlags) -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(LOCKED_FOR)?;
        Ok(connection)
    }

    /// False for a file in which nothing is yet: somebody has just made it, or died then.
    pub(super) fn is_usable(&self, found: Found) -> Result<bool, AuthDbError> {
        match found {
            Found::Nothing => Ok(false),
            Found::Table => {
                self.was_there();
                Ok(true)
            }
            Found::OldTable => Err(AuthDbError::OldSchema(self.path.clone())),
            Found::Other => Err(AuthDbError::Foreign(self.path.clone())),
        }
    }

    pub(super) fn failed(&self, source: rusqlite::Error) -> AuthDbError {
        let path = self.path.clone();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => AuthDbError::Locked(path),
            Some(ErrorCode::NotADatabase) => AuthDbError::Foreign(path),
            _ => AuthDbError::Sqlite { path, source },
        }
    }
}

/// Whether no name can stand in the table twice: whoever looks for a row finds the only one.
const ONE_ROW_A_NAME: &str = "SELECT EXISTS (SELECT 1 FROM pragma_index_list('auth') AS i
    WHERE i.\"unique\" AND NOT i.partial
      AND (SELECT group_concat(c.name) FROM pragma_index_info(i.name) AS c) = 'username')";

/// Told to whoever may only read, where a journal or a WAL has to be worked off.
fn is_left_half(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen))
}

/// What stands in a file.
pub(super) enum Found {
    Nothing,
    Table,
    OldTable,
    Other,
}

impl Found {
    /// Told as ankisyncd itself tells them apart: by what the table was made with.
    pub(super) fn in_there(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'auth'";
        let table: Option<String> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
        Ok(match table {
            Some(sql) if sql.contains("username") && sql.contains("hash") => {
                match connection.query_row(ONE_ROW_A_NAME, [], |row| row.get(0))? {
                    true => Self::Table,
                    false => Self::Other,
                }
            }
            Some(sql) if sql.contains("user VARCHAR PRIMARY KEY") => Self::OldTable,
            Some(_) => Self::Other,
            None => {
                let is_empty = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)";
                match connection.query_row(is_empty, [], |row| row.get(0))? {
                    true => Self::Nothing,
                    false => Self::Other,
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{AuthDb, Connection};
    use std::fs;

    #[test]
    fn what_somebody_left_half_written_is_undone_and_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, left) = (folder.path().join("auth.db"), folder.path().join("left.db"));
        let writer = Connection::open(&path).expect("a file");
        let table = "CREATE TABLE auth (username VARCHAR PRIMARY KEY, hash VARCHAR);
            INSERT INTO auth VALUES ('anna', 'hers');
            PRAGMA cache_size = 1; BEGIN;";
        writer.execute_batch(table).expect("a table");
        for number in 0..2000 {
            let row = "INSERT INTO auth VALUES (?1, 'x')";
            writer.execute(row, [format!("nobody-{number}")]).expect("a row");
        }
        // What stands on the disk when the writer dies here: pages of the half, and the journal that undoes them.
        fs::copy(&path, &left).expect("a copy");
        let journal = |of: &std::path::Path| format!("{}-journal", of.display());
        fs::copy(journal(&path), journal(&left)).expect("its journal");
        let file = AuthDb::new(left.clone());
        file.check().expect("of use");
        assert_eq!(file.names().expect("names"), ["anna"]);
        assert!(!std::path::Path::new(&journal(&left)).exists(), "it was worked off");
    }
}
