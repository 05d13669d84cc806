//! `GET /openapi.json`: the document of every door, made of the doors themselves. What is true of every door of a kind, that it
//! needs a key or reads a body, is added here once; what is one door's own stands at its handler.
//! Refuses to be written by hand: a path, a field or a code that is served stands here, or the tests fail.

use crate::domain::HostCode;
use crate::http::{doors, metrics_door, noes, problem, provision_user};
use crate::wire::{FailureText, ProblemText};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;

/// The document and its tag: made once, when it is first asked for.
static DOCUMENT: LazyLock<(String, String)> = LazyLock::new(|| {
    let text = describe(doors().merge(metrics_door()).into_openapi()).to_string();
    let digest: String =
        Sha256::digest(&text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    (text, format!("\"{digest}\""))
});

/// Where everything of one tenant is.
const OF_A_TENANT: &str = "/v1/tenants/{tenant}";

/// This document
#[utoipa::path(
    get,
    path = "/openapi.json",
    security(()),
    responses((status = 200, body = Value), (status = 304, description = "As `If-None-Match` has it"))
)]
pub(super) async fn show(headers: HeaderMap) -> Response {
    let (text, tag) = &*DOCUMENT;
    let cached = [(CACHE_CONTROL, "public, max-age=300"), (ETAG, tag.as_str())];
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag) {
        return (StatusCode::NOT_MODIFIED, cached).into_response();
    }
    (cached, [(CONTENT_TYPE, "application/json")], text.as_str()).into_response()
}

/// The document as text.
pub fn document() -> &'static str {
    &DOCUMENT.0
}

/// What the doors say of themselves, with what all of them have in common.
fn describe(doors: OpenApi) -> Value {
    let mut document = json!(doors);
    document["info"] = json!({
        "title": "Enlist",
        "version": env!("CARGO_PKG_VERSION"),
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        "description": "Accounts and their folders for people an identity provider reports, by each tenant's own rules.\n\n\
            A path that is not here is answered 404 `not_found`, a method that is not here 405 `method_not_allowed` with `Allow`, \
            and every GET is also a HEAD. A trailing slash leads to the same door.",
    });
    document["servers"] = json!([{"url": "/"}]);
    document["security"] = json!([{"key": []}, {"bearer": []}]);
    let schemas = &mut document["components"]["schemas"];
    let mut needed = Vec::new();
    for (name, schema) in [
        (ProblemText::name(), json!(<ProblemText as utoipa::PartialSchema>::schema())),
        (FailureText::name(), json!(<FailureText as utoipa::PartialSchema>::schema())),
    ] {
        schemas[&*name] = schema;
    }
    ProblemText::schemas(&mut needed);
    FailureText::schemas(&mut needed);
    for (name, schema) in needed {
        schemas[&name] = json!(schema);
    }
    document["components"]["securitySchemes"] = json!({
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "Wins over `Authorization`."},
        "bearer": {"type": "http", "scheme": "bearer"},
    });
    document["components"]["headers"] = headers();
    let paths: BTreeSet<String> = keys(&document["paths"]).map(str::to_owned).collect();
    for path in &paths {
        for (method, operation) in fields(&mut document["paths"][path]) {
            finish(path, method, operation, &paths);
        }
    }
    close(&mut document);
    document
}

/// One operation, with what its kind brings along.
fn finish(path: &str, method: &str, operation: &mut Value, paths: &BTreeSet<String>) {
    let words = path.split(['/', '{', '}', '.', '-']).filter(|word| !word.is_empty());
    let id: Vec<_> = std::iter::once(method).chain(words).collect();
    operation["operationId"] = json!(id.join("_"));
    let noun = path.trim_start_matches(OF_A_TENANT).trim_start_matches("/v1");
    let noun = noun.split('/').find(|word| !word.is_empty()).unwrap_or("tenants");
    operation["tags"] = json!([noun]);

    let mut parameters: Vec<Value> = path.split('{').skip(1).map(parameter).collect();
    let asks = operation["parameters"].as_array().cloned().unwrap_or_default();
    let codes = codes(path, method, operation, paths);
    parameters.extend(asks);
    operation["parameters"] = json!(parameters);

    let shape = if path == provision_user::PATH {
        ("application/json", FailureText::name())
    } else {
        ("application/problem+json", ProblemText::name())
    };
    let responses = &mut operation["responses"];
    for (status, codes) in codes {
        let schema = schema_of(&shape.1, &status, &codes);
        let codes: Vec<_> = codes.iter().map(|code| in_words(code)).collect();
        let response = &mut responses[&status];
        *response =
            json!({"description": codes.join(", "), "content": {shape.0: {"schema": schema}}});
        let header = match status.as_str() {
            "401" => "WWW-Authenticate",
            "429" | "503" => "Retry-After",
            _ => continue,
        };
        response["headers"] = json!({header: reference(header)});
    }
    for (_, response) in fields(responses) {
        if response["description"].as_str().is_none_or(str::is_empty) {
            response["description"] = json!("Done");
        }
        response["headers"]["X-Request-Id"] = reference("X-Request-Id");
    }
}

/// The codes of an operation by status: its own, and those that come with a key, a body, a name in the path or a question.
fn codes(
    path: &str,
    method: &str,
    operation: &mut Value,
    paths: &BTreeSet<String>,
) -> BTreeMap<String, Vec<String>> {
    use HostCode as C;
    let mut codes = BTreeMap::<String, Vec<String>>::new();
    let mut add = |code: HostCode| {
        let listed = codes.entry(problem::status(code)).or_default();
        if !listed.iter().any(|other| other == code.as_str()) {
            listed.push(code.as_str().to_owned());
        }
    };
    let keyed = operation["security"].is_null();
    let reads = !operation["requestBody"].is_null();
    let asks = operation["parameters"].as_array().is_some_and(|all| !all.is_empty());
    if keyed {
        [C::KeyRequired, C::KeyInvalid, C::RateLimited, C::Busy, C::StorageUnavailable]
            .into_iter()
            .for_each(&mut add);
    }
    if keyed && path != provision_user::PATH {
        add(C::ScopeMissing);
    }
    // What is put need not be there.
    if path.contains("{tenant}") || path.contains('{') && method != "put" {
        add(C::NotFound);
    }
    let twin = path.strip_prefix("/v1").map(|tail| format!("{OF_A_TENANT}{tail}"));
    if twin.is_some_and(|twin| paths.contains(&twin)) {
        add(C::TenantRequired);
    }
    if asks || reads {
        add(C::FieldInvalid);
    }
    if reads {
        [C::BodyRequired, C::BodyTimeout, C::BodyTooLarge].into_iter().for_each(&mut add);
    }
    add(C::InternalError);
    for (status, response) in fields(&mut operation["responses"]) {
        let own = response["description"].as_str().filter(|_| status >= "400");
        // Only the sets of `noes` have no content; what has some is described already.
        for code in own
            .filter(|_| response["content"].is_null())
            .into_iter()
            .flat_map(str::split_whitespace)
        {
            let listed = codes.entry(status.to_owned()).or_default();
            if !listed.iter().any(|other| other == code) {
                listed.push(code.to_owned());
            }
        }
    }
    codes
}

/// A no of this status, with these codes alone unless a policy may have its own.
fn schema_of(shape: &str, status: &str, codes: &[String]) -> Value {
    let mut narrower = Map::new();
    if let (true, Ok(status)) = (shape == ProblemText::name(), status.parse::<u16>()) {
        narrower.insert("status".to_owned(), json!({"const": status}));
    }
    if !codes.iter().any(|code| code == noes::POLICY) {
        narrower.insert("code".to_owned(), json!({"enum": codes}));
    }
    json!({"$ref": format!("#/components/schemas/{shape}"), "properties": narrower})
}

fn in_words(code: &str) -> String {
    if code == noes::POLICY { "a code of the policy's own".to_owned() } else { format!("`{code}`") }
}

/// What stands in a path between braces.
fn parameter(rest: &str) -> Value {
    let name = rest.split('}').next().unwrap_or_default();
    let about = match name {
        "tenant" => "A tenant's name",
        "name" => "An account's name, as it is shown",
        "request_id" => "A request's `X-Request-Id`",
        "revision" => "A revision's number",
        _ => "The id of a key, or of a secret",
    };
    json!({"name": name, "in": "path", "required": true, "description": about, "schema": {"type": "string"}})
}

fn headers() -> Value {
    let text = |about: &str| json!({"description": about, "schema": {"type": "string"}});
    json!({
        "X-Request-Id": text("The request's own, if it has 1 to 64 characters of `A-Za-z0-9._-`; else one that the server made"),
        "Retry-After": {"description": "Seconds; not with `policy_failed`, which stays until a rule changes", "schema": {"type": "integer"}},
        "WWW-Authenticate": text("`Bearer`"),
    })
}

fn reference(header: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{header}")})
}

/// An answer has the fields that are described and no more, and every one that may be null is there. A body that is sent may
/// have more: its own schema says when it may not.
fn close(document: &mut Value) {
    let mut sent = BTreeSet::new();
    for (_, path) in fields(&mut document["paths"]) {
        for (_, operation) in fields(path) {
            named_in(&operation["requestBody"], &mut sent);
        }
    }
    let schemas = &mut document["components"]["schemas"];
    for name in sent.clone() {
        named_in(&schemas[&name], &mut sent);
    }
    for (name, schema) in fields(schemas) {
        if !sent.contains(name) {
            close_one(schema);
        }
    }
}

fn close_one(schema: &mut Value) {
    if let Some(properties) = schema["properties"].as_object() {
        let nullable = |property: &Value| property.to_string().contains("\"null\"");
        let always = properties.iter().filter(|(_, property)| nullable(property));
        let always: Vec<Value> = always.map(|(name, _)| json!(name)).collect();
        let mut required = schema["required"].as_array().cloned().unwrap_or_default();
        required.extend(
            always
                .into_iter()
                .filter(|name| !schema["required"].as_array().is_some_and(|r| r.contains(name))),
        );
        schema["required"] = json!(required);
        if schema["additionalProperties"].is_null() {
            schema["additionalProperties"] = json!(false);
        }
    }
    for one in ["oneOf", "anyOf"] {
        schema.get_mut(one).and_then(Value::as_array_mut).into_iter().flatten().for_each(close_one);
    }
}

/// The names of the schemas that are referred to in here.
fn named_in(within: &Value, names: &mut BTreeSet<String>) {
    match within {
        Value::Object(all) => {
            let name = all.get("$ref").and_then(Value::as_str);
            names.extend(name.and_then(|name| name.rsplit('/').next()).map(str::to_owned));
            all.values().for_each(|one| named_in(one, names));
        }
        Value::Array(all) => all.iter().for_each(|one| named_in(one, names)),
        _ => {}
    }
}

fn keys(object: &Value) -> impl Iterator<Item = &str> {
    object.as_object().into_iter().flat_map(|all| all.keys().map(String::as_str))
}

fn fields(object: &mut Value) -> impl Iterator<Item = (&str, &mut Value)> {
    object.as_object_mut().into_iter().flat_map(|all| all.iter_mut().map(|(k, v)| (k.as_str(), v)))
}
