//! What is asked for behind a `?`: how much of a list, from where, and which part of it.
//! Refuses to guess: a value that cannot be meant is a problem that names it. What no door knows is ignored.

use crate::http::problem::Problem;
use crate::wire::read_cursor;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::convert::Infallible;

/// Items of a page that asks for no number of its own.
const LIMIT: usize = 50;

/// The most that a page may have.
const LIMIT_MOST: usize = 500;

/// The parameters of a request, decoded; an empty one is a missing one.
#[derive(Clone, Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let text = parts.uri.query().unwrap_or_default();
        Ok(Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect()))
    }
}

impl Query {
    /// The first value of this name.
    pub(super) fn get(&self, wanted: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, value)| name == wanted && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// A value as `read` understands it.
    pub(super) fn read<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let wrong = || Problem::parameter(name);
        self.get(name).map(|text| read(text).ok_or_else(wrong)).transpose()
    }

    /// How many items a page may have.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        let read = |text: &str| text.parse().ok().filter(|limit| (1..=LIMIT_MOST).contains(limit));
        Ok(self.read("limit", read)?.unwrap_or(LIMIT))
    }

    /// Where the page begins.
    pub(super) fn after(&self) -> Result<Option<String>, Problem> {
        self.read("after", read_cursor)
    }

    /// Whether something was asked for that is either asked for or not.
    pub(super) fn switch(&self, name: &'static str) -> Result<bool, Problem> {
        let read = |text: &str| text.parse().ok();
        Ok(self.read(name, read)?.unwrap_or(false))
    }
}
