//! What the doctor says of folders that other programs made: their modes are theirs, and their names may be anything.

use crate::moving::Tree;
use crate::upkeep::damage::Patient;
use crate::upkeep::{on, stop};
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a folder").permissions().mode() & 0o7777
}

#[tokio::test]
async fn a_home_that_was_taken_over_keeps_its_mode_and_that_is_no_fault() {
    let tree = Tree::new();
    for (name, mode) in [("anna", 0o755), ("Berta B", 0o700), ("Berta C", 0o750)] {
        tree.folder(name);
        let path = tree.collections().join(name);
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
    }
    let mut app = tree.serve();
    let adopted = json!({"username": "a", "subject": "a", "adopt": true});
    app.manage("PUT", "/v1/tenants/default/accounts/anna", adopted).await;
    let imported =
        |name: &str| json!({"username": name, "subject": name, "name": name, "adopt": true});
    let all = json!({"items": [imported("Berta B"), imported("Berta C")]});
    app.manage("POST", "/v1/tenants/default/imports", all).await;
    let own = json!({"username": "d", "subject": "d"});
    app.manage("PUT", "/v1/tenants/default/accounts/dora", own).await;
    stop(&mut app);
    let doctor = |verb: &[&str]| {
        let mut command = on(&app.data(), verb);
        command.env("ENLIST_HOME_ROOT", tree.collections());
        crate::upkeep::end(&mut command)
    };
    for verb in [&["doctor"][..], &["doctor", "--fix"]] {
        let ended = doctor(verb);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let note = "note home_mode: default: 2 homes were taken over as they were";
        assert!(ended.out.starts_with(note), "{ended:?}");
        assert!(ended.out.contains("0750: Berta B, anna. To do: nothing, if"), "{ended:?}");
        assert!(ended.out.ends_with("\nwell: 0 faults, 1 notes, 0 mended\n"), "{ended:?}");
        let modes = ["anna", "Berta B"].map(|name| mode(&tree.collections().join(name)));
        assert_eq!(modes, [0o755, 0o700], "as they were");
    }
    // Nobody else's.
    let dora = tree.collections().join("dora");
    fs::set_permissions(&dora, Permissions::from_mode(0o755)).expect("a mode");
    let ended = doctor(&["doctor", "--fix"]);
    assert!(ended.out.contains("mended home_mode: "), "{ended:?}");
    assert_eq!(mode(&dora), 0o750);
}

#[test]
fn what_a_name_does_to_a_terminal_is_not_done() {
    let patient = Patient::new();
    let folder = patient.home("red\u{1b}[31m\u{202e}dan\r");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("collection.anki2"), "cards").expect("a collection");
    let ended = patient.doctor();
    assert!(ended.out.contains("red [31m dan  has no account"), "{ended:?}");
    let acts = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!ended.out.contains(acts), "{ended:?}");
}
