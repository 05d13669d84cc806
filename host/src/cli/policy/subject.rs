//! What a verb is about: a component from a file, from a folder that is built first, or from inside this binary; and its settings.
//! Refuses to keep a component that would not be loaded: whoever asks for a policy gets one that can be asked.

use crate::app;
use crate::cli::policy::build;
use crate::cli::{Ending, fail};
use crate::config::{Config, Flags};
use crate::domain::{Failure, HostCode};
use crate::sandbox::{Engine, Limits, MakeError, Policy, Problem, freeze, quote};
use crate::wire::{FormError, SettingsForm, read_settings};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;

/// A policy and its settings, as they are named.
#[derive(Debug, Args)]
pub(in crate::cli) struct Subject {
    /// A component file, a folder with a policy's source (it is built first), or builtin:NAME.
    pub(super) policy: String,
    /// Its settings, TOML or JSON [default: {}].
    #[arg(long, value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,
}

impl Subject {
    /// The folder of the source, if it is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        let path = Path::new(&self.policy);
        (!self.policy.starts_with("builtin:") && path.is_dir()).then_some(path)
    }

    /// The component's bytes; of a file that is too large one byte more than is loaded.
    pub(super) fn component(&self, bench: &Workbench) -> Result<Vec<u8>, Ending> {
        if let Some(folder) = self.folder() {
            return Ok(build::compile(folder)?.component);
        }
        app::read_policy(&self.policy, bench.limits().component_bytes).map_err(|line| {
            eprintln!("enlist: {line}");
            Ending::WrongUse
        })
    }

    /// The settings as the policy gets them.
    pub(super) fn settings(&self) -> Result<String, Ending> {
        match &self.settings {
            None => Ok("{}".to_owned()),
            Some(file) => document(file),
        }
    }

    /// The policy, ready to be asked.
    pub(super) fn policy(&self, bench: &Workbench) -> Result<Policy, Ending> {
        let settings = self.settings()?;
        bench.load(&self.component(bench)?, &settings)
    }
}

/// A sandbox for one decision at a time, with the limits of the settings file.
pub(super) struct Workbench {
    engine: Engine,
    runtime: Runtime,
}

impl Workbench {
    pub(super) fn new(config: Option<PathBuf>) -> Result<Self, Ending> {
        let loaded = Config::load(&Flags { config, data_dir: None });
        let loaded = loaded.map_err(|error| fail(&error, Ending::WrongUse))?;
        let limits = Limits { decisions_at_once: 1, ..app::limits(&loaded.config) };
        let engine = Engine::new(&limits).map_err(|error| fail(&error, Ending::Failed))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| fail(&error, Ending::Failed))?;
        Ok(Self { engine, runtime })
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn limits(&self) -> &Limits {
        self.engine.limits()
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// A component, configured and frozen as a server does it, but not tried on anybody: whoever wrote it wants to see it fail.
    pub(super) fn load(&self, component: &[u8], settings: &str) -> Result<Policy, Ending> {
        let code =
            freeze(&self.engine, component, settings).map_err(|error| turned_away(&error))?;
        for note in code.notes() {
            eprintln!("note: {}", quote(note));
        }
        Policy::of_code(&self.engine, &code).map_err(|error| fail(&error, Ending::Failed))
    }
}

/// Says why there is no policy, and everything that it found wrong with its settings.
fn turned_away(error: &MakeError) -> Ending {
    let problems = match error {
        MakeError::TurnedAway { code: HostCode::SettingsRefused, problems, .. } => problems,
        MakeError::TurnedAway { .. } => {
            eprintln!("enlist: {}", quote(error));
            return Ending::No;
        }
        MakeError::Busy | MakeError::Unavailable(_) => return fail(error, Ending::Failed),
    };
    eprintln!("enlist: the policy refuses its settings");
    for Problem { path, message } in problems {
        let place = if path.is_empty() { "the whole" } else { path };
        eprintln!("  {}: {}", quote(place), quote(message));
    }
    Ending::WrongUse
}

/// A document in a file, TOML or JSON by its name, as a policy and a server get it: JSON.
pub(super) fn document(file: &Path) -> Result<String, Ending> {
    let refused = |why: String| {
        eprintln!("enlist: {}: {why}", file.display());
        Ending::WrongUse
    };
    let text = fs::read(file).map_err(|error| refused(error.to_string()))?;
    let form = SettingsForm::of_file(&file.to_string_lossy());
    read_settings(&text, form).map_err(|error| match error {
        FormError::Required => refused("expected an object".to_owned()),
        FormError::Field { why, .. } => refused(why),
    })
}

/// Says how a policy failed, as the operator's log would.
pub(super) fn failed(failure: &Failure) -> Ending {
    eprintln!("enlist: {}: {failure}", failure.fault.code().as_str());
    Ending::Failed
}
