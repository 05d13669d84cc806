//! The ledger as a file on this machine: looked at beside a running server, or taken when none runs; and copies of it that are
//! whole, private and on the disk before anybody relies on them.
//! Refuses to overwrite a file, and to touch what is no ledger or one of a newer Enlist.

use crate::ledger::LedgerError;
use crate::ledger::sqlite::{MIGRATIONS, migrate, open_reader};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A database of Enlist's, of this schema or an older one.
#[derive(Debug)]
pub struct LedgerFile {
    pub(super) connection: Connection,
}

/// What is in a ledger, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// How many migrations it has seen.
    pub schema: i64,
    /// Tenants, removed ones not counted.
    pub tenants: u64,
    /// Accounts, open and closed.
    pub accounts: u64,
}

impl LedgerFile {
    /// The newest schema this program knows.
    pub const SCHEMA: i64 = MIGRATIONS.len() as i64;

    /// Opens it to read, beside whoever has it open.
    pub fn look(path: &Path) -> Result<Self, LedgerError> {
        present(path)?;
        Self::of(open_reader(path)?)
    }

    /// Opens it to write. The caller holds the data folder, so that no server has it open.
    pub fn take(path: &Path) -> Result<Self, LedgerError> {
        present(path)?;
        Self::of(open_writer(path)?)
    }

    fn of(connection: Connection) -> Result<Self, LedgerError> {
        let file = Self { connection };
        let tables = file.connection.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('tenants', 'accounts', 'revisions', 'decisions')",
            [],
            |row| row.get::<_, i64>(0),
        );
        let tables = match tables {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                return Err(LedgerError::Foreign);
            }
            tables => tables?,
        };
        let (found, known) = (file.schema()?, Self::SCHEMA);
        match (found, tables) {
            _ if found > known => Err(LedgerError::Newer { found, known }),
            (1.., 4) => Ok(file),
            _ => Err(LedgerError::Foreign),
        }
    }

    /// How many migrations it has seen.
    pub fn schema(&self) -> Result<i64, LedgerError> {
        Ok(self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
    }

    /// What is in it, in short.
    pub fn content(&self) -> Result<Content, LedgerError> {
        let schema = self.schema()?;
        let tenants = if schema > 1 {
            "SELECT count(*) FROM tenants WHERE removed_at IS NULL"
        } else {
            "SELECT count(*) FROM tenants"
        };
        let count = |sql: &str| -> Result<u64, LedgerError> {
            let count = self.connection.query_row(sql, [], |row| row.get::<_, i64>(0))?;
            Ok(count.unsigned_abs())
        };
        Ok(Content {
            schema,
            tenants: count(tenants)?,
            accounts: count("SELECT count(*) FROM accounts")?,
        })
    }

    /// What SQLite finds wrong with the file; nothing in a sound one.
    pub fn damage(&self) -> Result<Vec<String>, LedgerError> {
        let check = || {
            let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
            let lines = statement.query_map([], |row| row.get(0))?;
            lines.collect::<Result<Vec<String>, _>>()
        };
        match check() {
            Ok(lines) if lines == ["ok"] => Ok(Vec::new()),
            Ok(lines) => Ok(lines),
            // Too broken to be looked through is found wrong as well.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                Ok(vec![error.to_string()])
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Brings it to this program's schema.
    pub fn migrate(&mut self) -> Result<(), LedgerError> {
        migrate(&mut self.connection)
    }

    /// Copies it as it is at one moment, whoever writes meanwhile, to a new file at `to`: private, and on the disk with its entry
    /// when this returns. Until then there is nothing at `to`.
    pub fn copy_to(&self, to: &Path) -> Result<Content, LedgerError> {
        let fail = |source| LedgerError::File(to.display().to_string(), source);
        absent(to).map_err(fail)?;
        let part = part_of(to).map_err(fail)?;
        let made = self.write_copy(&part, to).and_then(|content| {
            absent(to).and_then(|()| fs::rename(&part, to)).map_err(fail)?;
            sync_folder_of(to).map_err(fail)?;
            Ok(content)
        });
        if made.is_err() {
            let _ = fs::remove_file(&part);
        }
        made
    }

    fn write_copy(&self, part: &Path, to: &Path) -> Result<Content, LedgerError> {
        let fail = |source| LedgerError::File(to.display().to_string(), source);
        let text = part.to_str().ok_or_else(|| {
            fail(io::Error::new(io::ErrorKind::InvalidFilename, "a name that is no UTF-8"))
        })?;
        // Made before SQLite opens it, which takes an empty file as it is: nobody else may ever read it.
        let file = File::options().write(true).create_new(true).mode(0o600).open(part);
        let file = file.map_err(fail)?;
        self.connection.execute("VACUUM INTO ?1", [text])?;
        file.sync_all().map_err(fail)?;
        // Opened and counted: a copy that cannot be read is none.
        Self::look(part)?.content()
    }
}

/// A name for a copy in `data/backups`, made of what it is of and when it was made.
pub fn copy_name(of: &str) -> String {
    let now = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    format!("enlist-{of}-{}.db", now.replace(['-', ':'], "").replace('.', "-"))
}

/// The database before a newer schema: nothing is migrated of which there is no copy.
pub(super) fn copy_before_migration(path: &Path, backups: &Path) -> Result<(), LedgerError> {
    if !path.exists() {
        return Ok(());
    }
    let found: i64 =
        open_reader(path)?.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // 0 is a database that was begun and holds nothing; a newer one is refused where it is opened.
    if !(1..LedgerFile::SCHEMA).contains(&found) {
        return Ok(());
    }
    let database = LedgerFile::look(path)?;
    make_private_folder(backups)
        .map_err(|source| LedgerError::File(backups.display().to_string(), source))?;
    let to = backups.join(copy_name(&format!("schema{found}")));
    database.copy_to(&to)?;
    tracing::info!(copy = %to.display(), schema = found, "the database was copied before its migration");
    Ok(())
}

/// Moves everything that is in a database's WAL into its file, whatever its schema. The caller holds the data folder; false when
/// a part of it had to stay, because somebody still reads what was there before.
pub fn move_wal(path: &Path) -> Result<bool, LedgerError> {
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    let (frames, moved): (i64, i64) =
        open_writer(path)?.query_row(sql, [], |row| Ok((row.get(1)?, row.get(2)?)))?;
    Ok(frames == moved)
}

fn open_writer(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(2))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    Ok(connection)
}

/// A folder for copies that only we may enter, on the disk when this returns.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => Err(error),
        _ => sync_folder_of(path),
    }
}

fn present(path: &Path) -> Result<(), LedgerError> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(LedgerError::Foreign),
        Err(source) => Err(LedgerError::File(path.display().to_string(), source)),
    }
}

fn absent(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file already, and it is not overwritten",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The name under which a copy is made, in the same folder.
fn part_of(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
    // Not the process's number: in a container that is the same every time.
    let random = getrandom::u32().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(path.with_file_name(format!(".{name}.{random:08x}.part")))
}

/// The entry of `path` on the disk.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
