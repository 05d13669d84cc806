//! What a policy decided and what came of asking it.
//! Refuses to mix them up: a refusal is an answer, a failure is none, and a grant holds a name that the host has accepted.

use crate::domain::{Assurance, HostCode, Name};
use std::time::Duration;

/// How much the tenant and the account may have. `None` is no limit, `Some(0)` is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Most active accounts of the tenant, enforced in the transaction of the insert.
    pub max_accounts: Option<u64>,
    /// The same for the domain of the applicant's verified e-mail.
    pub max_accounts_in_domain: Option<u64>,
    /// Stored and shown.
    pub storage_bytes: Option<u64>,
    /// Stored and shown.
    pub storage_files: Option<u64>,
    /// Stored and shown, in the policy's order.
    pub labels: Vec<(String, String)>,
}

impl Allowance {
    /// The count that leaves no room for one more, who is not counted in `usage` yet. A domain's count applies only to an
    /// e-mail that is verified, or will be before an account is opened.
    pub fn over_quota(&self, usage: Usage, email: Option<Assurance>) -> Option<HostCode> {
        let full = |most: Option<u64>, used: u64| most.is_some_and(|most| used >= most);
        let counts = matches!(email, Some(Assurance::Verified | Assurance::Pending));
        if full(self.max_accounts, usage.accounts) {
            Some(HostCode::QuotaAccounts)
        } else if counts && full(self.max_accounts_in_domain, usage.accounts_in_domain) {
            Some(HostCode::QuotaDomain)
        } else {
            None
        }
    }

    /// What `to` has otherwise, in words for an operator; none when it is the same. What labels say may be about somebody, so it is
    /// not said again.
    pub fn changes(&self, to: &Self) -> Option<String> {
        let number = |limit: Option<u64>| limit.map_or("none".to_owned(), |n| n.to_string());
        let limits = [
            ("max_accounts", self.max_accounts, to.max_accounts),
            ("max_accounts_in_domain", self.max_accounts_in_domain, to.max_accounts_in_domain),
            ("storage_bytes", self.storage_bytes, to.storage_bytes),
            ("storage_files", self.storage_files, to.storage_files),
        ];
        let limits = limits.into_iter().filter(|(_, from, to)| from != to);
        let mut words: Vec<_> = limits
            .map(|(name, from, to)| format!("{name} {} -> {}", number(from), number(to)))
            .collect();
        if self.labels != to.labels {
            words.push("labels".to_owned());
        }
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// What is in use when the policy is asked, this applicant not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Active accounts of the tenant.
    pub accounts: u64,
    /// Those whose verified e-mail has the applicant's domain; 0 when the applicant has none.
    pub accounts_in_domain: u64,
}

/// A policy's own code: `[a-z0-9_]{1,64}`, none of the host's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyCode(String);

/// Why a text is no code of a policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Not `[a-z0-9_]{1,64}`.
    #[error("a code is 1 to 64 of a-z, 0-9 and _")]
    Form,
    /// One of the host's.
    #[error("this code is the host's")]
    Taken,
}

impl TryFrom<String> for PolicyCode {
    type Error = CodeError;

    fn try_from(text: String) -> Result<Self, CodeError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !matches!(text.len(), 1..=64) || !text.bytes().all(plain) {
            Err(CodeError::Form)
        } else if HostCode::is_taken(&text) {
            Err(CodeError::Taken)
        } else {
            Ok(Self(text))
        }
    }
}

impl PolicyCode {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where in a decision something was said or went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Making the instance: start functions included.
    Start,
    /// `settings.configure`.
    Configure,
    /// `admission.admit`.
    Admit,
    /// `username.derive`.
    Derive,
    /// `quota.allow`.
    Allow,
    /// `notes.take`.
    Notes,
    /// The host itself: names, folders, counts, who somebody is.
    Host,
}

impl Stage {
    /// As the record spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Configure => "configure",
            Self::Admit => "admit",
            Self::Derive => "derive",
            Self::Allow => "allow",
            Self::Notes => "notes",
            Self::Host => "host",
        }
    }
}

/// A reasoned no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The policy said no.
    Policy {
        /// Which hook.
        stage: Stage,
        /// Stable, for machines.
        code: PolicyCode,
        /// For the person.
        message: String,
        /// For the operator's record alone.
        detail: Option<String>,
    },
    /// The host said no, whatever the policy would have said.
    Host {
        /// One of the host's codes.
        code: HostCode,
        /// For the operator's record alone.
        detail: Option<String>,
    },
}

impl Refusal {
    /// The host's no without more to say.
    pub fn host(code: HostCode) -> Self {
        Self::Host { code, detail: None }
    }

    /// The code that answers and the record show.
    pub fn code(&self) -> &str {
        match self {
            Self::Policy { code, .. } => code.as_str(),
            Self::Host { code, .. } => code.as_str(),
        }
    }

    /// What the person is told.
    pub fn message(&self) -> &str {
        match self {
            Self::Policy { message, .. } => message,
            Self::Host { code, .. } => code.text(),
        }
    }

    /// Who said no.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Policy { stage, .. } => *stage,
            Self::Host { .. } => Stage::Host,
        }
    }

    /// What only the operator sees.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Policy { detail, .. } | Self::Host { detail, .. } => detail.as_deref(),
        }
    }
}

/// What the host made of a policy's candidates; `R` keeps the name free for the applicant while it lives.
#[derive(Debug)]
pub enum Pick<R> {
    /// The first candidate that is usable and free.
    Chosen {
        /// The name.
        name: Name,
        /// Its place in the policy's list, from 0.
        place: usize,
        /// Holds the name.
        reservation: R,
    },
    /// None was: `username_taken`, `home_exists` or `name_unusable`.
    Nothing(Refusal),
}

/// A yes.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant<R> {
    /// The name the host chose among the candidates.
    pub name: Name,
    /// Its place among them, from 0.
    pub place: usize,
    /// Holds the name until the account is opened.
    pub reservation: R,
    /// How much they may have.
    pub allowance: Allowance,
}

/// What a policy and the host's rules for names decided.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision<R> {
    /// Yes.
    Grant(Grant<R>),
    /// No.
    Refuse(Refusal),
}

/// A decision and what else came of asking.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict<R> {
    /// The answer.
    pub decision: Decision<R>,
    /// What the policy wants the operator to know.
    pub notes: Vec<String>,
    /// Fuel spent, the host's wasm units.
    pub fuel: u64,
}

/// How a policy failed to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Ran longer than `limits.decision_time`.
    TimedOut,
    /// Spent `limits.decision_fuel`.
    OutOfFuel,
    /// Wanted more memory than `limits.memory`.
    OutOfMemory,
    /// Answered more than `limits.answer`.
    AnswerTooLarge,
    /// Trapped, panicked or overflowed its stack.
    Trapped,
    /// Answered what the contract does not allow.
    Malformed,
}

impl Fault {
    /// Whether a whole budget of fuel or time was spent for nothing.
    pub fn is_overrun(self) -> bool {
        matches!(self, Self::TimedOut | Self::OutOfFuel)
    }

    /// The host's code for it.
    pub fn code(self) -> HostCode {
        match self {
            Self::TimedOut => HostCode::PolicyTimeout,
            _ => HostCode::PolicyFailed,
        }
    }
}

/// A policy that gave no answer: nobody is provisioned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault:?} in {}: {detail}", stage.as_str())]
pub struct Failure {
    /// Which call.
    pub stage: Stage,
    /// How.
    pub fault: Fault,
    /// For the operator alone: the trap, the wasm frames, the budget.
    pub detail: String,
    /// Fuel spent until then.
    pub fuel: u64,
    /// Ticks the decision was seen on a worker.
    pub worked: Duration,
}
