//! Settings from TOML and requests of people, in short.

use enlist_policy::{Assurance, Occasion, Policy, Problem, Refusal, Request, configured, notes};
use enlist_rules::Rules;

/// What a document in TOML comes to; `version = 1` need not be written.
pub(crate) fn read(toml: &str) -> Result<Rules, Vec<Problem>> {
    let text =
        if toml.contains("version") { toml.to_owned() } else { format!("version = 1\n{toml}") };
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{text}\n{error}"));
    configured(&serde_json::to_string(&table).expect("JSON"))
}

/// Settings that are good.
pub(crate) fn rules(toml: &str) -> Rules {
    let rules = read(toml).unwrap_or_else(|problems| panic!("{toml}\n{problems:?}"));
    notes::take();
    rules
}

/// The code of a refusal, or `Ok`.
pub(crate) fn admitted(rules: &Rules, request: &Request) -> Result<(), String> {
    rules.admit(request).map_err(|refusal| refusal.code)
}

/// The names, or the code of the refusal.
pub(crate) fn names(rules: &Rules, request: &Request) -> Result<Vec<String>, String> {
    rules.derive(request).map_err(|refusal: Refusal| refusal.code)
}

/// The first name of somebody with this verified address.
pub(crate) fn name(toml: &str, address: &str) -> Result<String, String> {
    names(&rules(toml), &somebody(address)).map(|mut names| names.remove(0))
}

/// Somebody with this verified address, a subject and another user name.
pub(crate) fn somebody(address: &str) -> Request {
    let mut request = Request::by_hand("somebody").with_email(address);
    request.applicant.subject = Some("sub-1".to_owned());
    request.applicant.issuer = "https://issuer.example".to_owned();
    request
}

/// The same, and what the provider says of the address.
pub(crate) fn assured(address: &str, assurance: Assurance) -> Request {
    let mut request = somebody(address);
    if let Some(email) = &mut request.applicant.email {
        email.assurance = assurance;
    }
    if assurance == Assurance::Pending {
        request.occasion = Occasion::SignUp;
        request.applicant.subject = None;
    }
    request
}

/// The same in these groups.
pub(crate) fn grouped(mut request: Request, groups: &[&str]) -> Request {
    request.applicant.groups = groups.iter().map(|group| (*group).to_owned()).collect();
    request
}
