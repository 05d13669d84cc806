//! Asks a policy about somebody, as a server without any accounts would.
//! Refuses to reserve anything: who is chosen a name for has it only in the answer.

use crate::cli::Ending;
use crate::cli::policy::Workbench;
use crate::domain::{
    Candidate, Course, Decision, Failure, Fate, Name, Request, TenantName, Usage, Verdict,
};
use crate::sandbox::{self, DecideError, Policy};
use crate::wire::{BodyError, DecisionText, Question, StageText};
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

/// What was decided, and how that came about.
pub(super) struct Decided {
    verdict: Verdict<()>,
    candidates: Vec<Candidate>,
}

impl Workbench {
    /// What the policy decides; none of the accounts it could count is there.
    pub(super) fn decide(&self, policy: &Policy, request: &Request) -> Result<Decided, Failure> {
        let mut candidates = Vec::new();
        let pick = |names: Vec<String>| {
            candidates = looked_at(&names);
            async { Ok::<_, Infallible>(sandbox::pick(names)) }
        };
        let verdict = self.runtime().block_on(policy.decide(request, Usage::default(), pick));
        let verdict = verdict.map_err(|error| match error {
            DecideError::Failed(failure) => failure,
            DecideError::Pick(never) => match never {},
        })?;
        Ok(Decided { verdict, candidates })
    }
}

/// What becomes of each name where nobody is there.
fn looked_at(names: &[String]) -> Vec<Candidate> {
    let mut chosen = false;
    let fate = |text: &String| match Name::try_from(text.clone()) {
        _ if chosen => Fate::NotNeeded,
        Ok(_) => {
            chosen = true;
            Fate::Chosen
        }
        Err(why) => Fate::Unusable(why),
    };
    let fates = names.iter().map(fate).collect::<Vec<_>>();
    names.iter().cloned().zip(fates).map(|(text, fate)| Candidate { text, fate }).collect()
}

/// A decision as a server would answer it, and how a verb ends with it.
pub(super) fn shown(
    decision: Decision<()>,
    stages: Option<Vec<StageText>>,
) -> (DecisionText, Ending) {
    match decision {
        Decision::Grant(grant) => (
            DecisionText::grant(grant.name.to_string(), grant.allowance, None, stages),
            Ending::Yes,
        ),
        Decision::Refuse(refusal) => (DecisionText::refuse(&refusal, None, stages), Ending::No),
    }
}

impl Decided {
    /// The same with everything that each stage said, as an operator sees it.
    pub(super) fn explained(self) -> (DecisionText, Ending) {
        let Verdict { decision, notes, .. } = self.verdict;
        let refusal = match &decision {
            Decision::Grant(_) => None,
            Decision::Refuse(refusal) => Some(refusal.clone()),
        };
        let course = Course { candidates: self.candidates, refusal, notes, ..Course::default() };
        shown(decision, Some(StageText::all(course, true)))
    }
}
