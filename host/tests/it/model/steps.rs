//! What can happen to a tenant, drawn from so few people, names and rules that they meet again and again.

use crate::model::rules::{RULES, Rule};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use std::ops::Range;

/// Somebody as a request says who they are.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) username: &'static str,
    pub(crate) subject: Option<&'static str>,
    pub(crate) issuer: Option<&'static str>,
    pub(crate) email: Option<&'static str>,
    pub(crate) verified: bool,
    /// The candidates that the policy is told to answer; the username when there are none.
    pub(crate) names: Option<&'static str>,
    /// Whether the policy is told to let nobody in.
    pub(crate) refused: bool,
}

/// The doors that open accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Compatible,
    /// The same, with the subject in `cognito_user_id`.
    CompatibleBySide,
    Native,
}

/// What is done to one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Close,
    Reopen,
    Erase,
    Allowance,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Reopen => "reopen",
            Self::Erase => "erase",
            Self::Allowance => "allowance",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Ask(Person, Door),
    DryRun {
        person: Person,
        sign_up: bool,
    },
    ByHand {
        name: &'static str,
        person: Person,
        adopt: bool,
    },
    Link {
        name: &'static str,
        subject: &'static str,
        issuer: Option<&'static str>,
    },
    Act(&'static str, Verb),
    Rule {
        rule: Rule,
        killed: bool,
    },
    RollBack {
        killed: bool,
    },
    Kill,
    Issuer(&'static str),
    /// Somebody else makes a folder in the home root, or puts a file into one that is there.
    Folder {
        name: &'static str,
        file: bool,
    },
}

/// Letters alone, spellings of one another, one that looks like another, and what is no name.
pub(crate) const NAMES: [&str; 8] =
    ["anna", "Anna", "ann\u{430}", "berta", "carl", "straße", "STRASSE", "dora"];

/// What the policy proposes.
const PROPOSED: [&str; 10] = [
    "anna",
    "Anna",
    "ann\u{430}",
    "berta",
    "berta,anna",
    "straße",
    "STRASSE,carl",
    "a/b",
    "con",
    "a/b,dora,carl",
];

const SUBJECTS: [&str; 4] = ["s1", "s2", "s3", "s4"];

pub(crate) const ISSUERS: [&str; 2] = ["https://one.example", "https://two.example"];

/// Username, subject, e-mail: some are one human whom a provider names otherwise, some are two who share something.
type Known = (&'static str, Option<&'static str>, Option<&'static str>);
const PEOPLE: [Known; 8] = [
    ("anna", Some("s1"), Some("anna@x.example")),
    ("anna", None, Some("anna@x.example")),
    ("anna", Some("s2"), Some("Anna@x.example")),
    ("berta", Some("s3"), Some("berta@x.example")),
    ("berta", None, None),
    ("carl@y.example", Some("s1"), Some("carl@y.example")),
    ("carl@y.example", None, Some("carl@y.example")),
    ("dora", Some("s4"), Some("berta@x.example")),
];

fn issuer() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![5 => Just(None), 2 => Just(Some(ISSUERS[0])), 1 => Just(Some(ISSUERS[1]))]
}

fn person() -> impl Strategy<Value = Person> {
    let subject = prop_oneof![
        6 => Just(None),
        1 => select(&SUBJECTS[..]).prop_map(|subject| Some(Some(subject))),
        1 => Just(Some(None)),
    ];
    let names = prop_oneof![1 => Just(None), 1 => select(&PROPOSED[..]).prop_map(Some)];
    let refused = prop_oneof![15 => Just(false), 1 => Just(true)];
    let verified = prop_oneof![3 => Just(true), 1 => Just(false)];
    (select(&PEOPLE[..]), subject, issuer(), verified, names, refused).prop_map(
        |((username, own, email), other, issuer, verified, names, refused)| Person {
            username,
            subject: other.unwrap_or(own),
            issuer,
            email,
            verified: verified && email.is_some(),
            names,
            refused,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let name = || select(&NAMES[..]);
    let door = select(vec![Door::Compatible, Door::CompatibleBySide, Door::Native]);
    let verb = prop_oneof![
        3 => Just(Verb::Close),
        3 => Just(Verb::Reopen),
        1 => Just(Verb::Erase),
        1 => Just(Verb::Allowance),
    ];
    prop_oneof![
        24 => (person(), door).prop_map(|(person, door)| Step::Ask(person, door)),
        5 => (person(), any::<bool>()).prop_map(|(person, sign_up)| Step::DryRun { person, sign_up }),
        6 => (name(), person(), any::<bool>())
            .prop_map(|(name, person, adopt)| Step::ByHand { name, person, adopt }),
        5 => (name(), select(&SUBJECTS[..]), issuer())
            .prop_map(|(name, subject, issuer)| Step::Link { name, subject, issuer }),
        14 => (name(), verb).prop_map(|(name, verb)| Step::Act(name, verb)),
        // Each is made by the server in a process of its own.
        2 => (select(&RULES[..]), rarely()).prop_map(|(rule, killed)| Step::Rule { rule, killed }),
        2 => rarely().prop_map(|killed| Step::RollBack { killed }),
        1 => Just(Step::Kill),
        1 => select(&ISSUERS[..]).prop_map(Step::Issuer),
        3 => (name(), any::<bool>()).prop_map(|(name, file)| Step::Folder { name, file }),
    ]
}

fn rarely() -> impl Strategy<Value = bool> {
    prop_oneof![7 => Just(false), 1 => Just(true)]
}

/// What happens, and the issuer of the tenant it happens to.
pub(crate) fn sequence(
    length: Range<usize>,
) -> impl Strategy<Value = (Option<&'static str>, Vec<Step>)> {
    let own = prop_oneof![2 => Just(None), 1 => Just(Some(ISSUERS[0]))];
    (own, vec(step(), length))
}
