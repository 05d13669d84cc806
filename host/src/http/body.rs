//! A request's body, whole or not at all: never more than `limits.body_size`, never slower than a patient client.

use crate::domain::HostCode;
use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::time::Duration;

/// How long a body may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// What is taken in of a body that is too large, and thrown away, and how long that may take. A client that is still sending when
/// the connection ends loses the answer; a proxy makes a 502 of it.
const THROWN_AWAY_BYTES: usize = 32 << 20;
const THROWN_AWAY_WITHIN: Duration = Duration::from_secs(2);

/// Reads a body of at most `limit_bytes`. Only a body that is too large, too slow or broken on its way is an error: what it
/// says is not looked at here.
pub(super) async fn read(body: Body, limit_bytes: usize) -> Result<Bytes, HostCode> {
    read_within(body, limit_bytes, ARRIVES_WITHIN).await
}

/// The same of a body that may take longer to arrive.
pub(super) async fn read_within(
    mut body: Body,
    limit_bytes: usize,
    arrives_within: Duration,
) -> Result<Bytes, HostCode> {
    let whole = Limited::new(&mut body, limit_bytes).collect();
    match tokio::time::timeout(arrives_within, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let rest = Limited::new(body, THROWN_AWAY_BYTES);
            let _ = tokio::time::timeout(THROWN_AWAY_WITHIN, throw_away(rest)).await;
            Err(HostCode::BodyTooLarge)
        }
        Ok(Err(_)) => Err(HostCode::BodyRequired),
        Err(_) => Err(HostCode::BodyTimeout),
    }
}

async fn throw_away(mut body: Limited<Body>) {
    while let Some(Ok(_)) = body.frame().await {}
}
