//! A message to a tenant's webhook, by Standard Webhooks 1.0.0: what it says, and its signature.
//! Refuses to say one thing in two ways: the body of a message is the same at every attempt, to the byte.

use crate::domain::{Delivery, SigningSecret, TenantName};
use base64::prelude::{BASE64_STANDARD, Engine};
use ring::hmac;
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The type of a message that was asked for, to see whether it arrives.
const TEST: &str = "webhook.test";

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The same at every attempt, and no other's.
    pub id: String,
    /// JSON.
    pub body: String,
}

impl Message {
    /// What happened. None when the row's content is no JSON object, which nobody wrote.
    pub fn of(delivery: &Delivery) -> Option<Self> {
        let content = serde_json::from_str(&delivery.content).ok()?;
        let (id, what) = (delivery.message.clone(), delivery.event.as_str());
        Some(Self::compose(id, what, delivery.at_ms, &delivery.tenant_name, content))
    }

    /// One that says nothing but that it arrived.
    pub fn test(id: String, tenant: &TenantName) -> Self {
        Self::compose(id, TEST, now_ms(), tenant, Map::new())
    }

    fn compose(
        id: String,
        what: &str,
        at_ms: i64,
        tenant: &TenantName,
        content: Map<String, Value>,
    ) -> Self {
        let mut data = Map::from_iter([("tenant".to_owned(), json!(tenant.as_str()))]);
        data.extend(content);
        let body = json!({"type": what, "timestamp": moment(at_ms), "data": data}).to_string();
        Self { id, body }
    }

    /// What goes into `webhook-signature`: one for each secret, so that whoever knows one of them can verify it.
    pub(super) fn signatures(&self, sent_at: u64, secrets: &[SigningSecret]) -> String {
        let signed = format!("{}.{sent_at}.{}", self.id, self.body);
        let sign = |secret: &SigningSecret| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.bytes());
            format!("v1,{}", BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()).as_ref()))
        };
        secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
    }
}

/// RFC 3339, to the millisecond.
fn moment(at_ms: i64) -> String {
    let since = Duration::from_millis(u64::try_from(at_ms).unwrap_or(0));
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Message;
    use crate::domain::{Delivery, Event, SigningSecret, Sink, TenantId, TenantName};
    use base64::prelude::{BASE64_STANDARD, Engine};

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::new(BASE64_STANDARD.decode(text).expect("base64"))
    }

    /// The vector of the reference libraries.
    #[test]
    fn a_signature_is_what_the_reference_libraries_make() {
        let message = Message {
            id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk".to_owned(),
            body: r#"{"email":"test@example.com","username":"test_user"}"#.to_owned(),
        };
        let one = secret("C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let expected = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        assert_eq!(message.signatures(1_649_367_553, std::slice::from_ref(&one)), expected);
        let two = message.signatures(1_649_367_553, &[secret("AAAA"), one]);
        assert!(two.ends_with(&format!(" {expected}")) && two.matches("v1,").count() == 2, "{two}");
    }

    #[test]
    fn what_happened_is_said_in_one_way() {
        let mut delivery = Delivery {
            number: 7,
            tenant: TenantId(1),
            tenant_name: TenantName::parse("acme").expect("a name"),
            sink: Sink::Webhook,
            name: "anna".to_owned(),
            event: Event::AccountClosed,
            message: "msg_1".to_owned(),
            content: r#"{"name":"anna","subject":null}"#.to_owned(),
            at_ms: 1_795_750_826_582,
            attempts: 0,
        };
        let message = Message::of(&delivery).expect("a message");
        let body = r#"{"type":"account.closed","timestamp":"2026-11-27T03:40:26.582Z","data":{"tenant":"acme","name":"anna","subject":null}}"#;
        assert_eq!((message.id.as_str(), message.body.as_str()), ("msg_1", body));
        delivery.attempts = 9;
        assert_eq!(Message::of(&delivery), Some(message), "at every attempt");
        delivery.content = "[]".to_owned();
        assert_eq!(Message::of(&delivery), None);
    }
}
