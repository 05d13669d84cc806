//! `enlist:policy@1`: the bindings that wasmtime makes of the contract, and the one place where WIT types and ours meet.
//! Refuses to repair: an answer that the contract does not allow is a reason, never a guess.

use crate::domain::{Allowance, Assurance, Occasion, PolicyCode, Refusal, Request, Stage, Usage};
use crate::sandbox::Problem;
use crate::sandbox::fault::clip;
use bindings::enlist::policy::types as wit;
use bindings::exports::enlist::policy::{quota, settings};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "policy",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(super) use bindings::enlist::policy::types::Refusal as WitRefusal;
pub(super) use bindings::{Policy as Exports, PolicyPre as ExportsPre};

/// The world that policies keep to: code compiled for another is not used.
pub(super) const WORLD: &str = "enlist:policy@1";

/// What a policy has to export, function by function.
pub(super) const EXPORTS: [(&str, &[&str]); 5] = [
    ("enlist:policy/settings@1.0.0", &["schema", "configure"]),
    ("enlist:policy/admission@1.0.0", &["admit"]),
    ("enlist:policy/username@1.0.0", &["derive"]),
    ("enlist:policy/quota@1.0.0", &["allow"]),
    ("enlist:policy/notes@1.0.0", &["take"]),
];

/// The one import a policy may have, for it carries types alone; its version follows.
pub(super) const TYPES_IMPORT: &str = "enlist:policy/types@1.";

/// Candidates that `derive` may answer.
const NAMES: std::ops::RangeInclusive<usize> = 1..=32;
/// Labels that `allow` may answer, and the length of a label's name in bytes.
const LABELS: usize = 16;
const LABEL_NAME_BYTES: std::ops::RangeInclusive<usize> = 1..=64;
/// Notes that are kept, and the bytes that are kept of each.
pub(super) const NOTES: usize = 64;
pub(super) const NOTE_BYTES: usize = 512;

/// A request as every hook is asked it, borrowed from ours.
pub struct Question<'a> {
    request: &'a Request,
    groups: Vec<&'a str>,
    attributes: Vec<wit::Attribute<'a>>,
}

impl<'a> Question<'a> {
    /// Borrows `request`; nothing of it is copied before a policy's memory.
    pub fn of(request: &'a Request) -> Self {
        let applicant = &request.applicant;
        let attribute =
            |a: &'a crate::domain::Attribute| wit::Attribute { name: &a.name, value: &a.value };
        Self {
            request,
            groups: applicant.groups.iter().map(String::as_str).collect(),
            attributes: applicant.attributes.iter().map(attribute).collect(),
        }
    }

    pub(super) fn ask(&self) -> wit::Request<'_> {
        let Request { applicant, occasion, source, now } = self.request;
        let email = applicant.email.as_ref().map(|email| wit::Email {
            address: email.address(),
            domain: email.domain(),
            assurance: match email.assurance() {
                Assurance::Verified => wit::Assurance::Verified,
                Assurance::Pending => wit::Assurance::Pending,
                Assurance::Unverified => wit::Assurance::Unverified,
            },
        });
        wit::Request {
            applicant: wit::Applicant {
                issuer: &applicant.issuer,
                subject: applicant.subject.as_deref(),
                username: &applicant.username,
                email,
                groups: &self.groups,
                attributes: &self.attributes,
            },
            occasion: match occasion {
                Occasion::SignUp => wit::Occasion::SignUp,
                Occasion::Opening => wit::Occasion::Opening,
                Occasion::Review => wit::Occasion::Review,
            },
            source,
            now: *now,
        }
    }
}

pub(super) fn usage(usage: Usage) -> quota::Usage {
    let Usage { accounts, accounts_in_domain } = usage;
    quota::Usage { accounts, accounts_in_domain }
}

/// How many bytes of text an answer holds: what `limits.answer` counts.
pub(super) trait Spoken {
    fn text_bytes(&self) -> usize;
}

impl Spoken for () {
    fn text_bytes(&self) -> usize {
        0
    }
}

impl Spoken for String {
    fn text_bytes(&self) -> usize {
        self.len()
    }
}

impl<T: Spoken> Spoken for Vec<T> {
    fn text_bytes(&self) -> usize {
        self.iter().map(Spoken::text_bytes).sum()
    }
}

impl<T: Spoken, E: Spoken> Spoken for Result<T, E> {
    fn text_bytes(&self) -> usize {
        match self {
            Ok(answer) => answer.text_bytes(),
            Err(answer) => answer.text_bytes(),
        }
    }
}

impl Spoken for wit::Refusal {
    fn text_bytes(&self) -> usize {
        self.code.len() + self.message.len() + self.detail.as_ref().map_or(0, String::len)
    }
}

impl Spoken for quota::Allowance {
    fn text_bytes(&self) -> usize {
        self.labels.iter().map(|label| label.name.len() + label.value.len()).sum()
    }
}

impl Spoken for settings::Problem {
    fn text_bytes(&self) -> usize {
        self.path.len() + self.message.len()
    }
}

/// `Err` says what the contract does not allow.
type Heard<T> = Result<T, String>;

/// One thing that `configure` found wrong.
pub(super) fn problem(problem: settings::Problem) -> Problem {
    Problem { path: problem.path, message: problem.message }
}

/// A hook's no with the hook it came from.
pub(super) fn refusal(stage: Stage, refusal: wit::Refusal) -> Heard<Refusal> {
    let wit::Refusal { code, message, detail } = refusal;
    let code = PolicyCode::try_from(code.clone())
        .map_err(|e| format!("refused with code {code:?}: {e}"))?;
    Ok(Refusal::Policy { stage, code, message, detail })
}

/// Candidates for a name, best first.
pub(super) fn names(names: Vec<String>) -> Heard<Vec<String>> {
    match names.len() {
        count if NAMES.contains(&count) => Ok(names),
        count => Err(format!("derived {count} names, 1 to 32 are allowed")),
    }
}

/// What `allow` granted.
pub(super) fn allowance(allowance: quota::Allowance) -> Heard<Allowance> {
    let labels = allowance.labels;
    if labels.len() > LABELS {
        return Err(format!("gave {} labels, at most {LABELS} are allowed", labels.len()));
    }
    if let Some(label) = labels.iter().find(|label| !is_label_name(&label.name)) {
        return Err(format!("gave a label the name {:?}", label.name));
    }
    Ok(Allowance {
        max_accounts: allowance.max_accounts,
        max_accounts_in_domain: allowance.max_accounts_in_domain,
        storage_bytes: allowance.storage_bytes,
        storage_files: allowance.storage_files,
        labels: labels.into_iter().map(|label| (label.name, label.value)).collect(),
    })
}

fn is_label_name(name: &str) -> bool {
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
    LABEL_NAME_BYTES.contains(&name.len()) && name.bytes().all(plain)
}

/// The notes that are kept.
pub(super) fn notes(mut notes: Vec<String>) -> Vec<String> {
    notes.truncate(NOTES);
    for note in &mut notes {
        note.truncate(clip(note, NOTE_BYTES).len());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::{NOTE_BYTES, NOTES, is_label_name, notes};

    #[test]
    fn notes_are_cut_in_number_and_between_characters() {
        let long = format!("{}é", "a".repeat(NOTE_BYTES - 1));
        let kept = notes(vec![long; NOTES + 1]);
        assert_eq!(kept.len(), NOTES);
        assert!(kept.iter().all(|note| *note == "a".repeat(NOTE_BYTES - 1)));
    }

    #[test]
    fn a_label_has_a_short_plain_name() {
        for good in ["plan", "a", "0_.-z", &"a".repeat(64)] {
            assert!(is_label_name(good), "{good}");
        }
        for bad in ["", "Plan", "a b", "ä", &"a".repeat(65)] {
            assert!(!is_label_name(bad), "{bad}");
        }
    }
}
