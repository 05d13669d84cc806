//! What would come of a request, and how it would come to that.
//! Refuses to do any of it: no name is reserved, nobody is linked, and the record's row is marked `dry_run`.

use crate::domain::{Account, Allowance, Course, Email, Grant, Occasion, Recognised, Refusal};
use crate::ledger::{Asked, Reservation, Said, Tenant};
use crate::provision::pick::Hold;
use crate::provision::say::{failed, note};
use crate::provision::{Ask, Considered, ProvisionError, Provisioner, asked};

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
        let mut seen = Vec::new();
        let considered =
            self.consider(&book, tenant, &active, &mut asked, Hold::Loose, &mut seen).await;
        let (rehearsal, said) = match failed(&book, tenant, &asked, considered).await? {
            Considered::Known(account) => known(Recognised::Known, account),
            Considered::Linkable(account) => known(Recognised::Linkable, account),
            Considered::Refused(refusal, said) => (refused(refusal, &said, &asked), said),
            Considered::Granted(grant, said) => seat(grant, said, &asked),
        };
        note(&book, &asked, said).await?;
        let course = Course { candidates: seen, ..rehearsal.course };
        Ok(Rehearsal { course, ..rehearsal })
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
