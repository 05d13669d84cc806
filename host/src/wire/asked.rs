//! The bodies in which somebody asks, as they are described to people outside.
//! Refuses to read one: `Question` does, more leniently than a type can say.

use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The guide's body. Every field but `username` may be missing or null; unknown ones are ignored.
#[derive(Debug, ToSchema)]
pub struct CompatibleForm {
    /// The provider's own name for the person.
    #[schema(min_length = 1)]
    pub username: String,
    /// Used when the attributes have none.
    pub email: Option<String>,
    /// A stable id, unless it equals `username`.
    pub cognito_user_id: Option<String>,
    /// What the provider knows: text, booleans, numbers; anything nested is its JSON text.
    pub user_attributes: Option<BTreeMap<String, Value>>,
    /// What the sign-up client sent; never to be trusted.
    pub client_metadata: Option<BTreeMap<String, Value>>,
    /// Who vouches, when it is not the tenant's issuer.
    pub issuer: Option<String>,
    /// Where the request comes from.
    pub source: Option<String>,
}

/// The same, and what it is asked for.
#[derive(Debug, ToSchema)]
pub struct AskedForm {
    /// Who asks.
    #[serde(flatten)]
    pub who: CompatibleForm,
    /// `opening`, which is meant when nothing is said, or `sign_up`: before the provider could verify anything.
    #[schema(pattern = "^(opening|sign_up)$")]
    pub occasion: Option<String>,
}

/// The native door's body. Every field but `username` may be missing or null; unknown ones are ignored.
#[derive(Debug, ToSchema)]
pub struct NativeForm {
    /// The provider's own name for the person.
    #[schema(min_length = 1)]
    pub username: String,
    /// The provider's stable id.
    pub subject: Option<String>,
    /// Who vouches, when it is not the tenant's issuer.
    pub issuer: Option<String>,
    /// Their address.
    pub email: Option<String>,
    /// Whether the provider verified it.
    pub email_verified: Option<bool>,
    /// What they belong to.
    pub groups: Option<Vec<String>>,
    /// What the provider knows, each one value or a list of them.
    pub attributes: Option<BTreeMap<String, Value>>,
    /// Where the request comes from.
    pub source: Option<String>,
}
