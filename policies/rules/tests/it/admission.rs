//! Who is let in: lists, rules, and what is not decided on an address that nobody verified.

use crate::people::{admitted, assured, grouped, rules, somebody};
use enlist_policy::Assurance::{Pending, Unverified, Verified};
use enlist_policy::{Policy, Request};

fn no(code: &str) -> Result<(), String> {
    Err(code.to_owned())
}

#[test]
fn without_settings_everybody_is_let_in() {
    let rules = rules("");
    assert_eq!(admitted(&rules, &Request::by_hand("ann")), Ok(()));
    for assurance in [Verified, Pending, Unverified] {
        assert_eq!(admitted(&rules, &assured("ann@example.com", assurance)), Ok(()));
    }
}

#[test]
fn being_on_one_list_is_enough_and_an_empty_one_has_nobody_on_it() {
    let both = rules(
        "[allow]\ndomains = [\"example.com\", \"*.example.org\", \"bücher.example\"]\nemails = [\"guest@else.example\", \"*@few.example\"]",
    );
    for address in [
        "ann@example.com",
        "ann@EXAMPLE.com",
        "ann@a.b.example.org",
        "guest@else.example",
        "Guest@ELSE.example",
        "anybody@few.example",
    ] {
        assert_eq!(admitted(&both, &somebody(address)), Ok(()), "{address}");
    }
    for address in [
        "ann@example.org",
        "ann@notexample.org",
        "ann@sub.example.com",
        "ann@else.example",
        "ann@example.com.evil.example",
    ] {
        assert_eq!(admitted(&both, &somebody(address)), no("not_allowed"), "{address}");
    }
    let mut idn = somebody("ann@bücher.example");
    if let Some(email) = &mut idn.applicant.email {
        email.domain = "xn--bcher-kva.example".to_owned();
    }
    assert_eq!(admitted(&both, &idn), Ok(()));
    for nobody in [
        "[allow]",
        "[allow]\ndomains = []",
        "[allow]\nemails = []\ngroups = []",
        "[allow.attributes]\n",
        "[allow]\nsubs = []",
    ] {
        let rules = rules(nobody);
        assert_eq!(admitted(&rules, &somebody("ann@example.com")), no("not_allowed"), "{nobody}");
    }
    let one = rules("[allow]\nemails = []\ndomains = [\"example.com\"]");
    assert_eq!(admitted(&one, &somebody("ann@example.com")), Ok(()));
}

#[test]
fn deny_beats_allow() {
    let rules = rules(
        "[allow]\ndomains = [\"example.com\"]\n[deny]\nemails = [\"eve@example.com\"]\ngroups = [\"left\"]\nsubs = [\"sub-9\"]\nusernames = [\"nocase:MALLORY\"]",
    );
    assert_eq!(admitted(&rules, &somebody("ann@example.com")), Ok(()));
    assert_eq!(admitted(&rules, &somebody("Eve@example.com")), no("denied"));
    assert_eq!(
        admitted(&rules, &grouped(somebody("ann@example.com"), &["staff", "left"])),
        no("denied")
    );
    let mut sub = somebody("ann@example.com");
    sub.applicant.subject = Some("sub-9".to_owned());
    assert_eq!(admitted(&rules, &sub), no("denied"));
    let mut named = somebody("ann@example.com");
    named.applicant.username = "Mallory".to_owned();
    assert_eq!(admitted(&rules, &named), no("denied"));
}

#[test]
fn lists_go_by_groups_names_subjects_and_attributes() {
    let rules = rules(
        "trusted_attributes = [\"custom:dept\"]\n[allow]\ngroups = [\"staff\", \"team-*\", \"nocase:Öffentlich\"]\nusernames = [\"ann\", \"Google_*\"]\nsubs = [\"0b0f?\"]\n[allow.attributes]\n\"custom:dept\" = [\"eng\"]",
    );
    let by_hand = || Request::by_hand("bob");
    for group in ["staff", "team-x", "öffentlich", "ÖFFENTLICH"] {
        assert_eq!(admitted(&rules, &grouped(by_hand(), &["x", group])), Ok(()), "{group}");
    }
    for group in ["Staff", "team", "staff "] {
        assert_eq!(admitted(&rules, &grouped(by_hand(), &[group])), no("not_allowed"), "{group}");
    }
    for (username, answer) in [("ann", Ok(())), ("Google_17", Ok(())), ("Ann", no("not_allowed"))] {
        assert_eq!(admitted(&rules, &Request::by_hand(username)), answer, "{username}");
    }
    let mut sub = by_hand();
    sub.applicant.subject = Some("0b0f2".to_owned());
    assert_eq!(admitted(&rules, &sub), Ok(()));
    assert_eq!(
        admitted(
            &rules,
            &by_hand().with_attribute("custom:dept", "ops").with_attribute("custom:dept", "eng")
        ),
        Ok(())
    );
    assert_eq!(admitted(&rules, &by_hand().with_attribute("dept", "eng")), no("not_allowed"));
}

#[test]
fn nothing_is_decided_on_an_address_that_nobody_verified() {
    for settings in [
        "[allow]\ndomains = [\"example.com\"]",
        "[allow]\nemails = [\"ann@example.com\"]",
        "[deny]\ndomains = [\"evil.example\"]",
        "[[rules]]\nwhen = {attr = \"domain\", op = \"eq\", value = \"example.com\"}\nthen = {allow = true}",
        "[[rules]]\nwhen = {not = {attr = \"email\", op = \"eq\", value = \"eve@example.com\"}}\nthen = {allow = true}",
        "require_verified_email = true",
    ] {
        let rules = rules(settings);
        assert_eq!(admitted(&rules, &assured("ann@example.com", Verified)), Ok(()), "{settings}");
        assert_eq!(admitted(&rules, &assured("ann@example.com", Pending)), Ok(()), "{settings}");
        assert_eq!(
            admitted(&rules, &assured("ann@example.com", Unverified)),
            no("email_unverified"),
            "{settings}"
        );
        assert_eq!(
            admitted(&rules, &Request::by_hand("ann@example.com")),
            no("email_unverified"),
            "{settings}"
        );
    }
    // Unless it is said.
    let said = rules("allow_unverified_email = true\n[allow]\ndomains = [\"example.com\"]");
    assert_eq!(admitted(&said, &assured("ann@example.com", Unverified)), Ok(()));
    assert_eq!(admitted(&said, &assured("ann@else.example", Unverified)), no("not_allowed"));
}

#[test]
fn what_is_only_claimed_lets_nobody_in_and_keeps_out() {
    // Whoever has no verified address may come, but not by the address, and not past a deny on it.
    let rules = rules(
        r#"
        require_verified_email = false
        default_action = "deny"
        [deny]
        domains = ["evil.example"]
        [[rules]]
        when = {attr = "groups", op = "eq", value = "staff"}
        then = {allow = true}
        [[rules]]
        when = {any = [{attr = "domain", op = "eq", value = "example.com"}, {not = {attr = "domain", op = "eq", value = "other.example"}}]}
        then = {allow = true}
        "#,
    );
    assert_eq!(admitted(&rules, &assured("ann@example.com", Verified)), Ok(()));
    assert_eq!(admitted(&rules, &assured("ann@example.com", Unverified)), no("not_allowed"));
    assert_eq!(
        admitted(&rules, &grouped(assured("ann@example.com", Unverified), &["staff"])),
        Ok(())
    );
    assert_eq!(
        admitted(&rules, &grouped(assured("ann@evil.example", Unverified), &["staff"])),
        no("denied")
    );
    let denies = crate::people::rules(
        "require_verified_email = false\n[[rules]]\nwhen = {attr = \"domain\", op = \"eq\", value = \"evil.example\"}\nthen = {deny = \"evil\"}",
    );
    assert_eq!(admitted(&denies, &assured("ann@good.example", Verified)), Ok(()));
    assert_eq!(admitted(&denies, &assured("ann@good.example", Unverified)), no("evil"));
    assert_eq!(admitted(&denies, &Request::by_hand("ann")), Ok(()));
}

#[test]
fn the_first_rule_that_allows_or_denies_ends_them() {
    let settings = |action: &str| {
        rules(&format!(
            r#"
            default_action = "{action}"
            trusted_attributes = ["groups", "custom:level"]
            [[rules]]
            name = "left"
            when = {{attr = "cognito:groups", op = "in", value = ["left", "suspended"]}}
            then = {{deny = {{code = "gone", message = "You have left"}}}}
            [[rules]]
            when = {{all = [{{attr = "custom:level", op = "ge", value = 3}}, {{attr = "custom:level", op = "lt", value = 10}}]}}
            then = {{allow = true}}
            [[rules]]
            when = {{attr = "custom:level", op = "exists"}}
            then = {{deny = "low"}}
            "#
        ))
    };
    let level = |level: &str| Request::by_hand("ann").with_attribute("custom:level", level);
    let (open, shut) = (settings("allow"), settings("deny"));
    for rules in [&open, &shut] {
        assert_eq!(admitted(rules, &level("3")), Ok(()));
        assert_eq!(admitted(rules, &level("2")), no("low"));
        assert_eq!(admitted(rules, &level("10")), no("low"));
        let refusal = rules.admit(&grouped(level("5"), &["suspended"])).expect_err("gone");
        assert_eq!(
            (refusal.code.as_str(), refusal.message.as_str(), refusal.detail.as_deref()),
            ("gone", "You have left", Some("left"))
        );
    }
    assert_eq!(admitted(&open, &Request::by_hand("ann")), Ok(()));
    assert_eq!(admitted(&shut, &Request::by_hand("ann")), no("not_allowed"));
}

#[test]
fn a_value_of_another_type_matches_where_it_keeps_out_and_nowhere_else() {
    for (op, value) in [("ge", "18"), ("lt", "18"), ("eq", "18"), ("eq", "true"), ("in", "[1, 2]")]
    {
        let when = format!("when = {{attr = \"custom:x\", op = \"{op}\", value = {value}}}");
        let odd = Request::by_hand("ann").with_attribute("custom:x", "many");
        let denies = rules(&format!("[[rules]]\n{when}\nthen = {{deny = \"odd\"}}"));
        assert_eq!(admitted(&denies, &odd), no("odd"), "{when}");
        let notes = enlist_policy::notes::take();
        assert!(
            notes.iter().any(|note| note.contains("rules/0") && note.contains("taken as true")),
            "{notes:?}"
        );
        assert_eq!(admitted(&denies, &Request::by_hand("ann")), Ok(()), "not there is not odd");
        let allows = rules(&format!(
            "default_action = \"deny\"\ntrusted_attributes = [\"custom:x\"]\n[[rules]]\n{when}\nthen = {{allow = true}}"
        ));
        assert_eq!(admitted(&allows, &odd), no("not_allowed"), "{when}");
        let negated = rules(&format!(
            "default_action = \"deny\"\ntrusted_attributes = [\"custom:x\"]\n[[rules]]\n{}\nthen = {{allow = true}}",
            when.replace("when = ", "when = {not = ") + "}"
        ));
        assert_eq!(admitted(&negated, &odd), no("not_allowed"), "not {when}");
    }
}

#[test]
fn every_comparison_says_what_it_says() {
    let someone = || {
        somebody("ann@sub.example.com")
            .with_attribute("n", "7")
            .with_attribute("many", "a")
            .with_attribute("many", "b")
            .with_attribute("yes", "true")
    };
    for (condition, holds) in [
        (r#"{attr = "many", op = "eq", value = "b"}"#, true),
        (r#"{attr = "many", op = "ne", value = "b"}"#, false),
        (r#"{attr = "many", op = "ne", value = "c"}"#, true),
        (r#"{attr = "none", op = "ne", value = "c"}"#, false),
        (r#"{not = {attr = "none", op = "eq", value = "c"}}"#, true),
        (r#"{attr = "many", op = "in", value = ["c", "a"]}"#, true),
        (r#"{attr = "many", op = "in", value = []}"#, false),
        (r#"{attr = "many", op = "glob", value = "?"}"#, true),
        (r#"{attr = "none", op = "exists"}"#, false),
        (r#"{attr = "none", op = "exists", value = false}"#, true),
        (r#"{attr = "n", op = "exists"}"#, true),
        (r#"{attr = "n", op = "eq", value = 7}"#, true),
        (r#"{attr = "n", op = "eq", value = "7"}"#, true),
        (r#"{attr = "n", op = "ne", value = 8}"#, true),
        (r#"{attr = "n", op = "lt", value = 7}"#, false),
        (r#"{attr = "n", op = "ge", value = 7}"#, true),
        (r#"{attr = "yes", op = "eq", value = true}"#, true),
        (r#"{attr = "yes", op = "eq", value = false}"#, false),
        (r#"{attr = "domain", op = "eq", value = "SUB.example.com"}"#, true),
        (r#"{attr = "domain", op = "glob", value = "*.example.com"}"#, true),
        (r#"{attr = "domain", op = "in", value = ["a.example", "*.example.com"]}"#, true),
        (r#"{attr = "domain", op = "glob", value = "example.com"}"#, false),
        (r#"{attr = "email", op = "eq", value = "ANN@sub.EXAMPLE.com"}"#, true),
        (r#"{attr = "email", op = "glob", value = "a*@sub.example.com"}"#, true),
        (r#"{attr = "email_verified", op = "eq", value = true}"#, true),
        (r#"{attr = "username", op = "eq", value = "somebody"}"#, true),
        (r#"{attr = "sub", op = "eq", value = "sub-1"}"#, true),
        (r#"{attr = "issuer", op = "glob", value = "https://issuer.*"}"#, true),
        (r#"{attr = "groups", op = "exists"}"#, false),
        (r#"{attr = "occasion", op = "eq", value = "opening"}"#, true),
        (r#"{attr = "source", op = "eq", value = "manual"}"#, true),
        (r#"{all = []}"#, true),
        (r#"{any = []}"#, false),
        (r#"{all = [{attr = "n", op = "exists"}, {attr = "none", op = "exists"}]}"#, false),
        (r#"{any = [{attr = "n", op = "exists"}, {attr = "none", op = "exists"}]}"#, true),
        (r#"{any = [{attr = "many", op = "lt", value = 3}, {attr = "n", op = "exists"}]}"#, true),
    ] {
        let rules =
            rules(&format!("[[rules]]\nwhen = {condition}\nthen = {{deny = \"it_holds\"}}"));
        let answer = if holds { no("it_holds") } else { Ok(()) };
        assert_eq!(admitted(&rules, &someone()), answer, "{condition}");
    }
}

#[test]
fn people_are_told_what_the_settings_say() {
    let rules = rules(
        "on_deny_message = \"Ask the office\"\n[messages]\ncharset = \"Letters and digits, please\"\ndenied = \"Not you\"\n[allow]\nusernames = [\"ann\", \"a b\"]\n[deny]\nusernames = [\"eve\"]",
    );
    let said = |name: &str| {
        let request = Request::by_hand(name);
        rules
            .admit(&request)
            .and_then(|()| rules.derive(&request).map(drop))
            .map_err(|no| no.message)
    };
    assert_eq!(said("ann"), Ok(()));
    assert_eq!(said("bob"), Err("Ask the office".to_owned()));
    assert_eq!(said("eve"), Err("Not you".to_owned()));
    assert_eq!(said("a b"), Err("Letters and digits, please".to_owned()));
}
