//! The host's rules for names against other people's vectors, read from the folder that `ENLIST_VECTORS` names.

use enlist::domain::Name;
use serde_json::Value;
use std::path::PathBuf;

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

fn accepted(row: &Value) -> bool {
    Name::try_from(row["input"].as_str().expect("input").to_owned()).is_ok()
}

#[test]
fn what_is_no_safe_component_is_refused_and_near_misses_are_not() {
    for row in rows("path_safety.jsonl") {
        let Some(valid) = row["valid"].as_bool() else { continue };
        assert_eq!(accepted(&row), valid, "{row}");
    }
}

#[test]
fn what_is_not_local_to_a_folder_is_refused() {
    for row in rows("go_islocal.jsonl") {
        if row["valid"] == false {
            assert!(!accepted(&row), "{row}");
        }
    }
    for row in rows("sanitize_filename.jsonl") {
        if row["op"] == "host:safe_component" && row["valid"] == false {
            assert!(!accepted(&row), "{row}");
        }
    }
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
        for row in rows(file) {
            let Some(text) = row["input"].as_str() else { continue };
            if let Ok(name) = Name::try_from(text.to_owned()) {
                let path = std::path::Path::new(name.as_str());
                let parts: Vec<_> = path.components().collect();
                assert!(matches!(parts[..], [std::path::Component::Normal(_)]), "{row}");
                assert_eq!(name.as_str(), text, "taken as it stands");
            }
        }
    }
}
