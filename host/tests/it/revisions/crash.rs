//! A server that dies at each step of a push and of an activation: what decides afterwards is the old revision or the new one.

use crate::app::App;
use crate::revisions::{CANDIDATES, REVISIONS, activate, person, prefixed};
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
    let points = [("revision_made", false), ("adding_revision", false), ("revision_added", true)];
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
