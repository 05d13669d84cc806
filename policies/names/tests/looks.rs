//! What UTS #39 says of a name, what is reserved, and where an address is split.

use enlist_names::{Disallowed, Reserved, Restriction, local_part, restrict};

#[test]
fn scripts_that_belong_together_may_stand_together() {
    for name in [
        "testuser",
        "a.b_c+d-1",
        "日本語",
        "елена",
        "名前です",
        "tanaka田中",
        "김철수kim",
        "שלום",
        "१२",
    ] {
        assert_eq!(restrict(name, Restriction::HighlyRestrictive), Ok(()), "{name}");
    }
    for name in ["p\u{430}ypal", "g\u{43e}\u{43e}gle", "ρayρal", "a०", "१1", "елена١"] {
        let refused = Err(Disallowed::MixedScript);
        assert_eq!(restrict(name, Restriction::HighlyRestrictive), refused, "{name}");
    }
    assert_eq!(restrict("tanaka田中", Restriction::SingleScript), Err(Disallowed::MixedScript));
    assert_eq!(restrict("田中です", Restriction::SingleScript), Ok(()));
}

#[test]
fn characters_out_of_common_use_are_refused() {
    for name in ["ᴮᴵᴳ", "ꭰ", "ꙁ", "a\u{200d}b", "𐌰"] {
        let refused = Err(Disallowed::Restricted);
        assert_eq!(restrict(name, Restriction::HighlyRestrictive), refused, "{name}");
    }
}

#[test]
fn a_reserved_name_is_reserved_in_any_spelling_and_by_its_looks() {
    let reserved = Reserved::built_in();
    for name in ["admin", "ADMIN", "adm\u{131}n", "аdmin", "mai1", "rnail", "postmaster"] {
        assert!(reserved.holds(name), "{name}");
    }
    for name in ["administration", "ann", "елена", ""] {
        assert!(!reserved.holds(name), "{name}");
    }
    assert!(!Reserved::default().holds("admin"));
    let mut own = Reserved::default();
    own.add("Straße");
    assert!(own.holds("STRASSE") && own.holds("straße"));
}

#[test]
fn an_address_has_one_place_to_be_split_or_none() {
    for (address, local) in [
        ("ann@example.com", "ann"),
        ("a.b+c@x", "a.b+c"),
        ("user+mailbox/department=shipping@example.com", "user+mailbox/department=shipping"),
        ("елена@example.com", "елена"),
        ("o'neill@x", "o'neill"),
    ] {
        assert_eq!(local_part(address), Ok(local), "{address}");
    }
    for address in [
        "ann",
        "",
        "ann@",
        "a@b@c",
        "a\u{ff20}b@c",
        "\u{ff20}@c",
        "a\u{fe6b}b@c",
        "a\u{ff20}c",
        "\"a b\"@c",
        "a b@c",
        "ann(x)@c",
        "Ann <ann@c>",
        "ann@[127.0.0.1]",
        "ann@c\n",
        "ann\0@c",
        ".a@c",
        "a.@c",
        "a..b@c",
        "a,b@c",
        "a\\b@c",
        "a;b@c",
        "mailto:a@c",
    ] {
        assert_eq!(local_part(address), Err(Disallowed::AmbiguousEmail), "{address:?}");
    }
    assert_eq!(local_part("@c"), Err(Disallowed::Empty));
}
