//! What a name is made of, and what becomes of an address on the way. It makes no name.

use crate::asked::Asked;
use crate::domain::DomainSet;
use crate::node::Node;
use crate::shape::{Place, Setting, choice};
use data_encoding::{Encoding, Specification};
use enlist_policy::Request;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Something to make a name of.
pub(crate) enum Source {
    Email,
    Username,
    PreferredUsername,
    SubHash,
    Attribute(String),
}

/// What an attribute's name stands behind.
const ATTRIBUTE: &str = "attr:";

const SOURCES: &str = "email, username, preferred_username, sub_hash or attr:NAME";

impl Setting for Source {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let Node::Text(text) = node else { return place.expected(SOURCES, node) };
        Some(match (&**text, text.strip_prefix(ATTRIBUTE)) {
            ("email", _) => Self::Email,
            ("username", _) => Self::Username,
            ("preferred_username", _) => Self::PreferredUsername,
            ("sub_hash", _) => Self::SubHash,
            (_, Some(name)) if !name.is_empty() => Self::Attribute(name.to_owned()),
            _ => return place.wrong(format!("expected {SOURCES}")),
        })
    }

    fn schema() -> Value {
        json!({"anyOf": [
            {"enum": ["email", "username", "preferred_username", "sub_hash"]},
            {"type": "string", "pattern": "^attr:."},
        ]})
    }
}

/// A text and the domain that stood behind its `@`, if it was an address.
pub(crate) struct Found<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Lower-case A-labels where the host made them, else as it stands in lower case.
    pub(crate) domain: Option<Cow<'a, str>>,
}

impl Source {
    /// What there is of it.
    pub(crate) fn find<'a>(&self, asked: &'a Asked<'_>) -> Option<Found<'a>> {
        let request = asked.request;
        let plain = |text: &'a str| {
            let domain =
                text.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase().into());
            (!text.is_empty()).then_some(Found { text: text.into(), domain })
        };
        match self {
            Self::Email => {
                let email = asked.trusted_email()?;
                Some(Found { text: email.address.into(), domain: Some(email.domain.into()) })
            }
            Self::Username => plain(&request.applicant.username),
            Self::PreferredUsername => plain(request.attribute("preferred_username")?),
            Self::Attribute(name) => plain(request.attribute(name)?),
            Self::SubHash => {
                request.applicant.subject.as_ref()?;
                let text = format!("u-{}", hash(request, SUB_HASH_LENGTH)).into();
                Some(Found { text, domain: None })
            }
        }
    }
}

/// 130 bits.
const SUB_HASH_LENGTH: usize = 26;

/// The first characters of the lower-case base 32 of the SHA-256 of who somebody is: issuer, a zero byte, subject; of somebody
/// without a subject issuer, two zero bytes, the provider's name.
pub(crate) fn hash(request: &Request, length: usize) -> String {
    let applicant = &request.applicant;
    let mut digest = Sha256::new_with_prefix(&applicant.issuer);
    match &applicant.subject {
        Some(subject) => digest.update([b"\0", subject.as_bytes()].concat()),
        None => digest.update([b"\0\0", applicant.username.as_bytes()].concat()),
    }
    let mut text = base32().encode(&digest.finalize());
    text.truncate(length);
    text
}

/// The alphabet of RFC 4648 in lower case.
pub(crate) const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz234567";

fn base32() -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str(ALPHABET);
    specification.encoding().expect("32 different symbols")
}

/// When the domain of an address is left out.
pub(crate) enum StripDomain {
    Always,
    Never,
    Of(DomainSet),
}

impl Setting for StripDomain {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        match node {
            Node::Text(text) if text == "always" => Some(Self::Always),
            Node::Text(text) if text == "never" => Some(Self::Never),
            Node::List(_) => DomainSet::read(node, place).map(Self::Of),
            _ => place.wrong("expected always, never or a list of domains"),
        }
    }

    fn schema() -> Value {
        json!({"oneOf": [{"enum": ["always", "never"]}, DomainSet::schema()]})
    }
}

choice! {
    /// What becomes of what stands behind a `+` in an address.
    PlusTag {
        /// It stays.
        Keep = "keep",
        /// It is left out, with the `+`.
        Strip = "strip",
        /// An address that has one is refused.
        Reject = "reject",
    }
}

choice! {
    /// What becomes of dots in an address of Gmail's, which means the same without them.
    GmailDots {
        /// They stay.
        Keep = "keep",
        /// They are left out.
        Strip = "strip",
    }
}

/// Where dots mean nothing.
pub(crate) const GMAIL: [&str; 2] = ["gmail.com", "googlemail.com"];

choice! {
    /// What becomes of capital letters.
    Case {
        /// They become small ones, each by itself.
        Lower = "lower",
        /// They stay.
        Preserve = "preserve",
        /// A name with one is refused.
        RejectUpper = "reject_upper",
    }
}

choice! {
    /// Which letters there are.
    Unicode {
        /// Those of ASCII.
        Ascii = "ascii",
        /// Those of every script, as RFC 8265 has them.
        Precis = "precis",
    }
}

choice! {
    /// Which scripts stand beside each other in a name.
    Restriction {
        /// None but ASCII.
        Ascii = "ascii",
        /// One.
        SingleScript = "single_script",
        /// One, or Latin with what Chinese, Japanese or Korean are written in.
        HighlyRestrictive = "highly_restrictive",
    }
}

/// What becomes of a character that a name may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnInvalid {
    Deny,
    Replace(char),
}

impl Setting for OnInvalid {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let Node::Text(text) = node else {
            return place.expected("deny or replace:CHARACTER", node);
        };
        let mut with = text.strip_prefix("replace:").unwrap_or_default().chars();
        match (&**text, with.next(), with.next()) {
            ("deny", _, _) => Some(Self::Deny),
            (_, Some(with), None) => Some(Self::Replace(with)),
            _ => place.wrong("expected deny, or replace: and one character"),
        }
    }

    fn schema() -> Value {
        json!({"type": "string", "pattern": "^(deny|replace:.)$"})
    }
}

choice! {
    /// What is offered when a name is held already.
    Collision {
        /// Nothing: whoever comes second is refused.
        Deny = "deny",
        /// The name with 2 behind it, then 3, and so on.
        NumericSuffix = "numeric_suffix",
        /// The name with a hash of who they are.
        HashSuffix = "hash_suffix",
    }
}
