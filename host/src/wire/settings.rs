//! A settings document as people write it, TOML or JSON, to the one JSON text that a policy gets.
//! Refuses to judge it: what a policy takes only the policy knows. The same document gives the same text, however it was spaced and in
//! whichever order its members stood.

use crate::wire::FormError;
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// How a settings document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsForm {
    /// An object.
    Json,
    /// A document.
    Toml,
}

impl SettingsForm {
    /// What a file of this name holds.
    pub fn of_file(name: &str) -> Self {
        if name.to_ascii_lowercase().ends_with(".toml") { Self::Toml } else { Self::Json }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Toml => "application/toml",
        }
    }
}

/// The text that a policy gets: a JSON object without a space too many, the members of every object in the order of their names.
/// The error names the field `settings`.
pub fn read_settings(document: &[u8], form: SettingsForm) -> Result<String, FormError> {
    let wrong = |why: String| FormError::Field { field: "settings".to_owned(), why };
    let text = std::str::from_utf8(document).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    // Editors of one system begin a file with this.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let settings = match form {
        SettingsForm::Json => {
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?
        }
        SettingsForm::Toml => {
            let table: toml::Table = text
                .parse()
                .map_err(|error: toml::de::Error| wrong(error.to_string().trim_end().to_owned()))?;
            json(toml::Value::Table(table)).map_err(wrong)?
        }
    };
    if !settings.is_object() {
        return Err(wrong("expected an object".to_owned()));
    }
    Ok(sorted(settings).to_string())
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, sorted(value)));
            Value::Object(members.collect::<BTreeMap<_, _>>().into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// What TOML has and JSON does not: moments become their text, infinities and NaN nothing at all.
fn json(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::Number(number.into()),
        toml::Value::Float(number) => Value::Number(
            Number::from_f64(number).ok_or_else(|| format!("{number} is no number in JSON"))?,
        ),
        toml::Value::Boolean(yes) => Value::Bool(yes),
        toml::Value::Datetime(moment) => Value::String(moment.to_string()),
        toml::Value::Array(items) => {
            Value::Array(items.into_iter().map(json).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => {
            let member = |(key, value)| Ok::<_, String>((key, json(value)?));
            Value::Object(table.into_iter().map(member).collect::<Result<Map<_, _>, _>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{SettingsForm, read_settings};

    #[test]
    fn toml_and_json_of_the_same_settings_are_one_text() {
        let toml = "# who\ndomains = [\"a.example\"]\nmost = 3\nshare = 0.5\n[names]\nsince = 2026-01-02\n";
        let json = "\u{feff}{ \"domains\": [\"a.example\"], \"most\": 3,\n \"share\": 0.5, \"names\": {\"since\": \"2026-01-02\"} }";
        let one = read_settings(toml.as_bytes(), SettingsForm::Toml).expect("TOML");
        assert_eq!(one, read_settings(json.as_bytes(), SettingsForm::Json).expect("JSON"));
        assert_eq!(
            one,
            r#"{"domains":["a.example"],"most":3,"names":{"since":"2026-01-02"},"share":0.5}"#
        );
    }

    #[test]
    fn what_is_no_settings_document_is_turned_away() {
        for (text, form) in [
            ("", SettingsForm::Json),
            ("[]", SettingsForm::Json),
            ("3", SettingsForm::Json),
            ("{} {}", SettingsForm::Json),
            ("a = nan", SettingsForm::Toml),
            ("a = [1", SettingsForm::Toml),
            ("{\"a\": 1}", SettingsForm::Toml),
        ] {
            assert!(read_settings(text.as_bytes(), form).is_err(), "{text}");
        }
        assert!(read_settings(b"{\"a\":\"\xff\"}", SettingsForm::Json).is_err());
        assert_eq!(read_settings(b"", SettingsForm::Toml).expect("an empty document"), "{}");
    }
}
