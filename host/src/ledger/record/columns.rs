//! The columns of the record that are JSON: what a policy was asked, and what it answered, written and read back.
//! Refuses to read anything into them: what was asked once is what is asked again, byte for byte.

use crate::domain::{Allowance, Applicant, Assurance, Attribute, Email, Occasion, Request};
use crate::ledger::LedgerError;
use crate::ledger::accounts::AllowanceRow;
use crate::ledger::record::{Heard, Said};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What stands in `request` of a row that is about nobody.
pub(in crate::ledger) const NOBODY: &str = "{}";

#[derive(Deserialize, Serialize)]
pub(super) struct RequestRow<'a> {
    applicant: ApplicantRow<'a>,
    now: u64,
}

#[derive(Deserialize, Serialize)]
struct ApplicantRow<'a> {
    issuer: Cow<'a, str>,
    subject: Option<Cow<'a, str>>,
    username: Cow<'a, str>,
    email: Option<EmailRow<'a>>,
    groups: Cow<'a, [String]>,
    attributes: Vec<[Cow<'a, str>; 2]>,
}

#[derive(Deserialize, Serialize)]
struct EmailRow<'a> {
    address: Cow<'a, str>,
    domain: Cow<'a, str>,
    assurance: AssuranceRow,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum AssuranceRow {
    Verified,
    Pending,
    Unverified,
}

impl<'a> From<&'a Request> for RequestRow<'a> {
    fn from(request: &'a Request) -> Self {
        Self { applicant: ApplicantRow::from(&request.applicant), now: request.now }
    }
}

impl<'a> From<&'a Applicant> for ApplicantRow<'a> {
    fn from(applicant: &'a Applicant) -> Self {
        let email = applicant.email.as_ref().map(|email| EmailRow {
            address: email.address().into(),
            domain: email.domain().into(),
            assurance: match email.assurance() {
                Assurance::Verified => AssuranceRow::Verified,
                Assurance::Pending => AssuranceRow::Pending,
                Assurance::Unverified => AssuranceRow::Unverified,
            },
        });
        let pair = |a: &'a Attribute| [(&*a.name).into(), (&*a.value).into()];
        Self {
            issuer: (&*applicant.issuer).into(),
            subject: applicant.subject.as_deref().map(Cow::from),
            username: (&*applicant.username).into(),
            email,
            groups: (&*applicant.groups).into(),
            attributes: applicant.attributes.iter().map(pair).collect(),
        }
    }
}

impl From<ApplicantRow<'_>> for Applicant {
    fn from(row: ApplicantRow<'_>) -> Self {
        let email = row.email.map(|email| {
            let assurance = match email.assurance {
                AssuranceRow::Verified => Assurance::Verified,
                AssuranceRow::Pending => Assurance::Pending,
                AssuranceRow::Unverified => Assurance::Unverified,
            };
            Email::taken_before(email.address.into(), email.domain.into(), assurance)
        });
        let attribute =
            |[name, value]: [Cow<'_, str>; 2]| Attribute { name: name.into(), value: value.into() };
        Self {
            issuer: row.issuer.into(),
            subject: row.subject.map(String::from),
            username: row.username.into(),
            email,
            groups: row.groups.into_owned(),
            attributes: row.attributes.into_iter().map(attribute).collect(),
        }
    }
}

/// The question of a row, which has its occasion and its source in columns of their own.
pub(in crate::ledger) fn read_request(
    text: &str,
    occasion: Occasion,
    source: String,
) -> Result<Request, LedgerError> {
    let RequestRow { applicant, now } = read(text, "a request")?;
    Ok(Request { applicant: applicant.into(), occasion, source, now })
}

/// What the policy answered, as far as no other column has it.
#[derive(Deserialize, Serialize)]
pub(super) struct AnswerRow<'a> {
    #[serde(default, skip_serializing_if = "is_empty")]
    names: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowance: Option<AllowanceRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<Cow<'a, str>>,
}

fn is_empty(names: &[String]) -> bool {
    names.is_empty()
}

impl<'a> AnswerRow<'a> {
    pub(super) fn of(heard: &'a Heard, said: &'a Said) -> Self {
        Self {
            names: (&*heard.names).into(),
            name: heard.name.as_deref().map(Cow::from),
            allowance: said.allowance.as_ref().map(AllowanceRow::from),
            message: said.message.as_deref().map(Cow::from),
        }
    }
}

/// What was heard, and the allowance or the message.
pub(super) fn read_answer(
    text: &str,
) -> Result<(Heard, Option<Allowance>, Option<String>), LedgerError> {
    let AnswerRow { names, name, allowance, message } = read(text, "an answer")?;
    let heard = Heard { names: names.into_owned(), name: name.map(String::from) };
    Ok((heard, allowance.map(Allowance::from), message.map(String::from)))
}

pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text)
        .map_err(|error| LedgerError::Unexpected(format!("{what} in the record: {error}")))
}
