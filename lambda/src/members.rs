//! JSON that is not ours, held as the text it came as, and one member of it read at a time. Refuses to make a tree of it: people write
//! into these objects what no tree holds (half a surrogate pair, a thousand brackets, names that mean something to a parser), and that
//! must cost one member and not the event.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The members of an object, names and values as they came.
#[derive(Default)]
pub(crate) struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Those of `value`; none when it is no object.
    pub(crate) fn of(value: &'a RawValue) -> Self {
        serde_json::from_str(value.get()).unwrap_or_default()
    }

    /// What is called `name`; of two the last, as everybody reads JSON.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let called = |key: &RawValue| text(key).is_some_and(|key| key == name);
        self.0.iter().rfind(|(key, _)| called(key)).map(|(_, value)| *value)
    }

    /// A text of this name that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        text(self.get(name)?).filter(|text| !text.is_empty())
    }

    /// An object of this name, unread.
    pub(crate) fn object(&self, name: &str) -> Option<&'a RawValue> {
        self.get(name).filter(|value| value.get().starts_with('{'))
    }
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;

        impl<'de> Visitor<'de> for Reading {
            type Value = Vec<(&'de RawValue, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Reading).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_text<T>(text: &str, look: impl Fn(&Members<'_>) -> T) -> T {
        let raw: Box<RawValue> = serde_json::from_str(text).expect("JSON");
        look(&Members::of(&raw))
    }

    #[test]
    fn an_odd_member_is_one_that_is_absent() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        for odd in [
            r#""\ud800""#,
            r#"{"$serde_json::private::Number":"abc"}"#,
            r#"{"$serde_json::private::RawValue":"abc"}"#,
            "1e999999",
            &deep,
        ] {
            let text = format!(r#"{{"\ud800":1,"odd":{odd},"sub":"s\u002d1","\udfff":2}}"#);
            in_text(&text, |members| {
                assert_eq!(
                    (members.text("sub").as_deref(), members.text("odd")),
                    (Some("s-1"), None)
                );
                assert_eq!(members.get("odd").map(RawValue::get), Some(odd));
            });
        }
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for text in ["null", "[]", "3.50", "\"sub\"", "{}"] {
            assert!(in_text(text, |members| members.get("sub").is_none()), "{text}");
        }
    }

    #[test]
    fn of_two_members_the_last_is_meant_and_an_empty_text_is_none() {
        in_text(r#"{"a":"1","a":"2","b":"","c":{},"d":[]}"#, |members| {
            assert_eq!((members.text("a").as_deref(), members.text("b")), (Some("2"), None));
            assert!(members.object("c").is_some() && members.object("d").is_none());
        });
    }
}
