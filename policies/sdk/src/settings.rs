//! From the tenant's document to a configured policy. A problem says where it is as an RFC 6901 pointer; nothing is repaired,
//! and no setting is ever ignored unless the policy's own type says so.

use serde_path_to_error::{Path, Segment};

use crate::{Policy, Problem};

/// Reads `json` into a policy and lets it check itself: what the host's `configure` does, and how a test gets a policy.
pub fn configured<P: Policy>(json: &str) -> Result<P, Vec<Problem>> {
    let mut document = serde_json::Deserializer::from_str(json);
    let mut policy: P = serde_path_to_error::deserialize(&mut document)
        .map_err(|error| vec![Problem::new(pointer(error.path()), said(error.inner()))])?;
    document.end().map_err(|error| vec![Problem::new("", said(&error))])?;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    crate::heap::open();
    policy.configure()?;
    Ok(policy)
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
    }
    pointer
}

/// The reader's message without its line and column: the tenant may have written TOML, and never saw this text.
fn said(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&place).map(str::to_owned).unwrap_or(message)
}
