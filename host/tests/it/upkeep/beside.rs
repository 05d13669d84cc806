//! `enlist doctor` beside a server that works: it looks, and what happens meanwhile is no finding.

use crate::app::App;
use crate::upkeep::{Ended, on, person, run, three_people};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::process::Stdio;

#[tokio::test]
async fn beside_a_running_server_it_looks_and_does_not_mend() {
    let app = App::start();
    three_people(&app).await;
    let ended = run(&app.data(), &["doctor"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "well: 0 faults, 0 notes, 0 mended\n"));
    fs::remove_dir(app.homes().join("ann")).expect("no folder");
    let ended = run(&app.data(), &["doctor", "--fix"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.err.contains("stop that server first"), "{ended:?}");
    assert!(!app.homes().join("ann").exists());
    let ended = run(&app.data(), &["doctor"]);
    assert!(ended.out.starts_with("fault home_missing: "), "{ended:?}");
    fs::create_dir(app.homes().join("ann")).expect("a folder");
}

#[tokio::test]
async fn an_account_that_is_opened_meanwhile_is_no_finding() {
    let app = App::start();
    three_people(&app).await;
    let mut doctor = on(&app.data(), &["doctor"]);
    doctor.env("ENLIST_HOLD_AT", "doctor_accounts_read");
    let looking = doctor.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a doctor");
    let id = looking.id();
    let is_held = || {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("the process");
        let (_, state) = stat.rsplit_once(") ").expect("a state");
        assert!(!state.starts_with('Z'), "it has ended, and was never held");
        state.starts_with('T')
    };
    while !is_held() {
        tokio::task::yield_now().await;
    }
    // It knows the accounts by now, and no folder yet.
    app.enlist(&person("dan")).await;
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).expect("an id");
    kill_process(pid, Signal::CONT).expect("it goes on");
    let ended = Ended::of(looking.wait_with_output().expect("an end"));
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "well: 0 faults, 0 notes, 0 mended\n"));
}
