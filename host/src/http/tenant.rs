//! From a key in a header to the right to act for a tenant. `ledger::authenticate` is the only maker of a `Tenant`; a missing or
//! empty key never gets that far.

use crate::domain::HostCode;
use crate::http::Rooms;
use crate::http::problem::Problem;
use crate::ledger::{Denied, Ledger, Operator, Scope, Tenant};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// Opens a tenant for whoever sent these headers; `wanted` is the tenant of the path, none means the key's own.
pub(super) async fn enter(
    rooms: &Rooms,
    headers: &HeaderMap,
    wanted: Option<&str>,
    scope: Scope,
) -> Result<Tenant, Problem> {
    enter_with(rooms, headers, wanted, &[scope]).await
}

/// The same with a key that has one of these scopes.
pub(super) async fn enter_with(
    rooms: &Rooms,
    headers: &HeaderMap,
    wanted: Option<&str>,
    any_of: &[Scope],
) -> Result<Tenant, Problem> {
    Ok(present(rooms, headers, |ledger, key| ledger.authenticate(key, wanted, any_of))??)
}

/// Opens what is no tenant's.
pub(super) async fn enter_house(rooms: &Rooms, headers: &HeaderMap) -> Result<Operator, Problem> {
    Ok(present(rooms, headers, Ledger::authenticate_operator)??)
}

/// Somebody with a right, whichever kind it is.
pub(super) enum Who {
    Operator(Operator),
    Tenant(Tenant),
}

/// Opens everything for an operator, and for a tenant's key with this scope its own tenant.
pub(super) async fn enter_either(
    rooms: &Rooms,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<Who, Problem> {
    let who =
        present(rooms, headers, |ledger, key| match ledger.authenticate(key, None, &[scope]) {
            Err(Denied::TenantRequired) => ledger.authenticate_operator(key).map(Who::Operator),
            opened => opened.map(Who::Tenant),
        });
    Ok(who??)
}

/// Opens the numbers: everybody's for an operator, else those of the tenant that is given.
pub(super) async fn enter_metrics(
    rooms: &Rooms,
    headers: &HeaderMap,
) -> Result<Option<Tenant>, Problem> {
    Ok(present(rooms, headers, Ledger::authenticate_metrics)??)
}

/// The same as [`enter`] for the compatible door, whose clients know one way only in which a key can be wrong.
pub(super) async fn enter_compatible(
    rooms: &Rooms,
    headers: &HeaderMap,
) -> Result<Tenant, Problem> {
    let provision = [Scope::Provision];
    let opened = present(rooms, headers, |ledger, key| ledger.authenticate(key, None, &provision))?;
    opened.map_err(|denied| match denied {
        Denied::ScopeMissing(_) | Denied::TenantRequired | Denied::Limited => {
            HostCode::KeyInvalid.into()
        }
        other => other.into(),
    })
}

/// Presents the key to the ledger, and counts it if it is somebody's, whatever it opens.
fn present<T>(
    rooms: &Rooms,
    headers: &HeaderMap,
    ask: impl FnOnce(&Ledger, &str) -> Result<T, Denied>,
) -> Result<Result<T, Denied>, HostCode> {
    let key = presented(headers)?;
    let opened = ask(&rooms.ledger, key);
    if !matches!(opened, Err(Denied::Unknown | Denied::Ledger(_))) {
        rooms.rates.count_key(key)?;
    }
    Ok(opened)
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
