//! From a person to the names that they are offered.

use crate::people::{assured, name, names, rules, somebody};
use enlist_policy::Assurance::{Pending, Unverified};
use enlist_policy::{Policy, Request};

fn ok(name: &str) -> Result<String, String> {
    Ok(name.to_owned())
}

fn no(code: &str) -> Result<String, String> {
    Err(code.to_owned())
}

#[test]
fn without_settings_it_is_the_local_part_in_small_letters() {
    for (address, wanted) in [
        ("ann@example.com", ok("ann")),
        ("Ann.B-c_d@example.com", ok("ann.b-c_d")),
        ("7@example.com", ok("7")),
        ("ann+anki@example.com", no("charset")),
        (".ann@example.com", no("ambiguous_email")),
        ("ann.@example.com", no("ambiguous_email")),
        ("\"a b\"@example.com", no("ambiguous_email")),
        ("a/b@example.com", no("charset")),
        ("-ann@example.com", no("charset")),
        ("ann-@example.com", no("charset")),
        ("strаnge@example.com", no("charset")),
        ("ann\u{ff20}x@example.com", no("ambiguous_email")),
        ("admin@example.com", no("reserved")),
        (&format!("{}@example.com", "a".repeat(64)), ok(&"a".repeat(64))),
        (&format!("{}@example.com", "a".repeat(65)), no("length")),
        (&format!("{}@example.com", "a".repeat(9000)), no("length")),
    ] {
        assert_eq!(name("", address), wanted, "{address}");
    }
}

#[test]
fn the_first_source_that_is_there_is_taken() {
    let all = rules("source = [\"attr:nick\", \"preferred_username\", \"email\", \"username\"]");
    let full = somebody("ann@example.com").with_attribute("preferred_username", "ann.b");
    assert_eq!(
        names(&all, &full.clone().with_attribute("nick", "a7")).as_deref(),
        Ok(&["a7".to_owned()][..])
    );
    assert_eq!(names(&all, &full).as_deref(), Ok(&["ann.b".to_owned()][..]));
    assert_eq!(
        names(&all, &somebody("ann@example.com").with_attribute("nick", "")).as_deref(),
        Ok(&["ann".to_owned()][..])
    );
    assert_eq!(
        names(&all, &assured("ann@example.com", Pending)).as_deref(),
        Ok(&["ann".to_owned()][..])
    );
    assert_eq!(
        names(&all, &assured("ann@example.com", Unverified)).as_deref(),
        Ok(&["somebody".to_owned()][..])
    );
    let email = rules("source = [\"email\"]");
    assert_eq!(
        names(&email, &assured("ann@example.com", Unverified)),
        Err("email_unverified".to_owned())
    );
    assert_eq!(names(&email, &Request::by_hand("ann")), Err("empty".to_owned()));
    let unverified = rules("source = [\"email\"]\nallow_unverified_email = true");
    assert_eq!(
        names(&unverified, &assured("ann@example.com", Unverified)).as_deref(),
        Ok(&["ann".to_owned()][..])
    );
}

#[test]
fn a_hash_of_the_subject_is_a_name() {
    let rules = rules("source = [\"sub_hash\"]");
    // u- and base32lower(sha256("https://issuer.example" 00 "sub-1"))[..26].
    assert_eq!(
        names(&rules, &somebody("ann@example.com")).as_deref(),
        Ok(&["u-k6vibowm3iat35fzg62dfk3inn".to_owned()][..])
    );
    assert_eq!(names(&rules, &Request::by_hand("ann")), Err("empty".to_owned()));
}

#[test]
fn a_domain_stays_where_the_settings_say_so() {
    for (settings, address, wanted) in [
        (
            "strip_domain = \"never\"\nat_replacement = \"-at-\"",
            "ann@Example.com",
            ok("ann-at-example.com"),
        ),
        (
            "strip_domain = \"never\"\ncharset = \"a-z0-9.@\"",
            "ann@example.com",
            ok("ann@example.com"),
        ),
        ("strip_domain = [\"example.com\"]\nat_replacement = \".\"", "ann@example.com", ok("ann")),
        (
            "strip_domain = [\"example.com\"]\nat_replacement = \".\"",
            "ann@else.example",
            ok("ann.else.example"),
        ),
    ] {
        assert_eq!(name(settings, address), wanted, "{settings} {address}");
        let by_hand =
            names(&rules(settings), &Request::by_hand(address)).map(|mut names| names.remove(0));
        assert_eq!(by_hand, wanted, "{settings} {address} as a user name");
    }
}

#[test]
fn tags_and_dots_go_where_the_settings_say_so() {
    let strip = "plus_tag = \"strip\"\nplus_tag_domains = [\"gmail.com\", \"*.example.com\"]\ncharset = \"a-z0-9.+\"";
    for (settings, address, wanted) in [
        (strip, "ann+x@gmail.com", ok("ann")),
        (strip, "ann+x+y@a.example.com", ok("ann")),
        (strip, "ann+x@example.com", ok("ann+x")),
        (strip, "+x@gmail.com", no("empty")),
        ("plus_tag = \"reject\"", "ann+x@gmail.com", no("plus_tag")),
        ("plus_tag = \"reject\"", "ann@gmail.com", ok("ann")),
        (
            "plus_tag = \"reject\"\nplus_tag_domains = [\"gmail.com\"]\ncharset = \"a-z+\"",
            "ann+x@else.example",
            ok("ann+x"),
        ),
        ("gmail_dots = \"strip\"", "a.n.n@gmail.com", ok("ann")),
        ("gmail_dots = \"strip\"", "a.n.n@googlemail.com", ok("ann")),
        ("gmail_dots = \"strip\"", "a.n.n@example.com", ok("a.n.n")),
        ("", "a.n.n@gmail.com", ok("a.n.n")),
    ] {
        assert_eq!(name(settings, address), wanted, "{settings} {address}");
    }
}

#[test]
fn capital_letters_are_made_small_kept_or_refused() {
    for (settings, wanted) in [
        ("", ok("ann.b")),
        ("case = \"preserve\"\ncharset = \"a-zA-Z.\"", ok("Ann.B")),
        ("case = \"preserve\"", no("charset")),
        ("case = \"reject_upper\"", no("case")),
    ] {
        assert_eq!(name(settings, "Ann.B@example.com"), wanted, "{settings}");
    }
}

#[test]
fn every_script_is_as_the_profile_has_it() {
    let precis = "unicode = \"precis\"";
    for (address, wanted) in [
        ("Σίσυφος@example.com", ok("σίσυφος")),
        ("ＡＢ@example.com", ok("ab")),
        ("日本語@example.com", ok("日本語")),
        ("fußball@example.com", ok("fußball")),
        ("．．／etc@example.com", no("charset")),
        ("\u{212a}evin@example.com", no("precis_disallowed")),
        ("p\u{430}ypal@example.com", no("mixed_script")),
        ("Ꭰ@example.com", no("confusable_restricted")),
        ("a·a@example.com", no("precis_context")),
        ("אa@example.com", no("precis_bidi")),
        ("adm\u{131}n@example.com", no("reserved")),
    ] {
        assert_eq!(name(precis, address), wanted, "{address}");
    }
    let single = format!("{precis}\nrestriction = \"single_script\"");
    assert_eq!(name(&single, "日本gmbh@example.com"), no("mixed_script"));
    assert_eq!(name(precis, "日本gmbh@example.com"), ok("日本gmbh"));
    let ascii = format!("{precis}\nrestriction = \"ascii\"");
    assert_eq!(name(&ascii, "ＡＢ@example.com"), ok("ab"));
    assert_eq!(name(&ascii, "élan@example.com"), no("charset"));
    assert_eq!(name(&format!("{precis}\ncase = \"reject_upper\""), "Élan@example.com"), no("case"));
    assert_eq!(name(&format!("{precis}\ncase = \"preserve\""), "Élan@example.com"), ok("Élan"));
}

#[test]
fn length_edges_pattern_prefix_and_suffix_hold_for_the_whole_name() {
    for (settings, address, wanted) in [
        ("min_length = 4", "ann@x.example", no("length")),
        ("min_length = 4\nprefix = \"u\"", "ann@x.example", ok("uann")),
        ("max_length = 4\nsuffix = \"zz\"", "ann@x.example", no("length")),
        ("charset = \"posix\"", "a.b@x.example", no("charset")),
        ("charset = \"dns\"", "a_b@x.example", no("charset")),
        ("start = \"a-z\"", "1a@x.example", no("charset")),
        ("end = \"a-z_\"", "a_@x.example", ok("a_")),
        ("end = \"a-z\"", "a1@x.example", no("charset")),
        ("pattern = \"[a-z]+\"", "ann@x.example", ok("ann")),
        ("pattern = \"[a-z]+\"", "ann1@x.example", no("pattern")),
        ("pattern = \"ann|bob\"", "bobby@x.example", no("pattern")),
        (
            "prefix = \"x.\"\nsuffix = \".y\"\npattern = \"x[.]...[.]y\"",
            "ann@x.example",
            ok("x.ann.y"),
        ),
        ("unicode = \"precis\"\nmax_length = 3", "日本語@x.example", ok("日本語")),
    ] {
        assert_eq!(name(settings, address), wanted, "{settings} {address}");
    }
    let prefixed = "prefix = \"a-\"\n[[rules]]\nwhen = {attr = \"domain\", op = \"eq\", value = \"b.example\"}\nthen = {set_prefix = \"b-\"}";
    assert_eq!(name(prefixed, "ann@b.example"), ok("b-ann"));
    assert_eq!(name(prefixed, "ann@c.example"), ok("a-ann"));
}

#[test]
fn what_is_reserved_nobody_gets_however_it_came_about() {
    for (settings, address, wanted) in [
        ("reserved = [\"Boss\", \"*.keys\", \"x?\"]", "boss@x.example", no("reserved")),
        ("reserved = [\"*.keys\"]", "ann.keys@x.example", no("reserved")),
        ("reserved = [\"x?\"]", "xy@x.example", no("reserved")),
        ("reserved = [\"x?\"]", "xyz@x.example", ok("xyz")),
        ("reserved_builtin = false", "admin@x.example", ok("admin")),
        ("reserved_builtin = false\nreserved = [\"straße\"]", "strasse@x.example", no("reserved")),
        ("prefix = \"ad\"", "min@x.example", no("reserved")),
        ("suffix = \"in\"", "adm@x.example", no("reserved")),
        ("collision = \"numeric_suffix\"", "admin@x.example", no("reserved")),
        ("collision = \"hash_suffix\"", "admin@x.example", no("reserved")),
        (
            "collision = \"hash_suffix\"\non_invalid = \"replace:-\"",
            "admin!@x.example",
            no("reserved"),
        ),
    ] {
        assert_eq!(name(settings, address), wanted, "{settings} {address}");
    }
    let offered = names(
        &rules("collision = \"numeric_suffix\"\nnumeric_max = 4\nreserved = [\"ann-3\"]"),
        &somebody("ann@x.example"),
    );
    assert_eq!(
        offered.as_deref(),
        Ok(&["ann".to_owned(), "ann-2".to_owned(), "ann-4".to_owned()][..])
    );
    let hashed = rules("collision = \"hash_suffix\"\nreserved = [\"ann-*\"]");
    assert_eq!(names(&hashed, &somebody("ann@x.example")).as_deref(), Ok(&["ann".to_owned()][..]));
}

#[test]
fn numbers_are_tried_up_to_the_last_and_fit() {
    let numbered =
        names(&rules("collision = \"numeric_suffix\""), &somebody("ann@x.example")).expect("names");
    assert_eq!(
        (numbered.len(), numbered[0].as_str(), numbered[31].as_str()),
        (32, "ann", "ann-32")
    );
    let tight = rules(
        "collision = \"numeric_suffix\"\nmax_length = 5\nnumeric_max = 10\nsuffix_sep = \".\"",
    );
    let tight = names(&tight, &somebody("annie@x.example")).expect("names");
    assert_eq!(
        (tight[0].as_str(), tight[1].as_str(), tight[9].as_str()),
        ("annie", "ann.2", "an.10")
    );
}

#[test]
fn a_hash_says_whose_a_name_is() {
    let rules = rules("collision = \"hash_suffix\"\nhash_len = 12\nsuffix_sep = \"--\"");
    let ann = names(&rules, &somebody("ann@x.example")).expect("names");
    assert_eq!(ann[0], "ann");
    assert!(ann[1].starts_with("ann--") && ann[1].len() == 5 + 12, "{ann:?}");
    let mut other = somebody("ann@x.example");
    other.applicant.subject = Some("sub-2".to_owned());
    assert_ne!(names(&rules, &other).expect("names")[1], ann[1]);
    let mut elsewhere = somebody("ann@x.example");
    elsewhere.applicant.issuer = "https://else.example".to_owned();
    assert_ne!(names(&rules, &elsewhere).expect("names")[1], ann[1]);
    let by_hand = names(&rules, &Request::by_hand("ann")).expect("names");
    assert_ne!(by_hand[1], ann[1]);
    // Somebody who calls themselves as another will be called gets another name than that.
    let squatter = names(&rules, &somebody(&format!("{}@x.example", ann[1]))).expect("names");
    assert!(
        squatter.len() == 1 && squatter[0].starts_with(&ann[1]) && squatter[0] != ann[1],
        "{squatter:?}"
    );
}

#[test]
fn what_was_replaced_always_carries_the_hash() {
    let rules = rules("collision = \"hash_suffix\"\non_invalid = \"replace:_\"\nmax_length = 30");
    for (address, start) in [
        ("a+b@x.example", "a_b-"),
        ("a/./b@x.example", "a_._b-"),
        ("ann!@x.example", "ann-"),
        ("_ann_@x.example", "ann-"),
        ("josé@x.example", "jos-"),
        (&format!("{}@x.example", "a".repeat(40)), &format!("{}-", "a".repeat(19))),
    ] {
        let offered = names(&rules, &somebody(address)).expect(address);
        assert!(offered.len() == 1 && offered[0].starts_with(start), "{address}: {offered:?}");
        assert_eq!(offered[0].len(), start.len() + 10, "{address}: {offered:?}");
    }
    assert_eq!(names(&rules, &somebody("!!!@x.example")), Err("empty".to_owned()));
    assert_eq!(names(&rules, &somebody("ann@x.example")).expect("names").len(), 2);
    let request = somebody("a+b@x.example");
    assert_eq!(rules.derive(&request), rules.derive(&request), "the same in, the same out");
}
