//! What the default rule makes of what a provider sends, natively: the rule alone, without the sandbox and the host's own checks.

use enlist_localpart::LocalPart;
use enlist_policy::{Policy, Request, configured};

fn name_of(request: &Request) -> Result<String, String> {
    let policy: LocalPart = configured("{}").expect("no settings are settings");
    match policy.derive(request) {
        Ok(mut names) => Ok(names.remove(0)),
        Err(refusal) => Err(refusal.code),
    }
}

fn named(source: &str) -> Result<String, String> {
    let by_username = name_of(&Request::by_hand(source));
    let by_email = name_of(&Request::by_hand("somebody-else").with_email(source));
    assert_eq!(by_username, by_email, "{source:?} is read alike wherever it stands");
    by_email
}

#[test]
fn a_local_part_is_taken_byte_for_byte() {
    for (source, name) in [
        ("testuser@example.com", "testuser"),
        ("Test.User@x", "Test.User"),
        ("ann+anki@example.com", "ann+anki"),
        ("a@x", "a"),
        ("7@x", "7"),
        ("20240101@x", "20240101"),
        ("a-@x", "a-"),
        ("a_@x", "a_"),
        ("con@x", "con"),
        ("Google_1234", "Google_1234"),
        ("0b0f2a4e-7c7e-4f3b-9a53-0d3f1f1d9c11", "0b0f2a4e-7c7e-4f3b-9a53-0d3f1f1d9c11"),
    ] {
        assert_eq!(named(source), Ok(name.to_owned()), "{source:?}");
    }
}

#[test]
fn what_could_be_misread_is_refused_and_never_repaired() {
    for (source, code) in [
        ("a@b@c", "ambiguous_email"),
        ("@@", "ambiguous_email"),
        ("@x", "empty"),
        ("", "empty"),
        ("@", "empty"),
        ("..@x", "charset"),
        ("a..b@x", "charset"),
        (".a@x", "charset"),
        ("a.@x", "charset"),
        ("a+@x", "charset"),
        ("+a@x", "charset"),
        ("-a@x", "charset"),
        ("_a@x", "charset"),
        ("a/b@x", "charset"),
        ("\"q q\"@x", "charset"),
        ("a b@x", "charset"),
        ("a\0@x", "charset"),
        ("a\n@x", "charset"),
        ("\u{ff41}@x", "charset"),
        ("stra\u{df}e@x", "charset"),
    ] {
        assert_eq!(named(source), Err(code.to_owned()), "{source:?}");
    }
}

#[test]
fn sixty_four_bytes_are_the_most() {
    let longest = "a".repeat(64);
    assert_eq!(named(&longest), Ok(longest.clone()));
    assert_eq!(named(&"a".repeat(65)), Err("length".to_owned()));
    assert_eq!(named(&format!("{}@x", "a".repeat(65))), Err("length".to_owned()));
}

#[test]
fn the_email_goes_before_the_username() {
    let request = Request::by_hand("Google_1234").with_email("ann@example.com");
    assert_eq!(name_of(&request), Ok("ann".to_owned()));
}

#[test]
fn any_setting_is_one_too_many() {
    let problems = configured::<LocalPart>(r#"{"lower":true}"#).err().expect("refused");
    assert_eq!(problems[0].path, "/lower");
}
