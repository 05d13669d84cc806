//! The declarative policy: who may have an account, under what name, with how much of everything, said in settings alone. It decides
//! nothing on an address that nobody verified, unless the settings say so; a setting that it does not know it refuses, and everything
//! that is wrong at once.

mod asked;
mod check;
mod condition;
mod configured;
mod domain;
mod glob;
mod lists;
mod map;
mod naming;
mod node;
mod punycode;
mod quota;
mod refusal;
mod reserved;
mod rule;
mod settings;
mod shape;
mod source;
mod suffixes;
mod texts;
mod trust;
mod values;
mod warn;

pub use suffixes::fingerprint;
pub use values::HOST_CODES;

use configured::Configured;
use enlist_policy::{Allowance, Policy, Problem, Refusal, Request, Usage, export};
use node::Node;
use serde::de::{Deserialize, Deserializer};
use serde_json::{Value, json};
use settings::Settings;
use shape::{Place, Setting};

/// JSON Schema of the settings, as [`schema`] makes it.
const SCHEMA: &str = include_str!("schema.json");

/// Problems that are said; whoever has more of them has one mistake many times.
const PROBLEMS: usize = 200;

/// What an editor puts into a document to know its schema by.
const SCHEMA_MEMBER: &str = "$schema";

/// The policy: its settings, or everything that is wrong with them.
pub struct Rules(Result<Box<Configured>, Vec<Problem>>);

impl Rules {
    fn read(mut document: Node<'_>) -> Self {
        if let Node::Table(members) = &mut document {
            members.retain(|(name, _)| name != SCHEMA_MEMBER);
        }
        let mut problems = Vec::new();
        let mut place = Place::root(&mut problems);
        let settings = Settings::read(&document, &mut place);
        if let Some(settings) = &settings {
            check::all(settings, &mut place);
        }
        match settings {
            Some(settings) if problems.is_empty() => Self(Ok(Box::new(Configured::of(settings)))),
            _ => Self(Err(problems)),
        }
    }

    fn in_force(&self) -> &Configured {
        match &self.0 {
            Ok(configured) => configured,
            Err(_) => settings_that_are_refused_decide_nothing(),
        }
    }
}

// The name is what the record has of it.
#[cold]
#[inline(never)]
fn settings_that_are_refused_decide_nothing() -> ! {
    panic!("a hook was called although `configure` had refused")
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Node::deserialize(from).map(Self::read)
    }
}

impl Policy for Rules {
    fn schema() -> Option<String> {
        Some(SCHEMA.to_owned())
    }

    fn configure(&mut self) -> Result<(), Vec<Problem>> {
        match &mut self.0 {
            Ok(configured) => {
                configured.warn();
                Ok(())
            }
            Err(problems) => Err(told(std::mem::take(problems))),
        }
    }

    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        self.in_force().admit(request)
    }

    fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal> {
        self.in_force().derive(request)
    }

    fn allow(&self, request: &Request, _: &str, _: &Usage) -> Result<Allowance, Refusal> {
        Ok(self.in_force().allow(request))
    }
}

/// As many problems as an answer has room for.
fn told(mut problems: Vec<Problem>) -> Vec<Problem> {
    let more = problems.len().saturating_sub(PROBLEMS);
    if more > 0 {
        problems.truncate(PROBLEMS);
        problems.push(Problem::new("", format!("and {more} more")));
    }
    problems
}

/// JSON Schema of the settings, made of the types that read them.
pub fn schema() -> Value {
    let mut schema = Settings::schema();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Settings of builtin:rules");
    schema["properties"][SCHEMA_MEMBER] = json!({"type": "string"});
    schema["$defs"] = json!({"condition": condition::definition()});
    schema
}

export!(Rules);
