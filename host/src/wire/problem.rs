//! A no as JSON, in its two shapes: RFC 9457, and the guide's.

use crate::domain::HostCode;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOf, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A no, by RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemText {
    /// Always `about:blank`: `code` says which problem it is.
    pub r#type: &'static str,
    /// For people.
    pub title: String,
    /// The answer's own.
    pub status: u16,
    /// For machines.
    #[schema(value_type = Code)]
    pub code: String,
    /// The answer's `X-Request-Id`.
    pub request_id: String,
    /// Where in the body it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub errors: Option<Vec<PlaceText>>,
    /// What else whoever asks may know.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
}

/// A place in a body, and what is wrong there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlaceText {
    /// RFC 6901.
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

/// A no, as the guide has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureText {
    /// Always false.
    pub success: bool,
    /// For the person who signs up.
    pub error: String,
    /// For machines.
    #[schema(value_type = Code)]
    pub code: String,
    /// The answer's `X-Request-Id`.
    pub request_id: String,
}

/// A code: the host's, which are fixed, or a policy's own.
#[derive(Debug)]
pub struct Code;

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let host = text()
            .enum_values(Some(HostCode::ALL.map(HostCode::as_str)))
            .description(Some("The host's own: fixed, and no policy answers with one."));
        let policy = text()
            .pattern(Some("^[a-z0-9_]{1,64}$"))
            .description(Some("A policy's own: free text of this form, in a 403 alone."));
        Schema::AnyOf(AnyOf { items: vec![host.into(), policy.into()], ..AnyOf::new() }).into()
    }
}

impl ToSchema for Code {}
