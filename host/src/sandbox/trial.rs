//! What a policy is tried on before anybody depends on it: the same question twice, and its own answer as a question.
//! Refuses to take two answers for one: a policy that answers otherwise the second time is none.

use crate::domain::{Decision, Failure, HostCode, Name, Pick, Refusal, Request, Usage, Verdict};
use crate::sandbox::{DecideError, Policy};
use std::convert::Infallible;

/// What came of a trial.
#[derive(Debug)]
pub struct Tried {
    /// The answer.
    pub verdict: Verdict<()>,
    /// Whether the second answer was the first one: name, allowance, refusal, notes and fuel.
    pub steady: bool,
    /// What came of somebody whom the provider calls by the name that was granted, if it was neither that name nor a refusal.
    pub echo: Option<Echo>,
}

/// A name that is given back is another name: nobody is harmed, for who has an account is not decided about again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Echo {
    /// The name that was granted, and the one that it was made into.
    Other(String, String),
    /// There was no answer.
    Failed(String),
}

impl std::fmt::Display for Echo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Other(name, other) => write!(
                f,
                "host: not idempotent: the username {name:?}, a name that it gave, gets {other:?}"
            ),
            Self::Failed(name) => {
                write!(
                    f,
                    "host: not idempotent: it fails on the username {name:?}, a name that it gave"
                )
            }
        }
    }
}

/// Asks about `request` as a server without any account would.
pub async fn ask(policy: &Policy, request: &Request) -> Result<Verdict<()>, Failure> {
    let pick = |names| async { Ok::<_, Infallible>(pick(names)) };
    policy.decide(request, Usage::default(), pick).await.map_err(|error| match error {
        DecideError::Failed(failure) => failure,
        DecideError::Pick(never) => match never {},
    })
}

/// The same, twice; and once about somebody whose username is the answer.
pub async fn try_on(policy: &Policy, request: &Request) -> Result<Tried, Failure> {
    let verdict = ask(policy, request).await?;
    let steady = ask(policy, request).await? == verdict;
    let echo = match &verdict.decision {
        Decision::Grant(grant) => {
            let mut again = request.clone();
            again.applicant.username = grant.name.to_string();
            echo(grant.name.as_str(), ask(policy, &again).await)
        }
        Decision::Refuse(_) => None,
    };
    Ok(Tried { verdict, steady, echo })
}

fn echo(name: &str, answer: Result<Verdict<()>, Failure>) -> Option<Echo> {
    match answer.map(|verdict| verdict.decision) {
        Ok(Decision::Refuse(_)) => None,
        Ok(Decision::Grant(grant)) if grant.name.as_str() == name => None,
        Ok(Decision::Grant(grant)) => Some(Echo::Other(name.to_owned(), grant.name.to_string())),
        Err(_) => Some(Echo::Failed(name.to_owned())),
    }
}

/// The host's rules for names, without knowing who is there.
pub fn pick(names: Vec<String>) -> Pick<()> {
    let mut why = Vec::new();
    for (place, text) in names.into_iter().enumerate() {
        match Name::try_from(text.clone()) {
            Ok(name) => return Pick::Chosen { name, place, reservation: () },
            Err(unusable) => why.push(format!("{text:?}: {unusable}")),
        }
    }
    Pick::Nothing(Refusal::Host { code: HostCode::NameUnusable, detail: Some(why.join("; ")) })
}
