//! What is noted of settings that are not wrong.

use crate::people::read;
use enlist_policy::notes;

fn noted(toml: &str) -> Vec<String> {
    notes::take();
    read(toml).map(drop).expect("good settings");
    notes::take()
}

#[test]
fn settings_that_do_what_they_say_are_not_talked_about() {
    assert!(noted("[allow]\ndomains = [\"example.com\"]").is_empty());
}

#[test]
fn what_a_trigger_never_sends_and_what_proves_nothing_is_a_warning() {
    for (toml, words) in [
        (
            "[allow]\ngroups = [\"staff\"]",
            "allow.groups: Cognito's PreSignUp and PostConfirmation send no groups",
        ),
        ("[deny]\ngroups = [\"staff\"]", "deny.groups: Cognito's"),
        ("[allow]\nsubs = [\"s\"]", "allow.subs: there is no subject at sign-up"),
        (
            "[[rules]]\nname = \"staff\"\nwhen = {attr = \"cognito:groups\", op = \"exists\"}\nthen = {deny = true}",
            "staff asks about groups",
        ),
        (
            "[[rules]]\nwhen = {not = {attr = \"sub\", op = \"exists\"}}\nthen = {deny = true}",
            "rules/0 asks about sub",
        ),
        (
            "[[rules]]\nwhen = {attr = \"client:plan\", op = \"exists\"}\nthen = {deny = true}",
            "whoever signs up writes it",
        ),
        (
            "[plans.pro]\n[[rules]]\nwhen = {attr = \"custom:plan\", op = \"exists\"}\nthen = {set_plan = \"pro\"}",
            "rules/0 grants by custom:plan",
        ),
        ("[allow]\nusernames = [\"ann\"]", "used again by others"),
        ("[allow]\ndomains = []", "allow.domains is empty"),
        ("[allow]", "nobody may have an account"),
        ("allow_unverified_email = true", "taken for its owner"),
        ("case = \"preserve\"", "no capital letters"),
        ("collision = \"numeric_suffix\"", "numbers show"),
        ("source = [\"sub_hash\"]\ncharset = \"a-z0-9\"", "no hyphen"),
    ] {
        let noted = noted(toml);
        assert!(noted.len() == 1 && noted[0].contains(words), "{toml}: {noted:?}");
    }
}
