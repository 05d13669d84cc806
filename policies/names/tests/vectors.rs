//! The profiles against other people's vectors, read from the folder that `ENLIST_VECTORS` names. Rows that disagree are those that
//! docs/precis.md lists with a reason, no more and no fewer; a row that is not disputed may not disagree.

use enlist_names::{Casing, Class, Reserved, class_of, prepare, stands_in_context};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Rows of a file of vectors, or none, and a word about it, when there is no such folder.
fn rows(file: &str) -> Vec<Value> {
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

/// What is made of a text by the profile or the class of that name; none when there is no such thing here.
fn profile(name: &str) -> Option<fn(&str) -> Option<String>> {
    match name {
        "UsernameCaseMapped" | "UsernameCaseMapped:ToLower" => Some(mapped),
        "UsernameCaseMapped+deny@" => Some(|text| mapped(text).filter(|name| !name.contains('@'))),
        "UsernameCasePreserved" => Some(|text| prepare(text, Casing::Preserved).ok()),
        "IdentifierClass" => Some(|text| in_class(text, false)),
        "FreeFormClass" => Some(|text| in_class(text, true)),
        _ => None,
    }
}

fn mapped(text: &str) -> Option<String> {
    prepare(text, Casing::Mapped).ok()
}

/// The text itself, if it is of the class: what a class alone says of it.
fn in_class(text: &str, freeform: bool) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let fits = |(place, c): (usize, &char)| match class_of(*c) {
        Class::Valid => true,
        Class::FreeformOnly => freeform,
        Class::Contextual => stands_in_context(&chars, place),
        Class::Disallowed | Class::Unassigned => false,
    };
    chars.iter().enumerate().all(fits).then(|| text.to_owned())
}

/// Whether we and the row agree; of a class only yes and no are compared, for what else a row's maker did to the text differs.
fn agrees(row: &Value, made: fn(&str) -> Option<String>) -> bool {
    let text = |field: &str| row[field].as_str().unwrap_or_else(|| panic!("{row}"));
    if row["op"] == "compare" {
        let (a, b) = (made(text("a")), made(text("b")));
        return row["equal"] == (a.is_some() && a == b);
    }
    let ours = made(text("input"));
    if text("profile").ends_with("Class") {
        return ours.is_some() == row["output"].is_string();
    }
    ours.as_deref() == row["output"].as_str()
}

/// The rows that docs/precis.md names.
fn listed() -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/precis.md");
    let page = std::fs::read_to_string(page).expect("docs/precis.md");
    let words = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let row = |word: &&str| word.starts_with("go-precis-") || word.starts_with("precis_i18n-");
    words.filter(row).map(str::to_owned).collect()
}

#[test]
fn every_row_agrees_but_those_that_the_page_lists() {
    let mut counts: BTreeMap<(&str, String), (usize, usize)> = BTreeMap::new();
    let mut elsewhere = BTreeMap::new();
    let mut disagree = BTreeSet::new();
    for file in ["precis_rfc8265.jsonl", "precis_go.jsonl", "precis_i18n_golden.jsonl"] {
        for row in rows(file) {
            let name = row["profile"].as_str().expect("a profile").to_owned();
            let Some(made) = profile(&name) else {
                *elsewhere.entry(name).or_insert(0) += 1;
                continue;
            };
            let count = counts.entry((file, name)).or_default();
            if agrees(&row, made) {
                count.0 += 1;
                continue;
            }
            count.1 += 1;
            let tag = row["tag"].as_str().unwrap_or_default();
            assert!(tag.starts_with("disputed"), "not disputed: {row}");
            disagree.insert(row["id"].as_str().expect("an id").to_owned());
        }
    }
    for ((file, profile), (agree, disagree)) in &counts {
        println!("{file}: {profile}: {agree} rows agree, {disagree} disputed ones do not");
    }
    println!("rows of profiles that are not here: {elsewhere:?}");
    if !counts.is_empty() {
        assert_eq!(disagree, listed(), "docs/precis.md lists the rows that disagree");
    }
}

#[test]
fn the_reserved_words_of_three_products_are_reserved() {
    let reserved = Reserved::built_in();
    let mut count = 0;
    for file in ["django.jsonl", "gitea.jsonl", "gitlab.jsonl"] {
        for row in rows(file).into_iter().filter(|row| row["reserved"] == true) {
            let word = row["input"].as_str().expect("a word");
            // Gitea's rows about alice stand for patterns; what does not begin with a letter or digit is no name here.
            if word.starts_with("alice.") || !word.starts_with(|c: char| c.is_ascii_alphanumeric())
            {
                continue;
            }
            assert!(reserved.holds(word), "{row}");
            count += 1;
        }
    }
    println!("{count} reserved words");
}
