//! What a path names: a tenant, an account, a row. Read leniently: what is no text names nothing, and is found out after the key.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use std::convert::Infallible;

/// The names in a path, decoded.
#[derive(Clone, Debug)]
pub(super) struct Named(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Ok(Self(match RawPathParams::from_request_parts(parts, state).await {
            Ok(named) => named.iter().map(own).collect(),
            // Empty, and so the name of nothing, rather than missing, which would mean the key's own.
            Err(_) => vec![("tenant".to_owned(), String::new())],
        }))
    }
}

impl Named {
    /// The tenant, if the path names one.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.get("tenant")
    }

    /// What `name` stands for; nothing is called by an empty text.
    pub(super) fn part(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    fn get(&self, wanted: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }
}

/// A name as a part of a path.
pub(super) fn encode(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~@+".contains(&b);
    name.bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
