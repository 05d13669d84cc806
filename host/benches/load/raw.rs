//! The same work without a server: the folders, one fsync of their parent, and the very rows that the server wrote, in one
//! transaction, by one thread. What the disk and SQLite cost, and nobody else.
//! Refuses to know the schema: the rows are those of the first account that the server opened, with another person's texts in them.

use crate::people::marker;
use crate::report::Sample;
use crate::server::processor_time;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use rustix::fs::{Mode, OFlags};
use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

/// The tables that opening an account adds a row to; what follows from a row, such as counters, the schema's triggers do here too.
const TABLES: [&str; 2] = ["accounts", "decisions"];

/// A folder and a database like the server's.
pub(crate) struct Raw {
    connection: Connection,
    homes: OwnedFd,
    rows: Vec<Template>,
    model: u64,
}

/// A row of the model's, and the statement that writes one like it.
struct Template {
    insert: String,
    columns: Vec<(String, Value)>,
}

/// What is written for one person.
struct Person {
    home: String,
    rows: Vec<Vec<Value>>,
}

impl Raw {
    /// `database` is the server's after it opened an account for person `model` and nothing else.
    pub(crate) fn open(database: &Path, homes: &Path, model: u64) -> Result<Self, Box<dyn Error>> {
        std::fs::create_dir(homes)?;
        let connection = Connection::open(database)?;
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        assert_eq!(mode, "wal");
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        let rows = TABLES
            .map(|table| Template::read(&connection, table))
            .into_iter()
            .collect::<Result<_, _>>()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(homes, flags, Mode::empty())?;
        Ok(Self { connection, homes: folder, rows, model })
    }

    /// Opens accounts for these people, `batch` at a time. Everybody in a batch has waited as long as it took.
    pub(crate) fn run(
        &mut self,
        people: std::ops::Range<u64>,
        batch: usize,
    ) -> Result<Sample, Box<dyn Error>> {
        let people: Vec<_> = people.map(|number| self.person(number)).collect();
        let mut waits = Vec::with_capacity(people.len());
        let processor = processor_time("self")?;
        let began = Instant::now();
        for batch in people.chunks(batch) {
            let began = Instant::now();
            for person in batch {
                rustix::fs::mkdirat(&self.homes, &person.home, Mode::from(0o750))?;
            }
            rustix::fs::fsync(&self.homes)?;
            let tx = self.connection.transaction()?;
            for person in batch {
                for (template, values) in self.rows.iter().zip(&person.rows) {
                    tx.prepare_cached(&template.insert)?.execute(params_from_iter(values))?;
                }
            }
            tx.commit()?;
            waits.extend(std::iter::repeat_n(began.elapsed(), batch.len()));
        }
        let took = began.elapsed();
        let processor = Some(processor_time("self")?.saturating_sub(processor));
        Ok(Sample { took, waits, busy: 0, processor })
    }

    /// Commits of one row each, and nothing else: what somebody who waits for an fsync of the database waits for.
    pub(crate) fn commits(&mut self, times: usize) -> Result<Sample, Box<dyn Error>> {
        let mut waits = Vec::with_capacity(times);
        let began = Instant::now();
        for _ in 0..times {
            let began = Instant::now();
            let version: i64 =
                self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            self.connection.pragma_update(None, "user_version", version)?;
            waits.push(began.elapsed());
        }
        Ok(Sample { took: began.elapsed(), waits, busy: 0, processor: None })
    }

    pub(crate) fn database(&self) -> &Connection {
        &self.connection
    }

    /// Writes out what the file system still has in memory: nobody pays for what others left.
    pub(crate) fn settle(&self) -> Result<(), Box<dyn Error>> {
        Ok(rustix::fs::syncfs(&self.homes)?)
    }

    fn person(&self, number: u64) -> Person {
        let texts = [marker(self.model), marker(number)];
        let rows = self.rows.iter().map(|template| template.fill(&texts, number)).collect();
        Person { home: format!("person-{}", marker(number)), rows }
    }
}

impl Template {
    /// The latest row of a table, its number apart.
    fn read(connection: &Connection, table: &str) -> Result<Self, Box<dyn Error>> {
        let mut statement =
            connection.prepare(&format!("SELECT * FROM {table} ORDER BY id DESC LIMIT 1"))?;
        let names: Vec<_> = statement.column_names().map(str::to_owned).collect();
        let mut columns = statement.query_row([], |row| {
            let column = |(i, name): (usize, &String)| Ok((name.clone(), row.get(i)?));
            names.iter().enumerate().map(column).collect::<Result<Vec<(_, Value)>, _>>()
        })?;
        columns.retain(|(name, _)| name != "id");
        let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let insert = format!(
            "INSERT INTO {table} ({}) VALUES ({})",
            names.join(", "),
            vec!["?"; names.len()].join(", ")
        );
        Ok(Self { insert, columns })
    }

    fn fill(&self, [model, person]: &[String; 2], number: u64) -> Vec<Value> {
        let fill = |(name, value): &(String, Value)| match value {
            // Random on the server's side, and indexed.
            Value::Text(_) if name == "request_id" => Value::Text(scattered(number)),
            Value::Text(text) => Value::Text(text.replace(model, person)),
            other => other.clone(),
        };
        self.columns.iter().map(fill).collect()
    }
}

/// As long as a name that the server gives to a request, and as scattered.
fn scattered(number: u64) -> String {
    let mut hasher = DefaultHasher::new();
    number.hash(&mut hasher);
    let high = hasher.finish();
    high.hash(&mut hasher);
    format!("{high:016x}{:016x}", hasher.finish())
}
