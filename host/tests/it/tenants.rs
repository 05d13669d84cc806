//! Tenants: each sentence of the contract about them, and what must not come of a refusal.

mod apply;
mod isolation;
mod issuer;
mod late;
mod start;

use crate::app::{Answer, App, GUIDE, is_folder};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

fn homes_of(app: &App, tenant: &str) -> PathBuf {
    app.data().join("tenants").join(tenant).join("homes")
}

async fn make(app: &App, name: &str) -> Value {
    app.manage("POST", "/v1/tenants", json!({"name": name})).await
}

/// A no to an operator, and that nothing came of it.
async fn refused(app: &App, method: &str, path: &str, body: Value) -> Answer {
    let tenants = "SELECT id, name, issuer, home, removed_at FROM tenants";
    let before = (app.rows(tenants), app.count("SELECT count(*) FROM decisions"), folders(app));
    let answer = app.ask(method, path, &app.operator_key, body.clone()).await;
    assert!(matches!(answer.status, 400..500), "{method} {path} {body}: {answer:?}");
    let after = (app.rows(tenants), app.count("SELECT count(*) FROM decisions"), folders(app));
    assert_eq!(after, before, "{method} {path} {body}: nothing was changed");
    answer
}

/// Every folder below the test's own.
fn folders(app: &App) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut below = vec![app.folder.path().to_owned()];
    while let Some(folder) = below.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            if is_folder(&entry.path()) {
                below.push(entry.path());
                found.insert(entry.path());
            }
        }
    }
    found
}

/// Closes every account of a tenant; the doors for that are another file's.
fn close_all(app: &App) {
    app.database().execute("UPDATE accounts SET state = 'closed'", []).expect("closed accounts");
}

#[tokio::test]
async fn a_tenant_that_is_made_takes_requests_at_once_and_after_a_restart() {
    let mut app = App::start();
    let request = app
        .client()
        .post(format!("{}/v1/tenants", app.url))
        .header("X-API-Key", &app.operator_key)
        .header("X-Request-Id", "made-acme");
    let made = app.send(request.body(r#"{"name":"acme"}"#)).await;
    assert_eq!((made.status, made.header("location")), (201, Some("/v1/tenants/acme")));
    let home = homes_of(&app, "acme");
    assert!(is_folder(&home));
    let mut shown = made.json();
    assert!(shown["created_at"].take().is_string());
    let expected = json!({"name": "acme", "issuer": null, "home": home, "ankisyncd_auth_db": null, "revision": 1, "accounts": 0,
        "created_at": null});
    assert_eq!(shown, expected);
    let operator = &app.operator_key.split('_').nth(2).expect("an id").to_owned();
    assert_eq!(
        app.rows("SELECT d.occasion, d.key, d.request_id, t.name FROM decisions d JOIN tenants t ON t.id = d.tenant"),
        [["tenant_create", operator, "made-acme", "acme"]]
    );

    let key = app.key_of("acme", json!({})).await;
    let answer = app.post("/provision-user", &key, GUIDE).await;
    let directory = home.join("testuser").display().to_string();
    assert_eq!(answer.json()["user_directory"], json!(directory));
    assert_eq!(answer.json()["created"], true);
    assert_eq!(app.enlist(GUIDE).await, "testuser", "a name is unique within a tenant alone");
    app.restart();
    let again = app.post("/provision-user", &key, GUIDE).await.json();
    assert_eq!((&again["created"], &again["user_directory"]), (&json!(false), &json!(directory)));
    let new = app.post("/provision-user", &key, r#"{"username":"new"}"#).await;
    assert_eq!(new.json()["created"], true, "{new:?}");
    assert_eq!(app.manage("GET", "/v1/tenants/acme", Value::Null).await["accounts"], 2);
}

#[tokio::test]
async fn what_cannot_be_meant_makes_no_tenant() {
    let app = App::start();
    let long = "a".repeat(64);
    for name in ["", "-a", "A", "a_b", "a/b", "..", "ä", long.as_str()] {
        let answer = refused(&app, "POST", "/v1/tenants", json!({"name": name})).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "field_invalid"), "{name}");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/name");
    }
    let (control, much) = ("a\nb", "x".repeat(1025));
    for (body, pointer) in [
        (json!({}), "/name"),
        (json!({"name": 1}), "/name"),
        (json!({"name": "a", "hoem": "/x"}), "/hoem"),
        (json!({"name": "a", "issuer": 1}), "/issuer"),
        (json!({"name": "a", "issuer": control}), "/issuer"),
        (json!({"name": "a", "issuer": " x"}), "/issuer"),
        (json!({"name": "a", "issuer": much}), "/issuer"),
        (json!({"name": "a", "home": "relative"}), "/home"),
        (json!({"name": "a", "home": ""}), "/home"),
        (json!({"name": "a", "home": "/x/../y"}), "/home"),
        (json!({"name": "a", "home": "/x\0y"}), "/home"),
        (json!({"name": "a", "home": format!("/{}", "x".repeat(4095))}), "/home"),
    ] {
        let answer = refused(&app, "POST", "/v1/tenants", body.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "field_invalid"), "{body}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    for body in [Value::Null, json!([])] {
        let answer = refused(&app, "POST", "/v1/tenants", body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "body_required"));
    }
}

#[tokio::test]
async fn a_name_is_given_once_and_again_when_nothing_is_left_of_its_tenant() {
    let app = App::start();
    for name in ["acme", "default"] {
        let _ = app.ask("POST", "/v1/tenants", &app.operator_key, json!({"name": "acme"})).await;
        let answer = refused(&app, "POST", "/v1/tenants", json!({"name": name})).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "tenant_exists"));
    }
    let components = "SELECT count(*) FROM components";
    assert_eq!(app.count(components), 1, "what is the same is kept once");
    let key = app.key_of("acme", json!({})).await;
    app.manage("DELETE", "/v1/tenants/acme", Value::Null).await;
    for table in ["tenants", "revisions", "components"] {
        assert_eq!(
            app.count(&format!("SELECT count(*) FROM {table}")),
            1,
            "{table}: default's alone"
        );
    }
    for table in ["keys", "decisions", "usage"] {
        let gone =
            format!("SELECT count(*) FROM {table} WHERE tenant NOT IN (SELECT id FROM tenants)");
        assert_eq!(app.count(&gone), 0, "{table}");
    }
    assert_eq!(app.post("/provision-user", &key, GUIDE).await.code(), "key_invalid");
    assert!(is_folder(&homes_of(&app, "acme")), "a folder is never deleted");

    make(&app, "acme").await;
    assert_eq!(app.post("/provision-user", &key, GUIDE).await.code(), "key_invalid");
    let key = app.key_of("acme", json!({})).await;
    assert_eq!(app.post("/provision-user", &key, GUIDE).await.status, 200);
    close_all(&app);
    app.manage("DELETE", "/v1/tenants/acme", Value::Null).await;
    let answer = refused(&app, "POST", "/v1/tenants", json!({"name": "acme"})).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "tenant_exists"));
    assert!(answer.json()["detail"].as_str().expect("why").contains("removed"), "{answer:?}");
}

#[tokio::test]
async fn a_tenant_with_an_open_account_is_not_removed_and_one_without_keeps_its_folders() {
    let mut app = App::start();
    make(&app, "acme").await;
    let (key, managers) = (
        app.key_of("acme", json!({})).await,
        app.key_of("acme", json!({"scopes": ["manage"]})).await,
    );
    assert_eq!(app.post("/provision-user", &key, GUIDE).await.status, 200);
    let answer = refused(&app, "DELETE", "/v1/tenants/acme", Value::Null).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "tenant_not_empty"));
    assert_eq!(app.post("/provision-user", &key, GUIDE).await.status, 200, "and goes on");
    close_all(&app);
    let answer = app.ask("DELETE", "/v1/tenants/acme", &managers, Value::Null).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "scope_missing"),
        "an operator's to do"
    );

    app.manage("DELETE", "/v1/tenants/acme", Value::Null).await;
    for _ in 0..2 {
        for key in [&key, &managers] {
            let answer = app.post("/provision-user", key, GUIDE).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "key_invalid"));
        }
        for (method, path) in [
            ("GET", "/v1/tenants/acme"),
            ("DELETE", "/v1/tenants/acme"),
            ("GET", "/v1/tenants/acme/keys"),
            ("POST", "/v1/tenants/acme/decisions"),
        ] {
            assert_eq!(
                refused(&app, method, path, Value::Null).await.status,
                404,
                "{method} {path}"
            );
        }
        assert_eq!(
            app.manage("GET", "/v1/tenants", Value::Null).await["items"].as_array().map(Vec::len),
            Some(1)
        );
        assert!(is_folder(&homes_of(&app, "acme").join("testuser")));
        app.restart();
    }
    assert_eq!(app.last_decision()["occasion"], "tenant_remove");
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 1);
    assert_eq!(app.enlist(GUIDE).await, "testuser", "the other tenant does not notice");
}

#[tokio::test]
async fn an_installation_whose_tenants_are_all_removed_does_not_start_over() {
    let mut app = App::start();
    app.manage("DELETE", "/v1/tenants/default", Value::Null).await;
    app.restart();
    assert_eq!(app.line["event"], "start", "{}", app.line);
    assert_eq!(app.manage("GET", "/v1/tenants", Value::Null).await["items"], json!([]));
    let made = make(&app, "default").await;
    assert_eq!(made["home"], json!(app.homes()), "the settings say where");
}

#[tokio::test]
async fn homes_are_where_the_operator_says_and_overlap_with_nothing() {
    let app = App::start();
    let place = |name: &str| app.folder.path().join(name).display().to_string();
    let body = |home: String| json!({"name": "new", "home": home});
    let own = place("own/homes");
    let made = app.manage("POST", "/v1/tenants", json!({"name": "own", "home": own})).await;
    assert_eq!(made["home"], json!(own));
    let key = app.key_of("own", json!({})).await;
    let answer = app.post("/provision-user", &key, GUIDE).await.json();
    assert_eq!(answer["user_directory"], json!(format!("{own}/testuser")));

    make(&app, "gone").await;
    let key = app.key_of("gone", json!({})).await;
    assert_eq!(app.post("/provision-user", &key, GUIDE).await.status, 200);
    app.database()
        .execute("UPDATE accounts SET state = 'closed' WHERE tenant = 3", [])
        .expect("closed");
    app.manage("DELETE", "/v1/tenants/gone", Value::Null).await;

    symlink(app.homes(), place("link")).expect("a link");
    symlink(app.folder.path(), place("round")).expect("a link");
    for (home, with) in [
        (place("data/collections"), "tenant default"),
        (place("data/collections/x"), "tenant default"),
        (place("link"), "tenant default"),
        (place("link/x"), "tenant default"),
        (place("round/data/collections/x"), "tenant default"),
        (place("own"), "tenant own"),
        (place("own/homes"), "tenant own"),
        (place("own/homes/testuser"), "tenant own"),
        (place("data/tenants/gone/homes/testuser"), "removed tenant gone"),
        (place("data"), "the data folder"),
        (place("."), "the data folder"),
        ("/".to_owned(), "the data folder"),
    ] {
        let answer = refused(&app, "POST", "/v1/tenants", body(home.clone())).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "home_overlaps"), "{home}");
        let detail = answer.json()["detail"].as_str().expect("with what").to_owned();
        assert!(detail.contains(with), "{home}: {detail}");
        if with != "tenant default" {
            let moved = json!({"home": home});
            let moved = refused(&app, "PATCH", "/v1/tenants/default", moved).await;
            assert_eq!(moved.code(), "home_overlaps", "{home}: nor by a change");
        }
    }
    fs::write(place("file"), "").expect("a file in the way");
    symlink(place("nothing"), place("broken")).expect("a link to nothing");
    for home in [place("file"), place("file/x"), place("broken"), place("broken/x")] {
        let answer = refused(&app, "POST", "/v1/tenants", body(home.clone())).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "field_invalid"), "{home}");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/home", "{home}");
    }
    let beside = app.manage("POST", "/v1/tenants", body(place("own/homes2"))).await;
    assert_eq!(beside["home"], json!(place("own/homes2")), "a name that begins alike is another");
}

#[tokio::test]
async fn homes_move_while_nobody_has_one_and_by_an_operator_alone() {
    let mut app = App::start();
    make(&app, "acme").await;
    let place = app.folder.path().join("elsewhere").display().to_string();
    let managers = app.key_of("acme", json!({"scopes": ["manage"]})).await;
    let answer = app.ask("PATCH", "/v1/tenants/acme", &managers, json!({"home": place})).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "scope_missing"));
    assert!(!fs::exists(&place).expect("an answer"), "no folder either");

    let patch = |home: Value| json!({"home": home});
    let own = homes_of(&app, "acme").display().to_string();
    for home in [json!(place), Value::Null, json!(own), json!(place)] {
        let expected = if home.is_null() { json!(own) } else { home.clone() };
        let moved = app.manage("PATCH", "/v1/tenants/acme", patch(home)).await;
        assert_eq!(moved["home"], expected);
    }
    let key = app.key_of("acme", json!({})).await;
    let answer = app.post("/provision-user", &key, GUIDE).await.json();
    assert_eq!(answer["user_directory"], json!(format!("{place}/testuser")));
    for closed in [false, true] {
        if closed {
            close_all(&app);
        }
        for home in [Value::Null, json!(app.folder.path().join("third"))] {
            let answer = refused(&app, "PATCH", "/v1/tenants/acme", patch(home)).await;
            assert_eq!((answer.status, answer.code().as_str()), (409, "tenant_not_empty"));
        }
    }
    app.restart();
    let shown = app.manage("GET", "/v1/tenants/acme", Value::Null).await;
    assert_eq!(shown["home"], json!(place));
}

#[tokio::test]
async fn tenants_are_listed_by_name_a_page_at_a_time() {
    let app = App::start();
    for name in ["b", "a", "d"] {
        make(&app, name).await;
    }
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
    };
    let all = app.manage("GET", "/v1/tenants", Value::Null).await;
    assert_eq!(
        (names(&all), &all["next"]),
        (vec!["a".into(), "b".into(), "d".into(), "default".into()], &Value::Null)
    );
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = app.manage("GET", &format!("/v1/tenants?limit=3{after}"), Value::Null).await;
        found.extend(names(&page));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(found, names(&all));
    for wrong in ["limit=0", "limit=x", "after=zz"] {
        let answer = refused(&app, "GET", &format!("/v1/tenants?{wrong}"), Value::Null).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "field_invalid"), "{wrong}");
    }
}

#[tokio::test]
async fn another_method_is_refused_with_those_that_are_not() {
    let app = App::start();
    for (method, path, allow) in [
        ("PUT", "/v1/tenants", "GET, HEAD, POST"),
        ("POST", "/v1/tenants/default", "GET, HEAD, PATCH, DELETE"),
        ("DELETE", "/v1/tenants/default/keys", "GET, HEAD, POST"),
        ("GET", "/v1/tenants/default/keys/00000000", "DELETE"),
        ("PUT", "/v1/operator-keys", "GET, HEAD, POST"),
        ("GET", "/v1/operator-keys/00000000", "DELETE"),
    ] {
        let answer = app.ask(method, path, &app.operator_key, Value::Null).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
        assert_eq!(answer.code(), "method_not_allowed");
    }
}
