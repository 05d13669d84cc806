//! Writing to an `auth.db`: one transaction, which another program sees whole or not at all.
//! Refuses to delete a row, and to leave a pragma behind that lasts.

use crate::downstream::auth_db::Found;
use crate::downstream::{AuthDb, AuthDbError, FileTurn, UNOPENABLE};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

/// What is about to be written. Nobody else writes meanwhile; dropped, it has changed nothing.
#[derive(Debug)]
pub struct Draft {
    connection: Connection,
    file: AuthDb,
    _turn: FileTurn,
}

/// The row of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// There is none.
    Missing,
    /// One of ours, that no password opens.
    Unopenable,
    /// One that a password may open.
    Hash(String),
    /// One that is no text: none opens it either.
    Other,
}

impl Row {
    /// The row in which this stands as the hash.
    pub(super) fn of(hash: ValueRef<'_>) -> Self {
        match hash {
            ValueRef::Text(text) if text == UNOPENABLE.as_bytes() => Self::Unopenable,
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(hash) => Self::Hash(hash.to_owned()),
                Err(_) => Self::Other,
            },
            _ => Self::Other,
        }
    }
}

/// The table as ankisyncd makes it, letter for letter.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS auth (username VARCHAR PRIMARY KEY, hash VARCHAR)";

impl Draft {
    pub(super) fn begin(file: &AuthDb, turn: &FileTurn, how: &str) -> Result<Self, AuthDbError> {
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags.set(OpenFlags::SQLITE_OPEN_CREATE, file.may_be_made()?);
        let begun = || {
            let connection = file.open(flags)?;
            // From here on no other program writes: what is read stays true until it is changed.
            connection.execute_batch(how)?;
            let found = Found::in_there(&connection)?;
            Ok((connection, found))
        };
        let (connection, found) = begun().map_err(|error| file.failed(error))?;
        if !file.is_usable(found)? {
            connection.execute_batch(TABLE).map_err(|error| file.failed(error))?;
        }
        Ok(Self { connection, file: file.clone(), _turn: turn.clone() })
    }

    /// The row of exactly this name.
    pub fn row(&self, name: &str) -> Result<Row, AuthDbError> {
        let read = || {
            let sql = "SELECT hash FROM auth WHERE username = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            let row = |row: &rusqlite::Row<'_>| Ok(Row::of(row.get_ref(0)?));
            Ok(statement.query_row([name], row).optional()?.unwrap_or(Row::Missing))
        };
        read().map_err(|error| self.file.failed(error))
    }

    /// Gives the name a row, unless it has one.
    pub fn add(&self, name: &str, hash: &str) -> Result<(), AuthDbError> {
        let sql = "INSERT INTO auth (username, hash) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.execute(sql, name, hash)
    }

    /// Gives the name this hash, whatever it had.
    pub fn set(&self, name: &str, hash: &str) -> Result<(), AuthDbError> {
        let sql = "INSERT INTO auth (username, hash) VALUES (?1, ?2)
            ON CONFLICT (username) DO UPDATE SET hash = excluded.hash";
        self.execute(sql, name, hash)
    }

    /// From here on it is written, and durable.
    pub fn commit(self) -> Result<(), AuthDbError> {
        self.connection.execute_batch("COMMIT").map_err(|error| self.file.failed(error))?;
        self.file.was_there();
        Ok(())
    }

    fn execute(&self, sql: &str, name: &str, hash: &str) -> Result<(), AuthDbError> {
        let execute = || self.connection.prepare_cached(sql)?.execute((name, hash)).map(drop);
        execute().map_err(|error| self.file.failed(error))
    }
}
