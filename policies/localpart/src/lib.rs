//! The default rule: an account is named by what stands before the `@`. A name that could be misread is refused, never repaired:
//! two people must not be mended into one.

use enlist_policy::{Policy, Refusal, Request, export};

/// Takes no settings.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalPart {}

impl Policy for LocalPart {
    fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal> {
        let source = request.email().unwrap_or(&request.applicant.username);
        let name = match source.split_once('@') {
            Some((_, rest)) if rest.contains('@') => {
                return Err(Refusal::new(
                    "ambiguous_email",
                    "The e-mail address has more than one @",
                ));
            }
            Some((before, _)) => before,
            None => source,
        };
        match name.len() {
            0 => {
                return Err(Refusal::new(
                    "empty",
                    "There is nothing to make a user name of",
                ));
            }
            1..=64 => {}
            _ => {
                return Err(Refusal::new(
                    "length",
                    "The user name would be longer than 64 characters",
                ));
            }
        }
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
        if !name.bytes().all(inside)
            || name.starts_with(['.', '_', '+', '-'])
            || name.ends_with(['.', '+'])
            || name.contains("..")
        {
            return Err(Refusal::new(
                "charset",
                "The user name would have characters that cannot be used",
            ));
        }
        Ok(vec![name.to_owned()])
    }
}

export!(LocalPart);
