//! The host's own codes: what an answer says when it was not the policy that spoke. Fixed for ever; a policy cannot use them.
//! Refuses to say how a code travels: statuses and headers are `http/problem.rs`'s.

/// Every code the host answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "a variant says what its code says")]
pub enum HostCode {
    KeyRequired,
    KeyInvalid,
    ScopeMissing,
    TenantRequired,
    NotFound,
    BodyRequired,
    UsernameRequired,
    FieldInvalid,
    NameUnusable,
    UsernameTaken,
    HomeExists,
    QuotaAccounts,
    QuotaDomain,
    AccountClosed,
    AccountOpen,
    AccountErased,
    IdentityTaken,
    TenantExists,
    TenantNotEmpty,
    HomeOverlaps,
    IssuerConflict,
    ComponentInvalid,
    ComponentTooLarge,
    ComponentTooCostly,
    CannotBeFrozen,
    SettingsRefused,
    SampleFailed,
    RevisionChanged,
    NothingToRollBack,
    TooManyRevisions,
    MethodNotAllowed,
    BodyTooLarge,
    BodyTimeout,
    RateLimited,
    Busy,
    PolicyTimeout,
    PolicyFailed,
    StorageUnavailable,
    InternalError,
}

/// A code of the contract that no door answers with yet: taken all the same, so that no policy can come to depend on them.
const TAKEN_EARLY: [&str; 1] = ["downstream_busy"];

impl HostCode {
    /// Every code, for tests and for `is_taken`.
    pub const ALL: [Self; 39] = [
        Self::KeyRequired,
        Self::KeyInvalid,
        Self::ScopeMissing,
        Self::TenantRequired,
        Self::NotFound,
        Self::BodyRequired,
        Self::UsernameRequired,
        Self::FieldInvalid,
        Self::NameUnusable,
        Self::UsernameTaken,
        Self::HomeExists,
        Self::QuotaAccounts,
        Self::QuotaDomain,
        Self::AccountClosed,
        Self::AccountOpen,
        Self::AccountErased,
        Self::IdentityTaken,
        Self::TenantExists,
        Self::TenantNotEmpty,
        Self::HomeOverlaps,
        Self::IssuerConflict,
        Self::ComponentInvalid,
        Self::ComponentTooLarge,
        Self::ComponentTooCostly,
        Self::CannotBeFrozen,
        Self::SettingsRefused,
        Self::SampleFailed,
        Self::RevisionChanged,
        Self::NothingToRollBack,
        Self::TooManyRevisions,
        Self::MethodNotAllowed,
        Self::BodyTooLarge,
        Self::BodyTimeout,
        Self::RateLimited,
        Self::Busy,
        Self::PolicyTimeout,
        Self::PolicyFailed,
        Self::StorageUnavailable,
        Self::InternalError,
    ];

    /// As answers and the record spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeyRequired => "key_required",
            Self::KeyInvalid => "key_invalid",
            Self::ScopeMissing => "scope_missing",
            Self::TenantRequired => "tenant_required",
            Self::NotFound => "not_found",
            Self::BodyRequired => "body_required",
            Self::UsernameRequired => "username_required",
            Self::FieldInvalid => "field_invalid",
            Self::NameUnusable => "name_unusable",
            Self::UsernameTaken => "username_taken",
            Self::HomeExists => "home_exists",
            Self::QuotaAccounts => "quota_accounts",
            Self::QuotaDomain => "quota_domain",
            Self::AccountClosed => "account_closed",
            Self::AccountOpen => "account_open",
            Self::AccountErased => "account_erased",
            Self::IdentityTaken => "identity_taken",
            Self::TenantExists => "tenant_exists",
            Self::TenantNotEmpty => "tenant_not_empty",
            Self::HomeOverlaps => "home_overlaps",
            Self::IssuerConflict => "issuer_conflict",
            Self::ComponentInvalid => "component_invalid",
            Self::ComponentTooLarge => "component_too_large",
            Self::ComponentTooCostly => "component_too_costly",
            Self::CannotBeFrozen => "cannot_be_frozen",
            Self::SettingsRefused => "settings_refused",
            Self::SampleFailed => "sample_failed",
            Self::RevisionChanged => "revision_changed",
            Self::NothingToRollBack => "nothing_to_roll_back",
            Self::TooManyRevisions => "too_many_revisions",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::RateLimited => "rate_limited",
            Self::Busy => "busy",
            Self::PolicyTimeout => "policy_timeout",
            Self::PolicyFailed => "policy_failed",
            Self::StorageUnavailable => "storage_unavailable",
            Self::InternalError => "internal_error",
        }
    }

    /// What it says to the person who signs up: no path, no cause, no full stop (Cognito adds one).
    pub fn text(self) -> &'static str {
        match self {
            Self::KeyRequired => "API key required",
            Self::KeyInvalid => "Invalid API key",
            Self::ScopeMissing => "This key may not do that",
            Self::TenantRequired => "An operator key needs a tenant in the path",
            Self::NotFound => "There is nothing here",
            Self::BodyRequired => "JSON request body required",
            Self::UsernameRequired => "Username is required",
            Self::FieldInvalid => "Wrong value",
            Self::NameUnusable => "This name cannot be used",
            Self::UsernameTaken => "This name is taken",
            Self::HomeExists => "A folder of this name is already there",
            Self::QuotaAccounts | Self::QuotaDomain => "No more accounts can be opened",
            Self::AccountClosed => "This account is closed",
            Self::AccountOpen => "This account is open: close it first",
            Self::AccountErased => "Nothing is known of this account's person any more",
            Self::IdentityTaken => "This person has another account",
            Self::TenantExists => "A tenant of this name is already there",
            Self::TenantNotEmpty => "This tenant has accounts",
            Self::HomeOverlaps => "This home root overlaps with another place",
            Self::IssuerConflict => "Two accounts would be one person's under this issuer",
            Self::ComponentInvalid => "This component is no policy",
            Self::ComponentTooLarge => "This component is too large",
            Self::ComponentTooCostly => "This component is too costly to compile",
            Self::CannotBeFrozen => "This component cannot be frozen",
            Self::SettingsRefused => "The policy does not take these settings",
            Self::SampleFailed => "The policy fails when it is asked about somebody",
            Self::RevisionChanged => "Another revision became active",
            Self::NothingToRollBack => "There is no revision to go back to",
            Self::TooManyRevisions => "This tenant has as many revisions as it may",
            Self::MethodNotAllowed => "This method is not allowed here",
            Self::BodyTooLarge => "The request body is too large",
            Self::BodyTimeout => "The request body did not arrive in time",
            Self::RateLimited => "Too many requests",
            Self::PolicyFailed => "Provisioning is not possible at the moment",
            Self::Busy | Self::PolicyTimeout | Self::StorageUnavailable | Self::InternalError => {
                "Try again later"
            }
        }
    }

    /// Whether a policy may not answer with `code`.
    pub fn is_taken(code: &str) -> bool {
        TAKEN_EARLY.contains(&code) || Self::ALL.iter().any(|host| host.as_str() == code)
    }
}
