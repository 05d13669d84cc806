//! Revisions: a component and its settings under a number that the tenant owns, and which of them is active.
//! Refuses to read a component: it is bytes and a digest here; the sandbox knows what they mean.

mod activations;

pub use activations::{FellBack, Moved, OnProbation, Unmoved};

use crate::domain::{Page, TenantId};
use crate::kill_point;
use crate::ledger::record::now_ms;
use crate::ledger::{Act, Book, Ledger, LedgerError, Tenant};
use rusqlite::{Connection, OptionalExtension, Row};

/// A revision as it is stored.
#[derive(Clone, Debug)]
pub struct StoredRevision {
    /// The tenant's own number, from 1.
    pub number: u64,
    /// Where it came from: `builtin:localpart`, or a file's name.
    pub policy: String,
    /// `sha256:…` of the component.
    pub digest: String,
    /// The component.
    pub component: Vec<u8>,
    /// The settings document, JSON.
    pub settings: String,
    /// `sha256:…` of the settings document.
    pub settings_digest: String,
}

/// What decides for a tenant, without its component.
#[derive(Clone, Debug)]
pub struct ActiveRevision {
    /// For whom.
    pub tenant: TenantId,
    /// The tenant's own number, from 1.
    pub number: u64,
    /// Where it came from.
    pub policy: String,
    /// `sha256:…` of the component.
    pub digest: String,
    /// `sha256:…` of the settings document.
    pub settings_digest: String,
}

/// A revision to be.
#[derive(Clone, Debug)]
pub struct NewRevision {
    /// Where it came from: `builtin:localpart`, or a file's name.
    pub policy: String,
    /// `sha256:…` of the component.
    pub digest: String,
    /// The component.
    pub component: Vec<u8>,
    /// The settings document, JSON.
    pub settings: String,
    /// `sha256:…` of the settings document.
    pub settings_digest: String,
    /// The settings as they were sent, where they were not that JSON.
    pub settings_sent: Option<String>,
    /// What the maker wants to be read beside it.
    pub note: String,
}

/// What is known of a revision, without its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionEntry {
    /// The tenant's own number, from 1.
    pub number: u64,
    /// Where it came from.
    pub policy: String,
    /// `sha256:…` of the component.
    pub digest: String,
    /// Bytes of the component.
    pub size_bytes: u64,
    /// `sha256:…` of the settings document.
    pub settings_digest: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub made_at_ms: i64,
    /// Id of the key that made it; none for one that was made with its tenant.
    pub made_by: Option<String>,
    /// What its maker wanted to be read beside it.
    pub note: String,
    /// Since when it decides, in milliseconds since 1970-01-01 UTC; none while another does.
    pub active_since_ms: Option<i64>,
}

/// A settings document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsDocument {
    /// The JSON that the policy gets.
    pub json: String,
    /// As it was sent, where that was not this JSON.
    pub sent: Option<String>,
}

impl Book {
    /// At most `limit` revisions older than `before`, the newest first.
    pub async fn revisions(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<RevisionEntry, u64>, LedgerError> {
        let tenant = self.tenant.id;
        let read = move |c: &Connection| {
            let sql = format!("{ENTRY} AND r.number < ?2 ORDER BY r.number DESC LIMIT ?3");
            let before = before.and_then(|number| i64::try_from(number).ok()).unwrap_or(i64::MAX);
            let mut statement = c.prepare_cached(&sql)?;
            // One more than is wanted says whether there is a next page.
            let rows =
                statement.query_map((tenant.0, before, limit.saturating_add(1) as i64), entry)?;
            let mut items = rows.collect::<Result<Vec<_>, _>>()?;
            let more = items.len() > limit;
            items.truncate(limit);
            let next = items.last().filter(|_| more).map(|last| last.number);
            Ok(Page { items, next })
        };
        self.ledger.database.read(read).await
    }

    /// One revision.
    pub async fn revision(&self, number: u64) -> Result<Option<RevisionEntry>, LedgerError> {
        let tenant = self.tenant.id;
        self.ledger.database.read(move |c| entry_of(c, tenant, number)).await
    }

    /// A revision's settings.
    pub async fn settings_of(&self, number: u64) -> Result<Option<SettingsDocument>, LedgerError> {
        let key = (self.tenant.id.0, number as i64);
        let sql = "SELECT settings, settings_sent FROM revisions WHERE tenant = ?1 AND number = ?2";
        let document =
            |row: &Row<'_>| Ok(SettingsDocument { json: row.get(0)?, sent: row.get(1)? });
        let read = move |c: &Connection| Ok(c.query_row(sql, key, document).optional()?);
        self.ledger.database.read(read).await
    }

    /// A revision's component.
    pub async fn component_of(&self, number: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        let key = (self.tenant.id.0, number as i64);
        let sql = "SELECT c.bytes FROM revisions r JOIN components c ON c.digest = r.component
            WHERE r.tenant = ?1 AND r.number = ?2";
        let read = move |c: &Connection| Ok(c.query_row(sql, key, |row| row.get(0)).optional()?);
        self.ledger.database.read(read).await
    }

    /// The number of the revision with these two parts, if there is one.
    pub async fn revision_of(
        &self,
        digest: &str,
        settings_digest: &str,
    ) -> Result<Option<u64>, LedgerError> {
        let (tenant, digest) = (self.tenant.clone(), digest.to_owned());
        let settings_digest = settings_digest.to_owned();
        let read = move |c: &Connection| number_of(c, &tenant, &digest, &settings_digest);
        self.ledger.database.read(read).await
    }

    /// Gives the two parts a number, or finds the one that they have: true when they are new. None when the tenant has as many
    /// revisions, or as large ones, as it may.
    pub async fn add_revision(
        &self,
        new: NewRevision,
        request_id: &str,
    ) -> Result<Option<(u64, bool)>, LedgerError> {
        let (tenant, request_id) = (self.tenant.clone(), request_id.to_owned());
        let write = move |tx: &Connection| {
            tenant.still_holds(tx)?;
            if let Some(number) = number_of(tx, &tenant, &new.digest, &new.settings_digest)? {
                return Ok(Some((number, false)));
            }
            if !has_room(tx, tenant.id, new.component.len())? {
                return Ok(None);
            }
            let sql =
                "INSERT INTO components (digest, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            tx.execute(sql, (&new.digest, &new.component))?;
            let number: i64 = tx.query_row(
                "INSERT INTO revisions (tenant, number, policy, component, settings, settings_digest, made_at, made_by, note, settings_sent)
                 SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM revisions WHERE tenant = ?1
                 RETURNING number",
                (
                    tenant.id.0,
                    &new.policy,
                    &new.digest,
                    &new.settings,
                    &new.settings_digest,
                    now_ms(),
                    &tenant.key,
                    &new.note,
                    &new.settings_sent,
                ),
                |row| row.get(0),
            )?;
            let detail = Some(format!("revision {number}: {}", new.policy));
            let act = Act { request_id, what: "policy_push", name: None, detail };
            act.record(tx, tenant.id, &tenant.key)?;
            kill_point::reach("adding_revision");
            Ok(Some((number.unsigned_abs(), true)))
        };
        self.ledger.database.write(self.tenant.id, write).await
    }
}

/// Revisions that a tenant may have, and bytes of their components: one tenant's must not fill the disk of all.
const MOST: i64 = 1000;
const MOST_BYTES: i64 = 256 << 20;

fn has_room(tx: &Connection, tenant: TenantId, more: usize) -> Result<bool, LedgerError> {
    let sql = "SELECT (SELECT count(*) FROM revisions WHERE tenant = ?1), (SELECT coalesce(sum(length(c.bytes)), 0) FROM components c
        WHERE c.digest IN (SELECT component FROM revisions WHERE tenant = ?1))";
    let (count, bytes): (i64, i64) =
        tx.query_row(sql, [tenant.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let more = i64::try_from(more).unwrap_or(i64::MAX);
    Ok(count < MOST && bytes.saturating_add(more) <= MOST_BYTES)
}

const ENTRY: &str = "SELECT r.number, r.policy, r.component, length(c.bytes), r.settings_digest, r.made_at, r.made_by, r.note,
        CASE WHEN r.number = t.active_revision THEN a.at END
    FROM revisions r JOIN components c ON c.digest = r.component JOIN tenants t ON t.id = r.tenant
        LEFT JOIN activations a ON a.id = t.activation
    WHERE r.tenant = ?1";

fn entry_of(
    c: &Connection,
    tenant: TenantId,
    number: u64,
) -> Result<Option<RevisionEntry>, LedgerError> {
    let sql = format!("{ENTRY} AND r.number = ?2");
    let mut statement = c.prepare_cached(&sql)?;
    Ok(statement.query_row((tenant.0, number as i64), entry).optional()?)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<RevisionEntry> {
    Ok(RevisionEntry {
        number: row.get::<_, i64>(0)?.unsigned_abs(),
        policy: row.get(1)?,
        digest: row.get(2)?,
        size_bytes: row.get::<_, i64>(3)?.unsigned_abs(),
        settings_digest: row.get(4)?,
        made_at_ms: row.get(5)?,
        made_by: row.get(6)?,
        note: row.get(7)?,
        active_since_ms: row.get(8)?,
    })
}

fn number_of(
    c: &Connection,
    tenant: &Tenant,
    digest: &str,
    settings_digest: &str,
) -> Result<Option<u64>, LedgerError> {
    let sql = "SELECT number FROM revisions WHERE tenant = ?1 AND component = ?2 AND settings_digest = ?3";
    let number =
        c.query_row(sql, (tenant.id.0, digest, settings_digest), |row| row.get::<_, i64>(0));
    Ok(number.optional()?.map(i64::unsigned_abs))
}

impl Ledger {
    /// The active revision of every tenant that was not removed.
    pub async fn active_revisions(&self) -> Result<Vec<ActiveRevision>, LedgerError> {
        self.database
            .read(|connection| {
                let mut statement = connection.prepare(
                    "SELECT t.id, r.number, r.policy, r.component, r.settings_digest
                     FROM tenants t JOIN revisions r ON r.tenant = t.id AND r.number = t.active_revision
                     WHERE t.removed_at IS NULL ORDER BY t.id",
                )?;
                let rows = statement.query_map([], |row| {
                    Ok(ActiveRevision {
                        tenant: TenantId(row.get(0)?),
                        number: row.get::<_, i64>(1)?.unsigned_abs(),
                        policy: row.get(2)?,
                        digest: row.get(3)?,
                        settings_digest: row.get(4)?,
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Nothing more is read in a walk over all tenants: what was kept of their pages is given back.
    pub fn rest(&self) {
        self.database.rest();
    }

    /// The component of this digest.
    pub async fn component(&self, digest: &str) -> Result<Vec<u8>, LedgerError> {
        let digest = digest.to_owned();
        let sql = "SELECT bytes FROM components WHERE digest = ?1";
        self.database.read(move |c| Ok(c.query_row(sql, [digest], |row| row.get(0))?)).await
    }
}
