//! The wall around this package, as ARCHITECTURE.md has it: nothing else of ours, and AWS's crates nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn dependencies(manifest: &Path) -> Vec<String> {
    let manifest: toml::Table =
        fs::read_to_string(manifest).expect("a manifest").parse().expect("TOML");
    let workspace = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let tables = [manifest.get("dependencies"), manifest.get("dev-dependencies"), workspace];
    tables
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_table)
        .flat_map(|table| table.keys().cloned())
        .collect()
}

#[test]
fn it_depends_on_nothing_else_of_ours() {
    let ours: Vec<_> = dependencies(&root().join("lambda/pool/Cargo.toml"))
        .into_iter()
        .filter(|name| name.starts_with("enlist"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the page");
    assert!(
        page.lines().any(|line| line.starts_with("| lambda/pool | – | enlist")),
        "ARCHITECTURE.md has no such row"
    );
}

#[test]
fn only_here_are_crates_of_awss() {
    let aws: Vec<_> = dependencies(&root().join("Cargo.toml"))
        .into_iter()
        .filter(|name| name.starts_with("aws-"))
        .collect();
    assert!(aws.is_empty(), "{aws:?}");
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("the lock");
    for name in ["aws-config", "aws-smithy-runtime", "aws-sigv4"] {
        assert!(!lock.contains(&format!("name = \"{name}\"")), "{name} is in the server's lock");
    }
}

#[test]
fn the_toolchain_and_the_lints_are_the_servers() {
    let manifest = |path: &str| -> toml::Table {
        fs::read_to_string(root().join(path)).expect("a manifest").parse().expect("TOML")
    };
    let (theirs, ours) = (manifest("Cargo.toml"), manifest("lambda/pool/Cargo.toml"));
    assert_eq!(theirs["workspace"]["lints"], ours["lints"]);
    for field in ["edition", "rust-version", "license", "version"] {
        assert_eq!(theirs["workspace"]["package"][field], ours["package"][field], "{field}");
    }
}
