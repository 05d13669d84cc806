//! What a client got: status, headers, text, and what can be read from them.

use serde_json::Value;
use std::collections::BTreeMap;

/// What a client got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no code: {self:?}")).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Whether it is one that the record tells of: somebody's who had reached a tenant with a question.
    pub(super) fn is_recorded(&self) -> bool {
        let Ok(body) = serde_json::from_str::<Value>(&self.text) else { return false };
        let decided =
            body["success"] == true || body["decision"].is_string() || body["state"].is_string();
        let code = body["code"].as_str().unwrap_or_default();
        let policy_failed = matches!(code, "policy_failed" | "policy_timeout");
        let refused = matches!(self.status, 403 | 409) && code != "scope_missing";
        decided || refused || policy_failed
    }
}
