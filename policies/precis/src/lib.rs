//! Names in any script: what stands before the `@` of a verified address, as RFC 8265 writes it, unless it is written in a way that
//! is mistaken for another name. A name that could be misread is refused, never repaired.

use enlist_names::{
    Casing, Disallowed, Reserved, Restriction, is_letter_or_digit, is_mark, local_part, prepare,
    restrict,
};
use enlist_policy::{Assurance, Policy, Problem, Refusal, Request, export, refuse};

/// Settings, each of which may be missing.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Precis {
    /// Names that nobody gets, besides the built-in ones.
    #[serde(default)]
    reserved: Vec<String>,
    /// Whether `admin`, `postmaster` and their like are reserved.
    #[serde(default = "yes")]
    reserved_builtin: bool,
    /// Both, made once.
    #[serde(skip)]
    kept: Reserved,
}

impl Policy for Precis {
    fn configure(&mut self) -> Result<(), Vec<Problem>> {
        if self.reserved_builtin {
            self.kept = Reserved::built_in();
        }
        let mut problems = Vec::new();
        for (place, text) in self.reserved.drain(..).enumerate() {
            match name_of(&text) {
                Ok(name) => self.kept.add(&name),
                Err(refusal) => problems.push(Problem::new(
                    format!("/reserved/{place}"),
                    format!("{text:?} is never a name: {}", refusal.code),
                )),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal> {
        let name = name_of(source(request)?)?;
        if self.kept.holds(&name) {
            return refuse("reserved", "This user name is reserved");
        }
        Ok(vec![name])
    }
}

/// What the name is made of. An address that the provider does not vouch for is no source; the provider's own name is one, and is
/// split where it is written like an address.
fn source(request: &Request) -> Result<&str, Refusal> {
    let username = &request.applicant.username;
    let email = request.applicant.email.as_ref();
    match email.filter(|email| email.assurance != Assurance::Unverified) {
        Some(email) => local_part(bounded(&email.address)?).map_err(no),
        None if username.contains('@') => local_part(bounded(username)?).map_err(no),
        None => Ok(username),
    }
}

fn name_of(text: &str) -> Result<String, Refusal> {
    let name = prepare(bounded(text)?, Casing::Mapped).map_err(no)?;
    let allowed = |c: char| match c {
        'a'..='z' | '0'..='9' | '.' | '_' | '+' | '-' => true,
        _ => !c.is_ascii() && (is_letter_or_digit(c) || is_mark(c)),
    };
    let bad_edge = !name.starts_with(is_letter_or_digit) || name.ends_with(['.', '+']);
    if bad_edge || name.contains("..") || !name.chars().all(allowed) {
        return refuse("charset", "The user name would have characters that cannot be used");
    }
    restrict(&name, Restriction::HighlyRestrictive).map_err(no)?;
    if name.chars().count() > 64 || name.len() > 255 { too_long() } else { Ok(name) }
}

/// What is longer than any spelling of 64 characters, and than any address, is not looked at.
fn bounded(text: &str) -> Result<&str, Refusal> {
    if text.len() > 1024 { too_long() } else { Ok(text) }
}

fn too_long<T>() -> Result<T, Refusal> {
    refuse("length", "The user name would be too long")
}

fn no(why: Disallowed) -> Refusal {
    Refusal::new(why.code(), why.message())
}

fn yes() -> bool {
    true
}

export!(Precis);
