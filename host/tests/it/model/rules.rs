//! The rules that a sequence may have: what the policy is told, and what it says then.
//! Refuses to know the host's rules: whether a name can be had, or a seat is left, is `world`'s.

use crate::model::steps::Person;
use crate::model::world::{No, no};
use serde_json::{Value, json};

/// Limits, as far as the rules here have any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) max_accounts: Option<u64>,
    pub(crate) max_accounts_in_domain: Option<u64>,
    pub(crate) storage_bytes: Option<u64>,
}

/// Rules that may decide: the default policy's, or these settings of `CANDIDATES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    LocalPart,
    Free,
    Prefix,
    Accounts(u64),
    InDomain(u64),
    Storage,
    Unpaid,
    Trap,
}

/// Each that a sequence may push.
pub(crate) const RULES: [Rule; 8] = [
    Rule::Free,
    Rule::Prefix,
    Rule::Accounts(2),
    Rule::Accounts(4),
    Rule::InDomain(1),
    Rule::Storage,
    Rule::Unpaid,
    Rule::Trap,
];

impl Rule {
    /// What the policy says to who would come in: names in its order, or its code.
    pub(crate) fn proposes(self, person: &Person) -> Result<Vec<String>, No> {
        if self == Self::LocalPart {
            let source = person.email.unwrap_or(person.username);
            let name = source.split('@').next().unwrap_or_default();
            let allowed = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            return if allowed { Ok(vec![name.to_owned()]) } else { no("charset") };
        }
        if person.refused {
            return no("not_here");
        }
        let prefix = if self == Self::Prefix { "x-" } else { "" };
        let names = person.names.unwrap_or(person.username).split(',');
        Ok(names.map(|name| format!("{prefix}{name}")).collect())
    }

    pub(crate) fn limits(self) -> Limits {
        match self {
            Self::Accounts(most) => Limits { max_accounts: Some(most), ..Limits::default() },
            Self::InDomain(most) => {
                Limits { max_accounts_in_domain: Some(most), ..Limits::default() }
            }
            Self::Storage => Limits { storage_bytes: Some(5), ..Limits::default() },
            _ => Limits::default(),
        }
    }

    /// What it says of somebody whose name is settled.
    pub(crate) fn review(self) -> Result<Limits, No> {
        match self {
            Self::Unpaid => no("unpaid"),
            Self::Trap => no("policy_failed"),
            rule => Ok(rule.limits()),
        }
    }

    pub(crate) fn settings(self) -> Value {
        match self {
            Self::LocalPart | Self::Free => json!({}),
            Self::Prefix => json!({"prefix": "x-"}),
            Self::Accounts(most) => json!({"max_accounts": most}),
            Self::InDomain(most) => json!({"max_accounts_in_domain": most}),
            Self::Storage => json!({"storage_bytes": 5}),
            Self::Unpaid => json!({"refuse_review": "unpaid"}),
            Self::Trap => json!({"trap_at_review": true}),
        }
    }
}
