//! Who asks to be provisioned, why, and through which door.
//! Refuses to judge: everything here is what was said, already in the shape a policy is asked about.

use crate::domain::{Email, TenantName};

/// One attribute as the provider sent it; a name with several values occurs once for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// For example `custom:plan`, `client:campaign`, or a fact of the host's own such as `enlist:tenant`.
    pub name: String,
    /// Booleans are `true`/`false`, numbers decimal, anything nested its JSON text.
    pub value: String,
}

impl Attribute {
    /// The host's own fact: for which tenant a policy is asked.
    pub fn of_tenant(tenant: &TenantName) -> Self {
        Self { name: "enlist:tenant".to_owned(), value: tenant.to_string() }
    }
}

/// Someone an identity provider asks us to provision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// Who vouches; empty when neither the request nor the tenant names one.
    pub issuer: String,
    /// The provider's stable id; without one a person is known by `username`.
    pub subject: Option<String>,
    /// The provider's own name for them, never empty. Changeable and reusable.
    pub username: String,
    /// None also when what was sent is no address.
    pub email: Option<Email>,
    /// Groups in the provider's order; empty also when unknown.
    pub groups: Vec<String>,
    /// In the order sent.
    pub attributes: Vec<Attribute>,
}

/// Why a policy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Before the provider has made the user.
    SignUp,
    /// To open an account.
    Opening,
    /// An account is there, or is opened by hand; its name stays whatever is answered. Also for a preview, of which nothing comes.
    Review,
}

impl Occasion {
    /// As the record and the HTTP contract spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::Opening => "opening",
            Self::Review => "review",
        }
    }

    /// As the record spells it; none for an act of an operator's.
    pub fn read(text: &str) -> Option<Self> {
        [Self::SignUp, Self::Opening, Self::Review].into_iter().find(|one| one.as_str() == text)
    }
}

/// What a policy is asked: the same question in every hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who.
    pub applicant: Applicant,
    /// Why.
    pub occasion: Occasion,
    /// Which door it came through: `cognito`, `api`, `manual`, …
    pub source: String,
    /// Unix seconds: the only clock a policy has, recorded with the decision.
    pub now: u64,
}
