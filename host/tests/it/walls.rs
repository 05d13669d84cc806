//! The walls of the house: the import table of ARCHITECTURE.md, the head and the size of every file. Executed, so that the page
//! stays true.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LINES_LIMIT: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Every Rust file below `folder`, build products apart.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
    {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if entry.is_dir() && name != "target" && !name.starts_with('.') {
            files.extend(rust_files(&entry));
        } else if name.ends_with(".rs") {
            files.push(entry);
        }
    }
    files
}

struct Row {
    may_import: BTreeSet<String>,
    never: Vec<String>,
}

/// The table of ARCHITECTURE.md: room, what it may import, what never.
fn table() -> BTreeMap<String, Row> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| room |")).skip(2);
    rows.take_while(|line| line.starts_with('|')).map(row).collect()
}

fn row(line: &str) -> (String, Row) {
    let line = line.replace('`', "");
    let cells: Vec<_> = line.split('|').map(str::trim).collect();
    let list = |cell: &str| {
        cell.split(',')
            .map(str::trim)
            .filter(|s| !s.is_empty() && *s != "–")
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    (
        cells[1].to_owned(),
        Row { may_import: list(cells[2]).into_iter().collect(), never: list(cells[3]) },
    )
}

/// The room a file of host/src belongs to: the first part of its path.
fn room(file: &Path) -> String {
    let relative = file.strip_prefix(root().join("host/src")).expect("a file of the host");
    let first =
        relative.components().next().expect("a part").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// A file's code in one line, comments apart.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join(" ")
}

/// The words that follow `before` where it begins a path; an empty one for a group or a glob, which hides what is imported.
fn named_after(code: &str, before: &str) -> BTreeSet<String> {
    let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    code.match_indices(before)
        .filter(|(at, _)| !code[..*at].ends_with(in_word))
        .map(|(at, _)| word(&code[at + before.len()..]))
        .collect()
}

#[test]
fn every_room_imports_what_the_table_allows_and_no_more() {
    let table = table();
    let mut seen = BTreeSet::new();
    for file in rust_files(&root().join("host/src")) {
        let room = room(&file);
        if room == "lib" {
            continue;
        }
        let row =
            table.get(&room).unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for {room}"));
        let text = fs::read_to_string(&file).expect("a file");
        let code = code(&text);
        for prefix in ["crate::", "enlist::"] {
            for imported in named_after(&code, prefix) {
                let allowed = imported == room || row.may_import.contains(&imported);
                assert!(allowed, "{} imports {imported:?}", file.display());
            }
        }
        for never in &row.never {
            for way in [format!("{never}::"), format!("use {never};"), format!("use {never} as")] {
                assert!(named_after(&code, &way).is_empty(), "{} uses {never}", file.display());
            }
        }
        seen.insert(room);
    }
    let unused: Vec<_> =
        table.keys().filter(|room| !seen.contains(*room) && !room.contains('/')).collect();
    assert!(unused.is_empty(), "rows of ARCHITECTURE.md without a room: {unused:?}");
}

#[test]
fn the_library_names_its_rooms_and_does_nothing() {
    let text = fs::read_to_string(root().join("host/src/lib.rs")).expect("lib.rs");
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("//!")) {
        assert!(line.starts_with("pub mod ") && line.ends_with(';'), "{line}");
    }
}

#[test]
fn a_policy_depends_on_what_the_table_allows_and_nothing_else_of_ours() {
    let table = table();
    for policy in ["localpart", "names", "precis", "rules", "hostile"] {
        let manifest = fs::read_to_string(root().join("policies").join(policy).join("Cargo.toml"))
            .expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("TOML");
        let dependencies = manifest
            .get("dependencies")
            .or(manifest.get("dev-dependencies"))
            .and_then(toml::Value::as_table);
        let ours =
            dependencies.expect("dependencies").keys().filter(|name| name.starts_with("enlist"));
        let folder = |name: &str| match name {
            "enlist-policy" => "policies/sdk".to_owned(),
            other => other.replacen("enlist-", "policies/", 1),
        };
        let ours: BTreeSet<_> = ours.map(|name| folder(name)).collect();
        let row = &table[&format!("policies/{policy}")];
        assert_eq!(ours, row.may_import, "{policy}");
    }
}

#[test]
fn every_file_says_on_top_what_it_is_for_and_stays_readable() {
    let files = rust_files(&root());
    assert!(files.len() > 40, "the walk finds the tree");
    for file in files {
        let text = fs::read_to_string(&file).expect("a file");
        assert!(text.starts_with("//!"), "{} does not say what it is for", file.display());
        let lines = text.lines().count();
        assert!(lines <= LINES_LIMIT, "{} has {lines} lines", file.display());
        assert_ne!(
            file.file_name().and_then(|name| name.to_str()),
            Some("mod.rs"),
            "{}",
            file.display()
        );
    }
    let main = fs::read_to_string(root().join("host/src/main.rs")).expect("main.rs");
    assert!(main.lines().count() <= 60);
}

#[test]
fn the_default_policy_reads_in_one_glance() {
    let rule = fs::read_to_string(root().join("policies/localpart/src/lib.rs")).expect("the rule");
    assert!(rule.lines().count() < 40);
}
