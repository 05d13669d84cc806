//! What a policy author's verbs leave behind, and what they end with, when it does not go well.
//! Refuses to look at what they say of policies that are well: `policy_author` does.

use crate::policy_author::{Begun, policy, said};
use enlist_artifacts::honest::CANDIDATES;
use enlist_artifacts::hostile;
use std::fs;
use std::process::Stdio;

#[test]
fn a_source_that_does_not_build_leaves_nothing_and_cargos_words_are_shown() {
    let begun = Begun::new();
    let first = said(&mut begun.policy("build"));
    assert_eq!(first.code, Some(0), "{}", first.error);
    let component = fs::read(begun.component()).expect("a component");
    let tested = said(&mut begun.policy("test"));
    assert_eq!(tested.code, Some(0), "{}", tested.error);
    assert_eq!(fs::read(begun.component()).expect("it stays"), component);
    begun.write("src/lib.rs", "//! Broken.\nenlist_policy::export!(Nobody);\n");
    let out = begun.out.path().join("rule.wasm");
    for command in [&mut begun.policy("build"), begun.policy("build").arg("--out").arg(&out)] {
        let broken = said(command);
        assert_eq!((broken.code, broken.out.as_str()), (Some(1), ""));
        assert!(broken.error.contains("cannot find type `Nobody`"), "{}", broken.error);
        assert!(broken.error.contains("src/lib.rs:2"), "{}", broken.error);
    }
    assert!(!begun.component().exists(), "not even that of the source before");
    assert_eq!(fs::read_dir(begun.out.path()).expect("the folder").count(), 0);
    let folder = begun.component().with_file_name("");
    assert_eq!(fs::read_dir(folder).expect("the folder").count(), 0);
    let asked = said(&mut begun.policy("run"));
    assert_eq!(asked.code, Some(3), "no refusal: nobody was asked");
}

#[test]
fn a_component_that_is_turned_away_fails_a_check_and_asks_nobody() {
    let outside = tempfile::tempdir().expect("a folder");
    let component = outside.path().join("table.wasm");
    fs::write(&component, hostile::KEEPS_A_TABLE).expect("a component");
    let cases = outside.path().join("cases.json");
    fs::write(
        &cases,
        r#"{"case":[{"name":"a","applicant":{"username":"ann"},"expect":{"refuse":"a"}}]}"#,
    )
    .expect("cases");
    for (verb, code) in [("inspect", 1), ("test", 1), ("bench", 1), ("run", 3)] {
        let mut command = policy(verb);
        command.arg(&component).stdin(Stdio::null());
        if verb == "test" {
            command.arg("--cases").arg(&cases);
        }
        let ended = said(&mut command);
        assert_eq!(ended.code, Some(code), "{verb}: {}", ended.error);
        let told = format!("{}{}", ended.out, ended.error);
        assert!(told.contains("cannot be frozen"), "{verb}: {told}");
    }
}

#[test]
fn a_file_and_a_built_in_name_are_asked_tested_and_measured_with_settings_in_either_notation() {
    let outside = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        fs::write(outside.path().join(name), bytes).expect("a file");
    };
    file("ours.wasm", CANDIDATES);
    file("trap.wasm", hostile::TRAP);
    file("ours.toml", b"prefix = \"a-\"\n");
    file("ours.json", br#"{"prefix":"a-"}"#);
    file("precis.toml", b"reserved = [\"a-ann\"]\n");
    file("precis.json", br#"{"reserved":["a-ann"]}"#);
    file("none.json", b"{}");
    let cases = |expect: &str| {
        format!(
            "[[case]]\nname = \"a\"\napplicant = {{ username = \"a-ann\" }}\nexpect = {expect}\n"
        )
    };
    file("granted.toml", cases("{ username = \"a-a-ann\" }").as_bytes());
    file("refused.toml", cases("{ refuse = \"reserved\" }").as_bytes());
    file("wrong.toml", cases("{ reuse = \"reserved\" }").as_bytes());
    for (named, settings, cases, [run, test, bench]) in [
        ("ours.wasm", "ours.toml", "granted.toml", [0, 0, 0]),
        ("ours.wasm", "ours.json", "refused.toml", [0, 1, 0]),
        ("builtin:precis", "precis.toml", "refused.toml", [1, 0, 0]),
        ("builtin:precis", "precis.json", "granted.toml", [1, 1, 0]),
        ("builtin:precis", "ours.toml", "refused.toml", [2, 2, 2]),
        ("builtin:precis", "none.json", "wrong.toml", [0, 2, 2]),
        ("builtin:precis", "missing.toml", "refused.toml", [2, 2, 2]),
        ("builtin:nothing", "none.json", "refused.toml", [2, 2, 2]),
        ("missing.wasm", "none.json", "refused.toml", [2, 2, 2]),
        ("trap.wasm", "none.json", "refused.toml", [3, 1, 3]),
    ] {
        for (verb, code) in [("run", run), ("test", test), ("bench", bench)] {
            let mut command = policy(verb);
            command.current_dir(outside.path()).args([named, "--settings", settings]);
            match verb {
                "run" => command.args(["--username", "a-ann"]),
                _ => command.args(["--cases", cases]),
            };
            let ended = said(&mut command);
            let told = format!("{verb} {named} {settings} {cases}: {}{}", ended.out, ended.error);
            assert_eq!(ended.code, Some(code), "{told}");
            if settings == "ours.toml" && code == 2 {
                let place = "ours.toml: the policy refuses its settings\n  /prefix: ";
                assert!(ended.error.contains(place), "{told}");
            }
        }
    }
}
