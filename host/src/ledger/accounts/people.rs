//! Everybody whom the record knows, each once, by their latest request; with the name that is theirs and what others use.
//! Refuses to hold a reader for long: it reads some rows, gives the connection back, and goes on from there.

use crate::domain::{AccountState, Email, KnownPerson, Occasion, TenantId, Usage};
use crate::ledger::accounts::rows::{by_name, usage};
use crate::ledger::accounts::{Recognition, recognise};
use crate::ledger::record::{NOBODY, read_request};
use crate::ledger::{Book, LedgerError};
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// Rows that are looked at before others may read.
const AT_A_TIME: usize = 5_000;

/// Everybody, as the rows of their latest requests, the newest first.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// Numbers of those rows.
    pub latest: Vec<i64>,
    /// Requests that the record keeps about nobody: they were masked, or their people were forgotten.
    pub masked: u64,
}

/// A census on its way.
#[derive(Default)]
struct Taking {
    census: Census,
    /// Not the people, but enough to tell them from each other.
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Taking {
    /// Whether somebody was not seen before.
    fn is_new(&mut self, who: (&str, Option<&str>, Option<&str>)) -> bool {
        self.seen.insert(self.hasher.hash_one(who))
    }
}

impl Book {
    /// Counts everybody who asked for an account, and was not only rehearsed, or was imported to one. Whoever was granted one is known by its name from
    /// then on, others by issuer and subject, or provider username.
    pub async fn census(&self) -> Result<Census, LedgerError> {
        let (tenant, mut taking, mut from) = (self.tenant.id, Taking::default(), i64::MAX);
        loop {
            let take = move |c: &Connection| take(c, tenant, taking, from);
            let (taken, last) = self.ledger.database.read(take).await?;
            match last {
                Some(last) => (taking, from) = (taken, last),
                None => return Ok(taken.census),
            }
        }
    }

    /// The people of these rows, to be asked about at `now`; none for somebody about whom no policy decides any more (their
    /// account is closed, or the name is another's), and for a row that went meanwhile.
    pub async fn people(
        &self,
        rows: Vec<i64>,
        now: u64,
    ) -> Result<Vec<Option<KnownPerson>>, LedgerError> {
        let (tenant, unset) = (self.tenant.id, self.tenant.issuer.is_empty());
        let read = move |c: &Connection| {
            rows.into_iter().map(|row| person(c, tenant, unset, row, now)).collect()
        };
        self.ledger.database.read(read).await
    }
}

fn take(
    connection: &Connection,
    tenant: TenantId,
    mut taking: Taking,
    from: i64,
) -> Result<(Taking, Option<i64>), LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, dry_run = 0 AND (occasion = 'opening' OR occasion = 'account_import' AND outcome = 'granted'), outcome IN ('granted', 'known'), issuer, subject, username, name
         FROM decisions WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC",
    )?;
    let mut rows = statement.query((tenant.0, from))?;
    let mut looked = 0;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        looked += 1;
        if row.get(1)? {
            let text = |column: usize| -> Result<Option<&str>, LedgerError> {
                let text = row.get_ref(column)?.as_str_or_null();
                text.map_err(|error| LedgerError::Unexpected(error.to_string()))
            };
            if let Some(username) = text(5)? {
                let (issuer, subject) = (text(3)?.unwrap_or_default(), text(4)?);
                let by_subject = subject.map(|_| issuer);
                // One of both: a person is the same whatever their username is by now.
                let person = match by_subject {
                    Some(issuer) => (issuer, subject, None),
                    None => (issuer, None, Some(username)),
                };
                let mut is_new = taking.is_new(person);
                if let (true, Some(name)) = (row.get(2)?, text(6)?) {
                    is_new &= taking.is_new(("", Some(""), Some(name)));
                }
                if is_new {
                    taking.census.latest.push(id);
                }
            } else {
                taking.census.masked += 1;
            }
        }
        if looked == AT_A_TIME {
            return Ok((taking, Some(id)));
        }
    }
    Ok((taking, None))
}

fn person(
    c: &Connection,
    tenant: TenantId,
    issuer_unset: bool,
    row: i64,
    now: u64,
) -> Result<Option<KnownPerson>, LedgerError> {
    let sql = "SELECT outcome IN ('granted', 'known'), name, source, request FROM decisions
        WHERE id = ?1 AND tenant = ?2 AND username IS NOT NULL AND request <> ?3";
    let mut statement = c.prepare_cached(sql)?;
    let found = statement.query_row((row, tenant.0, NOBODY), |row| {
        let named = if row.get(0)? { row.get::<_, Option<String>>(1)? } else { None };
        Ok((named, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
    });
    let Some((named, source, request)) = found.optional()? else { return Ok(None) };
    let mut request = read_request(&request, Occasion::Review, source)?;
    request.now = now;
    let named = named.map(|name| by_name(c, tenant, &name)).transpose()?.flatten();
    let account = match named {
        Some(account) => Some(account),
        None => match recognise::recognise(c, tenant, issuer_unset, &request.applicant)? {
            Recognition::Stranger => None,
            Recognition::Known(account) | Recognition::Linkable(account) => Some(account),
            Recognition::Refused(_) | Recognition::IssuerUnset(_) => return Ok(None),
        },
    };
    if account.as_ref().is_some_and(|account| account.state != AccountState::Active) {
        return Ok(None);
    }
    let domain = request.applicant.email.as_ref().map(Email::domain);
    let mut usage = usage(c, tenant, domain)?;
    if let Some(account) = &account {
        let sql = "SELECT verified_domain FROM accounts WHERE id = ?1";
        let own: Option<String> =
            c.prepare_cached(sql)?.query_row([account.id], |row| row.get(0))?;
        let in_domain = own.is_some() && own.as_deref() == domain;
        usage = Usage {
            accounts: usage.accounts.saturating_sub(1),
            accounts_in_domain: usage.accounts_in_domain.saturating_sub(u64::from(in_domain)),
        };
    }
    Ok(Some(KnownPerson { request, frozen: account.map(|account| account.name), usage }))
}
