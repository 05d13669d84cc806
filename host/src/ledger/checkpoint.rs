//! Checkpoints: what stands in the WAL is moved into the database by a thread of its own, beside the writer, which would have to
//! fsync twice for whoever waits.
//! Refuses to hold the writer up, until the WAL is so long that it has to begin again.

use crate::ledger::LedgerError;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

/// Pages in the WAL from which on it is moved: 16 MiB of them. Less often, and pages that many commits wrote are moved once.
const PAGES: i32 = 4 * 1024;

/// Pages from which on the writer is made to wait for the move: 64 MiB. A writer that never pauses leaves no other moment.
const PAGES_LIMIT: i32 = 16 * 1024;

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
        let mode = if pages >= PAGES_LIMIT { "RESTART" } else { "PASSIVE" };
        let moved = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        match moved {
            Ok((_, in_wal, moved)) => tracing::debug!(mode, in_wal, moved, "checkpoint"),
            Err(error) => tracing::error!(mode, %error, "a checkpoint failed; the WAL grows"),
        }
    }
}
