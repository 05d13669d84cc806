//! The host's rules for names against other people's vectors, read from the folder that `ENLIST_VECTORS` names. Where another's verdict
//! is not ours, the reason stands here.

use crate::app::App;
use crate::names::named;
use enlist::domain::Name;
use enlist_artifacts::honest::CANDIDATES;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Rows of a file of vectors, or none, and a word about it, when there is no such folder.
pub(crate) fn rows(file: &str) -> Vec<Value> {
    let Some(folder) = std::env::var_os("ENLIST_VECTORS") else {
        eprintln!("skipped: {file}: ENLIST_VECTORS is not set");
        return Vec::new();
    };
    let path = PathBuf::from(folder).join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let row = |line: &str| match serde_json::from_str(line) {
        Ok(row) => Some(row),
        // Half a surrogate pair is no text: no request can hold it.
        Err(_) if line.contains(r"\ud") => None,
        Err(error) => panic!("{line}: {error}"),
    };
    text.lines().filter_map(row).collect()
}

fn input(row: &Value) -> &str {
    row["input"].as_str().expect("input")
}

fn accepted(row: &Value) -> bool {
    Name::try_from(input(row).to_owned()).is_ok()
}

/// What was found, in one line of the test's output.
fn tell(file: &str, counts: &BTreeMap<&str, usize>) {
    if !counts.is_empty() {
        eprintln!("{file}: {counts:?}");
    }
}

#[test]
fn what_is_no_safe_component_is_refused_and_near_misses_are_not() {
    let mut counts = BTreeMap::new();
    for row in rows("path_safety.jsonl") {
        let Some(valid) = row["valid"].as_bool() else { continue };
        assert_eq!(accepted(&row), valid, "{row}");
        *counts.entry(if valid { "accepted" } else { "refused" }).or_default() += 1;
    }
    tell("path_safety.jsonl", &counts);
}

#[test]
fn what_others_would_clean_is_refused_or_safe_as_it_stands() {
    let mut counts = BTreeMap::new();
    for row in rows("sanitize_filename.jsonl") {
        if row["valid"] == false {
            assert!(!accepted(&row), "{row}");
        }
        // Of a text that is taken, that library changes nothing.
        if let (true, Some(output)) = (accepted(&row), row["output"].as_str()) {
            assert_eq!(output, input(&row), "{row}");
        }
        *counts.entry(if accepted(&row) { "accepted" } else { "refused" }).or_default() += 1;
    }
    tell("sanitize_filename.jsonl", &counts);
}

#[test]
fn what_is_not_local_to_a_folder_is_refused() {
    let mut counts = BTreeMap::new();
    for row in rows("go_islocal.jsonl") {
        let (theirs, text) = (row["valid"] == true, input(&row));
        let verdict = match (theirs, accepted(&row)) {
            (true, true) | (false, false) => "as they say",
            (true, false) if text.contains('/') => "local, and more than one component",
            (true, false) if text == "." => "local, and the folder itself",
            (true, false) if text.contains('$') => "local, and with a character of shells",
            _ => panic!("{row}"),
        };
        *counts.entry(verdict).or_default() += 1;
    }
    tell("go_islocal.jsonl", &counts);
}

#[test]
fn other_systems_rules_for_user_names_differ_from_ours_for_these_reasons_alone() {
    let mut counts = BTreeMap::new();
    for row in rows("posix_names.jsonl") {
        let (theirs, text) = (row["valid"] == true, input(&row));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let verdict = match (theirs, accepted(&row)) {
            (true, true) | (false, false) => "as they say",
            (true, false) if text.starts_with(['_', '.', '-']) => "the first is no letter or digit",
            (true, false) if text.ends_with('.') => "a last dot, which Windows drops",
            (true, false) if !text.chars().all(|c| c.is_alphanumeric() || "._+@-".contains(c)) => {
                "a character that is not listed"
            }
            (true, false) if text.len() > 255 => "longer than a file's name",
            (false, true) if digits(text) => "digits alone, which are a name here",
            (false, true) if text.starts_with(|c: char| c.is_ascii_digit()) => "a digit first",
            (false, true) if text.contains('@') || row["op"] == "validate:shadow_upn" => {
                "theirs is about addresses"
            }
            (false, true) if text.len() > 31 => "longer than a login there",
            (false, true) if text.contains(['.', '+']) => "a dot or a plus",
            (false, true) if !text.is_ascii() => "outside ASCII",
            _ => panic!("{row}"),
        };
        *counts.entry(verdict).or_default() += 1;
    }
    tell("posix_names.jsonl", &counts);
}

#[test]
fn an_accepted_name_is_one_component_whatever_it_was_made_of() {
    for file in [
        "precis_go.jsonl",
        "precis_i18n_golden.jsonl",
        "django.jsonl",
        "gitea.jsonl",
        "gitlab.jsonl",
        "posix_names.jsonl",
    ] {
        let mut counts = BTreeMap::new();
        for row in rows(file) {
            let Some(text) = row["input"].as_str() else { continue };
            let Ok(name) = Name::try_from(text.to_owned()) else {
                *counts.entry("refused").or_default() += 1;
                continue;
            };
            let parts: Vec<_> = Path::new(name.as_str()).components().collect();
            assert!(matches!(parts[..], [Component::Normal(_)]), "{row}");
            assert_eq!(name.as_str(), text, "taken as it stands");
            *counts.entry("accepted").or_default() += 1;
        }
        tell(file, &counts);
    }
}

#[tokio::test]
async fn a_policy_that_passes_on_what_it_is_given_gets_nobody_out_of_the_home_root() {
    let rows = rows("path_safety.jsonl");
    if rows.is_empty() {
        return;
    }
    let app = App::with_policy(CANDIDATES, &[]);
    let mut counts = BTreeMap::new();
    // A comma would make two candidates of it, and an empty attribute is the username.
    for row in rows.iter().filter(|row| !input(row).contains(',') && !input(row).is_empty()) {
        let answer = app.decide(&named("s1", input(row))).await;
        assert_eq!(answer.status, 200, "{row}: {answer:?}");
        let answer = answer.json();
        let granted = answer["decision"] == "grant";
        if let Some(valid) = row["valid"].as_bool() {
            assert_eq!(granted, valid, "{row}: {answer}");
        }
        if !granted {
            assert_eq!(answer["code"], "name_unusable", "{row}: {answer}");
        }
        *counts.entry(if granted { "granted" } else { "refused" }).or_default() += 1;
    }
    tell("path_safety.jsonl through a policy", &counts);
    assert_eq!(app.folders(), [""; 0], "a dry run makes nothing");
}
