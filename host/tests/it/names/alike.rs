//! Names that a reader takes for one: two of ASCII are both there and the record says so; any other is refused, and nobody is told
//! whose name it looks like.

use crate::app::App;
use crate::names::{by_hand, named};
use enlist_artifacts::honest::CANDIDATES;
use serde_json::{Value, json};
use std::sync::Arc;

/// `paypal` in Cyrillic, but for its last letter.
const CYRILLIC: &str = "раураl";

/// The latest row of the record as the API shows it.
async fn row(app: &App) -> Value {
    app.await_record();
    app.manage("GET", "/v1/tenants/default/decisions?limit=1", Value::Null).await["items"][0].take()
}

#[tokio::test]
async fn two_ascii_names_that_look_alike_are_both_there_and_the_record_says_so() {
    let app = App::with_policy(CANDIDATES, &[]);
    app.enlist(&named("s1", "userl")).await;
    assert_eq!(row(&app).await["detail"], Value::Null);
    assert_eq!(app.enlist(&named("s2", "user1")).await, "user1");
    let noted = row(&app).await;
    assert_eq!(
        (&noted["outcome"], &noted["detail"]),
        (&json!("granted"), &json!("look_alike: userl"))
    );
    let author = app.key_of("default", json!({"scopes": ["policy"]})).await;
    let seen = app.ask("GET", "/v1/decisions?limit=1", &author, Value::Null).await;
    assert!(!seen.text.contains("userl\""), "a policy's author is told no names: {seen:?}");

    let hand = by_hand(&app, "rnodern", json!({"username": "h1"})).await;
    assert_eq!(hand.status, 201);
    assert_eq!(row(&app).await["detail"], Value::Null);
    assert_eq!(by_hand(&app, "modern", json!({"username": "h2"})).await.status, 201);
    assert_eq!(row(&app).await["detail"], "look_alike: rnodern");
}

#[tokio::test]
async fn where_people_are_masked_the_warning_stays_and_names_nobody() {
    let app = App::with_policy(CANDIDATES, &[("ENLIST_RECORD__MASK", "true")]);
    app.enlist(&named("s1", "userl")).await;
    app.enlist(&named("s2", "user1")).await;
    let noted = row(&app).await;
    assert_eq!(&noted["detail"], "look_alike");
}

#[tokio::test]
async fn a_look_alike_outside_ascii_is_refused_whoever_came_first_and_leaves_nothing() {
    for (first, second) in [("paypal", CYRILLIC), (CYRILLIC, "paypal"), ("ѕсоре", "ѕcоре")]
    {
        let app = App::with_policy(CANDIDATES, &[]);
        app.enlist(&named("s1", first)).await;
        let before = app.rows("SELECT * FROM accounts");
        let refused = app.provision(&named("s2", second)).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "name_unusable"));
        assert_eq!(refused.json()["error"], "This name cannot be used");
        assert!(!refused.text.contains(first), "{refused:?}");
        let last = app.last_decision();
        assert_eq!(last["detail"], format!("{second:?}: it looks like a name that is there"));
        assert_eq!(row(&app).await["detail"], Value::Null, "nor is a policy's author told");
        assert_eq!(app.decide(&named("s2", second)).await.json()["code"], "name_unusable");

        let hand = by_hand(&app, second, json!({"username": "h1"})).await;
        assert_eq!((hand.status, hand.code().as_str()), (403, "name_unusable"));
        assert_eq!(hand.json()["detail"], "it looks like a name that is there");
        assert_eq!(app.rows("SELECT * FROM accounts"), before);
        assert_eq!(app.folders(), [first]);
        assert_eq!(app.enlist(&named("s2", &format!("{second},other"))).await, "other");
    }
}

#[tokio::test]
async fn a_closed_account_keeps_its_looks() {
    let app = App::with_policy(CANDIDATES, &[]);
    app.enlist(&named("s1", "paypal")).await;
    app.manage("POST", "/v1/tenants/default/accounts/paypal/close", Value::Null).await;
    assert_eq!(app.provision(&named("s2", CYRILLIC)).await.code(), "name_unusable");
    app.manage("POST", "/v1/tenants/default/accounts/paypal/erase", Value::Null).await;
    assert_eq!(app.provision(&named("s2", CYRILLIC)).await.code(), "name_unusable");
}

#[tokio::test]
async fn a_look_alike_in_another_tenant_is_nobodys_business() {
    let app = App::with_policy(CANDIDATES, &[]);
    app.manage("POST", "/v1/tenants", json!({"name": "other"})).await;
    app.enlist(&named("s1", "paypal")).await;
    let path = format!("/v1/tenants/other/accounts/{CYRILLIC}");
    let opened = app.ask("PUT", &path, &app.operator_key, json!({"username": "h1"})).await;
    assert_eq!(opened.status, 201, "{opened:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_look_alikes_that_race_one_gets_in() {
    let app = Arc::new(App::with_policy(CANDIDATES, &[]));
    for round in 0..8 {
        // One letter of each is Cyrillic, another one in each.
        let spelt = ["pауpаl", "раypаl", "рaуpаl", "раyрal"].map(|name| format!("{name}-{round}"));
        let asks: Vec<_> = spelt
            .into_iter()
            .enumerate()
            .map(|(i, name)| {
                let app = Arc::clone(&app);
                tokio::spawn(
                    async move { app.provision(&named(&format!("s{round}-{i}"), &name)).await },
                )
            })
            .collect();
        let mut opened = 0;
        for ask in asks {
            let answer = ask.await.expect("an answer");
            assert!(answer.status == 200 || answer.code() == "name_unusable", "{answer:?}");
            opened += usize::from(answer.status == 200);
        }
        assert_eq!(opened, 1);
    }
    assert_eq!((app.count("SELECT count(*) FROM accounts"), app.folders().len()), (8, 8));
}
