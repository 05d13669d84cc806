//! One tenant's key at another tenant's doors: everywhere the same answer as for a tenant that is not there.

use super::make;
use crate::app::{Answer, App, GUIDE};
use serde_json::{Value, json};

/// Every door that belongs to a tenant, with a body that it takes.
fn doors() -> Vec<(&'static str, &'static str, Value)> {
    let question: Value = serde_json::from_str(GUIDE).expect("JSON");
    vec![
        ("GET", "", Value::Null),
        ("PATCH", "", json!({"issuer": "https://x.example"})),
        ("DELETE", "", Value::Null),
        ("GET", "/keys", Value::Null),
        ("POST", "/keys", json!({})),
        ("DELETE", "/keys/ID", Value::Null),
        ("POST", "/decisions", question.clone()),
        ("GET", "/decisions", Value::Null),
        ("GET", "/decisions/ROW", Value::Null),
        ("POST", "/accounts", question),
        ("GET", "/accounts", Value::Null),
        ("GET", "/accounts/testuser", Value::Null),
        ("PUT", "/accounts/new", json!({"username": "new"})),
        ("POST", "/accounts/testuser/link", json!({"subject": "s"})),
        ("POST", "/accounts/testuser/close", Value::Null),
        ("POST", "/accounts/testuser/reopen", Value::Null),
        ("POST", "/accounts/testuser/erase", Value::Null),
    ]
}

/// Asks under one request id, so that two answers can be compared byte for byte.
async fn ask(app: &App, method: &str, path: &str, key: &str, body: &Value) -> Answer {
    let method = method.parse().expect("a method");
    let mut request = app.client().request(method, format!("{}{path}", app.url));
    request = request.header("X-API-Key", key).header("X-Request-Id", "same");
    if !body.is_null() {
        request = request.json(body);
    }
    app.send(request).await
}

#[tokio::test]
async fn a_tenants_key_learns_nothing_of_another_tenant() {
    let app = App::start();
    make(&app, "acme").await;
    let scopes = json!({"scopes": ["provision", "policy", "read", "manage", "metrics"]});
    let ours = app.key_of("acme", scopes.clone()).await;
    let theirs = app.key_of("default", scopes).await;
    let theirs_id = theirs.split('_').nth(2).expect("an id");
    app.enlist(GUIDE).await;
    let row = app.rows("SELECT request_id FROM decisions WHERE outcome = 'granted' AND tenant = 1");
    let row = &row.last().expect("a row")[0];
    let everything = || {
        let tables = [
            "SELECT * FROM tenants",
            "SELECT id, revoked_at FROM keys",
            "SELECT id FROM decisions",
            "SELECT * FROM accounts",
        ];
        tables.map(|table| app.rows(table))
    };
    let before = everything();
    for (method, door, body) in doors() {
        let door = door.replace("ID", theirs_id).replace("ROW", row);
        let there = ask(&app, method, &format!("/v1/tenants/default{door}"), &ours, &body).await;
        let nowhere = ask(&app, method, &format!("/v1/tenants/nowhere{door}"), &ours, &body).await;
        assert_eq!((there.status, there.code().as_str()), (404, "not_found"), "{method} {door}");
        assert_eq!(there.text, nowhere.text, "{method} {door}");
        let mut headers = [there.headers.clone(), nowhere.headers.clone()];
        for headers in &mut headers {
            headers.remove("date");
        }
        assert_eq!(headers[0], headers[1], "{method} {door}");
        let operators =
            ask(&app, method, &format!("/v1/tenants/nowhere{door}"), &app.operator_key, &body)
                .await;
        assert_eq!(
            operators.text, nowhere.text,
            "{method} {door}: nor are there two kinds of nothing"
        );
    }
    // Under its own tenant's path another's key is nothing either.
    let path = format!("/v1/tenants/acme/keys/{theirs_id}");
    assert_eq!(ask(&app, "DELETE", &path, &ours, &Value::Null).await.status, 404);
    let path = format!("/v1/operator-keys/{theirs_id}");
    assert_eq!(ask(&app, "DELETE", &path, &app.operator_key, &Value::Null).await.status, 404);
    assert_eq!(everything(), before);
}

#[tokio::test]
async fn a_key_without_the_scope_is_told_so_in_its_own_tenant_and_nothing_comes_of_it() {
    let app = App::start();
    let question: Value = serde_json::from_str(GUIDE).expect("JSON");
    let yes = |scope: &str, door: &(&str, &str)| match *door {
        ("GET", "" | "/keys") => matches!(scope, "read" | "manage"),
        ("PATCH", "") | ("POST", "/keys") => scope == "manage",
        ("POST", "/decisions") => scope == "provision",
        _ => false,
    };
    for scope in ["provision", "policy", "read", "manage", "metrics"] {
        let key = app.key_of("default", json!({"scopes": [scope]})).await;
        for (method, door, body) in [
            ("GET", "", Value::Null),
            ("PATCH", "", json!({})),
            ("DELETE", "", Value::Null),
            ("GET", "/keys", Value::Null),
            ("POST", "/keys", json!({"scopes": [scope]})),
            ("POST", "/decisions", question.clone()),
        ] {
            let answer = app.ask(method, &format!("/v1/tenants/default{door}"), &key, body).await;
            if yes(scope, &(method, door)) {
                assert!(matches!(answer.status, 200 | 201), "{scope}: {method} {door}: {answer:?}");
                if let Some(key) = answer.json()["key"].as_str() {
                    app.keep_secret(key);
                }
            } else {
                let told = (answer.status, answer.code());
                assert_eq!(told, (403, "scope_missing".to_owned()), "{scope}: {method} {door}");
            }
        }
        let answer = app.post("/provision-user", &key, r#"{"username":"ann"}"#).await;
        if scope == "provision" {
            assert_eq!(answer.status, 200, "{answer:?}");
        } else {
            assert_eq!((answer.status, answer.code().as_str()), (401, "key_invalid"), "{scope}");
        }
        for (method, path) in [
            ("GET", "/v1/tenants"),
            ("POST", "/v1/tenants"),
            ("GET", "/v1/operator-keys"),
            ("POST", "/v1/operator-keys"),
            ("DELETE", "/v1/operator-keys/00000000"),
        ] {
            let answer = app.ask(method, path, &key, json!({"name": "acme"})).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "scope_missing"), "{scope}");
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM tenants"), 1);
    assert_eq!(app.count("SELECT count(*) FROM keys WHERE tenant IS NULL"), 1);
}

#[tokio::test]
async fn no_door_opens_without_a_key_or_with_a_wrong_one() {
    let app = App::start();
    let wrong = "enl_op_00000000_0000000000000000000000000000000000000000000000000";
    app.keep_secret("never-a-key-of-anybodys-here");
    let paths =
        doors().into_iter().map(|(method, door, _)| (method, format!("/v1/tenants/default{door}")));
    let house = ["/v1/tenants", "/v1/operator-keys"];
    let house =
        house.into_iter().flat_map(|path| ["GET", "POST"].map(|method| (method, path.to_owned())));
    for (method, path) in paths.chain(house) {
        for (key, code) in [
            ("", "key_required"),
            (wrong, "key_invalid"),
            ("never-a-key-of-anybodys-here", "key_invalid"),
            (&app.operator_key[..app.operator_key.len() - 1], "key_invalid"),
        ] {
            let answer = app.ask(method, &path, key, json!({"name": "acme"})).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (401, code),
                "{method} {path} {key}"
            );
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM tenants"), 1);
    assert_eq!(app.count("SELECT count(*) FROM keys"), 2);
}
