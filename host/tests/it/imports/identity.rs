//! Who somebody is who comes with a name: the same rules, and the one word that bends one of them.

use super::{import, import_with};
use crate::app::App;
use serde_json::{Value, json};

async fn relink(app: &App, items: Value) -> Vec<String> {
    import_with(app, json!({"relink": true, "items": items})).await
}

fn who(app: &App, name: &str) -> Vec<String> {
    let sql = format!("SELECT issuer, subject, username FROM accounts WHERE name = '{name}'");
    app.rows(&sql).remove(0)
}

#[tokio::test]
async fn two_people_never_share_a_name_and_nobody_has_two() {
    let app = App::start();
    let item = |name: &str, subject: &str, username: &str| json!({"username": username, "subject": subject, "name": name});
    assert_eq!(
        import(&app, json!([item("a", "1", "u1"), item("b", "2", "u2")])).await,
        ["opened a", "opened b"]
    );
    let wrong = json!([
        item("a", "3", "u3"), item("A", "3", "u3"), item("c", "1", "u1"), item("b", "1", "u1"),
        {"username": "u1", "name": "c"}, {"username": "u9", "name": "a"}, {"username": "u1", "name": "a"}
    ]);
    let expected = [
        "refused username_taken",
        "refused username_taken",
        "refused identity_taken",
        "refused identity_taken",
        "refused identity_taken",
        "refused username_taken",
        "known a",
    ];
    assert_eq!(import(&app, wrong).await, expected);
    assert_eq!(app.folders(), ["a", "b"]);
    app.manage("POST", "/v1/tenants/default/accounts/a/close", Value::Null).await;
    for go in [false, true] {
        let items = json!([item("a", "1", "u1"), item("a", "5", "u5")]);
        let found = import_with(&app, json!({"relink": go, "items": items})).await;
        let other = if go { "refused account_closed" } else { "refused username_taken" };
        assert_eq!(found, ["refused account_closed", other]);
    }
    assert_eq!(who(&app, "a"), ["", "1", "u1"]);
}

#[tokio::test]
async fn an_account_without_a_subject_is_linked_by_the_e_mail_or_by_word() {
    let app = App::start();
    let accounts = "/v1/tenants/default/accounts";
    for (name, email) in [("a", Some("a@example.com")), ("b", None), ("c", None)] {
        let body = json!({"username": format!("{name}-user"), "email": email});
        app.manage("PUT", &format!("{accounts}/{name}"), body).await;
    }
    let item = |name: &str, email: bool| {
        json!({"username": format!("{name}-user"), "subject": format!("{name}-sub"), "name": name,
            "email": format!("{name}@example.com"), "email_verified": email})
    };
    let items = json!([item("a", false), item("a", true), item("b", true), item("a", true)]);
    // One after the other: what the second does the first must not see.
    let mut found = Vec::new();
    for one in items.as_array().expect("items") {
        found.extend(import(&app, json!([one])).await);
    }
    assert_eq!(found, ["refused username_taken", "linked a", "refused username_taken", "known a"]);
    let other = json!({"username": "b-user", "subject": "b-sub", "name": "z"});
    assert_eq!(import(&app, json!([other])).await, ["refused identity_taken"], "theirs is b");
    assert_eq!(relink(&app, json!([item("b", false)])).await, ["linked b"]);
    let unnamed = json!({"username": "c-user", "subject": "c-sub"});
    assert_eq!(relink(&app, json!([unnamed])).await, ["linked c"]);
    assert_eq!(who(&app, "b")[1], "b-sub");
    let rows = app.rows("SELECT name, detail FROM decisions WHERE occasion = 'account_import' AND outcome = 'granted' ORDER BY name");
    assert_eq!(rows, [["a", "linked"], ["b", "linked"], ["c", "linked"]]);
}

#[tokio::test]
async fn another_subject_gets_an_account_only_where_that_was_said() {
    let app = App::start();
    let old = json!([
        {"username": "ann", "subject": "old-1", "name": "a"}, {"username": "ben", "subject": "old-2", "name": "b"},
        {"username": "cid", "subject": "old-3", "name": "c"}
    ]);
    import(&app, old).await;
    let new =
        json!([{"username": "other", "subject": "new-1", "issuer": "https://new", "name": "a"}]);
    assert_eq!(import(&app, new.clone()).await, ["refused username_taken"]);
    assert_eq!(
        import_with(&app, json!({"relink": true, "dry_run": true, "items": new})).await,
        ["relinked a"]
    );
    assert_eq!(who(&app, "a"), ["", "old-1", "ann"]);
    assert_eq!(relink(&app, new.clone()).await, ["relinked a"]);
    assert_eq!(relink(&app, new).await, ["known a"]);
    assert_eq!(who(&app, "a"), ["https://new", "new-1", "ann"]);
    // Whoever has an account gets no second one.
    let both = json!([{"username": "ben", "subject": "old-2", "name": "c"}]);
    assert_eq!(relink(&app, both).await, ["refused identity_taken"]);
    // Without a name it is the account of the same provider username, if there is one.
    let unnamed =
        json!([{"username": "cid", "subject": "new-3"}, {"username": "dan", "subject": "new-4"}]);
    assert_eq!(relink(&app, unnamed.clone()).await, ["relinked c", "opened dan"]);
    assert_eq!(relink(&app, unnamed).await, ["known c", "known dan"]);
    assert_eq!(app.folders(), ["a", "b", "c", "dan"]);
}

#[tokio::test]
async fn who_is_kept_under_no_issuer_gets_no_second_account_under_one() {
    let app = App::start();
    import(&app, json!([{"username": "ann", "subject": "1", "name": "a"}])).await;
    let named = json!([{"username": "ann", "subject": "1", "issuer": "https://pool", "name": "b"}]);
    assert_eq!(import(&app, named).await, ["refused username_taken"]);
    assert_eq!(app.last_decision()["outcome"], "refused");
    assert_eq!(app.folders(), ["a"]);
}
