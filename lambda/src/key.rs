//! The key that the server is asked with: given, or kept in Secrets Manager or Parameter Store, which the AWS Parameters and Secrets
//! extension reads for us. Refuses to print one.

use reqwest::header::HeaderValue;
use reqwest::{Client, StatusCode, Url};
use serde_json::Value;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Where a key is kept.
#[derive(Debug)]
pub(crate) enum Origin {
    /// In a secret of this name or ARN.
    Secret(String),
    /// In a parameter of this name.
    Parameter(String),
}

/// The key, or where it is to be asked for.
#[derive(Debug)]
pub(crate) struct Key {
    /// Marked sensitive: its Debug says no more.
    read: OnceCell<HeaderValue>,
    question: Option<Question>,
}

/// What the extension is asked.
#[derive(Debug)]
struct Question {
    url: Url,
    origin: Origin,
    token: HeaderValue,
    /// What there is to say when the time is over, whoever of those that wait for it asks.
    so_far: Mutex<KeyError>,
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, Error)]
pub(crate) enum KeyError {
    #[error(
        "nobody listens where the extension for parameters and secrets would: is its layer there?"
    )]
    NoExtension,
    #[error("the extension for parameters and secrets is still starting")]
    Starting,
    #[error(
        "the extension took the question and did not answer: may the function reach Secrets Manager, or Systems Manager, from its network?"
    )]
    NoAnswer,
    #[error("the extension answered {0}: may the function's role read what is named?")]
    NotGiven(StatusCode),
    #[error("the extension's answer holds no key: expected its text, or one member with it")]
    NoKeyThere,
}

/// How soon the extension is asked again while it starts.
const PAUSE: Duration = Duration::from_millis(50);

impl Key {
    /// A key that is known, when it is one.
    pub(crate) fn given(text: &str) -> Option<Self> {
        Some(Self { read: OnceCell::new_with(Some(header(text)?)), question: None })
    }

    /// A key that the extension has to be asked for, which knows us by the session's token.
    pub(crate) fn kept(origin: Origin, port: u16, token: &str) -> Option<Self> {
        let mut url = Url::parse(&format!("http://localhost:{port}")).ok()?;
        match &origin {
            Origin::Secret(name) => {
                url.set_path("/secretsmanager/get");
                url.query_pairs_mut().append_pair("secretId", name);
            }
            Origin::Parameter(name) => {
                url.set_path("/systemsmanager/parameters/get");
                url.query_pairs_mut()
                    .append_pair("name", name)
                    .append_pair("withDecryption", "true");
            }
        }
        let so_far = Mutex::new(KeyError::NoAnswer);
        let question = Some(Question { url, origin, token: header(token)?, so_far });
        Some(Self { read: OnceCell::new(), question })
    }

    /// The key. What is not there yet is asked for, until it is too late: while Lambda starts us the extension is not ready to serve.
    pub(crate) async fn get(
        &self,
        http: &Client,
        until: Instant,
    ) -> Result<&HeaderValue, KeyError> {
        let Some(question) = &self.question else {
            return self.read.get().ok_or(KeyError::NoKeyThere);
        };
        let reading = self.read.get_or_try_init(|| question.ask(http, until));
        timeout_at(until, reading).await.unwrap_or_else(|_| Err(question.so_far()))
    }
}

impl Question {
    async fn ask(&self, http: &Client, until: Instant) -> Result<HeaderValue, KeyError> {
        loop {
            match self.answer(http).await {
                Ok((status, body)) if status.is_success() => {
                    return self.key_in(&body).ok_or(KeyError::NoKeyThere);
                }
                // Its words while it starts; everything else it says is final.
                Ok((_, body)) if body.starts_with(b"not ready to serve traffic") => {
                    self.know(KeyError::Starting);
                }
                Ok((status, _)) => return Err(KeyError::NotGiven(status)),
                Err(error) if error.is_connect() => self.know(KeyError::NoExtension),
                Err(_) => self.know(KeyError::NoAnswer),
            }
            if Instant::now() + PAUSE >= until {
                return Err(self.so_far());
            }
            sleep(PAUSE).await;
        }
    }

    async fn answer(&self, http: &Client) -> Result<(StatusCode, Vec<u8>), reqwest::Error> {
        let request = http.get(self.url.clone());
        let request = request.header("X-Aws-Parameters-Secrets-Token", self.token.clone());
        let exchange = async {
            let answer = request.send().await?;
            let status = answer.status();
            Ok((status, answer.bytes().await?.to_vec()))
        };
        let mut exchange = pin!(exchange);
        match timeout(PAUSE, &mut exchange).await {
            Ok(answered) => answered,
            Err(_) => {
                // On this machine a connection is refused at once: whoever still waits was connected.
                self.know(KeyError::NoAnswer);
                exchange.await
            }
        }
    }

    fn know(&self, so_far: KeyError) {
        *self.so_far.lock().unwrap_or_else(PoisonError::into_inner) = so_far;
    }

    fn so_far(&self) -> KeyError {
        *self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key_in(&self, body: &[u8]) -> Option<HeaderValue> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let text = match &self.origin {
            Origin::Secret(_) => answer.get("SecretString")?,
            Origin::Parameter(_) => answer.get("Parameter")?.get("Value")?,
        };
        let text = text.as_str()?;
        // A secret that was made in the console is an object: the key is its one member.
        match serde_json::from_str(text) {
            Ok(Value::Object(members)) if members.len() == 1 => {
                header(members.values().next()?.as_str()?)
            }
            Ok(Value::Object(_)) => None,
            _ => header(text),
        }
    }
}

fn header(text: &str) -> Option<HeaderValue> {
    let text = text.trim();
    let mut value =
        HeaderValue::from_str(text).ok().filter(|_| !text.is_empty() && text.is_ascii())?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_in(origin: Origin, body: &str) -> Option<String> {
        let key = Key::kept(origin, 2773, "token").expect("a question");
        let found = key.question.expect("it").key_in(body.as_bytes())?;
        Some(found.to_str().expect("a text").to_owned())
    }

    #[test]
    fn a_secret_is_a_text_or_an_object_with_one_member() {
        let secret = |text| key_in(Origin::Secret("s".into()), text);
        assert_eq!(secret(r#"{"SecretString":"enl_tk_1\n"}"#).as_deref(), Some("enl_tk_1"));
        assert_eq!(
            secret(r#"{"SecretString":"{\"key\":\"enl_tk_1\"}"}"#).as_deref(),
            Some("enl_tk_1")
        );
        assert_eq!(secret(r#"{"SecretString":"{\"a\":\"1\",\"b\":\"2\"}"}"#), None);
        assert_eq!(secret(r#"{"SecretBinary":"AA=="}"#), None);
        assert_eq!(secret("not JSON"), None);
    }

    #[test]
    fn a_parameter_is_a_text() {
        let parameter = |text| key_in(Origin::Parameter("p".into()), text);
        assert_eq!(parameter(r#"{"Parameter":{"Value":"enl_tk_1"}}"#).as_deref(), Some("enl_tk_1"));
        assert_eq!(parameter(r#"{"Parameter":{"Value":""}}"#), None);
    }

    #[test]
    fn a_name_is_said_to_the_extension_as_one() {
        let url =
            |origin| Key::kept(origin, 2773, "t").expect("a question").question.expect("it").url;
        let secret = Origin::Secret("arn:aws:secretsmanager:eu-west-1:1:secret:enlist&x".into());
        let expected = "http://localhost:2773/secretsmanager/get?secretId=arn%3Aaws%3Asecretsmanager%3Aeu-west-1%3A1%3Asecret%3Aenlist%26x";
        assert_eq!(url(secret).as_str(), expected);
        let expected = "http://localhost:2773/systemsmanager/parameters/get?name=%2Fenlist%2Fkey&withDecryption=true";
        assert_eq!(url(Origin::Parameter("/enlist/key".into())).as_str(), expected);
    }
}
