//! People who are known and decisions that were made, as far as they can be asked about once more.
//! Refuses to guess: who or what is not known whole is not here.

use crate::domain::{Allowance, Person, Request, Usage};

/// Somebody whom the record knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPerson {
    /// The latest request of theirs.
    pub request: Request,
    /// The name of their account, which is frozen; none for who has none.
    pub frozen: Option<String>,
    /// What is in use now, they themselves not counted.
    pub usage: Usage,
}

/// A decision that a policy made, with everything that it saw and said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The row's own number.
    pub number: i64,
    /// `X-Request-Id` of the request.
    pub request_id: String,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// The question.
    pub request: Request,
    /// The counts that the policy was given.
    pub usage: Usage,
    /// The revision that answered.
    pub revision: u64,
    /// `sha256:…` of its component.
    pub digest: String,
    /// `sha256:…` of its settings.
    pub settings_digest: String,
    /// Nothing was to come of it.
    pub dry_run: bool,
    /// The policy let them in, and the host did not.
    pub overruled: bool,
    /// The candidates that the policy proposed; none when it was not asked for any.
    pub names: Vec<String>,
    /// The one that it was told.
    pub name: Option<String>,
    /// How it ended.
    pub said: Told,
    /// What the policy wanted the operator to know.
    pub notes: Vec<String>,
}

/// How a policy's part of a decision ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// With a yes; the host may have refused afterwards.
    Granted(Allowance),
    /// With its own no.
    Refused {
        /// In which hook.
        stage: String,
        /// For machines.
        code: String,
        /// For the person.
        message: String,
        /// For the operator.
        detail: Option<String>,
    },
    /// With names of which the host could take none, for this reason.
    NoName(String),
    /// Without an answer: where, and under which code.
    Failed {
        /// In which call.
        stage: String,
        /// `policy_failed` or `policy_timeout`.
        code: String,
    },
}

impl KnownPerson {
    /// Who it is, without what they asked.
    pub fn person(&self) -> Person {
        let applicant = &self.request.applicant;
        Person {
            issuer: Some(applicant.issuer.clone()),
            subject: applicant.subject.clone(),
            username: Some(applicant.username.clone()),
            email: applicant.email.as_ref().map(|email| email.address().to_owned()),
        }
    }
}
