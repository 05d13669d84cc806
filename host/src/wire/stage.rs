//! What each stage of a decision said, as `POST …/decisions`, `enlist decide` and `enlist policy run` show it.
//! Refuses to show a stage that was not reached.

use crate::domain::{Candidate, Course, Fate, HostCode, Recognised, Refusal, Stage};
use serde::Serialize;
use utoipa::ToSchema;

/// What one stage of a decision said.
#[derive(Debug, Serialize, ToSchema)]
pub struct StageText {
    /// Which: they come in this order.
    #[schema(pattern = "^(recognise|admit|derive|pick|allow|seats|notes)$")]
    stage: &'static str,
    /// What it said.
    #[schema(
        pattern = "^(not_asked|stranger|known|linkable|admitted|proposed|chosen|allowed|free|noted|refused)$"
    )]
    said: &'static str,
    /// Of a no: for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<String>,
    /// Of a no: for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
    /// Of `pick`: every name that the policy proposed, in its order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    candidates: Option<Vec<CandidateText>>,
    /// Of `seats`: accounts of the tenant that are open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    accounts: Option<u64>,
    /// The same of the domain of the applicant's verified e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    accounts_in_domain: Option<u64>,
    /// Of `notes`: what the policy wants the operator to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    notes: Option<Vec<String>>,
}

/// A name that a policy proposed, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CandidateText {
    /// As it was proposed.
    name: String,
    /// What became of it.
    #[schema(pattern = "^(chosen|unusable|held|home_in_the_way|not_needed)$")]
    fate: &'static str,
    /// Which of the host's rules forbids it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    why: Option<String>,
}

impl StageText {
    /// Every stage that was reached; `whole` with what only those may know who may know of people.
    pub fn all(course: Course, whole: bool) -> Vec<Self> {
        let Course { recognised, candidates, usage, refusal, notes } = course;
        let no = |stage, refusal: Option<&Refusal>| {
            let code = refusal.map(|refusal| refusal.code().to_owned());
            let detail = refusal.and_then(Refusal::detail).filter(|_| whole).map(str::to_owned);
            Self { code, detail, ..Self::new(stage, "refused") }
        };
        let recognise = recognised.map(|recognised| match recognised {
            Recognised::NotAsked => Self::new("recognise", "not_asked"),
            Recognised::Stranger => Self::new("recognise", "stranger"),
            Recognised::Known => Self::new("recognise", "known"),
            Recognised::Linkable => Self::new("recognise", "linkable"),
            Recognised::Refused => no("recognise", refusal.as_ref()),
        });
        let mut stages: Vec<_> = recognise.into_iter().collect();
        if matches!(
            recognised,
            Some(Recognised::Known | Recognised::Linkable | Recognised::Refused)
        ) {
            return stages;
        }
        let ended = refusal.as_ref().map(where_it_ended);
        for (stage, yes) in [
            ("admit", "admitted"),
            ("derive", "proposed"),
            ("pick", "chosen"),
            ("allow", "allowed"),
            ("seats", "free"),
        ] {
            if stage == "seats" && usage.is_none() {
                break;
            }
            let ends = ended == Some(stage);
            stages.push(if ends { no(stage, refusal.as_ref()) } else { Self::new(stage, yes) });
            if ends {
                break;
            }
        }
        for stage in &mut stages {
            match stage.stage {
                "pick" => {
                    stage.candidates = Some(candidates.iter().map(CandidateText::of).collect());
                }
                "seats" => {
                    stage.accounts = usage.map(|usage| usage.accounts);
                    stage.accounts_in_domain = usage.map(|usage| usage.accounts_in_domain);
                }
                _ => {}
            }
        }
        if !notes.is_empty() {
            stages.push(Self { notes: Some(notes), ..Self::new("notes", "noted") });
        }
        stages
    }

    fn new(stage: &'static str, said: &'static str) -> Self {
        Self {
            stage,
            said,
            code: None,
            detail: None,
            candidates: None,
            accounts: None,
            accounts_in_domain: None,
            notes: None,
        }
    }
}

/// Which stage said a no that was not said while people were recognised.
fn where_it_ended(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Policy { stage: Stage::Derive, .. } => "derive",
        Refusal::Policy { stage: Stage::Allow, .. } => "allow",
        Refusal::Policy { .. } => "admit",
        Refusal::Host { code: HostCode::QuotaAccounts | HostCode::QuotaDomain, .. } => "seats",
        Refusal::Host { .. } => "pick",
    }
}

impl CandidateText {
    fn of(Candidate { text, fate }: &Candidate) -> Self {
        let (fate, why) = match fate {
            Fate::Chosen => ("chosen", None),
            Fate::Unusable(why) => ("unusable", Some(why.to_string())),
            Fate::Held => ("held", None),
            Fate::InTheWay => ("home_in_the_way", None),
            Fate::NotNeeded => ("not_needed", None),
        };
        Self { name: text.clone(), fate, why }
    }
}
