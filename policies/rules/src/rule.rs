//! Rules in their order: whom they let in, keep out, and what else they say of somebody. The first that lets in or keeps out ends it;
//! what one said before, a later one replaces.

use crate::asked::{Asked, Fact, Values};
use crate::condition::{Condition, Truth};
use crate::map::Map;
use crate::node::Node;
use crate::quota::Quota;
use crate::shape::{Place, Setting, table};
use crate::values::{Code, LabelName};
use enlist_policy::note;
use serde_json::{Value, json};

table! {
    /// A rule: what follows when a condition holds.
    Rule {
        /// What the record calls it.
        optional name: String,
        /// When it is meant.
        required when: Condition = Condition::never(),
        /// What follows.
        required then: Then = Then::nothing(),
    }
}

table! {
    /// What follows. `allow` and `deny` end the rules, the others go on.
    Then {
        /// They may have an account.
        optional allow: Yes,
        /// They may not: `true`, a code, or a code and a message.
        optional deny: Deny,
        /// What their name begins with, instead of `prefix`.
        optional set_prefix: String,
        /// Their plan, whatever the plans' own conditions say.
        optional set_plan: String,
        /// What they may have, instead of what their plan says.
        optional set_quota: Quota,
        /// Labels of their account.
        optional label: Map<LabelName, String>,
    }
}

table! {
    /// A refusal in the operator's own words.
    DenyTable {
        /// For machines.
        required code: Code,
        /// For the person who signs up, without a full stop.
        optional message: String,
    }
}

/// `true`: to say no is to say nothing.
pub(crate) struct Yes;

impl Setting for Yes {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        match node {
            Node::Boolean(true) => Some(Self),
            _ => place.wrong("expected true; leave it out, or write `deny`"),
        }
    }

    fn schema() -> Value {
        json!({"const": true})
    }
}

/// How a rule keeps somebody out.
pub(crate) struct Deny {
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
}

impl Setting for Deny {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        match node {
            Node::Boolean(true) => Some(Self { code: None, message: None }),
            Node::Text(_) => {
                Code::read(node, place).map(|code| Self { code: Some(code.0), message: None })
            }
            Node::Table(_) => DenyTable::read(node, place)
                .map(|DenyTable { code, message }| Self { code: Some(code.0), message }),
            _ => place.wrong("expected true, a code, or a table of code and message"),
        }
    }

    fn schema() -> Value {
        json!({"oneOf": [{"const": true}, Code::schema(), DenyTable::schema()]})
    }
}

/// How the rules end.
pub(crate) enum End<'s> {
    Allow,
    Deny(&'s Deny, String),
    /// None let in or kept out.
    Open,
}

/// What the rules came to.
pub(crate) struct Verdict<'s> {
    pub(crate) end: End<'s>,
    pub(crate) prefix: Option<&'s str>,
    pub(crate) plan: Option<&'s str>,
    pub(crate) quota: Quota,
    pub(crate) labels: Vec<(&'s str, &'s str)>,
}

/// The rules.
pub(crate) struct Rules {
    rules: Vec<Rule>,
    facts: Vec<Fact>,
}

impl Rules {
    pub(crate) fn of(mut rules: Vec<Rule>) -> Self {
        let mut facts = Vec::new();
        rules.iter_mut().for_each(|rule| rule.when.number(&mut facts));
        Self { rules, facts }
    }

    /// What they come to; `say` whether the operator is told what could not be answered, which is once a decision enough.
    pub(crate) fn judge(&self, asked: &Asked<'_>, say: bool) -> Verdict<'_> {
        let facts: Vec<Values<'_>> = self.facts.iter().map(|fact| fact.values(asked)).collect();
        let mut verdict = Verdict {
            end: End::Open,
            prefix: None,
            plan: None,
            quota: Quota::unsaid(),
            labels: Vec::new(),
        };
        for (number, rule) in self.rules.iter().enumerate() {
            let truth = rule.when.holds(&facts);
            let denies = rule.then.deny.is_some();
            if say && truth == Truth::Unknown {
                let so = if denies { "taken as true" } else { "taken as false" };
                note!(
                    "{} cannot be answered, {so}: a value of another type, or an unverified address",
                    rule.name(number)
                );
            }
            if truth == Truth::Yes || denies && truth == Truth::Unknown {
                rule.then.add(&mut verdict);
                if let Some(deny) = &rule.then.deny {
                    verdict.end = End::Deny(deny, rule.name(number));
                } else if rule.then.allow.is_some() {
                    verdict.end = End::Allow;
                }
                if !matches!(verdict.end, End::Open) {
                    break;
                }
            }
        }
        verdict
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }
}

impl Rule {
    fn name(&self, number: usize) -> String {
        self.name.clone().unwrap_or_else(|| format!("rules/{number}"))
    }
}

impl Then {
    fn add<'s>(&'s self, verdict: &mut Verdict<'s>) {
        verdict.prefix = self.set_prefix.as_deref().or(verdict.prefix);
        verdict.plan = self.set_plan.as_deref().or(verdict.plan);
        if let Some(quota) = &self.set_quota {
            verdict.quota = quota.or(&verdict.quota);
        }
        for (name, value) in self.label.iter().flat_map(Map::iter) {
            verdict.labels.retain(|(known, _)| *known != name.0);
            verdict.labels.push((&name.0, value));
        }
    }

    fn nothing() -> Self {
        Self {
            allow: None,
            deny: None,
            set_prefix: None,
            set_plan: None,
            set_quota: None,
            label: None,
        }
    }

    /// Whether it says nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { allow, deny, set_prefix, set_plan, set_quota, label } = self;
        !(allow.is_some()
            || deny.is_some()
            || set_prefix.is_some()
            || set_plan.is_some()
            || set_quota.is_some()
            || label.is_some())
    }
}
