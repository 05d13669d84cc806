//! Where an e-mail address is split. Only what every reader splits alike is split at all: no quoted local parts, comments, display
//! names or address literals. The domain is the host's to check, not ours.

use crate::Disallowed;
use unicode_normalization::UnicodeNormalization;

/// What makes an address more than a local part, an `@` and a domain.
const SPECIAL: &str = "\"(),:;<>[\\] ";

/// What stands before the only `@`, as it stands. Two of them are two also when one is a compatibility character that some reader
/// takes for an `@`.
pub fn local_part(address: &str) -> Result<&str, Disallowed> {
    let ats = match address.is_ascii() {
        true => address.bytes().filter(|b| *b == b'@').count(),
        false => address.nfkc().filter(|c| *c == '@').count(),
    };
    if ats != 1 || address.contains(|c: char| SPECIAL.contains(c) || c.is_ascii_control()) {
        return Err(Disallowed::AmbiguousEmail);
    }
    let (local, domain) = address.split_once('@').ok_or(Disallowed::AmbiguousEmail)?;
    if local.is_empty() {
        return Err(Disallowed::Empty);
    }
    let bad_dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if domain.is_empty() || bad_dots { Err(Disallowed::AmbiguousEmail) } else { Ok(local) }
}
