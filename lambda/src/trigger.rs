//! What comes of an event: the question that it is, and what the answer means for the person in front of Cognito. Refuses to refuse a
//! login, and to say anything to that person that was not written for one.

use crate::budget::{Budget, LOGIN, SIGN_UP};
use crate::config::OnError;
use crate::event::{Event, Occasion};
use crate::journal::{Entry, Outcome};
use crate::server::{Answer, Asked, Door, Server};
use lambda_runtime::{Context, Diagnostic};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// The trigger, ready.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    pub(crate) server: Arc<Server>,
    pub(crate) on_error: OnError,
}

/// What the person in front of Cognito is told instead of going on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum No {
    /// In the words of the rule.
    Refused(String),
    /// Nobody knows yet.
    Unavailable(&'static str),
}

/// Said for a rule that has no words.
const REFUSED: &str = "This account cannot be opened";

/// Said before a sign-up that could not be decided.
const NO_SIGN_UP: &str = "Signing up is not possible at the moment, please try again later";

/// Said after a confirmation whose account could not be opened.
const NO_ACCOUNT: &str = "Your account could not be set up yet, please try again later";

/// The most that is said of a rule's words.
const WORDS_LIMIT: usize = 300;

impl From<No> for Diagnostic {
    fn from(no: No) -> Self {
        let (error_type, error_message) = match no {
            No::Refused(words) => ("Refused", words),
            No::Unavailable(words) => ("Unavailable", words.to_owned()),
        };
        Self { error_type: error_type.to_owned(), error_message }
    }
}

impl Trigger {
    /// The event as it came, or what is said instead. What breaks in between is a failure like any other.
    pub(crate) async fn answer(&self, event: Value, context: Context) -> Result<Value, No> {
        let occasion = Event::new(&event).occasion();
        let most = if occasion == Some(Occasion::LoggedIn) { LOGIN } else { SIGN_UP };
        let budget = Budget::new(most, context.deadline);
        let asked = match occasion {
            Some(occasion) => Some(self.ask(occasion, &event, &context.request_id, budget).await),
            None => None,
        };
        let no = occasion
            .zip(asked.as_ref())
            .and_then(|(occasion, asked)| self.no(occasion, &asked.answer));
        write(&event, &context, asked.as_ref(), no.is_some(), budget.took());
        no.map_or(Ok(event), Err)
    }

    /// In a task of its own, so that a panic ends nothing else.
    async fn ask(&self, occasion: Occasion, event: &Value, id: &str, budget: Budget) -> Asked {
        let Some(question) = Event::new(event).question() else {
            let answer = Answer::Failed { code: "nobody_named".to_owned(), detail: None };
            return Asked { answer, attempts: 0 };
        };
        let door = match occasion {
            Occasion::SignUp => Door::Decisions,
            Occasion::Confirmed | Occasion::LoggedIn => Door::ProvisionUser,
        };
        let (server, id) = (Arc::clone(&self.server), id.to_owned());
        guarded(async move { server.ask(door, &question, &id, &budget).await }).await
    }

    /// What the person is told, if they do not go on.
    fn no(&self, occasion: Occasion, answer: &Answer) -> Option<No> {
        let told = self.on_error == OnError::Fail;
        match (occasion, answer) {
            // Whoever could log in until now still can: the log and the count say that something is to be mended.
            (Occasion::LoggedIn, _) => None,
            (Occasion::SignUp, Answer::Refused { message, .. }) => {
                Some(No::Refused(words(message)))
            }
            // They are confirmed by now, and not asked again.
            (Occasion::Confirmed, Answer::Refused { message, .. }) => {
                told.then(|| No::Refused(words(message)))
            }
            (Occasion::SignUp, Answer::Failed { .. }) => {
                told.then_some(No::Unavailable(NO_SIGN_UP))
            }
            (Occasion::Confirmed, Answer::Failed { .. }) => {
                told.then_some(No::Unavailable(NO_ACCOUNT))
            }
            (_, Answer::Provisioned | Answer::Known | Answer::Granted) => None,
        }
    }
}

/// What a future gives, or a failure if it panics.
async fn guarded(asking: impl Future<Output = Asked> + Send + 'static) -> Asked {
    tokio::spawn(asking).await.unwrap_or_else(|_| {
        // The panic's own line says where.
        let answer = Answer::Failed { code: "panicked".to_owned(), detail: None };
        Asked { answer, attempts: 0 }
    })
}

/// Words for a person: one line, not endless, and without the full stop that Cognito adds.
fn words(message: &str) -> String {
    let line: String =
        message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_LIMIT).collect();
    let words = line.trim().trim_end_matches('.').trim_end();
    if words.is_empty() { REFUSED.to_owned() } else { words.to_owned() }
}

fn write(
    event: &Value,
    context: &Context,
    asked: Option<&Asked>,
    turned_away: bool,
    took: Duration,
) {
    let event = Event::new(event);
    let (outcome, code, detail) = match asked.map(|asked| &asked.answer) {
        None => (Outcome::Ignored, None, None),
        Some(Answer::Provisioned) => (Outcome::Provisioned, None, None),
        Some(Answer::Known) => (Outcome::Known, None, None),
        Some(Answer::Granted) => (Outcome::Granted, None, None),
        Some(Answer::Refused { code, .. }) => (Outcome::Refused, Some(code.as_str()), None),
        Some(Answer::Failed { code, detail }) => {
            (Outcome::Failed, Some(code.as_str()), detail.as_deref())
        }
    };
    let advice = code.and_then(|code| advice(code, &event));
    let entry = Entry {
        function: &context.env_config.function_name,
        request_id: &context.request_id,
        trigger_source: event.trigger_source().unwrap_or_default(),
        outcome,
        turned_away,
        code,
        subject: event.subject(),
        detail,
        advice: advice.as_deref(),
        attempts: asked.map_or(0, |asked| asked.attempts),
        took,
    };
    entry.write();
}

/// What mends it, where that is known.
fn advice(code: &str, event: &Event<'_>) -> Option<String> {
    let advice = match code {
        // Before a sign-up it is somebody else's. Later the server's record alone says `issuer_unset`, if it is that.
        "username_taken" if event.occasion() != Some(Occasion::SignUp) => {
            let issuer = event.issuer()?;
            return Some(format!(
                "somebody else has the name, or this person's account is from before the trigger named the pool: then enlist tenant set --issuer {issuer}"
            ));
        }
        "key_required" | "key_invalid" | "scope_missing" | "tenant_required" => {
            "the key has to be a tenant's of this server, with the scope provision"
        }
        "policy_failed" => "the tenant's policy fails on this person: enlist decisions list",
        "no_answer_of_enlists" => "what answers at ENLIST_SERVER is not Enlist",
        _ => return None,
    };
    Some(advice.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure() {
        let asked = guarded(async { panic!("S3CRET") }).await;
        assert_eq!(asked.answer, Answer::Failed { code: "panicked".to_owned(), detail: None });
    }

    #[test]
    fn a_rules_words_are_one_line_without_a_full_stop() {
        assert_eq!(words("Only example.com may sign up."), "Only example.com may sign up");
        assert_eq!(words(" a\r\nb. . "), "a  b.");
        assert_eq!(words("..."), REFUSED);
        assert_eq!(words(&"é".repeat(1000)).chars().count(), WORDS_LIMIT);
    }

    #[test]
    fn cognito_adds_the_full_stop_to_what_we_say_ourselves() {
        for said in [REFUSED, NO_SIGN_UP, NO_ACCOUNT] {
            assert_eq!(words(said), said);
        }
    }
}
