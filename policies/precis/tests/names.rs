//! What the policy makes of what a provider sends, natively: the rule alone, without the sandbox and the host's own checks.

use enlist_policy::{Assurance, Policy, Request, configured};
use enlist_precis::Precis;
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert_eq, proptest};

fn name_of(request: &Request) -> Result<String, String> {
    named_by(&policy("{}"), request)
}

fn policy(settings: &str) -> Precis {
    configured(settings).expect("settings")
}

fn named_by(policy: &Precis, request: &Request) -> Result<String, String> {
    match policy.derive(request) {
        Ok(mut names) => Ok(names.remove(0)),
        Err(refusal) => Err(refusal.code),
    }
}

/// The name for an address, which is the same whether it is the verified e-mail or the provider's own name.
fn named(address: &str) -> Result<String, String> {
    let by_username = name_of(&Request::by_hand(address));
    let by_email = name_of(&Request::by_hand("somebody-else").with_email(address));
    assert_eq!(by_username, by_email, "{address:?} is read alike wherever it stands");
    by_email
}

#[test]
fn a_name_in_any_script_has_one_spelling() {
    for (address, name) in [
        ("testuser@example.com", "testuser"),
        ("Test.User@x", "test.user"),
        ("ann+anki@x", "ann+anki"),
        ("Σίσυφος@x", "σίσυφος"),
        ("ＡＢ@x", "ab"),
        ("日本語@x", "日本語"),
        ("Елена@x", "елена"),
        ("fußball@x", "fußball"),
        ("fussball@x", "fussball"),
        ("\u{1100}\u{1161}@x", "가"),
        ("مُحَمَّد@x", "مُحَمَّد"),
        ("7@x", "7"),
    ] {
        assert_eq!(named(address).as_deref(), Ok(name), "{address}");
    }
    let uuid = "0b0f2a4e-7c7e-4f3b-9a53-0d3f1f1d9c11";
    assert_eq!(name_of(&Request::by_hand(uuid)).as_deref(), Ok(uuid));
    assert_eq!(name_of(&Request::by_hand("Google_1234")).as_deref(), Ok("google_1234"));
}

#[test]
fn what_could_be_misread_is_refused_and_never_repaired() {
    for (address, code) in [
        ("a@b@c", "ambiguous_email"),
        ("a\u{ff20}b@c", "ambiguous_email"),
        ("\"q q\"@x", "ambiguous_email"),
        ("foo bar@x", "ambiguous_email"),
        ("..@x", "ambiguous_email"),
        ("@x", "empty"),
        ("．．／etc@x", "charset"),
        ("a/b@x", "charset"),
        ("user+mailbox/department=shipping@x", "charset"),
        ("o'neill@x", "charset"),
        ("_a@x", "charset"),
        ("-a@x", "charset"),
        ("a+@x", "charset"),
        ("\u{301}a@x", "charset"),
        ("l·l@x", "charset"),
        ("\u{212a}evin@x", "precis_disallowed"),
        ("ﬀ@x", "precis_disallowed"),
        ("a\u{200b}b@x", "precis_disallowed"),
        ("a·a@x", "precis_context"),
        ("אa@x", "precis_bidi"),
        ("\u{915}\u{951}\u{94d}\u{200d}@x", "precis_unstable"),
        ("p\u{430}ypal@x", "mixed_script"),
        ("g\u{43e}\u{43e}gle@x", "mixed_script"),
        ("a०@x", "mixed_script"),
        ("Ꭰ@x", "confusable_restricted"),
        ("ᴮᴵᴳ@x", "precis_disallowed"),
        ("ꙁ@x", "confusable_restricted"),
        ("א\u{5b0}ב@x", "confusable_restricted"),
        ("admin@x", "reserved"),
        ("ADMIN@x", "reserved"),
        ("adm\u{131}n@x", "reserved"),
    ] {
        assert_eq!(named(address), Err(code.to_owned()), "{address:?}");
    }
    for (username, code) in
        [("", "empty"), ("foo bar", "precis_disallowed"), ("\u{ff20}", "charset")]
    {
        assert_eq!(name_of(&Request::by_hand(username)), Err(code.to_owned()), "{username:?}");
    }
}

#[test]
fn sixty_four_characters_and_255_bytes_are_the_most() {
    let longest = "a".repeat(64);
    assert_eq!(named(&format!("{longest}@x")), Ok(longest));
    assert_eq!(named(&format!("{}@x", "a".repeat(65))), Err("length".to_owned()));
    // 64 characters of 4 bytes each.
    assert_eq!(named(&format!("{}@x", "\u{2070e}".repeat(64))), Err("length".to_owned()));
    assert_eq!(named(&format!("{}@x", "\u{2070e}".repeat(63))), Ok("\u{2070e}".repeat(63)));
    let jamo = "\u{1100}\u{1161}\u{11a8}";
    assert_eq!(named(&format!("{}@x", jamo.repeat(64))), Ok("각".repeat(64)));
    assert_eq!(name_of(&Request::by_hand(&"(".repeat(1_000_000))), Err("length".to_owned()));
}

#[test]
fn an_address_nobody_vouches_for_is_no_source() {
    let mut request = Request::by_hand("Google_1234").with_email("ann@example.com");
    for (assurance, name) in [
        (Assurance::Verified, "ann"),
        (Assurance::Pending, "ann"),
        (Assurance::Unverified, "google_1234"),
    ] {
        request.applicant.email.as_mut().expect("an e-mail").assurance = assurance;
        assert_eq!(name_of(&request).as_deref(), Ok(name), "{assurance:?}");
    }
}

#[test]
fn settings_reserve_names_and_every_mistake_in_them_is_named() {
    let own = policy(r#"{"reserved":["Straße","Boss"],"reserved_builtin":false}"#);
    for (username, answer) in [
        ("STRASSE", Err("reserved")),
        ("b0ss", Ok("b0ss")),
        ("boss", Err("reserved")),
        ("admin", Ok("admin")),
    ] {
        let named = named_by(&own, &Request::by_hand(username));
        assert_eq!(named.as_deref().map_err(String::as_str), answer, "{username}");
    }
    let both = policy(r#"{"reserved":["boss"]}"#);
    assert_eq!(named_by(&both, &Request::by_hand("admin")), Err("reserved".to_owned()));
    assert_eq!(named_by(&both, &Request::by_hand("boss")), Err("reserved".to_owned()));

    let problems =
        configured::<Precis>(r#"{"reserved":["a b","ok","","x/y"]}"#).err().expect("refused");
    let places: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(places, ["/reserved/0", "/reserved/2", "/reserved/3"]);
    let problems = configured::<Precis>(r#"{"lower":true}"#).err().expect("refused");
    assert_eq!(problems[0].path, "/lower");
}

fn text() -> impl Strategy<Value = String> {
    let odd: Vec<char> = "aZ09._+-@ßıİΣς日カはคאب\u{5b0}\u{1100}\u{1161}Ａ．éе".chars().collect();
    let c = prop_oneof![4 => prop::sample::select(odd), 1 => any::<char>()];
    prop::collection::vec(c, 0..9).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_name_gets_itself(text in text()) {
        if let Ok(name) = name_of(&Request::by_hand(&text)) {
            prop_assert_eq!(name_of(&Request::by_hand(&name)), Ok(name));
        }
    }
}
