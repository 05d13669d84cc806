//! Who may call the function, and what is said where that can be done by halves.

use crate::http::{Answer, Listener, Message};
use crate::moto::{ACCOUNT, Moto, moto};
use crate::tool::run;
use serde_json::{Value, json};

fn denied(action: &str) -> Answer {
    Answer::new(
        403,
        &json!({"__type": "AccessDeniedException", "Message": format!("not authorized to perform: {action}")}),
    )
}

/// Somebody between us and AWS who says no to this.
fn denying(
    moto: &Moto,
    what: impl Fn(&Message) -> Option<&'static str> + Send + Sync + 'static,
) -> Listener {
    Listener::before(&moto.url, move |request| what(request).map(denied), |_, _| {})
}

fn names(statements: &[Value]) -> Vec<&str> {
    statements.iter().filter_map(|one| one["Sid"].as_str()).collect()
}

#[test]
fn beside_a_wide_permission_the_pool_gets_its_own() {
    let Some(moto) = moto("beside_a_wide_permission_the_pool_gets_its_own") else { return };
    let (pool, function) = (moto.pool(&json!({})), moto.function("wide", &Value::Null));
    let wide = json!({"StatementId": "everybody", "Action": "lambda:InvokeFunction", "Principal": "cognito-idp.amazonaws.com", "SourceAccount": ACCOUNT});
    moto.lambda("POST", "/2015-03-31/functions/wide/policy", &wide);
    let ran =
        run(&moto.url, &["attach", "--user-pool-id", &pool, "--function", &function]).ended(0);
    assert!(ran.out.contains("and so may others, by everybody"), "{ran}");
    let statements = moto.statements(&function);
    assert_eq!(names(&statements), ["everybody", &format!("enlist-cognito-{pool}")]);
    run(&moto.url, &["attach", "--user-pool-id", &pool, "--function", &function]).ended(0);
    assert_eq!(moto.statements(&function).len(), 2);
    // The other pools keep theirs.
    run(&moto.url, &["detach", "--user-pool-id", &pool, "--function", &function]).ended(0);
    assert_eq!(names(&moto.statements(&function)), ["everybody"]);
}

#[test]
fn a_permission_that_was_added_before_the_no_is_said() {
    let Some(moto) = moto("a_permission_that_was_added_before_the_no_is_said") else { return };
    let (pool, function) = (moto.pool(&json!({})), moto.function("halfway", &Value::Null));
    let before = moto.described(&pool);
    let aws = denying(&moto, |request| {
        (request.action() == Some("UpdateUserPool")).then_some("cognito-idp:UpdateUserPool")
    });
    let ran = run(&aws.url, &["attach", "--user-pool-id", &pool, "--function", &function]).ended(4);
    assert!(ran.out.contains("  NOT CHANGED: UpdateUserPool: AccessDeniedException"), "{ran}");
    assert!(ran.out.contains(&format!("  + enlist-cognito-{pool}\n")), "{ran}");
    assert!(
        ran.err.contains("the pool was not changed; the permission was added, and stays"),
        "{ran}"
    );
    assert_eq!((moto.described(&pool), moto.statements(&function).len()), (before, 1));
}

#[test]
fn what_cannot_be_seen_of_the_permission_is_not_said_to_be_done() {
    let Some(moto) = moto("what_cannot_be_seen_of_the_permission_is_not_said_to_be_done") else {
        return;
    };
    let (pool, function) = (moto.pool(&json!({})), moto.function("unseen", &Value::Null));
    let named = ["--user-pool-id", &pool, "--function", &function];
    run(&moto.url, &[&["attach"], &named[..]].concat()).ended(0);
    let attached = moto.described(&pool);
    let aws = denying(&moto, |request| {
        (request.method == "GET" && request.path.ends_with("/policy")).then_some("lambda:GetPolicy")
    });
    let change = format!("LambdaConfig.PostConfirmation\n    - {function}\n    + (nothing)\n");
    let ran = run(&aws.url, &[&["detach", "--dry-run"], &named[..]].concat()).ended(4);
    assert!(ran.out.contains(&change) && ran.out.contains("dry run: nothing was changed"), "{ran}");
    assert!(!ran.err.contains("no longer calls"), "{ran}");
    assert_eq!(moto.described(&pool), attached);

    let ran = run(&aws.url, &[&["detach"], &named[..]].concat()).ended(4);
    assert!(ran.out.contains(&change) && ran.out.contains("the rest stays: AccessDenied"), "{ran}");
    assert!(
        ran.err.contains("the pool no longer calls the function; its permission stays"),
        "{ran}"
    );
    assert!(moto.described(&pool)["LambdaConfig"]["PostConfirmation"].is_null());
    assert_eq!(moto.statements(&function).len(), 1);
}
