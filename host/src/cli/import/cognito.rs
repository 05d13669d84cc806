//! People as `aws cognito-idp list-users` prints them: one document or several, one user of them in memory at a time.
//! Refuses those who never confirmed that they are who they say, and those who were disabled.

use crate::cli::import::report::Told;
use crate::cli::import::{Entry, Put, Who};
use crate::domain::{Assurance, Email};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use std::fmt;
use std::io::{self, BufRead};
use std::ops::ControlFlow;

/// A user of a pool.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct User {
    pub(super) username: String,
    pub(super) subject: Option<String>,
    /// If the pool verified it.
    pub(super) email: Option<Email>,
    /// If it did not: somebody may have made a name of it all the same.
    pub(super) unverified: Option<String>,
    pub(super) standing: Standing,
    attributes: Map<String, Value>,
}

/// Whether a user can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Yes, perhaps with a new password.
    Usable,
    /// Not any more.
    Disabled,
    /// Never yet.
    Unconfirmed,
}

/// What a user's status is who has an account, or is promised one.
const CONFIRMED: [&str; 4] =
    ["CONFIRMED", "EXTERNAL_PROVIDER", "RESET_REQUIRED", "FORCE_CHANGE_PASSWORD"];

impl User {
    /// Reads one; or says what is wrong with it.
    pub(super) fn read(user: &Value) -> Result<Self, &'static str> {
        let username = user["Username"].as_str().filter(|name| !name.is_empty());
        let username = username.ok_or("no Username")?.to_owned();
        let mut attributes = Map::new();
        for one in user["Attributes"].as_array().into_iter().flatten() {
            let name = one["Name"].as_str().ok_or("an attribute without Name")?;
            attributes.insert(name.to_owned(), one["Value"].clone());
        }
        let status = user["UserStatus"].as_str();
        let standing = if status.is_some_and(|status| !CONFIRMED.contains(&status)) {
            Standing::Unconfirmed
        } else if user["Enabled"] == false {
            Standing::Disabled
        } else {
            Standing::Usable
        };
        // As a trigger's event has it.
        if let Some(status) = status {
            attributes.insert("cognito:user_status".to_owned(), status.into());
        }
        let text = |name: &str| attributes.get(name).and_then(Value::as_str);
        let verified = text("email_verified") == Some("true");
        let said = text("email");
        let email = said.filter(|_| verified);
        let email = email.and_then(|address| Email::parse(address, Assurance::Verified));
        let unverified = said.filter(|_| email.is_none()).map(str::to_owned);
        let subject = text("sub").filter(|sub| !sub.is_empty()).map(str::to_owned);
        Ok(Self { username, subject, email, unverified, standing, attributes })
    }

    /// Somebody of whom nothing but the subject is known.
    pub(super) fn of_subject(subject: &str) -> Self {
        let (username, subject) = (subject.to_owned(), Some(subject.to_owned()));
        let (standing, attributes) = (Standing::Usable, Map::new());
        Self { username, subject, email: None, unverified: None, standing, attributes }
    }

    /// What they are called in a report.
    pub(super) fn who(&self) -> Who {
        let (username, subject) = (Some(self.username.clone()), self.subject.clone());
        Who { username, subject, ..Who::default() }
    }

    /// As it is sent: what the policy sees is what a trigger would have shown it.
    pub(super) fn item(&self) -> Map<String, Value> {
        let item = json!({
            "username": self.username,
            "subject": self.subject,
            "email": self.attributes.get("email"),
            "email_verified": self.attributes.get("email_verified").is_some_and(|said| said == "true"),
            "attributes": self.attributes,
        });
        match item {
            Value::Object(item) => item,
            _ => Map::new(),
        }
    }
}

/// Everybody, each to be decided about by the policy.
pub(super) fn read(input: impl BufRead, put: Put<'_>) -> io::Result<()> {
    let mut number = 0;
    users(input, &mut |user| {
        number += 1;
        let place = Some(("user", number));
        put(match User::read(&user) {
            Err(why) => Entry::Told(place, Who::default(), Told::failed("user_invalid", why)),
            Ok(user) => {
                let who = user.who();
                match user.standing {
                    Standing::Usable => {
                        Entry::Person(place, who, Value::Object(user.item()).to_string())
                    }
                    Standing::Disabled => Entry::Told(place, who, Told::skipped("disabled")),
                    Standing::Unconfirmed => Entry::Told(place, who, Told::skipped("unconfirmed")),
                }
            }
        })
    })
}

/// Every user of every document.
pub(super) fn users(
    mut input: impl BufRead,
    put: &mut dyn FnMut(Value) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut enough = false;
    loop {
        let rest = input.fill_buf()?;
        if rest.is_empty() {
            return Ok(());
        }
        let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let at_an_end = spaces == rest.len();
        input.consume(spaces);
        if at_an_end {
            continue;
        }
        // It reads up to the end of the document, and no further.
        let mut document = serde_json::Deserializer::from_reader(&mut input);
        let read = Users { put, enough: &mut enough }.deserialize(&mut document);
        if enough {
            return Ok(());
        }
        read.map_err(|error| io::Error::other(format!("no output of list-users: {error}")))?;
    }
}

/// A document, or the list in it.
struct Users<'a> {
    put: &'a mut dyn FnMut(Value) -> ControlFlow<()>,
    enough: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Users<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, document: D) -> Result<(), D::Error> {
        document.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Users<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`Users`, a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut document: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(name) = document.next_key::<String>()? {
            if name == "Users" {
                found = true;
                document
                    .next_value_seed(Users { put: &mut *self.put, enough: &mut *self.enough })?;
            } else {
                document.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(A::Error::missing_field("Users")) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut users: A) -> Result<(), A::Error> {
        while let Some(user) = users.next_element::<Value>()? {
            if (self.put)(user).is_break() {
                *self.enough = true;
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Standing, User, read, users};
    use crate::cli::import::Entry;
    use serde_json::{Value, json};
    use std::ops::ControlFlow;

    fn names(text: &str) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        let mut put = |user: Value| {
            found.push(user["Username"].as_str().unwrap_or("?").to_owned());
            ControlFlow::Continue(())
        };
        users(text.as_bytes(), &mut put).map_err(|error| error.to_string())?;
        Ok(found)
    }

    #[test]
    fn one_document_several_and_a_bare_list_are_all_users() {
        let page = r#"{"Users":[{"Username":"a"},{"Username":"b"}],"PaginationToken":"t"}"#;
        assert_eq!(names(page), Ok(vec!["a".to_owned(), "b".to_owned()]));
        let two = format!("{page}\n {{\"Users\": []}}\n[{{\"Username\":\"c\"}}]\n");
        assert_eq!(names(&two).map(|found| found.join(" ")), Ok("a b c".to_owned()));
        assert_eq!(names(" \n"), Ok(Vec::new()));
        for wrong in ["{}", "{\"Users\":{}}", "[{\"Username\":\"a\"", "x", "1"] {
            assert!(names(wrong).is_err(), "{wrong}");
        }
    }

    fn user(status: &str, enabled: bool) -> Value {
        json!({"Username": "u", "UserStatus": status, "Enabled": enabled, "Attributes": [
            {"Name": "sub", "Value": "s"}, {"Name": "email", "Value": "a@b.c"},
            {"Name": "email_verified", "Value": "true"}, {"Name": "custom:plan", "Value": "pro"}]})
    }

    #[test]
    fn a_user_is_sent_as_a_trigger_would_show_them() {
        let read = User::read(&user("CONFIRMED", true)).expect("a user");
        let attributes = json!({"sub": "s", "email": "a@b.c", "email_verified": "true", "custom:plan": "pro",
            "cognito:user_status": "CONFIRMED"});
        let item = json!({"username": "u", "subject": "s", "email": "a@b.c", "email_verified": true, "attributes": attributes});
        assert_eq!(Value::Object(read.item()), item);
    }

    #[test]
    fn who_never_confirmed_and_who_was_disabled_is_told_apart() {
        let standing =
            |status, enabled| User::read(&user(status, enabled)).map(|user| user.standing);
        for status in super::CONFIRMED {
            assert_eq!(standing(status, true), Ok(Standing::Usable), "{status}");
            assert_eq!(standing(status, false), Ok(Standing::Disabled), "{status}");
        }
        for status in ["UNCONFIRMED", "ARCHIVED", "COMPROMISED", "UNKNOWN", "NEW"] {
            assert_eq!(standing(status, true), Ok(Standing::Unconfirmed), "{status}");
        }
        assert!(User::read(&json!({"Username": ""})).is_err());
        assert!(User::read(&json!({"Username": "u", "Attributes": [{"Value": "v"}]})).is_err());
    }

    #[test]
    fn somebody_who_is_none_is_named_by_their_number() {
        let text = json!([{"Username": "a"}, 1, user("UNCONFIRMED", true)]).to_string();
        let mut found = Vec::new();
        let put = &mut |entry| {
            found.push(match entry {
                Entry::Person(place, ..) => format!("{place:?} person"),
                Entry::Told(place, _, told) => {
                    format!("{place:?} {}", told.code.unwrap_or_default())
                }
            });
            ControlFlow::Continue(())
        };
        read(text.as_bytes(), put).expect("users");
        let expected = [
            r#"Some(("user", 1)) person"#,
            r#"Some(("user", 2)) user_invalid"#,
            r#"Some(("user", 3)) unconfirmed"#,
        ];
        assert_eq!(found, expected);
    }
}
