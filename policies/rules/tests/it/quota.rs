//! How much people may have.

use crate::people::{assured, rules, somebody};
use enlist_policy::Assurance::Unverified;
use enlist_policy::{Allowance, Policy, Request, Usage};

fn allowance(toml: &str, request: &Request) -> Allowance {
    let usage = Usage { accounts: 0, accounts_in_domain: 0 };
    rules(toml).allow(request, "ann", &usage).expect("an allowance")
}

fn labels(allowance: &Allowance) -> Vec<(&str, &str)> {
    allowance.labels.iter().map(|label| (label.name.as_str(), label.value.as_str())).collect()
}

#[test]
fn without_settings_nothing_is_limited() {
    assert_eq!(allowance("", &somebody("ann@example.com")), Allowance::unlimited());
}

#[test]
fn zero_is_zero_and_none_is_no_limit() {
    let said = allowance(
        "max_accounts = 0\nmax_accounts_in_domain = \"none\"\nstorage_bytes = \"1 GiB\"\nstorage_files = 9223372036854775807",
        &somebody("ann@example.com"),
    );
    assert_eq!((said.max_accounts, said.max_accounts_in_domain), (Some(0), None));
    assert_eq!((said.storage_bytes, said.storage_files), (Some(1 << 30), Some(i64::MAX as u64)));
    for (text, bytes) in [
        ("7", 7),
        ("\"7\u{20}B\"", 7),
        ("\"7kB\"", 7000),
        ("\"2 MiB\"", 2 << 20),
        ("\"3 TB\"", 3_000_000_000_000),
    ] {
        assert_eq!(
            allowance(&format!("storage_bytes = {text}"), &somebody("a@b.example")).storage_bytes,
            Some(bytes),
            "{text}"
        );
    }
}

const PLANS: &str = r#"
    default_plan = "free"
    storage_files = 10
    max_accounts = 1000
    [labels]
    site = "x"
    [plans.free]
    storage_bytes = "1 GiB"
    [plans.pro]
    match = {attr = "custom:plan", op = "eq", value = "pro"}
    storage_bytes = "none"
    storage_files = 100
    max_accounts_in_domain = 7
    labels = {folders = "200", site = "y"}
    [plans.vip]
    [domains."big.example"]
    max_accounts_in_domain = 50
    [domains."*.big.example"]
    max_accounts_in_domain = 5
    [domains."a.big.example"]
    max_accounts_in_domain = "none"
    [[rules]]
    when = {attr = "email", op = "eq", value = "boss@big.example"}
    then = {set_plan = "vip", set_quota = {max_accounts_in_domain = 99}, label = {boss = "yes"}, allow = true}
    [[rules]]
    when = {attr = "domain", op = "eq", value = "big.example"}
    then = {label = {boss = "no", big = "yes"}}
"#;

#[test]
fn a_plan_is_the_one_that_is_meant_else_the_default() {
    let free = allowance(PLANS, &somebody("ann@example.com"));
    assert_eq!(
        (free.storage_bytes, free.storage_files, free.max_accounts),
        (Some(1 << 30), Some(10), Some(1000))
    );
    assert_eq!(labels(&free), [("site", "x"), ("plan", "free")]);
    let pro = allowance(PLANS, &somebody("ann@example.com").with_attribute("custom:plan", "pro"));
    assert_eq!(
        (pro.storage_bytes, pro.storage_files, pro.max_accounts_in_domain),
        (None, Some(100), Some(7))
    );
    assert_eq!(labels(&pro), [("plan", "pro"), ("folders", "200"), ("site", "y")]);
}

#[test]
fn rules_go_before_domains_and_domains_before_plans() {
    let boss = allowance(PLANS, &somebody("boss@big.example"));
    assert_eq!((boss.max_accounts_in_domain, boss.storage_bytes), (Some(99), None));
    assert_eq!(labels(&boss), [("site", "x"), ("plan", "vip"), ("boss", "yes")]);
    let ann = allowance(PLANS, &somebody("ann@big.example").with_attribute("custom:plan", "pro"));
    assert_eq!(ann.max_accounts_in_domain, Some(50));
    assert_eq!(labels(&ann)[3..], [("big", "yes"), ("boss", "no")]);
}

#[test]
fn a_domain_goes_before_what_it_is_below_of() {
    for (address, most) in [
        ("ann@big.example", Some(50)),
        ("ann@b.big.example", Some(5)),
        ("ann@c.b.big.example", Some(5)),
        ("ann@a.big.example", None),
        ("ann@notbig.example", None),
    ] {
        assert_eq!(allowance(PLANS, &somebody(address)).max_accounts_in_domain, most, "{address}");
    }
    let claimed = allowance(PLANS, &assured("ann@big.example", Unverified));
    assert_eq!(claimed.max_accounts_in_domain, None);
}
