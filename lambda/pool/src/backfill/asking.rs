//! One person's request, as the trigger sends it, and what its answer means.
//! Refuses to give up on a server that is busy before it has been asked a few times, and to go on with a key that it does not know.

use super::pace::Pace;
use crate::ending::{Ending, Failure};
use crate::pool::Person;
use crate::server::{Answer, Server};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How long somebody is asked about, every attempt and pause together. Waiting for a turn is not counted.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pause after the first attempt; each is twice as long as the one before, or what the server says.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Longer ones would leave no time to ask again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Whom people are sent to, and how.
pub(super) struct Asking<'a> {
    pub(super) server: &'a Server,
    pub(super) issuer: String,
    pub(super) dry_run: bool,
    pub(super) pace: Pace,
}

/// What came of somebody.
#[derive(Debug)]
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
    /// Something that is no Enlist answered for them, or nothing did. Why, should that be so for everybody.
    Strange(No, Failure),
}

/// A no about one person.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct No {
    pub(super) code: String,
    pub(super) request_id: Option<String>,
}

impl Asking<'_> {
    /// Looks that the key is one of the tenant's that was named: the door that people are sent to is the key's own tenant's, whatever was
    /// named. `{}` is turned away as no request once the key is good.
    pub(super) async fn prove_the_tenant(&self) -> Result<(), Failure> {
        let Some(tenant) = self.server.tenant() else { return Ok(()) };
        let empty = json!({});
        let door = || self.server.ask_tenant(Method::POST, "decisions", &[], Some(&empty));
        let answer = patiently(&self.pace, door).await;
        let answer = answer.map_err(|error| Failure::new(Ending::Failed, error))?;
        match (answer.status, answer.code()) {
            (400, Some("body_required")) => Ok(()),
            (404, Some(_)) => Err(Failure::new(
                Ending::Locked,
                format!(
                    "the key is not one of tenant {tenant}'s, or there is no such tenant: nobody was sent"
                ),
            )),
            _ => {
                Err(answer.failure().while_doing(&format!("whether the key is tenant {tenant}'s")))
            }
        }
    }

    /// Asks about a person until there is an answer that counts, or no time is left.
    pub(super) async fn ask(&self, person: &Person) -> Result<Outcome, Failure> {
        let body = self.body(person);
        let answered = if self.dry_run {
            let door = || self.server.ask_tenant(Method::POST, "decisions", &[], Some(&body));
            patiently(&self.pace, door).await
        } else {
            let door = || self.server.ask(Method::POST, &["provision-user"], &[], Some(&body));
            patiently(&self.pace, door).await
        };
        match answered {
            Ok(answer) => read(&answer),
            Err(error) => {
                let no = No { code: "no_answer".to_owned(), request_id: None };
                Ok(Outcome::Strange(no, Failure::new(Ending::Failed, error)))
            }
        }
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

/// The answer that counts, else the last one. Every attempt takes a turn: a server that is busy is not asked faster than one that is not.
async fn patiently<F>(pace: &Pace, attempt: impl Fn() -> F) -> Result<Answer, String>
where
    F: Future<Output = Result<Answer, String>>,
{
    let (mut ends, mut pause) = (Instant::now() + PATIENCE, FIRST_PAUSE);
    loop {
        let waiting = Instant::now();
        pace.turn().await;
        ends += waiting.elapsed();
        let answered = timeout_at(ends, attempt()).await;
        let answered = answered.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let wait = match &answered {
            Ok(answer) if !may_be_another_soon(answer) => return answered,
            Ok(answer) => answer.retry_after.unwrap_or(pause).clamp(pause, LONGEST_PAUSE),
            Err(_) => pause,
        };
        if Instant::now() + wait >= ends {
            return answered;
        }
        sleep(wait).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether the same question may be answered otherwise in a moment. Without a code it is a proxy's own page, while the server behind it
/// starts again.
fn may_be_another_soon(answer: &Answer) -> bool {
    match (answer.status, answer.code()) {
        (429 | 500, _) | (500.., None) => true,
        (503, Some(_)) => answer.retry_after.is_some(),
        _ => false,
    }
}

/// What came of a person, or why nobody else needs to be asked about.
fn read(answer: &Answer) -> Result<Outcome, Failure> {
    let body = &answer.body;
    let no = |code: &str| No { code: code.to_owned(), request_id: answer.request_id.clone() };
    Ok(match (answer.status, answer.code()) {
        (200, _) if body["success"] == true && body["created"] == true => Outcome::Opened,
        (200, _) if body["success"] == true => Outcome::Known,
        (200, _) if body["decision"] == "grant" => Outcome::Granted,
        (200, Some(code)) if body["decision"] == "refuse" => Outcome::Refused(no(code)),
        (401 | 404 | 405, _) | (403, Some("scope_missing")) | (400, Some("tenant_required")) => {
            return Err(answer.failure());
        }
        (429 | 500.., Some(code)) => Outcome::Failed(no(code)),
        (400..500, Some(code)) => Outcome::Refused(no(code)),
        // A firewall's page about what this person calls themselves, or a proxy's about a server that is gone.
        (status @ 400.., None) => Outcome::Strange(no(&format!("http_{status}")), answer.failure()),
        _ => return Err(answer.failure()),
    })
}

#[cfg(test)]
mod tests {
    use super::{
        Answer, Duration, Ending, Instant, PATIENCE, Pace, Value, json, may_be_another_soon,
        patiently, read,
    };
    use std::cell::Cell;
    use std::future::{pending, ready};

    fn answer(status: u16, body: Value) -> Answer {
        let retry_after = (body["code"] == "busy").then(|| Duration::from_secs(1));
        Answer { status, body, retry_after, request_id: Some("r".to_owned()) }
    }

    /// What is counted, else how it ends.
    fn said(status: u16, body: Value) -> Result<String, Ending> {
        read(&answer(status, body))
            .map(|outcome| {
                let said = format!("{outcome:?}");
                let (word, code) = (said.split('(').next(), said.split('"').nth(1));
                format!("{} {}", word.unwrap_or_default(), code.unwrap_or("-"))
            })
            .map_err(|failure| failure.ending)
    }

    #[test]
    fn an_answer_is_about_one_person() {
        let code = |code: &str| json!({"code": code, "request_id": "r"});
        for (status, body, expected) in [
            (200, json!({"success": true, "created": true}), "Opened -"),
            (200, json!({"success": true, "created": false}), "Known -"),
            (200, json!({"decision": "grant"}), "Granted -"),
            (200, json!({"decision": "refuse", "code": "x", "request_id": "r"}), "Refused x"),
            (409, code("username_taken"), "Refused username_taken"),
            (400, code("field_invalid"), "Refused field_invalid"),
            (503, code("policy_failed"), "Failed policy_failed"),
            (429, code("rate_limited"), "Failed rate_limited"),
            // Somebody in front of the server.
            (403, Value::Null, "Strange http_403"),
            (413, Value::Null, "Strange http_413"),
            (502, Value::Null, "Strange http_502"),
        ] {
            assert_eq!(said(status, body), Ok(expected.to_owned()), "{status}");
        }
    }

    #[test]
    fn a_busy_server_is_asked_again() {
        for (status, body, again) in [
            (503, json!({"code": "busy"}), true),
            (429, json!({"code": "rate_limited"}), true),
            (500, json!({"code": "internal_error"}), true),
            (502, Value::Null, true),
            (503, json!({"code": "policy_failed"}), false),
            (403, Value::Null, false),
        ] {
            assert_eq!(may_be_another_soon(&answer(status, body)), again, "{status}");
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
            (405, None, Ending::Failed),
            (302, None, Ending::Failed),
            (200, None, Ending::Failed),
        ] {
            assert_eq!(said(status, json!({"code": code})), Err(ending), "{status} {code:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_takes_longer_than_half_a_minute() {
        let pace = Pace::new(Duration::from_millis(1));
        let begun = Instant::now();
        let answered = patiently(&pace, pending).await;
        assert_eq!(
            (answered.err().as_deref(), begun.elapsed()),
            (Some("no answer in time"), PATIENCE)
        );

        // A server that says to come back in a minute, to the end.
        let (begun, attempts) = (Instant::now(), Cell::new(0));
        let busy = || {
            attempts.set(attempts.get() + 1);
            let retry_after = Some(Duration::from_secs(60));
            let body = json!({"code": "busy"});
            ready(Ok(Answer { status: 503, body, retry_after, request_id: None }))
        };
        let answered = patiently(&pace, busy).await;
        assert_eq!(answered.map(|answer| answer.status), Ok(503));
        assert!(attempts.get() >= 3 && begun.elapsed() <= PATIENCE, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_waited_for_beside_that() {
        let pace = Pace::new(Duration::from_secs(100));
        pace.turn().await;
        let again = Cell::new(true);
        let begun = Instant::now();
        let answer = || {
            ready(if again.take() { Err("lost".to_owned()) } else { Ok(answer(200, Value::Null)) })
        };
        assert_eq!(patiently(&pace, answer).await.map(|answer| answer.status), Ok(200));
        assert_eq!(begun.elapsed(), Duration::from_secs(200));
    }
}
