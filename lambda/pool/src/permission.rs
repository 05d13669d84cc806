//! Who may call a function: whether its policy lets a pool do so, and by which statement.
//! Refuses to count on a statement with a condition that it does not know.

use serde_json::Value;

/// What a policy says to a pool.
#[derive(Debug, PartialEq)]
pub(crate) enum Permission {
    /// It may: this statement names the pool.
    Named(String),
    /// It may, and so may other pools.
    Broad(String),
    /// It may not.
    Missing,
}

/// A pool, as statements name it.
pub(crate) struct Caller<'a> {
    pub(crate) pool_arn: &'a str,
    pub(crate) account: &'a str,
}

/// The account in a whole name.
pub(crate) fn account(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

const COGNITO: &str = "cognito-idp.amazonaws.com";

/// What `policy` says to `caller`. A statement that denies is believed.
pub(crate) fn of(policy: &Value, caller: &Caller) -> Permission {
    let applies: Vec<_> = statements(policy)
        .filter(|one| one.is_about_calls() && one.reach(caller) != Reach::Others)
        .collect();
    if applies.iter().any(|one| one.0["Effect"] == "Deny") {
        return Permission::Missing;
    }
    let by =
        |reach| applies.iter().find(|one| one.0["Effect"] == "Allow" && one.reach(caller) == reach);
    match (by(Reach::ThisPool), by(Reach::Wider)) {
        (Some(one), _) => Permission::Named(one.id()),
        (None, Some(one)) => Permission::Broad(one.id()),
        (None, None) => Permission::Missing,
    }
}

/// The statements that let this pool, and no other caller, in.
pub(crate) fn named(policy: &Value, caller: &Caller) -> Vec<String> {
    let ours = |one: &Statement| {
        one.0["Effect"] == "Allow" && one.is_about_calls() && one.reach(caller) == Reach::ThisPool
    };
    statements(policy).filter(ours).map(|one| one.id()).collect()
}

/// This name for a statement, or the first like it that is not taken.
pub(crate) fn free_id(policy: &Value, wanted: String) -> String {
    let taken = |id: &str| statements(policy).any(|one| one.id() == id);
    let others = (2..).map(|n: u32| format!("{wanted}-{n}"));
    std::iter::once(wanted.clone()).chain(others).find(|id| !taken(id)).unwrap_or(wanted)
}

fn statements(policy: &Value) -> impl Iterator<Item = Statement<'_>> {
    policy["Statement"].as_array().into_iter().flatten().map(Statement)
}

struct Statement<'a>(&'a Value);

/// Whom a statement is about.
#[derive(Clone, Copy, PartialEq)]
enum Reach {
    ThisPool,
    Wider,
    Others,
}

impl Statement<'_> {
    fn id(&self) -> String {
        self.0["Sid"].as_str().unwrap_or_default().to_owned()
    }

    fn is_about_calls(&self) -> bool {
        let principal = &self.0["Principal"];
        let cognito = principal == "*"
            || texts(&principal["Service"])
                .chain(texts(&principal["AWS"]))
                .any(|one| one == COGNITO || one == "*");
        cognito && texts(&self.0["Action"]).any(|action| matches(action, "lambda:InvokeFunction"))
    }

    fn reach(&self, caller: &Caller) -> Reach {
        let mut reach = Reach::Wider;
        let conditions = self.0["Condition"].as_object().into_iter().flatten();
        for (operator, keys) in conditions {
            for (key, values) in keys.as_object().into_iter().flatten() {
                let exact = matches!(operator.as_str(), "StringEquals" | "ArnEquals");
                let like = matches!(operator.as_str(), "StringLike" | "ArnLike" | "ArnEquals");
                let holds = |actual: &str| {
                    texts(values)
                        .any(|said| (exact && said == actual) || (like && matches(said, actual)))
                };
                match key.to_ascii_lowercase().as_str() {
                    "aws:sourcearn" if holds(caller.pool_arn) => {
                        if texts(values).all(|said| said == caller.pool_arn) {
                            reach = Reach::ThisPool;
                        }
                    }
                    "aws:sourceaccount" if holds(caller.account) => {}
                    _ => return Reach::Others,
                }
            }
        }
        reach
    }
}

/// A text, or a list of them.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice)
        .iter()
        .filter_map(Value::as_str)
}

/// Whether a pattern with `*` and `?` is about this text.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut from) = (0, 0);
    let mut star = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                // The star takes one more.
                Some((back, taken)) => {
                    star = Some((back, taken + 1));
                    at = back + 1;
                    from = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::{Caller, Permission, free_id, matches, named, of};
    use serde_json::{Value, json};

    const POOL: &str = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_x";

    fn caller() -> Caller<'static> {
        Caller { pool_arn: POOL, account: "123456789012" }
    }

    fn policy(condition: &Value) -> Value {
        json!({"Statement": [{"Sid": "one", "Effect": "Allow", "Principal": {"Service": "cognito-idp.amazonaws.com"},
            "Action": "lambda:InvokeFunction", "Resource": "arn", "Condition": condition}]})
    }

    #[test]
    fn the_pool_has_to_be_let_in() {
        let said = |condition: Value| of(&policy(&condition), &caller());
        let one = || "one".to_owned();
        assert_eq!(said(json!({"ArnLike": {"AWS:SourceArn": POOL}})), Permission::Named(one()));
        assert_eq!(
            said(
                json!({"ArnLike": {"aws:SourceArn": POOL}, "StringEquals": {"AWS:SourceAccount": "123456789012"}})
            ),
            Permission::Named(one())
        );
        assert_eq!(
            said(
                json!({"ArnLike": {"AWS:SourceArn": "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/*"}})
            ),
            Permission::Broad(one())
        );
        assert_eq!(said(Value::Null), Permission::Broad(one()));
        for other in [
            json!({"ArnLike": {"AWS:SourceArn": format!("{POOL}y")}}),
            json!({"StringEquals": {"AWS:SourceAccount": "210987654321"}}),
            json!({"ArnLike": {"AWS:SourceArn": POOL}, "StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
            json!({"StringNotEquals": {"AWS:SourceAccount": "123456789012"}}),
        ] {
            assert_eq!(said(other.clone()), Permission::Missing, "{other}");
        }
    }

    #[test]
    fn a_denial_is_believed() {
        let mut both = policy(&Value::Null);
        let mut denial = both["Statement"][0].clone();
        denial["Effect"] = "Deny".into();
        if let Some(statements) = both["Statement"].as_array_mut() {
            statements.push(denial);
        }
        assert_eq!(of(&both, &caller()), Permission::Missing);
    }

    #[test]
    fn another_service_or_action_is_not_about_it() {
        for (member, value) in [
            ("Principal", json!({"Service": "s3.amazonaws.com"})),
            ("Action", json!("lambda:GetFunction")),
        ] {
            let mut other = policy(&Value::Null);
            other["Statement"][0][member] = value;
            assert_eq!(of(&other, &caller()), Permission::Missing);
        }
    }

    #[test]
    fn only_a_statement_for_this_pool_alone_is_taken_away() {
        assert_eq!(
            named(&policy(&json!({"ArnLike": {"AWS:SourceArn": POOL}})), &caller()),
            ["one"]
        );
        assert!(named(&policy(&json!({"ArnLike": {"AWS:SourceArn": "*"}})), &caller()).is_empty());
        assert!(named(&policy(&Value::Null), &caller()).is_empty());
    }

    #[test]
    fn a_statement_of_ours_takes_nobodys_name() {
        assert_eq!(free_id(&policy(&Value::Null), "two".to_owned()), "two");
        assert_eq!(free_id(&policy(&Value::Null), "one".to_owned()), "one-2");
    }

    #[test]
    fn a_pattern_is_about_what_it_says() {
        for (pattern, text, is) in [
            ("lambda:*", "lambda:InvokeFunction", true),
            ("*", "", true),
            ("a*c?", "abbcd", true),
            ("a*c", "abcb", false),
            ("", "a", false),
            ("a?", "a", false),
        ] {
            assert_eq!(matches(pattern, text), is, "{pattern} {text}");
        }
    }
}
