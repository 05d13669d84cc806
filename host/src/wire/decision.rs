//! How a decision is shown: `POST …/decisions` and `enlist policy run` print the same.

use crate::domain::{Allowance, Refusal};
use crate::wire::StageText;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A decision as JSON.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "decision", rename_all = "lowercase")]
pub enum DecisionText {
    /// Yes.
    Grant {
        /// The name of the account and its folder.
        username: String,
        /// How much.
        allowance: AllowanceText,
        /// The revision that decided; null for a policy that is none's.
        revision: Option<u64>,
        /// How it came about, for those who may know.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        stages: Option<Vec<StageText>>,
    },
    /// No.
    Refuse {
        /// For machines.
        code: String,
        /// For the person.
        message: String,
        /// The revision that decided; null for a policy that is none's.
        revision: Option<u64>,
        /// How it came about, for those who may know.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        stages: Option<Vec<StageText>>,
    },
}

impl DecisionText {
    /// A yes; `stages` only for those who may know.
    pub fn grant(
        username: String,
        allowance: Allowance,
        revision: Option<u64>,
        stages: Option<Vec<StageText>>,
    ) -> Self {
        Self::Grant { username, allowance: allowance.into(), revision, stages }
    }

    /// A no, whoever said it; `stages` only for those who may know.
    pub fn refuse(
        refusal: &Refusal,
        revision: Option<u64>,
        stages: Option<Vec<StageText>>,
    ) -> Self {
        let (code, message) = (refusal.code().to_owned(), refusal.message().to_owned());
        Self::Refuse { code, message, revision, stages }
    }

    /// How it came about, which is not shown with it any more.
    pub fn take_stages(&mut self) -> Option<Vec<StageText>> {
        match self {
            Self::Grant { stages, .. } | Self::Refuse { stages, .. } => stages.take(),
        }
    }
}

/// An allowance as JSON: null is no limit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AllowanceText {
    /// Accounts in the tenant.
    max_accounts: Option<u64>,
    /// Accounts whose verified e-mail is of the same domain.
    max_accounts_in_domain: Option<u64>,
    /// What the home may hold.
    storage_bytes: Option<u64>,
    /// The same in files.
    storage_files: Option<u64>,
    /// Whatever else the policy says.
    labels: BTreeMap<String, String>,
}

impl From<Allowance> for AllowanceText {
    fn from(allowance: Allowance) -> Self {
        Self {
            max_accounts: allowance.max_accounts,
            max_accounts_in_domain: allowance.max_accounts_in_domain,
            storage_bytes: allowance.storage_bytes,
            storage_files: allowance.storage_files,
            labels: allowance.labels.into_iter().collect(),
        }
    }
}
