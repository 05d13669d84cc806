//! When a rule, or a plan, is meant. A condition that cannot be answered, for an address that nobody verified or a value of another
//! type, is neither true nor false; whoever asks says what that means.

use crate::asked::{Fact, Values};
use crate::domain::{DomainPattern, DomainSet};
use crate::glob;
use crate::lists::email_entry;
use crate::node::Node;
use crate::shape::{Members, Place, Setting, choice};
use crate::texts::{Hashed, Texts};
use serde_json::{Value, json};
use std::borrow::Cow;

/// How deep conditions may stand in each other.
const DEPTH: usize = 8;

/// Yes, no, or neither can be said; all of several is the least of them, any the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    No,
    Unknown,
    Yes,
}

impl Truth {
    fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }
}

/// A condition.
pub(crate) enum Condition {
    Test(Test),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// One question about one fact.
pub(crate) struct Test {
    pub(crate) attr: String,
    /// Its place among the facts that the settings ask about.
    fact: usize,
    ask: Ask,
}

enum Ask {
    Among(Wanted),
    NotAmong(Wanted),
    Exists(bool),
    Less(i64),
    AtLeast(i64),
}

enum Wanted {
    /// One text and its hash: hundreds of rules compare numbers, and a text but once.
    Text(u32, Box<str>),
    Texts(Texts, Vec<Scalar>),
    Glob(String),
    Domains(DomainSet),
}

/// A value to compare with that is no text.
enum Scalar {
    Boolean(bool),
    Integer(i64),
}

choice! {
    /// How a value is compared.
    Op {
        /// It is the one.
        Eq = "eq",
        /// It is there, and is not the one.
        Ne = "ne",
        /// It is one of a list.
        In = "in",
        /// It looks like it.
        Glob = "glob",
        /// It is there, or is not.
        Exists = "exists",
        /// It is a smaller number.
        Lt = "lt",
        /// It is the same number or a greater one.
        Ge = "ge",
    }
}

impl Condition {
    /// Holds for nobody.
    pub(crate) fn never() -> Self {
        Self::Any(Vec::new())
    }

    /// Says to each question which of the facts it is about; those that are new are added.
    pub(crate) fn number(&mut self, facts: &mut Vec<Fact>) {
        match self {
            Self::Test(test) => {
                let fact = Fact::named(&test.attr);
                test.fact = facts.iter().position(|known| *known == fact).unwrap_or(facts.len());
                if test.fact == facts.len() {
                    facts.push(fact);
                }
            }
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter_mut().for_each(|condition| condition.number(facts));
            }
            Self::Not(condition) => condition.number(facts),
        }
    }

    /// Every question in it.
    pub(crate) fn tests(&self) -> Vec<&Test> {
        match self {
            Self::Test(test) => vec![test],
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().flat_map(Self::tests).collect()
            }
            Self::Not(condition) => condition.tests(),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Test(_) => 1,
            Self::All(conditions) | Self::Any(conditions) => {
                1 + conditions.iter().map(Self::depth).max().unwrap_or_default()
            }
            Self::Not(condition) => 1 + condition.depth(),
        }
    }

    /// What it comes to, given what the facts do.
    pub(crate) fn holds(&self, facts: &[Values<'_>]) -> Truth {
        match self {
            Self::Test(test) => test.holds(&facts[test.fact]),
            Self::All(conditions) => conditions
                .iter()
                .fold(Truth::Yes, |truth, condition| truth.min(condition.holds(facts))),
            Self::Any(conditions) => conditions
                .iter()
                .fold(Truth::No, |truth, condition| truth.max(condition.holds(facts))),
            Self::Not(condition) => condition.holds(facts).not(),
        }
    }
}

impl Test {
    fn holds(&self, values: &Values<'_>) -> Truth {
        let texts = &values.texts;
        let truth = match &self.ask {
            Ask::Among(wanted) => any(texts, |text| wanted.has(text)),
            Ask::NotAmong(_) if texts.is_empty() => Truth::No,
            Ask::NotAmong(wanted) => any(texts, |text| wanted.has(text)).not(),
            Ask::Exists(wanted) => Truth::of(*wanted != texts.is_empty()),
            Ask::Less(than) => any(texts, |text| number(text, |number| number < *than)),
            Ask::AtLeast(than) => any(texts, |text| number(text, |number| number >= *than)),
        };
        // What somebody merely says of themselves proves nothing, neither that it is so nor that it is not.
        if values.claimed { Truth::Unknown } else { truth }
    }
}

fn any(texts: &[Hashed<'_>], truth: impl Fn(&Hashed<'_>) -> Truth) -> Truth {
    texts.iter().fold(Truth::No, |sum, text| sum.max(truth(text)))
}

fn number(text: &Hashed<'_>, compare: impl Fn(i64) -> bool) -> Truth {
    text.text.parse().map_or(Truth::Unknown, |number| Truth::of(compare(number)))
}

impl Wanted {
    fn has(&self, text: &Hashed<'_>) -> Truth {
        match self {
            Self::Text(hash, wanted) => Truth::of(*hash == text.hash && **wanted == *text.text),
            Self::Texts(texts, _) if texts.has(text) => Truth::Yes,
            Self::Texts(_, scalars) => {
                scalars.iter().fold(Truth::No, |sum, scalar| sum.max(scalar.is(text.text)))
            }
            Self::Glob(glob) => Truth::of(glob::matches(glob, text.text)),
            Self::Domains(domains) => Truth::of(domains.holds(text.text)),
        }
    }
}

impl Scalar {
    fn is(&self, text: &str) -> Truth {
        match self {
            Self::Boolean(wanted) => {
                text.parse().map_or(Truth::Unknown, |yes: bool| Truth::of(yes == *wanted))
            }
            Self::Integer(wanted) => {
                text.parse().map_or(Truth::Unknown, |number: i64| Truth::of(number == *wanted))
            }
        }
    }
}

/// Which members a condition has, one of the four.
const FORMS: &str = "attr and op, or one of all, any and not";

impl Setting for Condition {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let condition = part(node, place)?;
        if condition.depth() > DEPTH {
            return place.wrong(format!("conditions stand in each other at most {DEPTH} deep"));
        }
        Some(condition)
    }

    fn schema() -> Value {
        json!({"$ref": "#/$defs/condition"})
    }
}

/// A condition, at any depth.
fn part(node: &Node<'_>, place: &mut Place<'_>) -> Option<Condition> {
    let Node::Table(members) = node else { return place.expected("a table", node) };
    let forms: Vec<_> = ["all", "any", "not"]
        .into_iter()
        .filter_map(|form| {
            members.iter().find(|(name, _)| name == form).map(|(_, node)| (form, node))
        })
        .collect();
    let [(form, inside)] = forms[..] else {
        if forms.is_empty() {
            return test(node, place);
        }
        return place.wrong(format!("expected {FORMS}"));
    };
    let read = place.at(form, |place| match form {
        "not" => part(inside, place).map(|condition| Condition::Not(Box::new(condition))),
        _ => {
            let Node::List(items) = inside else { return place.expected("a list", inside) };
            let read = |(number, item)| place.item(number, |place| part(item, place));
            let parts: Vec<_> = items.iter().enumerate().filter_map(read).collect();
            Some(if form == "all" { Condition::All(parts) } else { Condition::Any(parts) })
        }
    });
    if members.len() > 1 {
        return place.wrong(format!("expected {FORMS}"));
    }
    read
}

fn test(node: &Node<'_>, place: &mut Place<'_>) -> Option<Condition> {
    let mut members = Members::of(node, place)?;
    let attr = members.required::<String>("attr", place);
    let op = members.required::<Op>("op", place);
    let value = members.take("value");
    members.end(&["attr", "op", "value", "all", "any", "not"], place);
    let (attr, op) = (attr?, op?);
    if attr.is_empty() {
        return place.at("attr", |place| place.wrong("is empty"));
    }
    let ask = match value {
        None if op == Op::Exists => Ask::Exists(true),
        None => return place.at("value", |place| place.wrong("is missing")),
        Some(node) => place.at("value", |place| ask(&Fact::named(&attr), op, node, place))?,
    };
    Some(Condition::Test(Test { attr, fact: 0, ask }))
}

fn ask(fact: &Fact, op: Op, node: &Node<'_>, place: &mut Place<'_>) -> Option<Ask> {
    Some(match (op, node) {
        (Op::Exists, Node::Boolean(yes)) => Ask::Exists(*yes),
        (Op::Exists, _) => return place.expected("true or false", node),
        (Op::Lt, Node::Integer(than)) => Ask::Less(*than),
        (Op::Ge, Node::Integer(than)) => Ask::AtLeast(*than),
        (Op::Lt | Op::Ge, _) => return place.expected("an integer", node),
        (Op::In, Node::List(items)) => {
            let mut wanted = Gathered::of(fact);
            for (number, item) in items.iter().enumerate() {
                place.item(number, |place| wanted.add(fact, item, place));
            }
            Ask::Among(wanted.end())
        }
        (Op::In, _) => return place.expected("a list", node),
        (Op::Glob, Node::Text(text)) => match fact {
            Fact::Domain => Ask::Among(one(fact, node, place)?),
            Fact::Email => Ask::Among(Wanted::Glob(email_entry(text, place)?.into_owned())),
            _ => Ask::Among(Wanted::Glob(text.to_string())),
        },
        (Op::Glob, _) => return place.expected("a string", node),
        (Op::Eq, _) => Ask::Among(one(fact, node, place)?),
        (Op::Ne, _) => Ask::NotAmong(one(fact, node, place)?),
    })
}

fn one(fact: &Fact, node: &Node<'_>, place: &mut Place<'_>) -> Option<Wanted> {
    let mut wanted = Gathered::of(fact);
    wanted.add(fact, node, place)?;
    Some(wanted.end())
}

/// Values to compare with, one by one: domains and addresses become what the host makes of them.
enum Gathered<'n> {
    Domains(Vec<DomainPattern<'n>>),
    Texts(Vec<Cow<'n, str>>, Vec<Scalar>),
}

impl<'n> Gathered<'n> {
    fn of(fact: &Fact) -> Self {
        match fact {
            Fact::Domain => Self::Domains(Vec::new()),
            _ => Self::Texts(Vec::new(), Vec::new()),
        }
    }

    fn add(&mut self, fact: &Fact, node: &'n Node<'_>, place: &mut Place<'_>) -> Option<()> {
        match (self, node) {
            (Self::Domains(domains), Node::Text(text)) => {
                domains.push(DomainPattern::read(text, place)?);
            }
            (Self::Domains(_), other) => return place.expected("a domain", other),
            (Self::Texts(texts, _), Node::Text(text)) if *fact == Fact::Email => {
                texts.push(email_entry(text, place)?);
            }
            (Self::Texts(texts, _), Node::Text(text)) => texts.push(Cow::Borrowed(&**text)),
            (Self::Texts(_, scalars), Node::Boolean(yes)) => scalars.push(Scalar::Boolean(*yes)),
            (Self::Texts(_, scalars), Node::Integer(number)) => {
                scalars.push(Scalar::Integer(*number));
            }
            (_, other) => return place.expected("strings, integers or booleans", other),
        }
        Some(())
    }

    fn end(self) -> Wanted {
        let one = |text: &str| Wanted::Text(Hashed::of(text).hash, text.into());
        match self {
            Self::Domains(domains) => match &domains[..] {
                [DomainPattern::Whole(domain)] => one(domain),
                domains => Wanted::Domains(DomainSet::of(domains)),
            },
            Self::Texts(texts, scalars) => match (&texts[..], &scalars[..]) {
                ([text], []) => one(text),
                _ => Wanted::Texts(Texts::of(texts.iter().map(|text| &**text)), scalars),
            },
        }
    }
}

/// JSON Schema of a condition, which refers to itself.
pub(crate) fn definition() -> Value {
    let scalar = json!({"type": ["string", "integer", "boolean"]});
    let itself = json!({"$ref": "#/$defs/condition"});
    let several = json!({"type": "array", "items": itself});
    let test = |op: Value, required: &[&str], value: Value| {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": required,
            "properties": {
                "attr": {"type": "string", "minLength": 1, "description": "email, domain, email_verified, username, sub, issuer, groups, occasion, source, or an attribute's name"},
                "op": op,
                "value": value,
            },
        })
    };
    let one = |name: &str, value: Value| json!({"type": "object", "additionalProperties": false, "required": [name], "properties": {name: value}});
    json!({"description": "When it is meant", "oneOf": [
        test(json!({"enum": ["eq", "ne"]}), &["attr", "op", "value"], scalar.clone()),
        test(json!({"const": "in"}), &["attr", "op", "value"], json!({"type": "array", "items": scalar})),
        test(json!({"const": "glob"}), &["attr", "op", "value"], json!({"type": "string"})),
        test(json!({"enum": ["lt", "ge"]}), &["attr", "op", "value"], json!({"type": "integer"})),
        test(json!({"const": "exists"}), &["attr", "op"], json!({"type": "boolean"})),
        one("all", several.clone()),
        one("any", several),
        one("not", itself),
    ]})
}
