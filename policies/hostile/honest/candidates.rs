//! A good policy that does what a test tells it: the names, the refusals and the allowance stand in the applicant's attributes, limits
//! for everybody in the settings.
//! It breaks no rule of its own accord, but passes on what it is given without a look at it.

use std::str::FromStr;

use enlist_policy::{
    Allowance, Occasion, Policy, Problem, Refusal, Request, Usage, export, note, refuse,
};

/// Settings, so that two revisions can differ.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Candidates {
    /// Put before every name.
    #[serde(default)]
    prefix: String,
    /// Of who has no attribute of that name.
    max_accounts: Option<u64>,
    max_accounts_in_domain: Option<u64>,
    storage_bytes: Option<u64>,
    /// The code of a no to everybody whose name is settled.
    refuse_review: Option<String>,
    /// Whether the sandbox has to end it where somebody's name is settled.
    #[serde(default)]
    trap_at_review: bool,
}

impl Policy for Candidates {
    fn configure(&mut self) -> Result<(), Vec<Problem>> {
        if !self.prefix.is_empty() {
            note!("every name begins with {}", self.prefix);
        }
        Ok(())
    }

    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        note!("admit");
        refused(request, "refuse")
    }

    /// The attribute `names`, split at commas; the username when there is none.
    fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal> {
        note!("derive");
        refused(request, "refuse_derive")?;
        let names = request.attribute("names").unwrap_or(&request.applicant.username);
        Ok(names.split(',').map(|name| format!("{}{name}", self.prefix)).collect())
    }

    fn allow(&self, request: &Request, name: &str, usage: &Usage) -> Result<Allowance, Refusal> {
        note!("allow {name} {} {}", usage.accounts, usage.accounts_in_domain);
        refused(request, "refuse_allow")?;
        if request.occasion == Occasion::Review {
            assert!(!self.trap_at_review, "as the test wished");
            if let Some(code) = &self.refuse_review {
                return refuse(code, "Refused as the test wished");
            }
        }
        let allowance = Allowance {
            max_accounts: number(request, "max_accounts").or(self.max_accounts),
            max_accounts_in_domain: number(request, "max_accounts_in_domain")
                .or(self.max_accounts_in_domain),
            storage_bytes: number(request, "storage_bytes").or(self.storage_bytes),
            storage_files: number(request, "storage_files"),
            labels: Vec::new(),
        };
        Ok(match request.attribute("plan") {
            Some(plan) => allowance.label("plan", plan),
            None => allowance,
        })
    }
}

/// Refuses with the value of an attribute for a code, if there is one.
fn refused(request: &Request, attribute: &str) -> Result<(), Refusal> {
    match request.attribute(attribute) {
        Some(code) => refuse(code, "Refused as the test wished"),
        None => Ok(()),
    }
}

fn number(request: &Request, attribute: &str) -> Option<u64> {
    request.attribute(attribute).and_then(|value| u64::from_str(value).ok())
}

export!(Candidates);
