//! What the operator should know of settings that are not wrong: mostly, what a provider never sends.

use crate::rule::Rule;
use crate::settings::Settings;
use crate::source::{Case, Collision, Source};
use crate::trust::Trust;
use enlist_policy::note;

/// What Cognito's triggers do not send, and what becomes of it.
const NO_GROUPS: &str =
    "Cognito's PreSignUp and PostConfirmation send no groups, so it never holds there";
const NO_SUB: &str = "there is no subject at sign-up, so it never holds there";
const NO_METADATA: &str = "whoever signs up writes it, so it proves nothing";

/// Leaves a note for each.
pub(crate) fn of<'s>(settings: &Settings, rules: impl Iterator<Item = &'s Rule>) {
    for (name, lists) in [("allow", &settings.allow), ("deny", &settings.deny)] {
        let Some(lists) = lists else { continue };
        let empty: Vec<_> = lists.empty().collect();
        for list in &empty {
            note!("{name}.{list} is empty: nobody is on it");
        }
        if lists.is_none() && name == "allow" {
            note!("allow has no list: nobody may have an account");
        }
        if lists.usernames.is_some() && name == "allow" {
            note!("allow.usernames: a provider's names can be changed, and used again by others");
        }
        if lists.groups.is_some() {
            note!("{name}.groups: {NO_GROUPS}");
        }
        if lists.subs.is_some() {
            note!("{name}.subs: {NO_SUB}");
        }
    }
    let trust = Trust::of(settings);
    for (number, rule) in rules.enumerate() {
        let called = rule.name.clone().unwrap_or_else(|| format!("rules/{number}"));
        let grants = rule.then.set_plan.is_some() || rule.then.set_quota.is_some();
        for test in rule.when.tests() {
            let attr = test.attr.as_str();
            match attr {
                "groups" | "cognito:groups" => note!("{called} asks about groups: {NO_GROUPS}"),
                "sub" => note!("{called} asks about sub: {NO_SUB}"),
                _ if attr.starts_with("client:") => {
                    note!("{called} asks about {attr}: {NO_METADATA}")
                }
                _ if grants && !trust.covers(attr) => {
                    note!(
                        "{called} grants by {attr}, which people may be able to write themselves"
                    );
                }
                _ => {}
            }
        }
    }
    if settings.allow_unverified_email {
        note!("allow_unverified_email: whoever claims an address is taken for its owner");
    }
    if settings.case == Case::Preserve && !settings.charset.holds('A') {
        note!("case is preserve, but charset has no capital letters: names with one are refused");
    }
    if settings.collision == Collision::NumericSuffix {
        note!(
            "collision = numeric_suffix: numbers show that a name is held, and name-2 can be somebody's own"
        );
    }
    if settings.source.iter().any(|source| matches!(source, Source::SubHash))
        && !settings.charset.holds('-')
    {
        note!(
            "source has sub_hash, whose names begin with u-, and charset has no hyphen: they are refused"
        );
    }
}
