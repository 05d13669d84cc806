//! From what Cognito says of a pool to the update that changes its triggers and nothing else, and what differs between two descriptions.
//! Refuses to choose what is worth keeping: everything goes back but what an update does not take.

use crate::pool::PoolId;
use serde_json::{Map, Value};

/// The members of a description (`UserPoolType`) that an update (`UpdateUserPoolRequest`) has not, by AWS's model of 2016-04-18 as botocore
/// 1.44.5 ships it. Most are what a pool was made with and keeps; the rest says how it is.
const NOT_IN_AN_UPDATE: [&str; 15] = [
    "AliasAttributes",
    "Arn",
    "CreationDate",
    "CustomDomain",
    "Domain",
    "EmailConfigurationFailure",
    "EstimatedNumberOfUsers",
    "Id",
    "LastModifiedDate",
    "Name",
    "SchemaAttributes",
    "SmsConfigurationFailure",
    "Status",
    "UsernameAttributes",
    "UsernameConfiguration",
];

/// Those that both have. Another one is newer than this program; it goes back too, and is said.
const IN_AN_UPDATE: [&str; 23] = [
    "AccountRecoverySetting",
    "AcrConfiguration",
    "AdminCreateUserConfig",
    "AutoVerifiedAttributes",
    "DcrConfiguration",
    "DeletionProtection",
    "DeviceConfiguration",
    "EmailConfiguration",
    "EmailVerificationMessage",
    "EmailVerificationSubject",
    "IssuerConfiguration",
    "KeyConfiguration",
    "LambdaConfig",
    "MfaConfiguration",
    "Policies",
    "SmsAuthenticationMessage",
    "SmsConfiguration",
    "SmsVerificationMessage",
    "UserAttributeUpdateSettings",
    "UserPoolAddOns",
    "UserPoolTags",
    "UserPoolTier",
    "VerificationMessageTemplate",
];

/// What only an update has. An emulator may repeat it in a description.
const ONLY_IN_AN_UPDATE: [&str; 2] = ["PoolName", "UserPoolId"];

/// An update, and what there is to know about it.
pub(crate) struct Update {
    /// What is sent.
    pub(crate) request: Map<String, Value>,
    /// Settings that go back as they came.
    pub(crate) kept: Vec<String>,
    /// Those among them that this program does not know.
    pub(crate) unknown: Vec<String>,
}

/// What is different in one place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// `LambdaConfig.PostConfirmation`.
    pub(crate) setting: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

impl Update {
    /// The update that gives the pool these triggers.
    pub(crate) fn new(
        pool: &Map<String, Value>,
        id: &PoolId,
        triggers: Map<String, Value>,
    ) -> Self {
        let mut request = Map::new();
        request.insert("UserPoolId".to_owned(), id.as_str().into());
        if let Some(name) = pool.get("Name") {
            request.insert("PoolName".to_owned(), name.clone());
        }
        let (mut kept, mut unknown) = (Vec::new(), Vec::new());
        for (name, value) in settings_of(pool).filter(|(name, _)| *name != "LambdaConfig") {
            kept.push(name.clone());
            if !IN_AN_UPDATE.contains(&name.as_str()) {
                unknown.push(name.clone());
            }
            request.insert(name.clone(), sendable(name, value, pool));
        }
        request.insert("LambdaConfig".to_owned(), triggers.into());
        Self { request, kept, unknown }
    }
}

/// The members of a description that an update can change. A name that is `null` is not set.
fn settings_of(pool: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    pool.iter().filter(|(name, value)| {
        let name = name.as_str();
        !value.is_null() && !NOT_IN_AN_UPDATE.contains(&name) && !ONLY_IN_AN_UPDATE.contains(&name)
    })
}

/// A setting as an update takes it: Cognito describes two things that it does not take back.
fn sendable(name: &str, value: &Value, pool: &Map<String, Value>) -> Value {
    let mut value = value.clone();
    let Some(members) = value.as_object_mut() else { return value };
    match name {
        // The older name of Policies.PasswordPolicy.TemporaryPasswordValidityDays; both together are turned away.
        "AdminCreateUserConfig" if validity_stands_in_the_policy(pool) => {
            members.shift_remove("UnusedAccountValidityDays");
        }
        // AWS's own tags, of a CloudFormation stack for one: nobody else may set them, and so an update does not take them away.
        "UserPoolTags" => members.retain(|tag, _| !tag.starts_with("aws:")),
        _ => {}
    }
    value
}

fn validity_stands_in_the_policy(pool: &Map<String, Value>) -> bool {
    let policies = pool.get("Policies");
    policies.is_some_and(|policies| {
        policies["PasswordPolicy"]["TemporaryPasswordValidityDays"].is_number()
    })
}

/// What differs between two descriptions, as far as an update can change it.
pub(crate) fn changes(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Change> {
    let all = |pool: &Map<String, Value>| -> Map<String, Value> {
        let name = pool.get("Name").map(|name| ("Name".to_owned(), name.clone()));
        let settings =
            settings_of(pool).map(|(name, value)| (name.clone(), described(name, value, pool)));
        settings.chain(name).collect()
    };
    let mut found = Vec::new();
    differences("", &all(before).into(), &all(after).into(), &mut found);
    found
}

/// A setting without what it says twice.
fn described(name: &str, value: &Value, pool: &Map<String, Value>) -> Value {
    match name {
        "UserPoolTags" => value.clone(),
        _ => sendable(name, value, pool),
    }
}

fn differences(at: &str, before: &Value, after: &Value, found: &mut Vec<Change>) {
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else {
        if !same(before, after) {
            let some = |value: &Value| Some(value.clone()).filter(|value| !value.is_null());
            found.push(Change { setting: at.to_owned(), before: some(before), after: some(after) });
        }
        return;
    };
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    for name in names {
        let place = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        let member = |pool: &Map<String, Value>| pool.get(name).cloned().unwrap_or_default();
        let (old, new) = (member(old), member(new));
        // Nothing said and nothing in it are one: a pool without a trigger is described in either way.
        let empty = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
        match (empty(&old), empty(&new)) {
            (true, true) => {}
            (true, false) if new.is_object() => {
                differences(&place, &Map::new().into(), &new, found)
            }
            (false, true) if old.is_object() => {
                differences(&place, &old, &Map::new().into(), found)
            }
            _ => differences(&place, &old, &new, found),
        }
    }
}

/// Equal, lists in any order: those of a pool are sets.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_array(), other.as_array()) {
        (Some(one), Some(other)) => {
            one.len() == other.len() && one.iter().all(|item| other.contains(item))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::{IN_AN_UPDATE, Map, NOT_IN_AN_UPDATE, Update, Value, changes};
    use serde_json::json;

    fn pool(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    fn update(described: Value) -> Update {
        Update::new(&pool(described), &"eu-west-1_x".parse().expect("an id"), Map::new())
    }

    #[test]
    fn everything_goes_back_but_what_an_update_has_not() {
        let mut described = Map::new();
        for name in NOT_IN_AN_UPDATE.into_iter().chain(IN_AN_UPDATE) {
            described.insert(name.to_owned(), json!({"is": name}));
        }
        let update = update(described.into());
        let mut expected: Vec<_> =
            IN_AN_UPDATE.into_iter().chain(["PoolName", "UserPoolId"]).collect();
        expected.sort_unstable();
        let mut sent: Vec<_> = update.request.keys().map(String::as_str).collect();
        sent.sort_unstable();
        assert_eq!(sent, expected);
        assert_eq!(update.request["PoolName"], json!({"is": "Name"}));
        assert!(update.unknown.is_empty());
    }

    #[test]
    fn what_aws_added_since_goes_back_too_and_is_said() {
        // As text: a number is kept as it was written.
        let described = r#"{"Passkeys": {"RelyingParty": "example.com"}, "Policies": {"SignInPolicy": {"New": 1.50}}}"#;
        let update = update(serde_json::from_str(described).expect("JSON"));
        assert_eq!(update.request["Passkeys"], json!({"RelyingParty": "example.com"}));
        assert_eq!(update.request["Policies"].to_string(), r#"{"SignInPolicy":{"New":1.50}}"#);
        assert_eq!(update.unknown, ["Passkeys"]);
    }

    #[test]
    fn two_things_are_not_taken_back() {
        let both = update(json!({
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true, "UnusedAccountValidityDays": 7},
            "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 7}},
            "UserPoolTags": {"team": "a", "aws:cloudformation:stack-name": "s"},
        }));
        assert_eq!(
            both.request["AdminCreateUserConfig"],
            json!({"AllowAdminCreateUserOnly": true})
        );
        assert_eq!(both.request["UserPoolTags"], json!({"team": "a"}));
        let one = update(json!({"AdminCreateUserConfig": {"UnusedAccountValidityDays": 7}}));
        assert_eq!(one.request["AdminCreateUserConfig"], json!({"UnusedAccountValidityDays": 7}));
    }

    #[test]
    fn every_difference_is_found_in_its_place() {
        let before = json!({"Policies": {"PasswordPolicy": {"MinimumLength": 14, "RequireSymbols": true}}, "AutoVerifiedAttributes": ["email", "phone_number"],
            "LambdaConfig": {}, "LastModifiedDate": 1, "UserPoolTags": {"team": "a", "aws:x": "y"}});
        let same = json!({"Policies": {"PasswordPolicy": {"RequireSymbols": true, "MinimumLength": 14}}, "AutoVerifiedAttributes": ["phone_number", "email"],
            "LastModifiedDate": 2, "UserPoolTags": {"aws:x": "y", "team": "a"}});
        assert_eq!(changes(&pool(before.clone()), &pool(same)), []);
        let after = json!({"Policies": {"PasswordPolicy": {"MinimumLength": 8}}, "LambdaConfig": {"PreSignUp": "arn"}, "UserPoolTags": {"team": "a"}});
        let found = changes(&pool(before), &pool(after));
        let places: Vec<_> = found.iter().map(|change| change.setting.as_str()).collect();
        assert_eq!(
            places,
            [
                "Policies.PasswordPolicy.MinimumLength",
                "Policies.PasswordPolicy.RequireSymbols",
                "AutoVerifiedAttributes",
                "LambdaConfig.PreSignUp",
                "UserPoolTags.aws:x"
            ]
        );
        assert_eq!(
            (found[0].before.clone(), found[0].after.clone()),
            (Some(json!(14)), Some(json!(8)))
        );
    }
}
