//! Compiled code that outlives the process: found again, known again, mapped when it is asked, let go when there is too much of it;
//! and never used when it is not what was put there.

use super::children::script;
use super::workshop::{House, NO_PROGRAM, PROGRAM, active, name};
use enlist::domain::TenantId;
use enlist::sandbox::{Cache, Limits, NotReady, digest_of};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

#[tokio::test]
async fn what_was_made_once_is_not_made_again_and_needs_no_workshop() {
    let house = House::new();
    let revision = house.revision("x-");
    let first = active(&house.catalog(PROGRAM, 8), 1, revision.clone());
    assert_eq!(name(&first.policy().await.expect("a policy")).await, "x-ann");
    let later = active(&house.catalog(NO_PROGRAM, 8), 1, revision);
    assert_eq!(name(&later.policy().await.expect("a policy")).await, "x-ann");
    assert_eq!(house.made(), 1);
    let cold = active(&house.catalog(NO_PROGRAM, 8), 1, house.revision("y-"));
    assert!(matches!(cold.policy().await, Err(NotReady::Later(_))), "and it was impossible");
}

#[tokio::test]
async fn nobody_else_can_read_or_change_what_is_mapped() {
    let house = House::new();
    fs::create_dir(house.cache()).expect("a folder");
    fs::set_permissions(house.cache(), fs::Permissions::from_mode(0o777)).expect("open to all");
    let workshop = house.workshop(&house.engine(), PROGRAM);
    workshop.make(enlist_artifacts::LOCALPART.to_vec(), "{}".to_owned()).await.expect("code");
    let mode = |path: &Path| fs::metadata(path).expect("it").permissions().mode() & 0o7777;
    assert_eq!(mode(&house.cache()), 0o700);
    assert_eq!(house.files().iter().map(|file| mode(file)).collect::<Vec<_>>(), [0o600]);
}

#[tokio::test]
async fn a_file_that_is_not_what_was_put_there_is_gone_and_made_again() {
    let house = House::new();
    let revision = house.revision("x-");
    let made = active(&house.catalog(PROGRAM, 8), 1, revision.clone());
    made.policy().await.expect("a policy");
    let [file] = &house.files()[..] else { panic!("one file") };
    let right = fs::read(file).expect("code");
    let elsewhere = house.folder.path().join("elsewhere");
    let harm: [(&str, &dyn Fn()); 5] = [
        ("a bit", &|| {
            let mut wrong = right.clone();
            *wrong.last_mut().expect("a byte") ^= 1;
            fs::write(file, wrong).expect("harm");
        }),
        ("cut off", &|| fs::write(file, &right[..right.len() / 2]).expect("harm")),
        ("longer", &|| fs::write(file, [&right[..], b"\0"].concat()).expect("harm")),
        ("gone", &|| fs::remove_file(file).expect("harm")),
        ("a link", &|| {
            fs::write(&elsewhere, &right).expect("a file");
            fs::remove_file(file).expect("harm");
            symlink(&elsewhere, file).expect("a link");
        }),
    ];
    for (done, (what, harm)) in harm.into_iter().enumerate() {
        harm();
        let unusable = active(&house.catalog(NO_PROGRAM, 8), 1, revision.clone());
        assert!(matches!(unusable.policy().await, Err(NotReady::Later(_))), "{what}: not mapped");
        let again = active(&house.catalog(PROGRAM, 8), 1, revision.clone());
        assert_eq!(name(&again.policy().await.expect(what)).await, "x-ann", "{what}");
        assert_eq!(house.made(), done + 2, "{what}");
        assert_eq!(fs::read(file).expect("code"), right, "{what}: the same code again");
        assert!(!fs::symlink_metadata(file).expect("it").is_symlink(), "{what}");
    }
}

#[tokio::test]
async fn code_for_another_engine_is_neither_used_nor_kept() {
    let mut house = House::new();
    let revision = house.revision("x-");
    let here = active(&house.catalog(PROGRAM, 8), 1, revision.clone());
    here.policy().await.expect("a policy");
    let before = house.files();
    house.limits = Limits { memory_bytes: 4 << 20, ..house.limits };
    let elsewhere = active(&house.catalog(NO_PROGRAM, 8), 1, revision.clone());
    assert!(matches!(elsewhere.policy().await, Err(NotReady::Later(_))));
    let made = active(&house.catalog(PROGRAM, 8), 1, revision);
    assert_eq!(name(&made.policy().await.expect("a policy")).await, "x-ann");
    assert_eq!((house.made(), house.files().len()), (2, 2));
    fs::write(house.cache().join("left.half"), b"half").expect("what a crash left");
    fs::create_dir(house.cache().join("lost+found")).expect("what a disk of its own has");
    let cache = Cache::open(&house.cache()).expect("a cache");
    cache.sweep(&house.engine()).expect("a sweep");
    let [left, lost] = &house.files()[..] else { panic!("{:?}", house.files()) };
    assert!(lost.ends_with("lost+found"), "it is not ours");
    assert!(!before.contains(left), "what this engine can use is what is left");
}

#[tokio::test]
async fn of_more_policies_than_may_be_mapped_the_least_recently_used_goes() {
    let house = House::new();
    let catalog = house.catalog(PROGRAM, 2);
    let [a, b, c] = ["a-", "b-", "c-"].map(|prefix| house.revision(prefix));
    let tenants = [active(&catalog, 1, a), active(&catalog, 2, b), active(&catalog, 3, c)];
    assert_eq!((catalog.loaded(), open_in(&house.cache())), (0, 0), "nothing before it is asked");
    let held = tenants[0].policy().await.expect("a policy");
    for (asked, expected) in [(1, "b-ann"), (0, "a-ann"), (2, "c-ann")] {
        let policy = tenants[asked].policy().await.expect("a policy");
        assert_eq!(name(&policy).await, expected);
    }
    drop(held);
    assert_eq!((catalog.loaded(), open_in(&house.cache())), (2, 2));
    let held = tenants[1].policy().await.expect("it comes back");
    assert_eq!(house.made(), 3, "without being made again");
    for round in 0..4 {
        for tenant in [&tenants[0], &tenants[2]] {
            tenant.policy().await.expect("a policy");
            assert!(catalog.loaded() <= 2 && open_in(&house.cache()) <= 3, "round {round}");
        }
    }
    assert_eq!(name(&held).await, "b-ann", "what is in use stays until it is not");
    drop(held);
    assert_eq!(open_in(&house.cache()), 2);
}

/// Descriptors of this process on files below `folder`.
fn open_in(folder: &Path) -> usize {
    let entries = fs::read_dir("/proc/self/fd").expect("descriptors");
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.starts_with(folder)).count()
}

#[tokio::test]
async fn tenants_with_the_same_policy_share_it() {
    let house = House::new();
    let catalog = house.catalog(PROGRAM, 8);
    for tenant in 1..=20 {
        let active = active(&catalog, tenant, house.revision("x-"));
        active.policy().await.expect("a policy");
    }
    assert_eq!((catalog.loaded(), house.made(), open_in(&house.cache())), (1, 1, 1));
    for tenant in 1..=20 {
        catalog.forget(TenantId(tenant));
    }
    assert_eq!((catalog.loaded(), open_in(&house.cache())), (0, 0), "and let go of it together");
}

#[tokio::test]
async fn of_many_who_want_a_policy_at_once_one_has_it_made() {
    let house = House::new();
    let active = active(&house.catalog(PROGRAM, 8), 1, house.revision("x-"));
    let ask = || async { name(&active.policy().await.expect("a policy")).await };
    let names = futures_util::future::join_all((0..16).map(|_| ask())).await;
    assert!(names.iter().all(|name| name == "x-ann"));
    assert_eq!(house.made(), 1);
}

#[tokio::test]
async fn a_swap_is_a_pointer_and_who_began_with_the_old_one_ends_with_it() {
    let house = House::new();
    let catalog = house.catalog(PROGRAM, 1);
    assert!(catalog.active(TenantId(1)).is_none());
    let old = active(&catalog, 1, house.revision("old-"));
    let began = old.policy().await.expect("a policy");
    let new = active(&catalog, 1, house.revision("new-"));
    assert_eq!(name(&new.policy().await.expect("a policy")).await, "new-ann");
    assert_eq!(name(&began).await, "old-ann");
    assert_eq!(*old.revision.settings_digest, *digest_of(br#"{"prefix":"old-"}"#));
    assert!(catalog.active(TenantId(2)).is_none());
}

#[tokio::test]
async fn a_policy_that_cannot_be_made_is_not_tried_again_and_again() {
    let house = House::new();
    let broken = house.revision("x-");
    let key = (broken.component_digest.to_string(), broken.settings_digest.to_string());
    house.swap_settings(&key, r#"{"perfix":"x-"}"#);
    let active = active(&house.catalog(PROGRAM, 8), 1, broken);
    for _ in 0..2 {
        let Err(NotReady::Failed(why)) = active.policy().await else { panic!("a policy") };
        assert!(why.contains("not what its digest says"), "{why}");
    }
    assert_eq!((house.made(), house.files().len()), (0, 0));
}

#[tokio::test]
async fn a_policy_whose_making_dies_is_made_again_later_without_a_restart() {
    let house = House::new();
    let revision = house.revision("x-");
    let died = house.folder.path().join("died");
    let does =
        format!("[ -e {0} ] && exec {PROGRAM} \"$@\"; : > {0}; kill -KILL $$", died.display());
    let program = script(&house, &does);
    let active = active(&house.catalog(program.to_str().expect("a path"), 8), 1, revision);
    let Err(NotReady::Later(why)) = active.policy().await else { panic!("it is not judged") };
    assert!(died.exists() && why.contains("component_too_costly"), "{why}");
    let policy = loop {
        match active.policy().await {
            Ok(policy) => break policy,
            Err(NotReady::Later(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(why) => panic!("{why}"),
        }
    };
    assert_eq!(name(&policy).await, "x-ann");
}

#[tokio::test]
async fn many_who_make_the_same_at_once_have_it_made_once_and_all_have_it() {
    let house = House::new();
    let workshop = house.workshop(&house.engine(), PROGRAM);
    let make = || workshop.make(enlist_artifacts::LOCALPART.to_vec(), "{}".to_owned());
    let made = futures_util::future::join_all((0..16).map(|_| make())).await;
    assert!(made.iter().all(|one| one.is_ok() && *one == made[0]), "{made:?}");
    assert_eq!((house.made(), house.files().len()), (1, 1));
    make().await.expect("whoever comes later has it made again");
    assert_eq!((house.made(), house.files().len()), (2, 1));
}
