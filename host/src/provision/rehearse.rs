//! What would come of a request, and how it would come to that.
//! Refuses to do any of it: no name is reserved, nobody is linked, and the record's row is marked `dry_run`.

use crate::domain::{Account, Allowance, Course, Email, Grant, Occasion, Recognised, Refusal};
use crate::ledger::{Asked, Book, Reservation, Said, Tenant};
use crate::provision::pick::Hold;
use crate::provision::say::{failed, note};
use crate::provision::{Ask, Considered, Imported, ProvisionError, Provisioner, asked};
use crate::sandbox::Active;

/// What would come of a request; nothing did.
#[derive(Debug)]
pub struct Rehearsal {
    /// What it would be answered.
    pub answer: Answer,
    /// By this revision.
    pub revision: u64,
    /// How that came about.
    pub course: Course,
}

/// What a request would be answered.
#[derive(Debug)]
pub enum Answer {
    /// This name and allowance.
    Grant(String, Allowance),
    /// No.
    Refuse(Refusal),
}

impl Provisioner {
    /// Says what `provision` would answer, and does none of it; the record gets a row marked `dry_run`.
    pub async fn rehearse(&self, tenant: &Tenant, ask: Ask) -> Result<Rehearsal, ProvisionError> {
        let book = self.ledger.of(tenant);
        let active = self.catalog.active(tenant.id()).ok_or(ProvisionError::NoPolicy)?;
        let mut asked = asked(ask, &active, true);
        let rehearsed = self.go_through(&book, tenant, &active, &mut asked).await;
        let (rehearsal, said) = failed(&book, tenant, &asked, rehearsed).await?;
        note(&book, &asked, said).await?;
        Ok(rehearsal)
    }

    /// The same for somebody who would be imported; nobody is told, and nothing is recorded.
    pub(super) async fn foresee(
        &self,
        tenant: &Tenant,
        ask: Ask,
    ) -> Result<Imported, ProvisionError> {
        let book = self.ledger.of(tenant);
        let active = self.catalog.active(tenant.id()).ok_or(ProvisionError::NoPolicy)?;
        let mut asked = asked(ask, &active, true);
        let (rehearsal, _) = self.go_through(&book, tenant, &active, &mut asked).await?;
        let recognised = rehearsal.course.recognised;
        Ok(match rehearsal.answer {
            Answer::Grant(name, _) if recognised == Some(Recognised::Stranger) => {
                Imported::Opened(name)
            }
            Answer::Grant(name, _) => Imported::Known(name),
            Answer::Refuse(refusal) => Imported::Refused(refusal),
        })
    }

    async fn go_through(
        &self,
        book: &Book,
        tenant: &Tenant,
        active: &Active,
        asked: &mut Asked,
    ) -> Result<(Rehearsal, Said), ProvisionError> {
        let mut seen = Vec::new();
        let hold = Hold::Loose;
        let (rehearsal, said) =
            match self.consider(book, tenant, active, asked, hold, &mut seen).await? {
                Considered::Known(account) => known(Recognised::Known, account),
                Considered::Linkable(account) => known(Recognised::Linkable, account),
                Considered::Refused(refusal, said) => (refused(refusal, &said, asked), said),
                Considered::Granted(grant, said) => seat(grant, said, asked),
            };
        let course = Course { candidates: seen, ..rehearsal.course };
        Ok((Rehearsal { course, ..rehearsal }, said))
    }
}

fn known(recognised: Recognised, account: Account) -> (Rehearsal, Said) {
    let said = Said::known(&account.name, None);
    let course = Course { recognised: Some(recognised), ..Course::default() };
    let answer = Answer::Grant(account.name, account.allowance);
    (Rehearsal { answer, revision: account.revision, course }, said)
}

fn refused(refusal: Refusal, said: &Said, asked: &Asked) -> Rehearsal {
    let course = Course { refusal: Some(refusal.clone()), ..asking(said, asked) };
    Rehearsal { answer: Answer::Refuse(refusal), revision: asked.revision, course }
}

/// Whether a grant would find a seat, by the counts that the policy was given.
fn seat(grant: Grant<Option<Reservation>>, said: Said, asked: &Asked) -> (Rehearsal, Said) {
    let email = asked.request.applicant.email.as_ref().map(Email::assurance);
    match grant.allowance.over_quota(asked.usage.unwrap_or_default(), email) {
        Some(code) => {
            let refusal = Refusal::host(code);
            let said = said.overruled(&refusal);
            (refused(refusal, &said, asked), said)
        }
        None => {
            let answer = Answer::Grant(grant.name.to_string(), grant.allowance);
            let course = asking(&said, asked);
            (Rehearsal { answer, revision: asked.revision, course }, said)
        }
    }
}

/// The course of a request from nobody known.
fn asking(said: &Said, asked: &Asked) -> Course {
    let recognised = match (asked.request.occasion, asked.usage) {
        (Occasion::SignUp, _) => Recognised::NotAsked,
        // Counted for the policy alone: nobody asked it.
        (_, None) => Recognised::Refused,
        (_, Some(_)) => Recognised::Stranger,
    };
    Course {
        recognised: Some(recognised),
        usage: asked.usage,
        notes: said.notes().to_vec(),
        ..Course::default()
    }
}
