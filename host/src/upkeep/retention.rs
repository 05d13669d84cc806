//! The server's own upkeep of the record: what is older than `record.keep` goes, at the start and then every hour.
//! Refuses to hurry: a page at a time, so that nobody who opens an account waits for it.

use crate::ledger::{Ledger, LedgerError, Walk};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tracing::warn;

const EVERY: Duration = Duration::from_secs(60 * 60);

/// How long a busy writer is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Forgets, for as long as it is polled, what is older than `keep`.
pub async fn forget_what_is_old(ledger: Ledger, keep: Duration) {
    let mut hours = tokio::time::interval(EVERY);
    loop {
        hours.tick().await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = now.saturating_sub(keep).as_millis();
        if let Err(error) = walk(&ledger, i64::try_from(before).unwrap_or(i64::MAX)).await {
            warn!(?error, "old rows stay in the record for another hour");
        }
    }
}

async fn walk(ledger: &Ledger, before: i64) -> Result<(), LedgerError> {
    let mut after = 0;
    loop {
        match ledger.forget(before, after).await {
            Ok(Walk::On(row)) => after = row,
            Ok(Walk::Done) => return Ok(()),
            Err(LedgerError::Busy) => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}
