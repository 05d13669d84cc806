//! A row of the record as those read it who run a tenant: what was asked, what was answered, under which rules.
//! Refuses to hold what only the log may say: no trap, no path.

/// A row of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// The row's own number: a request's id may come again.
    pub number: i64,
    /// `X-Request-Id` of the request.
    pub request_id: String,
    /// When it was written: milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// The id of the key that asked; empty for what the machine did.
    pub key: String,
    /// `opening`, `sign_up`, or an act of an operator's such as `account_close`.
    pub occasion: String,
    /// Which door it came through, as the request said.
    pub source: String,
    /// `known`, `granted`, `refused` or `failed`.
    pub outcome: String,
    /// Why not.
    pub code: Option<String>,
    /// Who said no.
    pub stage: Option<String>,
    /// The name of the account.
    pub name: Option<String>,
    /// The revision that answered, or would have.
    pub revision: u64,
    /// `sha256:…` of its component.
    pub digest: String,
    /// What the policy wanted the operator to know.
    pub notes: Vec<String>,
    /// Nothing was to come of it.
    pub dry_run: bool,
    /// What the host noticed, such as `link_refused`, or what an act did.
    pub detail: Option<String>,
    /// Whom it is about; none when it is about nobody, and when they were forgotten.
    pub person: Option<Person>,
}

/// Whom a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who vouched.
    pub issuer: Option<String>,
    /// The provider's stable id.
    pub subject: Option<String>,
    /// The provider's own name for them.
    pub username: Option<String>,
    /// The address that was sent.
    pub email: Option<String>,
}

/// Which rows are wanted; all of these hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// About this username, subject, e-mail or account.
    pub applicant: Option<String>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// With this code.
    pub code: Option<String>,
    /// Not before this moment, in milliseconds.
    pub since_ms: Option<i64>,
    /// Before this moment.
    pub until_ms: Option<i64>,
    /// Of this request.
    pub request_id: Option<String>,
}

/// How often a tenant's requests came to what; dry runs and acts are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Accounts opened.
    pub granted: u64,
    /// Noes.
    pub refused: u64,
    /// No answer.
    pub failed: u64,
}
