//! Forgetting somebody whose account is closed: of the account the tombstone stays, of the record what is about nobody.
//! Refuses to forget an open account, and to give its name away.

use crate::domain::{Account, AccountState, Allowance, HostCode, TenantId};
use crate::ledger::accounts::acts::{Acted, Change};
use crate::ledger::accounts::rows::AllowanceRow;
use crate::ledger::record::{json, now_ms};
use crate::ledger::{Act, Book, LedgerError, outbox};
use rusqlite::Connection;

/// Rows about the person: those of the account, and those that name a subject, a username or an address the account was known by;
/// not those that came to another account.
const MASK: &str = "
    WITH known AS (
        SELECT subject, username, email FROM accounts WHERE id = :account
        UNION
        SELECT subject, username, email FROM decisions WHERE tenant = :tenant AND name = :name AND dry_run = 0
    ), about AS (
        SELECT id FROM decisions WHERE tenant = :tenant AND name = :name AND dry_run = 0
        UNION
        SELECT id FROM decisions WHERE tenant = :tenant
            AND subject IN (SELECT subject FROM known WHERE subject IS NOT NULL)
        UNION
        SELECT id FROM decisions WHERE tenant = :tenant
            AND username IN (SELECT username FROM known WHERE username IS NOT NULL)
        UNION
        SELECT id FROM decisions WHERE tenant = :tenant
            AND email IN (SELECT email FROM known WHERE email IS NOT NULL)
    )
    UPDATE decisions
    SET issuer = NULL, subject = NULL, username = NULL, email = NULL, request = '{}', answer = NULL, detail = NULL,
        notes = '[]'
    WHERE id IN (SELECT id FROM about) AND (dry_run = 1 OR name IS NULL OR name = :name)";

impl Book {
    /// Forgets the person of the closed account `name`.
    pub async fn erase(&self, name: &str, act: Act) -> Result<Acted, LedgerError> {
        self.act(name, act, erase).await
    }
}

fn erase(tx: &Connection, tenant: TenantId, account: &Account) -> Result<Change, LedgerError> {
    match account.state {
        AccountState::Active => return Ok(Change::Refused(HostCode::AccountOpen)),
        AccountState::Erased => return Ok(Change::Nothing),
        AccountState::Closed => {}
    }
    let who = rusqlite::named_params! {
        ":tenant": tenant.0,
        ":account": account.id,
        ":name": account.name,
    };
    tx.execute(MASK, who)?;
    outbox::forget_person(tx, tenant, &account.name)?;
    // The limits are numbers that the policy decided; its labels may say anything.
    let allowance = Allowance { labels: Vec::new(), ..account.allowance.clone() };
    tx.execute(
        "UPDATE accounts SET issuer = '', subject = NULL, username = '', email = NULL, verified_domain = NULL, kept_hash = NULL,
             allowance = ?1, erased_at = ?2 WHERE id = ?3",
        (json(&AllowanceRow::from(&allowance))?, now_ms(), account.id),
    )?;
    // A domain may name somebody: the counter of one that nobody is left in goes too.
    tx.execute("DELETE FROM usage WHERE tenant = ?1 AND active = 0 AND domain <> ''", [tenant.0])?;
    Ok(Change::Made(None))
}
