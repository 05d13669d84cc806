//! The JSON that doors and commands share: what says who asks, and how a decision, an account or a row of the record is shown.
//! Refuses to decide: it reads text into nouns, with the names of the fields that are wrong, and writes nouns as text.

mod account;
mod applicant;
mod asked;
mod case;
mod decision;
mod form;
mod import;
mod list;
mod operators;
mod problem;
mod record;
mod reserved;
mod review;
mod revision;
mod settings;
mod stage;
mod status;
mod time;
mod webhook;

pub use account::{AccountText, UsageText};
pub use applicant::{BodyError, ImportItem, Question, read_body};
pub use asked::{AskedForm, CompatibleForm, NativeForm};
pub use case::CasesText;
pub use decision::{AllowanceText, DecisionText};
pub use form::{
    FormError, HandForm, KeyForm, LinkForm, PasswordForm, TenantForm, TenantPatch, read_form,
};
pub use import::{ImportForm, ImportedText, ImportsText};
pub use list::{ListText, read_cursor};
pub use operators::{KeyText, TenantText};
pub use problem::{Code, FailureText, PlaceText, ProblemText};
pub use record::RecordText;
pub use reserved::ReservedText;
pub use review::{DifferenceText, ExampleText, ExamplesText, OpinionText, PreviewText, ReplayText};
pub use revision::{MadeRevisionText, MovedText, RevisionForm, RevisionText};
pub use settings::{SettingsForm, read_settings};
pub use stage::{CandidateText, StageText};
pub use status::{BacklogText, OutcomesText, StatusText, TenantStatusText};
pub use time::{moment, moment_ms, read_moment};
pub use webhook::{SecretText, WebhookForm, WebhookTestText, WebhookText};
