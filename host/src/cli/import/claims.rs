//! What of a person a name may be, and what of it makes the name theirs.
//! Refuses to take for a proof what the provider did not verify; it speaks for them all the same, for who made the name did not ask.

use crate::domain::Email;
use clap::ValueEnum;

/// What of a person a name may be. Compared byte for byte; of an e-mail the domain in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Rule {
    /// The provider's stable id.
    Sub,
    /// The provider's own name for them.
    Username,
    /// Their e-mail.
    Email,
    /// What stands before its @.
    Localpart,
}

impl Rule {
    /// All, the surest first.
    pub(super) const ALL: [Self; 4] = [Self::Sub, Self::Username, Self::Email, Self::Localpart];

    /// As it is said and reported.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Sub => "sub",
            Self::Username => "username",
            Self::Email => "email",
            Self::Localpart => "localpart",
        }
    }
}

/// Somebody whose a name may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person<'a> {
    pub(super) username: &'a str,
    pub(super) subject: Option<&'a str>,
    /// A verified one.
    pub(super) email: Option<&'a Email>,
    /// One that is not: nobody gets a name by it, but whoever made the name did not ask whether it was.
    pub(super) unverified: Option<&'a str>,
}

impl<'a> Person<'a> {
    /// What of them a name is that this rule makes theirs.
    pub(super) fn proof(&self, rule: Rule) -> Option<&'a str> {
        let email = self.email.map(Email::address);
        match rule {
            Rule::Sub => self.subject,
            Rule::Username => Some(self.username),
            Rule::Email => email,
            Rule::Localpart => email.map(local_part),
        }
    }

    /// Whether a name is theirs by this rule, if nothing else is.
    pub(super) fn proves(&self, name: &str, rule: Rule) -> bool {
        self.proof(rule).is_some_and(|proof| match rule {
            Rule::Email => small_domain(proof) == small_domain(name),
            Rule::Sub | Rule::Username | Rule::Localpart => proof == name,
        })
    }

    /// What of them a name may be by this rule without being theirs for it.
    pub(super) fn rivals(&self, rule: Rule) -> [Option<&'a str>; 2] {
        let said = [self.unverified, Some(self.username)];
        match rule {
            Rule::Sub | Rule::Username => [None; 2],
            Rule::Email => said,
            Rule::Localpart => said.map(|said| said.map(local_part)),
        }
    }
}

/// An e-mail as it is compared: its domain in small letters.
pub(super) fn small_domain(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    Some(format!("{local}@{}", domain.to_lowercase()))
}

/// What stands before the first @; all of a text that has none.
fn local_part(text: &str) -> &str {
    text.split('@').next().unwrap_or(text)
}
