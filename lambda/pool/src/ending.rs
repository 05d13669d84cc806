//! How the command ends, in statuses that scripts can rely on: the same five as those of `enlist`.
//! Refuses to print: who fails says why, and main alone writes it.

use std::process::ExitCode;

/// How a verb ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Yes.
    Yes,
    /// A refusal, or a failed check.
    No,
    /// Wrong use.
    WrongUse,
    /// Not reachable, or it failed.
    Failed,
    /// No key or credentials, wrong ones, or ones without the right.
    Locked,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Yes => 0,
            Ending::No => 1,
            Ending::WrongUse => 2,
            Ending::Failed => 3,
            Ending::Locked => 4,
        })
    }
}

/// Why a verb ends before its time.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How it ends.
    pub(crate) ending: Ending,
    /// What is said on standard error; several lines if need be.
    pub(crate) says: String,
}

impl Failure {
    pub(crate) fn new(ending: Ending, says: impl Into<String>) -> Self {
        Self { ending, says: says.into() }
    }

    /// The same, with what was being done before it.
    pub(crate) fn while_doing(self, what: &str) -> Self {
        Self { ending: self.ending, says: format!("{what}: {}", self.says) }
    }
}
