//! How a preview and a replay are shown, whole or without people.
//! Refuses to show a person to those who read for the rules alone: not who, not a name, not what was said to them.

use crate::domain::{Allowance, KnownPerson};
use crate::wire::AllowanceText;
use crate::wire::record::PersonText;
use serde::Serialize;
use utoipa::ToSchema;

/// A preview as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewText {
    /// `running`, `done`, `stopped` (given up: the revision fails nearly everybody) or `failed` (the log says why).
    #[schema(pattern = "^(running|done|stopped|failed)$")]
    pub state: String,
    /// The revision that would decide.
    pub revision: u64,
    /// The one that decides.
    pub active: u64,
    /// People who were looked at.
    pub done: u64,
    /// Of so many; 0 until they are counted.
    pub of: u64,
    /// For whom nothing would change.
    pub same: u64,
    /// Who would be turned away, and are not.
    pub refused_now: u64,
    /// Who would get in, and do not.
    pub granted_now: u64,
    /// Whose name is none of those that they would get.
    pub named_differently: u64,
    /// Who would have more, or less.
    pub allowance_differs: u64,
    /// On whom the revision fails.
    pub failed: u64,
    /// About whom no policy decides any more: their account is closed, or somebody else's.
    pub left_out: u64,
    /// Requests that the record keeps about nobody.
    pub masked: u64,
    /// At most ten of each.
    pub examples: ExamplesText,
}

/// People for whom something would be different.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ExamplesText {
    /// Turned away.
    pub refused_now: Vec<ExampleText>,
    /// Let in.
    pub granted_now: Vec<ExampleText>,
    /// With another name.
    pub named_differently: Vec<ExampleText>,
    /// With more or less.
    pub allowance_differs: Vec<ExampleText>,
    /// Failed.
    pub failed: Vec<ExampleText>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExampleText {
    /// Who; null for those who read for the rules alone.
    applicant: Option<PersonText>,
    /// Their account; null without one, and for those readers.
    name: Option<String>,
    /// What is decided.
    active: OpinionText,
    /// What would be.
    candidate: OpinionText,
}

/// What is decided about somebody who is known.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct OpinionText {
    /// `grant`, `refuse` or `failed`.
    #[schema(pattern = "^(grant|refuse|failed)$")]
    pub decision: &'static str,
    /// With a grant, what somebody new would be called; null for those who read for the rules alone.
    pub username: Option<String>,
    /// With a grant, how much.
    pub allowance: Option<AllowanceText>,
    /// Why not.
    pub code: Option<String>,
    /// Where it was said.
    pub stage: Option<&'static str>,
    /// What the person is told; null for those who read for the rules alone.
    pub message: Option<String>,
}

impl OpinionText {
    /// A yes.
    pub fn grant(username: Option<String>, allowance: Allowance) -> Self {
        let allowance = Some(allowance.into());
        Self { decision: "grant", username, allowance, ..Self::default() }
    }
}

impl ExampleText {
    /// Somebody, whole or not.
    pub fn of(who: &KnownPerson, whole: bool, active: OpinionText, candidate: OpinionText) -> Self {
        let masked = |one: OpinionText| {
            if whole { one } else { OpinionText { username: None, message: None, ..one } }
        };
        Self {
            applicant: whole.then(|| who.person().into()),
            name: who.frozen.clone().filter(|_| whole),
            active: masked(active),
            candidate: masked(candidate),
        }
    }
}

/// A replay as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayText {
    /// `running`, `done` or `failed` (the log says why).
    #[schema(pattern = "^(running|done|failed)$")]
    pub state: String,
    /// Rows from this moment on.
    #[schema(format = DateTime)]
    pub since: String,
    /// Rows of the record that were looked at.
    pub done: u64,
    /// Of so many; 0 until they are counted.
    pub of: u64,
    /// Decisions that were made again just so.
    pub same: u64,
    /// Decisions that were made otherwise.
    pub different: u64,
    /// Rows that no policy decided: known people, acts, failures of the host's.
    pub not_asked: u64,
    /// Rows that are about nobody.
    pub masked: u64,
    /// Rows from before answers were recorded whole.
    pub older: u64,
    /// Decisions that took too long, then or now: the clock proves nothing.
    pub timed_out: u64,
    /// Where decisions differ, at most a hundred.
    pub differences: Vec<DifferenceText>,
}

/// Where one decision differs.
#[derive(Debug, Serialize, ToSchema)]
pub struct DifferenceText {
    /// The request's `X-Request-Id`.
    pub request_id: String,
    /// When it was decided.
    #[schema(format = DateTime)]
    pub at: String,
    /// The revision that decided.
    pub revision: u64,
    /// `names`, `answer`, `notes`, or `revision` for one that cannot be loaded.
    pub what: &'static str,
    /// What the record has; null for those who read for the rules alone.
    pub recorded: Option<String>,
    /// What came now; the same.
    pub found: Option<String>,
}
