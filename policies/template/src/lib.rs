//! Who may have an account, under what name, and how much of everything: the rule of my-policy. `enlist policy test` holds it to
//! cases.toml; `enlist/wit/policy.wit` says what every field means.

use enlist_policy::{Allowance, Policy, Refusal, Request, Usage, export, note, refuse};

/// The settings of a tenant, read once. What is missing has a default; what is unknown is refused, with its place.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Domains whose people may come in; when there are none, everybody may.
    #[serde(default)]
    domains: Vec<String>,
    /// Most accounts of the tenant.
    max_accounts: Option<u64>,
}

impl Policy for Rule {
    /// Asked first: may they have an account at all?
    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        // The domain of an e-mail that the provider has verified. Whatever else they say of themselves, they may have made up.
        let domain = request.trusted_domain().unwrap_or_default();
        if self.domains.is_empty() || self.domains.iter().any(|allowed| allowed == domain) {
            return Ok(());
        }
        // For the operator's record; the person sees the refusal alone.
        note!("{} is of none of the domains", request.applicant.username);
        refuse("not_a_member", "Only members can have an account")
    }

    /// 1 to 32 names, best first: the host takes the first that is free. Derive a name, never mend one: two people must not be
    /// mended into one.
    fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal> {
        let source = request.email().unwrap_or(&request.applicant.username);
        let name = source.split('@').next().unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) {
            return refuse("charset", "The user name would have characters that cannot be used");
        }
        Ok(vec![name.to_owned()])
    }

    /// How much the tenant, and this account, may have. What is not said has no limit.
    fn allow(&self, _: &Request, _: &str, _: &Usage) -> Result<Allowance, Refusal> {
        Ok(Allowance { max_accounts: self.max_accounts, ..Allowance::unlimited() })
    }
}

export!(Rule);
