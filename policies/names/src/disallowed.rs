//! Why a text is no name, as every policy that uses this crate says it. Nothing here repeats the text: the message reaches whoever
//! signs up.

use std::fmt;

/// Why a text cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disallowed {
    /// No address with one `@` and a plain local part.
    AmbiguousEmail,
    /// Nothing is left, or nothing was there.
    Empty,
    /// A character outside the IdentifierClass of RFC 8264.
    Class,
    /// A character that is allowed between certain others only, and is not.
    Context,
    /// A right-to-left name against RFC 5893.
    Bidi,
    /// Preparing it again would give another name, or none.
    Unstable,
    /// A character whose Identifier_Status (UTS #39) is not Allowed.
    Restricted,
    /// Scripts, or digits of several systems, that can be taken for each other.
    MixedScript,
}

impl Disallowed {
    /// The code of a refusal. These are stable.
    pub fn code(self) -> &'static str {
        match self {
            Self::AmbiguousEmail => "ambiguous_email",
            Self::Empty => "empty",
            Self::Class => "precis_disallowed",
            Self::Context => "precis_context",
            Self::Bidi => "precis_bidi",
            Self::Unstable => "precis_unstable",
            Self::Restricted => "confusable_restricted",
            Self::MixedScript => "mixed_script",
        }
    }

    /// For the person who signs up.
    pub fn message(self) -> &'static str {
        match self {
            Self::AmbiguousEmail => "The e-mail address can be read in more than one way",
            Self::Empty => "There is nothing to make a user name of",
            Self::Class => "The user name would have characters that cannot be used",
            Self::Context => "The user name would have a character where it cannot stand",
            Self::Bidi => "The user name would mix directions of writing",
            Self::Unstable => "The user name would have more than one spelling",
            Self::Restricted => "The user name would have characters that are not in common use",
            Self::MixedScript => "The user name would mix scripts that look alike",
        }
    }
}

impl fmt::Display for Disallowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Disallowed {}
