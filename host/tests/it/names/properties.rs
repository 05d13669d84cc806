//! Anything at all as a name: it is refused, or H-1 to H-4 of docs/names.md hold and its folder is one below the home root. Judged by
//! other means than the host's own. `ENLIST_PROPERTY_CASES` says how many are drawn.

use enlist::domain::{
    Applicant, Attribute, Decision, Fault, FoldKey, HostCode, Name, Occasion, Pick, Refusal,
    Request, TenantId, Usage,
};
use enlist::homes::{Homes, Root, Style};
use enlist::sandbox::{DecideError, Engine, Limits, Policy, freeze};
use enlist_artifacts::honest::CANDIDATES;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::convert::Infallible;
use std::path::{Component, Path};
use std::time::Duration;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{is_combining_mark, is_public_assigned};

/// What makes trouble in names, and some that does not.
const PIECES: [&str; 60] = [
    "a",
    "B",
    "7",
    "ann",
    "con",
    "NUL",
    "aux",
    "com1",
    "lpt9",
    "COM¹",
    "git~1",
    ".git",
    "lost+found",
    ".",
    "..",
    "/",
    "\\",
    ":",
    "*",
    "?",
    "\"",
    "<",
    ">",
    "|",
    "%",
    "~",
    "$",
    "`",
    " ",
    "\t",
    "\n",
    "\0",
    "\u{7f}",
    "_",
    "-",
    "+",
    "@",
    "．",
    "／",
    "＼",
    "＠",
    "Ａ",
    "ﬀ",
    "\u{212a}",
    "é",
    "e\u{301}",
    "ß",
    "ı",
    "İ",
    "Σς",
    "\u{200d}",
    "\u{202e}",
    "\u{ad}",
    "\u{feff}",
    "日本",
    "раураl",
    "\u{1100}\u{1161}",
    "𝔞",
    "⒈",
    "\u{10ffff}",
];

fn anything() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => select(&PIECES[..]).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        2 => (0x80_u32..0x3000).prop_map(|c| char::from_u32(c).into_iter().collect()),
    ];
    let long = (any::<char>(), 60_usize..300).prop_map(|(c, times)| String::from(c).repeat(times));
    prop_oneof![
        8 => vec(piece, 0..6).prop_map(|pieces| pieces.concat()),
        2 => any::<String>(),
        1 => long,
    ]
}

/// Letters, digits and marks, so that most are names.
fn plausible() -> impl Strategy<Value = String> {
    let letter = prop_oneof![
        (b'a'..=b'z').prop_map(char::from),
        select(vec![
            'A', 'Z', '0', '.', '_', '-', 'ß', 'ς', 'ı', 'ж', 'あ', '中', 'א', '\u{5b0}', 'é', '٣',
            'Ꭰ'
        ]),
    ];
    vec(letter, 1..24).prop_map(|letters| letters.into_iter().collect())
}

fn cases(ordinarily: u32) -> TestRunner {
    let said = std::env::var("ENLIST_PROPERTY_CASES").ok();
    just(said.map_or(ordinarily, |text| text.parse().expect("a number")))
}

/// So many, whatever is said.
fn just(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// H-1 to H-4, said once more.
fn is_safe(name: &str) {
    assert!((1..=255).contains(&name.len()), "{name:?}");
    assert_eq!(name.nfkc().collect::<String>(), name, "{name:?}");
    assert_eq!(name.nfc().collect::<String>(), name, "{name:?}");
    let first = name.chars().next().expect("a character");
    assert!(!is_combining_mark(first), "{name:?}");
    assert!(!first.is_ascii() || first.is_ascii_alphanumeric(), "{name:?}");
    for c in name.chars() {
        assert!(!c.is_ascii() || c.is_ascii_alphanumeric() || "._+@-".contains(c), "{name:?}");
        assert!(is_public_assigned(c) && !c.is_control() && !c.is_whitespace(), "{name:?}");
    }
    for form in [name.to_uppercase(), name.to_lowercase(), name.nfkd().collect()] {
        assert!(
            !form.contains([
                '/', '\\', '\0', ':', '*', '?', '"', '<', '>', '|', '%', '~', '$', '`', ' '
            ]),
            "{form:?}"
        );
    }
    assert!(!name.ends_with('.') && !name.starts_with('.'), "{name:?}");
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    assert!(!["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str()), "{name:?}");
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    assert!(!port.is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit()), "{name:?}");
    let root = Path::new("/home/root");
    let parts: Vec<_> = Path::new(name).components().collect();
    assert!(matches!(parts[..], [Component::Normal(part)] if part == name), "{name:?}");
    assert_eq!(root.join(name).parent(), Some(root), "{name:?}");
}

#[test]
fn any_text_is_refused_or_a_safe_name() {
    for strategy in [anything().boxed(), plausible().boxed()] {
        let (taken, drawn) = (Cell::new(0), Cell::new(0));
        let mut runner = cases(20_000);
        runner
            .run(&strategy, |text| {
                drawn.set(drawn.get() + 1);
                if let Ok(name) = Name::try_from(text.clone()) {
                    assert_eq!(name.as_str(), text, "taken as it stands");
                    is_safe(name.as_str());
                    taken.set(taken.get() + 1);
                }
                Ok(())
            })
            .expect("it holds");
        assert!(
            taken.get() > drawn.get() / 100,
            "{taken:?} of {drawn:?} are names: too few to mean anything"
        );
    }
}

#[test]
fn a_key_is_its_own_key_and_that_of_every_case() {
    let mut runner = cases(20_000);
    runner
        .run(&plausible(), |text| {
            let key = FoldKey::of(&text);
            assert_eq!(FoldKey::of(key.as_str()), key, "{text:?}");
            for other in [
                text.to_uppercase(),
                text.to_lowercase(),
                text.nfd().collect(),
                text.nfkc().collect(),
            ] {
                assert_eq!(FoldKey::of(&other), key, "{text:?} {other:?}");
            }
            Ok(())
        })
        .expect("it holds");
}

fn asking_for(names: &str) -> Request {
    Request {
        applicant: Applicant {
            issuer: String::new(),
            subject: Some("s1".to_owned()),
            username: "somebody".to_owned(),
            email: None,
            groups: Vec::new(),
            attributes: vec![Attribute { name: "names".to_owned(), value: names.to_owned() }],
        },
        occasion: Occasion::Opening,
        source: "test".to_owned(),
        now: 1_700_000_000,
    }
}

async fn pick(names: Vec<String>) -> Result<Pick<()>, Infallible> {
    let usable = |(place, name)| Name::try_from(name).ok().map(|name| (place, name));
    Ok(match names.into_iter().enumerate().find_map(usable) {
        Some((place, name)) => Pick::Chosen { name, place, reservation: () },
        None => Pick::Nothing(Refusal::host(HostCode::NameUnusable)),
    })
}

#[test]
fn whatever_a_policy_answers_what_it_grants_is_a_safe_name() {
    let limits = Limits {
        decision_time: Duration::from_secs(3600),
        decisions_at_once: 1,
        ..Limits::default()
    };
    let engine = Engine::new(&limits).expect("an engine");
    let code = freeze(&engine, CANDIDATES, "{}").expect("a policy");
    let policy = Policy::of_code(&engine, &code).expect("a policy");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut runner = cases(2_000);
    runner
        .run(&prop_oneof![anything(), plausible()], |text| {
            let request = asking_for(&text);
            let verdict = policy.decide(&request, Usage::default(), pick);
            let verdict = match runtime.block_on(verdict) {
                // More than 32 names, or more than an answer may hold: nobody is granted anything.
                Err(DecideError::Failed(failure)) => {
                    assert!(matches!(failure.fault, Fault::Malformed | Fault::AnswerTooLarge));
                    return Ok(());
                }
                verdict => verdict.expect("a verdict"),
            };
            match verdict.decision {
                Decision::Grant(grant) => {
                    is_safe(grant.name.as_str());
                    assert!(text.split(',').any(|one| one == grant.name.as_str()), "{text:?}");
                }
                Decision::Refuse(refusal) => {
                    assert_eq!(refusal.code(), "name_unusable", "{text:?}")
                }
            }
            Ok(())
        })
        .expect("it holds");
}

#[test]
fn the_folder_of_a_name_stands_below_the_home_root() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("homes");
    let homes = Homes::default();
    let root = Root::make(&path, Style { mode: 0o750, group: None }).expect("a root");
    let path = root.path().to_owned();
    homes.settle(TenantId(1), root).expect("a home root");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // Each is a folder on the disk.
    let mut runner = just(300);
    runner
        .run(&plausible(), |text| {
            let Ok(name) = Name::try_from(text) else { return Ok(()) };
            let home = runtime.block_on(homes.build(TenantId(1), &name)).expect("a home").path();
            let real = home.canonicalize().expect("a folder");
            assert_eq!(real, home);
            assert_eq!(
                (real.parent(), real.file_name()),
                (Some(path.as_path()), Some(name.as_str().as_ref()))
            );
            Ok(())
        })
        .expect("it holds");
    let outside: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").flatten().collect();
    assert_eq!(outside.len(), 1, "{outside:?}");
}
