//! From a component and its settings to a component that is configured: `configure` runs once, and its instance's memories and
//! globals become what every instance begins with.
//! Refuses what the freezing cannot keep, tables and dropped segments: a state that is kept in part would be another policy.

use crate::sandbox::budget::Budget;
use crate::sandbox::engine::Engine;
use crate::sandbox::fault::quote;
use crate::sandbox::instance::Instance;
use crate::sandbox::load::{self, LoadError, Loaded};
use crate::sandbox::{Limits, MakeError};
use futures_util::FutureExt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmtime::Store;
use wasmtime::component::{Component, Lift, WasmList};
use wasmtime_wizer::{ComponentContext, ComponentInstanceState, Wizer};

/// A component that need not be configured any more.
pub(super) struct Frozen {
    pub(super) component: Vec<u8>,
    /// What `configure` wants the operator to know.
    pub(super) notes: Vec<String>,
}

/// A component whose state can be read, and where it was sewn open.
pub(super) struct Opened<'a> {
    wizer: Wizer,
    seams: ComponentContext<'a>,
    engine: Engine,
    loaded: Loaded,
}

impl<'a> Opened<'a> {
    /// Compiles a checked component so that its state can be read. It keeps the contract and would fit into the sandbox.
    pub(super) fn new(limits: &Limits, bytes: &'a [u8]) -> Result<Self, MakeError> {
        load::validate(bytes)?;
        let engine = Engine::for_settings(limits)?;
        let mut wizer = Wizer::new();
        // The function that it would take away by name is no part of our contract.
        wizer.keep_init_func(true);
        let opened = catch_unwind(AssertUnwindSafe(|| wizer.instrument_component(bytes)));
        let (seams, opened) = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return Err(unfrozen(format_args!("{error:#}"))),
            Err(_) => return Err(unfrozen("its state cannot be reached")),
        };
        load::validate(&opened).map_err(unfrozen)?;
        let component = Component::from_binary(engine.wasmtime(), &opened);
        let component = component.map_err(|error| unfitting(&error))?;
        let loaded = Loaded::of(&engine, &component)?;
        Ok(Self { wizer, seams, engine, loaded })
    }

    /// Configures it and keeps the state.
    pub(super) async fn freeze(self, settings: &str) -> Result<Frozen, MakeError> {
        let Self { wizer, seams, engine, loaded } = self;
        let budget = Budget::of_settings(engine.limits(), loaded.memories, loaded.tables);
        let (mut policy, instance) = Instance::settle(&engine, &loaded.instance, budget).await?;
        policy.configure(settings).await?.map_err(MakeError::refused)?;
        let notes = policy.notes().await?;
        let mut store = policy.into_store();
        // What the reading copies, and the page that it grows each memory by, is not the policy's.
        store.data_mut().lift();
        store.set_hostcall_fuel(usize::MAX);
        store.set_epoch_deadline(u64::MAX / 2);
        store.set_fuel(u64::MAX).map_err(unfrozen)?;
        let mut state = State { store, instance, broken: None };
        let kept = wizer.snapshot_component(&seams, &mut state);
        let kept = AssertUnwindSafe(kept).catch_unwind().await;
        let component = match (kept, state.broken) {
            (_, Some(broken)) => return Err(unfrozen(broken)),
            (Ok(Ok(component)), None) => component,
            (Ok(Err(error)), None) => return Err(unfrozen(format_args!("{error:#}"))),
            (Err(_), None) => return Err(unfrozen("its state cannot be written down")),
        };
        load::validate(&component).map_err(unfrozen)?;
        Ok(Frozen { component, notes })
    }
}

/// A valid component that does not compile has too much of something; unless it is this process that has too little memory.
fn unfitting(error: &wasmtime::Error) -> MakeError {
    let words = quote(format_args!("{error:#}"));
    let is_memory = |cause: &(dyn std::error::Error + 'static)| {
        let cause = cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        cause == Some(rustix::io::Errno::NOMEM.raw_os_error())
    };
    if error.chain().any(is_memory) {
        return MakeError::too_costly(&words);
    }
    LoadError::TooBig(words).into()
}

fn unfrozen(why: impl std::fmt::Display) -> MakeError {
    LoadError::CannotBeFrozen(quote(why)).into()
}

/// Where the state is read. The reader has no word for "could not", so what could not be read is kept here and said afterwards.
struct State {
    store: Store<Budget>,
    instance: wasmtime::component::Instance,
    broken: Option<String>,
}

impl State {
    async fn call<R: Lift + 'static>(&mut self, instance: &str, function: &str) -> Option<R> {
        match self.try_call(instance, function).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                // The name of what was called says whether it is a global or a memory; neither is the policy's own.
                let what = if function.starts_with("memory") { "memory" } else { "globals" };
                let cause = error.root_cause();
                self.broken =
                    Some(format!("its {what} cannot be read, or has no page left: {cause}"));
                None
            }
        }
    }

    async fn try_call<R: Lift + 'static>(
        &mut self,
        instance: &str,
        function: &str,
    ) -> wasmtime::Result<R> {
        let Self { store, instance: component, .. } = self;
        let outer = component.get_export_index(&mut *store, None, instance);
        let outer = outer.ok_or_else(|| wasmtime::Error::msg("no way to its state"))?;
        let found = component.get_export_index(&mut *store, Some(&outer), function);
        let found = found.ok_or_else(|| wasmtime::Error::msg("no way to its state"))?;
        let function = component.get_typed_func::<(), (R,)>(&mut *store, found)?;
        Ok(function.call_async(&mut *store, ()).await?.0)
    }
}

impl ComponentInstanceState for State {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.call::<WasmList<u8>>(instance, func).await {
            Some(list) => contents(list.as_le_slice(&self.store)),
            None => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func).await.unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func).await.unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.call::<f32>(instance, func).await.unwrap_or_default().to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.call::<f64>(instance, func).await.unwrap_or_default().to_bits()
    }
}
