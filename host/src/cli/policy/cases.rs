//! Cases: what a policy shall decide about whom. A file of them is read here, and a decision is compared with one.
//! Refuses a case that expects nothing, or what no decision could be: it would hold for ever and mean nothing.

use crate::cli::Ending;
use crate::cli::policy::ask;
use crate::cli::policy::subject::document;
use crate::domain::Request;
use crate::wire::{FormError, read_form};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CasesForm {
    #[serde(default)]
    case: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseForm {
    name: String,
    applicant: Map<String, Value>,
    expect: ExpectForm,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectForm {
    username: Option<String>,
    /// A code.
    refuse: Option<String>,
    allowance: Option<AllowanceForm>,
}

/// Of an allowance only what is named is compared. A number, or `none` for no limit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowanceForm {
    max_accounts: Option<Value>,
    max_accounts_in_domain: Option<Value>,
    storage_bytes: Option<Value>,
    storage_files: Option<Value>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// Somebody, and what shall be decided about them.
pub(in crate::cli) struct Case {
    pub(super) name: String,
    pub(super) request: Request,
    expected: Vec<Expected>,
}

/// A member of a decision's JSON, and what it shall be.
struct Expected {
    what: String,
    value: Value,
}

/// Where a decision is not what was expected.
pub(super) struct Difference {
    pub(super) what: String,
    pub(super) expected: Value,
    pub(super) found: Value,
}

/// The cases of a file; everything that is wrong with it is said, and how the verb ends.
pub(in crate::cli) fn read(file: &Path) -> Result<Vec<Case>, Ending> {
    read_cases(document(file)?.as_bytes()).map_err(|mistakes| {
        for mistake in mistakes {
            eprintln!("enlist: {}: {mistake}", file.display());
        }
        Ending::WrongUse
    })
}

fn read_cases(document: &[u8]) -> Result<Vec<Case>, Vec<String>> {
    let form: CasesForm = read_form(document).map_err(|error| vec![mistake("", error)])?;
    if form.case.is_empty() {
        return Err(vec!["there is no [[case]] in it".to_owned()]);
    }
    let (mut cases, mut mistakes) = (Vec::new(), Vec::new());
    for (place, case) in form.case.into_iter().enumerate() {
        let pointer = format!("/case/{place}");
        match read_form::<CaseForm>(case.to_string().as_bytes()) {
            Ok(case) => match case.read() {
                Ok(case) => cases.push(case),
                Err(why) => mistakes.push(format!("{pointer}/{why}")),
            },
            Err(error) => mistakes.push(mistake(&pointer, error)),
        }
    }
    if mistakes.is_empty() { Ok(cases) } else { Err(mistakes) }
}

fn mistake(pointer: &str, error: FormError) -> String {
    match error {
        FormError::Required => format!("{pointer}: expected a table"),
        FormError::Field { field, why } => format!("{pointer}/{field}: {why}"),
    }
}

impl CaseForm {
    /// The error begins with the rest of a pointer.
    fn read(self) -> Result<Case, String> {
        let applicant = Value::Object(self.applicant).to_string();
        let request = ask::request(applicant.as_bytes());
        let request = request.map_err(|error| format!("applicant: {error}"))?;
        Ok(Case { name: self.name, request, expected: self.expect.read()? })
    }
}

impl ExpectForm {
    fn read(self) -> Result<Vec<Expected>, String> {
        let expected = |what: &str, value: Value| Expected { what: what.to_owned(), value };
        let Self { username, refuse, allowance } = self;
        match (username, refuse, allowance) {
            (None, Some(code), None) => {
                Ok(vec![expected("decision", json!("refuse")), expected("code", json!(code))])
            }
            (_, Some(_), _) => Err("expect: a refusal has no username and no allowance".to_owned()),
            (None, None, None) => {
                Err("expect: username, refuse or allowance is missing".to_owned())
            }
            (username, None, allowance) => {
                let mut all = vec![expected("decision", json!("grant"))];
                all.extend(username.map(|name| expected("username", json!(name))));
                if let Some(allowance) = allowance {
                    allowance.read(&mut all)?;
                }
                Ok(all)
            }
        }
    }
}

impl AllowanceForm {
    fn read(self, all: &mut Vec<Expected>) -> Result<(), String> {
        for (name, limit) in [
            ("max_accounts", self.max_accounts),
            ("max_accounts_in_domain", self.max_accounts_in_domain),
            ("storage_bytes", self.storage_bytes),
            ("storage_files", self.storage_files),
        ] {
            let value = match limit {
                None => continue,
                Some(Value::String(none)) if none == "none" => Value::Null,
                Some(limit) if limit.is_u64() => limit,
                Some(other) => {
                    return Err(format!(
                        "expect/allowance/{name}: expected a number or \"none\", got {other}"
                    ));
                }
            };
            all.push(Expected { what: format!("allowance/{name}"), value });
        }
        let labels = self.labels.into_iter();
        all.extend(labels.map(|(name, value)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            Expected { what: format!("allowance/labels/{name}"), value: json!(value) }
        }));
        Ok(())
    }
}

impl Case {
    /// Where `decision` is not as expected. One that was decided the other way round differs in that alone.
    pub(super) fn differences(&self, decision: &Value) -> Vec<Difference> {
        let differ = |Expected { what, value }: &Expected| {
            let found = decision.pointer(&format!("/{what}")).cloned().unwrap_or(Value::Null);
            let difference = Difference { what: what.clone(), expected: value.clone(), found };
            (difference.found != difference.expected).then_some(difference)
        };
        let mut differences = Vec::new();
        for difference in self.expected.iter().filter_map(differ) {
            let other_way = difference.what == "decision";
            differences.push(difference);
            if other_way {
                break;
            }
        }
        differences
    }
}

#[cfg(test)]
mod tests {
    use super::read_cases;
    use serde_json::{Value, json};

    fn case(expect: Value) -> Value {
        json!({"case": [{"name": "c", "applicant": {"username": "ann"}, "expect": expect}]})
    }

    #[test]
    fn what_is_named_is_compared_and_nothing_else() {
        let grant = json!({"decision": "grant", "username": "ann", "revision": null, "allowance":
            {"max_accounts": null, "storage_bytes": 7, "labels": {"plan": "pro"}}});
        for (expect, differs) in [
            (json!({"username": "ann"}), &[][..]),
            (json!({"username": "bob"}), &["username"]),
            (json!({"refuse": "charset"}), &["decision"]),
            (json!({"allowance": {"storage_bytes": 7, "max_accounts": "none"}}), &[]),
            (json!({"allowance": {"storage_bytes": "none"}}), &["allowance/storage_bytes"]),
            (
                json!({"username": "ann", "allowance": {"storage_files": 0}}),
                &["allowance/storage_files"],
            ),
            (json!({"allowance": {"labels": {"plan": "pro"}}}), &[]),
            (json!({"allowance": {"labels": {"a/b": "x"}}}), &["allowance/labels/a~1b"]),
        ] {
            let cases = read_cases(case(expect.clone()).to_string().as_bytes()).expect("cases");
            let found: Vec<_> = cases[0].differences(&grant).into_iter().map(|d| d.what).collect();
            assert_eq!(found, differs, "{expect}");
        }
    }

    #[test]
    fn every_mistake_in_a_file_is_named() {
        let wrong = json!({"name": "w", "applicant": {}, "expect": {"username": "a"}});
        let good = case(json!({"username": "ann"}))["case"][0].clone();
        let cases = json!({"case": [wrong, good, 3, {"name": "u", "applicant": {"username": "a"}, "expect": {"refuse": 1}}]});
        let why = read_cases(cases.to_string().as_bytes()).err().expect("refused");
        let places = ["/case/0/applicant: ", "/case/2: ", "/case/3/expect/refuse: "];
        assert!(why.iter().zip(places).all(|(why, place)| why.starts_with(place)), "{why:?}");
        assert_eq!(why.len(), places.len(), "{why:?}");
    }

    #[test]
    fn a_case_that_means_nothing_is_refused_with_its_place() {
        for (document, place) in [
            (json!({}), "there is no [[case]]"),
            (json!({"cases": []}), "/cases"),
            (case(json!({})), "/case/0/expect"),
            (case(json!({"name": "ann"})), "/case/0/expect/name"),
            (case(json!({"refuse": "charset", "username": "ann"})), "/case/0/expect"),
            (case(json!({"allowance": {"folders": 1}})), "/case/0/expect/allowance/folders"),
            (
                case(json!({"allowance": {"storage_bytes": -1}})),
                "/case/0/expect/allowance/storage_bytes",
            ),
            (
                json!({"case": [{"name": "c", "applicant": {}, "expect": {"username": "a"}}]}),
                "/case/0/applicant",
            ),
            (json!({"case": [{"applicant": {}, "expect": {}}]}), "/case/0"),
        ] {
            let why = read_cases(document.to_string().as_bytes()).err().expect("refused");
            assert!(why[0].starts_with(place) && why.len() == 1, "{document}: {why:?}");
        }
    }
}
