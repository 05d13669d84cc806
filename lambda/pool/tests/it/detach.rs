//! `detach`: one function leaves, and nothing else changes.

use crate::attach::rich;
use crate::moto::moto;
use crate::tool::run;
use serde_json::{Value, json};

#[test]
fn only_this_function_leaves_and_its_permission_with_it() {
    let Some(moto) = moto("only_this_function_leaves_and_its_permission_with_it") else { return };
    let pool = moto.pool(&rich());
    let function = moto.function("leaves", &Value::Null);
    let before = moto.described(&pool);
    let other = json!({"StatementId": "another", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"});
    moto.lambda("POST", "/2015-03-31/functions/leaves/policy", &other);
    let named = ["--user-pool-id", &pool, "--function", &function];
    run(
        &moto.url,
        &[&["attach", "--trigger", "PostConfirmation,PostAuthentication"], &named[..]].concat(),
    )
    .ended(0);
    assert_eq!(moto.statements(&function).len(), 2);

    let attached = moto.described(&pool);
    let ran = run(&moto.url, &[&["detach", "--dry-run"], &named[..]].concat()).ended(0);
    assert!(
        ran.out.contains(&format!("  - enlist-cognito-{pool}"))
            && ran.out.contains("LambdaConfig.PostAuthentication"),
        "{ran}"
    );
    assert_eq!((moto.described(&pool), moto.statements(&function).len()), (attached, 2));

    run(&moto.url, &[&["detach"], &named[..]].concat()).ended(0);
    let after = moto.described(&pool);
    assert_eq!(after["LambdaConfig"], before["LambdaConfig"]);
    for setting in ["Policies", "UserPoolTags", "EmailConfiguration", "MfaConfiguration"] {
        assert_eq!(after[setting], before[setting], "{setting}");
    }
    let left = moto.statements(&function);
    assert_eq!((left.len(), &left[0]["Sid"]), (1, &json!("another")));
    // And again: there is nothing to take.
    let ran = run(&moto.url, &[&["detach"], &named[..]].concat()).ended(0);
    assert!(
        ran.out.contains("its triggers are so already")
            && ran.out.contains("nothing names this pool alone"),
        "{ran}"
    );
}

#[test]
fn a_function_that_was_deleted_too_early_can_still_be_taken_out() {
    let Some(moto) = moto("a_function_that_was_deleted_too_early_can_still_be_taken_out") else {
        return;
    };
    let gone = "arn:aws:lambda:eu-west-1:123456789012:function:deleted";
    let pool = moto.pool(&json!({"LambdaConfig": {"PostConfirmation": gone}}));
    run(&moto.url, &["detach", "--user-pool-id", &pool, "--function", gone]).ended(0);
    assert!(moto.described(&pool)["LambdaConfig"]["PostConfirmation"].is_null());
}
