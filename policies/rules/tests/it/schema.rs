//! The JSON Schema of the settings: made of the types, and agreeing with them.

use crate::people::read;
use enlist_policy::{Policy, configured};
use enlist_rules::{Rules, schema};
use serde_json::{Value, json};

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&schema()).expect("a schema")
}

fn json_of(toml: &str) -> Value {
    let table: toml::Table = toml.parse().unwrap_or_else(|error| panic!("{toml}\n{error}"));
    serde_json::to_value(table).expect("JSON")
}

/// Every setting that there is, in one document.
const EVERYTHING: &str = include_str!("everything.toml");

#[test]
fn what_is_written_down_is_what_the_types_make() {
    let written: Value = serde_json::from_str(&Rules::schema().expect("a schema")).expect("JSON");
    assert_eq!(written, schema(), "make it again: policies/rules/examples/schema.rs says how");
}

#[test]
fn a_document_with_everything_in_it_is_taken_by_both() {
    let document = json_of(EVERYTHING);
    configured::<Rules>(&document.to_string()).map(drop).expect("good settings");
    let wrong: Vec<_> = validator().iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let schema = schema();
    let known = schema["properties"].as_object().expect("members").keys();
    let missing: Vec<_> =
        known.filter(|name| document.get(name.as_str()).is_none() && *name != "$schema").collect();
    assert!(missing.is_empty(), "everything.toml has no {missing:?}");
}

#[test]
fn an_editor_may_say_where_the_schema_is() {
    let document = json!({"$schema": "https://enlist.example/v1/schemas/rules.json", "version": 1});
    assert!(validator().is_valid(&document));
    configured::<Rules>(&document.to_string()).map(drop).expect("good settings");
}

#[test]
fn a_member_too_many_is_refused_by_both_wherever_it_stands() {
    let validator = validator();
    let document = json_of(EVERYTHING);
    let mut tables = Vec::new();
    places(&document, String::new(), &mut tables);
    assert!(tables.len() > 15, "{tables:?}");
    for place in tables {
        // Names that the operator chooses.
        let free = ["/labels", "/plans", "/domains", "/allow/attributes", "/deny/attributes"]
            .contains(&place.as_str())
            || place.ends_with("/labels")
            || place.ends_with("/label");
        let mut changed = document.clone();
        changed.pointer_mut(&place).expect("a place")["unknown!"] = json!(1);
        assert!(!validator.is_valid(&changed) || free, "{place}");
        let problems = configured::<Rules>(&changed.to_string()).err();
        let problems = problems.unwrap_or_else(|| panic!("taken: {place}"));
        let there = |path: &str| path == format!("{place}/unknown!") || path == place;
        assert!(problems.iter().any(|problem| there(&problem.path)), "{place}: {problems:?}");
    }
}

fn places(value: &Value, place: String, tables: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                places(
                    value,
                    format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")),
                    tables,
                );
            }
            tables.push(place);
        }
        Value::Array(items) => {
            for (number, value) in items.iter().enumerate() {
                places(value, format!("{place}/{number}"), tables);
            }
        }
        _ => {}
    }
}

#[test]
fn what_the_schema_refuses_the_policy_does_not_take() {
    let validator = validator();
    for toml in [
        "",
        "version = 2",
        "version = 1\nsource = [\"fax\"]",
        "version = 1\ncase = \"upper\"",
        "version = 1\nmax_length = 129",
        "version = 1\nhash_len = 7",
        "version = 1\nstorage_bytes = \"10 gigs\"",
        "version = 1\nmax_accounts = -1",
        "version = 1\non_invalid = \"replace:ab\"",
        "version = 1\n[labels]\nA = \"x\"",
        "version = 1\n[messages]\nnope = \"x\"",
        "version = 1\n[[rules]]\nthen = {deny = true}",
        "version = 1\n[[rules]]\nwhen = {attr = \"x\", op = \"lt\", value = \"a\"}\nthen = {deny = true}",
        "version = 1\n[[rules]]\nwhen = {attr = \"x\", op = \"exists\"}\nthen = {deny = \"busy\"}",
    ] {
        assert!(!validator.is_valid(&json_of(toml)), "{toml}");
        assert!(configured::<Rules>(&json_of(toml).to_string()).is_err(), "{toml}");
    }
    assert!(read("").is_ok());
}
