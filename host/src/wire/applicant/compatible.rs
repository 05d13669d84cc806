//! The guide's body and a Cognito trigger event, translated into a question as the native door would ask it. Lenient where callers
//! differ (booleans, numbers, null, unknown fields), strict where a mistake would change who somebody is.

use crate::domain::Occasion;
use crate::wire::applicant::{
    BodyError, Question, object, optional, read_attributes, text, username,
};
use serde_json::{Map, Value};

impl Question {
    /// Reads the guide's body, which asks for an account; whatever it was labelled as.
    pub fn read(body: &[u8]) -> Result<Self, BodyError> {
        from_fields(&object(body)?, Occasion::Opening)
    }

    /// Reads the same body where it may also say its `occasion`.
    pub fn read_with_occasion(body: &[u8]) -> Result<Self, BodyError> {
        with_occasion(&object(body)?)
    }

    /// Reads any form that somebody may keep in a file: the guide's body, or the event of a Cognito trigger.
    pub fn read_any(text: &[u8]) -> Result<Self, BodyError> {
        with_occasion(&body_of(object(text)?))
    }
}

/// Any form that somebody may keep in a file, as the body that `POST …/decisions` takes.
pub fn read_body(text: &[u8]) -> Result<Value, BodyError> {
    let body = body_of(object(text)?);
    // What the door would turn away is not sent.
    with_occasion(&body)?;
    Ok(Value::Object(body))
}

fn body_of(fields: Map<String, Value>) -> Map<String, Value> {
    match fields.get("triggerSource").and_then(Value::as_str) {
        Some(trigger) => event_as_body(&fields, occasion_of(trigger)),
        None => fields,
    }
}

fn with_occasion(fields: &Map<String, Value>) -> Result<Question, BodyError> {
    let question = from_fields(fields, Occasion::Opening)?;
    let occasion = match optional(fields, "occasion", Value::as_str)? {
        None | Some("opening") => Occasion::Opening,
        Some("sign_up") => Occasion::SignUp,
        Some(_) => return Err(BodyError::Field("occasion")),
    };
    Ok(Question { occasion, ..question })
}

fn from_fields(fields: &Map<String, Value>, occasion: Occasion) -> Result<Question, BodyError> {
    let username = username(fields)?;
    let sent = optional(fields, "user_attributes", Value::as_object)?;
    let metadata = optional(fields, "client_metadata", Value::as_object)?;
    // A subject is who somebody is: text, or a number kept digit for digit.
    let sub = sent.and_then(|sent| sent.get("sub"));
    if !matches!(sub, None | Some(Value::Null | Value::String(_) | Value::Number(_))) {
        return Err(BodyError::Field("user_attributes"));
    }
    let mut attributes: Vec<_> =
        sent.into_iter().flat_map(|sent| read_attributes("", sent)).collect();
    attributes.extend(metadata.into_iter().flat_map(|sent| read_attributes("client:", sent)));
    let attribute = |name: &str| {
        let found = attributes.iter().find(|attribute| attribute.name == name);
        found.map(|attribute| attribute.value.clone()).filter(|value| !value.is_empty())
    };
    let (email, id) = (text(fields, "email")?, text(fields, "cognito_user_id")?);
    // The old trigger sends the user name as `cognito_user_id`: equal, it says nothing.
    let id = id.filter(|id| *id != username);
    let subject = attribute("sub").or(id);
    // What the provider verified is the address among the attributes: the body's own is what the caller says.
    let (email, email_verified) = match attribute("email") {
        Some(address) => (Some(address), attribute("email_verified").as_deref() == Some("true")),
        None => (email, false),
    };
    Ok(Question {
        issuer: text(fields, "issuer")?,
        source: text(fields, "source")?,
        username,
        subject,
        email,
        email_verified,
        occasion,
        groups: sent.map(groups).unwrap_or_default(),
        attributes,
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
fn event_as_body(event: &Map<String, Value>, occasion: Occasion) -> Map<String, Value> {
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
        ("occasion", occasion.as_str().into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use crate::domain::{Assurance, Occasion, Request, TenantName};
    use crate::wire::applicant::{BodyError, Question};

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
    fn a_subject_that_is_a_number_is_kept_digit_for_digit_and_a_nested_one_is_none() {
        for sub in ["123456789012345678901", "123456789012345678902", "0.10"] {
            let body = format!(r#"{{"username":"a","user_attributes":{{"sub":{sub}}}}}"#);
            assert_eq!(subject(&body).as_deref(), Some(sub));
        }
        for sub in ["{}", "[1]", "true"] {
            let body = format!(r#"{{"username":"a","user_attributes":{{"sub":{sub}}}}}"#);
            let read = Question::read(body.as_bytes());
            assert_eq!(read, Err(BodyError::Field("user_attributes")), "{sub}");
        }
    }

    #[test]
    fn the_email_is_the_attributes_and_verified_only_when_the_attribute_says_true() {
        let both = r#"{"username":"a","email":"x@y.z","user_attributes":{"email":"a@b.c","email_verified":true}}"#;
        assert_eq!(email(both), Some(("a@b.c".to_owned(), Assurance::Verified)));
        let body_alone = r#"{"username":"a","email":"x@y.z"}"#;
        assert_eq!(email(body_alone), Some(("x@y.z".to_owned(), Assurance::Unverified)));
        let not_this_one =
            r#"{"username":"a","email":"x@y.z","user_attributes":{"email_verified":"true"}}"#;
        assert_eq!(email(not_this_one), Some(("x@y.z".to_owned(), Assurance::Unverified)));
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
