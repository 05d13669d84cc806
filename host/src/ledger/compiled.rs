//! What policies were compiled to: the digest of each file in the cache, by which it is known again before it is mapped.
//! Refuses to hold the code itself, and to be asked for a policy that no revision names.

use crate::kill_point;
use crate::ledger::sqlite::HOUSE;
use crate::ledger::{Ledger, LedgerError};
use rusqlite::{OptionalExtension, params};

impl Ledger {
    /// The digest of the code of these parts for this engine, if it was ever made. Looked up on the caller's thread.
    pub fn compiled(
        &self,
        component_digest: &str,
        settings_digest: &str,
        engine: &str,
    ) -> Result<Option<String>, LedgerError> {
        let sql = "SELECT digest FROM compiled WHERE component = ?1 AND settings_digest = ?2 AND engine = ?3";
        self.database.glance(|c| {
            let mut statement = c.prepare_cached(sql)?;
            let key = [component_digest, settings_digest, engine];
            Ok(statement.query_row(key, |row| row.get(0)).optional()?)
        })
    }

    /// Keeps the digest of code that is in the cache.
    pub async fn keep_compiled(
        &self,
        component_digest: &str,
        settings_digest: &str,
        engine: &str,
        digest: &str,
    ) -> Result<(), LedgerError> {
        let row = [component_digest, settings_digest, engine, digest].map(str::to_owned);
        let sql = "INSERT INTO compiled (component, settings_digest, engine, digest) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT DO UPDATE SET digest = excluded.digest";
        let keep = move |tx: &rusqlite::Connection| {
            let [component, settings, engine, digest] = row;
            // Its file is there by now, and nobody knows it.
            kill_point::reach("keeping_code");
            tx.execute(sql, params![component, settings, engine, digest])?;
            Ok(())
        };
        self.database.write(HOUSE, keep).await
    }

    /// The component and the settings document, JSON, of a revision that has these digests.
    pub async fn parts(
        &self,
        component_digest: &str,
        settings_digest: &str,
    ) -> Result<(Vec<u8>, String), LedgerError> {
        let digests = [component_digest, settings_digest].map(str::to_owned);
        let sql = "SELECT c.bytes, r.settings FROM revisions r JOIN components c ON c.digest = r.component
                   WHERE r.component = ?1 AND r.settings_digest = ?2 LIMIT 1";
        let parts = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        self.database.read(move |c| Ok(c.query_row(sql, digests, parts)?)).await
    }
}
