//! What the profiles make of a text: the examples of the RFC and of those who were broken into, every code point, any string.

use enlist_names::{Casing, Class, Disallowed, TABLES, class_of, fold_key, prepare};
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use unicode_normalization::is_nfc;
use unicode_script::{Script, UnicodeScript};

fn name(text: &str) -> Result<String, Disallowed> {
    prepare(text, Casing::Mapped)
}

#[test]
fn a_name_has_one_spelling() {
    for (text, wanted) in [
        ("Juliet", "juliet"),
        ("Fußball", "fußball"),
        ("fussball", "fussball"),
        ("Σίσυφος", "σίσυφος"),
        ("ΣΣ", "σσ"),
        ("ＡＢ", "ab"),
        ("ｶﾞ", "ガ"),
        ("e\u{301}", "é"),
        ("İ", "i\u{307}"),
        ("日本語", "日本語"),
        ("Елена", "елена"),
        ("．．／etc", "../etc"),
        ("l·l", "l·l"),
        ("א׳", "א׳"),
        ("カ・カ", "カ・カ"),
        ("\u{915}\u{94d}\u{200d}\u{937}", "\u{915}\u{94d}\u{200d}\u{937}"),
        ("\u{628}\u{200c}\u{628}", "\u{628}\u{200c}\u{628}"),
        ("〇", "〇"),
    ] {
        assert_eq!(name(text).as_deref(), Ok(wanted), "{text}");
    }
    assert_eq!(prepare("Juliet", Casing::Preserved).as_deref(), Ok("Juliet"));
}

#[test]
fn what_has_none_is_refused_with_the_reason() {
    for (text, why) in [
        ("", Disallowed::Empty),
        ("foo bar", Disallowed::Class),
        ("ﬀ", Disallowed::Class),
        ("\u{212a}evin", Disallowed::Class),
        ("\u{212b}", Disallowed::Class),
        ("\u{37e}", Disallowed::Class),
        ("a\u{200b}b", Disallowed::Class),
        ("a\u{202e}b", Disallowed::Class),
        ("\u{378}", Disallowed::Class),
        ("\u{ffff}", Disallowed::Class),
        ("\u{640}", Disallowed::Class),
        ("〱", Disallowed::Class),
        ("a·a", Disallowed::Context),
        ("ruL·Lz", Disallowed::Context),
        ("a׳", Disallowed::Context),
        ("a・a", Disallowed::Context),
        ("a\u{200c}b", Disallowed::Context),
        ("a\u{200d}b", Disallowed::Context),
        ("\u{661}\u{6f1}", Disallowed::Context),
        ("אa", Disallowed::Bidi),
        ("aא", Disallowed::Bidi),
        ("1א", Disallowed::Bidi),
        ("א\u{661}1", Disallowed::Bidi),
        ("\u{5b0}א", Disallowed::Bidi),
    ] {
        assert_eq!(name(text), Err(why), "{text:?}");
    }
}

#[test]
fn marks_may_stand_in_a_name_from_right_to_left() {
    for text in ["א\u{5b0}ב", "ב\u{5b8}", "مُحَمَّد", "א\u{5b0}1", "א\u{20d6}ב"] {
        assert_eq!(name(text).as_deref(), Ok(text), "{text}");
    }
}

#[test]
fn conjoining_jamo_are_syllables_and_nothing_else_is_composed_before_it_is_judged() {
    assert_eq!(name("\u{1100}\u{1161}").as_deref(), Ok("가"));
    assert_eq!(name("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}").as_deref(), Ok("한글"));
    assert_eq!(name("가\u{11a8}").as_deref(), Ok("각"));
    assert_eq!(name("\u{1100}"), Err(Disallowed::Class), "half a syllable");
    assert_eq!(name("\u{1100}\u{1161}\u{212a}"), Err(Disallowed::Class), "the Kelvin sign");
}

#[test]
fn cherokee_is_stable_in_lower_case() {
    assert_eq!(name("ᎣᏏᏲ").as_deref(), Ok("ꭳꮟᏺ".replace('Ᏺ', "ᏺ").as_str()));
    for c in ('\u{13a0}'..='\u{13f5}').chain('\u{13f8}'..='\u{13fd}') {
        let lower = name(&c.to_string()).expect("a letter");
        assert_eq!(name(&lower), Ok(lower.clone()), "{c}");
    }
}

#[test]
fn what_another_round_would_change_is_refused() {
    // The joiner stands after a virama until normalisation puts a mark between them.
    let text = "\u{915}\u{951}\u{94d}\u{200d}";
    assert_eq!(name(text), Err(Disallowed::Unstable));
}

#[test]
fn no_other_character_becomes_ascii() {
    let full_width = '\u{ff01}'..='\u{ff5e}';
    let mut taken = 0;
    for c in (char::MIN..=char::MAX).filter(|c| !c.is_ascii()) {
        for casing in [Casing::Mapped, Casing::Preserved] {
            let Ok(name) = prepare(c.encode_utf8(&mut [0; 4]), casing) else { continue };
            taken += 1;
            assert!(full_width.contains(&c) || !name.is_ascii(), "{c:?} becomes {name:?}");
            assert!(is_nfc(&name), "{name:?}");
        }
    }
    println!("{taken} names of one character");
    assert!(taken > 200_000);
}

#[test]
fn what_only_folds_to_an_ascii_name_is_not_that_name() {
    for (text, target) in [
        ("gıthub", "github"),
        ("miﬀ", "miff"),
        ("miﬁ", "mifi"),
        ("ſam", "sam"),
        ("\u{212a}evin", "kevin"),
        ("maß", "mass"),
        ("İan", "ian"),
        ("ǆ", "dž"),
        ("①", "1"),
        ("ª", "a"),
        ("a\u{200b}", "a"),
        ("a\u{ad}", "a"),
    ] {
        assert_ne!(name(text).as_deref(), Ok(target), "{text}");
    }
    assert_eq!(fold_key("gıthub"), fold_key("GitHub"), "the host's key has them as one");
}

#[test]
fn all_tables_are_of_one_unicode_version() {
    assert!(TABLES.iter().all(|(_, version)| *version == TABLES[0].1), "{TABLES:?}");
    // A script is what every assigned character has, and nothing else but private use and noncharacters lacks.
    for c in char::MIN..=char::MAX {
        let private = matches!(c, '\u{e000}'..='\u{f8ff}') || c >= '\u{f0000}';
        let noncharacter = matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
        let assigned = c.script() != Script::Unknown;
        if !private && !noncharacter {
            assert_eq!(class_of(c) != Class::Unassigned, assigned, "{c:?}");
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    // Characters that something is made of or with, and any others.
    let odd: Vec<char> = "aAlLßıİſΣσς·ǆéÅ\u{301}\u{307}\u{345}\u{5b0}\u{94d}\u{951}\u{1100}\u{1161}\u{11a8}가\u{200c}\u{200d}\
        \u{661}\u{6f1}1אبक日カ・ｶﾞＡ＠．／@./\u{13a0}\u{ab70}\u{212a}\u{212b}"
        .chars()
        .collect();
    let c = prop_oneof![2 => prop::sample::select(odd), 1 => any::<char>()];
    prop::collection::vec(c, 0..9).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn preparing_twice_is_preparing_once(text in text(), any in any::<String>()) {
        for casing in [Casing::Mapped, Casing::Preserved] {
            for text in [&text, &any] {
                if let Ok(name) = prepare(text, casing) {
                    prop_assert!(is_nfc(&name));
                    prop_assert_eq!(prepare(&name, casing), Ok(name));
                }
            }
        }
    }
}
