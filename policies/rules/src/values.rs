//! The single values of the settings that are more than words and numbers: how many, how much, which characters, which pattern.

use crate::map::Key;
use crate::node::Node;
use crate::shape::{Place, Setting};
use regex_lite::{Regex, RegexBuilder};
use serde_json::{Value, json};

/// No limit, as it is written.
const NONE: &str = "none";

/// A number that may not be exceeded, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) Option<u64>);

impl Setting for Count {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        match node {
            Node::Text(text) if text == NONE => Some(Self(None)),
            _ => {
                natural(node, place, "a number from 0 up, or \"none\"").map(|most| Self(Some(most)))
            }
        }
    }

    fn schema() -> Value {
        json!({"oneOf": [{"type": "integer", "minimum": 0, "maximum": i64::MAX}, {"const": NONE}]})
    }
}

/// So many bytes, or no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Option<u64>);

/// Units and what they are worth.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl Setting for Bytes {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let what = "bytes, such as 1073741824, \"1 GiB\" or \"none\"";
        let Node::Text(text) = node else {
            return natural(node, place, what).map(|most| Self(Some(most)));
        };
        if text == NONE {
            return Some(Self(None));
        }
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let unit = unit.strip_prefix(' ').unwrap_or(unit);
        let Some((_, worth)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let units = UNITS.map(|(name, _)| name).join(", ");
            return place.wrong(format!("expected {what}; the units are {units}"));
        };
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*worth));
        match bytes.filter(|bytes| i64::try_from(*bytes).is_ok()) {
            Some(bytes) => Some(Self(Some(bytes))),
            None => place.wrong(format!("expected {what}, at most {}", i64::MAX)),
        }
    }

    fn schema() -> Value {
        let units = UNITS.map(|(name, _)| name).join("|");
        json!({"oneOf": [
            {"type": "integer", "minimum": 0, "maximum": i64::MAX},
            {"type": "string", "pattern": format!("^(none|[0-9]+ ?({units}))$")},
        ]})
    }
}

fn natural(node: &Node<'_>, place: &mut Place<'_>, what: &str) -> Option<u64> {
    let Node::Integer(number) = node else { return place.expected(what, node) };
    match u64::try_from(*number) {
        Ok(number) => Some(number),
        Err(_) => place.wrong(format!("expected {what}, found {number}")),
    }
}

/// ASCII characters that a name may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charset([u32; 4]);

/// What the host takes in a name; anything else is never one.
const HOST: &str = "a-zA-Z0-9._+@-";

const PRESETS: [(&str, &str); 3] =
    [("portable", "a-z0-9._-"), ("posix", "a-z0-9_-"), ("dns", "a-z0-9-")];

impl Charset {
    const NONE: Self = Self([0; 4]);

    pub(crate) fn portable() -> Self {
        Self::of("a-z0-9._-").unwrap_or(Self::NONE)
    }

    pub(crate) fn holds(self, c: char) -> bool {
        let code = u32::from(c);
        self.0.get(code as usize / 32).is_some_and(|bits| bits >> (code % 32) & 1 == 1)
    }

    fn with(mut self, c: char) -> Self {
        let code = u32::from(c);
        if let Some(bits) = self.0.get_mut(code as usize / 32) {
            *bits |= 1 << (code % 32);
        }
        self
    }

    pub(crate) fn hold(self, text: &str) -> bool {
        text.chars().all(|c| self.holds(c))
    }

    /// Letters and digits of these.
    pub(crate) fn alphanumeric(self) -> Self {
        self.only(|c| c.is_ascii_alphanumeric())
    }

    pub(crate) fn only(self, keep: impl Fn(char) -> bool) -> Self {
        let kept = (0..128_u8).map(char::from).filter(|c| self.holds(*c) && keep(*c));
        kept.fold(Self::NONE, Self::with)
    }

    /// All of them.
    pub(crate) fn text(self) -> String {
        (0..128_u8).map(char::from).filter(|c| self.holds(*c)).collect()
    }

    fn of(ranges: &str) -> Result<Self, String> {
        let (mut set, mut rest) = (Self::NONE, ranges);
        while let Some(first) = rest.chars().next() {
            rest = &rest[first.len_utf8()..];
            let mut last = first;
            let mut behind = rest.chars();
            if let (Some('-'), Some(end)) = (behind.next(), behind.next()) {
                last = end;
                rest = behind.as_str();
            }
            if last < first {
                return Err(format!("the range {first}-{last} is the wrong way round"));
            }
            if !last.is_ascii() {
                return Err(
                    "has characters outside ASCII: `unicode` says whether a name may".to_owned()
                );
            }
            set = (first..=last).fold(set, Self::with);
        }
        Ok(set)
    }
}

impl Setting for Charset {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let Node::Text(text) = node else { return place.expected("a string", node) };
        let preset = PRESETS.iter().find(|(name, _)| text == name).map(|(_, ranges)| *ranges);
        let set = match Self::of(preset.unwrap_or(text)) {
            Ok(set) => set,
            Err(why) => return place.wrong(why),
        };
        let host = Self::of(HOST).unwrap_or(Self::NONE);
        let never = set.only(|c| !host.holds(c)).text();
        match never.is_empty() {
            _ if text.is_empty() => place.wrong("is empty"),
            true => Some(set),
            false => place.wrong(format!(
                "a name never has any of {never:?}: the host takes letters, digits and ._+@-"
            )),
        }
    }

    fn schema() -> Value {
        json!({"type": "string", "minLength": 1, "examples": ["portable", "posix", "dns", "a-zA-Z0-9._-"]})
    }
}

/// What all of a name has to match.
pub(crate) struct Pattern(Regex);

/// Of the text, and of what it is made into.
const PATTERN_BYTES: usize = 4 << 10;
const COMPILED_BYTES: usize = 64 << 10;

impl Pattern {
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

impl Setting for Pattern {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let Node::Text(text) = node else { return place.expected("a regular expression", node) };
        if text.len() > PATTERN_BYTES {
            return place.wrong(format!("is longer than {PATTERN_BYTES} bytes"));
        }
        // By itself first: a bracket too many must not open ours.
        let build = |text: &str| RegexBuilder::new(text).size_limit(COMPILED_BYTES).build();
        match build(text).and_then(|_| build(&format!(r"\A(?:{text})\z"))) {
            Ok(regex) => Some(Self(regex)),
            Err(error) => place.wrong(format!("is no regular expression: {error}")),
        }
    }

    fn schema() -> Value {
        json!({"type": "string", "maxLength": PATTERN_BYTES, "format": "regex"})
    }
}

/// The name of a label.
pub(crate) struct LabelName(pub(crate) String);

const LABEL_BYTES: usize = 64;

impl Key for LabelName {
    fn read(name: &str, place: &mut Place<'_>) -> Option<Self> {
        let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
        if (1..=LABEL_BYTES).contains(&name.len()) && name.bytes().all(plain) {
            return Some(Self(name.to_owned()));
        }
        place.wrong("a label's name has 1 to 64 characters of a-z, 0-9, _, . and -")
    }

    fn schema() -> Value {
        json!({"pattern": "^[a-z0-9_.-]{1,64}$"})
    }
}

/// A code of a refusal.
pub(crate) struct Code(pub(crate) String);

impl Setting for Code {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let Node::Text(text) = node else { return place.expected("a string", node) };
        let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_');
        if !(1..=64).contains(&text.len()) || !text.bytes().all(plain) {
            return place.wrong("a code has 1 to 64 characters of a-z, 0-9 and _");
        }
        if HOST_CODES.contains(&&**text) {
            return place.wrong(format!("{text} is a code of the host's own"));
        }
        Some(Self(text.to_string()))
    }

    fn schema() -> Value {
        json!({"type": "string", "pattern": "^[a-z0-9_]{1,64}$", "not": {"enum": HOST_CODES.as_slice()}})
    }
}

/// Codes that mean something else to a caller: a policy that answers with one has failed.
pub const HOST_CODES: [&str; 44] = [
    "account_closed",
    "account_erased",
    "account_open",
    "auth_db_taken",
    "body_required",
    "body_timeout",
    "body_too_large",
    "busy",
    "cannot_be_frozen",
    "component_invalid",
    "component_too_costly",
    "component_too_large",
    "downstream_busy",
    "field_invalid",
    "home_exists",
    "home_overlaps",
    "identity_taken",
    "internal_error",
    "issuer_conflict",
    "key_invalid",
    "key_required",
    "last_secret",
    "method_not_allowed",
    "name_unusable",
    "no_ankisyncd",
    "not_found",
    "nothing_to_roll_back",
    "policy_failed",
    "policy_timeout",
    "quota_accounts",
    "quota_domain",
    "rate_limited",
    "revision_changed",
    "sample_failed",
    "scope_missing",
    "settings_refused",
    "storage_unavailable",
    "tenant_exists",
    "tenant_not_empty",
    "tenant_required",
    "too_many_revisions",
    "too_many_secrets",
    "username_required",
    "username_taken",
];
