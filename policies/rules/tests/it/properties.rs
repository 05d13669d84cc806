//! What holds of every text, not only of those that somebody thought of.

use crate::people::{names, rules, somebody};
use enlist_policy::Request;
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};
use proptest::{prop_assert, prop_assert_eq, prop_oneof};

/// Settings under which a name is the name of itself: nothing is put before or behind it.
const STABLE: [&str; 6] = [
    "",
    "case = \"preserve\"\ncharset = \"a-zA-Z0-9._+-\"",
    "unicode = \"precis\"",
    "unicode = \"precis\"\ncase = \"preserve\"\ncharset = \"a-zA-Z0-9._-\"",
    "strip_domain = \"never\"\nat_replacement = \"-at-\"",
    "plus_tag = \"strip\"\nplus_tag_domains = [\"example.com\"]\ngmail_dots = \"strip\"\ncollision = \"numeric_suffix\"",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9._+@/-]{0,80}",
        "[a-zß-ÿα-ωа-я٠-٩אבג\u{ff01}-\u{ff5e}日本語가-힣.]{1,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_name_is_the_name_of_itself(text in text()) {
        for settings in STABLE {
            let rules = rules(settings);
            for request in [Request::by_hand(&text), somebody(&format!("{text}@example.com"))] {
                let Ok(first) = names(&rules, &request) else { continue };
                let again = names(&rules, &Request::by_hand(&first[0]));
                prop_assert_eq!(again.as_ref().map(|names| &names[0]), Ok(&first[0]), "{:?} {:?}", settings, text);
            }
        }
    }

    #[test]
    fn every_name_keeps_to_the_settings(text in text()) {
        let rules = rules("collision = \"hash_suffix\"\non_invalid = \"replace:-\"\nmax_length = 24\nprefix = \"u.\"");
        if let Ok(names) = names(&rules, &Request::by_hand(&text)) {
            prop_assert!((1..=2).contains(&names.len()));
            for name in names {
                prop_assert!(name.starts_with("u.") && name.len() <= 24, "{}", name);
                prop_assert!(name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-')), "{}", name);
                prop_assert!(name.ends_with(|c: char| c.is_ascii_alphanumeric()), "{}", name);
            }
        }
    }

    #[test]
    fn two_people_are_not_mended_into_one(one in text(), other in text()) {
        let rules = rules("source = [\"username\"]\ncollision = \"hash_suffix\"\non_invalid = \"replace:-\"");
        if let (Ok(a), Ok(b)) = (names(&rules, &Request::by_hand(&one)), names(&rules, &Request::by_hand(&other)))
            && one != other
            && a[0] == b[0]
        {
            // The same first choice is the same text but for its case and what stands behind an `@`.
            let said = |text: &str| text.split('@').next().unwrap_or_default().to_ascii_lowercase();
            prop_assert_eq!(said(&one), said(&other));
        }
    }

    #[test]
    fn no_document_makes_it_fall(document in "[{\\[\"a-z:,0-9\\]} .]{0,60}") {
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(&document) {
            let _ = enlist_policy::configured::<enlist_rules::Rules>(&value.to_string());
        }
    }
}
