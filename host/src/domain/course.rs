//! What every stage of a decision said, for those who may look inside it.
//! Refuses to say who holds a name.

use crate::domain::{Refusal, Unusable, Usage};

/// What became of a name that a policy proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is the one.
    Chosen,
    /// The host's rules do not allow it.
    Unusable(Unusable),
    /// Somebody has it, or a spelling of it, or it is kept from everybody.
    Held,
    /// Something stands where its home would be.
    InTheWay,
    /// One before it was chosen.
    NotNeeded,
}

/// A name that a policy proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// As it was proposed.
    pub text: String,
    /// What became of it.
    pub fate: Fate,
}

/// Whether they were somebody known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// Nobody is looked for before an account can be opened.
    NotAsked,
    /// They are new.
    Stranger,
    /// They have an account.
    Known,
    /// They have one that a real request would link to them.
    Linkable,
    /// It cannot be told whether they are somebody known, so they are nobody new either.
    Refused,
}

/// How a decision went, as far as it went.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// None where there is nobody who could be known.
    pub recognised: Option<Recognised>,
    /// Every name that the policy proposed, in its order; none when it was not asked for names.
    pub candidates: Vec<Candidate>,
    /// What the seats were counted against; none where none are.
    pub usage: Option<Usage>,
    /// The no that it ended with.
    pub refusal: Option<Refusal>,
    /// What the policy wants the operator to know.
    pub notes: Vec<String>,
}
