//! What the server said, and what it means. Refuses to take another program's words for Enlist's: a no is a rule's only in the shape
//! that docs/api.md describes, whole.

use crate::server::Door;
use serde_json::Value;
use std::time::Duration;

/// What was said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Provisioned,
    Known,
    Granted,
    /// A rule said no, in words for the person.
    Refused {
        code: String,
        message: String,
    },
    /// The question could not be taken, for something that whoever it is about wrote: too much, or what is no JSON of Enlist's. No outage:
    /// it would come at will.
    Unacceptable {
        code: String,
    },
    /// It is not known what the rules say.
    Failed {
        code: String,
        detail: Option<String>,
    },
}

/// What one attempt came to.
#[derive(Debug)]
pub(crate) enum Attempt {
    Answered { status: u16, pause: Duration, body: Value },
    Broken { code: &'static str, detail: String },
}

/// A pause before the second attempt where the server does not name one.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// Codes of a 403 or 409 that are about the key, not about the person.
const ABOUT_THE_KEY: [&str; 3] = ["scope_missing", "key_required", "key_invalid"];

/// What a server answers a body of ours that it cannot read. All of the body but what people wrote is JSON of our own making.
const UNREADABLE: &str = "body_required";

/// What it answers where a field is not what it should be, and the fields that people write. Another one is about who is older, it or we.
const WRONG: &str = "field_invalid";
const WRITTEN: [&str; 2] = ["Wrong value for user_attributes", "Wrong value for client_metadata"];

impl Attempt {
    /// How long to wait before another attempt, when another may be answered otherwise.
    pub(crate) fn pause(&self) -> Option<Duration> {
        match self {
            Self::Broken { .. } => Some(PAUSE),
            Self::Answered { status: status @ 500..=599, pause, body } => {
                let again = No::of(*status, body).is_none_or(|no| no.code != "policy_failed");
                again.then_some(*pause)
            }
            Self::Answered { .. } => None,
        }
    }

    /// What is left of two that may both be answered otherwise: rather an answer than none.
    pub(crate) fn or(self, other: Self) -> Self {
        if matches!(self, Self::Broken { .. }) { other } else { self }
    }

    pub(crate) fn read(self, door: Door) -> Answer {
        let (status, body) = match self {
            Self::Broken { code, detail } => {
                return Answer::Failed { code: code.to_owned(), detail: Some(detail) };
            }
            Self::Answered { status, body, .. } => (status, body),
        };
        let no = No::of(status, &body);
        match (status, door) {
            (200, Door::ProvisionUser) if body.get("success") == Some(&Value::Bool(true)) => {
                let again = body.get("created") == Some(&Value::Bool(false));
                return if again { Answer::Known } else { Answer::Provisioned };
            }
            (200, Door::Decisions) if text(&body, "decision") == Some("grant") => {
                return Answer::Granted;
            }
            (200, Door::Decisions) if text(&body, "decision") == Some("refuse") => {
                if let Some((code, message)) = code(&body).zip(text(&body, "message")) {
                    return Answer::Refused { code: code.to_owned(), message: message.to_owned() };
                }
            }
            (403 | 409, Door::ProvisionUser) => {
                let rules = |no: &No<'_>| no.is_the_guides && !ABOUT_THE_KEY.contains(&no.code);
                if let Some(No { code, text, .. }) = no.filter(rules) {
                    return Answer::Refused { code: code.to_owned(), message: text.to_owned() };
                }
            }
            _ => {}
        }
        let code = match no {
            Some(no) => no.code.to_owned(),
            None if status == 200 => "no_answer_of_enlists".to_owned(),
            None => format!("http_{status}"),
        };
        // Of whoever said it: what is too large for something in between is so for the same reason.
        if status == 413 || no.is_some_and(|no| status == 400 && no.blames_the_person()) {
            return Answer::Unacceptable { code };
        }
        Answer::Failed { code, detail: None }
    }
}

/// A no of Enlist's, in either of its shapes: the guide's at `/provision-user`, RFC 9457 elsewhere.
#[derive(Clone, Copy)]
struct No<'a> {
    code: &'a str,
    text: &'a str,
    is_the_guides: bool,
}

impl<'a> No<'a> {
    /// Only with all that belongs to the shape: any program may answer JSON with a `code`.
    fn of(status: u16, body: &'a Value) -> Option<Self> {
        let is_the_guides = body.get("success") == Some(&Value::Bool(false));
        let is_a_problem = body.get("status").and_then(Value::as_u64) == Some(u64::from(status));
        let words = match (is_the_guides, is_a_problem) {
            (true, _) => text(body, "error")?,
            (false, true) => text(body, "title")?,
            (false, false) => return None,
        };
        text(body, "request_id")?;
        Some(Self { code: code(body)?, text: words, is_the_guides })
    }

    fn blames_the_person(&self) -> bool {
        self.code == UNREADABLE || self.code == WRONG && WRITTEN.contains(&self.text)
    }
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str()
}

/// A code, as the host's and every policy's are spelled.
fn code(body: &Value) -> Option<&str> {
    let spelled = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text(body, "code").filter(|code| (1..=64).contains(&code.len()) && code.bytes().all(spelled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PROVISION: Door = Door::ProvisionUser;
    const DECIDE: Door = Door::Decisions;

    fn answered(status: u16, body: Value) -> Attempt {
        Attempt::Answered { status, pause: PAUSE, body }
    }

    fn guides(code: &str, text: &str) -> Value {
        json!({"success": false, "error": text, "code": code, "request_id": "r"})
    }

    fn problem(status: u16, code: &str, text: &str) -> Value {
        json!({"type": "about:blank", "title": text, "status": status, "code": code, "request_id": "r"})
    }

    fn refused(code: &str, message: &str) -> Answer {
        Answer::Refused { code: code.into(), message: message.into() }
    }

    fn failed(code: &str) -> Answer {
        Answer::Failed { code: code.into(), detail: None }
    }

    #[test]
    fn only_what_may_be_answered_otherwise_is_asked_again() {
        for (status, code, again) in [
            (200, "", false),
            (301, "", false),
            (400, "field_invalid", false),
            (401, "key_invalid", false),
            (403, "name_unusable", false),
            (408, "body_timeout", false),
            (409, "username_taken", false),
            (429, "rate_limited", false),
            (500, "internal_error", true),
            (502, "", true),
            (503, "busy", true),
            (503, "policy_timeout", true),
            (503, "policy_failed", false),
        ] {
            for body in [guides(code, "No"), problem(status, code, "No")] {
                let pause = answered(status, body).pause();
                assert_eq!(pause.is_some(), again, "{status} {code}");
            }
        }
        let another = answered(503, json!({"code": "policy_failed"}));
        assert_eq!(another.pause(), Some(PAUSE));
    }

    #[test]
    fn a_no_is_a_rules_only_when_the_server_says_so() {
        for (status, body, door, expected) in [
            (200, json!({"success": true, "created": true}), PROVISION, Answer::Provisioned),
            (200, json!({"success": true}), PROVISION, Answer::Provisioned),
            (200, json!({"success": true, "created": false}), PROVISION, Answer::Known),
            (200, json!("<html>"), PROVISION, failed("no_answer_of_enlists")),
            (200, json!({"success": true}), DECIDE, failed("no_answer_of_enlists")),
            (403, guides("domain", "No"), PROVISION, refused("domain", "No")),
            (409, guides("username_taken", "Taken"), PROVISION, refused("username_taken", "Taken")),
            (403, guides("scope_missing", "No"), PROVISION, failed("scope_missing")),
            (403, problem(403, "domain", "No"), PROVISION, failed("domain")),
            (403, Value::Null, PROVISION, failed("http_403")),
            (429, guides("rate_limited", "No"), PROVISION, failed("rate_limited")),
            (200, json!({"decision": "grant"}), DECIDE, Answer::Granted),
            (
                200,
                json!({"decision": "refuse", "code": "c", "message": "m"}),
                DECIDE,
                refused("c", "m"),
            ),
            (403, problem(403, "scope_missing", "No"), DECIDE, failed("scope_missing")),
            (302, Value::Null, DECIDE, failed("http_302")),
        ] {
            assert_eq!(answered(status, body.clone()).read(door), expected, "{status} {body}");
        }
    }

    #[test]
    fn another_programs_no_is_none() {
        let strange = [
            json!({"code": "forbidden", "message": "User is not authorized"}),
            json!({"error": "Visit https://evil.example", "code": "blocked"}),
            json!({"error": "No", "code": "blocked", "request_id": "r"}),
            json!({"success": false, "code": "blocked", "request_id": "r"}),
            json!({"success": false, "error": "No", "request_id": "r"}),
            json!({"success": false, "error": "No", "code": "blocked"}),
            json!({"success": false, "error": "No", "code": 1010, "request_id": "r"}),
            json!({"success": false, "error": {"no": 1}, "code": "blocked", "request_id": "r"}),
            json!({"success": false, "error": "No", "code": "Blocked By WAF", "request_id": "r"}),
            json!({"success": true, "error": "No", "code": "blocked", "request_id": "r"}),
            json!({"title": "No", "status": 401, "code": "key_invalid", "request_id": "r"}),
            json!([{"success": false}]),
        ];
        for body in strange {
            for (status, door) in [(403, PROVISION), (409, PROVISION), (403, DECIDE)] {
                let expected = failed(&format!("http_{status}"));
                assert_eq!(answered(status, body.clone()).read(door), expected, "{body}");
            }
        }
        for body in [
            json!({"decision": "refuse"}),
            json!({"decision": "refuse", "code": "c"}),
            json!({"decision": "refuse", "message": "m"}),
            json!({"decision": "refuse", "code": "Not a code", "message": "m"}),
        ] {
            let expected = failed("no_answer_of_enlists");
            assert_eq!(answered(200, body.clone()).read(DECIDE), expected, "{body}");
        }
    }

    #[test]
    fn what_a_person_wrote_is_no_outage_and_what_is_older_than_we_is_one() {
        let unacceptable = |code: &str| Answer::Unacceptable { code: code.into() };
        for (status, code, text, expected) in [
            (
                413,
                "body_too_large",
                "The request body is too large",
                unacceptable("body_too_large"),
            ),
            (400, "body_required", "JSON request body required", unacceptable("body_required")),
            (400, WRONG, WRITTEN[0], unacceptable(WRONG)),
            (400, WRONG, WRITTEN[1], unacceptable(WRONG)),
            (400, WRONG, "Wrong value for occasion", failed(WRONG)),
            (400, WRONG, "Wrong value for issuer", failed(WRONG)),
            (400, "username_required", "Username is required", failed("username_required")),
            (400, "tenant_required", "An operator key needs a tenant", failed("tenant_required")),
        ] {
            let guides = answered(status, guides(code, text)).read(PROVISION);
            let problem = answered(status, problem(status, code, text)).read(DECIDE);
            assert_eq!((&guides, &problem), (&expected, &expected), "{status} {code} {text}");
        }
        assert_eq!(answered(413, Value::Null).read(DECIDE), unacceptable("http_413"));
        let another = json!({"code": "body_required"});
        assert_eq!(answered(400, another).read(DECIDE), failed("http_400"));
    }
}
