//! A server that dies at each step of a push and of an activation: what decides afterwards is the old revision or the new one.

use crate::app::App;
use crate::revisions::{CANDIDATES, REVISIONS, activate, person, prefixed, push_to};
use serde_json::{Value, json};

/// Dies at `point` while this is asked.
async fn dies_at(app: &mut App, point: &str, path: &str, body: &Value) {
    app.kill();
    app.run_with(&[("ENLIST_KILL_AT", point)]);
    let url = format!("{}{path}", app.url);
    let asked =
        app.client().post(url).header("X-API-Key", &app.operator_key).json(body).send().await;
    assert!(asked.is_err(), "{point}: nobody is answered");
    app.restart();
}

#[tokio::test]
async fn a_push_that_dies_leaves_the_revision_or_nothing_and_can_be_made_again() {
    let mut app = App::with_policy(CANDIDATES, &[]);
    let points = [
        ("keeping_code", false),
        ("revision_made", false),
        ("adding_revision", false),
        ("revision_added", true),
    ];
    for (step, (point, there)) in points.into_iter().enumerate() {
        let body = json!({"settings": {"prefix": format!("{step}-")}});
        let before = app.count("SELECT count(*) FROM revisions");
        dies_at(&mut app, point, REVISIONS, &body).await;
        let after = app.count("SELECT count(*) FROM revisions");
        assert_eq!(after - before, i64::from(there), "{point}");
        assert_eq!(app.enlist(&person(&format!("a{step}"))).await, format!("a{step}"), "{point}");
        let again = app.ask("POST", REVISIONS, &app.operator_key, body).await;
        assert_eq!(again.status, if there { 200 } else { 201 }, "{point}");
        let revision = again.json()["revision"].as_u64().expect("a number");
        activate(&app, revision).await;
        assert_eq!(app.enlist(&person(&format!("b{step}"))).await, format!("{step}-b{step}"));
        activate(&app, 1).await;
    }
}

#[tokio::test]
async fn an_activation_that_dies_leaves_the_old_revision_or_the_new_one() {
    let mut app = App::with_policy(CANDIDATES, &[]);
    let revision = prefixed(&app, "new-").await;
    for (step, (point, new)) in [("activating", false), ("activated", true)].into_iter().enumerate()
    {
        dies_at(&mut app, point, &format!("{REVISIONS}/{revision}/activate"), &Value::Null).await;
        let name = app.enlist(&person(&format!("a{step}"))).await;
        assert_eq!(name, if new { format!("new-a{step}") } else { format!("a{step}") }, "{point}");
        let row = app.rows("SELECT revision FROM decisions ORDER BY id DESC LIMIT 1");
        assert_eq!(row, app.rows("SELECT active_revision FROM tenants"), "{point}");
        let changes = app.count("SELECT count(*) FROM activations");
        let acts = app.count("SELECT count(*) FROM decisions WHERE occasion = 'policy_activate'");
        assert_eq!((changes, acts), (1 + i64::from(new), i64::from(new)), "{point}");
    }
}

#[tokio::test]
async fn a_rollback_that_dies_leaves_the_old_revision_or_the_one_before() {
    let mut app = App::with_policy(CANDIDATES, &[]);
    let revision = prefixed(&app, "new-").await;
    for (step, (point, back)) in
        [("activating", false), ("activated", true)].into_iter().enumerate()
    {
        activate(&app, revision).await;
        let before = app.count("SELECT count(*) FROM activations");
        dies_at(&mut app, point, "/v1/tenants/default/rollback", &Value::Null).await;
        let name = app.enlist(&person(&format!("a{step}"))).await;
        assert_eq!(name, if back { format!("a{step}") } else { format!("new-a{step}") }, "{point}");
        assert_eq!(app.count("SELECT count(*) FROM activations") - before, i64::from(back));
        let pointer = "SELECT active_revision = (SELECT revision FROM activations a WHERE a.id = activation) FROM tenants";
        assert_eq!(app.count(pointer), 1, "{point}");
    }
}

#[tokio::test]
async fn a_tenants_making_that_dies_leaves_a_tenant_with_rules_or_none() {
    let mut app = App::start();
    let body = json!({"name": "acme"});
    dies_at(&mut app, "tenant_made", "/v1/tenants", &body).await;
    let sql = "SELECT active_revision FROM tenants t JOIN revisions r ON r.tenant = t.id AND r.number = t.active_revision
        JOIN activations a ON a.id = t.activation AND a.revision = r.number WHERE t.name = 'acme'";
    assert_eq!(app.rows(sql), [["1"]], "its row, its revision and its pointer are one transaction");
    let again = app.ask("POST", "/v1/tenants", &app.operator_key, body).await;
    assert_eq!((again.status, again.code().as_str()), (409, "tenant_exists"));
    let path = "/v1/tenants/acme/accounts";
    let opened = app.ask("POST", path, &app.operator_key, json!({"username": "ann"})).await;
    assert_eq!(opened.status, 201, "{opened:?}");
}

#[tokio::test]
async fn after_a_restart_every_tenant_has_the_revision_that_it_had() {
    let mut app = App::with_policy(CANDIDATES, &[]);
    let revisions = "/v1/tenants/acme/revisions";
    app.manage("POST", "/v1/tenants", json!({"name": "acme"})).await;
    app.manage("POST", "/v1/tenants", json!({"name": "other"})).await;
    assert_eq!(push_to(&app, revisions, CANDIDATES, &app.operator_key).await.status, 201);
    let decides = async |number: u64| {
        app.manage("POST", &format!("{revisions}/{number}/activate"), Value::Null).await
    };
    decides(2).await;
    for prefix in ["a-", "b-", "c-"] {
        let body = json!({"settings": {"prefix": prefix}});
        assert_eq!(app.ask("POST", revisions, &app.operator_key, body).await.status, 201);
    }
    for number in [3, 5, 4] {
        decides(number).await;
    }
    app.manage("POST", "/v1/tenants/acme/rollback", Value::Null).await;
    let own = prefixed(&app, "default-").await;
    activate(&app, own).await;
    app.restart();
    for (tenant, name) in [("acme", "c-ann"), ("other", "ann"), ("default", "default-ann")] {
        let path = format!("/v1/tenants/{tenant}/accounts");
        let opened = app.ask("POST", &path, &app.operator_key, json!({"username": "ann"})).await;
        assert_eq!(opened.json()["name"], name, "{tenant}");
    }
    let back = app.manage("POST", "/v1/tenants/acme/rollback", Value::Null).await;
    assert_eq!(back, json!({"revision": 3, "previous": 5}), "and the way back that it had");
}
