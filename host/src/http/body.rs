//! A request's body, whole or not at all: never more than `limits.body_size`, never slower than a patient client.

use crate::domain::HostCode;
use axum::body::{Body, Bytes, to_bytes};
use http_body_util::LengthLimitError;
use std::error::Error;
use std::time::Duration;

/// How long a body may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// Reads a body of at most `limit_bytes`. Only a body that is too large, too slow or broken on its way is an error: what it
/// says is not looked at here.
pub(super) async fn read(body: Body, limit_bytes: usize) -> Result<Bytes, HostCode> {
    match tokio::time::timeout(ARRIVES_WITHIN, to_bytes(body, limit_bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.source().is_some_and(|source| source.is::<LengthLimitError>()) => {
            Err(HostCode::BodyTooLarge)
        }
        Ok(Err(_)) => Err(HostCode::BodyRequired),
        Err(_) => Err(HostCode::BodyTimeout),
    }
}
