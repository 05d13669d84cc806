//! One person's request, as the trigger sends it, and what its answer means.
//! Refuses to give up on a server that is busy before it has been asked a few times, and to go on with a key that it does not know.

use crate::ending::{Ending, Failure};
use crate::pool::Person;
use crate::server::{Answer, Server};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// How often somebody is asked about. The pauses are half a second, twice as long each time, or what the server says: 15 s in all.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Nobody else waits for us, so neither do we for an hour.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Whom people are sent to, and how.
pub(super) struct Asking<'a> {
    pub(super) server: &'a Server,
    pub(super) issuer: String,
    pub(super) dry_run: bool,
}

/// What came of somebody.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// They have an account now.
    Opened,
    /// They had one.
    Known,
    /// They would be given one, or have it.
    Granted,
    /// They have none, by this code.
    Refused(No),
    /// It could not be done.
    Failed(No),
}

/// A no about one person.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct No {
    pub(super) code: String,
    pub(super) request_id: Option<String>,
}

/// What an answer means for going on.
enum Next {
    Done(Outcome),
    /// Ask again; to the end it is this.
    Again(Result<Outcome, Failure>),
    Stop(Failure),
}

impl Asking<'_> {
    /// Asks about a person until there is an answer that counts.
    pub(super) async fn ask(&self, person: &Person) -> Result<Outcome, Failure> {
        let body = self.body(person);
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let answered = if self.dry_run {
                self.server.ask_tenant(Method::POST, "decisions", &[], Some(&body)).await
            } else {
                self.server.ask(Method::POST, &["provision-user"], &[], Some(&body)).await
            };
            let mut wait = pause;
            let last = match answered {
                Err(error) => Err(Failure::new(Ending::Failed, error)),
                Ok(answer) => {
                    wait = answer.retry_after.unwrap_or(pause).clamp(pause, LONGEST_PAUSE);
                    match read(&answer) {
                        Next::Done(outcome) => return Ok(outcome),
                        Next::Stop(failure) => return Err(failure),
                        Next::Again(last) => last,
                    }
                }
            };
            if attempt >= ATTEMPTS {
                return last;
            }
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
        unreachable!("the last attempt has ended it")
    }

    /// What the trigger would have sent. The status is an attribute of an event, but not of a listing.
    fn body(&self, person: &Person) -> Value {
        let mut attributes = person.attributes.clone();
        attributes.insert("cognito:user_status".to_owned(), person.status.clone().into());
        let mut body = json!({"username": person.username, "issuer": self.issuer, "user_attributes": attributes, "source": "backfill",
            "email": person.attributes.get("email"), "cognito_user_id": person.sub()});
        if self.dry_run {
            body["occasion"] = "opening".into();
        }
        body
    }
}

fn read(answer: &Answer) -> Next {
    let body = &answer.body;
    let no = |code: &str| No { code: code.to_owned(), request_id: answer.request_id.clone() };
    match (answer.status, answer.code()) {
        (200, _) if body["success"] == true => {
            Next::Done(if body["created"] == true { Outcome::Opened } else { Outcome::Known })
        }
        (200, _) if body["decision"] == "grant" => Next::Done(Outcome::Granted),
        (200, Some(code)) if body["decision"] == "refuse" => Next::Done(Outcome::Refused(no(code))),
        (401, _) | (403, Some("scope_missing")) => Next::Stop(answer.failure()),
        (404 | 405, _) | (400, Some("tenant_required")) => Next::Stop(answer.failure()),
        (429 | 500, Some(code)) => Next::Again(Ok(Outcome::Failed(no(code)))),
        (503, Some(code)) if answer.retry_after.is_some() => {
            Next::Again(Ok(Outcome::Failed(no(code))))
        }
        (500.., Some(code)) => Next::Done(Outcome::Failed(no(code))),
        (400..500, Some(code)) => Next::Done(Outcome::Refused(no(code))),
        // A proxy's own page, while the server behind it starts again.
        (429 | 500.., None) => Next::Again(Err(answer.failure())),
        _ => Next::Stop(answer.failure()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Duration, Ending, Next, No, Outcome, Value, json, read};

    fn answer(status: u16, body: Value) -> Answer {
        let retry_after = (body["code"] == "busy").then(|| Duration::from_secs(1));
        Answer { status, body, retry_after, request_id: Some("r".to_owned()) }
    }

    fn said(status: u16, body: Value) -> Result<Outcome, Option<Ending>> {
        match read(&answer(status, body)) {
            Next::Done(outcome) => Ok(outcome),
            Next::Again(_) => Err(None),
            Next::Stop(failure) => Err(Some(failure.ending)),
        }
    }

    #[test]
    fn an_answer_is_about_one_person() {
        let no = |code: &str| No { code: code.to_owned(), request_id: Some("r".to_owned()) };
        let code = |code: &str| json!({"code": code, "request_id": "r"});
        assert_eq!(said(200, json!({"success": true, "created": true})), Ok(Outcome::Opened));
        assert_eq!(said(200, json!({"success": true, "created": false})), Ok(Outcome::Known));
        assert_eq!(said(200, json!({"decision": "grant"})), Ok(Outcome::Granted));
        assert_eq!(
            said(200, json!({"decision": "refuse", "code": "x", "request_id": "r"})),
            Ok(Outcome::Refused(no("x")))
        );
        assert_eq!(said(409, code("username_taken")), Ok(Outcome::Refused(no("username_taken"))));
        assert_eq!(said(400, code("field_invalid")), Ok(Outcome::Refused(no("field_invalid"))));
        assert_eq!(said(503, code("policy_failed")), Ok(Outcome::Failed(no("policy_failed"))));
    }

    #[test]
    fn a_busy_server_is_asked_again() {
        for (status, body) in [
            (503, json!({"code": "busy"})),
            (429, json!({"code": "rate_limited"})),
            (500, json!({"code": "internal_error"})),
            (502, Value::Null),
        ] {
            assert_eq!(said(status, body.clone()), Err(None), "{status} {body}");
        }
    }

    #[test]
    fn what_is_so_for_everybody_stops_it() {
        for (status, code, ending) in [
            (401, Some("key_invalid"), Ending::Locked),
            (403, Some("scope_missing"), Ending::Locked),
            (400, Some("tenant_required"), Ending::WrongUse),
            (404, Some("not_found"), Ending::No),
            (404, None, Ending::Failed),
            (403, None, Ending::Failed),
            (302, None, Ending::Failed),
            (200, None, Ending::Failed),
        ] {
            assert_eq!(said(status, json!({"code": code})), Err(Some(ending)), "{status} {code:?}");
        }
    }
}
