//! Domains as settings name them: whole, or everything below one. They are compared as the host's A-labels, lower-case ASCII, so a
//! name in another script is brought to them when the settings are read, and one that has none is an error.

use crate::node::Node;
use crate::punycode;
use crate::shape::{Place, Setting, shown};
use crate::suffixes::is_public_suffix;
use crate::texts::Texts;
use enlist_names::{Casing, prepare};
use serde_json::{Value, json};
use std::borrow::Cow;

/// RFC 1035, in octets.
const LABEL_BYTES: usize = 63;
const DOMAIN_BYTES: usize = 253;

/// The lower-case A-labels of a domain, or why it has none.
pub(crate) fn a_labels(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let domain = if text.bytes().all(plain) {
        Cow::Borrowed(text)
    } else {
        let labels: Result<Vec<_>, _> = text.split(['.', '\u{3002}']).map(a_label).collect();
        Cow::Owned(labels?.join("."))
    };
    if domain.len() > DOMAIN_BYTES || domain.is_empty() {
        return Err("a domain has 1 to 253 bytes");
    }
    match domain.split('.').find_map(bad) {
        Some(why) => Err(why),
        None => Ok(domain),
    }
}

fn a_label(label: &str) -> Result<String, &'static str> {
    if label.is_ascii() {
        return Ok(label.to_ascii_lowercase());
    }
    let label = prepare(label, Casing::Mapped).map_err(
        |_| "a label has characters that no domain has, or mixes what must not be mixed",
    )?;
    if label.is_ascii() {
        return Ok(label);
    }
    punycode::encode(&label).map(|code| format!("xn--{code}")).ok_or("a label is too long")
}

fn bad(label: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let hyphens = label.get(2..4) == Some("--") && !label.starts_with("xn--");
    if label.is_empty() || label.len() > LABEL_BYTES {
        Some("a label has 1 to 63 bytes")
    } else if !label.bytes().all(plain) {
        Some("a label has letters, digits and hyphens only")
    } else if label.starts_with('-') || label.ends_with('-') || hyphens {
        Some("a label begins or ends with a hyphen, or has two at its third place")
    } else {
        None
    }
}

/// One domain, or every one below it, on the boundary of a label and never itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DomainPattern<'t> {
    Whole(Cow<'t, str>),
    Below(Cow<'t, str>),
}

impl<'t> DomainPattern<'t> {
    pub(crate) fn read(text: &'t str, place: &mut Place<'_>) -> Option<Self> {
        let (domain, below) = match text.strip_prefix("*.") {
            Some(base) => (base, true),
            None => (text, false),
        };
        let text = || shown(text);
        if domain.contains(['*', '?']) {
            return place.wrong(format!(
                "{} is no domain: a `*` stands for whole labels, at the beginning alone",
                text()
            ));
        }
        let domain = match a_labels(domain) {
            Ok(domain) => domain,
            Err(why) => return place.wrong(format!("{} is no domain: {why}", text())),
        };
        if below && is_public_suffix(&domain) {
            return place.wrong(format!("{} is everybody's: {domain} is a public suffix, below which anybody can have a domain", text()));
        }
        Some(if below { Self::Below(domain) } else { Self::Whole(domain) })
    }

    pub(crate) fn into_owned(self) -> DomainPattern<'static> {
        match self {
            Self::Whole(domain) => DomainPattern::Whole(Cow::Owned(domain.into_owned())),
            Self::Below(base) => DomainPattern::Below(Cow::Owned(base.into_owned())),
        }
    }
}

/// What a domain is below of, the nearest first.
pub(crate) fn above(domain: &str) -> impl Iterator<Item = &str> {
    domain.match_indices('.').map(|(dot, _)| &domain[dot + 1..])
}

/// Domains to be among.
pub(crate) struct DomainSet {
    whole: Texts,
    below: Texts,
}

impl DomainSet {
    pub(crate) fn none() -> Self {
        Self::of(&[])
    }

    pub(crate) fn of(patterns: &[DomainPattern<'_>]) -> Self {
        let whole = patterns.iter().filter_map(|pattern| match pattern {
            DomainPattern::Whole(domain) => Some(&**domain),
            DomainPattern::Below(_) => None,
        });
        let below = patterns.iter().filter_map(|pattern| match pattern {
            DomainPattern::Below(base) => Some(&**base),
            DomainPattern::Whole(_) => None,
        });
        Self { whole: Texts::of(whole), below: Texts::of(below) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.below.is_empty()
    }

    /// Whether `domain`, lower-case A-labels, is among them.
    pub(crate) fn holds(&self, domain: &str) -> bool {
        self.whole.holds(domain)
            || !self.below.is_empty() && above(domain).any(|base| self.below.holds(base))
    }
}

impl Setting for DomainSet {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let Node::List(items) = node else { return place.expected("a list", node) };
        let mut patterns = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            patterns.extend(place.item(number, |place| match item {
                Node::Text(text) => DomainPattern::read(text, place),
                other => place.expected("a string", other),
            }));
        }
        Some(Self::of(&patterns))
    }

    fn schema() -> Value {
        json!({"type": "array", "items": {"type": "string", "minLength": 1, "examples": ["example.com", "*.example.com"]}})
    }
}

#[cfg(test)]
mod tests {
    use super::{DomainPattern, a_labels};
    use crate::shape::Place;

    #[test]
    fn a_domain_has_the_a_labels_that_the_host_gives_it() {
        for domain in [
            "example.com",
            "EXAMPLE.com",
            "bücher.example",
            "BÜCHER.example",
            "ｅｘａｍｐｌｅ.com",
            "example\u{3002}com",
            "faß.de",
            "βόλος.com",
            "日本語.jp",
            "xn--bcher-kva.example",
            "ünïcödé-and-ascii.example",
            "правда.рф",
            "السعودية",
            "gıthub.com",
            "a-b.example",
            "1.2.3.4",
        ] {
            let ours = a_labels(domain).map(String::from).ok();
            assert_eq!(ours, idna::domain_to_ascii_strict(domain).ok(), "{domain}");
        }
    }

    #[test]
    fn what_the_host_has_no_a_labels_for_is_refused() {
        let long = format!("{}.example", "a".repeat(64));
        let far = format!("{}example", "a.".repeat(130));
        for domain in [
            "", ".", "a..b", "a b", "a/b.com", "-a.b", "a-.b", "ab--c.d", "℀.com", "a_b.c",
            "[::1]", &long, &far,
        ] {
            assert!(a_labels(domain).is_err(), "{domain}");
            assert!(idna::domain_to_ascii_strict(domain).is_err(), "{domain}");
        }
    }

    fn read(text: &str) -> Result<DomainPattern<'_>, String> {
        let mut problems = Vec::new();
        let read = DomainPattern::read(text, &mut Place::root(&mut problems));
        read.ok_or_else(|| problems.remove(0).message)
    }

    #[test]
    fn everything_below_a_public_suffix_is_too_much() {
        for text in
            ["*.com", "*.co.uk", "*.github.io", "*.ck", "*.anything.ck", "*.nosuchtld", "*.公司.cn"]
        {
            assert!(read(text).expect_err("refused").contains("public suffix"), "{text}");
        }
        for text in ["*.example.com", "*.www.ck", "*.bbc.co.uk", "*.me.github.io", "co.uk"] {
            read(text).expect(text);
        }
        for text in ["*", "*.", "*example.com", "a.*.com", "exampl?.com", "**.example.com"] {
            read(text).expect_err(text);
        }
    }
}
