//! Asks a policy about somebody, as a server without any accounts would.
//! Refuses to reserve anything: who is chosen a name for has it only in the answer.

use crate::cli::Ending;
use crate::cli::policy::Workbench;
use crate::domain::{
    Candidate, Course, Decision, Failure, Fate, HostCode, Name, Pick, Refusal, Request, TenantName,
    Usage, Verdict,
};
use crate::sandbox::{DecideError, Policy};
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
    pub(super) verdict: Verdict<()>,
    candidates: Vec<Candidate>,
}

impl Workbench {
    /// What the policy decides; none of the accounts it could count is there.
    pub(super) fn decide(&self, policy: &Policy, request: &Request) -> Result<Decided, Failure> {
        self.runtime().block_on(decide(policy, request))
    }
}

/// The same for whoever waits already.
pub(super) async fn decide(policy: &Policy, request: &Request) -> Result<Decided, Failure> {
    let mut candidates = Vec::new();
    let pick = |names| {
        let (pick, seen) = pick(names);
        candidates = seen;
        async { Ok::<_, Infallible>(pick) }
    };
    let verdict = policy.decide(request, Usage::default(), pick).await;
    let verdict = verdict.map_err(|error| match error {
        DecideError::Failed(failure) => failure,
        DecideError::Pick(never) => match never {},
    })?;
    Ok(Decided { verdict, candidates })
}

/// The host's rules for names, without knowing who is there; and what became of each name.
pub(super) fn pick(names: Vec<String>) -> (Pick<()>, Vec<Candidate>) {
    let (mut chosen, mut seen, mut why) = (None, Vec::new(), Vec::new());
    for (place, text) in names.into_iter().enumerate() {
        let fate = if chosen.is_some() {
            Fate::NotNeeded
        } else {
            match Name::try_from(text.clone()) {
                Ok(name) => {
                    chosen = Some(Pick::Chosen { name, place, reservation: () });
                    Fate::Chosen
                }
                Err(unusable) => {
                    why.push(format!("{text:?}: {unusable}"));
                    Fate::Unusable(unusable)
                }
            }
        };
        seen.push(Candidate { text, fate });
    }
    let nothing = || {
        let detail = Some(why.join("; "));
        Pick::Nothing(Refusal::Host { code: HostCode::NameUnusable, detail })
    };
    (chosen.unwrap_or_else(nothing), seen)
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
