//! A document that a person writes, as TOML or as JSON, and a policy or a server gets as JSON: settings, and cases of a test.
//! Refuses to judge what it says, and whatever JSON has no words for.

use crate::cli::{Ending, fail};
use serde_json::{Map, Number, Value};
use std::fmt::{self, Display};
use std::fs;
use std::path::Path;

/// A file that is of no use, and why.
#[derive(Debug, thiserror::Error)]
#[error("{file}")]
struct OfNoUse {
    file: String,
    #[source]
    why: DocumentError,
}

#[derive(Debug, thiserror::Error)]
enum DocumentError {
    #[error(transparent)]
    Unreadable(#[from] std::io::Error),
    #[error("it begins like JSON and is none")]
    Json(#[from] serde_json::Error),
    #[error("it is no TOML")]
    Toml(#[from] toml::de::Error),
    #[error("{0}: JSON has no such number")]
    NoNumber(Pointer),
}

/// RFC 6901.
#[derive(Clone, Debug, Default)]
struct Pointer(String);

impl Pointer {
    fn below(&self, step: impl Display) -> Self {
        let step = step.to_string().replace('~', "~0").replace('/', "~1");
        Self(format!("{}/{step}", self.0))
    }
}

impl Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The object in a file; what is wrong with it is said, and how the verb ends.
pub(crate) fn read(file: &Path) -> Result<Value, Ending> {
    let text = fs::read_to_string(file).map_err(DocumentError::from);
    text.and_then(|text| parse(&text))
        .map_err(|why| fail(&OfNoUse { file: file.display().to_string(), why }, Ending::WrongUse))
}

/// The object that a text says: JSON when it begins with `{`, as no TOML does.
fn parse(text: &str) -> Result<Value, DocumentError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        return Ok(serde_json::from_str(text)?);
    }
    json(toml::Value::Table(text.parse()?), &Pointer::default())
}

fn json(value: toml::Value, at: &Pointer) -> Result<Value, DocumentError> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| DocumentError::NoNumber(at.clone()))?,
        toml::Value::Boolean(yes) => yes.into(),
        // As it was written: what a date means is the policy's business.
        toml::Value::Datetime(moment) => Value::String(moment.to_string()),
        toml::Value::Array(items) => {
            let items = items.into_iter().enumerate();
            items.map(|(place, item)| json(item, &at.below(place))).collect::<Result<_, _>>()?
        }
        toml::Value::Table(members) => {
            let read = members.into_iter().map(|(name, value)| {
                let value = json(value, &at.below(&name))?;
                Ok((name, value))
            });
            Value::Object(read.collect::<Result<Map<_, _>, DocumentError>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{DocumentError, parse};
    use serde_json::json;

    #[test]
    fn both_notations_say_the_same() {
        let toml = "a = [1, 2.5, true]\nwhen = 2026-01-31T00:00:00Z\n[b]\n\"c/d\" = \"x\"\n";
        let same = r#" {"a":[1,2.5,true],"when":"2026-01-31T00:00:00Z","b":{"c/d":"x"}}"#;
        assert_eq!(parse(toml).expect("TOML"), parse(same).expect("JSON"));
        assert_eq!(parse("").expect("nothing is said"), json!({}));
        assert_eq!(parse("[a]").expect("a table"), json!({"a": {}}));
    }

    #[test]
    fn what_neither_says_is_refused_with_its_place() {
        for text in ["[1]", "7", "a = ", "{", "{} {}"] {
            assert!(parse(text).is_err(), "{text}");
        }
        match parse("[a]\n\"b/c\" = [1, inf]") {
            Err(DocumentError::NoNumber(at)) => assert_eq!(at.to_string(), "/a/b~1c/1"),
            other => panic!("{other:?}"),
        }
    }
}
