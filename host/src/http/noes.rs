//! What a door may say no with beside what every door of its kind may: sets of codes, each named after what is done there.
//! Refuses to know statuses: `problem` has them.

use crate::domain::HostCode;
use crate::http::problem;
use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response};

/// Stands among a response's codes for those of a policy's own.
pub(super) const POLICY: &str = "policy";

/// Types for `#[utoipa::path(responses(…))]`: each its codes, and `policy` where a policy may refuse.
macro_rules! noes {
    ($($(#[$about:meta])* $name:ident: $($code:ident)*$(, $policy:ident)?;)+) => {$(
        $(#[$about])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                said(&[$(HostCode::$code),*], &[$(stringify!($policy))?])
            }
        }
    )+};
}

noes! {
    /// `POST /provision-user`
    Compatible: UsernameRequired FieldInvalid NameUnusable UsernameTaken HomeExists QuotaAccounts QuotaDomain AccountClosed
        PolicyTimeout PolicyFailed, policy;
    /// `POST …/accounts`
    Opening: UsernameRequired NameUnusable UsernameTaken HomeExists QuotaAccounts QuotaDomain AccountClosed PolicyTimeout
        PolicyFailed, policy;
    /// `PUT …/accounts/{name}`
    ByHand: UsernameRequired NameUnusable UsernameTaken IdentityTaken HomeExists AccountClosed QuotaAccounts PolicyTimeout
        PolicyFailed, policy;
    /// `POST …/accounts/{name}/link`
    Linking: AccountErased IdentityTaken;
    /// `POST …/accounts/{name}/close`
    Closing: DownstreamBusy;
    /// `POST …/accounts/{name}/reopen`
    Reopening: AccountErased QuotaAccounts QuotaDomain PolicyTimeout PolicyFailed DownstreamBusy, policy;
    /// `PUT …/accounts/{name}/password`
    SettingPassword: AccountClosed AccountErased NoAnkisyncd DownstreamBusy;
    /// `POST …/accounts/{name}/allowance`
    Allowing: AccountErased PolicyTimeout PolicyFailed, policy;
    /// `POST …/accounts/{name}/erase`
    Erasing: AccountOpen;
    /// `POST …/decisions`
    Asking: UsernameRequired PolicyTimeout PolicyFailed;
    /// `POST /v1/tenants`
    MakingTenant: TenantExists HomeOverlaps AuthDbTaken PolicyFailed;
    /// `PATCH /v1/tenants/{tenant}`
    ChangingTenant: TenantNotEmpty HomeOverlaps AuthDbTaken IssuerConflict;
    /// `DELETE /v1/tenants/{tenant}`
    RemovingTenant: TenantNotEmpty;
    /// `POST …/revisions`
    MakingRevision: TooManyRevisions ComponentInvalid ComponentTooLarge ComponentTooCostly CannotBeFrozen SettingsRefused SampleFailed;
    /// `POST …/revisions/{revision}/activate`
    Activating: FieldInvalid RevisionChanged PolicyFailed;
    /// `POST …/revisions/{revision}/preview`
    Previewing: PolicyFailed;
    /// `GET …/replay`
    Replayed: NotFound;
    /// `POST …/rollback`
    RollingBack: NothingToRollBack PolicyFailed;
    /// `GET`, `DELETE …/webhook`, `POST …/webhook/test`
    Webhook: NotFound;
    /// `POST …/webhook/secrets`
    MakingSecret: NotFound TooManySecrets;
    /// `DELETE …/webhook/secrets/{id}`
    RevokingSecret: LastSecret;
    /// `GET /metrics`
    Measuring: NotFound;
}

/// A response for every status of these codes, described by nothing but them: `openapi` makes sentences and schemas of that.
fn said(codes: &[HostCode], more: &[&str]) -> BTreeMap<String, RefOr<Response>> {
    let mut responses = BTreeMap::<String, Vec<&str>>::new();
    for code in codes {
        responses.entry(problem::status(*code)).or_default().push(code.as_str());
    }
    if !more.is_empty() {
        responses.entry("403".to_owned()).or_default().push(POLICY);
    }
    let response = |codes: Vec<&str>| RefOr::T(Response::new(codes.join(" ")));
    responses.into_iter().map(|(status, codes)| (status, response(codes))).collect()
}
