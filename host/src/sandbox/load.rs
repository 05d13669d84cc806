//! From bytes to a component that is ready to be instantiated, or to the reason why it never will be.
//! Refuses everything that could reach out of the sandbox or does not fit into it: here, before anybody depends on it.

use crate::sandbox::budget::Budget;
use crate::sandbox::engine::FEATURES;
use crate::sandbox::fault::quote;
use crate::sandbox::shape;
use crate::sandbox::v1::{EXPORTS, ExportsPre, TYPES_IMPORT};
use crate::sandbox::{Engine, Limits};
use sha2::{Digest, Sha256};
use std::fmt::{Display, Write};
use wasmtime::component::types::{Component as ComponentType, ComponentItem};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::wasmparser::{Parser, Validator};

/// Why a component is turned away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// More bytes than `limits.component_size`.
    #[error("the component has {bytes} bytes, limits.component_size is {limit_bytes}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// What would be loaded.
        limit_bytes: u64,
    },
    /// No component at all.
    #[error("this is {0}, not a component")]
    NotAComponent(&'static str),
    /// Compiling it would take more than anybody's rule is worth: `component_too_costly`.
    #[error("the component is too costly to compile: {what}: {found}, at most {limit}")]
    TooCostly {
        /// What there is too much of.
        what: &'static str,
        /// How much, as far as it was counted.
        found: u64,
        /// The most.
        limit: u64,
    },
    /// WebAssembly does not allow it, or only with a proposal that is off.
    #[error("the component is not valid: {0}")]
    Invalid(String),
    /// It would need something from outside.
    #[error("the component imports {0}; a policy imports nothing")]
    Imports(String),
    /// A function of the contract is not there.
    #[error("the component does not export {0}")]
    MissingExport(String),
    /// A function of the contract has another type.
    #[error("the component does not keep to enlist:policy@1: {0}")]
    WrongType(String),
    /// Valid, but more than an instance may consist of: memories, tables, their initial sizes, core instances.
    #[error("the component does not fit into the sandbox: {0}")]
    TooBig(String),
    /// Its state, once it is configured, cannot be kept.
    #[error("the component cannot be frozen: {0}")]
    CannotBeFrozen(String),
}

/// `sha256:` and the hexadecimal SHA-256 of `bytes`: what a component or a settings document is known by.
pub fn digest_of(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    text
}

/// Stack for validating and compiling.
const STACK_BYTES: usize = 64 << 20;

/// What can be said of a component before it is compiled: milliseconds, bounded by its size and by what `shape` lets through.
pub(super) fn check(limits: &Limits, bytes: &[u8]) -> Result<(), LoadError> {
    let limit_bytes = limits.component_bytes;
    if bytes.len() as u64 > limit_bytes {
        return Err(LoadError::TooLarge { bytes: bytes.len() as u64, limit_bytes });
    }
    if !Parser::is_component(bytes) {
        let core = Parser::is_core_wasm(bytes);
        return Err(LoadError::NotAComponent(if core {
            "a core module"
        } else {
            "no WebAssembly"
        }));
    }
    shape::check(bytes)
}

/// Whether it is WebAssembly, with nothing that is off.
pub(super) fn validate(bytes: &[u8]) -> Result<(), LoadError> {
    let validated = Validator::new_with_features(FEATURES).validate_all(bytes);
    validated.map(|_| ()).map_err(|error| LoadError::Invalid(quote(error)))
}

/// Readers of nested types recurse; what `shape` lets through needs a few megabytes of stack at the worst. A panic of a library is
/// a component that is turned away, not the end of the server.
pub(super) fn on_a_deep_stack<T: Send, E: From<LoadError> + Send>(
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    let lost =
        |why: &dyn Display| E::from(LoadError::Invalid(format!("it could not be read: {why}")));
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().name("compiler".to_owned()).stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, work) {
            Ok(running) => running.join().unwrap_or_else(|_| Err(lost(&"the compiler gave up"))),
            Err(error) => Err(lost(&error)),
        }
    })
}

/// A compiled component that imports nothing and exports the contract.
pub(super) struct Loaded {
    pub(super) exports: ExportsPre<Budget>,
    pub(super) instance: InstancePre<Budget>,
    /// Memories and tables an instance begins with.
    pub(super) memories: u32,
    pub(super) tables: u32,
}

impl Loaded {
    /// Looks at what a compiled component takes and gives.
    pub(super) fn of(engine: &Engine, component: &Component) -> Result<Self, LoadError> {
        let wrong = |error: wasmtime::Error| LoadError::WrongType(quote(format_args!("{error:#}")));
        check_imports(engine, &component.component_type())?;
        check_exports(component)?;
        let instance = Linker::new(engine.wasmtime()).instantiate_pre(component).map_err(wrong)?;
        let exports = ExportsPre::new(instance.clone()).map_err(wrong)?;
        let needs = component.resources_required();
        let (memories, tables) =
            needs.map_or((0, 0), |needs| (needs.num_memories, needs.num_tables));
        Ok(Self { exports, instance, memories, tables })
    }
}

fn check_imports(engine: &Engine, component: &ComponentType) -> Result<(), LoadError> {
    for (name, import) in component.imports(engine.wasmtime()) {
        let ComponentItem::ComponentInstance(instance) = import.ty else {
            return Err(LoadError::Imports(quote(name)));
        };
        if !name.starts_with(TYPES_IMPORT) {
            return Err(LoadError::Imports(quote(name)));
        }
        for (item, export) in instance.exports(engine.wasmtime()) {
            if !matches!(export.ty, ComponentItem::Type(_)) {
                return Err(LoadError::Imports(quote(format_args!("{name}#{item}"))));
            }
        }
    }
    Ok(())
}

fn check_exports(component: &Component) -> Result<(), LoadError> {
    for (interface, functions) in EXPORTS {
        let Some(index) = component.get_export_index(None, interface) else {
            return Err(LoadError::MissingExport(interface.to_owned()));
        };
        for function in functions {
            if component.get_export_index(Some(&index), *function).is_none() {
                return Err(LoadError::MissingExport(format!("{interface}#{function}")));
            }
        }
    }
    Ok(())
}
