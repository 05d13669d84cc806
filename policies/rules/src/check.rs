//! Whether settings that read well fit together. What is wrong with one of them is not said again of those that depend on it.

use crate::map::Map;
use crate::quota::PLAN;
use crate::rule::Rule;
use crate::settings::Settings;
use crate::shape::Place;
use crate::source::{ALPHABET, Collision, OnInvalid, PlusTag, StripDomain};
use crate::trust::Trust;
use crate::values::Charset;
use std::collections::BTreeSet;

/// Most rules.
const RULES: usize = 256;
/// Most labels of an account.
const LABELS: usize = 16;
/// Longest separator, and longest replacement of an `@`.
const SHORT: usize = 8;

/// Says everything that does not fit.
pub(crate) fn all(settings: &Settings, place: &mut Place<'_>) {
    names(settings, place);
    addresses(settings, place);
    collisions(settings, place);
    people(settings, place);
    rules(settings, place);
    plans(settings, place);
}

/// Says `message` at `name` if it is wrong, and nothing is wrong yet with what it depends on.
fn wrong_if(place: &mut Place<'_>, wrong: bool, name: &str, on: &[&str], message: &str) {
    let pointers: Vec<String> = on.iter().chain([&name]).map(|name| format!("/{name}")).collect();
    let pointers: Vec<&str> = pointers.iter().map(String::as_str).collect();
    if wrong && place.is_clean(&pointers) {
        place.at(name, |place| place.wrong(message)).unwrap_or_default()
    }
}

fn names(settings: &Settings, place: &mut Place<'_>) {
    let (least, most) = (settings.min_length.get(), settings.max_length.get());
    wrong_if(place, least > most, "min_length", &["max_length"], "is more than max_length");
    wrong_if(place, settings.source.is_empty(), "source", &[], "names nothing to make a name of");
    let charset = settings.charset;
    let edges = [("start", settings.start, "begins"), ("end", settings.end, "ends")];
    for (name, edge, does) in edges {
        let Some(edge) = edge else { continue };
        let none = edge.only(|c| charset.holds(c)) == edge.only(|_| false);
        wrong_if(place, none, name, &["charset"], "has no character of charset");
        // The host's own rules.
        let bad =
            edge.only(|c| if name == "start" { !c.is_ascii_alphanumeric() } else { c == '.' });
        let message = format!("no name {does} with any of {:?}: the host refuses it", bad.text());
        wrong_if(place, !bad.text().is_empty(), name, &[], &message);
    }
    for (name, text) in [("prefix", &settings.prefix), ("suffix", &settings.suffix)] {
        let message = "has characters that charset has not";
        wrong_if(place, !charset.hold(text), name, &["charset"], message);
    }
    let fixed = settings.prefix.chars().count() + settings.suffix.chars().count();
    let message = "leaves no room: with prefix and suffix the name is as long as max_length";
    wrong_if(place, fixed >= most && fixed > 0, "prefix", &["suffix", "max_length"], message);
    let bad_start = settings.prefix.chars().next().is_some_and(|c| !settings.start().holds(c));
    wrong_if(
        place,
        bad_start,
        "prefix",
        &["charset", "start"],
        "begins with what no name begins with",
    );
    let bad_end = settings.suffix.chars().next_back().is_some_and(|c| !settings.end().holds(c));
    wrong_if(place, bad_end, "suffix", &["charset", "end"], "ends with what no name ends with");
    if let OnInvalid::Replace(with) = settings.on_invalid {
        let lossy = settings.collision != Collision::HashSuffix;
        let message = "replacing makes one name of several: it needs collision = \"hash_suffix\"";
        wrong_if(place, lossy, "on_invalid", &["collision"], message);
        let message = "the replacement is no character of charset";
        wrong_if(place, !charset.holds(with), "on_invalid", &["charset"], message);
    }
}

fn addresses(settings: &Settings, place: &mut Place<'_>) {
    let keeps = !matches!(settings.strip_domain, StripDomain::Always);
    let none = settings.at_replacement.is_none() && !settings.charset.holds('@');
    let message = "an @ that stays needs charset to have it, or at_replacement";
    wrong_if(place, keeps && none, "strip_domain", &["at_replacement", "charset"], message);
    if let Some(with) = &settings.at_replacement {
        let message = "has 1 to 8 characters, all of charset";
        let bad = !(1..=SHORT).contains(&with.len()) || !settings.charset.hold(with);
        wrong_if(place, bad, "at_replacement", &["charset"], message);
    }
    let strips = settings.plus_tag == PlusTag::Strip && settings.plus_tag_domains.is_empty();
    let message =
        "names no domain, and plus_tag = \"strip\" needs some: elsewhere a + means something else";
    wrong_if(place, strips, "plus_tag_domains", &["plus_tag"], message);
}

fn collisions(settings: &Settings, place: &mut Place<'_>) {
    let (added, length) = match settings.collision {
        Collision::Deny => return,
        Collision::NumericSuffix => ("0123456789", settings.numeric_max.get().to_string().len()),
        Collision::HashSuffix => (ALPHABET, settings.hash_len.get()),
    };
    let sep = &settings.suffix_sep;
    let bad = !(1..=SHORT).contains(&sep.len()) || !settings.charset.hold(sep);
    let message = "has 1 to 8 characters, all of charset";
    wrong_if(place, bad, "suffix_sep", &["charset"], message);
    let missing = |set: Charset| !set.hold(added);
    let message = format!("the suffix is made of {added}, and charset or end has not all of them");
    let bad = missing(settings.charset) || missing(settings.end());
    wrong_if(place, bad, "collision", &["charset", "end"], &message);
    let fixed = settings.prefix.chars().count() + sep.chars().count() + length;
    let message = "leaves no room for prefix and suffix_sep and what a collision adds";
    let on = ["prefix", "suffix_sep", "collision", "hash_len", "numeric_max"];
    wrong_if(place, fixed >= settings.max_length.get(), "max_length", &on, message);
}

/// Whether an address or its domain decides who may come in.
pub(crate) fn decides_by_email(settings: &Settings) -> bool {
    let by_list = |lists: &Option<_>| lists.as_ref().is_some_and(crate::lists::Lists::go_by_email);
    let by_rule = |rule: &Rule| {
        let decides = rule.then.allow.is_some() || rule.then.deny.is_some();
        let asks = |attr: &str| matches!(attr, "email" | "domain");
        decides && rule.when.tests().iter().any(|test| asks(&test.attr))
    };
    by_list(&settings.allow) || by_list(&settings.deny) || settings.rules.iter().any(by_rule)
}

fn people(settings: &Settings, place: &mut Place<'_>) {
    let name = "require_verified_email";
    let admits = settings.allow.as_ref().is_some_and(crate::lists::Lists::go_by_email);
    let unverified = settings.allow_unverified_email;
    match settings.require_verified_email {
        Some(false) => {
            let message =
                "cannot be false while allow.emails or allow.domains admits by an address";
            wrong_if(
                place,
                admits && !unverified,
                name,
                &["allow", "allow_unverified_email"],
                message,
            );
        }
        Some(true) => {
            let message = "cannot be true together with allow_unverified_email";
            wrong_if(place, unverified, name, &["allow_unverified_email"], message);
        }
        None => {}
    }
    let whole = place.is_clean(&["/trusted_attributes"]);
    if let Some(trusted) = settings.trusted_attributes.as_ref().filter(|_| whole) {
        place.at("trusted_attributes", |place| {
            for (number, name) in trusted.iter().enumerate() {
                if name.starts_with("client:") {
                    place.item(number, |place| {
                        place.wrong::<()>("whoever signs up writes it: it is never to be trusted")
                    });
                }
            }
        });
    }
    // Who is let in by an attribute must not have written it.
    let trust = Trust::of(settings);
    let attributes = settings.allow.iter().filter_map(|lists| lists.attributes.as_ref());
    for (name, _) in attributes.flat_map(Map::iter).filter(|(name, _)| !trust.covers(name)) {
        place.at("allow", |place| {
            place.at("attributes", |place| place.at(name, |place| place.wrong::<()>(UNTRUSTED)))
        });
    }
}

const UNTRUSTED: &str = "people may be able to write this attribute themselves; if they are not, name it in trusted_attributes";

fn rules(settings: &Settings, place: &mut Place<'_>) {
    let trust = Trust::of(settings);
    place.at("rules", |place| {
        if settings.rules.len() > RULES {
            place.wrong::<()>(format!(
                "has {} rules, at most {RULES} are allowed",
                settings.rules.len()
            ));
        }
        if place.has_all_items("/rules") {
            for (number, rule) in settings.rules.iter().enumerate() {
                place.item(number, |place| self::rule(settings, &trust, rule, place));
            }
        }
    });
}

fn rule(settings: &Settings, trust: &Trust<'_>, rule: &Rule, place: &mut Place<'_>) {
    let then = &rule.then;
    let untrusted = rule.when.tests().into_iter().find(|test| !trust.covers(&test.attr));
    if let Some(test) = untrusted.filter(|_| then.allow.is_some()) {
        place.at("when", |place| place.wrong::<()>(format!("{}: {UNTRUSTED}", test.attr)));
    }
    place.at("then", |place| {
        if then.is_empty() && place.is_clean_here() {
            place.wrong::<()>("says nothing");
        }
        if then.allow.is_some() && then.deny.is_some() {
            place.wrong::<()>("allows and denies");
        }
        let known = |plan: &String| settings.plans.get(plan).is_some();
        if then.set_plan.as_ref().is_some_and(|plan| !known(plan)) {
            place.at("set_plan", |place| place.wrong::<()>("no plan has this name"));
        }
        if let Some(prefix) = &then.set_prefix {
            let starts = prefix.chars().next().is_none_or(|c| settings.start().holds(c));
            if !settings.charset.hold(prefix) || !starts {
                let message =
                    "has characters that charset has not, or begins with what no name begins with";
                place.at("set_prefix", |place| place.wrong::<()>(message));
            }
        }
    });
}

fn plans(settings: &Settings, place: &mut Place<'_>) {
    let unknown =
        settings.default_plan.as_ref().is_some_and(|plan| settings.plans.get(plan).is_none());
    wrong_if(place, unknown, "default_plan", &["plans"], "no plan has this name");
    let mut labels: BTreeSet<&str> =
        settings.labels.iter().map(|(name, _)| name.0.as_str()).collect();
    if settings.plans.len() > 0 {
        labels.insert(PLAN);
    }
    labels.extend(
        settings
            .plans
            .iter()
            .flat_map(|(_, plan)| plan.labels.iter())
            .map(|(name, _)| name.0.as_str()),
    );
    let of_rules =
        settings.rules.iter().flat_map(|rule| rule.then.label.iter()).flat_map(Map::iter);
    labels.extend(of_rules.map(|(name, _)| name.0.as_str()));
    let message = format!(
        "an account has at most {LABELS} labels, and these settings name {} in all",
        labels.len()
    );
    wrong_if(place, labels.len() > LABELS, "labels", &[], &message);
}
