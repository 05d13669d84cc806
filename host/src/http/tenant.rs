//! From a key in a header to the right to act for a tenant. `ledger::authenticate` is the only maker of a `Tenant`; a missing or
//! empty key never gets that far.

use crate::domain::HostCode;
use crate::http::problem::Problem;
use crate::ledger::{Denied, Ledger, Operator, Scope, Tenant};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// Opens a tenant for whoever sent these headers; `wanted` is the tenant of the path, none means the key's own.
pub(super) async fn enter(
    ledger: &Ledger,
    headers: &HeaderMap,
    wanted: Option<&str>,
    scope: Scope,
) -> Result<Tenant, Problem> {
    enter_with(ledger, headers, wanted, &[scope]).await
}

/// The same with a key that has one of these scopes.
pub(super) async fn enter_with(
    ledger: &Ledger,
    headers: &HeaderMap,
    wanted: Option<&str>,
    any_of: &[Scope],
) -> Result<Tenant, Problem> {
    Ok(ledger.authenticate(presented(headers)?, wanted, any_of)?)
}

/// Opens what is no tenant's.
pub(super) async fn enter_house(ledger: &Ledger, headers: &HeaderMap) -> Result<Operator, Problem> {
    Ok(ledger.authenticate_operator(presented(headers)?)?)
}

/// Somebody with a right, whichever kind it is.
pub(super) enum Who {
    Operator(Operator),
    Tenant(Tenant),
}

/// Opens everything for an operator, and for a tenant's key with this scope its own tenant.
pub(super) async fn enter_either(
    ledger: &Ledger,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<Who, Problem> {
    let presented = presented(headers)?;
    match ledger.authenticate(presented, None, &[scope]) {
        Err(Denied::TenantRequired) => Ok(Who::Operator(ledger.authenticate_operator(presented)?)),
        opened => Ok(Who::Tenant(opened?)),
    }
}

/// The same for the compatible door, whose clients know one way only in which a key can be wrong.
pub(super) async fn enter_compatible(
    ledger: &Ledger,
    headers: &HeaderMap,
) -> Result<Tenant, Problem> {
    let opened = ledger.authenticate(presented(headers)?, None, &[Scope::Provision]);
    opened.map_err(|denied| match denied {
        Denied::ScopeMissing(_) | Denied::TenantRequired => HostCode::KeyInvalid.into(),
        other => other.into(),
    })
}

/// `X-API-Key`, else `Authorization: Bearer`; an empty value counts as missing.
fn presented(headers: &HeaderMap) -> Result<&str, HostCode> {
    let text = |name: &str| {
        let value = headers.get(name).filter(|value| !value.is_empty());
        value.map(|value| value.to_str().map_err(|_| HostCode::KeyInvalid)).transpose()
    };
    if let Some(key) = text("x-api-key")? {
        return Ok(key);
    }
    let bearer = text(AUTHORIZATION.as_str())?.and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer.filter(|key| !key.is_empty()).ok_or(HostCode::KeyRequired)
}

#[cfg(test)]
mod tests {
    use super::presented;
    use crate::domain::HostCode;
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    fn key(headers: &[(&'static str, &'static str)]) -> Result<String, HostCode> {
        let pairs = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        presented(&pairs.collect::<HeaderMap>()).map(str::to_owned)
    }

    #[test]
    fn x_api_key_wins_and_an_empty_value_is_missing() {
        assert_eq!(key(&[("x-api-key", "a"), ("authorization", "Bearer b")]).as_deref(), Ok("a"));
        assert_eq!(key(&[("x-api-key", ""), ("authorization", "bearer b")]).as_deref(), Ok("b"));
        for none in [
            &[][..],
            &[("x-api-key", "")],
            &[("authorization", "Bearer ")],
            &[("authorization", "Basic x")],
        ] {
            assert_eq!(key(none), Err(HostCode::KeyRequired), "{none:?}");
        }
    }
}
