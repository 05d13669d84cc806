//! What comes of making a policy: code that is ready to be mapped, or every reason why there is none.
//! Refuses to know how it is made: `freeze` and `workshop` do.

use crate::domain::{Failure, HostCode};
use crate::sandbox::{EngineError, LoadError};

/// A policy that was made, tried on one applicant, and whose code is in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// `sha256:…` of the component.
    pub component_digest: String,
    /// `sha256:…` of the settings.
    pub settings_digest: String,
    /// What it was compiled for: world, wasmtime and its settings. Code for another engine is not used.
    pub engine: String,
    /// `sha256:…` of the code.
    pub code_digest: String,
    /// What `configure` wants the operator to know.
    pub notes: Vec<String>,
}

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// RFC 6901 pointer into the document, empty for the whole of it.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// Why there is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// The component or its settings are at fault: the same parts will be turned away again.
    #[error("{}: {detail}", code.as_str())]
    TurnedAway {
        /// One of [`MakeError::CODES`].
        code: HostCode,
        /// What is wrong, in plain words.
        detail: String,
        /// What `configure` found wrong with the settings: all of it.
        problems: Vec<Problem>,
        /// Whether they were judged. Otherwise what made them died of it, as far as can be seen: the next time it may live.
        judged: bool,
    },
    /// Too many are being made: try again.
    #[error("too many policies are being made")]
    Busy,
    /// It could not be tried, and why, for the operator.
    #[error("{0}")]
    Unavailable(String),
}

const TOO_COSTLY: HostCode = HostCode::ComponentTooCostly;
const TOO_LARGE: HostCode = HostCode::ComponentTooLarge;
const INVALID: HostCode = HostCode::ComponentInvalid;
const NOT_FROZEN: HostCode = HostCode::CannotBeFrozen;
const REFUSED: HostCode = HostCode::SettingsRefused;
const FAILED: HostCode = HostCode::SampleFailed;

impl MakeError {
    /// Every code that something is turned away with.
    pub const CODES: [HostCode; 6] = [TOO_COSTLY, TOO_LARGE, INVALID, NOT_FROZEN, REFUSED, FAILED];

    /// Turned away without problems of settings.
    pub(super) fn turned_away(code: HostCode, detail: impl Into<String>) -> Self {
        Self::TurnedAway { code, detail: detail.into(), problems: Vec::new(), judged: true }
    }

    /// Its processor time, memory or size went beyond what making may cost.
    pub(super) fn too_costly(what: &str) -> Self {
        Self::turned_away(TOO_COSTLY, format!("the component is too costly to make: {what}"))
    }

    /// The same question got two answers.
    pub(super) fn unsteady() -> Self {
        Self::turned_away(FAILED, "asked twice about one applicant, it gave two answers")
    }

    /// Making it ended in a way that nobody foresaw.
    pub(super) fn ended(how: &str) -> Self {
        Self::turned_away(INVALID, format!("the component cannot be made: {how}"))
    }

    /// The same, and nobody has judged the parts.
    pub(super) fn unjudged(mut self) -> Self {
        if let Self::TurnedAway { judged, .. } = &mut self {
            *judged = false;
        }
        self
    }

    /// `configure` said no, and all that it said.
    pub(super) fn refused(problems: Vec<Problem>) -> Self {
        let each = problems.iter().map(|problem| match problem.path.as_str() {
            "" => problem.message.clone(),
            path => format!("{path}: {}", problem.message),
        });
        let said = each.collect::<Vec<_>>().join("; ");
        let detail = format!("the policy refuses its settings: {said}");
        Self::TurnedAway { code: REFUSED, detail, problems, judged: true }
    }
}

impl From<LoadError> for MakeError {
    fn from(error: LoadError) -> Self {
        let code = match error {
            LoadError::TooCostly { .. } => TOO_COSTLY,
            LoadError::TooLarge { .. } => TOO_LARGE,
            LoadError::CannotBeFrozen(_) => NOT_FROZEN,
            _ => INVALID,
        };
        Self::turned_away(code, error.to_string())
    }
}

/// The policy failed while it was started, configured or tried.
impl From<Failure> for MakeError {
    fn from(failure: Failure) -> Self {
        Self::turned_away(FAILED, failure.to_string())
    }
}

impl From<EngineError> for MakeError {
    fn from(error: EngineError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
