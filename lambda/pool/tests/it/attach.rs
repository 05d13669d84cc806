//! `attach`: one slot changes, and nothing else does.

use crate::http::Listener;
use crate::moto::{ACCOUNT, Moto, REGION, moto};
use crate::tool::run;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Settings of all kinds that CreateUserPool takes, none of them what Cognito begins with.
pub(crate) fn rich() -> Value {
    let theirs = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:theirs");
    json!({
        "Policies": {"PasswordPolicy": {"MinimumLength": 14, "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": false,
            "RequireSymbols": true, "PasswordHistorySize": 5, "TemporaryPasswordValidityDays": 3}, "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}},
        "DeletionProtection": "ACTIVE",
        "LambdaConfig": {"PreSignUp": theirs, "CustomMessage": theirs, "PreTokenGeneration": theirs,
            "PreTokenGenerationConfig": {"LambdaArn": theirs, "LambdaVersion": "V2_0"},
            "CustomEmailSender": {"LambdaArn": theirs, "LambdaVersion": "V1_0"},
            "KMSKeyID": format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/1")},
        "AutoVerifiedAttributes": ["email", "phone_number"],
        "UsernameAttributes": ["email"],
        "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailMessageByLink": "{##go##}", "EmailSubjectByLink": "Welcome",
            "SmsMessage": "Yours: {####}"},
        "SmsAuthenticationMessage": "In with {####}",
        "MfaConfiguration": "OPTIONAL",
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
        "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true},
        "EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": format!("arn:aws:ses:{REGION}:{ACCOUNT}:identity/example.com"),
            "From": "Us <us@example.com>", "ReplyToEmailAddress": "help@example.com"},
        "SmsConfiguration": {"SnsCallerArn": format!("arn:aws:iam::{ACCOUNT}:role/sms"), "ExternalId": "x", "SnsRegion": REGION},
        "UserPoolTags": {"team": "identity", "cost centre": "7"},
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 3,
            "InviteMessageTemplate": {"EmailMessage": "{username} {####}", "EmailSubject": "Come in", "SMSMessage": "{username} {####}"}},
        "UsernameConfiguration": {"CaseSensitive": false},
        "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"},
        "AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_phone_number"}]},
        "UserPoolTier": "PLUS",
    })
}

/// Everything of a description that an update can change, the triggers apart. moto forgets what a pool was made with, and repeats the
/// names of an update; of the same thing it says twice the older name is not sent back.
fn settings(pool: &Value) -> Value {
    let mut pool = pool.clone();
    let all = pool.as_object_mut().expect("an object");
    for name in [
        "LambdaConfig",
        "LastModifiedDate",
        "UsernameAttributes",
        "UsernameConfiguration",
        "PoolName",
        "UserPoolId",
        "EstimatedNumberOfUsers",
    ] {
        all.shift_remove(name);
    }
    if let Some(admin) = all.get_mut("AdminCreateUserConfig").and_then(Value::as_object_mut) {
        admin.shift_remove("UnusedAccountValidityDays");
    }
    pool
}

fn attach<'a>(pool: &'a str, function: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["attach", "--user-pool-id", pool, "--function", function], more].concat()
}

fn pool_and_function(moto: &Moto, name: &str, settings: &Value) -> (String, String) {
    (moto.pool(settings), moto.function(name, &Value::Null))
}

#[test]
fn every_other_setting_stays() {
    let Some(moto) = moto("every_other_setting_stays") else { return };
    let plain = json!({});
    let one_by_one = rich();
    let mut pools = vec![plain, rich()];
    pools.extend(
        one_by_one.as_object().expect("an object").iter().map(|(name, value)| json!({name: value})),
    );
    let function = moto.function("stays", &Value::Null);
    for made in pools {
        let pool = moto.pool(&made);
        let before = moto.described(&pool);
        let ran = run(&moto.url, &attach(&pool, &function, &[])).ended(0);
        let after = moto.described(&pool);
        assert_eq!(settings(&after), settings(&before), "{made}\n{ran}");
        let mut triggers = before["LambdaConfig"].clone();
        triggers["PostConfirmation"] = function.as_str().into();
        assert_eq!(after["LambdaConfig"], triggers, "{made}\n{ran}");
    }
}

#[test]
fn an_update_of_the_triggers_alone_would_lose_the_rest() {
    let Some(moto) = moto("an_update_of_the_triggers_alone_would_lose_the_rest") else { return };
    let pool = moto.pool(&rich());
    let before = moto.described(&pool);
    moto.cognito("UpdateUserPool", &json!({"UserPoolId": pool, "LambdaConfig": {"PostConfirmation": "arn:aws:lambda:eu-west-1:1:function:f"}}));
    let after = moto.described(&pool);
    assert_ne!(settings(&after), settings(&before), "this emulator cannot tell");
    assert!(after["UserPoolTags"].is_null() && after["LambdaConfig"]["PreSignUp"].is_null());
}

#[test]
fn second_factors_stay() {
    let Some(moto) = moto("second_factors_stay") else { return };
    let (pool, function) = pool_and_function(&moto, "factors", &json!({}));
    let wanted = json!({"UserPoolId": pool, "MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true}});
    moto.cognito("SetUserPoolMfaConfig", &wanted);
    run(&moto.url, &attach(&pool, &function, &[])).ended(0);
    let after = moto.cognito("GetUserPoolMfaConfig", &json!({"UserPoolId": pool}));
    assert_eq!(
        (&after["MfaConfiguration"], &after["SoftwareTokenMfaConfiguration"]["Enabled"]),
        (&json!("OPTIONAL"), &json!(true))
    );
}

#[test]
fn the_pool_may_call_the_function_then_and_no_other_pool() {
    let Some(moto) = moto("the_pool_may_call_the_function_then_and_no_other_pool") else { return };
    let (pool, function) = pool_and_function(&moto, "may", &json!({}));
    run(&moto.url, &attach(&pool, &function, &["--no-permission"])).ended(0);
    assert!(moto.statements(&function).is_empty());
    run(&moto.url, &attach(&pool, &function, &[])).ended(0);
    let statements = moto.statements(&function);
    assert_eq!(statements.len(), 1, "{statements:?}");
    let one = &statements[0];
    assert_eq!(
        (&one["Effect"], &one["Action"], &one["Principal"]["Service"]),
        (&json!("Allow"), &json!("lambda:InvokeFunction"), &json!("cognito-idp.amazonaws.com"))
    );
    let arn = format!("arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{pool}");
    assert_eq!(one["Condition"]["ArnLike"]["AWS:SourceArn"], arn);
    assert_eq!(one["Condition"]["StringEquals"]["AWS:SourceAccount"], ACCOUNT);
    // A second time there is nothing to do, and nothing is done.
    let proxy = Listener::before(&moto.url, |_| None, |_, _| {});
    let ran = run(&proxy.url, &attach(&pool, &function, &[])).ended(0);
    assert!(ran.out.contains("its triggers are so already"), "{ran}");
    assert_eq!((proxy.asked_for("UpdateUserPool"), moto.statements(&function).len()), (0, 1));
}

#[test]
fn a_slot_of_another_function_is_taken_only_when_asked_for() {
    let Some(moto) = moto("a_slot_of_another_function_is_taken_only_when_asked_for") else {
        return;
    };
    let (pool, function) = pool_and_function(&moto, "slot", &rich());
    let before = moto.described(&pool);
    let both = ["--trigger", "PostConfirmation,PreSignUp"];
    let ran = run(&moto.url, &attach(&pool, &function, &both)).ended(1);
    assert!(
        ran.err.contains("PreSignUp holds arn:aws:lambda:eu-west-1:123456789012:function:theirs"),
        "{ran}"
    );
    assert_eq!((moto.described(&pool), moto.statements(&function).len()), (before, 0));
    run(&moto.url, &attach(&pool, &function, &[&both[..], &["--replace"]].concat())).ended(0);
    let after = moto.described(&pool);
    assert_eq!(
        (&after["LambdaConfig"]["PreSignUp"], &after["LambdaConfig"]["PostConfirmation"]),
        (&json!(function), &json!(function))
    );
}

#[test]
fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let Some(moto) = moto("a_dry_run_says_what_would_change_and_changes_nothing") else { return };
    let (pool, function) = pool_and_function(&moto, "dry", &rich());
    let before = moto.described(&pool);
    let proxy = Listener::before(&moto.url, |_| None, |_, _| {});
    let ran = run(&proxy.url, &attach(&pool, &function, &["--dry-run"])).ended(0);
    for line in [
        "  LambdaConfig.PostConfirmation\n    - (nothing)\n",
        &format!("    + {function}\n"),
        "dry run: nothing was changed",
        &format!("  + enlist-cognito-{pool}\n"),
    ] {
        assert!(ran.out.contains(line), "{line:?}\n{ran}");
    }
    assert_eq!((moto.described(&pool), moto.statements(&function).len()), (before, 0));
    let changing = proxy.seen().into_iter().filter(|request| {
        request.action() == Some("UpdateUserPool")
            || (request.action().is_none() && request.method != "GET")
    });
    assert_eq!(changing.count(), 0);
    let document =
        run(&moto.url, &attach(&pool, &function, &["--dry-run", "-o", "json"])).ended(0).json();
    assert_eq!(
        document["changes"],
        json!([{"setting": "LambdaConfig.PostConfirmation", "before": null, "after": function}])
    );
    assert_eq!(
        document["request"]["UserPoolTags"],
        json!({"team": "identity", "cost centre": "7"})
    );
    assert_eq!(document["permission"]["request"]["SourceAccount"], ACCOUNT);
}

#[test]
fn a_function_that_is_not_there_is_not_put_into_a_pool() {
    let Some(moto) = moto("a_function_that_is_not_there_is_not_put_into_a_pool") else { return };
    let pool = moto.pool(&json!({}));
    let before = moto.described(&pool);
    let ran = run(
        &moto.url,
        &attach(&pool, "arn:aws:lambda:eu-west-1:123456789012:function:nowhere", &[]),
    )
    .ended(1);
    assert!(ran.err.contains("there is no function"), "{ran}");
    assert_eq!(moto.described(&pool), before);
    let elsewhere =
        run(&moto.url, &attach(&pool, "arn:aws:lambda:us-east-1:123456789012:function:f", &[]))
            .ended(2);
    assert!(elsewhere.err.contains("of its own region"), "{elsewhere}");
}

#[test]
fn a_setting_that_was_lost_all_the_same_is_an_error() {
    let Some(moto) = moto("a_setting_that_was_lost_all_the_same_is_an_error") else { return };
    let (pool, function) = pool_and_function(&moto, "lost", &rich());
    // Somebody between us and Cognito, or Cognito itself, who does not take one of them.
    let forgetful = Listener::before(
        &moto.url,
        |request| {
            if request.action() == Some("UpdateUserPool") {
                let mut body = request.json();
                body["UserPoolTags"].as_object_mut()?.shift_remove("team");
                body["Policies"]["PasswordPolicy"]["MinimumLength"] = 8.into();
                request.body = body.to_string().into_bytes();
            }
            None
        },
        |_, _| {},
    );
    let ran = run(&forgetful.url, &attach(&pool, &function, &[])).ended(1);
    for line in [
        "ERROR",
        "  Policies.PasswordPolicy.MinimumLength\n    - 14\n    + 8\n",
        "  UserPoolTags.team\n    - identity\n    + (nothing)\n",
    ] {
        assert!(ran.out.contains(line), "{line:?}\n{ran}");
    }
    let places: Vec<_> = ran
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| line.starts_with(char::is_uppercase) && line.contains('.'))
        .filter(|line| !line.contains(' '))
        .collect();
    assert_eq!(
        places,
        [
            "LambdaConfig.PostConfirmation",
            "Policies.PasswordPolicy.MinimumLength",
            "UserPoolTags.team"
        ],
        "{ran}"
    );
}

#[test]
fn a_second_factor_that_was_lost_all_the_same_is_an_error() {
    let Some(moto) = moto("a_second_factor_that_was_lost_all_the_same_is_an_error") else { return };
    let (pool, function) = pool_and_function(&moto, "factor", &json!({}));
    let asked = AtomicUsize::new(0);
    let forgetful = Listener::before(
        &moto.url,
        move |request| {
            let factors = request.action() == Some("GetUserPoolMfaConfig");
            let on = asked.fetch_add(usize::from(factors), Ordering::SeqCst) == 0;
            let said = json!({"MfaConfiguration": "OPTIONAL", "WebAuthnConfiguration": {"UserVerification": if on { "required" } else { "preferred" }}});
            factors.then(|| crate::http::Answer::new(200, &said))
        },
        |_, _| {},
    );
    let ran = run(&forgetful.url, &attach(&pool, &function, &[])).ended(1);
    let line =
        "  SecondFactors.WebAuthnConfiguration.UserVerification\n    - required\n    + preferred\n";
    assert!(ran.out.contains(line), "{ran}");
}

#[test]
fn a_setting_that_this_program_does_not_know_goes_back_as_it_came() {
    let Some(moto) = moto("a_setting_that_this_program_does_not_know_goes_back_as_it_came") else {
        return;
    };
    let (pool, function) = pool_and_function(&moto, "unknown", &rich());
    // A Cognito of later.
    let later = r#""Passkeys":{"RelyingParty":"example.com","Weight":1.50}"#;
    let newer = Listener::before(
        &moto.url,
        |_| None,
        move |request, answer| {
            if request.action() == Some("DescribeUserPool") {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                let with = body.replacen("\"UserPool\": {", &format!("\"UserPool\":{{{later},"), 1);
                answer.body = with.into_bytes();
            }
        },
    );
    let ran = run(&newer.url, &attach(&pool, &function, &[])).ended(0);
    assert!(
        ran.out.contains("  newer than this program, and sent back as they came: Passkeys\n"),
        "{ran}"
    );
    let update =
        newer.seen().into_iter().find(|request| request.action() == Some("UpdateUserPool"));
    let update = String::from_utf8(update.expect("an update").body).expect("text");
    assert!(update.contains(later), "{update}");
}

#[test]
fn what_is_wrong_with_the_rights_is_said() {
    let Some(moto) = moto("what_is_wrong_with_the_rights_is_said") else { return };
    let (pool, function) = pool_and_function(&moto, "rights", &json!({}));
    let denying = Listener::before(
        &moto.url,
        |request| {
            let no = json!({"__type": "AccessDeniedException", "Message": "User: nobody is not authorized to perform: cognito-idp:UpdateUserPool"});
            (request.action() == Some("UpdateUserPool")).then(|| crate::http::Answer::new(400, &no))
        },
        |_, _| {},
    );
    let ran = run(&denying.url, &attach(&pool, &function, &[])).ended(4);
    assert!(
        ran.err.contains("UpdateUserPool: AccessDeniedException: User: nobody is not authorized"),
        "{ran}"
    );
    let ran = run(&moto.url, &attach("eu-west-1_nowhere", &function, &[])).ended(1);
    assert!(ran.err.contains("user pool eu-west-1_nowhere: ResourceNotFoundException"), "{ran}");
}
