//! Rules that change while the server runs: revisions made, read back, activated and rolled back through the doors.

mod commands;
mod crash;
mod probation;

use crate::app::{Answer, App, GUIDE};
use enlist_artifacts::{LOCALPART, honest::CANDIDATES, hostile};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

const REVISIONS: &str = "/v1/tenants/default/revisions";

/// A component alone.
async fn push(app: &App, component: &[u8], key: &str) -> Answer {
    push_to(app, REVISIONS, component, key).await
}

async fn push_to(app: &App, path: &str, component: &[u8], key: &str) -> Answer {
    let request = app.client().post(format!("{}{path}", app.url)).header("X-API-Key", key);
    app.send(request.header("Content-Type", "application/wasm").body(component.to_vec())).await
}

/// A form with what is given.
async fn push_form(app: &App, parts: &[(&'static str, &str, &'static str, &[u8])]) -> Answer {
    let mut form = Form::new();
    for (name, file, kind, bytes) in parts {
        let part = Part::bytes(bytes.to_vec()).file_name((*file).to_owned());
        form = form.part(*name, part.mime_str(kind).expect("a kind"));
    }
    let request = app.client().post(format!("{}{REVISIONS}?note=why", app.url));
    app.send(request.header("X-API-Key", &app.operator_key).multipart(form)).await
}

async fn activate(app: &App, revision: u64) -> Value {
    app.manage("POST", &format!("{REVISIONS}/{revision}/activate"), Value::Null).await
}

async fn roll_back(app: &App) -> Value {
    app.manage("POST", "/v1/tenants/default/rollback", Value::Null).await
}

fn moved(previous: u64, revision: u64) -> Value {
    json!({"revision": revision, "previous": previous})
}

fn person(name: &str) -> String {
    json!({"username": name, "user_attributes": {"sub": format!("sub-{name}")}}).to_string()
}

/// Candidates with this prefix: its revision.
async fn prefixed(app: &App, prefix: &str) -> u64 {
    let settings = json!({"prefix": prefix}).to_string();
    let parts = [
        ("component", "candidates.wasm", "application/wasm", CANDIDATES),
        ("settings", "settings.json", "application/json", settings.as_bytes()),
    ];
    let made = push_form(app, &parts).await;
    assert!(matches!(made.status, 200 | 201), "{made:?}");
    made.json()["revision"].as_u64().expect("a number")
}

/// Gives tenant `default` as many revisions as it may have.
pub(crate) fn fill(app: &App) {
    let fill = "WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 1099)
        INSERT INTO revisions (tenant, number, policy, component, settings, settings_digest, made_at)
        SELECT 1, i, policy, component, settings, i, 0 FROM n, revisions r WHERE r.tenant = 1 AND r.number = 1";
    app.database().execute_batch(fill).expect("many revisions");
}

#[tokio::test]
async fn a_tenant_that_has_as_many_revisions_as_it_may_keeps_them_and_gets_no_more() {
    let app = App::start();
    fill(&app);
    let full = push(&app, CANDIDATES, &app.operator_key).await;
    assert_eq!((full.status, full.code().as_str()), (409, "too_many_revisions"));
    assert_eq!(app.count("SELECT count(*) FROM components"), 1, "and nothing of it is left");
    app.manage("POST", "/v1/tenants", json!({"name": "other"})).await;
    let others =
        app.manage("POST", "/v1/tenants/other/revisions", json!({"policy": "builtin:localpart"}));
    assert_eq!(others.await["revision"], 1, "another tenant has room");
}

#[tokio::test]
async fn a_revision_is_made_read_back_activated_and_rolled_back_and_each_row_names_the_one_that_decided()
 {
    let mut app = App::start();
    assert_eq!(app.enlist(&person("ann@x.example")).await, "ann");
    let toml = b"# before every name\nprefix = \"a-\"\n";
    let parts = [
        ("component", "ours.wasm", "application/wasm", CANDIDATES),
        ("settings", "settings.toml", "application/toml", &toml[..]),
    ];
    let made = push_form(&app, &parts).await;
    assert_eq!(
        (made.status, made.header("location")),
        (201, Some("/v1/tenants/default/revisions/2"))
    );
    let digest = made.json()["digest"].as_str().expect("a digest").to_owned();
    assert_eq!(app.enlist(&person("bob@x.example")).await, "bob", "it decides nothing yet");

    let again = json!({"settings": {"prefix": "a-"}});
    let again = app.ask("POST", REVISIONS, &app.operator_key, again).await;
    assert_eq!(
        (again.status, &again.json()["revision"]),
        (422, &Value::Null),
        "localpart takes none"
    );
    let again = push_form(&app, &parts).await;
    assert_eq!((again.status, &again.json()["revision"]), (200, &json!(2)), "the number they have");

    assert_eq!(activate(&app, 2).await, moved(1, 2));
    assert_eq!(app.enlist(&person("cyd")).await, "a-cyd");
    assert_eq!(app.enlist(&person("ann@x.example")).await, "ann", "a name is never changed");
    let shown = app.manage("GET", &format!("{REVISIONS}/2"), Value::Null).await;
    assert_eq!((&shown["policy"], &shown["note"]), (&json!("ours.wasm"), &json!("why")));
    assert!(shown["active_since"].is_string() && shown["made_by"].is_string(), "{shown}");
    let get = async |path: &str| {
        let request = app.client().get(format!("{}{REVISIONS}/2/{path}", app.url));
        request.header("X-API-Key", &app.operator_key).send().await.expect("an answer")
    };
    let settings = get("settings").await;
    assert_eq!(settings.headers()["content-type"], "application/toml");
    assert_eq!(settings.bytes().await.expect("bytes"), &toml[..], "as it was sent");
    assert_eq!(get("component").await.bytes().await.expect("bytes"), CANDIDATES);
    let listed = app.manage("GET", REVISIONS, Value::Null).await;
    let numbers: Vec<_> =
        listed["items"].as_array().expect("items").iter().map(|r| &r["revision"]).collect();
    assert_eq!(numbers, [&json!(2), &json!(1)]);

    assert_eq!(roll_back(&app).await, moved(2, 1));
    assert_eq!(app.enlist(&person("dan@x.example")).await, "dan");
    let rows = app.rows(
        "SELECT occasion, coalesce(name, '-'), revision, digest = (SELECT component FROM revisions r WHERE r.number = d.revision),
            coalesce(detail, '-') FROM decisions d WHERE outcome <> 'known' ORDER BY id",
    );
    let rows: Vec<_> = rows.iter().map(|row| row.join(" ")).collect();
    assert_eq!(
        rows,
        [
            "opening ann 1 1 -",
            "policy_push - 1 1 revision 2: ours.wasm",
            "opening bob 1 1 -",
            "policy_activate - 2 1 1 -> 2",
            "opening a-cyd 2 1 -",
            "policy_rollback - 1 1 2 -> 1",
            "opening dan 1 1 -",
        ]
    );
    assert_eq!(app.count(&format!("SELECT count(*) FROM components WHERE digest = '{digest}'")), 1);

    activate(&app, 2).await;
    app.restart();
    assert_eq!(app.enlist(&person("eve")).await, "a-eve", "after a restart the last one decides");
    let status = app.manage("GET", "/v1/status", Value::Null).await;
    assert_eq!(status["items"][0]["policy"], "ours.wasm");
    assert!(status["items"][0]["active_by"].is_string(), "{status}");
}

#[tokio::test]
async fn a_rollback_pressed_again_goes_one_further_back_and_never_forward() {
    let app = App::start();
    for prefix in ["a-", "b-", "c-"] {
        let revision = prefixed(&app, prefix).await;
        activate(&app, revision).await;
    }
    assert_eq!(activate(&app, 4).await, moved(4, 4), "what is so already is no change");
    assert_eq!(roll_back(&app).await, moved(4, 3));
    assert_eq!(roll_back(&app).await, moved(3, 2));
    activate(&app, 4).await;
    assert_eq!(roll_back(&app).await, moved(4, 2), "what was left behind is not come back to");
    assert_eq!(roll_back(&app).await, moved(2, 1));
    let none =
        app.ask("POST", "/v1/tenants/default/rollback", &app.operator_key, Value::Null).await;
    assert_eq!((none.status, none.code().as_str()), (409, "nothing_to_roll_back"));
    for revision in [2, 3, 4] {
        activate(&app, revision).await;
    }
    let to = app.manage("POST", "/v1/tenants/default/rollback?to=2", Value::Null).await;
    assert_eq!(to, moved(4, 2));
    let never =
        app.ask("POST", "/v1/tenants/default/rollback?to=3", &app.operator_key, Value::Null).await;
    assert_eq!((never.status, never.code().as_str()), (404, "not_found"), "it is not behind");
    assert_eq!(app.enlist(&person("ann")).await, "a-ann");
    let pointer = app.rows("SELECT active_revision, (SELECT revision FROM activations a WHERE a.id = activation) FROM tenants");
    assert_eq!(pointer, [["2", "2"]]);
}

#[tokio::test]
async fn an_activation_that_comes_too_late_changes_nothing() {
    let app = App::start();
    prefixed(&app, "a-").await;
    prefixed(&app, "b-").await;
    activate(&app, 2).await;
    let before = app.rows("SELECT * FROM activations");
    let late = async |tag: &'static str| {
        let url = format!("{}{REVISIONS}/3/activate", app.url);
        let request = app.client().post(url).header("X-API-Key", &app.operator_key);
        app.send(request.header("If-Match", tag)).await
    };
    let answer = late("\"1\"").await;
    assert_eq!((answer.status, answer.code().as_str()), (412, "revision_changed"));
    assert_eq!(answer.json()["detail"], "revision 2 is active");
    assert_eq!(late("yesterday").await.status, 400);
    let missing =
        app.ask("POST", &format!("{REVISIONS}/9/activate"), &app.operator_key, Value::Null).await;
    assert_eq!(missing.status, 404);
    assert_eq!(app.rows("SELECT * FROM activations"), before);
    assert_eq!(app.enlist(&person("ann")).await, "a-ann");
    assert_eq!(late("\"2\"").await.status, 200);
    assert_eq!(late("*").await.status, 200, "any is active");
    assert_eq!(app.enlist(&person("bob")).await, "b-bob");
}

#[tokio::test]
async fn what_cannot_be_a_revision_is_turned_away_with_the_reason_and_leaves_nothing() {
    let app = App::start_with(&[("ENLIST_LIMITS__COMPONENT_SIZE", "512KiB")]);
    let turned_away = async |answer: Answer, status: u16, code: &str| {
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
        let left = "SELECT (SELECT count(*) FROM revisions), (SELECT count(*) FROM components),
            (SELECT count(*) FROM activations), (SELECT count(*) FROM decisions)";
        assert_eq!(app.rows(left), [["1", "1", "1", "0"]], "{code}");
        answer.json()
    };
    let key = &app.operator_key;
    let refused =
        turned_away(push(&app, hostile::REFUSES_SETTINGS, key).await, 422, "settings_refused")
            .await;
    let places = json!([
        {"pointer": "", "detail": "no settings are good enough"},
        {"pointer": "/a~1b/0", "detail": "not even this one"},
    ]);
    assert_eq!(refused["errors"], places, "every problem at once");
    turned_away(push(&app, b"\0asm nonsense", key).await, 422, "component_invalid").await;
    turned_away(push(&app, hostile::IMPORTS_SOMETHING, key).await, 422, "component_invalid").await;
    turned_away(push(&app, &vec![0; 600 << 10], key).await, 422, "component_too_large").await;
    turned_away(push(&app, &vec![0; 4 << 20], key).await, 422, "component_too_large").await;
    turned_away(push(&app, hostile::TRAP, key).await, 422, "sample_failed").await;
    let ask = async |body: Value| app.ask("POST", REVISIONS, key, body).await;
    turned_away(ask(json!({})).await, 400, "field_invalid").await;
    turned_away(ask(json!({"settings": 3})).await, 400, "field_invalid").await;
    turned_away(ask(json!({"policy": "builtin:nothing"})).await, 400, "field_invalid").await;
    let unknown =
        turned_away(ask(json!({"settings": {"a": 1}})).await, 422, "settings_refused").await;
    assert!(unknown.to_string().contains("unknown field"), "{unknown}");
    let toml = ("settings", "settings.toml", "application/toml", &b"prefix = "[..]);
    let broken = turned_away(push_form(&app, &[toml]).await, 400, "field_invalid").await;
    assert!(broken["detail"].as_str().is_some_and(|why| why.contains("TOML")), "{broken}");
    let lie = ("component", "builtin:localpart", "application/wasm", LOCALPART);
    turned_away(push_form(&app, &[lie]).await, 400, "field_invalid").await;
    assert_eq!(app.enlist(GUIDE).await, "testuser", "and the one that was active decides");
}

#[tokio::test]
async fn rules_are_read_and_changed_with_the_keys_that_may_and_no_others_learn_of_them() {
    let app = App::start();
    prefixed(&app, "a-").await;
    app.manage("POST", "/v1/tenants", json!({"name": "other"})).await;
    let others = app.key_of("other", json!({"scopes": ["policy", "read", "manage"]})).await;
    let reads = app.key_of("default", json!({"scopes": ["read"]})).await;
    let provisions = app.key_of("default", json!({"scopes": ["provision"]})).await;
    let doors = [
        ("GET", ""),
        ("POST", ""),
        ("GET", "/2"),
        ("GET", "/2/settings"),
        ("GET", "/2/component"),
        ("POST", "/2/activate"),
    ];
    for (method, door) in doors {
        let path = format!("{REVISIONS}{door}");
        let foreign = app.ask(method, &path, &others, Value::Null).await;
        let nobody =
            app.ask(method, &path.replace("default", "nobody"), &others, Value::Null).await;
        assert_eq!((foreign.status, foreign.code()), (404, nobody.code()), "{method} {door}");
        assert_eq!(app.ask(method, &path, &provisions, Value::Null).await.code(), "scope_missing");
        let read = app.ask(method, &path, &reads, Value::Null).await;
        assert_eq!(read.status, if method == "GET" { 200 } else { 403 }, "{method} {door}");
    }
    assert_eq!(app.ask("POST", "/v1/rollback", &reads, Value::Null).await.status, 403);
    let own = app.ask("GET", "/v1/revisions", &others, Value::Null).await.json();
    assert_eq!(
        own["items"].as_array().map(Vec::len),
        Some(1),
        "its own, and nothing of the other's"
    );
    let activated = app.ask("POST", "/v1/revisions/2/activate", &app.tenant_key, Value::Null).await;
    assert_eq!(activated.json(), moved(1, 2));
    assert_eq!(app.enlist(&person("ann")).await, "a-ann");
    assert_eq!(app.rows("SELECT active_revision FROM tenants ORDER BY id"), [["2"], ["1"]]);
}
