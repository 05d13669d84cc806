//! One of many who are imported: what the native door's body says, and what an import alone can say of somebody.
//! Refuses to take the word of a file for where it came from: everybody's source is the import.

use crate::wire::applicant::{BodyError, Question, flag, text};
use serde_json::Value;

/// Somebody who is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportItem {
    /// Who.
    pub question: Question,
    /// What their account is called; without it the policy decides.
    pub name: Option<String>,
    /// Whether a folder that is there becomes the home as it is.
    pub adopt: bool,
}

impl ImportItem {
    /// Reads one; a field that is not known is ignored, as at the native door.
    pub fn read(item: &Value) -> Result<Self, BodyError> {
        let fields = item.as_object().filter(|fields| !fields.is_empty());
        let fields = fields.ok_or(BodyError::Required)?;
        let question = Question { source: None, ..Question::native(fields)? };
        let (name, adopt) = (text(fields, "name")?, flag(fields, "adopt")?);
        if adopt && name.is_none() {
            return Err(BodyError::Field("adopt"));
        }
        Ok(Self { question, name, adopt })
    }
}

#[cfg(test)]
mod tests {
    use super::ImportItem;
    use crate::domain::TenantName;
    use crate::wire::applicant::BodyError;
    use serde_json::{Value, json};

    fn read(item: Value) -> Result<(Option<String>, bool), BodyError> {
        ImportItem::read(&item).map(|item| (item.name, item.adopt))
    }

    #[test]
    fn an_item_is_the_native_body_with_a_name_or_without_one() {
        assert_eq!(read(json!({"username": "u"})), Ok((None, false)));
        assert_eq!(read(json!({"username": "u", "name": "", "adopt": null})), Ok((None, false)));
        let named = json!({"username": "u", "name": "n", "adopt": true, "more": 1});
        assert_eq!(read(named), Ok((Some("n".to_owned()), true)));
    }

    #[test]
    fn what_it_cannot_mean_is_named() {
        for (wrong, error) in [
            (json!(1), BodyError::Required),
            (json!({}), BodyError::Required),
            (json!({"name": "n"}), BodyError::Username),
            (json!({"username": "u", "name": 1}), BodyError::Field("name")),
            (json!({"username": "u", "adopt": "yes"}), BodyError::Field("adopt")),
            (json!({"username": "u", "adopt": true}), BodyError::Field("adopt")),
            (json!({"username": "u", "groups": "g"}), BodyError::Field("groups")),
        ] {
            assert_eq!(read(wrong.clone()), Err(error), "{wrong}");
        }
    }

    #[test]
    fn the_source_is_the_import_whatever_the_file_says() {
        let item =
            ImportItem::read(&json!({"username": "u", "source": "forged"})).expect("an item");
        let request = item.question.into_request(&TenantName::default_tenant(), "", "import", 7);
        assert_eq!(request.source, "import");
    }
}
