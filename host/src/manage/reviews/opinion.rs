//! What a policy thinks of somebody who is known, as if they came now: nothing is reserved, looked up or recorded for it.
//! Refuses to change a name: who has an account is asked about under the name that is theirs.

use crate::domain::{
    Allowance, Decision, Email, Failure, HostCode, KnownPerson, Name, Pick, Refusal,
};
use crate::sandbox::{DecideError, Policy};
use std::convert::Infallible;

/// What would be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// They may have an account.
    Grant {
        /// What the policy would call them.
        names: Vec<String>,
        /// What they would be called if they had no account: the first that the host's rules allow.
        name: Option<String>,
        /// How much.
        allowance: Allowance,
    },
    /// They may not.
    Refuse(Refusal),
    /// The policy does not say.
    Fail(Failure),
}

impl Opinion {
    /// Asks.
    pub(super) async fn ask(policy: &Policy, about: &KnownPerson) -> Self {
        let KnownPerson { request, frozen, usage } = about;
        let pick = |names| async move { Ok::<_, Infallible>(pick(frozen.as_deref(), names)) };
        let verdict = match policy.decide(request, *usage, pick).await {
            Ok(verdict) => verdict,
            Err(DecideError::Failed(failure)) => return Self::Fail(failure),
            Err(DecideError::Pick(never)) => match never {},
        };
        let grant = match verdict.decision {
            Decision::Grant(grant) => grant,
            Decision::Refuse(refusal) => return Self::Refuse(refusal),
        };
        let assurance = request.applicant.email.as_ref().map(Email::assurance);
        match grant.allowance.over_quota(*usage, assurance) {
            Some(code) => Self::Refuse(Refusal::host(code)),
            None => {
                let (names, allowance) = (grant.reservation, grant.allowance);
                Self::Grant { name: first_usable(&names).map(String::from), names, allowance }
            }
        }
    }
}

/// The name that is theirs, or the first that the host's rules allow; with all that were proposed.
fn pick(frozen: Option<&str>, names: Vec<String>) -> Pick<Vec<String>> {
    // A name that was not decided here may be none by today's rules.
    let theirs = frozen.and_then(|name| Name::try_from(name.to_owned()).ok());
    let free = || first_usable(&names).and_then(|name| Name::try_from(name.to_owned()).ok());
    let chosen = theirs.or_else(free);
    match chosen {
        Some(name) => {
            let place = names.iter().position(|other| other == name.as_str()).unwrap_or_default();
            Pick::Chosen { name, place, reservation: names }
        }
        None => Pick::Nothing(Refusal::host(HostCode::NameUnusable)),
    }
}

fn first_usable(names: &[String]) -> Option<&str> {
    names.iter().map(String::as_str).find(|name| Name::try_from((*name).to_owned()).is_ok())
}
