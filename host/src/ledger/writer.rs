//! The writer: one thread that commits what queued up in one transaction, a savepoint an operation, so that many wait for one
//! fsync. What a write promises is decided by the commit; nobody is told before it.
//! Refuses to let one operation's failure undo another's, and to guess: a commit whose fate is unknown is called that.

use crate::domain::TenantId;
use crate::lanes::{Lanes, NotTaken};
use crate::ledger::LedgerError;
use crate::ledger::sqlite::touch;
use crate::meters::{METERS, Queue};
use rusqlite::{Connection, ErrorCode};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::oneshot;

/// Operations committed together. Past it the work of a batch, not its fsync, is what others wait for.
const BATCH: usize = 256;

/// Operations of one tenant that may wait; past it a request is answered `busy`.
const LANE_LIMIT: usize = 1024;

/// Operations of one tenant that may wait without anybody waiting for them.
const LEFT_LIMIT: usize = 256;

/// The thread and its queue.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Arc<Lanes<Box<dyn Operation>>>,
    thread: Option<JoinHandle<()>>,
}

/// Something to be done in a transaction that others share.
trait Operation: Send {
    /// Does it; false when it failed and its part must be undone.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Tells whoever waits.
    fn finish(self: Box<Self>, fate: &Fate);
}

/// What became of a transaction.
#[derive(Clone, Debug)]
enum Fate {
    /// It is on the disk.
    Committed,
    /// It is not, and never will be.
    Undone(Arc<rusqlite::Error>),
    /// The commit failed half way, and so did the attempt to find out: the next start may find it done or not.
    InDoubt(Arc<rusqlite::Error>),
}

struct Work<T, F> {
    work: Option<F>,
    result: Option<Result<T, LedgerError>>,
    answer: oneshot::Sender<Result<T, LedgerError>>,
}

impl<T, F> Operation for Work<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, LedgerError> + Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        // A defect in one write must not end all others: its savepoint is rolled back.
        match catch_unwind(AssertUnwindSafe(|| work(connection))) {
            Ok(result) => {
                let done = result.is_ok();
                self.result = Some(result);
                done
            }
            Err(_) => {
                tracing::error!("a write panicked and was undone");
                false
            }
        }
    }

    fn finish(self: Box<Self>, fate: &Fate) {
        let result = match (self.result, fate) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(value)), Fate::Committed) => Ok(value),
            // It panicked: whoever waits finds the line dead.
            (None, _) if self.work.is_none() => return,
            (_, Fate::Undone(error)) => Err(LedgerError::Undone(Arc::clone(error))),
            (_, Fate::InDoubt(error)) => Err(LedgerError::InDoubt(Arc::clone(error))),
            // It was never reached, and yet the rest was committed: not possible.
            (None, Fate::Committed) => return,
        };
        // Nobody may be waiting any more; what was committed stays so.
        let _ = self.answer.send(result);
    }
}

impl Writer {
    /// Starts the thread; `at_end` runs on it when everything is written.
    pub(super) fn start(
        connection: Connection,
        at_end: impl FnOnce(&Connection) + Send + 'static,
    ) -> Result<Self, LedgerError> {
        let queue = Arc::new(Lanes::new(Queue::Ledger, LANE_LIMIT));
        let lanes: Arc<Lanes<Box<dyn Operation>>> = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("ledger-writer".to_owned())
            .spawn(move || {
                run(&connection, &lanes);
                at_end(&connection);
            })
            .map_err(|source| LedgerError::File("starting the writer".to_owned(), source))?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Runs `work` in a transaction that others may share; durable when this returns `Ok`, undone when it returns an error that
    /// is not [`LedgerError::InDoubt`] or [`LedgerError::Stopped`]. A caller that stops waiting does not undo it.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        lane: TenantId,
        work: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (answer, answered) = oneshot::channel();
        let work = Work { work: Some(work), result: None, answer };
        self.queue.push(lane, Box::new(work)).map_err(refused)?;
        answered.await.map_err(|_| LedgerError::Stopped)?
    }

    /// The same, and waits only when much is waiting already: who costs no fsync must not bring more than the disk takes.
    pub(super) async fn leave<T: Send + 'static>(
        &self,
        lane: TenantId,
        work: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<(), LedgerError> {
        let (answer, answered) = oneshot::channel();
        let work = Work { work: Some(work), result: None, answer };
        let length = self.queue.leave(lane, Box::new(work)).map_err(refused)?;
        if length > LEFT_LIMIT {
            answered.await.map_err(|_| LedgerError::Stopped)??;
        }
        Ok(())
    }
}

fn refused(not_taken: NotTaken) -> LedgerError {
    match not_taken {
        NotTaken::Full => LedgerError::Busy,
        NotTaken::Closed => LedgerError::Stopped,
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // What the queue still holds is written first.
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, queue: &Lanes<Box<dyn Operation>>) {
    loop {
        let mut batch = queue.take(BATCH);
        if batch.is_empty() {
            return;
        }
        let began = Instant::now();
        let fate = commit(connection, &mut batch);
        if let Fate::Undone(error) | Fate::InDoubt(error) = &fate {
            tracing::error!(?fate, %error, operations = batch.len(), "a commit failed");
        }
        METERS.batch(Queue::Ledger, batch.len(), began.elapsed());
        for operation in batch {
            operation.finish(&fate);
        }
    }
}

fn commit(connection: &Connection, batch: &mut [Box<dyn Operation>]) -> Fate {
    let failed = match attempt(connection, batch) {
        Ok(()) => return Fate::Committed,
        Err(failed) => failed,
    };
    if !connection.is_autocommit()
        && let Err(error) = execute(connection, "ROLLBACK")
    {
        tracing::error!(%error, "a rollback failed");
    }
    let error = Arc::new(failed.error);
    // A disk that was full before the last frame, or a lock that was not had: nothing that recovery could take for a commit.
    // After any other error a transaction that gets through overwrites what the lost one may have left in the WAL.
    let settled =
        !failed.while_committing || error.sqlite_error_code() == Some(ErrorCode::DiskFull);
    if settled || overwrite(connection).is_ok() {
        Fate::Undone(error)
    } else {
        Fate::InDoubt(error)
    }
}

struct Failed {
    error: rusqlite::Error,
    while_committing: bool,
}

fn attempt(connection: &Connection, batch: &mut [Box<dyn Operation>]) -> Result<(), Failed> {
    let before = |error| Failed { error, while_committing: false };
    execute(connection, "BEGIN IMMEDIATE").map_err(before)?;
    for operation in batch {
        execute(connection, "SAVEPOINT operation").map_err(before)?;
        if !operation.run(connection) {
            // A full disk, for one, ends the whole transaction: then there is nothing left to roll back to, and this fails.
            execute(connection, "ROLLBACK TO operation").map_err(before)?;
        }
        execute(connection, "RELEASE operation").map_err(before)?;
    }
    let committing = |error| Failed { error, while_committing: true };
    execute(connection, "COMMIT").map_err(committing)
}

fn overwrite(connection: &Connection) -> Result<(), LedgerError> {
    execute(connection, "BEGIN IMMEDIATE")?;
    touch(connection)?;
    execute(connection, "COMMIT")?;
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use crate::domain::TenantId;
    use crate::ledger::LedgerError;
    use crate::ledger::sqlite::{Database, HOUSE};
    use rusqlite::Connection;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};

    const COUNT: &str = "SELECT count(*) FROM components";

    fn count(c: &Connection) -> i64 {
        c.query_row(COUNT, [], |row| row.get(0)).expect("a count")
    }

    fn insert(c: &Connection, digest: &str) -> Result<(), LedgerError> {
        c.execute("INSERT INTO components VALUES (?1, x'00')", [digest])?;
        Ok(())
    }

    fn database() -> (tempfile::TempDir, PathBuf, Arc<Database>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("enlist.db");
        let database = Arc::new(Database::open(&path).expect("a database"));
        (folder, path, database)
    }

    /// Holds the writer up, so that what is queued before the sender is dropped is one batch.
    fn hold(database: &Arc<Database>) -> Sender<()> {
        let (go, wait) = channel();
        let (held, holding) = channel();
        let database = Arc::clone(database);
        tokio::spawn(async move {
            database
                .write(HOUSE, move |_| {
                    held.send(()).expect("a test");
                    let _ = wait.recv();
                    Ok(())
                })
                .await
        });
        tokio::task::block_in_place(|| holding.recv()).expect("the writer");
        go
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_queues_up_is_one_transaction_and_a_failure_in_it_is_its_own() {
        let (_folder, path, database) = database();
        let go = hold(&database);
        let first = database.write(TenantId(1), |c| insert(c, "first"));
        let failed = database.write(TenantId(2), |c| {
            insert(c, "half done")?;
            insert(c, "first")
        });
        let seen =
            database.write(TenantId(3), move |c| Ok((count(c), count(&Connection::open(&path)?))));
        let (first, failed, seen, ()) = tokio::join!(first, failed, seen, async { drop(go) });
        first.expect("a row");
        assert!(matches!(failed, Err(LedgerError::Database(_))), "{failed:?}");
        assert_eq!(seen.expect("counts"), (1, 0), "inside the transaction, and outside of it");
        assert_eq!(database.read(|c| Ok(count(c))).await.expect("a count"), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_commit_that_fails_undoes_all_of_its_operations_and_none_after_it() {
        let (_folder, _path, database) = database();
        let go = hold(&database);
        let good = database.write(TenantId(1), |c| insert(c, "good"));
        let bad = database.write(TenantId(2), |c| {
            c.execute_batch("PRAGMA defer_foreign_keys = ON")?;
            c.execute("INSERT INTO usage VALUES (99, '', 0)", [])?;
            Ok(())
        });
        let (good, bad, ()) = tokio::join!(good, bad, async { drop(go) });
        for lost in [good, bad] {
            assert!(matches!(lost, Err(LedgerError::Undone(_))), "{lost:?}");
        }
        database.write(HOUSE, |c| insert(c, "later")).await.expect("the writer goes on");
        assert_eq!(database.read(|c| Ok(count(c))).await.expect("a count"), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_disk_undoes_the_batch_and_the_next_finds_room_again() {
        let (_folder, _path, database) = database();
        let pages = |c: &Connection, limit: i64| -> Result<i64, LedgerError> {
            Ok(c.query_row(&format!("PRAGMA max_page_count = {limit}"), [], |row| row.get(0))?)
        };
        database.write(HOUSE, move |c| pages(c, 1)).await.expect("a limit");
        let go = hold(&database);
        let small = database.write(TenantId(1), |c| insert(c, "small"));
        let large = database.write(TenantId(2), |c| {
            c.execute("INSERT INTO components VALUES ('large', zeroblob(1000000))", [])?;
            Ok(())
        });
        let (small, large, ()) = tokio::join!(small, large, async { drop(go) });
        assert!(matches!(large, Err(LedgerError::Database(_))), "{large:?}");
        let kept = i64::from(small.is_ok());
        assert_eq!(database.read(|c| Ok(count(c))).await.expect("a count"), kept);
        database.write(HOUSE, move |c| pages(c, 1 << 20)).await.expect("room");
        database.write(HOUSE, |c| insert(c, "later")).await.expect("the writer goes on");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_tenants_full_lane_is_busy_and_no_others() {
        let (_folder, _path, database) = database();
        let go = hold(&database);
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..super::LANE_LIMIT {
            let database = Arc::clone(&database);
            waiting.spawn(async move { database.write(TenantId(1), |_| Ok(())).await });
        }
        // A refusal comes at once; until the lane is full an operation waits, and is given up.
        loop {
            let probe = database.write(TenantId(1), |_| Ok(()));
            if let Ok(refused) = tokio::time::timeout(std::time::Duration::ZERO, probe).await {
                assert!(matches!(refused, Err(LedgerError::Busy)), "{refused:?}");
                break;
            }
            tokio::task::yield_now().await;
        }
        let other = database.write(TenantId(2), |_| Ok(()));
        let (other, ()) = tokio::join!(other, async { drop(go) });
        other.expect("room in another lane");
        while waiting.join_next().await.is_some() {}
    }
}
