//! Decisions that were made, as cases that a policy can be held to: who asked, in the guide's form, and what came of it.
//! Refuses what would not come again where nobody else is: a name that was taken, a count that was full, a policy that failed; and
//! an applicant that this form cannot say.

use crate::domain::{Applicant, Assurance, Attribute, Name, Past, Request, TenantName, Told};
use crate::wire::list::cursor;
use crate::wire::{AllowanceText, Question};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Cases as JSON: those of one page of the record.
#[derive(Debug, Serialize, ToSchema)]
pub struct CasesText {
    /// The revision that decided all of them.
    pub revision: u64,
    /// The newest first.
    pub items: Vec<CaseText>,
    /// Decisions of that revision that are no case.
    pub left_out: u64,
    /// Requests that the record keeps about nobody, whichever revision decided.
    pub masked: u64,
    /// Where the next page begins, to be sent as `after`; null when this is the last. A page may be empty.
    next: Option<String>,
}

/// A case.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseText {
    /// The username and the request's id.
    name: String,
    /// Who asked, as at `/provision-user`.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    applicant: Map<String, Value>,
    /// What came of it.
    expect: ExpectText,
}

#[derive(Debug, Default, Serialize, ToSchema)]
struct ExpectText {
    /// The name.
    username: Option<String>,
    /// A refusal's code.
    refuse: Option<String>,
    /// How much, with the name.
    allowance: Option<AllowanceText>,
}

/// What the guide's form says of somebody among the attributes, where the native one has fields.
const SAID_BESIDE: [&str; 4] = ["sub", "email", "email_verified", "cognito:groups"];

const GROUPS: &str = "cognito:groups";

impl CasesText {
    /// A page without anything, that ends with the row `last` if there may be more.
    pub fn empty(revision: u64, last: Option<i64>) -> Self {
        let next = last.map(|last| cursor(&last.to_string()));
        Self { revision, items: Vec::new(), left_out: 0, masked: 0, next }
    }

    /// A decision of the revision.
    pub fn add(&mut self, past: &Past) {
        match CaseText::of(past) {
            Some(case) => self.items.push(case),
            None => self.left_out += 1,
        }
    }
}

impl CaseText {
    /// The case that a decision makes; none where it would not come again.
    fn of(past: &Past) -> Option<Self> {
        let expect = expect(past)?;
        let applicant = applicant(&past.request);
        is_said(&past.request, &applicant).then(|| {
            let name = format!("{} ({})", past.request.applicant.username, past.request_id);
            Self { name, applicant, expect }
        })
    }
}

fn expect(past: &Past) -> Option<ExpectText> {
    let refuse = |code: &String| ExpectText { refuse: Some(code.clone()), ..ExpectText::default() };
    let usable = |name: &&String| Name::try_from((*name).clone()).is_ok();
    let first = past.names.iter().find(usable);
    match &past.said {
        Told::Granted(allowance) => {
            (!past.overruled && first.is_some() && first == past.name.as_ref()).then(|| {
                let allowance = Some(allowance.clone().into());
                ExpectText { username: past.name.clone(), allowance, ..ExpectText::default() }
            })
        }
        Told::Refused { code, .. } => Some(refuse(code)),
        // Unless it only looked like somebody's.
        Told::NoName(code) if code == "name_unusable" && first.is_none() => Some(refuse(code)),
        Told::NoName(_) | Told::Failed { .. } => None,
    }
}

/// The guide's form of a request, as far as it can say it.
fn applicant(request: &Request) -> Map<String, Value> {
    let Applicant { issuer, subject, username, email, groups, attributes } = &request.applicant;
    let mut body = Map::new();
    let (mut user, mut client) = (Map::new(), Map::new());
    for Attribute { name, value } in attributes.iter().filter(|a| !is_hosts(a)) {
        let list = || serde_json::from_str(value).ok().filter(Value::is_array);
        match name.strip_prefix("client:") {
            Some(key) => client.insert(key.to_owned(), value.as_str().into()),
            None if name == GROUPS => {
                user.insert(name.clone(), list().unwrap_or_else(|| value.as_str().into()))
            }
            None => user.insert(name.clone(), value.as_str().into()),
        };
    }
    if !groups.is_empty() {
        user.entry(GROUPS).or_insert_with(|| groups.as_slice().into());
    }
    body.insert("username".to_owned(), username.as_str().into());
    if !issuer.is_empty() {
        body.insert("issuer".to_owned(), issuer.as_str().into());
    }
    body.insert("source".to_owned(), request.source.as_str().into());
    if let Some(subject) = subject.as_ref().filter(|_| !user.contains_key("sub")) {
        if subject == username {
            user.insert("sub".to_owned(), subject.as_str().into());
        } else {
            body.insert("cognito_user_id".to_owned(), subject.as_str().into());
        }
    }
    if let Some(email) = email {
        let address = Value::from(email.address());
        if email.assurance() == Assurance::Verified {
            user.entry("email").or_insert(address);
            user.entry("email_verified").or_insert("true".into());
        } else if !user.contains_key("email") {
            body.insert("email".to_owned(), address);
        }
    }
    for (field, said) in [("user_attributes", user), ("client_metadata", client)] {
        if !said.is_empty() {
            body.insert(field.to_owned(), said.into());
        }
    }
    body
}

/// A fact of the host's own, which nobody can send.
fn is_hosts(attribute: &Attribute) -> bool {
    attribute.name.starts_with("enlist:")
}

/// Whether the form, read, is the request again: but for the host's own facts, and for what the form says twice.
fn is_said(request: &Request, form: &Map<String, Value>) -> bool {
    let form = Value::Object(form.clone()).to_string();
    let Ok(question) = Question::read_with_occasion(form.as_bytes()) else { return false };
    let read =
        question.into_request(&TenantName::default_tenant(), "", &request.source, request.now);
    let split = |mut request: Request| {
        let mut attributes = std::mem::take(&mut request.applicant.attributes);
        attributes.retain(|attribute| !is_hosts(attribute));
        attributes.sort_by(|a, b| (&a.name, &a.value).cmp(&(&b.name, &b.value)));
        (request, attributes)
    };
    let ((before, sent), (after, mut said)) = (split(request.clone()), split(read));
    said.retain(|one| sent.contains(one) || !SAID_BESIDE.contains(&one.name.as_str()));
    before == after && sent == said
}

#[cfg(test)]
mod tests {
    use super::{applicant, is_said};
    use crate::domain::{Request, TenantName};
    use crate::wire::Question;

    fn read(question: Result<Question, crate::wire::BodyError>) -> Request {
        let tenant = TenantName::default_tenant();
        question.expect("a body").into_request(&tenant, "", "api", 7)
    }

    #[test]
    fn what_was_asked_in_the_guides_form_is_said_in_it_again() {
        for body in [
            r#"{"username":"a"}"#,
            r#"{"username":"a","email":"a@b.c","cognito_user_id":"id","issuer":"i","source":"s"}"#,
            r#"{"username":"a","user_attributes":{"sub":"a","email":"a@b.c","email_verified":true,"n":1,"cognito:groups":["g","h"]},
                "client_metadata":{"k":"v"}}"#,
            r#"{"username":"a","user_attributes":{"email":"none","cognito:groups":"g","sub":7}}"#,
        ] {
            let request = read(Question::read(body.as_bytes()));
            assert!(is_said(&request, &applicant(&request)), "{body}");
        }
    }

    #[test]
    fn what_was_asked_at_the_native_door_is_said_unless_an_attribute_comes_twice() {
        for (body, said) in [
            (r#"{"username":"a","subject":"a","email":"a@b.c","email_verified":true}"#, true),
            (r#"{"username":"a","subject":"s","groups":["g"],"attributes":{"plan":"x"}}"#, true),
            (r#"{"username":"a","attributes":{"plan":["x","y"]}}"#, false),
            (r#"{"username":"a","subject":"s","attributes":{"sub":"another"}}"#, false),
        ] {
            let request = read(Question::read_native(body.as_bytes()));
            assert_eq!(is_said(&request, &applicant(&request)), said, "{body}");
        }
    }
}
