//! A policy that is ready to be asked, and the order in which it is asked.
//! Refuses to keep anything: every decision has an instance of its own, which is gone when the decision is made.

use crate::domain::{Decision, Failure, Grant, Pick, Request, Usage, Verdict};
use crate::sandbox::budget::Budget;
use crate::sandbox::cache::{Checked, Key};
use crate::sandbox::load::Loaded;
use crate::sandbox::share::{Pace, Share};
use crate::sandbox::v1::ExportsPre;
use crate::sandbox::{Code, Engine, Instance, LoadError, Question};
use std::sync::Arc;

/// A component that was configured. Cheap to clone.
#[derive(Clone)]
pub struct Policy(Arc<Shared>);

struct Shared {
    engine: Engine,
    loaded: Loaded,
    component_digest: String,
    settings_digest: String,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum DecideError<E> {
    /// The policy gave no answer: nobody is provisioned.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The host could not say which name is free.
    #[error("no name could be picked")]
    Pick(#[source] E),
}

impl Policy {
    /// What was made a moment ago, in this process.
    pub fn of_code(engine: &Engine, code: &Code) -> Result<Self, LoadError> {
        let loaded = Loaded::of_code(engine, code)?;
        Ok(Self(Arc::new(Shared {
            engine: engine.clone(),
            loaded,
            component_digest: code.component_digest().to_owned(),
            settings_digest: code.settings_digest().to_owned(),
        })))
    }

    /// What was made before: maps a file that was seen to hold exactly what it held then.
    pub(super) fn of_file(engine: &Engine, file: &Checked, key: &Key) -> Result<Self, LoadError> {
        let loaded = Loaded::of_file(engine, file)?;
        Ok(Self(Arc::new(Shared {
            engine: engine.clone(),
            loaded,
            component_digest: key.component_digest.to_string(),
            settings_digest: key.settings_digest.to_string(),
        })))
    }

    /// `sha256:` and the hexadecimal digest of the component's bytes.
    pub fn component_digest(&self) -> &str {
        &self.0.component_digest
    }

    /// `sha256:` and the hexadecimal digest of the settings' bytes.
    pub fn settings_digest(&self) -> &str {
        &self.0.settings_digest
    }

    /// Asks the policy about `request` in a fresh instance of what was frozen: `admit`, `derive`, then `pick` chooses among the
    /// candidates while the instance waits, then `allow`, and last the notes, also after a refusal. `pick` is not called for
    /// somebody who is refused before; what it reserved is dropped with the error when a later hook fails.
    ///
    /// Waits while `limits.decisions_at_once` others run. Dropping the future ends the instance.
    pub async fn decide<R, E, F, Fut>(
        &self,
        request: &Request,
        usage: Usage,
        pick: F,
    ) -> Result<Verdict<R>, DecideError<E>>
    where
        F: FnOnce(Vec<String>) -> Fut + Send,
        Fut: Future<Output = Result<Pick<R>, E>> + Send,
    {
        self.paced(None, request, usage, pick).await
    }

    /// The same with no more of the processors than is left of a tenant's share.
    pub async fn decide_within<R, E, F, Fut>(
        &self,
        share: &Arc<Share>,
        request: &Request,
        usage: Usage,
        pick: F,
    ) -> Result<Verdict<R>, DecideError<E>>
    where
        F: FnOnce(Vec<String>) -> Fut + Send,
        Fut: Future<Output = Result<Pick<R>, E>> + Send,
    {
        let pace = Pace::begin(share).await;
        self.paced(Some(pace), request, usage, pick).await
    }

    async fn paced<R, E, F, Fut>(
        &self,
        pace: Option<Arc<Pace>>,
        request: &Request,
        usage: Usage,
        pick: F,
    ) -> Result<Verdict<R>, DecideError<E>>
    where
        F: FnOnce(Vec<String>) -> Fut + Send,
        Fut: Future<Output = Result<Pick<R>, E>> + Send,
    {
        let _turn = self.0.engine.turn().await;
        let question = Question::of(request);
        let mut instance = Instance::paced(self, pace).await?;
        let decision = ask(&mut instance, &question, usage, pick).await?;
        let notes = instance.notes().await?;
        Ok(Verdict { decision, notes, fuel: instance.fuel_spent() })
    }

    /// What a decision may use: the measure for [`Verdict::fuel`].
    pub fn fuel_limit(&self) -> u64 {
        self.0.engine.limits().decision_fuel
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(super) fn exports(&self) -> &ExportsPre<Budget> {
        &self.0.loaded.exports
    }

    pub(super) fn budget(&self) -> Budget {
        let Loaded { memories, tables, .. } = &self.0.loaded;
        Budget::of_decision(self.0.engine.limits(), *memories, *tables)
    }
}

async fn ask<R, E, F, Fut>(
    instance: &mut Instance,
    question: &Question<'_>,
    usage: Usage,
    pick: F,
) -> Result<Decision<R>, DecideError<E>>
where
    F: FnOnce(Vec<String>) -> Fut,
    Fut: Future<Output = Result<Pick<R>, E>>,
{
    if let Err(refusal) = instance.admit(question).await? {
        return Ok(Decision::Refuse(refusal));
    }
    let names = match instance.derive(question).await? {
        Ok(names) => names,
        Err(refusal) => return Ok(Decision::Refuse(refusal)),
    };
    instance.rest();
    let (name, place, reservation) = match pick(names).await.map_err(DecideError::Pick)? {
        Pick::Chosen { name, place, reservation } => (name, place, reservation),
        Pick::Nothing(refusal) => return Ok(Decision::Refuse(refusal)),
    };
    Ok(match instance.allow(question, name.as_str(), usage).await? {
        Ok(allowance) => Decision::Grant(Grant { name, place, reservation, allowance }),
        Err(refusal) => Decision::Refuse(refusal),
    })
}
