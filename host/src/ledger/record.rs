//! The record: every request that reached a tenant, what it was answered, and what the answer depended on.
//! Refuses to forget why: the request as the policy got it, the counts, the revision and both digests stand in every row.

mod applicants;
mod asked_again;
mod columns;
mod imported;
mod reading;

pub(super) use applicants::latest_applicant;
pub use asked_again::Decisions;
pub(super) use columns::{NOBODY, read_request};

use crate::domain::{
    Allowance, Email, Failure, FoldKey, Grant, HostCode, Refusal, Request, Stage, TenantId, Usage,
};
use crate::ledger::{Book, LedgerError};
use columns::{AnswerRow, RequestRow};
use imported::IMPORT;
use rusqlite::Connection;
use serde::Serialize;
use std::time::{SystemTime, UNIX_EPOCH};

/// The question, and under which rules it was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// As answered in `X-Request-Id`; may come again.
    pub request_id: String,
    /// The question.
    pub request: Request,
    /// Nothing was to come of it.
    pub dry_run: bool,
    /// The revision that answered, or would have.
    pub revision: u64,
    /// `sha256:…` of its component.
    pub digest: String,
    /// `sha256:…` of its settings.
    pub settings_digest: String,
    /// The counts the policy was given; none while it was not asked.
    pub usage: Option<Usage>,
    /// What it proposed and was told; nothing while it was not asked for names.
    pub heard: Heard,
}

/// What a policy and the host said to each other about a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The policy's candidates.
    pub names: Vec<String>,
    /// The one that the host chose, and told the policy.
    pub name: Option<String>,
}

/// The answer.
#[derive(Clone, Debug, Default)]
pub struct Said {
    outcome: &'static str,
    code: Option<String>,
    stage: Option<&'static str>,
    detail: Option<String>,
    name: Option<String>,
    place: Option<usize>,
    notes: Vec<String>,
    fuel: Option<u64>,
    /// What the policy allowed, also when the host refused then.
    allowance: Option<Allowance>,
    /// What the policy told the person.
    message: Option<String>,
}

/// Whether the record knows people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// As the provider sent them.
    Shown,
    /// Not at all: what was decided, under which revision, and about nobody.
    Masked,
}

/// A row to be.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The question.
    pub asked: Asked,
    /// The answer.
    pub said: Said,
}

impl Said {
    /// Somebody who has an account, and what was noticed about them, such as `linked`.
    pub fn known(name: &str, detail: Option<String>) -> Self {
        Self { outcome: "known", name: Some(name.to_owned()), detail, ..Self::default() }
    }

    /// A yes with a name, its place among the candidates, how much, and what asking cost.
    pub fn granted<R>(grant: &Grant<R>, notes: Vec<String>, fuel: u64) -> Self {
        Self {
            outcome: "granted",
            name: Some(grant.name.to_string()),
            place: Some(grant.place),
            allowance: Some(grant.allowance.clone()),
            notes,
            fuel: Some(fuel),
            ..Self::default()
        }
    }

    /// A no. `fuel` is none when the policy was not asked.
    pub fn refused(refusal: &Refusal, notes: Vec<String>, fuel: Option<u64>) -> Self {
        Self {
            outcome: "refused",
            code: Some(refusal.code().to_owned()),
            stage: Some(refusal.stage().as_str()),
            detail: refusal.detail().map(str::to_owned),
            message: match refusal {
                Refusal::Policy { message, .. } => Some(message.clone()),
                Refusal::Host { .. } => None,
            },
            notes,
            fuel,
            ..Self::default()
        }
    }

    /// No answer: the policy failed.
    pub fn failed(failure: &Failure) -> Self {
        Self {
            outcome: "failed",
            code: Some(failure.fault.code().as_str().to_owned()),
            stage: Some(failure.stage.as_str()),
            detail: Some(failure.to_string()),
            fuel: Some(failure.fuel),
            ..Self::default()
        }
    }

    /// No answer: the host could not do its part.
    pub fn failed_host(code: HostCode, detail: String) -> Self {
        Self {
            outcome: "failed",
            code: Some(code.as_str().to_owned()),
            stage: Some(Stage::Host.as_str()),
            detail: Some(detail),
            ..Self::default()
        }
    }

    /// Of the detail what is one of the host's own words, such as `linked`, and not what somebody sent, a policy said, or whose
    /// name it is.
    fn host_word(&self) -> Option<&str> {
        let host = self.stage.is_none_or(|stage| stage == Stage::Host.as_str());
        let word = self.detail.as_deref()?.split(": ").next()?;
        let plain = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        (host && plain).then_some(word)
    }

    /// `known`, `granted`, `refused` or `failed`.
    pub fn outcome(&self) -> &'static str {
        self.outcome
    }

    /// The code of a no.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What the policy wants the operator to know.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The same yes, to a name that looks like that of another account, if it does: both stay, and whoever reads the record is told.
    pub(super) fn alike(self, other: Option<&str>) -> Self {
        let detail = other.map(look_alike).or(self.detail);
        Self { detail, ..self }
    }

    /// The same decision after the host refused what the policy granted: what the policy answered stays.
    pub fn overruled(self, refusal: &Refusal) -> Self {
        let allowance = self.allowance;
        Self { allowance, ..Self::refused(refusal, self.notes, self.fuel) }
    }
}

impl Book {
    /// Puts a row on its way into the record and does not wait for it, unless many are on their way: it is on the disk with the
    /// next commit, and lost if the process dies before.
    pub async fn note(&self, entry: Entry) -> Result<(), LedgerError> {
        let (tenant, privacy) = (self.tenant.clone(), self.ledger.privacy);
        let write = move |tx: &Connection| {
            let written = insert(tx, tenant.id.0, &tenant.key, privacy, &entry);
            if let Err(error) = &written {
                let request_id = entry.asked.request_id;
                tracing::error!(request_id, ?error, "a decision is missing from the record");
            }
            written
        };
        self.ledger.database.leave(self.tenant.id, write).await
    }
}

/// The word for a name that looks like another account's.
const LOOK_ALIKE: &str = "look_alike";

/// What a row says of it.
pub(super) fn look_alike(other: &str) -> String {
    format!("{LOOK_ALIKE}: {other}")
}

/// Milliseconds since 1970-01-01 UTC; a clock before that is 0.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn insert(
    tx: &Connection,
    tenant: i64,
    key: &str,
    privacy: Privacy,
    entry: &Entry,
) -> Result<(), LedgerError> {
    let Entry { asked, said } = entry;
    let shown = privacy == Privacy::Shown;
    let person = shown.then_some(&asked.request.applicant);
    // A name, a note or a cause may repeat what the provider sent; a word of the host's own does not.
    let detail = if shown { said.detail.as_deref() } else { said.host_word() };
    let request = match person {
        Some(_) => json(&RequestRow::from(&asked.request))?,
        None => NOBODY.to_owned(),
    };
    // Where asking cost something, somebody was asked.
    let answer = person.and(said.fuel).map(|_| json(&AnswerRow::of(&asked.heard, said)));
    let mut statement = tx.prepare_cached(
        "INSERT INTO decisions (tenant, request_id, at, key, occasion, source, dry_run, outcome, code, stage, detail,
             name, place, revision, digest, settings_digest, request, answer, used, used_in_domain, notes, fuel,
             issuer, subject, username, email)
         VALUES (:tenant, :request_id, :at, :key, :occasion, :source, :dry_run, :outcome, :code, :stage, :detail,
             :name, :place, :revision, :digest, :settings_digest, :request, :answer, :used, :used_in_domain, :notes, :fuel,
             :issuer, :subject, :username, :email)",
    )?;
    statement.execute(rusqlite::named_params! {
        ":tenant": tenant,
        ":request_id": asked.request_id,
        ":at": now_ms(),
        ":key": key,
        ":occasion": asked.request.occasion.as_str(),
        ":source": asked.request.source,
        ":dry_run": asked.dry_run,
        ":outcome": said.outcome,
        ":code": said.code,
        ":stage": said.stage,
        ":detail": detail,
        ":name": said.name.as_deref().filter(|_| shown),
        ":place": said.place.map(|place| place as i64),
        ":revision": asked.revision as i64,
        ":digest": asked.digest,
        ":settings_digest": asked.settings_digest,
        ":request": request,
        ":answer": answer.transpose()?,
        ":used": asked.usage.map(|usage| usage.accounts as i64),
        ":used_in_domain": asked.usage.map(|usage| usage.accounts_in_domain as i64),
        ":notes": json(&said.notes.iter().filter(|_| shown).collect::<Vec<_>>())?,
        ":fuel": said.fuel.map(|fuel| fuel as i64),
        ":issuer": person.map(|person| &person.issuer),
        ":subject": person.and_then(|person| person.subject.as_deref()),
        ":username": person.map(|person| &person.username),
        ":email": person.and_then(|person| person.email.as_ref()).map(Email::address),
    })?;
    Ok(())
}

/// What an operator did, or somebody with the right to manage: a row beside the decisions, with the key that did it.
#[derive(Clone, Debug)]
pub struct Act {
    /// As answered in `X-Request-Id`; for what no server was asked for, the verb.
    pub request_id: String,
    /// What was done, such as `account_close`: the row's occasion.
    pub what: &'static str,
    /// The name of the account it was done to.
    pub name: Option<String>,
    /// What the operator should read beside it; never a secret.
    pub detail: Option<String>,
}

impl Act {
    /// Writes that it was done, to no account. `key` is the id of the key that did it.
    pub(super) fn record(
        &self,
        tx: &Connection,
        tenant: TenantId,
        key: &str,
    ) -> Result<(), LedgerError> {
        self.write(tx, tenant, key, Written::done(Privacy::Shown))
    }

    /// Writes that it was done to an account. Write it after the change: the row is about the account's person as the row of the
    /// account says now. The account's name stands there whether people are masked or not: who acts answers for it.
    pub(super) fn record_about(
        &self,
        tx: &Connection,
        tenant: TenantId,
        key: &str,
        privacy: Privacy,
    ) -> Result<(), LedgerError> {
        self.write(tx, tenant, key, Written::done(privacy))
    }

    /// Writes that it was refused, for this reason; who holds the name is nobody's business then.
    pub(super) fn record_refused(
        &self,
        tx: &Connection,
        tenant: TenantId,
        key: &str,
        privacy: Privacy,
        refusal: &Refusal,
    ) -> Result<(), LedgerError> {
        self.write(tx, tenant, key, Written { refused: Some(refusal), ..Written::done(privacy) })
    }

    fn write(
        &self,
        tx: &Connection,
        tenant: TenantId,
        key: &str,
        written: Written<'_>,
    ) -> Result<(), LedgerError> {
        let Written { privacy, refused, request } = written;
        let shown = privacy == Privacy::Shown;
        let request = request.filter(|_| shown).map(|request| json(&RequestRow::from(request)));
        let mut statement = tx.prepare_cached(
            "INSERT INTO decisions (tenant, request_id, at, key, occasion, source, dry_run, outcome, code, stage, name, detail,
                 revision, digest, settings_digest, request, notes, issuer, subject, username, email)
             SELECT t.id, :request_id, :at, :key, :occasion, :source, 0, :outcome, :code, :stage, :name, :detail,
                 r.number, r.component, r.settings_digest, :request, '[]', a.issuer, a.subject, a.username, a.email
             FROM tenants t JOIN revisions r ON r.tenant = t.id AND r.number = t.active_revision
             LEFT JOIN accounts a ON a.tenant = t.id AND a.name_key = :name_key AND a.name = :name AND a.erased_at IS NULL
                 AND :code IS NULL AND :shown
             WHERE t.id = :tenant",
        )?;
        statement.execute(rusqlite::named_params! {
            ":tenant": tenant.0,
            ":request_id": self.request_id,
            ":at": now_ms(),
            ":key": key,
            ":occasion": self.what,
            ":source": if self.what == IMPORT { "import" } else { "manual" },
            ":request": request.transpose()?.as_deref().unwrap_or(NOBODY),
            ":outcome": refused.map_or("granted", outcome_of),
            ":code": refused.map(Refusal::code),
            ":stage": refused.map(|refusal| refusal.stage().as_str()),
            ":name": self.name,
            ":name_key": self.name.as_deref().map(|name| FoldKey::of(name).as_str().to_owned()),
            ":detail": self.detail.as_deref().filter(|_| shown || self.name.is_none()),
            ":shown": shown,
        })?;
        Ok(())
    }
}

/// What a row says of an act beside the act.
#[derive(Clone, Copy)]
struct Written<'a> {
    privacy: Privacy,
    refused: Option<&'a Refusal>,
    request: Option<&'a Request>,
}

impl Written<'_> {
    /// It was done.
    fn done(privacy: Privacy) -> Self {
        Self { privacy, refused: None, request: None }
    }
}

/// A no that is none: the policy was asked and gave no answer.
fn outcome_of(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Host { code: HostCode::PolicyFailed | HostCode::PolicyTimeout, .. } => "failed",
        _ => "refused",
    }
}

/// A value as a column's JSON text.
pub(super) fn json(value: &impl Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|error| LedgerError::Unexpected(error.to_string()))
}
