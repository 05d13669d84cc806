//! How much somebody may have: by their plan, by their domain, by what the rules say. The host counts and enforces.

use crate::asked::{Asked, Fact, Values};
use crate::condition::{Condition, Truth};
use crate::domain::{DomainPattern, above};
use crate::map::{Key, Map};
use crate::rule::Verdict;
use crate::settings::Settings;
use crate::shape::{Place, table};
use crate::values::{Bytes, Count, LabelName};
use enlist_policy::{Allowance, Label};
use serde_json::{Value, json};

table! {
    /// What somebody may have; what is not said is as it was.
    Quota {
        /// Most accounts of the tenant.
        optional max_accounts: Count,
        /// Most accounts whose verified address has the same domain.
        optional max_accounts_in_domain: Count,
        /// Bytes of their folder.
        optional storage_bytes: Bytes,
        /// Files in their folder.
        optional storage_files: Count,
    }
}

table! {
    /// A plan. It is also the label `plan` of their account.
    Plan {
        /// Who has it when no rule says otherwise; the first in the order of the plans' names.
        optional r#match: Condition,
        /// Most accounts of the tenant.
        optional max_accounts: Count,
        /// Most accounts whose verified address has the same domain.
        optional max_accounts_in_domain: Count,
        /// Bytes of their folder.
        optional storage_bytes: Bytes,
        /// Files in their folder.
        optional storage_files: Count,
        /// Labels of their account.
        default labels: Map<LabelName, String> = Map::none(),
    }
}

table! {
    /// What is particular to a domain, or to the domains below one.
    DomainQuota {
        /// Most accounts whose verified address has this domain; those of different domains are counted apart.
        optional max_accounts_in_domain: Count,
    }
}

impl Key for DomainPattern<'static> {
    fn read(name: &str, place: &mut Place<'_>) -> Option<Self> {
        DomainPattern::read(name, place).map(DomainPattern::into_owned)
    }

    fn schema() -> Value {
        json!({"type": "string", "minLength": 1})
    }
}

impl Quota {
    pub(crate) fn unsaid() -> Self {
        Self {
            max_accounts: None,
            max_accounts_in_domain: None,
            storage_bytes: None,
            storage_files: None,
        }
    }

    /// This, and the other where this says nothing.
    pub(crate) fn or(&self, other: &Self) -> Self {
        Self {
            max_accounts: self.max_accounts.or(other.max_accounts),
            max_accounts_in_domain: self.max_accounts_in_domain.or(other.max_accounts_in_domain),
            storage_bytes: self.storage_bytes.or(other.storage_bytes),
            storage_files: self.storage_files.or(other.storage_files),
        }
    }
}

impl Plan {
    fn quota(&self) -> Quota {
        Quota {
            max_accounts: self.max_accounts,
            max_accounts_in_domain: self.max_accounts_in_domain,
            storage_bytes: self.storage_bytes,
            storage_files: self.storage_files,
        }
    }
}

/// The name of the label that says the plan.
pub(crate) const PLAN: &str = "plan";

/// What somebody may have: what the rules say, else their domain, else their plan, else the settings.
pub(crate) fn allowance(
    settings: &Settings,
    facts: &[Fact],
    asked: &Asked<'_>,
    verdict: &Verdict<'_>,
) -> Allowance {
    let plan = plan(settings, facts, asked, verdict.plan);
    let domain = Quota {
        max_accounts_in_domain: asked
            .trusted_email()
            .and_then(|email| of_domain(settings, email.domain)),
        ..Quota::unsaid()
    };
    let of_plan = plan.map_or_else(Quota::unsaid, |(_, plan)| plan.quota());
    let said = verdict.quota.or(&domain).or(&of_plan).or(&settings.quota());
    let mut labels: Vec<Label> = Vec::new();
    let mut put = |name: &str, value: &str| {
        labels.retain(|label| label.name != name);
        labels.push(Label { name: name.to_owned(), value: value.to_owned() });
    };
    settings.labels.iter().for_each(|(name, value)| put(&name.0, value));
    if let Some((name, plan)) = plan {
        put(PLAN, name);
        plan.labels.iter().for_each(|(name, value)| put(&name.0, value));
    }
    verdict.labels.iter().for_each(|(name, value)| put(name, value));
    Allowance {
        max_accounts: said.max_accounts.and_then(|count| count.0),
        max_accounts_in_domain: said.max_accounts_in_domain.and_then(|count| count.0),
        storage_bytes: said.storage_bytes.and_then(|bytes| bytes.0),
        storage_files: said.storage_files.and_then(|count| count.0),
        labels,
    }
}

fn plan<'s>(
    settings: &'s Settings,
    facts: &[Fact],
    asked: &Asked<'_>,
    said: Option<&str>,
) -> Option<(&'s str, &'s Plan)> {
    if settings.plans.len() == 0 {
        return None;
    }
    let named = |name: &str| settings.plans.iter().find(|(known, _)| *known == name);
    let facts: Vec<Values<'_>> = facts.iter().map(|fact| fact.values(asked)).collect();
    let meant = |plan: &Plan| {
        plan.r#match.as_ref().is_some_and(|condition| condition.holds(&facts) == Truth::Yes)
    };
    let by_default = settings.default_plan.as_deref();
    let found = match said {
        Some(name) => named(name),
        None => settings.plans.iter().find(|(_, plan)| meant(plan)).or_else(|| named(by_default?)),
    };
    found.map(|(name, plan)| (name.as_str(), plan))
}

/// What is said of a domain itself, else of the nearest that it is below of.
fn of_domain(settings: &Settings, domain: &str) -> Option<Count> {
    let whole = settings.domains.find(&DomainPattern::Whole(domain.into()));
    let below =
        || above(domain).find_map(|base| settings.domains.find(&DomainPattern::Below(base.into())));
    whole.or_else(below).and_then(|quota| quota.max_accounts_in_domain)
}
