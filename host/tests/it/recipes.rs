//! docs/recipes.md as its readers use it: every recipe's settings and cases are saved to files, and `enlist policy test` says whether
//! they agree.

use crate::app::enlist;
use std::fs;

const PAGE: &str = include_str!("../../../docs/recipes.md");

/// What stands below one heading.
struct Recipe {
    title: &'static str,
    policy: &'static str,
    settings: String,
    cases: String,
}

fn recipes() -> Vec<Recipe> {
    let parts = PAGE.split("\n## ").skip(1);
    parts
        .map(|part| {
            let (title, text) = part.split_once('\n').expect("a heading");
            let (before, after) = text.split_once("\nCases:\n").expect(title);
            let policy = if before.contains("`builtin:localpart`") { "localpart" } else { "rules" };
            Recipe { title, policy, settings: block(before), cases: block(after) }
        })
        .collect()
}

/// The lines that are code.
fn block(text: &str) -> String {
    let lines = text
        .lines()
        .filter_map(|line| if line.is_empty() { Some("") } else { line.strip_prefix("    ") });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_recipe_does_what_its_cases_say() {
    let recipes = recipes();
    assert!(recipes.len() >= 10, "{}", recipes.len());
    for Recipe { title, policy, settings, cases } in recipes {
        let folder = tempfile::tempdir().expect("a folder");
        let (settings_file, cases_file) =
            (folder.path().join("settings.toml"), folder.path().join("cases.toml"));
        fs::write(&settings_file, settings).expect("settings");
        fs::write(&cases_file, &cases).expect("cases");
        let output = enlist()
            .args(["policy", "test", &format!("builtin:{policy}"), "--settings"])
            .arg(settings_file)
            .arg("--cases")
            .arg(cases_file)
            .output()
            .expect("the command");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{title}: {said}");
        let count = cases.matches("[[case]]").count();
        assert!(count > 0 && said.contains(&count.to_string()), "{title}: {said}");
    }
}
