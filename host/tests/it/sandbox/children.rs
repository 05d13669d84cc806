//! Where policies are made: the child is limited, knows nothing, and dies with whoever asked; what it cannot make is turned away with
//! a reason, and what keeps it from trying is said to be something else.

use super::workshop::{House, NO_PROGRAM, PROGRAM};
use enlist::sandbox::{Allotment, Limits, MakeError, Problem, digest_of};
use enlist_artifacts::{LOCALPART, honest::CANDIDATES, hostile};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Within every count, and yet long to compile.
pub(crate) fn costly() -> Vec<u8> {
    let body = "(i64.store (i32.wrap_i64 (local.get 0)) (i64.mul (local.get 0) (i64.const 3)))";
    let function = format!("(func (param i64) {})", body.repeat(60));
    let module = format!("(core module (memory 1) {})", function.repeat(12_000));
    wat::parse_str(format!("(component {module})")).expect("a component")
}

fn turned_away(made: Result<enlist::sandbox::Made, MakeError>) -> (&'static str, String) {
    match made {
        Err(MakeError::TurnedAway { code, detail, .. }) => (code.as_str(), detail),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_made_is_in_the_cache_with_its_digests_and_notes() {
    let house = House::new();
    let engine = house.engine();
    let workshop = house.workshop(&engine, PROGRAM);
    let settings = r#"{"prefix":"x-"}"#;
    let made = workshop.make(CANDIDATES.to_vec(), settings.to_owned()).await.expect("a policy");
    assert_eq!(made.component_digest, digest_of(CANDIDATES));
    assert_eq!(made.settings_digest, digest_of(settings.as_bytes()));
    assert_eq!(made.notes[0], "every name begins with x-");
    assert!(made.notes[1].starts_with("host: not idempotent: "), "{:?}", made.notes);
    let [file] = &house.files()[..] else { panic!("one file") };
    assert_eq!(made.code_digest, digest_of(&fs::read(file).expect("code")));
    assert!(file.file_name().expect("a name").to_string_lossy().starts_with(&made.engine));
    assert!(workshop.has(&made.component_digest, &made.settings_digest));
    assert!(!workshop.has(&made.component_digest, &digest_of(b"{}")));
}

#[tokio::test]
async fn every_problem_of_settings_is_told_with_where_it_is() {
    let house = House::new();
    let workshop = house.workshop(&house.engine(), PROGRAM);
    let made = workshop.make(hostile::REFUSES_SETTINGS.to_vec(), "{}".to_owned()).await;
    let Err(MakeError::TurnedAway { code, problems, .. }) = made else { panic!("{made:?}") };
    let problem =
        |path: &str, message: &str| Problem { path: path.to_owned(), message: message.to_owned() };
    assert_eq!(code.as_str(), "settings_refused");
    let both =
        [problem("", "no settings are good enough"), problem("/a~1b/0", "not even this one")];
    assert_eq!(problems, both);
    assert!(house.files().is_empty() && house.made() == 0, "and nothing is left");
}

#[tokio::test]
async fn a_component_that_takes_too_long_or_too_much_is_ended_and_the_next_one_is_made() {
    let mut house = House::new();
    house.limits = Limits { settings_memory_bytes: 4 << 20, memory_bytes: 1 << 20, ..house.limits };
    let (engine, costly) = (house.engine(), costly());
    for (allotment, words) in [
        (Allotment { cpu_seconds: 1, ..Allotment::of(&house.limits) }, "processor time"),
        (Allotment { address_space_bytes: 320 << 20, ..Allotment::of(&house.limits) }, "memory"),
    ] {
        let workshop = house.workshop_with(&engine, PROGRAM, allotment);
        let (code, detail) = turned_away(workshop.make(costly.clone(), "{}".to_owned()).await);
        assert_eq!(code, "component_too_costly", "{detail}");
        assert!(detail.contains(words), "{detail}");
        assert!(house.files().is_empty() && house.made() == 0, "and nothing is left");
    }
    let honest = Allotment { address_space_bytes: 320 << 20, ..Allotment::of(&house.limits) };
    let workshop = house.workshop_with(&engine, PROGRAM, honest);
    workshop.make(LOCALPART.to_vec(), "{}".to_owned()).await.expect("it takes no more than that");
}

#[tokio::test]
async fn settings_that_never_end_or_ask_for_gigabytes_are_ended_inside_the_child() {
    let house = House::new();
    let workshop = house.workshop(&house.engine(), PROGRAM);
    for (component, words) in [
        (hostile::SPIN_CONFIGURE, "OutOfFuel in configure"),
        (hostile::HOARD_SETTINGS, "limits.settings_memory"),
        (hostile::SPIN_START, "OutOfFuel in start"),
        (hostile::TRAP, "Trapped in admit"),
    ] {
        let (code, detail) = turned_away(workshop.make(component.to_vec(), "{}".to_owned()).await);
        assert_eq!(code, "sample_failed", "{detail}");
        assert!(detail.contains(words), "{detail}");
    }
    assert!(house.files().is_empty() && house.made() == 0);
}

/// The children of `parent` that make something and whose command line has these words.
pub(crate) fn children(parent: u32, words: &str) -> Vec<PathBuf> {
    let own = parent.to_string();
    let entries = fs::read_dir("/proc").expect("processes");
    let processes = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_ours = |path: &PathBuf| {
        let read = |name: &str| fs::read_to_string(path.join(name)).unwrap_or_default();
        let parent = read("stat").rsplit_once(") ").map(|(_, rest)| rest.to_owned());
        let parent = parent.unwrap_or_default().split(' ').nth(1).map(str::to_owned);
        let line = read("cmdline").replace('\0', " ");
        line.contains("make-revision") && line.contains(words) && parent.as_ref() == Some(&own)
    };
    processes.filter(is_ours).collect()
}

#[tokio::test]
async fn the_child_is_limited_and_last_served_knows_nothing_and_dies_with_who_asked() {
    let house = House::new();
    // Which tells it from the children of other tests.
    let allotment = Allotment { address_space_bytes: 77_777_777_777, cpu_seconds: 33 };
    let workshop = Arc::new(house.workshop_with(&house.engine(), PROGRAM, allotment));
    let making = tokio::spawn({
        let workshop = Arc::clone(&workshop);
        async move { workshop.make(costly(), "{}".to_owned()).await }
    });
    let (child, limits) = loop {
        assert!(!making.is_finished(), "{:?}", making.await);
        tokio::task::yield_now().await;
        let Some(child) = children(std::process::id(), "77777777777").pop() else { continue };
        let limits = fs::read_to_string(child.join("limits")).unwrap_or_default();
        // The last that it limits.
        if limits.lines().any(|line| line.starts_with("Max cpu time") && line.contains(" 33 ")) {
            break (child, limits);
        }
    };
    let limit = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max address space"), ["77777777777", "77777777777"]);
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert_eq!(limit("Max open files"), ["64", "64"]);
    assert_eq!(limit("Max cpu time"), ["33", "38"]);
    let read = |name: &str| fs::read_to_string(child.join(name)).expect(name);
    let mut environment: Vec<_> =
        read("environ").split_terminator('\0').map(str::to_owned).collect();
    environment.sort();
    assert_eq!(environment, ["MALLOC_ARENA_MAX=2", "RAYON_NUM_THREADS=2"]);
    assert_eq!(fs::read_link(child.join("cwd")).expect("a folder"), PathBuf::from("/"));
    assert_eq!(read("oom_score_adj").trim(), "1000");
    let nice =
        read("stat").rsplit_once(") ").expect("a status").1.split(' ').nth(16).map(str::to_owned);
    assert_eq!(nice.as_deref(), Some("19"));
    let open = fs::read_dir(child.join("fd")).expect("descriptors").filter_map(|entry| {
        let link = fs::read_link(entry.ok()?.path()).ok()?;
        Some(link.to_string_lossy().into_owned())
    });
    let foreign: Vec<_> =
        open.filter(|link| link.contains(".db") || link.contains("socket")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    making.abort();
    let _ = making.await;
    while lives(&child) {
        tokio::task::yield_now().await;
    }
}

/// Whether this process has not ended.
pub(crate) fn lives(process: &Path) -> bool {
    fs::read_to_string(process.join("stat")).is_ok_and(|status| !status.contains(") Z "))
}

/// A program that does this.
pub(super) fn script(house: &House, does: &str) -> PathBuf {
    let file = house.folder.path().join("program");
    fs::write(&file, format!("#!/bin/sh\n{does}\n")).expect("a script");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).expect("a program");
    file
}

#[tokio::test]
async fn what_keeps_a_child_from_its_work_is_not_the_components_fault() {
    let house = House::new();
    let engine = house.engine();
    let make = async |program: PathBuf| {
        let workshop = house.workshop_with(&engine, program, Allotment::of(&house.limits));
        workshop.make(LOCALPART.to_vec(), "{}".to_owned()).await
    };
    for program in [PathBuf::from(NO_PROGRAM), script(&house, "cat > /dev/null; echo nonsense")] {
        let made = make(program).await;
        assert!(matches!(made, Err(MakeError::Unavailable(_))), "{made:?}");
    }
    for (does, code) in [
        ("kill -XCPU $$", "component_too_costly"),
        ("kill -KILL $$", "component_too_costly"),
        ("kill -SEGV $$", "component_invalid"),
        ("exit 3", "component_invalid"),
    ] {
        assert_eq!(turned_away(make(script(&house, does)).await).0, code, "{does}");
    }
    assert!(house.files().is_empty() && house.made() == 0);
}

#[tokio::test]
async fn more_than_can_wait_are_told_so_at_once() {
    let house = House::new();
    let program = script(&house, "exec sleep 600");
    let workshop =
        Arc::new(house.workshop_with(&house.engine(), program, Allotment::of(&house.limits)));
    let make = || {
        let workshop = Arc::clone(&workshop);
        async move { workshop.make(LOCALPART.to_vec(), "{}".to_owned()).await }
    };
    let waiting: Vec<_> = (0..34).map(|_| tokio::spawn(make())).collect();
    tokio::task::yield_now().await;
    assert_eq!(make().await, Err(MakeError::Busy));
    for one in waiting {
        assert!(!one.is_finished());
        one.abort();
    }
}
