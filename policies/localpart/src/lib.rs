//! The default rule: an account is named by what stands before the `@`. A name that could be misread is refused, never repaired:
//! two people must not be mended into one.

use enlist_policy::{Policy, Refusal, Request, export, refuse};

/// Takes no settings.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalPart {}

impl Policy for LocalPart {
    fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal> {
        let source = request.email().unwrap_or(&request.applicant.username);
        let (name, domain) = source.split_once('@').unwrap_or((source, ""));
        if domain.contains('@') {
            return refuse("ambiguous_email", "The e-mail address has more than one @");
        }
        if name.is_empty() {
            return refuse("empty", "There is nothing to make a user name of");
        }
        if name.len() > 64 {
            return refuse("length", "The user name would be longer than 64 characters");
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
        let bad_edge = name.starts_with(['.', '_', '+', '-']) || name.ends_with(['.', '+']);
        if bad_edge || name.contains("..") || !name.bytes().all(allowed) {
            return refuse("charset", "The user name would have characters that cannot be used");
        }
        Ok(vec![name.to_owned()])
    }
}

export!(LocalPart);
