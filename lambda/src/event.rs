//! What Cognito sends, read leniently: a field that is missing, null or of another type is absent, one that is not known does not
//! matter. Refuses to change an event: it goes back as it came.

use serde_json::{Map, Value, json};

/// What a pool calls the trigger for. Cognito has others, and will have more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Somebody wants to sign up.
    SignUp,
    /// Somebody has confirmed, a sign-up or a new password.
    Confirmed,
    /// Somebody logged in.
    LoggedIn,
}

/// An event, as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event<'a>(&'a Value);

impl<'a> Event<'a> {
    /// Any JSON at all.
    pub(crate) fn new(event: &'a Value) -> Self {
        Self(event)
    }

    /// What Cognito calls the occasion.
    pub(crate) fn trigger_source(&self) -> Option<&'a str> {
        text(self.0.get("triggerSource")?)
    }

    /// The occasion, if it is one of ours.
    pub(crate) fn occasion(&self) -> Option<Occasion> {
        match self.trigger_source()? {
            "PreSignUp_SignUp" | "PreSignUp_AdminCreateUser" | "PreSignUp_ExternalProvider" => {
                Some(Occasion::SignUp)
            }
            "PostConfirmation_ConfirmSignUp" | "PostConfirmation_ConfirmForgotPassword" => {
                Some(Occasion::Confirmed)
            }
            "PostAuthentication_Authentication" => Some(Occasion::LoggedIn),
            _ => None,
        }
    }

    /// Who this is, for ever.
    pub(crate) fn subject(&self) -> Option<&'a str> {
        text(self.attributes()?.get("sub")?)
    }

    /// Who vouches: the pool, as its tokens name it.
    pub(crate) fn issuer(&self) -> Option<String> {
        let (region, pool) = (text(self.0.get("region")?)?, text(self.0.get("userPoolId")?)?);
        Some(format!("https://cognito-idp.{region}.amazonaws.com/{pool}"))
    }

    /// What the server is asked, or nothing when nobody is named.
    pub(crate) fn question(&self) -> Option<Value> {
        let mut question = Map::new();
        let mut say = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                question.insert(name.to_owned(), value);
            }
        };
        say("username", Some(json!(text(self.0.get("userName")?)?)));
        let attributes = self.attributes();
        let email = attributes.and_then(|all| text(all.get("email")?));
        say("email", email.map(|email| json!(email)));
        say("cognito_user_id", self.subject().map(|subject| json!(subject)));
        say("user_attributes", attributes.map(|all| json!(all)));
        say("client_metadata", self.object("clientMetadata").map(|all| json!(all)));
        say("issuer", self.issuer().map(|issuer| json!(issuer)));
        say("source", Some(json!("cognito")));
        if self.occasion() == Some(Occasion::SignUp) {
            say("occasion", Some(json!("sign_up")));
        }
        Some(Value::Object(question))
    }

    fn attributes(&self) -> Option<&'a Map<String, Value>> {
        self.object("userAttributes")
    }

    fn object(&self, name: &str) -> Option<&'a Map<String, Value>> {
        self.0.get("request")?.get(name)?.as_object()
    }
}

/// A text that is not empty.
fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_whole_map_goes_to_the_server_beside_who_it_is_about() {
        let attributes = json!({"sub": "s-1", "email": "ann@example.com", "email_verified": true, "custom:plan": null});
        let event = json!({
            "version": "1", "triggerSource": "PostConfirmation_ConfirmSignUp", "region": "eu-west-1",
            "userPoolId": "eu-west-1_abc", "userName": "ann", "callerContext": {"clientId": "c"},
            "request": {"userAttributes": attributes, "clientMetadata": {"campaign": "spring"}}, "response": {},
        });
        let question = Event::new(&event).question();
        let expected = json!({
            "username": "ann", "email": "ann@example.com", "cognito_user_id": "s-1", "user_attributes": attributes,
            "client_metadata": {"campaign": "spring"}, "issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc",
            "source": "cognito",
        });
        assert_eq!(question, Some(expected));
    }

    #[test]
    fn a_user_name_is_never_sent_for_a_subject() {
        let event = json!({"triggerSource": "PreSignUp_SignUp", "userName": "ann", "request": {"userAttributes": null, "clientMetadata": null}});
        let expected = json!({"username": "ann", "source": "cognito", "occasion": "sign_up"});
        assert_eq!(Event::new(&event).question(), Some(expected));
    }

    #[test]
    fn nobody_is_asked_about_when_nobody_is_named() {
        for event in
            [json!(null), json!([]), json!({"userName": 1}), json!({"userName": "", "request": {}})]
        {
            assert_eq!(Event::new(&event).question(), None, "{event}");
        }
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
            let question = Event::new(&event).question().expect("somebody is named");
            prop_assert_eq!(&question["username"], "ann");
            prop_assert!(question.as_object().expect("an object").values().all(|value| !value.is_null()));
            let attributes = event["request"].get("userAttributes").filter(|all| all.is_object());
            prop_assert_eq!(question.get("user_attributes"), attributes);
        }
    }
}
