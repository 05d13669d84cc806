//! What a verb is about: a component from a file, from a folder that is built first, or from inside this binary; and its settings.
//! Refuses to keep a component that would not be loaded: whoever asks for a policy gets one that can be asked.

use crate::app;
use crate::cli::policy::build;
use crate::cli::{Ending, fail};
use crate::config::{Config, Flags};
use crate::domain::{Failure, HostCode};
use crate::sandbox::{Code, Engine, Limits, MakeError, Policy, Problem, freeze, make, quote};
use crate::wire::{FormError, SettingsForm, read_settings};
use clap::Args;
use reqwest::multipart::Part;
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
        Ok(Component::read(&self.policy, bench.limits().component_bytes)?.bytes)
    }

    /// The settings.
    pub(super) fn settings(&self) -> Result<SettingsFile, Ending> {
        self.settings.as_deref().map_or_else(|| Ok(SettingsFile::default()), SettingsFile::read)
    }

    /// The policy, ready to be asked.
    pub(super) fn policy(&self, bench: &Workbench) -> Result<Policy, Ending> {
        let settings = self.settings()?;
        bench.load(&self.component(bench)?, &settings)
    }
}

/// A component's bytes, and the file that they are in; none for one of this binary's own.
pub(in crate::cli) struct Component {
    pub(in crate::cli) bytes: Vec<u8>,
    pub(in crate::cli) file: Option<PathBuf>,
}

impl Component {
    /// The component that is named; of a file that is larger than `limit_bytes` one byte more than that.
    pub(in crate::cli) fn read(policy: &str, limit_bytes: u64) -> Result<Self, Ending> {
        let path = Path::new(policy);
        let built_in = policy.starts_with("builtin:");
        if !built_in && path.is_dir() {
            let built = build::compile(path)?;
            return Ok(Self { bytes: built.component, file: Some(built.file) });
        }
        let bytes = app::read_policy(policy, limit_bytes).map_err(|line| {
            eprintln!("enlist: {line}");
            Ending::WrongUse
        })?;
        Ok(Self { bytes, file: (!built_in).then(|| path.to_owned()) })
    }
}

/// A settings document: as the policy gets it, and as it was written.
pub(in crate::cli) struct SettingsFile {
    pub(in crate::cli) json: String,
    /// None where nobody wrote any.
    file: Option<PathBuf>,
    sent: Vec<u8>,
}

impl Default for SettingsFile {
    fn default() -> Self {
        Self { json: "{}".to_owned(), file: None, sent: b"{}".to_vec() }
    }
}

impl SettingsFile {
    pub(in crate::cli) fn read(file: &Path) -> Result<Self, Ending> {
        let sent = read(file)?;
        Ok(Self { json: as_json(file, &sent)?, file: Some(file.to_owned()), sent })
    }

    /// As a part of what a server is sent.
    pub(in crate::cli) fn part(&self) -> Result<Part, Ending> {
        let form = self.file.as_ref().map_or(SettingsForm::Json, |file| form_of(file));
        let part = Part::bytes(self.sent.clone()).mime_str(form.media_type());
        part.map_err(|error| fail(&error, Ending::Failed))
    }
}

/// A sandbox for one decision at a time, with the limits of the settings file.
pub(in crate::cli) struct Workbench {
    engine: Engine,
    runtime: Runtime,
}

impl Workbench {
    pub(in crate::cli) fn new(config: Option<PathBuf>) -> Result<Self, Ending> {
        let loaded = Config::load(&Flags { config, ..Flags::default() });
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

    pub(in crate::cli) fn limits(&self) -> &Limits {
        self.engine.limits()
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// A component, configured and frozen as a server does it, but not tried on anybody: whoever wrote it wants to see it fail.
    pub(super) fn load(&self, component: &[u8], settings: &SettingsFile) -> Result<Policy, Ending> {
        self.ready(freeze(&self.engine, component, &settings.json), settings)
    }

    /// The same, tried on somebody as a server does it with what it is sent.
    pub(in crate::cli) fn make(
        &self,
        component: &[u8],
        settings: &SettingsFile,
    ) -> Result<Policy, Ending> {
        self.ready(make(&self.engine, component, &settings.json), settings)
    }

    fn ready(
        &self,
        code: Result<Code, MakeError>,
        settings: &SettingsFile,
    ) -> Result<Policy, Ending> {
        let code = code.map_err(|error| turned_away(&error, settings))?;
        for note in code.notes() {
            eprintln!("note: {}", quote(note));
        }
        Policy::of_code(&self.engine, &code).map_err(|error| fail(&error, Ending::Failed))
    }
}

/// Says why there is no policy, and everything that it found wrong with its settings.
fn turned_away(error: &MakeError, settings: &SettingsFile) -> Ending {
    let problems = match error {
        MakeError::TurnedAway { code: HostCode::SettingsRefused, problems, .. } => problems,
        MakeError::TurnedAway { .. } => {
            eprintln!("enlist: {}", quote(error));
            return Ending::No;
        }
        MakeError::Busy | MakeError::Unavailable(_) => return fail(error, Ending::Failed),
    };
    match &settings.file {
        Some(file) => eprintln!("enlist: {}: the policy refuses its settings", file.display()),
        None => eprintln!("enlist: the policy refuses to be without settings"),
    }
    for Problem { path, message } in problems {
        let place = if path.is_empty() { "the whole" } else { path };
        eprintln!("  {}: {}", quote(place), quote(message));
    }
    Ending::WrongUse
}

/// A document in a file, TOML or JSON by its name, as a policy and a server get it: JSON.
pub(in crate::cli) fn document(file: &Path) -> Result<String, Ending> {
    as_json(file, &read(file)?)
}

fn read(file: &Path) -> Result<Vec<u8>, Ending> {
    fs::read(file).map_err(|error| {
        eprintln!("enlist: {}: {error}", file.display());
        Ending::WrongUse
    })
}

fn form_of(file: &Path) -> SettingsForm {
    SettingsForm::of_file(&file.to_string_lossy())
}

fn as_json(file: &Path, document: &[u8]) -> Result<String, Ending> {
    read_settings(document, form_of(file)).map_err(|error| {
        let why = match error {
            FormError::Required => "expected an object".to_owned(),
            FormError::Field { why, .. } => why,
        };
        eprintln!("enlist: {}: {why}", file.display());
        Ending::WrongUse
    })
}

/// Says how a policy failed, as the operator's log would.
pub(super) fn failed(failure: &Failure) -> Ending {
    eprintln!("enlist: {}: {failure}", failure.fault.code().as_str());
    Ending::Failed
}
