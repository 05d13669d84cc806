//! What is said of a tenant, a key or an account that shall be made or changed.
//! Refuses a field that it does not know: a key that was to expire must not be made without its end because a letter was wrong.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_path_to_error::Segment;
use utoipa::ToSchema;

/// `POST /v1/tenants`
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantForm {
    /// `[a-z0-9][a-z0-9-]{0,62}`
    pub name: String,
    /// Who vouches when a request names nobody.
    pub issuer: Option<String>,
    /// Its own home root, absolute.
    pub home: Option<String>,
    /// The auth.db of its ankisyncd, absolute.
    pub ankisyncd_auth_db: Option<String>,
}

/// `PATCH /v1/tenants/{tenant}`: a JSON merge patch, in which null takes away and what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantPatch {
    /// Who vouches when a request names nobody.
    #[serde(default, deserialize_with = "said")]
    pub issuer: Option<Option<String>>,
    /// Its own home root, absolute.
    #[serde(default, deserialize_with = "said")]
    pub home: Option<Option<String>>,
    /// The auth.db of its ankisyncd, absolute.
    #[serde(default, deserialize_with = "said")]
    pub ankisyncd_auth_db: Option<Option<String>>,
}

/// `POST …/keys`
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyForm {
    /// What it may be used for.
    pub scopes: Option<Vec<String>>,
    /// Seconds until it opens nothing any more.
    pub expires_in: Option<u64>,
    /// What it is for.
    pub note: Option<String>,
}

/// `PUT …/accounts/{name}`
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandForm {
    /// The provider's own name for them; it has to be said.
    pub username: Option<String>,
    /// The provider's stable id.
    pub subject: Option<String>,
    /// Who vouches; none means the tenant's.
    pub issuer: Option<String>,
    /// As the provider will send it: it links the account to them.
    pub email: Option<String>,
    /// Whether a folder that is there becomes the home as it is.
    #[serde(default)]
    pub adopt: bool,
}

/// `PUT …/accounts/{name}/password`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    /// Not empty.
    pub password: String,
}

/// `POST …/accounts/{name}/link`
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkForm {
    /// The provider's stable id.
    pub subject: String,
    /// Who vouches; none leaves the account's.
    pub issuer: Option<String>,
}

/// Why a form is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormError {
    /// Empty, not JSON, or no object.
    Required,
    /// This field is, for this reason.
    Field {
        /// Its name.
        field: String,
        /// What was expected.
        why: String,
    },
}

impl FormError {
    /// The same, with nothing of what was sent in it.
    pub fn without_value(self) -> Self {
        match self {
            Self::Required => Self::Required,
            Self::Field { field, .. } => {
                Self::Field { field, why: "expected {\"password\": TEXT}".to_owned() }
            }
        }
    }
}

/// Reads a form.
pub fn read_form<T: DeserializeOwned>(body: &[u8]) -> Result<T, FormError> {
    let object = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
    let object = object.ok_or(FormError::Required)?;
    serde_path_to_error::deserialize(object).map_err(|error| {
        let path: Vec<_> = error.path().iter().filter_map(reference).collect();
        // Of what is missing or unknown the text alone says which it is.
        let named = error.inner().to_string();
        let field = if path.is_empty() {
            escaped(named.split('`').nth(1).unwrap_or_default())
        } else {
            path.join("/")
        };
        FormError::Field { field, why: named }
    })
}

/// A step of the way to a value, as a JSON Pointer (RFC 6901) says it.
fn reference(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(escaped(key)),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Something was said, null or not.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::{FormError, KeyForm, TenantForm, TenantPatch, read_form};

    #[test]
    fn a_patch_tells_what_is_taken_away_from_what_is_left_alone() {
        let patch: TenantPatch = read_form(br#"{"home":null}"#).expect("a patch");
        assert_eq!((patch.home, patch.issuer), (Some(None), None));
    }

    #[test]
    fn a_form_that_cannot_be_meant_names_the_field() {
        let field = |body: &str| match read_form::<KeyForm>(body.as_bytes()) {
            Err(FormError::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(r#"{"scope":["read"]}"#), "scope");
        assert_eq!(field(r#"{"expires_in":"90d"}"#), "expires_in");
        assert_eq!(field(r#"{"expires_in":-1}"#), "expires_in");
        assert_eq!(field(r#"{"scopes":"read"}"#), "scopes");
        for body in ["", "[]", "1", "{", "null"] {
            let error = read_form::<KeyForm>(body.as_bytes()).err();
            assert_eq!(error, Some(FormError::Required), "{body}");
        }
        let missing = read_form::<TenantForm>(b"{}").err();
        assert!(matches!(missing, Some(FormError::Field { field, .. }) if field == "name"));
    }
}
