//! Accounts: who somebody is, which name is whose, and the one transaction that opens an account.
//! Refuses to rename and to merge: a name is frozen, and two identities never share one; the constraints decide.

mod acts;
mod allowances;
mod by_hand;
mod erase;
mod import;
mod list;
mod people;
mod recognise;
mod rows;

pub use acts::Acted;
pub(super) use acts::Change;
pub(in crate::ledger) use allowances::count as count_waiting;
pub use allowances::{Allotted, Reviewed, Settled, Waiting};
pub use by_hand::Standing;
pub use import::Place;
pub use people::Census;
pub(super) use rows::AllowanceRow;

use crate::domain::{
    Account, Allowance, Applicant, Email, Event, FoldKey, HostCode, Name, Refusal, Skeleton,
    TenantId, Unusable, Usage, excludes,
};
use crate::ledger::record::{self, json, now_ms};
use crate::ledger::turns::Turn;
use crate::ledger::{Book, Entry, LedgerError, Person, outbox};
use rows::COLUMNS;
use rusqlite::{Connection, OptionalExtension};
use std::time::Duration;

/// Who the ledger takes an applicant for. Asking changes nothing.
#[derive(Debug)]
pub enum Recognition {
    /// Nobody it knows: the policy is asked.
    Stranger,
    /// The holder of this account.
    Known(Account),
    /// The holder of this account, which was opened without the subject that the provider names now, and whose verified
    /// e-mail it was opened with.
    Linkable(Account),
    /// Somebody who gets a no without the policy being asked.
    Refused(Refusal),
    /// The same, and the operator can mend it: the subject is held under no issuer, and the tenant has none.
    IssuerUnset(Refusal),
}

/// A name that nobody else can get while this lives.
#[derive(Debug)]
pub struct Reservation {
    _turn: Turn<(TenantId, FoldKey)>,
}

/// How somebody comes to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// By asking for it: what is reserved is held.
    Asking,
    /// By hand, with the folder of exactly this name: what reserved it was that folder.
    Adopting,
    /// By being moved over with the folder or the row of exactly this name, whatever it looks like: it was there first.
    MovingOver,
}

/// This person's requests wait for each other while this lives.
#[derive(Debug)]
pub struct PersonTurn {
    _username: Turn<(TenantId, Person)>,
    _subject: Option<Turn<(TenantId, Person)>>,
}

/// What came of opening an account.
#[derive(Debug)]
pub enum Opened {
    /// It is open, and so it stays.
    Account(Account),
    /// The transaction found a reason not to.
    Refused(Refusal),
}

/// How long a name that somebody else is about to get is waited for: well inside what the provider waits.
const NAME_WAIT: Duration = Duration::from_secs(2);

/// The same for one's own other requests.
const PERSON_WAIT: Duration = Duration::from_secs(3);

impl Book {
    /// Waits until no other request about this person is on its way; `Busy` when that takes longer than anybody waits.
    pub async fn turn(&self, applicant: &Applicant) -> Result<PersonTurn, LedgerError> {
        let turn = tokio::time::timeout(PERSON_WAIT, self.both_turns(applicant));
        turn.await.map_err(|_| LedgerError::Busy)
    }

    /// The provider username first, then the subject: the one order in which both are ever taken.
    async fn both_turns(&self, applicant: &Applicant) -> PersonTurn {
        let (tenant, issuer) = (self.tenant.id, &applicant.issuer);
        let people = &self.ledger.people;
        let username = Person::Username(issuer.clone(), applicant.username.clone());
        let username = people.take((tenant, username)).await;
        let subject = match &applicant.subject {
            Some(s) => {
                Some(people.take((tenant, Person::Subject(issuer.clone(), s.clone()))).await)
            }
            None => None,
        };
        PersonTurn { _username: username, _subject: subject }
    }

    /// Who the applicant is, by the contract's section "Who somebody is".
    pub fn recognise(&self, applicant: &Applicant) -> Result<Recognition, LedgerError> {
        let (tenant, unset) = (self.tenant.id, self.tenant.issuer.is_empty());
        self.ledger.database.glance(|c| recognise::recognise(c, tenant, unset, applicant))
    }

    /// Gives an account that has no subject the one the provider names now, and records it. False if it has one by now.
    pub async fn link(
        &self,
        account: &Account,
        subject: &str,
        entry: Entry,
    ) -> Result<bool, LedgerError> {
        let (tenant, id, subject) = (self.tenant.clone(), account.id, subject.to_owned());
        let privacy = self.ledger.privacy;
        let link = move |tx: &Connection| {
            tenant.still_holds(tx)?;
            let linked = tx.execute(
                "UPDATE accounts SET subject = ?1 WHERE id = ?2 AND tenant = ?3 AND subject IS NULL
                     AND state = 'active'",
                (subject, id, tenant.id.0),
            )?;
            if linked == 1 {
                record::insert(tx, tenant.id.0, &tenant.key, privacy, &entry)?;
            }
            Ok(linked == 1)
        };
        self.ledger.database.write(self.tenant.id, link).await
    }

    /// What is in use, the applicant not counted.
    pub fn usage(&self, applicant: &Applicant) -> Result<Usage, LedgerError> {
        let domain = applicant.email.as_ref().map(Email::domain);
        self.ledger.database.glance(|c| rows::usage(c, self.tenant.id, domain))
    }

    /// Whether somebody holds the name or a spelling of it.
    pub fn is_held(&self, name: &Name) -> Result<bool, LedgerError> {
        self.is_held_from(name, Claim::Asking)
    }

    /// Keeps a name free for the caller: waits for whoever is about to get it, and is `None` when somebody has it.
    pub async fn reserve(
        &self,
        name: &Name,
        claim: Claim,
    ) -> Result<Option<Reservation>, LedgerError> {
        let turn = self.ledger.names.take((self.tenant.id, name.fold()));
        let turn = tokio::time::timeout(NAME_WAIT, turn).await.map_err(|_| LedgerError::Busy)?;
        Ok((!self.is_held_from(name, claim)?).then_some(Reservation { _turn: turn }))
    }

    fn is_held_from(&self, name: &Name, claim: Claim) -> Result<bool, LedgerError> {
        self.ledger.database.glance(|c| rows::is_held(c, self.tenant.id, name, claim))
    }

    /// Whether the name looks like another account's, and one of the two is not ASCII alone. Asked again where it is opened.
    pub fn looks_alike(&self, name: &Name) -> Result<bool, LedgerError> {
        let found = self.ledger.database.glance(|c| rows::look_alike(c, self.tenant.id, name))?;
        Ok(found.is_some_and(|other| excludes(name.as_str(), &other)))
    }

    /// Opens an account and records the decision, or records why not: one transaction. The name's home must be durable.
    pub async fn open(
        &self,
        applicant: &Applicant,
        name: &Name,
        allowance: &Allowance,
        entry: Entry,
    ) -> Result<Opened, LedgerError> {
        let (tenant, privacy) = (self.tenant.clone(), self.ledger.privacy);
        let (applicant, name, allowance) = (applicant.clone(), name.clone(), allowance.clone());
        let open = move |tx: &Connection| {
            tenant.still_holds(tx)?;
            let Entry { asked, said } = entry;
            let (opened, said) =
                match open(tx, tenant.id, &applicant, &name, &allowance, asked.revision)? {
                    Ok(New { account, looks_like }) => {
                        (Opened::Account(account), said.alike(looks_like.as_deref()))
                    }
                    Err(refusal) => {
                        let said = said.overruled(&refusal);
                        (Opened::Refused(refusal), said)
                    }
                };
            record::insert(tx, tenant.id.0, &tenant.key, privacy, &Entry { asked, said })?;
            Ok(opened)
        };
        self.commit(open).await
    }

    /// The transaction that opens an account, whichever door it comes through.
    async fn commit(
        &self,
        open: impl FnOnce(&Connection) -> Result<Opened, LedgerError> + Send + 'static,
    ) -> Result<Opened, LedgerError> {
        let open = move |tx: &Connection| {
            crate::kill_point::reach("before_commit");
            open(tx)
        };
        let (tenant, default_auth_db) = (self.tenant.id, self.ledger.default_auth_db);
        let open = move |tx: &Connection| {
            let opened = open(tx)?;
            if let Opened::Account(account) = &opened {
                outbox::follow_account(tx, default_auth_db, tenant, Event::AccountOpened, account)?;
            }
            Ok(opened)
        };
        let opened = self.ledger.database.write(self.tenant.id, open).await?;
        self.ledger.announce();
        crate::kill_point::reach("after_commit");
        Ok(opened)
    }
}

/// A row that was made.
struct New {
    account: Account,
    /// Another account's name that it looks like.
    looks_like: Option<String>,
}

fn open(
    tx: &Connection,
    tenant: TenantId,
    applicant: &Applicant,
    name: &Name,
    allowance: &Allowance,
    revision: u64,
) -> Result<Result<New, Refusal>, LedgerError> {
    let email = applicant.email.as_ref();
    let used = rows::usage(tx, tenant, email.map(Email::domain))?;
    if let Some(code) = allowance.over_quota(used, email.map(Email::assurance)) {
        return Ok(Err(Refusal::host(code)));
    }
    let decided_by = revision;
    let draft = Draft { applicant, name, claim: Claim::Asking, allowance, revision, decided_by };
    insert(tx, tenant, &draft)
}

/// What a row shall say.
struct Draft<'a> {
    applicant: &'a Applicant,
    name: &'a Name,
    claim: Claim,
    allowance: &'a Allowance,
    /// The revision that decides.
    revision: u64,
    /// The one that was asked for the allowance; 0 when none was, and the account waits for that.
    decided_by: u64,
}

/// The row itself; or that somebody holds the name, or one that it would be taken for.
fn insert(
    tx: &Connection,
    tenant: TenantId,
    draft: &Draft<'_>,
) -> Result<Result<New, Refusal>, LedgerError> {
    let Draft { applicant, name, claim, allowance, revision, decided_by } = *draft;
    // The constraint below does not look into `reserved`.
    if rows::is_held(tx, tenant, name, claim)? {
        return Ok(Err(Refusal::host(HostCode::UsernameTaken)));
    }
    let looks_like = rows::look_alike(tx, tenant, name)?;
    let excluded = looks_like.as_deref().is_some_and(|other| excludes(name.as_str(), other));
    if excluded && claim != Claim::MovingOver {
        let detail = Some(Unusable::LooksAlike.to_string());
        return Ok(Err(Refusal::Host { code: HostCode::NameUnusable, detail }));
    }
    let email = applicant.email.as_ref();
    let sql = format!(
        "INSERT INTO accounts (tenant, issuer, subject, username, name, name_key, skeleton, email, verified_domain, state,
             allowance, revision, allowance_revision, created_at, adopted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'active', ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (tenant, name_key) DO NOTHING RETURNING {COLUMNS}"
    );
    let inserted = tx
        .prepare_cached(&sql)?
        .query_row(
            rusqlite::params![
                tenant.0,
                applicant.issuer,
                applicant.subject,
                applicant.username,
                name.as_str(),
                name.fold().as_str(),
                Skeleton::of(name.as_str()).as_str(),
                email.map(Email::address),
                email.filter(|email| email.verified().is_some()).map(Email::domain),
                json(&AllowanceRow::from(allowance))?,
                revision as i64,
                decided_by as i64,
                now_ms(),
                claim != Claim::Asking,
            ],
            rows::account,
        )
        .optional()?;
    let Some(account) = inserted else { return Ok(Err(Refusal::host(HostCode::UsernameTaken))) };
    if claim != Claim::Asking {
        // What the name was kept for is done.
        let sql = "DELETE FROM reserved WHERE tenant = ?1 AND name_key = ?2";
        tx.prepare_cached(sql)?.execute((tenant.0, name.fold().as_str()))?;
    }
    Ok(Ok(New { account, looks_like }))
}
