//! Asks a policy about somebody, as a server without any accounts would.
//! Refuses to reserve anything: who is chosen a name for has it only in the answer.

use crate::cli::Ending;
use crate::domain::{Decision, Request, TenantName};
use crate::wire::{BodyError, DecisionText, Question};
use std::time::{SystemTime, UNIX_EPOCH};

/// The source of an applicant that names none.
const SOURCE: &str = "manual";

/// The request of an applicant in any form that `decide` takes, made now.
pub(super) fn request(applicant: &[u8]) -> Result<Request, BodyError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let question = Question::read_any(applicant)?;
    Ok(question.into_request(&TenantName::default_tenant(), "", SOURCE, now))
}

/// A decision as a server would answer it, what only its operator would see, and how a verb ends with it.
pub(super) fn shown(decision: Decision<()>) -> (DecisionText, Option<String>, Ending) {
    match decision {
        Decision::Grant(grant) => {
            let (username, allowance) = (grant.name.to_string(), grant.allowance.into());
            (DecisionText::Grant { username, allowance, revision: None }, None, Ending::Yes)
        }
        Decision::Refuse(refusal) => {
            let detail = refusal.detail().map(str::to_owned);
            (DecisionText::refuse(&refusal, None), detail, Ending::No)
        }
    }
}
