//! What this policy says when it says no: a code, which is stable, and words for the person, which the settings can change.

use crate::map::Key;
use crate::settings::Settings;
use crate::shape::Place;
use enlist_names::Disallowed;
use enlist_policy::Refusal;
use serde_json::{Value, json};

/// Codes and their words.
const WORDS: [(&str, &str); 17] = [
    (NOT_ALLOWED, "This person cannot have an account here"),
    (DENIED, "This person cannot have an account here"),
    (EMAIL_UNVERIFIED, "The e-mail address has to be verified first"),
    (PLUS_TAG, "An address with a + cannot be used"),
    (CASE, "The user name would have capital letters"),
    (CHARSET, "The user name would have characters that cannot be used"),
    (LENGTH, "The user name would be too short or too long"),
    (PATTERN, "The user name would not have the form that is asked for"),
    (RESERVED, "This user name is reserved"),
    (EMPTY, "There is nothing to make a user name of"),
    ("ambiguous_email", ""),
    ("precis_disallowed", ""),
    ("precis_context", ""),
    ("precis_bidi", ""),
    ("precis_unstable", ""),
    ("confusable_restricted", ""),
    ("mixed_script", ""),
];

pub(crate) const NOT_ALLOWED: &str = "not_allowed";
pub(crate) const DENIED: &str = "denied";
pub(crate) const EMAIL_UNVERIFIED: &str = "email_unverified";
pub(crate) const PLUS_TAG: &str = "plus_tag";
pub(crate) const CASE: &str = "case";
pub(crate) const CHARSET: &str = "charset";
pub(crate) const LENGTH: &str = "length";
pub(crate) const PATTERN: &str = "pattern";
pub(crate) const RESERVED: &str = "reserved";
pub(crate) const EMPTY: &str = "empty";

/// One of the codes, as the name of a message.
pub(crate) struct Worded(pub(crate) String);

impl Key for Worded {
    fn read(name: &str, place: &mut Place<'_>) -> Option<Self> {
        if WORDS.iter().any(|(code, _)| *code == name) {
            return Some(Self(name.to_owned()));
        }
        let codes = WORDS.map(|(code, _)| code).join(", ");
        place.wrong(format!("no refusal has this code: {codes}"))
    }

    fn schema() -> Value {
        json!({"enum": WORDS.map(|(code, _)| code)})
    }
}

impl Settings {
    /// A no, in the words of the settings if they have some.
    pub(crate) fn no(&self, code: &str) -> Refusal {
        let usual = WORDS.iter().find(|(known, _)| *known == code).map_or("", |(_, words)| words);
        let by_code = self.messages.iter().find(|(known, _)| known.0 == code);
        let turned_away = [NOT_ALLOWED, DENIED, EMAIL_UNVERIFIED].contains(&code);
        let of_all = self.on_deny_message.as_deref().filter(|_| turned_away);
        Refusal::new(code, by_code.map(|(_, words)| words.as_str()).or(of_all).unwrap_or(usual))
    }

    pub(crate) fn disallowed(&self, why: Disallowed) -> Refusal {
        let mut no = self.no(why.code());
        if no.message.is_empty() {
            no.message = why.message().to_owned();
        }
        no
    }
}
