//! The JSON that doors and commands share: what says who asks, and how a decision is shown.
//! Refuses to decide: it reads text into nouns, with the names of the fields that are wrong, and writes nouns as text.

mod applicant;
mod decision;
mod form;
mod list;
mod operators;
mod time;

pub use applicant::{BodyError, Question};
pub use decision::{AllowanceText, DecisionText};
pub use form::{FormError, KeyForm, TenantForm, TenantPatch, read_form};
pub use list::{ListText, read_cursor};
pub use operators::{KeyText, TenantText};
pub use time::moment;
