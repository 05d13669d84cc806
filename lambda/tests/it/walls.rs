//! The walls of ARCHITECTURE.md for what runs in Lambda: nothing of the server's in a manifest, so that no source can name it.

use std::fs;
use std::path::Path;

fn read(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The packages that a manifest, or what it says of one target, brings into the program.
fn dependencies(table: &toml::Table) -> Vec<String> {
    let tables = |name: &str| table.get(name).and_then(toml::Value::as_table);
    let own = ["dependencies", "build-dependencies"].into_iter().filter_map(tables).flatten();
    let packages = own.map(|(name, what)| {
        what.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned()
    });
    let targets = tables("target").into_iter().flatten();
    let of_targets = targets.filter_map(|(_, target)| target.as_table()).flat_map(dependencies);
    packages.chain(of_targets).collect()
}

#[test]
fn what_runs_in_lambda_needs_nothing_of_ours() {
    let page = read("ARCHITECTURE.md");
    for (row, manifest) in
        [("lambda/", "lambda/Cargo.toml"), ("lambda/local", "lambda/local/Cargo.toml")]
    {
        assert!(page.contains(&format!("\n| {row} | – | enlist, wasmtime |\n")), "{row}");
        let manifest: toml::Table = read(manifest).parse().expect("TOML");
        let needed = dependencies(&manifest);
        assert!(needed.iter().any(|package| package == "tokio"), "{needed:?}");
        for package in needed {
            let is_ours = package.starts_with("enlist") || package.starts_with("wasmtime");
            assert!(!is_ours, "{row} depends on {package}");
        }
    }
}

#[test]
fn a_package_is_seen_wherever_a_manifest_names_it() {
    let manifest = r#"
        [dependencies]
        a.workspace = true
        b = { package = "enlist", path = "../host" }
        [build-dependencies]
        c = "1"
        [dev-dependencies]
        d = "1"
        [target.'cfg(unix)'.dependencies.e]
        version = "1"
    "#;
    let found = dependencies(&manifest.parse().expect("TOML"));
    assert_eq!(found, ["a", "enlist", "c", "e"]);
}
