//! What AWS's own model of Cognito says beside what this program knows of it.

use crate::http::{Answer, Listener};
use crate::moto;
use crate::tool::run;
use serde_json::{Map, Value, json};
use std::process::Command;

/// The members of two shapes, by the botocore that the emulator stands on.
const SCRIPT: &str = "import json\nfrom botocore.session import Session\nmodel = Session().get_service_model('cognito-idp')\n\
    print(json.dumps([sorted(model.shape_for(name).members) for name in ('UserPoolType', 'UpdateUserPoolRequest')]))";

fn members() -> Option<[Vec<String>; 2]> {
    let Some(program) = moto::program() else {
        eprintln!("skipped: every_member_of_awss_model_is_known: ENLIST_MOTO names no moto_server");
        return None;
    };
    let python = program.with_file_name("python3");
    let said = Command::new(&python).args(["-c", SCRIPT]).output();
    let said = said.unwrap_or_else(|error| panic!("{}: {error}", python.display()));
    let said = serde_json::from_slice(&said.stdout);
    Some(said.unwrap_or_else(|error| panic!("{}: {error}", python.display())))
}

#[test]
fn every_member_of_awss_model_is_known() {
    let Some([described, mut taken]) = members() else { return };
    let pool: Map<String, Value> =
        described.iter().map(|name| (name.clone(), json!({"is": name}))).collect();
    let aws = Listener::start(move |request| match request.action() {
        Some("DescribeUserPool") => Answer::new(200, &json!({"UserPool": pool})),
        _ => Answer::new(200, &json!({})),
    });
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:f";
    let arguments = ["attach", "--user-pool-id", "eu-west-1_x", "--function", function];
    let more = ["--no-permission", "--dry-run", "-o", "json"];
    let document = run(&aws.url, &[&arguments[..], &more].concat()).ended(0).json();
    assert_eq!(document["unknown"], json!([]), "AWS added settings: settings.rs");
    let mut sent: Vec<_> =
        document["request"].as_object().expect("a request").keys().cloned().collect();
    sent.sort();
    taken.sort();
    assert_eq!(sent, taken, "settings.rs");
}
