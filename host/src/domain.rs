//! The nouns of Enlist: who asks, what was decided, under which name, for which tenant.
//! Refuses to know how any of them travels or is stored: no wire formats, no rows, no WIT types, none of our other rooms.

mod account;
mod applicant;
mod code;
mod course;
mod decision;
mod email;
mod event;
mod name;
mod page;
mod record;
mod reserved;
mod review;
mod skeleton;
mod tenant;
mod webhook;

pub use account::{Account, AccountState, Held};
pub use applicant::{Applicant, Attribute, Occasion, Request};
pub use code::HostCode;
pub use course::{Candidate, Course, Fate, Recognised};
pub use decision::{
    Allowance, CodeError, Decision, Failure, Fault, Grant, Pick, PolicyCode, Refusal, Stage, Usage,
    Verdict,
};
pub use email::{Assurance, Email};
pub use event::{Backlog, Delivery, Event, Sink};
pub use name::{FoldKey, Name, Unusable};
pub use page::Page;
pub use record::{Outcomes, Person, RecordFilter, RecordRow};
pub use reserved::Reserved;
pub use review::{KnownPerson, Past, Told};
pub use skeleton::{Skeleton, excludes};
pub use tenant::{TenantId, TenantName};
pub use webhook::{Endpoint, SecretEntry, SigningSecret, Webhook};
