//! Which Unicode a name is judged by: every table in use is of one version, no other crate brings one along unseen, and what is stored
//! with the keys says where they are from.

use enlist::domain::{FoldKey, Name, Skeleton};
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Of every crate in the server that has tables of Unicode, by its name: the version, and what it is for.
const TABLES: [(&str, &str); 14] = [
    ("icu_casemap", "2.4.0"),            // the fold
    ("icu_casemap_data", "2.4.0"),       // the fold
    ("icu_locale_core", "2.4.0"),        // the fold: that it is nobody's language
    ("icu_normalizer", "2.4.0"),         // the fold, NFKC; domains
    ("icu_normalizer_data", "2.4.0"),    // the fold, NFKC; domains
    ("icu_properties", "2.4.0"),         // what a name may hold; domains
    ("icu_properties_data", "2.4.0"),    // what a name may hold; domains
    ("idna", "1.1.0"),                   // domains alone
    ("idna_adapter", "1.2.2"),           // domains alone: ICU4X's tables
    ("unicase", "2.10.0"),               // how clap compares words
    ("unicode-normalization", "0.1.26"), // the skeleton; what a name may hold
    ("unicode-script", "0.5.9"),         // beneath the skeleton's crate; not asked
    ("unicode-security", "0.1.3"),       // the skeleton
    ("unicode-width", "0.2.3"),          // how wide a table on a terminal is
];

/// Those that have no tables, or tables that no name is judged by.
const OTHERS: [&str; 7] = [
    "encode_unicode",
    "icu_collections",
    "icu_provider",
    "unicode-ident",
    "unicode-segmentation",
    "unicode-xid",
    "unicode-general-category",
];

struct Package {
    version: String,
    needs: Vec<String>,
}

/// `Cargo.lock`, and the names of what the server itself needs.
fn lock() -> (BTreeMap<String, Package>, Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| -> toml::Table {
        let text = std::fs::read_to_string(root.join(path)).expect("a file");
        text.parse().expect("TOML")
    };
    let lock = read("../Cargo.lock");
    let text = |value: &toml::Value| value.as_str().expect("text").to_owned();
    let packages = lock["package"].as_array().expect("packages").iter().map(|package| {
        let needs = package.get("dependencies").and_then(toml::Value::as_array);
        // With a version where there are several of one name: they are taken together.
        let name = |need: &toml::Value| text(need).split(' ').next().unwrap_or_default().to_owned();
        let needs = needs.into_iter().flatten().map(name).collect();
        (text(&package["name"]), Package { version: text(&package["version"]), needs })
    });
    let manifest = read("Cargo.toml");
    let own = manifest["dependencies"].as_table().expect("dependencies").keys().cloned().collect();
    (packages.collect(), own)
}

/// Everything that is compiled into the server.
fn compiled_in() -> BTreeMap<String, String> {
    let (packages, mut left) = lock();
    let mut seen = BTreeSet::new();
    while let Some(name) = left.pop() {
        if seen.insert(name.clone()) {
            left.extend(packages.get(&name).map(|p| p.needs.clone()).unwrap_or_default());
        }
    }
    seen.into_iter()
        .filter_map(|name| Some((name.clone(), packages.get(&name)?.version.clone())))
        .collect()
}

#[test]
fn no_other_crate_has_tables_of_its_own() {
    let words = [
        "unicode",
        "icu_",
        "idna",
        "precis",
        "stringprep",
        "unicase",
        "caseless",
        "punycode",
        "ucd",
    ];
    let all = compiled_in();
    assert!(all.len() > 100, "the walk finds the tree");
    let found: BTreeMap<&str, &str> = all
        .iter()
        .filter(|(name, _)| {
            words.iter().any(|word| name.contains(word)) && !OTHERS.contains(&name.as_str())
        })
        .map(|(name, version)| (name.as_str(), version.as_str()))
        .collect();
    assert_eq!(
        found,
        TABLES.into_iter().collect(),
        "a name may be judged by another Unicode: docs/names.md"
    );
}

#[test]
fn the_stored_versions_are_those_of_the_crates() {
    let all = compiled_in();
    for version in [FoldKey::VERSION, Skeleton::VERSION] {
        let mut parts: Vec<_> = version.split(", ").collect();
        assert_eq!(parts.pop(), Some("Unicode 18.0.0"));
        for part in parts {
            let (name, version) = part.split_once(' ').expect("a crate and its version");
            assert_eq!(all[name], version, "{part}");
        }
    }
}

#[test]
fn every_table_is_of_one_unicode() {
    assert_eq!(unicode_normalization::UNICODE_VERSION, (18, 0, 0));
    assert_eq!(unicode_security::UNICODE_VERSION, (18, 0, 0));
    // ICU4X does not say its version: what it takes for assigned does.
    let category = CodePointMapData::<GeneralCategory>::new();
    for c in '\0'..=char::MAX {
        use GeneralCategory as G;
        let assigned = !matches!(category.get(c), G::Unassigned | G::PrivateUse | G::Surrogate);
        assert_eq!(assigned, unicode_normalization::char::is_public_assigned(c), "{c:?}");
    }
}

#[test]
fn a_code_point_that_a_table_does_not_know_is_in_no_name() {
    let mut unknown = 0;
    for c in '\0'..=char::MAX {
        if !unicode_normalization::char::is_public_assigned(c) {
            unknown += 1;
            assert!(Name::try_from(format!("a{c}")).is_err(), "{c:?}");
        }
    }
    assert!(unknown > 100_000, "{unknown}");
}
