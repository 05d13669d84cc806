//! Where a policy comes from before it is a revision: the binary itself, or a file.
//! Refuses to judge it, and to read more of a file than would be loaded.

use enlist_artifacts::LOCALPART;
use std::fs::File;
use std::io::Read;

/// The component that `policy` names, `builtin:NAME` or a file; of a file that is larger than `limit_bytes` one byte more than
/// that, which is enough to see it. The error is a line for whoever named it.
pub(crate) fn read_policy(policy: &str, limit_bytes: u64) -> Result<Vec<u8>, String> {
    match policy.strip_prefix("builtin:") {
        Some("localpart") => return Ok(LOCALPART.to_vec()),
        Some(_) => return Err(format!("{policy} is not built in; builtin:localpart is")),
        None => {}
    }
    let mut component = Vec::new();
    File::open(policy)
        .and_then(|file| file.take(limit_bytes.saturating_add(1)).read_to_end(&mut component))
        .map_err(|error| format!("{policy}: {error}"))?;
    Ok(component)
}
