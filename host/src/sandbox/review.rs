//! The question that is asked about somebody whose name is settled: how much may they have?
//! Refuses to ask for a name, and whether they may come in: an account stays, and is called what it is called.

use crate::domain::{Allowance, Failure, HostCode, Refusal, Request, Usage};
use crate::sandbox::share::{Pace, Share};
use crate::sandbox::{Active, Instance, NotNow, NotReady, Policy, Question, Turned};
use std::sync::Arc;

/// Why nobody knows how much.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The policy failed.
    #[error("policy failed: {0}")]
    Policy(#[from] Failure),
    /// It cannot be asked.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// It is not asked at the moment.
    #[error(transparent)]
    NotNow(#[from] NotNow),
}

impl ReviewError {
    /// What the caller and the record are told.
    pub fn code(&self) -> HostCode {
        match self {
            Self::Policy(failure) => failure.fault.code(),
            Self::NotReady(NotReady::Failed(_)) => HostCode::PolicyFailed,
            Self::NotReady(NotReady::Later(_)) | Self::NotNow(_) => HostCode::Busy,
        }
    }
}

impl Active {
    /// Asks how much somebody may have under `name`, within the tenant's share; and whether the breaker turned over it.
    pub async fn review(
        &self,
        request: &Request,
        name: &str,
        usage: Usage,
    ) -> (Result<Result<Allowance, Refusal>, ReviewError>, Option<Turned>) {
        let policy = match self.policy().await {
            Ok(policy) => policy,
            Err(error) => return (Err(error.into()), None),
        };
        let turn = match self.turn().await {
            Ok(turn) => turn,
            Err(not_now) => return (Err(not_now.into()), None),
        };
        let answer = policy.allow_within(self.share(), request, name, usage).await;
        let overran = answer.as_ref().is_err_and(|failure| failure.fault.is_overrun());
        let turned = turn.ended(overran);
        (answer.map_err(ReviewError::from), turned)
    }
}

impl Policy {
    /// The allowance alone, from a fresh instance. What the policy says beside it is for the record of a decision, and this is none.
    async fn allow_within(
        &self,
        share: &Arc<Share>,
        request: &Request,
        name: &str,
        usage: Usage,
    ) -> Result<Result<Allowance, Refusal>, Failure> {
        let pace = Pace::begin(share).await;
        let _turn = self.engine().turn().await;
        let mut instance = Instance::paced(self, Some(pace)).await?;
        instance.allow(&Question::of(request), name, usage).await
    }
}
