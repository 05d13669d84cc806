//! Somebody asks: one form for every door. The native door's body is that form; the others are translated to it in `compatible`.
//! Refuses to guess where a mistake would change who somebody is: a field that is named has the type it should have.

mod compatible;
mod import;

pub use compatible::read_body;
pub use import::ImportItem;

use crate::domain::{Applicant, Assurance, Attribute, Email, Occasion, Request, TenantName};
use serde_json::{Map, Value};

/// What a caller asked, before anything of the tenant's or the clock's is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    issuer: Option<String>,
    subject: Option<String>,
    username: String,
    email: Option<String>,
    email_verified: bool,
    source: Option<String>,
    occasion: Occasion,
    attributes: Vec<Attribute>,
    groups: Vec<String>,
}

/// What is wrong with a body, in the order in which it is looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Empty, not JSON, no object, or an empty one.
    #[error("a JSON object is required")]
    Required,
    /// `username` is no non-empty string.
    #[error("username is required")]
    Username,
    /// This field has a wrong type.
    #[error("wrong value for {0}")]
    Field(&'static str),
}

/// Attributes under this prefix are the host's own facts: a caller cannot send them.
const HOST_PREFIX: &str = "enlist:";

impl Question {
    /// Reads the native door's body, which asks for an account.
    pub fn read_native(body: &[u8]) -> Result<Self, BodyError> {
        Self::native(&object(body)?)
    }

    fn native(fields: &Map<String, Value>) -> Result<Self, BodyError> {
        let username = username(fields)?;
        let groups = optional(fields, "groups", Value::as_array)?.into_iter().flatten();
        let groups = groups.map(|group| group.as_str().map(str::to_owned));
        let attributes = optional(fields, "attributes", Value::as_object)?;
        Ok(Self {
            issuer: text(fields, "issuer")?,
            subject: text(fields, "subject")?,
            username,
            email: text(fields, "email")?,
            email_verified: flag(fields, "email_verified")?,
            source: text(fields, "source")?,
            occasion: Occasion::Opening,
            attributes: attributes.into_iter().flat_map(read_values).collect(),
            groups: groups.collect::<Option<_>>().ok_or(BodyError::Field("groups"))?,
        })
    }

    /// The request a policy gets: who somebody is by the contract's table, and the host's own facts.
    /// `default_source` is the door's; `now` in Unix seconds.
    pub fn into_request(
        self,
        tenant: &TenantName,
        tenant_issuer: &str,
        default_source: &str,
        now: u64,
    ) -> Request {
        let signing_up = self.occasion == Occasion::SignUp;
        let assurance =
            if self.email_verified { Assurance::Verified } else { Assurance::Unverified };
        let email = self.email.and_then(|address| Email::parse(&address, assurance));
        let mut attributes = self.attributes;
        let host = Attribute::of_tenant(tenant);
        attributes.push(host);
        Request {
            applicant: Applicant {
                issuer: self.issuer.unwrap_or_else(|| tenant_issuer.to_owned()),
                subject: if signing_up { None } else { self.subject },
                username: self.username,
                email: if signing_up { email.map(Email::at_sign_up) } else { email },
                groups: self.groups,
                attributes,
            },
            occasion: self.occasion,
            source: self.source.unwrap_or_else(|| default_source.to_owned()),
            now,
        }
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, BodyError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) if !fields.is_empty() => Ok(fields),
        _ => Err(BodyError::Required),
    }
}

fn username(fields: &Map<String, Value>) -> Result<String, BodyError> {
    match fields.get("username") {
        Some(Value::String(name)) if !name.is_empty() => Ok(name.clone()),
        _ => Err(BodyError::Username),
    }
}

/// A field that may be missing or null, and is `read` otherwise.
fn optional<'a, T: ?Sized>(
    fields: &'a Map<String, Value>,
    name: &'static str,
    read: impl Fn(&'a Value) -> Option<&'a T>,
) -> Result<Option<&'a T>, BodyError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).ok_or(BodyError::Field(name)),
    }
}

/// A text; an empty one is a missing one.
fn text(fields: &Map<String, Value>, name: &'static str) -> Result<Option<String>, BodyError> {
    let text = optional(fields, name, Value::as_str)?;
    Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
}

/// Yes or no; a missing one is no.
fn flag(fields: &Map<String, Value>, name: &'static str) -> Result<bool, BodyError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(value) => value.as_bool().ok_or(BodyError::Field(name)),
    }
}

/// Attributes with one value each.
fn read_attributes<'a>(
    prefix: &'a str,
    sent: &'a Map<String, Value>,
) -> impl Iterator<Item = Attribute> + 'a {
    sent.iter().filter_map(move |(name, value)| attribute(format!("{prefix}{name}"), value))
}

/// Attributes with one value, or with a list of them.
fn read_values(sent: &Map<String, Value>) -> impl Iterator<Item = Attribute> + '_ {
    sent.iter().flat_map(|(name, value)| {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        values.iter().filter_map(|value| attribute(name.clone(), value))
    })
}

/// Text as it is, everything else as its JSON text; none for null and under the host's own names.
fn attribute(name: String, value: &Value) -> Option<Attribute> {
    let value = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    (!name.starts_with(HOST_PREFIX)).then_some(Attribute { name, value })
}

#[cfg(test)]
mod tests {
    use super::{BodyError, Question};
    use crate::domain::{Assurance, Request, TenantName};

    fn request(body: &str) -> Request {
        let question = Question::read_native(body.as_bytes()).expect(body);
        question.into_request(&TenantName::default_tenant(), "tenant-issuer", "api", 7)
    }

    #[test]
    fn the_native_body_says_who_somebody_is_in_fields_of_its_own() {
        let asked = request(
            r#"{"issuer":"i","subject":"s","username":"u","email":"a@b.c","email_verified":true,"groups":["g","h"],"source":"ldap",
                "attributes":{"plan":["x",2,null],"sub":"not a subject","enlist:tenant":"forged","deep":{"a":[1]},"none":null}}"#,
        );
        let who = &asked.applicant;
        assert_eq!(
            (who.issuer.as_str(), who.subject.as_deref(), who.username.as_str()),
            ("i", Some("s"), "u")
        );
        let email = who.email.as_ref().map(|email| (email.address(), email.assurance()));
        assert_eq!(email, Some(("a@b.c", Assurance::Verified)));
        assert_eq!((who.groups.join(" ").as_str(), asked.source.as_str()), ("g h", "ldap"));
        let attributes: Vec<_> =
            who.attributes.iter().map(|a| format!("{}={}", a.name, a.value)).collect();
        let expected =
            ["plan=x", "plan=2", "sub=not a subject", "deep={\"a\":[1]}", "enlist:tenant=default"];
        assert_eq!(attributes, expected);
    }

    #[test]
    fn what_the_native_body_does_not_say_is_the_tenants_the_doors_or_none() {
        let asked = request(r#"{"username":"u","issuer":"","subject":"","email":"no address"}"#);
        let who = asked.applicant;
        assert_eq!((who.issuer.as_str(), asked.source.as_str()), ("tenant-issuer", "api"));
        assert_eq!((who.subject, who.email), (None, None));
    }

    #[test]
    fn a_field_of_a_wrong_type_is_named() {
        let fields = [
            ("issuer", "1"),
            ("subject", "1"),
            ("email", "[]"),
            ("email_verified", r#""true""#),
            ("groups", r#""g""#),
            ("groups", "[1]"),
            ("attributes", "[]"),
            ("source", "{}"),
        ];
        for (name, value) in fields {
            let body = format!(r#"{{"username":"u","{name}":{value}}}"#);
            let read = Question::read_native(body.as_bytes());
            assert_eq!(read, Err(BodyError::Field(name)), "{body}");
        }
        assert_eq!(Question::read_native(b"{}"), Err(BodyError::Required));
        assert_eq!(Question::read_native(br#"{"subject":1}"#), Err(BodyError::Username));
    }
}
