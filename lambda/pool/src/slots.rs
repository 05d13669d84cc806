//! The slots of a pool: which function is in which, and what they are once ours is put in or taken out.
//! Refuses to touch a slot that is not named or not ours.

use crate::arguments::Trigger;
use serde_json::{Map, Value};

/// A slot that somebody else's function is in.
#[derive(Debug, PartialEq)]
pub(crate) struct Taken {
    pub(crate) slot: &'static str,
    pub(crate) by: String,
}

/// The pool's slots, with what goes with them: versions, and the key of the custom senders.
pub(crate) fn of(pool: &Map<String, Value>) -> Map<String, Value> {
    pool.get("LambdaConfig").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Whether nothing but this function is in it: a whole name, or one with its version.
fn holds(value: &Value, function: &str) -> bool {
    value.as_str().or(value["LambdaArn"].as_str()) == Some(function)
}

/// Who is in a slot.
pub(crate) fn holder<'a>(slots: &'a Map<String, Value>, slot: &str) -> Option<&'a str> {
    let value = slots.get(slot)?;
    value.as_str().or(value["LambdaArn"].as_str()).filter(|holder| !holder.is_empty())
}

/// The slots with `function` in the named ones, and who has to leave for it.
pub(crate) fn with(
    slots: &Map<String, Value>,
    function: &str,
    triggers: &[Trigger],
) -> (Map<String, Value>, Vec<Taken>) {
    let mut wanted = slots.clone();
    let mut taken = Vec::new();
    for trigger in triggers {
        let slot = trigger.slot();
        if let Some(by) = holder(slots, slot).filter(|by| *by != function) {
            taken.push(Taken { slot, by: by.to_owned() });
        }
        wanted.insert(slot.to_owned(), function.into());
    }
    (wanted, taken)
}

/// The slots without `function`.
pub(crate) fn without(slots: &Map<String, Value>, function: &str) -> Map<String, Value> {
    slots
        .iter()
        .filter(|(_, value)| !holds(value, function))
        .map(|(slot, value)| (slot.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Map, Taken, Trigger, Value, with, without};
    use serde_json::json;

    fn slots() -> Map<String, Value> {
        let slots = json!({
            "PreSignUp": "theirs", "PostConfirmation": "ours", "PreTokenGeneration": "ours",
            "PreTokenGenerationConfig": {"LambdaArn": "ours", "LambdaVersion": "V2_0"},
            "CustomSMSSender": {"LambdaArn": "theirs", "LambdaVersion": "V1_0"}, "KMSKeyID": "key",
        });
        slots.as_object().cloned().expect("an object")
    }

    #[test]
    fn others_keep_their_slots_and_their_versions() {
        let (wanted, taken) =
            with(&slots(), "ours", &[Trigger::PostConfirmation, Trigger::PostAuthentication]);
        let mut expected = slots();
        expected.insert("PostAuthentication".to_owned(), "ours".into());
        assert_eq!((wanted, taken), (expected, Vec::new()));
    }

    #[test]
    fn a_slot_of_somebody_elses_is_said() {
        let (_, taken) = with(&slots(), "ours", &[Trigger::PreSignUp]);
        assert_eq!(taken, [Taken { slot: "PreSignUp", by: "theirs".to_owned() }]);
    }

    #[test]
    fn only_ours_leaves() {
        let left = json!({"PreSignUp": "theirs", "CustomSMSSender": {"LambdaArn": "theirs", "LambdaVersion": "V1_0"}, "KMSKeyID": "key"});
        assert_eq!(Value::from(without(&slots(), "ours")), left);
        assert_eq!(without(&slots(), "another"), slots());
    }
}
