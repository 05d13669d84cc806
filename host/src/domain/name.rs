//! The name of an account and its folder: what a policy proposes, and the host's own rules that hold whatever it proposes.
//! Refuses to repair: a name is taken as it stands or not at all. Rules H-1 to H-4 and the key H-6 of docs/names.md; and its
//! section "Names that are there".

use icu_casemap::CaseMapper;
use icu_locale_core::LanguageIdentifier;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use std::fmt;

/// A name the host accepts. A new one is one path component of 1 to 255 bytes that is NFKC-stable, begins with a letter or digit,
/// holds only letters, digits, marks and `._+@-`, does not end in a dot and is no device and no name of the host's own. One that
/// somebody had before there was a host to ask only has to be a path component that can be shown: see [`Name::existing`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

/// Why a name cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No characters at all.
    #[error("it is empty")]
    Empty,
    /// More than 255 bytes.
    #[error("it is longer than 255 bytes")]
    TooLong,
    /// NFKC would change it, so two spellings could be one name.
    #[error("it is not in normal form (NFKC)")]
    NotNormal,
    /// A character outside letters, digits, marks and `._+@-`.
    #[error("it contains {0:?}")]
    Character(char),
    /// Begins with something other than a letter or digit.
    #[error("it begins with {0:?}")]
    Start(char),
    /// Ends in a dot, which some file systems drop.
    #[error("it ends in a dot")]
    End,
    /// A device name of some system, or a name the host keeps for itself.
    #[error("it is reserved")]
    Reserved,
    /// It looks like the name of another account, and one of the two is not ASCII alone. Whose it is, nobody is told.
    #[error("it looks like a name that is there")]
    LooksAlike,
}

/// The longest name, in bytes: NAME_MAX of every file system in use.
const LIMIT_BYTES: usize = 255;

/// Names that file systems and the host keep for themselves, as folded keys.
const RESERVED: [&str; 1] = ["lost+found"];

impl TryFrom<String> for Name {
    type Error = Unusable;

    fn try_from(text: String) -> Result<Self, Unusable> {
        let first = text.chars().next().ok_or(Unusable::Empty)?;
        if text.len() > LIMIT_BYTES {
            return Err(Unusable::TooLong);
        }
        if let Some(bad) = text.chars().find(|c| !is_allowed(*c)) {
            return Err(Unusable::Character(bad));
        }
        if !is_letter_or_digit(first) {
            return Err(Unusable::Start(first));
        }
        if text.ends_with('.') {
            return Err(Unusable::End);
        }
        if !ComposingNormalizerBorrowed::new_nfkc().is_normalized(&text) {
            return Err(Unusable::NotNormal);
        }
        let name = Self(text);
        if is_reserved(name.fold().as_str()) { Err(Unusable::Reserved) } else { Ok(name) }
    }
}

impl Name {
    /// The name of a folder or a row that is there already, which is not made but taken over: one path component without control
    /// characters. Never a name of the host's own, and never one whose key would be empty.
    pub fn existing(text: String) -> Result<Self, Unusable> {
        if text.len() > LIMIT_BYTES {
            return Err(Unusable::TooLong);
        }
        if let Some(bad) = text.chars().find(|c| *c == '/' || c.is_control()) {
            return Err(Unusable::Character(bad));
        }
        let name = Self(text);
        match name.fold().as_str() {
            "" => Err(Unusable::Empty),
            key if matches!(name.as_str(), "." | "..") || RESERVED.contains(&key) => {
                Err(Unusable::Reserved)
            }
            _ => Ok(name),
        }
    }

    /// The name as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key under which the name is unique in its tenant.
    pub fn fold(&self) -> FoldKey {
        FoldKey::of(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// NFKC(fold(upper(fold(NFKC(name))))) without default-ignorables: `Alice` and `alice`, `straße` and `strasse`, composed and
/// decomposed spellings have one key. The upper-casing folds the dotless ı too, which case folding alone leaves apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FoldKey(String);

impl FoldKey {
    /// What the keys are made with; another version may make others.
    pub const VERSION: &str =
        "icu_casemap 2.4.0, icu_normalizer 2.4.0, icu_properties 2.4.0, Unicode 18.0.0";

    /// The key of any text, usable as a name or not.
    pub fn of(text: &str) -> Self {
        let nfkc = ComposingNormalizerBorrowed::new_nfkc();
        let case = CaseMapper::new();
        let folded = case.fold_string(&nfkc.normalize(text)).into_owned();
        let upper = case.uppercase_to_string(&folded, &LanguageIdentifier::UNKNOWN).into_owned();
        let folded = case.fold_string(&upper).into_owned();
        let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        Self(nfkc.normalize(&folded).chars().filter(|c| !ignorable.contains(*c)).collect())
    }

    /// The key as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn is_letter_or_digit(c: char) -> bool {
    use GeneralCategory as G;
    matches!(
        category(c),
        G::UppercaseLetter
            | G::LowercaseLetter
            | G::TitlecaseLetter
            | G::ModifierLetter
            | G::OtherLetter
            | G::DecimalNumber
    )
}

fn is_allowed(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '@' | '-');
    }
    let mark =
        matches!(category(c), GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark);
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c);
    // What one of the tables in use does not know yet, none may judge: the skeleton's are another crate's than the fold's.
    let known = unicode_normalization::char::is_public_assigned(c);
    (is_letter_or_digit(c) || mark) && !ignorable && known
}

/// Windows' device names with any extension, and `RESERVED`: folders travel to other systems in backups and shares.
fn is_reserved(key: &str) -> bool {
    let stem = key.split('.').next().unwrap_or(key);
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit())
    };
    matches!(stem, "con" | "prn" | "aux" | "nul")
        || numbered("com")
        || numbered("lpt")
        || RESERVED.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::{FoldKey, Name, Unusable};

    fn check(text: &str) -> Result<(), Unusable> {
        Name::try_from(text.to_owned()).map(drop)
    }

    #[test]
    fn ordinary_names_are_taken_as_they_stand() {
        let long = "a".repeat(255);
        for good in [
            "a",
            "testuser",
            "Test.User",
            "65535",
            "a@example.com",
            "a+b-c_",
            "日本語",
            "fußball",
            "σίσυφος",
            &long,
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_name_is_one_component_that_begins_with_a_letter_or_digit() {
        assert_eq!(check(""), Err(Unusable::Empty));
        assert_eq!(check(&"a".repeat(256)), Err(Unusable::TooLong));
        assert_eq!(check("a."), Err(Unusable::End));
        for start in [".", "..", "-a", "_a", ".git", "+a", "@"] {
            assert!(matches!(check(start), Err(Unusable::Start(_))), "{start}");
        }
        for character in
            ["a/b", "a\\b", "a\0", "a b", "a:b", "a\u{200d}b", "a\u{202e}b", "a%2Fb", "a~1", "a\n"]
        {
            assert!(matches!(check(character), Err(Unusable::Character(_))), "{character:?}");
        }
    }

    #[test]
    fn what_normalisation_would_change_is_refused() {
        for text in ["ａ", "e\u{301}", "\u{212a}elvin", "ﬀ"] {
            assert_eq!(check(text), Err(Unusable::NotNormal), "{text}");
        }
    }

    #[test]
    fn devices_and_the_hosts_own_names_are_reserved_in_any_case() {
        for text in ["con", "CON", "nul.txt", "Com1", "LPT9.tar.gz", "Lost+Found"] {
            assert_eq!(check(text), Err(Unusable::Reserved), "{text}");
        }
        for text in ["console", "com10", "admin", "com"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_name_that_is_there_only_has_to_be_one_component_that_can_be_shown() {
        let existing = |text: &str| Name::existing(text.to_owned()).map(drop);
        for there in
            ["user name", "_x", ".git", "-a", "con", "a:b", "a\\b", "e\u{301}", "ends.", "…"]
        {
            assert_eq!(existing(there), Ok(()), "{there:?}");
        }
        for reserved in [".", "..", "lost+found", "Lost+Found"] {
            assert_eq!(existing(reserved), Err(Unusable::Reserved), "{reserved}");
        }
        for empty in ["", "\u{200b}", "\u{ad}\u{200d}"] {
            assert_eq!(existing(empty), Err(Unusable::Empty), "{empty:?}");
        }
        for bad in ["a/b", "../a", "a\0", "a\n", "\u{7f}", "\u{85}"] {
            assert!(matches!(existing(bad), Err(Unusable::Character(_))), "{bad:?}");
        }
        assert_eq!(existing(&"a".repeat(256)), Err(Unusable::TooLong));
    }

    #[test]
    fn spellings_of_one_name_share_a_key() {
        for (a, b) in [
            ("Alice", "alice"),
            ("straße", "STRASSE"),
            ("é", "e\u{301}"),
            ("gıthub", "github"),
            ("ﬀ", "FF"),
        ] {
            assert_eq!(FoldKey::of(a), FoldKey::of(b), "{a} {b}");
        }
        assert_ne!(FoldKey::of("alice"), FoldKey::of("alicé"));
    }
}
