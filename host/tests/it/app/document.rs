//! Every answer that any test gets, held against the document that the server serves: path, method, status, headers, type, body.
//! Refuses an answer that the document does not know, and a body that was taken though the document would not have it.

use crate::app::Answer;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(enlist::http::document()).expect("JSON"));

/// Made once for each schema.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// What a client sent.
pub(super) struct Sent {
    method: String,
    path: String,
    body: Option<Vec<u8>>,
}

impl Sent {
    pub(super) fn of(request: &reqwest::Request) -> Self {
        let body = request.body().and_then(reqwest::Body::as_bytes).map(<[u8]>::to_vec);
        // A trailing slash and a doubled leading one lead to the same door.
        let path = format!("/{}", request.url().path().trim_matches('/'));
        Self { method: request.method().to_string(), path, body }
    }
}

/// The operation that was asked for, as `GET /path/{name}`, and its status; none where there is no such operation.
pub(super) fn check(sent: &Sent, answer: &Answer) -> Option<(String, u16)> {
    let Sent { method, path, .. } = sent;
    let about = format!("{method} {path}: {answer:?}");
    assert!(answer.header("x-request-id").is_some(), "no X-Request-Id: {about}");
    let Some((template, item)) = find(path) else {
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{about}");
        conforms(&json!({"$ref": "#/components/schemas/ProblemText"}), &answer.json(), &about);
        return None;
    };
    let asked =
        if method == "HEAD" && !item["get"].is_null() { "get" } else { &method.to_lowercase() };
    let operation = &item[asked];
    if operation.is_null() {
        assert_eq!(answer.status, 405, "not in the document: {about}");
        let allow =
            answer.header("allow").expect(&about).split(", ").filter(|name| *name != "HEAD");
        let mut allow: Vec<_> = allow.map(str::to_lowercase).collect();
        let mut known: Vec<_> = item.as_object().expect("a path").keys().cloned().collect();
        allow.sort();
        known.sort();
        assert_eq!(allow, known, "{about}");
        return None;
    }
    let declared = &operation["responses"][answer.status.to_string()];
    assert!(!declared.is_null(), "a status that is not in the document: {about}");
    for name in declared["headers"].as_object().expect("headers").keys() {
        let may_be_missing = name == "Retry-After" && answer.code() == "policy_failed";
        assert!(
            may_be_missing || answer.header(&name.to_lowercase()).is_some(),
            "no {name}: {about}"
        );
    }
    let found = answer.header("content-type");
    match declared["content"].as_object() {
        None => assert_eq!((found, answer.text.as_str()), (None, ""), "{about}"),
        Some(_) if method == "HEAD" => {}
        Some(kinds) => {
            let kind = found.expect(&about);
            let content =
                kinds.get(kind).unwrap_or_else(|| panic!("{kind} is not in the document: {about}"));
            if kind.ends_with("json") {
                conforms(&content["schema"], &answer.json(), &about);
            }
        }
    }
    let kinds = &operation["requestBody"]["content"];
    let form = &kinds["application/json"]["schema"];
    let body = sent.body.as_deref().map(serde_json::from_slice::<Value>);
    // A door that takes other kinds too is sent them.
    let body =
        body.filter(|body| body.is_ok() || kinds.as_object().is_some_and(|all| all.len() == 1));
    if let (200..300, Some(body), false) = (answer.status, body, form.is_null()) {
        let body = body.expect("JSON was taken");
        conforms(form, &body, &format!("the body of {about}"));
    }
    Some((format!("{} {template}", asked.to_uppercase()), answer.status))
}

/// The path of the document that this one is of: the one with the fewest names in it.
fn find(path: &str) -> Option<(&'static str, &'static Value)> {
    let parts: Vec<_> = path.split('/').collect();
    let fits = |template: &str| {
        let wanted: Vec<_> = template.split('/').collect();
        let fits = |(wanted, part): (&&str, &&str)| wanted.starts_with('{') || wanted == part;
        wanted.len() == parts.len() && wanted.iter().zip(&parts).all(fits)
    };
    let paths = DOCUMENT["paths"].as_object().expect("paths").iter();
    let fitting = paths.filter(|(template, _)| fits(template));
    let found = fitting.min_by_key(|(template, _)| template.matches('{').count());
    found.map(|(template, item)| (template.as_str(), item))
}

/// Whether `value` is what `schema`, a part of the document, says.
fn conforms(schema: &Value, value: &Value, about: &str) {
    let validator = {
        let mut validators = VALIDATORS.lock().expect("a lock");
        let make = || {
            let mut whole = schema.clone();
            whole["components"] = DOCUMENT["components"].clone();
            Arc::new(jsonschema::draft202012::new(&whole).expect("a schema"))
        };
        validators.entry(schema.to_string()).or_insert_with(make).clone()
    };
    let wrong: Vec<_> = validator
        .iter_errors(value)
        .map(|error| format!("{} at {:?}", error, error.instance_path().to_string()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}: {about}");
}

/// Every operation with the statuses it may be answered with.
pub(crate) fn operations() -> BTreeMap<String, Vec<u16>> {
    let paths = DOCUMENT["paths"].as_object().expect("paths").iter();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().expect("a path").iter().map(move |(method, operation)| {
            let statuses = operation["responses"].as_object().expect("responses").keys();
            let statuses = statuses.map(|status| status.parse().expect("a status")).collect();
            (format!("{} {path}", method.to_uppercase()), statuses)
        })
    });
    operations.collect()
}
