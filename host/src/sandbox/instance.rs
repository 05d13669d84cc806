//! One instance of a policy: its exports as methods, one budget around all of them.
//! Refuses to go on after a failure: wasmtime forbids re-entering what trapped, and a budget that ran out is not refilled.

use crate::domain::{Allowance, Failure, Fault, Refusal, Stage, Usage};
use crate::sandbox::budget::{Budget, SETTINGS_FUEL};
use crate::sandbox::share::Pace;
use crate::sandbox::v1::{self, Exports, NOTE_BYTES, NOTES, Question, Spoken};
use crate::sandbox::{Engine, Policy, Problem, engine, fault};
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::InstancePre;

/// Room in a lift for what a list costs the host beside its text: 32 names or 16 labels, many times over. A list that
/// needs more than this is a flood and is cut off before it is copied.
const LIST_ROOM_BYTES: usize = 4096;

/// Notes are lifted into a budget of their own, eight times what is kept of them; beyond that they are a flood too.
const NOTES_ROOM_BYTES: usize = 8 * NOTES * NOTE_BYTES;

/// A running instance. `Policy::decide` is the way to a decision; this is what it asks, hook by hook.
pub struct Instance {
    store: Store<Budget>,
    exports: Exports,
    /// What it began with.
    fuel_limit: u64,
}

impl Instance {
    /// A fresh instance of what was frozen, with a whole budget. It takes no turn, as a decision does: where
    /// `limits.decisions_at_once` instances are alive, it fails.
    pub async fn start(policy: &Policy) -> Result<Self, Failure> {
        Self::paced(policy, None).await
    }

    /// The same at the pace that its tenant's share allows.
    pub(super) async fn paced(policy: &Policy, pace: Option<Arc<Pace>>) -> Result<Self, Failure> {
        let (engine, fuel) = (policy.engine(), policy.fuel_limit());
        let mut store = store(engine, policy.budget().at(pace), fuel)?;
        match policy.exports().instantiate_async(&mut store).await {
            Ok(exports) => Ok(Self { store, exports, fuel_limit: fuel }),
            Err(error) => Err(not_started(Some(&store), fuel, &error)),
        }
    }

    /// An instance that is to be configured and frozen: start functions have run. Also what its state is read by.
    pub(super) async fn settle(
        engine: &Engine,
        policy: &InstancePre<Budget>,
        budget: Budget,
    ) -> Result<(Self, wasmtime::component::Instance), Failure> {
        let mut store = store(engine, budget, SETTINGS_FUEL)?;
        let started = policy.instantiate_async(&mut store).await.and_then(|instance| {
            let exports = Exports::new(&mut store, &instance)?;
            Ok((exports, instance))
        });
        match started {
            Ok((exports, instance)) => {
                Ok((Self { store, exports, fuel_limit: SETTINGS_FUEL }, instance))
            }
            Err(error) => Err(not_started(Some(&store), SETTINGS_FUEL, &error)),
        }
    }

    /// Hands over the settings; inside, everything that is wrong with them.
    pub(super) async fn configure(
        &mut self,
        settings: &str,
    ) -> Result<Result<(), Vec<Problem>>, Failure> {
        self.enter();
        let answer =
            self.exports.enlist_policy_settings().call_configure(&mut self.store, settings).await;
        let answer = self.hear(Stage::Configure, answer)?;
        Ok(answer.map_err(|problems| problems.into_iter().map(v1::problem).collect()))
    }

    /// It waits for something that is not a worker.
    pub(super) fn rest(&self) {
        if let Some(pace) = &self.store.data().pace {
            pace.rest();
        }
    }

    /// Nothing is asked any more; what is left is the state.
    pub(super) fn into_store(self) -> Store<Budget> {
        self.store
    }

    /// May they have an account at all?
    pub async fn admit(&mut self, question: &Question<'_>) -> Result<Result<(), Refusal>, Failure> {
        self.enter();
        let answer = self
            .exports
            .enlist_policy_admission()
            .call_admit(&mut self.store, question.ask())
            .await;
        let answer = self.hear(Stage::Admit, answer)?;
        self.take(Stage::Admit, answer, Ok)
    }

    /// 1 to 32 candidates for their name, best first.
    pub async fn derive(
        &mut self,
        question: &Question<'_>,
    ) -> Result<Result<Vec<String>, Refusal>, Failure> {
        self.enter();
        let answer = self
            .exports
            .enlist_policy_username()
            .call_derive(&mut self.store, question.ask())
            .await;
        let answer = self.hear(Stage::Derive, answer)?;
        self.take(Stage::Derive, answer, v1::names)
    }

    /// How much they may have under `name`.
    pub async fn allow(
        &mut self,
        question: &Question<'_>,
        name: &str,
        usage: Usage,
    ) -> Result<Result<Allowance, Refusal>, Failure> {
        self.enter();
        let quota = self.exports.enlist_policy_quota();
        let answer =
            quota.call_allow(&mut self.store, question.ask(), name, v1::usage(usage)).await;
        let answer = self.hear(Stage::Allow, answer)?;
        self.take(Stage::Allow, answer, v1::allowance)
    }

    /// What the policy wants the operator to know: at most 64 lines of 512 bytes, the rest is dropped.
    pub async fn notes(&mut self) -> Result<Vec<String>, Failure> {
        engine::watch(&mut self.store);
        self.store.set_hostcall_fuel(NOTES_ROOM_BYTES);
        let notes = self.exports.enlist_policy_notes().call_take(&mut self.store).await;
        match notes {
            Ok(notes) => Ok(v1::notes(notes)),
            Err(error) => {
                let (fault, detail) = fault::of(&error);
                Err(self.fail(Stage::Notes, fault, detail))
            }
        }
    }

    /// Fuel spent since the start.
    pub fn fuel_spent(&self) -> u64 {
        fuel_spent(Some(&self.store), self.fuel_limit)
    }

    /// What its memories and tables have now, the beginning included.
    pub fn memory_bytes(&self) -> u64 {
        self.store.data().memory_bytes()
    }

    /// Before every call: the clock looks at us again, and no more may be copied than may still be answered.
    fn enter(&mut self) {
        engine::watch(&mut self.store);
        let left = usize::try_from(self.store.data().answer_left()).unwrap_or(usize::MAX);
        self.store.set_hostcall_fuel(left.saturating_add(LIST_ROOM_BYTES));
    }

    /// After every call: a failure of the call, or an answer that is not too long.
    fn hear<T: Spoken>(&mut self, stage: Stage, answer: wasmtime::Result<T>) -> Result<T, Failure> {
        let answer = answer.map_err(|error| {
            let (fault, detail) = fault::of(&error);
            self.fail(stage, fault, detail)
        })?;
        let (bytes, left) = (answer.text_bytes() as u64, self.store.data().answer_left());
        if self.store.data_mut().answer(bytes) {
            return Ok(answer);
        }
        let detail = format!("answered {bytes} bytes, {left} of limits.answer were left");
        Err(self.fail(stage, Fault::AnswerTooLarge, detail))
    }

    /// From the contract's types to ours; what the contract does not allow is a failure.
    fn take<W, T>(
        &self,
        stage: Stage,
        answer: Result<W, v1::WitRefusal>,
        convert: impl FnOnce(W) -> Result<T, String>,
    ) -> Result<Result<T, Refusal>, Failure> {
        let taken = match answer {
            Ok(answer) => convert(answer).map(Ok),
            Err(refusal) => v1::refusal(stage, refusal).map(Err),
        };
        taken.map_err(|reason| self.fail(stage, Fault::Malformed, reason))
    }

    fn fail(&self, stage: Stage, fault: Fault, detail: String) -> Failure {
        failure(Some(&self.store), self.fuel_limit, stage, fault, detail)
    }
}

fn store(engine: &Engine, budget: Budget, fuel: u64) -> Result<Store<Budget>, Failure> {
    let mut store = engine.store(budget, fuel).map_err(|error| not_started(None, fuel, &error))?;
    engine::watch(&mut store);
    Ok(store)
}

fn not_started(store: Option<&Store<Budget>>, fuel: u64, error: &wasmtime::Error) -> Failure {
    let (fault, detail) = fault::of(error);
    failure(store, fuel, Stage::Start, fault, detail)
}

fn failure(
    store: Option<&Store<Budget>>,
    fuel: u64,
    stage: Stage,
    fault: Fault,
    detail: String,
) -> Failure {
    let worked = store.map(|store| store.data().worked()).unwrap_or_default();
    Failure { stage, fault, detail: fault::quote(detail), fuel: fuel_spent(store, fuel), worked }
}

fn fuel_spent(store: Option<&Store<Budget>>, fuel: u64) -> u64 {
    // Without fuel consumption there would be no engine at all.
    store.and_then(|store| store.get_fuel().ok()).map_or(0, |left| fuel.saturating_sub(left))
}
