//! Where a policy comes from before it is a revision: the binary itself, or a file.
//! Refuses to judge it, and to read more of a file than would be loaded.

use crate::ledger::StoredRevision;
use crate::sandbox::digest_of;
use enlist_artifacts::{LOCALPART, PRECIS, RULES};
use std::fs::File;
use std::io::Read;

/// The policy of a tenant that was given none.
pub(super) const DEFAULT_POLICY: &str = "builtin:localpart";

/// The components of the binary's own, and what each is called.
const BUILT_IN: [(&str, &[u8]); 3] =
    [(DEFAULT_POLICY, LOCALPART), ("builtin:precis", PRECIS), ("builtin:rules", RULES)];

/// Revision 1 of a tenant that begins with `policy`; errors as [`read_policy`].
pub(super) fn read_revision(policy: &str, limit_bytes: u64) -> Result<StoredRevision, String> {
    let component = read_policy(policy, limit_bytes)?;
    let settings = "{}".to_owned();
    Ok(StoredRevision {
        number: 1,
        policy: policy.to_owned(),
        digest: digest_of(&component),
        settings_digest: digest_of(settings.as_bytes()),
        component,
        settings,
    })
}

/// The component of the binary's own that is called `name`, `builtin:` included.
pub(super) fn built_in(name: &str) -> Option<&'static [u8]> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, component)| *component)
}

/// The component that `policy` names, `builtin:NAME` or a file; of a file that is larger than `limit_bytes` one byte more than
/// that, which is enough to see it. The error is a line for whoever named it.
pub(crate) fn read_policy(policy: &str, limit_bytes: u64) -> Result<Vec<u8>, String> {
    if policy.starts_with("builtin:") {
        let built_in = built_in(policy).map(<[u8]>::to_vec);
        let known = BUILT_IN.map(|(name, _)| name).join(", ");
        return built_in.ok_or_else(|| format!("{policy} is not built in; these are: {known}"));
    }
    let mut component = Vec::new();
    File::open(policy)
        .and_then(|file| file.take(limit_bytes.saturating_add(1)).read_to_end(&mut component))
        .map_err(|error| format!("{policy}: {error}"))?;
    Ok(component)
}
