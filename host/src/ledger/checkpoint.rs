//! Checkpoints: what stands in the WAL is moved into the database by a thread of its own, beside the writer, which would have to
//! fsync twice for whoever waits.
//! Refuses to hold the writer up, until the WAL is so long that it has to begin again.

use crate::ledger::LedgerError;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pages in the WAL from which on it is moved: 16 MiB of them. Less often, and pages that many commits wrote are moved once.
const PAGES: i32 = 4 * 1024;

/// Pages from which on the writer is made to wait for the move: 64 MiB. A writer that never pauses leaves no other moment.
const PAGES_LIMIT: i32 = 16 * 1024;

/// How long a checkpoint waits for readers.
const BUSY_FOR: Duration = Duration::from_millis(50);

/// The thread. It ends when the connection that rings its bell is closed.
#[derive(Debug)]
pub(super) struct Checkpoints {
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts the thread on a connection of its own, and has `writer` ring the bell.
    pub(super) fn start(
        connection: Connection,
        writer: &mut Connection,
    ) -> Result<Self, LedgerError> {
        // A reader that is in the way is not waited for: meanwhile the writer could not write.
        connection.busy_timeout(BUSY_FOR)?;
        let (bell, rung) = sync_channel(1);
        writer.wal_hook(Some(move |_: &mut _, pages| {
            if pages >= PAGES {
                // Rung already: it is on its way.
                let _ = bell.try_send(pages);
            }
            Ok(())
        }))?;
        let thread = std::thread::Builder::new()
            .name("ledger-checkpoint".to_owned())
            .spawn(move || run(&connection, &rung))
            .map_err(|source| LedgerError::File("starting checkpoints".to_owned(), source))?;
        Ok(Self { thread: Some(thread) })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, rung: &Receiver<i32>) {
    while let Ok(pages) = rung.recv() {
        let left = checkpoint(connection, "PASSIVE");
        // Only when hardly anything is left to be moved: the writer waits for that, and a reader that holds the rest, such as a
        // backup, would make it wait in vain.
        if pages >= PAGES_LIMIT && left.is_some_and(|left| left < i64::from(PAGES)) {
            checkpoint(connection, "RESTART");
        }
    }
}

/// How many pages are left in the WAL, if that could be found out.
fn checkpoint(connection: &Connection, mode: &str) -> Option<i64> {
    let moved = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    match moved {
        Ok((in_wal, moved)) => {
            tracing::debug!(mode, in_wal, moved, "checkpoint");
            Some(in_wal - moved)
        }
        Err(error) => {
            tracing::error!(mode, %error, "a checkpoint failed; the WAL grows");
            None
        }
    }
}
