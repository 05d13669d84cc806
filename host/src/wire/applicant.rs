//! The guide's body and a Cognito trigger event, read into one question. Lenient where callers differ (booleans, numbers, null,
//! unknown fields), strict where a mistake would change who somebody is.

use crate::domain::{Applicant, Assurance, Attribute, Email, Occasion, Request, TenantName};
use serde_json::{Map, Value};

/// What a caller asked, before anything of the tenant's or the clock's is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    username: String,
    email: Option<String>,
    cognito_user_id: Option<String>,
    issuer: Option<String>,
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
    /// Reads the guide's body, which asks for an account; whatever it was labelled as.
    pub fn read(body: &[u8]) -> Result<Self, BodyError> {
        Self::from_fields(&object(body)?, Occasion::Opening)
    }

    /// Reads the same body where it may also say its `occasion`.
    pub fn read_with_occasion(body: &[u8]) -> Result<Self, BodyError> {
        Self::with_occasion(&object(body)?)
    }

    fn with_occasion(fields: &Map<String, Value>) -> Result<Self, BodyError> {
        let question = Self::from_fields(fields, Occasion::Opening)?;
        let occasion = match optional(fields, "occasion", Value::as_str)? {
            None | Some("opening") => Occasion::Opening,
            Some("sign_up") => Occasion::SignUp,
            Some(_) => return Err(BodyError::Field("occasion")),
        };
        Ok(Self { occasion, ..question })
    }

    /// Reads any form that somebody may keep in a file: the guide's body, or the event of a Cognito trigger.
    pub fn read_any(text: &[u8]) -> Result<Self, BodyError> {
        let fields = object(text)?;
        match fields.get("triggerSource").and_then(Value::as_str) {
            Some(trigger) => Self::from_fields(&event_as_body(&fields), occasion_of(trigger)),
            None => Self::with_occasion(&fields),
        }
    }

    fn from_fields(fields: &Map<String, Value>, occasion: Occasion) -> Result<Self, BodyError> {
        let username = match fields.get("username") {
            Some(Value::String(name)) if !name.is_empty() => name.clone(),
            _ => return Err(BodyError::Username),
        };
        let text = |name| optional(fields, name, Value::as_str).map(|t| t.map(str::to_owned));
        let sent = optional(fields, "user_attributes", Value::as_object)?;
        let metadata = optional(fields, "client_metadata", Value::as_object)?;
        let mut attributes: Vec<_> =
            sent.into_iter().flat_map(|sent| read_attributes("", sent)).collect();
        attributes.extend(metadata.into_iter().flat_map(|sent| read_attributes("client:", sent)));
        Ok(Self {
            username,
            email: text("email")?,
            cognito_user_id: text("cognito_user_id")?,
            issuer: text("issuer")?,
            source: text("source")?,
            occasion,
            attributes,
            groups: sent.map(groups).unwrap_or_default(),
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
        let email = self.email();
        let subject = if signing_up { None } else { self.subject() };
        let mut attributes = self.attributes;
        let host = Attribute { name: "enlist:tenant".to_owned(), value: tenant.to_string() };
        attributes.push(host);
        let or = |text: Option<String>, default: &str| {
            text.filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned())
        };
        Request {
            applicant: Applicant {
                issuer: or(self.issuer, tenant_issuer),
                subject,
                username: self.username,
                email: if signing_up { email.map(Email::at_sign_up) } else { email },
                groups: self.groups,
                attributes,
            },
            occasion: self.occasion,
            source: or(self.source, default_source),
            now,
        }
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|attribute| attribute.name == name);
        found.map(|attribute| attribute.value.as_str()).filter(|value| !value.is_empty())
    }

    /// The old trigger sends the user name as `cognito_user_id`: equal, it says nothing.
    fn subject(&self) -> Option<String> {
        let id =
            self.cognito_user_id.as_deref().filter(|id| !id.is_empty() && *id != self.username);
        self.attribute("sub").or(id).map(str::to_owned)
    }

    fn email(&self) -> Option<Email> {
        let assurance = match self.attribute("email_verified") {
            Some("true") => Assurance::Verified,
            _ => Assurance::Unverified,
        };
        let address = self.attribute("email").or(self.email.as_deref())?;
        Email::parse(address, assurance)
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, BodyError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) if !fields.is_empty() => Ok(fields),
        _ => Err(BodyError::Required),
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

fn read_attributes<'a>(
    prefix: &'a str,
    sent: &'a Map<String, Value>,
) -> impl Iterator<Item = Attribute> + 'a {
    sent.iter().filter_map(move |(name, value)| {
        let value = match value {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let name = format!("{prefix}{name}");
        (!name.starts_with(HOST_PREFIX)).then_some(Attribute { name, value })
    })
}

fn groups(sent: &Map<String, Value>) -> Vec<String> {
    let listed = sent.get("cognito:groups").and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(|group| group.as_str().map(str::to_owned)).collect()
}

fn occasion_of(trigger: &str) -> Occasion {
    if trigger.starts_with("PreSignUp") { Occasion::SignUp } else { Occasion::Opening }
}

/// What a trigger makes of its event: <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html>.
fn event_as_body(event: &Map<String, Value>) -> Map<String, Value> {
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    let request =
        |name: &str| event.get("request").and_then(|r| r.get(name)).cloned().unwrap_or_default();
    let (region, pool) = (text("region"), text("userPoolId"));
    let issuer = format!("https://cognito-idp.{region}.amazonaws.com/{pool}");
    [
        ("username", event.get("userName").cloned().unwrap_or_default()),
        ("user_attributes", request("userAttributes")),
        ("client_metadata", request("clientMetadata")),
        ("issuer", if pool.is_empty() { Value::Null } else { issuer.into() }),
        ("source", "cognito".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{BodyError, Question};
    use crate::domain::{Assurance, Occasion, Request, TenantName};

    fn request(body: &str) -> Request {
        let question = Question::read_with_occasion(body.as_bytes()).expect(body);
        question.into_request(&TenantName::default_tenant(), "tenant-issuer", "cognito", 7)
    }

    fn subject(body: &str) -> Option<String> {
        request(body).applicant.subject
    }

    fn email(body: &str) -> Option<(String, Assurance)> {
        request(body).applicant.email.map(|e| (e.address().to_owned(), e.assurance()))
    }

    #[test]
    fn what_is_no_object_with_a_username_is_told_apart() {
        for body in ["", "{}", "[]", "null", "x", "\"a\"", "{\"username\":\"a\"", "1"] {
            assert_eq!(Question::read(body.as_bytes()), Err(BodyError::Required), "{body}");
        }
        for body in [
            r#"{"email":"a@b.c"}"#,
            r#"{"username":""}"#,
            r#"{"username":1}"#,
            r#"{"username":null,"email":1}"#,
        ] {
            assert_eq!(Question::read(body.as_bytes()), Err(BodyError::Username), "{body}");
        }
    }

    #[test]
    fn a_named_field_of_a_wrong_type_is_named_and_null_is_absent() {
        for name in [
            "email",
            "cognito_user_id",
            "user_attributes",
            "issuer",
            "client_metadata",
            "source",
            "occasion",
        ] {
            let wrong = format!(r#"{{"username":"a","{name}":1}}"#);
            assert_eq!(
                Question::read_with_occasion(wrong.as_bytes()),
                Err(BodyError::Field(name)),
                "{name}"
            );
            let null = format!(r#"{{"username":"a","{name}":null}}"#);
            assert!(Question::read(null.as_bytes()).is_ok(), "{name}");
        }
        for unknown in ["unknown", "occasion"] {
            let body = format!(r#"{{"username":"a","{unknown}":{{"x":[1]}}}}"#);
            assert!(
                Question::read(body.as_bytes()).is_ok(),
                "{unknown} means nothing to the guide"
            );
        }
    }

    #[test]
    fn the_subject_is_the_sub_then_an_id_that_is_not_the_username() {
        assert_eq!(
            subject(r#"{"username":"a","cognito_user_id":"a","user_attributes":{"sub":"s"}}"#)
                .as_deref(),
            Some("s")
        );
        assert_eq!(subject(r#"{"username":"a","cognito_user_id":"id"}"#).as_deref(), Some("id"));
        assert_eq!(subject(r#"{"username":"a","cognito_user_id":"a"}"#), None);
        assert_eq!(
            subject(r#"{"username":"a","cognito_user_id":"","user_attributes":{"sub":""}}"#),
            None
        );
        assert_eq!(
            subject(r#"{"username":"a","user_attributes":{"sub":"s"},"occasion":"sign_up"}"#),
            None
        );
    }

    #[test]
    fn the_email_is_the_attributes_and_verified_only_when_the_attribute_says_true() {
        let both = r#"{"username":"a","email":"x@y.z","user_attributes":{"email":"a@b.c","email_verified":true}}"#;
        assert_eq!(email(both), Some(("a@b.c".to_owned(), Assurance::Verified)));
        let body_alone = r#"{"username":"a","email":"x@y.z"}"#;
        assert_eq!(email(body_alone), Some(("x@y.z".to_owned(), Assurance::Unverified)));
        let no_address = r#"{"username":"a","email":"x@y.z","user_attributes":{"email":"none"}}"#;
        assert_eq!(email(no_address), None);
        for value in ["\"True\"", "1", "\"yes\"", "null", "false", "[true]"] {
            let body = format!(
                r#"{{"username":"a","user_attributes":{{"email":"a@b.c","email_verified":{value}}}}}"#
            );
            assert_eq!(email(&body).map(|e| e.1), Some(Assurance::Unverified), "{value}");
        }
        let signing_up =
            r#"{"username":"a","user_attributes":{"email":"a@b.c"},"occasion":"sign_up"}"#;
        assert_eq!(email(signing_up).map(|e| e.1), Some(Assurance::Pending));
    }

    #[test]
    fn attributes_become_text_and_the_hosts_own_cannot_be_sent() {
        let body = r#"{"username":"a","user_attributes":{"n":1.5,"b":true,"o":{"x":[1]},"z":null,"enlist:tenant":"forged"},
                       "client_metadata":{"k":"v"}}"#;
        let attributes: Vec<_> = request(body)
            .applicant
            .attributes
            .into_iter()
            .map(|a| format!("{}={}", a.name, a.value))
            .collect();
        assert_eq!(
            attributes,
            ["n=1.5", "b=true", "o={\"x\":[1]}", "client:k=v", "enlist:tenant=default"]
        );
    }

    #[test]
    fn an_issuer_or_a_source_that_is_not_named_is_the_tenants_and_the_doors() {
        let plain = request(r#"{"username":"a","issuer":""}"#);
        assert_eq!(
            (plain.applicant.issuer.as_str(), plain.source.as_str()),
            ("tenant-issuer", "cognito")
        );
        let named = request(r#"{"username":"a","issuer":"i","source":"s"}"#);
        assert_eq!((named.applicant.issuer.as_str(), named.source.as_str()), ("i", "s"));
    }

    #[test]
    fn a_cognito_event_is_read_like_the_body_a_trigger_would_send() {
        let event = br#"{"version":"1","triggerSource":"PreSignUp_SignUp","region":"eu-west-1","userPoolId":"eu-west-1_x","userName":"u",
            "request":{"userAttributes":{"sub":"s","email":"a@b.c"},"clientMetadata":{"k":"v"}},"response":{}}"#;
        let question = Question::read_any(event).expect("an event");
        let request = question.into_request(&TenantName::default_tenant(), "", "x", 0);
        assert_eq!(request.occasion, Occasion::SignUp);
        assert_eq!(
            request.applicant.issuer,
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x"
        );
        assert_eq!((request.applicant.username.as_str(), request.applicant.subject), ("u", None));
    }
}
