//! What is known of whom a decision is about, and what of it can be relied upon. It decides nothing.

use crate::lists::email_key;
use enlist_policy::{Assurance, Occasion, Request};
use std::borrow::Cow;

/// Somebody.
pub(crate) struct Asked<'r> {
    pub(crate) request: &'r Request,
    pub(crate) email: Option<AskedEmail<'r>>,
}

/// Their address.
pub(crate) struct AskedEmail<'r> {
    pub(crate) address: &'r str,
    /// Lower-case A-labels, made by the host.
    pub(crate) domain: &'r str,
    /// As lists compare it.
    pub(crate) key: Cow<'r, str>,
    /// Verified, or soon to be, or the settings say that it does not matter.
    pub(crate) trusted: bool,
    /// Verified, or soon to be.
    verified: bool,
}

impl<'r> Asked<'r> {
    pub(crate) fn of(request: &'r Request, unverified_will_do: bool) -> Self {
        let email = request.applicant.email.as_ref().map(|email| {
            let (address, domain) = (email.address.as_str(), email.domain.as_str());
            let local = address.split_once('@').map_or(address, |(local, _)| local);
            let verified = email.assurance != Assurance::Unverified;
            let trusted = unverified_will_do || verified;
            AskedEmail {
                address,
                domain,
                key: email_key(local, domain, address),
                trusted,
                verified,
            }
        });
        Self { request, email }
    }

    /// The address, if it can be relied upon.
    pub(crate) fn trusted_email(&self) -> Option<&AskedEmail<'r>> {
        self.email.as_ref().filter(|email| email.trusted)
    }
}

/// What a rule can ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Email,
    Domain,
    EmailVerified,
    Username,
    Sub,
    Issuer,
    Groups,
    Occasion,
    Source,
    /// Any other name is an attribute's.
    Attribute(String),
}

/// What a fact comes to: several values, or none.
pub(crate) struct Values<'a> {
    pub(crate) texts: Vec<&'a str>,
    /// Somebody says so and nobody has verified it.
    pub(crate) claimed: bool,
}

impl Fact {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "email" => Self::Email,
            "domain" => Self::Domain,
            "email_verified" => Self::EmailVerified,
            "username" => Self::Username,
            "sub" => Self::Sub,
            "issuer" => Self::Issuer,
            "groups" | "cognito:groups" => Self::Groups,
            "occasion" => Self::Occasion,
            "source" => Self::Source,
            other => Self::Attribute(other.to_owned()),
        }
    }

    pub(crate) fn values<'a>(&self, asked: &'a Asked<'_>) -> Values<'a> {
        let applicant = &asked.request.applicant;
        let email = asked.email.as_ref();
        let texts = match self {
            Self::Email => email.map(|email| &*email.key).into_iter().collect(),
            Self::Domain => email.map(|email| email.domain).into_iter().collect(),
            Self::EmailVerified => {
                let verified =
                    |email: &AskedEmail<'_>| if email.verified { "true" } else { "false" };
                email.map(verified).into_iter().collect()
            }
            Self::Username => vec![applicant.username.as_str()],
            Self::Sub => applicant.subject.as_deref().into_iter().collect(),
            Self::Issuer => vec![applicant.issuer.as_str()],
            Self::Groups => applicant.groups.iter().map(String::as_str).collect(),
            Self::Occasion => vec![match asked.request.occasion {
                Occasion::SignUp => "sign_up",
                Occasion::Opening => "opening",
                Occasion::Review => "review",
            }],
            Self::Source => vec![asked.request.source.as_str()],
            Self::Attribute(name) => {
                let all = applicant.attributes.iter().filter(|one| one.name == *name);
                all.map(|one| one.value.as_str()).collect()
            }
        };
        let by_email = matches!(self, Self::Email | Self::Domain);
        Values { texts, claimed: by_email && email.is_some_and(|email| !email.trusted) }
    }
}
