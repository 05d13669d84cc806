//! `enlist decisions export --cases`: a file for `enlist policy test`, made of what really happened.
//! Refuses to say the same case twice, and to hide how much is missing: that goes to standard error.

use crate::cli::Ending;
use crate::cli::client::Client;
use reqwest::Url;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

pub(super) fn export(
    client: &Client,
    revision: Option<u64>,
    since: Option<String>,
) -> Result<Ending, Ending> {
    let mut url = client.tenant_url(&["cases"])?;
    if let Some(since) = since {
        url.query_pairs_mut().append_pair("since", &since);
    }
    let (mut cases, mut seen) = (Vec::new(), HashSet::new());
    let (mut left_out, mut masked, mut after) = (0, 0, None::<String>);
    let mut revision = revision;
    loop {
        let page = client.get(page(&url, revision, after.as_deref()))?;
        // The active one may be another by the next page.
        revision = page["revision"].as_u64();
        left_out += page["left_out"].as_u64().unwrap_or_default();
        masked += page["masked"].as_u64().unwrap_or_default();
        for case in page["items"].as_array().into_iter().flatten() {
            if seen.insert(json!([case["applicant"], case["expect"]]).to_string()) {
                cases.push(shaped(case));
            }
        }
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    let revision = revision.unwrap_or_default();
    eprintln!(
        "enlist: {} cases of revision {revision}; {left_out} decisions are none, {masked} are about nobody",
        cases.len()
    );
    let cases = json!({"case": cases});
    Ok(client.show(&cases, |cases| document(revision, cases)))
}

fn page(url: &Url, revision: Option<u64>, after: Option<&str>) -> Url {
    let mut url = url.clone();
    if let Some(revision) = revision {
        url.query_pairs_mut().append_pair("revision", &revision.to_string());
    }
    if let Some(after) = after {
        url.query_pairs_mut().append_pair("after", after);
    }
    url
}

/// As a file of cases has it: what is not expected is not named, and no limit is `none`.
fn shaped(case: &Value) -> Value {
    let mut expect = Map::new();
    for name in ["username", "refuse"] {
        if let Some(word) = case["expect"][name].as_str() {
            expect.insert(name.to_owned(), word.into());
        }
    }
    if let Some(limits) = case["expect"]["allowance"].as_object() {
        let limits = limits.iter().filter_map(|(name, limit)| {
            let limit = match limit {
                Value::Null => "none".into(),
                // TOML has no larger number.
                Value::Number(number) if number.as_i64().is_none() => return None,
                limit => limit.clone(),
            };
            Some((name.clone(), limit))
        });
        expect.insert("allowance".to_owned(), limits.collect::<Map<_, _>>().into());
    }
    json!({"name": case["name"], "applicant": case["applicant"], "expect": expect})
}

fn document(revision: u64, cases: &Value) -> String {
    let mut text = format!("# What revision {revision} decided.\n");
    for case in cases["case"].as_array().into_iter().flatten() {
        text.push_str(&format!("\n[[case]]\nname = {}\n", toml(&case["name"])));
        for part in ["applicant", "expect"] {
            for (name, value) in case[part].as_object().into_iter().flatten() {
                text.push_str(&format!("{part}.{name} = {}\n", toml(value)));
            }
        }
    }
    text
}

/// A value in one line of TOML.
fn toml(value: &Value) -> String {
    let all = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Array(items) => format!("[{}]", all(items.iter().map(toml).collect())),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{} = {}", toml(&name.as_str().into()), toml(value))
            };
            format!("{{ {} }}", all(members.iter().map(member).collect()))
        }
        // JSON's escapes are TOML's too; what JSON leaves as it is and TOML does not is this one.
        other => other.to_string().replace('\u{7f}', "\\u007F"),
    }
}

#[cfg(test)]
mod tests {
    use super::{document, shaped};
    use serde_json::{Value, json};

    #[test]
    fn a_file_of_cases_says_what_was_there_whatever_characters_it_has() {
        let odd = "a\"b\\c\n\u{7f}\u{1}é'#";
        let case = json!({"name": odd, "applicant": {"username": odd, "user_attributes": {"custom:plan": odd, "l": ["x"]}},
            "expect": {"username": "a", "refuse": null, "allowance":
                {"max_accounts": null, "max_accounts_in_domain": 3, "storage_bytes": u64::MAX, "storage_files": null, "labels": {"p.q": odd}}}});
        let cases = json!({"case": [shaped(&case)]});
        let read: toml::Table = document(7, &cases).parse().expect("TOML");
        let expected = json!({"username": "a", "allowance":
            {"max_accounts": "none", "max_accounts_in_domain": 3, "storage_files": "none", "labels": {"p.q": odd}}});
        let read: Value = serde_json::to_value(&read["case"][0]).expect("a value");
        assert_eq!((&read["applicant"], &read["expect"]), (&case["applicant"], &expected));
        assert_eq!(read["name"], odd);
    }
}
