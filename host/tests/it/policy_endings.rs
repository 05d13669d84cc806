//! What a policy author's verbs leave behind, and what they end with, when it does not go well.
//! Refuses to look at what they say of policies that are well: `policy_author` does.

use crate::policy_author::{Begun, policy, said};
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
