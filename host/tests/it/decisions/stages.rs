//! What each stage of a dry run said, and who is told.

use crate::app::{App, GUIDE};
use enlist_artifacts::honest::CANDIDATES;
use serde_json::{Value, json};

/// A dry run, and what each stage said.
async fn explained(app: &App, key: &str, body: &str) -> Value {
    let answer = app.post("/v1/decisions?explain=true", key, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// A dry run about somebody with these attributes: what the stages said.
async fn stages(app: &App, key: &str, attributes: Value) -> Value {
    let body = json!({"username": "ann", "user_attributes": attributes}).to_string();
    explained(app, key, &body).await["stages"].clone()
}

/// Stage and what it said, as far as it went.
fn said(stages: &Value) -> Vec<(&str, &str)> {
    let stages = stages.as_array().expect("stages").iter();
    let said = stages.map(|stage| stage["stage"].as_str().zip(stage["said"].as_str()));
    said.map(|said| said.expect("two texts")).collect()
}

#[tokio::test]
async fn every_name_is_listed_with_what_became_of_it() {
    let app = App::with_policy(CANDIDATES, &[]);
    app.enlist(r#"{"username":"held"}"#).await;
    std::fs::create_dir_all(app.homes().join("full/inside")).expect("a folder");
    let names = json!({"names": "con,held,full,ann,later", "max_accounts": 7});
    let stages = stages(&app, &app.tenant_key, names).await;
    assert_eq!(
        stages,
        json!([
            {"stage": "recognise", "said": "stranger"},
            {"stage": "admit", "said": "admitted"},
            {"stage": "derive", "said": "proposed"},
            {"stage": "pick", "said": "chosen", "candidates": [
                {"name": "con", "fate": "unusable", "why": "it is reserved"},
                {"name": "held", "fate": "held"},
                {"name": "full", "fate": "home_in_the_way"},
                {"name": "ann", "fate": "chosen"},
                {"name": "later", "fate": "not_needed"},
            ]},
            {"stage": "allow", "said": "allowed"},
            {"stage": "seats", "said": "free", "accounts": 1, "accounts_in_domain": 0},
            {"stage": "notes", "said": "noted", "notes": ["admit", "derive", "allow ann 1 0"]},
        ])
    );
}

#[tokio::test]
async fn a_no_ends_the_list_where_it_was_said_and_a_refused_stranger_learns_of_no_name() {
    let app = App::with_policy(CANDIDATES, &[]);
    app.enlist(r#"{"username":"held"}"#).await;
    let before = [("recognise", "stranger")];
    let (admitted, proposed) = (("admit", "admitted"), ("derive", "proposed"));
    let (chosen, allowed) = (("pick", "chosen"), ("allow", "allowed"));
    for (attributes, stage, code, yes) in [
        (json!({"refuse": "no_way", "names": "held"}), "admit", "no_way", &[][..]),
        (json!({"refuse_derive": "no_name"}), "derive", "no_name", &[admitted]),
        (json!({"names": "held,con"}), "pick", "username_taken", &[admitted, proposed]),
        (json!({"names": "con"}), "pick", "name_unusable", &[admitted, proposed]),
        (json!({"refuse_allow": "too_many"}), "allow", "too_many", &[admitted, proposed, chosen]),
        (
            json!({"max_accounts": 1}),
            "seats",
            "quota_accounts",
            &[admitted, proposed, chosen, allowed],
        ),
    ] {
        let stages = stages(&app, &app.tenant_key, attributes.clone()).await;
        let expected = [&before, yes, &[(stage, "refused"), ("notes", "noted")]].concat();
        assert_eq!(said(&stages), expected, "{attributes}");
        let no = &stages[expected.len() - 2];
        assert_eq!(no["code"], code, "{attributes}");
        let reached = stages.to_string().contains("candidates");
        assert_eq!(reached, yes.contains(&proposed), "{attributes}");
    }
}

#[tokio::test]
async fn nobody_else_is_asked_about_who_is_known_and_nobody_is_known_at_a_sign_up() {
    let app = App::start();
    app.enlist(r#"{"username":"testuser@example.com","email":"testuser@example.com"}"#).await;
    let ask = async |body: &str| explained(&app, &app.tenant_key, body).await["stages"].clone();
    assert_eq!(ask(GUIDE).await, json!([{"stage": "recognise", "said": "linkable"}]));
    let unverified = GUIDE.replace("\"true\"", "\"false\"");
    let refused = json!([{"stage": "recognise", "said": "refused", "code": "username_taken", "detail": "link_refused"}]);
    assert_eq!(ask(&unverified).await, refused);
    app.enlist(GUIDE).await;
    assert_eq!(ask(GUIDE).await, json!([{"stage": "recognise", "said": "known"}]));
    let signing_up = GUIDE.replacen('{', r#"{"occasion":"sign_up","#, 1);
    let stages = ask(&signing_up).await;
    assert_eq!(said(&stages)[0], ("recognise", "not_asked"));
    assert_eq!(stages[3]["candidates"], json!([{"name": "testuser", "fate": "held"}]));
}

#[tokio::test]
async fn only_keys_that_may_read_the_record_or_the_rules_are_told_and_only_when_they_ask() {
    let app = App::start();
    app.enlist(r#"{"username":"testuser@example.com","email":"testuser@example.com"}"#).await;
    let unverified = GUIDE.replace("\"true\"", "\"false\"");
    for (scopes, told, detail) in [
        (json!(["provision"]), false, false),
        (json!(["provision", "manage", "metrics"]), false, false),
        (json!(["provision", "policy"]), true, false),
        (json!(["provision", "read"]), true, true),
    ] {
        let key = app.key_of("default", json!({"scopes": scopes})).await;
        let decision = explained(&app, &key, &unverified).await;
        assert_eq!(decision["code"], "username_taken");
        assert_eq!(decision.get("stages").is_some(), told, "{scopes}");
        assert_eq!(decision.to_string().contains("link_refused"), detail, "{scopes}");
        for path in ["/v1/decisions", "/v1/decisions?explain=false"] {
            let answer = app.post(path, &key, &unverified).await;
            assert_eq!(answer.json().get("stages"), None, "{path} {scopes}");
        }
    }
    let path = "/v1/tenants/default/decisions?explain=true";
    let answer = app.post(path, &app.operator_key, &unverified).await;
    assert_eq!(answer.json()["stages"][0]["detail"], "link_refused");
    let answer = app.post("/v1/decisions?explain=maybe", &app.tenant_key, GUIDE).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "field_invalid"));
}
