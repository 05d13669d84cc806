//! Short ways to say what a policy answers. They only build the contract's own types: every field stays open, and no value is
//! checked here, for the host checks all of them.

use crate::{Allowance, Label, Problem, Refusal};

/// A reasoned no, as a hook returns it: `return refuse("not_a_member", "Only members can have an account")`.
pub fn refuse<T>(code: impl Into<String>, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(code, message))
}

impl Refusal {
    /// `code` is for machines, `[a-z0-9_]{1,64}`; `message` is for the person who signs up, without a full stop at its end.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), detail: None }
    }

    /// Adds what only the operator's record shall show.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl Allowance {
    /// No limit on anything, no label.
    pub fn unlimited() -> Self {
        Self {
            max_accounts: None,
            max_accounts_in_domain: None,
            storage_bytes: None,
            storage_files: None,
            labels: Vec::new(),
        }
    }

    /// Adds a label, stored with the account and shown: `[a-z0-9_.-]{1,64}`, at most 16.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push(Label { name: name.into(), value: value.into() });
        self
    }
}

impl Problem {
    /// `path` is an RFC 6901 pointer into the settings, empty for the whole of them.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}
