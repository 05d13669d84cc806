//! What Cognito sends, read leniently: a field that is missing, null or of another type is absent, one that is not known does not
//! matter. Refuses to change an event, which goes back as it came, and to read what people wrote into it: that goes to the server as it
//! came.

use crate::members::Members;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// What Lambda hands over: any JSON. Anything else is nothing, rather than an error that the runtime would answer with names of types.
#[derive(Debug)]
pub(crate) struct Payload(pub(crate) Option<Box<RawValue>>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Deserialize::deserialize(deserializer).ok()))
    }
}

/// What a pool calls the trigger for. Cognito has others, and will have more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Somebody wants to sign up.
    SignUp,
    /// Somebody has confirmed a sign-up.
    Confirmed,
    /// Somebody who is in the pool already logged in, or has set a new password: what was missed is made good.
    Repair,
}

/// What is looked at of an event.
#[derive(Debug, Default)]
pub(crate) struct Event<'a> {
    /// What Cognito calls the occasion.
    pub(crate) trigger_source: Option<String>,
    /// Who this is, for ever.
    pub(crate) subject: Option<String>,
    /// Who vouches: the pool, as its tokens name it.
    pub(crate) issuer: Option<String>,
    email: Option<String>,
    username: Option<&'a RawValue>,
    attributes: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,
}

/// What the server is asked.
#[derive(Serialize)]
struct Question<'a> {
    username: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cognito_user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_attributes: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_metadata: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    occasion: Option<&'static str>,
}

impl<'a> Event<'a> {
    /// Any JSON at all.
    pub(crate) fn read(event: &'a RawValue) -> Self {
        let event = Members::of(event);
        let request = event.get("request").map(Members::of).unwrap_or_default();
        let attributes = request.object("userAttributes");
        let within = attributes.map(Members::of).unwrap_or_default();
        let issuer = event.text("region").zip(event.text("userPoolId"));
        Self {
            trigger_source: event.text("triggerSource"),
            subject: within.text("sub"),
            issuer: issuer
                .map(|(region, pool)| format!("https://cognito-idp.{region}.amazonaws.com/{pool}")),
            email: within.text("email"),
            // Unread: a name that cannot be read is for the server to turn away, and not nobody's.
            username: event
                .get("userName")
                .filter(|name| name.get().starts_with('"') && name.get() != r#""""#),
            attributes,
            metadata: request.object("clientMetadata"),
        }
    }

    /// Stands for what is no JSON. It has a source, since CloudWatch counts nothing under a dimension without a value.
    pub(crate) fn unreadable() -> Self {
        Self { trigger_source: Some("unreadable".to_owned()), ..Self::default() }
    }

    /// The occasion, if it is one of ours.
    pub(crate) fn occasion(&self) -> Option<Occasion> {
        match self.trigger_source.as_deref()? {
            "PreSignUp_SignUp" | "PreSignUp_AdminCreateUser" | "PreSignUp_ExternalProvider" => {
                Some(Occasion::SignUp)
            }
            "PostConfirmation_ConfirmSignUp" => Some(Occasion::Confirmed),
            "PostConfirmation_ConfirmForgotPassword" | "PostAuthentication_Authentication" => {
                Some(Occasion::Repair)
            }
            _ => None,
        }
    }

    /// What the server is asked, as JSON, or nothing when nobody is named.
    pub(crate) fn question(&self) -> Option<String> {
        let question = Question {
            username: self.username?,
            email: self.email.as_deref(),
            cognito_user_id: self.subject.as_deref(),
            user_attributes: self.attributes,
            client_metadata: self.metadata,
            issuer: self.issuer.as_deref(),
            source: "cognito",
            occasion: (self.occasion() == Some(Occasion::SignUp)).then_some("sign_up"),
        };
        serde_json::to_string(&question).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn raw(event: &str) -> Box<RawValue> {
        serde_json::from_str(event).expect("JSON")
    }

    fn question(event: &Value) -> Option<Value> {
        let event = raw(&event.to_string());
        let question = Event::read(&event).question()?;
        Some(serde_json::from_str(&question).expect("JSON"))
    }

    #[test]
    fn the_whole_map_goes_to_the_server_beside_who_it_is_about() {
        let attributes = json!({"sub": "s-1", "email": "ann@example.com", "email_verified": true, "custom:plan": null});
        let event = json!({
            "version": "1", "triggerSource": "PostConfirmation_ConfirmSignUp", "region": "eu-west-1",
            "userPoolId": "eu-west-1_abc", "userName": "ann", "callerContext": {"clientId": "c"},
            "request": {"userAttributes": attributes, "clientMetadata": {"campaign": "spring"}}, "response": {},
        });
        let expected = json!({
            "username": "ann", "email": "ann@example.com", "cognito_user_id": "s-1", "user_attributes": attributes,
            "client_metadata": {"campaign": "spring"}, "issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc",
            "source": "cognito",
        });
        assert_eq!(question(&event), Some(expected));
    }

    #[test]
    fn a_user_name_is_never_sent_for_a_subject() {
        let event = json!({"triggerSource": "PreSignUp_SignUp", "userName": "ann", "request": {"userAttributes": null, "clientMetadata": null}});
        let expected = json!({"username": "ann", "source": "cognito", "occasion": "sign_up"});
        assert_eq!(question(&event), Some(expected));
    }

    #[test]
    fn nobody_is_asked_about_when_nobody_is_named() {
        for event in
            [json!(null), json!([]), json!({"userName": 1}), json!({"userName": "", "request": {}})]
        {
            assert_eq!(question(&event), None, "{event}");
        }
    }

    #[test]
    fn what_people_write_is_sent_as_it_came() {
        let written = r#"{"$serde_json::private::Number":"abc"}"#;
        let event = format!(
            r#"{{"userName":"\ud800","request":{{"userAttributes":{{"sub":"s","email":"\udfff","n": 1.10}},"clientMetadata":{written}}}}}"#
        );
        let expected = format!(
            r#"{{"username":"\ud800","cognito_user_id":"s","user_attributes":{{"sub":"s","email":"\udfff","n": 1.10}},"client_metadata":{written},"source":"cognito"}}"#
        );
        assert_eq!(Event::read(&raw(&event)).question(), Some(expected));
    }

    #[test]
    fn what_is_no_json_is_no_event_and_no_error() {
        let payload = |bytes: &[u8]| serde_json::from_slice::<Payload>(bytes);
        assert!(payload(b"{\"a\":\"\xff\"}").expect("a payload").0.is_none());
        assert!(payload(br#"{"a":"\ud800"}"#).expect("a payload").0.is_some());
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let name = prop_oneof![
                Just("sub".to_owned()),
                Just("email".to_owned()),
                Just("userAttributes".to_owned()),
                "[a-z:]{0,8}"
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((name, inner), 0..4)
                    .prop_map(|all| Value::Object(all.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_event_is_too_odd_to_be_read(request in anything(), region in anything(), source in anything()) {
            let event = json!({"userName": "ann", "request": request, "region": region, "userPoolId": "p", "triggerSource": source});
            let question = question(&event).expect("somebody is named");
            prop_assert_eq!(&question["username"], "ann");
            prop_assert!(question.as_object().expect("an object").values().all(|value| !value.is_null()));
            let attributes = event["request"].get("userAttributes").filter(|all| all.is_object());
            prop_assert_eq!(question.get("user_attributes"), attributes);
        }
    }
}
