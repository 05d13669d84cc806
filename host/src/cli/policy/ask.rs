//! Asks a policy about somebody, as a server without any accounts would.
//! Refuses to reserve anything: who is chosen a name for has it only in the answer.

use crate::cli::Ending;
use crate::cli::policy::Workbench;
use crate::domain::{
    Decision, Failure, HostCode, Name, Pick, Refusal, Request, TenantName, Usage, Verdict,
};
use crate::sandbox::{DecideError, Policy};
use crate::wire::{BodyError, DecisionText, Question};
use std::convert::Infallible;
use std::time::{SystemTime, UNIX_EPOCH};

/// The source of an applicant that names none.
const SOURCE: &str = "manual";

/// The request of an applicant in any form that `decide` takes, made now.
pub(super) fn request(applicant: &[u8]) -> Result<Request, BodyError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let question = Question::read_any(applicant)?;
    Ok(question.into_request(&TenantName::default_tenant(), "", SOURCE, now))
}

impl Workbench {
    /// What the policy decides; none of the accounts it could count is there.
    pub(super) fn decide(
        &self,
        policy: &Policy,
        request: &Request,
    ) -> Result<Verdict<()>, Failure> {
        self.runtime().block_on(decide(policy, request))
    }
}

/// The same for whoever waits already.
pub(super) async fn decide(policy: &Policy, request: &Request) -> Result<Verdict<()>, Failure> {
    let pick = |names| async { Ok::<_, Infallible>(pick(names)) };
    policy.decide(request, Usage::default(), pick).await.map_err(|error| match error {
        DecideError::Failed(failure) => failure,
        DecideError::Pick(never) => match never {},
    })
}

/// The host's rules for names, without knowing who is there.
pub(super) fn pick(names: Vec<String>) -> Pick<()> {
    let mut why = Vec::new();
    for (place, text) in names.into_iter().enumerate() {
        match Name::try_from(text.clone()) {
            Ok(name) => return Pick::Chosen { name, place, reservation: () },
            Err(unusable) => why.push(format!("{text:?}: {unusable}")),
        }
    }
    Pick::Nothing(Refusal::Host { code: HostCode::NameUnusable, detail: Some(why.join("; ")) })
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
