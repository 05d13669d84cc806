//! SQLite: one file, its writer, its readers beside it, the schema and its migrations.
//! Refuses to know what is stored: it runs what the other files of the ledger hand it.

use crate::domain::TenantId;
use crate::ledger::LedgerError;
use crate::ledger::checkpoint::Checkpoints;
use crate::ledger::spelling;
use crate::ledger::writer::Writer;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::cmp::Ordering;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Forward only: the schema's version is how many of these have run.
pub(super) const MIGRATIONS: [&str; 8] = [
    include_str!("../../migrations/0001_first_account.sql"),
    include_str!("../../migrations/0002_operators.sql"),
    include_str!("../../migrations/0003_revisions.sql"),
    include_str!("../../migrations/0004_look_alikes_and_allowances.sql"),
    include_str!("../../migrations/0005_answers.sql"),
    include_str!("../../migrations/0006_what_follows.sql"),
    include_str!("../../migrations/0007_numbers_once.sql"),
    include_str!("../../migrations/0008_adopted.sql"),
];

/// Connections that read at once.
const READERS: usize = 4;

/// The lane of what is no tenant's: no row has this number.
pub(super) const HOUSE: TenantId = TenantId(0);

/// The database file, its writer and its readers.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    // Dropped in this order: the checkpoints end when the writer's connection is closed.
    writer: Writer,
    _checkpoints: Checkpoints,
    readers: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Database {
    pub(super) fn open(path: &Path) -> Result<Self, LedgerError> {
        create_private(path)?;
        let mut connection = Connection::open(path)?;
        prepare(&connection)?;
        migrate(&mut connection)?;
        let beside = Connection::open(path)?;
        prepare(&beside)?;
        let checkpoints = Checkpoints::start(beside, &mut connection)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Writer::start(connection, into_one_file)?,
            _checkpoints: checkpoints,
            readers: Arc::new(Semaphore::new(READERS)),
            idle: Arc::default(),
        })
    }

    /// Runs `work` in a transaction, as [`Writer::write`] says.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        lane: TenantId,
        work: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.writer.write(lane, work).await
    }

    /// Runs `work` as [`Writer::leave`] says.
    pub(super) async fn leave<T: Send + 'static>(
        &self,
        lane: TenantId,
        work: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<(), LedgerError> {
        self.writer.leave(lane, work).await
    }

    /// Looks a few rows up by their keys, here and now, on a connection that cannot write: less work than handing it to
    /// another thread, and readers never wait for the writer. Whatever walks over rows is for [`Database::read`].
    pub(super) fn glance<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let connection = self.reader()?;
        let result = work(&connection);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result
    }

    /// Gives back the pages that idle readers keep: what a start reads, hardly anybody reads again.
    pub(super) fn rest(&self) {
        for connection in &*self.idle.lock().unwrap_or_else(PoisonError::into_inner) {
            if let Err(error) = connection.execute_batch("PRAGMA shrink_memory") {
                tracing::debug!(%error, "a reader keeps its pages");
            }
        }
    }

    fn reader(&self) -> Result<Connection, LedgerError> {
        let waiting = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        waiting.map_or_else(|| open_reader(&self.path), Ok)
    }

    /// Runs `work` on a connection that cannot write, off the workers.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let readers = Arc::clone(&self.readers);
        let permit = readers.acquire_owned().await.map_err(|_| LedgerError::Stopped)?;
        let (idle, path) = (Arc::clone(&self.idle), self.path.clone());
        // The permit and the connection stay with the work, also when nobody waits for it any more.
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let waiting = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match waiting {
                Some(connection) => connection,
                None => open_reader(&path)?,
            };
            let result = work(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result
        });
        read.await.map_err(|_| LedgerError::Stopped)?
    }
}

/// A copy of the one file is everything after a stop. Closing would do it only if nobody else had the database open.
fn into_one_file(connection: &Connection) {
    let moved: rusqlite::Result<i64> =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    if !matches!(moved, Ok(0)) {
        tracing::warn!(
            ?moved,
            "part of the database is left in its WAL, and read from there at the next start"
        );
    }
}

pub(super) fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&tx)?;
    tx.commit()?;
    Ok(value)
}

/// Who may read the folder may not read the ledger: the files beside the database take its mode from it.
fn create_private(path: &Path) -> Result<(), LedgerError> {
    let mut options = std::fs::OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(LedgerError::File(path.display().to_string(), source))
        }
        _ => Ok(()),
    }
}

/// WAL, so that readers never wait for the writer; FULL, so that what was answered survives a power cut.
fn prepare(connection: &Connection) -> Result<(), LedgerError> {
    connection.busy_timeout(Duration::from_secs(2))?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(LedgerError::Unexpected(format!(
            "journal_mode {mode}: no WAL on this file system"
        )));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A commit does not stop to move the WAL: checkpoints do.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // Of somebody who was forgotten nothing is left in pages that are free or half full.
    connection.pragma_update(None, "secure_delete", "ON")?;
    Ok(())
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(2))?;
    Ok(connection)
}

/// The database for one transaction, beside a server that may be running: not made, and not migrated under its feet.
pub(super) fn open_as_it_is(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    let known = MIGRATIONS.len() as i64;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found.cmp(&known) {
        Ordering::Less => Err(LedgerError::Older { found, known }),
        Ordering::Equal => Ok(connection),
        Ordering::Greater => Err(LedgerError::Newer { found, known }),
    }
}

pub(super) fn migrate(connection: &mut Connection) -> Result<(), LedgerError> {
    let known = MIGRATIONS.len() as i64;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    let pending = MIGRATIONS.get(done..).ok_or(LedgerError::Newer { found, known })?;
    transact(connection, |tx| {
        for migration in pending {
            tx.execute_batch(migration)?;
        }
        spelling::bring_up(tx)?;
        crate::kill_point::reach("migrating");
        Ok(tx.pragma_update(None, "user_version", known)?)
    })
}

/// The smallest write there is: the schema's version, written again.
pub(super) fn touch(tx: &Connection) -> Result<(), LedgerError> {
    Ok(tx.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?)
}

#[cfg(test)]
mod tests {
    use super::{Connection, Database, HOUSE, LedgerError, MIGRATIONS};

    #[test]
    fn an_older_binary_on_a_newer_schema_stops_and_names_both() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("enlist.db");
        drop(Database::open(&path).expect("a new database"));
        let newer = MIGRATIONS.len() as i64 + 1;
        let connection = Connection::open(&path).expect("the file");
        connection.pragma_update(None, "user_version", newer).expect("a newer version");
        match Database::open(&path) {
            Err(error @ LedgerError::Newer { .. }) => {
                let text = error.to_string();
                assert!(text.contains(&format!("schema {newer}")), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn counters_follow_accounts_whichever_way_they_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("enlist.db");
        drop(Database::open(&path).expect("a database"));
        let c = Connection::open(&path).expect("the database");
        c.execute_batch("PRAGMA foreign_keys = OFF").expect("no tenant needed");
        let counted = || -> String {
            let sql = "SELECT coalesce(group_concat(domain || '=' || active, ' '), '')
                FROM (SELECT * FROM usage ORDER BY domain)";
            c.query_row(sql, [], |row| row.get(0)).expect("counters")
        };
        for (act, then) in [
            (
                "INSERT INTO accounts VALUES (1, 1, '', NULL, 'a', 'a', 'a', NULL, 'x.example', 'active', '{}', 1, 0, NULL, NULL, '', 1, NULL, 0)",
                "=1 x.example=1",
            ),
            (
                "INSERT INTO accounts VALUES (2, 1, '', NULL, 'b', 'b', 'b', NULL, NULL, 'active', '{}', 1, 0, NULL, NULL, '', 1, NULL, 0)",
                "=2 x.example=1",
            ),
            (
                "INSERT INTO accounts VALUES (3, 1, '', NULL, 'c', 'c', 'c', NULL, 'x.example', 'closed', '{}', 1, 0, NULL, NULL, '', 1, NULL, 0)",
                "=2 x.example=1",
            ),
            ("UPDATE accounts SET state = 'active' WHERE id = 3", "=3 x.example=2"),
            (
                "UPDATE accounts SET verified_domain = 'y.example' WHERE id = 3",
                "=3 x.example=1 y.example=1",
            ),
            (
                "UPDATE accounts SET state = 'closed', verified_domain = NULL WHERE id = 1",
                "=2 x.example=0 y.example=1",
            ),
            ("DELETE FROM accounts WHERE id = 3", "=1 x.example=0 y.example=0"),
            ("DELETE FROM accounts WHERE id = 1", "=1 x.example=0 y.example=0"),
        ] {
            c.execute_batch(act).expect(act);
            assert_eq!(counted(), then, "after {act}");
        }
    }

    #[tokio::test]
    async fn after_a_stop_everything_is_in_the_one_file_also_when_others_have_it_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("enlist.db");
        let database = Database::open(&path).expect("a database");
        let insert = "INSERT INTO components VALUES ('sha256:x', x'00')";
        let write = database.write(HOUSE, move |tx| Ok(tx.execute(insert, [])?));
        write.await.expect("a row");
        let count = "SELECT count(*) FROM components";
        let others = Connection::open(&path).expect("another connection");
        let seen: i64 = others.query_row(count, [], |row| row.get(0)).expect("a count");
        drop(database);
        let copy = folder.path().join("copy.db");
        std::fs::copy(&path, &copy).expect("a copy");
        let copied = Connection::open(&copy).expect("the copy");
        let copied: i64 = copied.query_row(count, [], |row| row.get(0)).expect("a count");
        assert_eq!((seen, copied), (1, 1));
    }

    #[tokio::test]
    async fn what_is_committed_is_on_the_disk_before_anybody_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::open(&folder.path().join("enlist.db")).expect("a database");
        let settings = database
            .write(HOUSE, |tx| {
                let mode: String = tx.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
                let level: i64 = tx.pragma_query_value(None, "synchronous", |row| row.get(0))?;
                let keys: bool = tx.pragma_query_value(None, "foreign_keys", |row| row.get(0))?;
                Ok((mode, level, keys))
            })
            .await;
        const FULL: i64 = 2;
        assert_eq!(settings.expect("settings"), ("wal".to_owned(), FULL, true));
    }

    #[tokio::test]
    async fn a_write_that_panics_is_undone_and_the_writer_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::open(&folder.path().join("enlist.db")).expect("a database");
        let lost: Result<(), _> = database
            .write(HOUSE, |tx| {
                tx.execute("INSERT INTO components VALUES ('sha256:x', x'00')", [])?;
                panic!("a defect")
            })
            .await;
        assert!(matches!(lost, Err(LedgerError::Stopped)));
        let count = database.write(HOUSE, |tx| {
            Ok(tx.query_row("SELECT count(*) FROM components", [], |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(count.await.expect("a count"), 0);
    }

    #[tokio::test]
    async fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::open(&folder.path().join("enlist.db")).expect("a database");
        let insert = "INSERT INTO components VALUES ('sha256:x', x'00')";
        let failed: Result<(), _> = database
            .write(HOUSE, move |tx| {
                tx.execute(insert, [])?;
                Err(LedgerError::Busy)
            })
            .await;
        assert!(failed.is_err());
        let count = |connection: &Connection| {
            Ok(connection
                .query_row("SELECT count(*) FROM components", [], |row| row.get::<_, i64>(0))?)
        };
        assert_eq!(database.read(count).await.expect("a count"), 0);
        database
            .write(HOUSE, move |tx| Ok(tx.execute(insert, []).map(drop)?))
            .await
            .expect("the writer goes on");
        assert_eq!(database.read(count).await.expect("a count"), 1);
    }
}
