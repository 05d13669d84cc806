//! The walls of ARCHITECTURE.md for what runs in Lambda: nothing of the server's, neither in a manifest nor in a source.

use std::fs;
use std::path::Path;

fn read(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn what_runs_in_lambda_needs_nothing_of_ours() {
    let page = read("ARCHITECTURE.md");
    for (row, manifest) in
        [("lambda/", "lambda/Cargo.toml"), ("lambda/local", "lambda/local/Cargo.toml")]
    {
        assert!(page.contains(&format!("\n| {row} | – | enlist, wasmtime |\n")), "{row}");
        let manifest = read(manifest);
        let (_, rest) = manifest.split_once("[dependencies]").expect("dependencies");
        let dependencies = rest.split("\n[").next().unwrap_or_default();
        for line in dependencies.lines() {
            let is_ours = line.starts_with("enlist") || line.starts_with("wasmtime");
            assert!(!is_ours, "{row} depends on {line}");
        }
    }
}
