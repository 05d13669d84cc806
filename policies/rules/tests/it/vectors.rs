//! Other systems' rules for names as settings, against the tests of those systems, read from the folder that `ENLIST_VECTORS` names.
//! Where an answer differs it stands here, with the reason.

use crate::people::{names, rules};
use enlist_policy::Request;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Rows of a file of vectors, or none, and a word about it, when there is no such folder.
fn rows(file: &str) -> Vec<Value> {
    let Some(folder) = std::env::var_os("ENLIST_VECTORS") else {
        eprintln!("skipped: {file}: ENLIST_VECTORS is not set");
        return Vec::new();
    };
    let path = PathBuf::from(folder).join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// Why an answer may differ from theirs: the host takes no such name, so the settings cannot ask for it.
const EDGE: &str =
    "a name begins with a letter or digit and ends in no dot, whatever the settings say";
const CHARACTER: &str = "the host takes letters, digits and ._+@- alone";
const LENGTH: &str = "a name has at most 128 characters";

/// Holds the rows of `op` against settings that express it; `otherwise` are those that are answered otherwise, and why.
fn agree(file: &str, op: &str, settings: &str, otherwise: &[(&str, &str)]) {
    let rules = rules(settings);
    let mut differs = BTreeSet::new();
    let (mut count, mut asked) = (0, 0);
    let all = rows(file);
    for row in all.iter().filter(|row| row["op"] == op) {
        let input = row["input"].as_str().expect("input");
        let wanted =
            row["valid"].as_bool().or_else(|| row["reserved"].as_bool().map(|reserved| !reserved));
        let granted = names(&rules, &Request::by_hand(input)).is_ok_and(|names| names[0] == input);
        asked += 1;
        if granted == wanted.expect("a verdict") {
            count += 1;
        } else {
            differs.insert(input.to_owned());
        }
    }
    if all.is_empty() {
        return;
    }
    assert!(asked > 0, "{file} has no {op}");
    println!("{file} {op}: {count} of {asked} agree, {} are answered otherwise", differs.len());
    let known: BTreeSet<String> = otherwise.iter().map(|(input, _)| (*input).to_owned()).collect();
    assert_eq!(differs, known, "{file} {op}");
}

#[test]
fn gitea() {
    let name = r#"
        case = "preserve"
        charset = "a-zA-Z0-9._-"
        pattern = '[a-zA-Z0-9]+(?:[._-][a-zA-Z0-9]+)*'
        reserved = ["*.keys", "*.gpg", "*.rss", "*.atom", "*.png"]
    "#;
    agree("gitea.jsonl", "validate:gitea_username", name, &[]);
    agree("gitea.jsonl", "reserved:gitea", name, &[]);
}

#[test]
fn gitlab() {
    let name = r#"
        case = "preserve"
        charset = "a-zA-Z0-9._-"
        end = "a-zA-Z0-9_-"
        reserved = ["*.git", "*.atom"]
    "#;
    agree("gitlab.jsonl", "validate:gitlab_namespace", name, &[("_underscore.js", EDGE)]);
    let top = r#"
        case = "preserve"
        charset = "a-zA-Z0-9._-"
        reserved = ["users", "sitemap.xml*", "*.git", "*.atom"]
    "#;
    agree("gitlab.jsonl", "validate:gitlab_root_namespace", top, &[]);
    agree("gitlab.jsonl", "reserved:gitlab", top, &[]);
}

#[test]
fn django() {
    let ascii = "case = \"preserve\"\nstrip_domain = \"never\"\ncharset = \"a-zA-Z0-9._@+-\"";
    let unicode = format!("{ascii}\nunicode = \"precis\"");
    agree("django.jsonl", "validate:django_ascii", ascii, &[]);
    agree(
        "django.jsonl",
        "validate:django_unicode",
        &unicode,
        &[("ᴮᴵᴳᴮᴵᴿᴰ", "compatibility characters have another spelling")],
    );
    agree("django.jsonl", "validate:confusable_username", &unicode, &[]);
    agree("django.jsonl", "validate:confusable_email", &unicode, &[]);
    agree("django.jsonl", "validate:html5_email", ascii, &[]);
    agree("django.jsonl", "reserved:django_registration", ascii, &[]);
}

#[test]
fn posix() {
    let strict = "case = \"preserve\"\ncharset = \"a-zA-Z0-9_-\"\nstart = \"a-zA-Z\"\nend = \"a-zA-Z0-9_-\"\nmax_length = 31\nreserved_builtin = false";
    agree("posix_names.jsonl", "validate:systemd_strict", strict, &[("_kkk", EDGE)]);
    let relaxed = "case = \"preserve\"\nunicode = \"precis\"\ncharset = \"a-zA-Z0-9._@+-\"\nend = \"a-zA-Z0-9_-\"\nstrip_domain = \"never\"\npattern = '.*[^0-9].*'\nmax_length = 31\nreserved_builtin = false";
    agree(
        "posix_names.jsonl",
        "validate:systemd_relaxed",
        relaxed,
        &["_kkk", "eff.", "-kkk", ".eff", ".1", ".65535", ".-1", ".-kkk", ".rööt", "..."]
            .map(|name| (name, EDGE)),
    );
    let long = "_".repeat(255);
    let shadow = "case = \"preserve\"\ncharset = \"a-zA-Z0-9._-\"\nend = \"a-zA-Z0-9_-\"\npattern = '.*[^0-9].*'\nmax_length = 128\nreserved_builtin = false";
    agree(
        "posix_names.jsonl",
        "validate:shadow_user",
        shadow,
        &[
            ("_", EDGE),
            ("_.-", EDGE),
            (".007", EDGE),
            (&long, EDGE),
            ("dollar$", CHARACTER),
            ("SSS$", CHARACTER),
        ],
    );
    let label = |letter: &str, length| letter.repeat(length);
    let longest = format!(
        "user@{}.{}.{}.{}.co",
        label("a", 63),
        label("b", 63),
        label("c", 63),
        label("d", 59)
    );
    let upn = "case = \"preserve\"\nstrip_domain = \"never\"\ncharset = \"a-zA-Z0-9._@-\"\nmax_length = 128\npattern = '[^@]*[^@0-9][^@]*@[a-zA-Z0-9-]{1,63}(?:[.][a-zA-Z0-9-]{1,63})*'";
    agree(
        "posix_names.jsonl",
        "validate:shadow_upn",
        upn,
        &[("user@domain.com.", EDGE), ("user@sub.", EDGE), (&longest, LENGTH)],
    );
}

#[test]
fn slugs_with_a_hash() {
    let rules = rules(
        "charset = \"dns\"\ncollision = \"hash_suffix\"\non_invalid = \"replace:-\"\nsuffix_sep = \"---\"\nhash_len = 8\nmax_length = 63\nmin_length = 1",
    );
    // Theirs is of the text, ours of who somebody is; what carries one is compared.
    let otherwise = [
        ("jupyter-Alex", "capital letters are no loss: the host holds a name in any case"),
        ("username--servername", "two hyphens are no mark of theirs here, three and a hash are"),
        ("start---f587e2dc", "8 is no character of base 32: it does not look like one of ours"),
        ("", "nothing is made of nothing"),
    ];
    let (mut count, mut known) = (0, 0);
    let all = rows("hash_suffix_slugs.jsonl");
    for row in &all {
        let input = row["input"].as_str().expect("input");
        let output = row["output"].as_str().expect("output");
        let ours = names(&rules, &Request::by_hand(input)).ok().map(|mut names| names.remove(0));
        let carries = |name: &str| name.len() > 11 && name[name.len() - 11..].starts_with("---");
        let same = match &ours {
            Some(name) if carries(output) && output != input => carries(name) && name != input,
            Some(name) => name == output,
            None => false,
        };
        if same {
            count += 1;
        } else {
            assert!(otherwise.iter().any(|(known, _)| *known == input), "{row} {ours:?}");
            known += 1;
        }
    }
    if !all.is_empty() {
        println!(
            "hash_suffix_slugs.jsonl: {count} of {} agree, {known} are answered otherwise",
            all.len()
        );
        assert_eq!(known, otherwise.len());
    }
}
