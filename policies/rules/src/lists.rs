//! Who is on a list: by address, domain, group, name, subject or attribute. A list answers the same however long it is. It knows
//! neither whether it lets in nor whether it keeps out.

use crate::asked::Asked;
use crate::domain::{DomainSet, a_labels};
use crate::glob;
use crate::map::Map;
use crate::node::Node;
use crate::shape::{Place, Setting, shown, table};
use crate::texts::{LONGEST_BYTES, Texts};
use serde_json::{Value, json};
use std::borrow::Cow;

table! {
    /// Who is meant. Being on one of the lists is enough.
    Lists {
        /// Addresses, such as `ann@example.com` or `*@example.com`; in any case. Only what the provider has verified counts.
        optional emails: EmailSet,
        /// Domains of addresses: `example.com` is itself alone, `*.example.com` whatever is below it.
        optional domains: DomainSet,
        /// Groups. Cognito's PreSignUp and PostConfirmation do not send them.
        optional groups: NameSet,
        /// The provider's own names of people. They can be changed and used again.
        optional usernames: NameSet,
        /// The provider's stable ids. There are none at sign-up.
        optional subs: NameSet,
        /// Values of attributes, by the attribute's name.
        optional attributes: Map<String, NameSet>,
    }
}

impl Lists {
    /// Whether somebody is on one of the lists. `claimed` says whether an address counts that nobody has verified.
    pub(crate) fn hold(&self, asked: &Asked<'_>, claimed: bool) -> bool {
        let applicant = &asked.request.applicant;
        let email = asked.email.as_ref().filter(|email| email.trusted || claimed);
        let by_email = email.is_some_and(|email| {
            self.emails.as_ref().is_some_and(|set| set.hold(&email.key))
                || self.domains.as_ref().is_some_and(|set| set.holds(email.domain))
        });
        let held =
            |set: &Option<NameSet>, name: &str| set.as_ref().is_some_and(|set| set.hold(name));
        let mut attributes = self.attributes.iter().flat_map(Map::iter);
        by_email
            || applicant.groups.iter().any(|group| held(&self.groups, group))
            || held(&self.usernames, &applicant.username)
            || applicant.subject.as_ref().is_some_and(|sub| held(&self.subs, sub))
            || attributes
                .any(|(name, set)| asked.request.attributes(name).any(|value| set.hold(value)))
    }

    /// Whether somebody can be on one of them by their address.
    pub(crate) fn go_by_email(&self) -> bool {
        self.emails.is_some() || self.domains.is_some()
    }

    /// Lists that are there and have nobody on them.
    pub(crate) fn empty(&self) -> impl Iterator<Item = &'static str> {
        let names = |set: &Option<NameSet>| set.as_ref().is_some_and(NameSet::is_empty);
        [
            ("emails", self.emails.as_ref().is_some_and(EmailSet::is_empty)),
            ("domains", self.domains.as_ref().is_some_and(DomainSet::is_empty)),
            ("groups", names(&self.groups)),
            ("usernames", names(&self.usernames)),
            ("subs", names(&self.subs)),
        ]
        .into_iter()
        .filter_map(|(name, empty)| empty.then_some(name))
    }

    /// Whether there is no list at all.
    pub(crate) fn is_none(&self) -> bool {
        let Self { emails, domains, groups, usernames, subs, attributes } = self;
        !(emails.is_some()
            || domains.is_some()
            || groups.is_some()
            || usernames.is_some()
            || subs.is_some()
            || attributes.is_some())
    }
}

/// The texts of a list of strings, with their places; what is none of them has been said.
fn texts<'n>(
    node: &'n Node<'_>,
    place: &mut Place<'_>,
    mut take: impl FnMut(&'n str, &mut Place<'_>),
) -> Option<()> {
    let Node::List(items) = node else { return place.expected("a list", node) };
    for (number, item) in items.iter().enumerate() {
        place.item(number, |place| match item {
            Node::Text(text) if text.is_empty() => place.wrong("is empty").unwrap_or_default(),
            Node::Text(text) if text.len() > LONGEST_BYTES => {
                place.wrong(format!("is longer than {LONGEST_BYTES} bytes")).unwrap_or_default()
            }
            Node::Text(text) => take(text, place),
            other => place.expected("a string", other).unwrap_or_default(),
        });
    }
    Some(())
}

/// How many items a list has.
fn length(node: &Node<'_>) -> usize {
    match node {
        Node::List(items) => items.len(),
        _ => 0,
    }
}

/// Addresses, as [`email_key`] has them.
pub(crate) struct EmailSet {
    whole: Texts,
    globs: Vec<String>,
}

/// An address as lists compare it: the domain as A-labels, everything in lower case. Many a provider keeps the case that people type,
/// and hardly a mail server tells it apart; a name is never made of this.
pub(crate) fn email_key<'t>(local: &'t str, domain: &str, address: &'t str) -> Cow<'t, str> {
    let as_it_is = address.len() == local.len() + 1 + domain.len()
        && !address.bytes().any(|byte| byte.is_ascii_uppercase())
        && address.ends_with(domain);
    if as_it_is {
        return Cow::Borrowed(address);
    }
    Cow::Owned(format!("{}@{domain}", local.to_ascii_lowercase()))
}

/// What an entry of a list of addresses is compared as.
pub(crate) fn email_entry<'t>(text: &'t str, place: &mut Place<'_>) -> Option<Cow<'t, str>> {
    let parts =
        text.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.contains('@'));
    let Some((local, domain)) = parts else {
        return place.wrong(format!(
            "{} is no address: it needs one @, and something before it",
            shown(text)
        ));
    };
    if glob::is_glob(domain) {
        return place.wrong(format!("{} would be addresses of domains that it does not name: domains are listed under `domains`", shown(text)));
    }
    match a_labels(domain) {
        Ok(domain) => Some(email_key(local, &domain, text)),
        Err(why) => place.wrong(format!("{} is no address: {why}", shown(text))),
    }
}

impl EmailSet {
    fn hold(&self, key: &str) -> bool {
        self.whole.holds(key) || self.globs.iter().any(|glob| glob::matches(glob, key))
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.globs.is_empty()
    }
}

impl Setting for EmailSet {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let (mut whole, mut globs) = (Vec::with_capacity(length(node)), Vec::new());
        texts(node, place, |text, place| match email_entry(text, place) {
            Some(key) if glob::is_glob(&key) => globs.push(key.into_owned()),
            Some(key) => whole.push(key),
            None => {}
        })?;
        Some(Self { whole: Texts::of(whole.iter().map(|key| &**key)), globs })
    }

    fn schema() -> Value {
        json!({"type": "array", "items": {"type": "string", "minLength": 3, "examples": ["ann@example.com", "*@example.com"]}})
    }
}

/// Names, groups or values.
pub(crate) struct NameSet {
    whole: Texts,
    whole_in_any_case: Texts,
    globs: Vec<String>,
    globs_in_any_case: Vec<String>,
}

/// What an entry begins with that is meant in any case.
const ANY_CASE: &str = "nocase:";

/// Character by character: the same for a text and for what it is compared with.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

impl NameSet {
    fn hold(&self, name: &str) -> bool {
        let any = |globs: &[String], name: &str| globs.iter().any(|glob| glob::matches(glob, name));
        if self.whole.holds(name) || any(&self.globs, name) {
            return true;
        }
        if self.whole_in_any_case.is_empty() && self.globs_in_any_case.is_empty() {
            return false;
        }
        let name = lower(name);
        self.whole_in_any_case.holds(&name) || any(&self.globs_in_any_case, &name)
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty()
            && self.whole_in_any_case.is_empty()
            && self.globs.is_empty()
            && self.globs_in_any_case.is_empty()
    }
}

impl Setting for NameSet {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let (mut whole, mut in_any_case) = (Vec::new(), Vec::new());
        let (mut globs, mut globs_in_any_case) = (Vec::new(), Vec::new());
        texts(node, place, |text, _| match text.strip_prefix(ANY_CASE) {
            Some(text) if glob::is_glob(text) => globs_in_any_case.push(lower(text)),
            Some(text) => in_any_case.push(lower(text)),
            None if glob::is_glob(text) => globs.push(text.to_owned()),
            None => whole.push(text),
        })?;
        Some(Self {
            whole: Texts::of(whole.into_iter()),
            whole_in_any_case: Texts::of(in_any_case.iter().map(String::as_str)),
            globs,
            globs_in_any_case,
        })
    }

    fn schema() -> Value {
        json!({"type": "array", "items": {"type": "string", "minLength": 1, "examples": ["staff", "team-*", "nocase:Staff"]}})
    }
}
