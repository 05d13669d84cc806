//! `enlist doctor [--fix]`: each damage done on purpose, found, and mended or left alone as it should be.

use crate::app::{App, is_folder};
use crate::upkeep::damage::Patient;
use crate::upkeep::{SCHEMA, ask, on, run, three_people};
use serde_json::Value;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn a_sound_installation_is_well() {
    let patient = Patient::new();
    patient.is_well();
    assert_eq!(patient.fix().out, "well: 0 faults, 0 notes, 0 mended\n");
    patient.is_well();
}

#[test]
fn for_programs_it_says_the_same_as_json() {
    let patient = Patient::new();
    fs::remove_dir(patient.home("bob")).expect("no folder");
    for (verb, mended) in
        [(&["-o", "json", "doctor"][..], false), (&["-o", "json", "doctor", "--fix"], true)]
    {
        let ended = run(&patient.data(), verb);
        let said: Value = serde_json::from_str(&ended.out).expect("JSON");
        let found = &said["findings"][0];
        assert_eq!((&found["grade"], &found["check"]), (&"fault".into(), &"home_missing".into()));
        assert_eq!((found["mended"].is_string(), ended.code), (mended, Some(i32::from(!mended))));
        assert_eq!(said["findings"].as_array().map(Vec::len), Some(1), "{said}");
    }
}

#[test]
fn a_missing_home_is_made_again_and_that_is_told_loudly() {
    let patient = Patient::new();
    fs::remove_dir(patient.home("bob")).expect("no folder");
    let home = patient.home("bob").display().to_string();
    let before = patient.doctor();
    assert!(before.out.contains(&home) && before.out.contains("copy it back"), "{before:?}");
    let mended = patient.fix();
    assert_eq!(mended.code, Some(0), "{mended:?}");
    assert!(mended.out.starts_with("mended home_missing: "), "{mended:?}");
    assert!(mended.out.contains("EMPTY: what it held is gone"), "{mended:?}");
    assert!(is_folder(&patient.home("bob")));
    assert_eq!(mode(&patient.home("bob")), 0o750);
    patient.is_well();
}

#[test]
fn a_closed_account_has_its_home_too_and_an_erased_one_need_not() {
    let patient = Patient::new();
    patient.sql("UPDATE accounts SET state = 'closed', closed_at = 1 WHERE name IN ('ann', 'bob')");
    patient.sql("UPDATE accounts SET erased_at = 2 WHERE name = 'bob'");
    fs::remove_dir(patient.home("bob")).expect("no folder");
    patient.is_well();
    fs::remove_dir(patient.home("ann")).expect("no folder");
    patient.is_mended("home_missing", &["ann"]);
}

#[test]
fn where_a_disk_may_be_missing_nothing_is_mended() {
    let patient = Patient::new();
    for name in ["ann", "bob", "cyd"] {
        fs::remove_dir(patient.home(name)).expect("no folder");
    }
    patient.is_beyond_mending("home_root", &["is its file system mounted?", "3 folders"]);
    assert!(!patient.home("ann").exists());
    fs::remove_dir(patient.data().join("collections")).expect("no home root");
    patient.is_beyond_mending("home_root", &["is its file system mounted?", "3 accounts"]);
    assert!(!patient.data().join("collections").exists());
}

#[test]
fn one_account_is_enough_for_a_disk_to_be_missing() {
    let patient = Patient::new();
    patient.sql("UPDATE accounts SET state = 'closed', closed_at = 1 WHERE name IN ('ann', 'bob')");
    patient.sql("UPDATE accounts SET erased_at = 2 WHERE name IN ('ann', 'bob')");
    for name in ["ann", "bob", "cyd"] {
        fs::remove_dir(patient.home(name)).expect("no folder");
    }
    for more in ["lost+found", "somebody-elses"] {
        patient.is_beyond_mending("home_root", &["is its file system mounted?", "1 folders"]);
        assert!(!patient.home("cyd").exists());
        fs::create_dir(patient.home(more)).expect("a folder");
    }
    patient.is_beyond_mending("home_root", &["is its file system mounted?"]);
    fs::create_dir(patient.home("cyd")).expect("a folder made by hand");
    set_mode(&patient.home("cyd"), 0o750);
    assert_eq!(patient.doctor().code, Some(0));
}

#[test]
fn a_link_or_a_file_in_the_place_of_a_home_is_left_alone() {
    let patient = Patient::new();
    let elsewhere = patient.data().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    fs::remove_dir(patient.home("ann")).expect("no folder");
    symlink(&elsewhere, patient.home("ann")).expect("a link");
    patient.is_beyond_mending("home_not_a_folder", &["the home of ann is a link"]);
    assert!(patient.home("ann").is_symlink());
    fs::remove_file(patient.home("ann")).expect("no link");
    fs::write(patient.home("ann"), "a file").expect("a file");
    patient.is_beyond_mending("home_not_a_folder", &["the home of ann is no folder"]);
    assert_eq!(fs::read_to_string(patient.home("ann")).expect("the file"), "a file");
}

#[test]
fn a_home_gets_the_configured_mode_and_keeps_what_it_holds() {
    let patient = Patient::new();
    fs::write(patient.home("ann").join("collection.anki2"), "precious").expect("a file");
    set_mode(&patient.home("ann"), 0o777);
    patient.is_mended("home_mode", &["0777", "0750", "ann"]);
    assert_eq!(mode(&patient.home("ann")), 0o750);
    let kept = fs::read_to_string(patient.home("ann").join("collection.anki2"));
    assert_eq!(kept.expect("the file"), "precious");
}

#[test]
fn a_home_gets_the_configured_group() {
    let group =
        if rustix::process::geteuid().is_root() { 12 } else { rustix::process::getegid().as_raw() };
    let patient = Patient::new();
    let ended = |verb: &[&str]| {
        let mut command = on(&patient.data(), verb);
        let command = command.env("ENLIST_HOMES__GROUP", group.to_string());
        crate::upkeep::end(command.env("ENLIST_HOMES__MODE", "2750"))
    };
    let found = ended(&["doctor"]);
    assert_eq!(found.out.matches("fault home_mode").count(), 3, "{found:?}");
    assert_eq!(ended(&["doctor", "--fix"]).code, Some(0));
    assert_eq!(ended(&["doctor"]).out, "well: 0 faults, 0 notes, 0 mended\n");
}

#[test]
fn an_empty_folder_without_an_account_is_harmless_and_stays() {
    let patient = Patient::new();
    fs::create_dir(patient.home("dan")).expect("a folder");
    patient.is_noted("folder_empty", &["dan", "takes it over"]);
    assert!(is_folder(&patient.home("dan")));
}

#[test]
fn what_holds_something_and_has_no_account_is_told_and_stays() {
    let patient = Patient::new();
    fs::create_dir(patient.home("dan")).expect("a folder");
    fs::write(patient.home("dan").join("collection.anki2"), "precious").expect("a file");
    patient.is_noted("folder_without_account", &["dan", "--adopt"]);
    assert!(patient.home("dan").join("collection.anki2").exists());
}

#[test]
fn a_name_whose_folder_came_back_stays_reserved_and_one_whose_folder_is_gone_is_given_back() {
    let patient = Patient::new();
    patient.sql("INSERT INTO reserved VALUES (1, 'dan', 'dan', 0)");
    fs::create_dir(patient.home("dan")).expect("a folder");
    patient.is_noted("name_reserved", &["dan"]);
    fs::remove_dir(patient.home("dan")).expect("no folder");
    let mended = patient.fix();
    assert!(mended.out.starts_with("mended name_reserved: "), "{mended:?}");
    assert_eq!(ask(&patient.database(), "SELECT count(*) FROM reserved"), "0");
    patient.is_well();
}

#[test]
fn counters_that_do_not_say_what_there_is_are_made_anew() {
    let patient = Patient::new();
    patient.sql("UPDATE usage SET active = 7 WHERE domain = ''");
    patient.is_mended("counter", &["default: the counter says 7 open accounts, and there are 3"]);
    patient.sql("DELETE FROM usage WHERE domain = 'example.com'");
    patient.is_mended("counter", &["domain example.com: the counter says 0", "there are 3"]);
    patient.sql("INSERT INTO usage VALUES (1, 'nobody.example', 1)");
    patient.is_mended("counter", &["domain nobody.example", "there are 0"]);
    let counters = "SELECT group_concat(domain || '=' || active) FROM usage";
    assert_eq!(ask(&patient.database(), counters), "=3,example.com=3");
}

#[test]
fn a_component_whose_bytes_have_changed_is_found() {
    let patient = Patient::new();
    patient.sql("UPDATE components SET bytes = CAST(bytes || x'00' AS BLOB)");
    patient.is_beyond_mending("component_changed", &["sha256:", "enlist restore"]);
}

#[test]
fn a_component_that_nothing_names_is_noted() {
    let patient = Patient::new();
    // The digest of no bytes at all.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    patient.sql(&format!("INSERT INTO components VALUES ('sha256:{empty}', x'')"));
    patient.is_noted("component_unused", &[empty]);
}

#[test]
fn settings_that_have_changed_are_found() {
    let patient = Patient::new();
    patient.sql("UPDATE revisions SET settings = '{\"a\":1}'");
    patient.is_beyond_mending("settings_changed", &["default: the settings of revision 1"]);
}

#[test]
fn a_tenant_whose_active_revision_is_gone_is_found() {
    let patient = Patient::new();
    patient.sql("UPDATE tenants SET active_revision = 9");
    patient.is_beyond_mending("revision_missing", &["default"]);
}

#[test]
fn a_tenant_whose_pointer_and_last_activation_differ_is_found() {
    let patient = Patient::new();
    patient.sql("UPDATE tenants SET activation = NULL");
    patient.is_beyond_mending("revision_missing", &["default"]);
}

#[test]
fn rows_that_speak_of_nothing_are_found() {
    let patient = Patient::new();
    patient.sql("INSERT INTO keys (id, tenant, hash, foreign_form, scopes, created_at) VALUES ('x', 9, x'00', 0, '', 0)");
    patient.is_beyond_mending("dangling", &["keys", "tenants"]);
}

#[test]
fn a_name_under_another_key_and_two_names_in_one_folder_are_found() {
    let patient = Patient::new();
    patient.sql("UPDATE accounts SET name_key = 'other' WHERE name = 'bob'");
    patient.is_beyond_mending("name_key", &["default: the name bob"]);
    patient.sql("UPDATE accounts SET name = 'Ann' WHERE name = 'bob'");
    fs::rename(patient.home("bob"), patient.home("Ann")).expect("another folder");
    let ended = patient.fix();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.out.contains("fault names_collide: default: Ann and ann are one folder"),
        "{ended:?}"
    );
}

#[test]
fn open_accounts_of_a_removed_tenant_are_found() {
    let patient = Patient::new();
    patient.sql("UPDATE tenants SET removed_at = 1");
    patient.is_beyond_mending("removed_tenant", &["default", "3 of its accounts are open"]);
}

/// The way to the rules of the tenant that a test adds.
const SECOND_IS_ACTIVATED: &str =
    "INSERT INTO activations (tenant, revision, at, why) VALUES (2, 1, 0, 'created');
         UPDATE tenants SET activation = last_insert_rowid() WHERE id = 2;";

#[test]
fn home_roots_in_one_another_are_found() {
    let patient = Patient::new();
    let inside = patient.home("ann").join("homes");
    fs::create_dir(&inside).expect("a folder");
    patient.sql(&format!(
        "INSERT INTO tenants (name, active_revision, created_at, home) VALUES ('inner', 1, 0, '{}');
         INSERT INTO revisions (tenant, number, policy, component, settings, settings_digest, made_at)
         SELECT 2, number, policy, component, settings, settings_digest, made_at FROM revisions;
         {SECOND_IS_ACTIVATED}",
        inside.display()
    ));
    patient.is_beyond_mending("home_roots_overlap", &["inner: its home root", "tenant default"]);
}

#[test]
fn homes_of_other_tenants_are_looked_at_where_theirs_are() {
    let patient = Patient::new();
    patient.sql(&format!(
        "INSERT INTO tenants (name, active_revision, created_at) VALUES ('other', 1, 0);
         INSERT INTO revisions (tenant, number, policy, component, settings, settings_digest, made_at)
         SELECT 2, number, policy, component, settings, settings_digest, made_at FROM revisions;
         {SECOND_IS_ACTIVATED}
         INSERT INTO accounts (tenant, issuer, username, name, name_key, state, allowance, revision, created_at)
         VALUES (2, '', 'dan', 'dan', 'dan', 'active', '{{}}', 1, 0),
             (2, '', 'eve', 'eve', 'eve', 'active', '{{}}', 1, 0)",
    ));
    patient.is_beyond_mending("home_root", &["other: ", "tenants/other/homes"]);
    let eves = patient.data().join("tenants/other/homes/eve");
    fs::create_dir_all(&eves).expect("a home root and one home");
    set_mode(&eves, 0o750);
    patient.is_mended("home_missing", &["other: dan has no folder"]);
    assert!(is_folder(&patient.data().join("tenants/other/homes/dan")));
}

#[test]
fn a_damaged_database_is_found_and_not_touched() {
    let patient = Patient::new();
    let bytes = fs::metadata(patient.path()).expect("the database").len();
    let file = File::options().write(true).open(patient.path()).expect("the database");
    file.write_all_at(&[0x5a; 8192], bytes / 2).expect("damage");
    let damaged = fs::read(patient.path()).expect("the database");
    fs::remove_dir(patient.home("bob")).expect("no folder");
    for ended in [patient.doctor(), patient.fix()] {
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.out.contains("fault damaged: ") && ended.out.contains("enlist restore FILE"));
        assert!(!ended.out.contains("\nmended"), "{ended:?}");
    }
    assert!(!patient.home("bob").exists(), "what it says is nothing to go by");
    assert!(fs::read(patient.path()).expect("the database") == damaged);
}

#[test]
fn what_is_no_database_is_found() {
    let patient = Patient::new();
    fs::write(patient.path(), "no database").expect("a file");
    patient.is_beyond_mending("damaged", &["cannot be read", "enlist restore FILE"]);
}

#[test]
fn a_newer_schema_is_refused_and_both_are_named() {
    let patient = Patient::new();
    patient.sql("PRAGMA user_version = 77");
    for ended in [patient.doctor(), patient.fix()] {
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        assert!(
            ended.err.contains("schema 77") && ended.err.contains(&format!("Enlist {SCHEMA}")),
            "{ended:?}"
        );
    }
}

#[test]
fn an_older_schema_is_noted_and_left_to_the_next_start() {
    let patient = Patient::new();
    crate::upkeep::to_schema_1(&patient.path());
    set_mode(&patient.path(), 0o600);
    patient.is_noted("schema", &["schema 1", &format!("this Enlist {SCHEMA}")]);
    assert_eq!(ask(&patient.database(), "SELECT user_version FROM pragma_user_version"), "1");
}

#[test]
fn files_that_others_may_read_are_closed_to_them() {
    let patient = Patient::new();
    set_mode(&patient.path(), 0o644);
    let found = patient.doctor();
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.out.starts_with("fault open_to_others: ") && found.out.contains("0644"));
    // With the files beside it, which take their mode from it.
    assert_eq!(patient.fix().code, Some(0));
    for entry in fs::read_dir(patient.data()).expect("the data folder") {
        let path = entry.expect("an entry").path();
        if path.to_string_lossy().contains("enlist.db") && !path.ends_with("enlist.db.lock") {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
    patient.is_well();
    fs::create_dir(patient.data().join("backups")).expect("a folder");
    let copy = patient.data().join("backups/copy.db");
    fs::copy(patient.path(), &copy).expect("a copy");
    set_mode(&copy, 0o640);
    patient.is_mended("open_to_others", &["0640", "copy.db"]);
}

#[test]
fn keys_that_still_lie_about_are_noted_and_not_read() {
    let patient = Patient::new();
    let keys = patient.data().join("first-keys.json");
    fs::write(&keys, r#"{"operator_key":"enl_op_00000000_secret"}"#).expect("keys");
    set_mode(&keys, 0o600);
    patient.is_noted("first_keys", &["first-keys.json", "delete the file"]);
    assert!(!patient.doctor().out.contains("secret"));
    set_mode(&keys, 0o604);
    let mended = patient.fix();
    assert!(mended.out.contains("mended open_to_others: "), "{mended:?}");
    assert_eq!(mode(&keys), 0o600);
}

#[test]
fn half_a_copy_is_noted_and_stays() {
    let patient = Patient::new();
    let half = patient.data().join("enlist.db.restoring");
    fs::write(&half, "half").expect("a file");
    patient.is_noted("half_copy", &["enlist.db.restoring"]);
    assert!(half.exists());
}

#[tokio::test]
async fn what_a_kill_left_in_the_wal_is_moved_into_the_database() {
    let mut app = App::start();
    three_people(&app).await;
    app.kill();
    let wal = app.data().join("enlist.db-wal");
    assert!(fs::metadata(&wal).expect("a WAL").len() > 0);
    let mended = run(&app.data(), &["doctor", "--fix"]);
    assert_eq!(mended.code, Some(0), "{mended:?}");
    assert!(mended.out.starts_with("mended wal: "), "{mended:?}");
    assert!(fs::metadata(&wal).map_or(0, |found| found.len()) == 0);
    let copy = app.folder.path().join("copy.db");
    fs::copy(app.data().join("enlist.db"), &copy).expect("a copy of the one file");
    let copy = rusqlite::Connection::open(&copy).expect("the copy");
    assert_eq!(ask(&copy, "SELECT count(*) FROM accounts"), "3");
}
