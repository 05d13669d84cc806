//! Compiled code: made here, kept somewhere, mapped here.
//! Refuses code that nobody vouches for: it is what `make` returned, or a file whose digest the caller has just checked.
#![expect(unsafe_code, reason = "wasmtime runs precompiled code as it is: there is no safe way in")]

use crate::domain::{Applicant, Assurance, Email, Occasion, Request};
use crate::sandbox::budget::Limits;
use crate::sandbox::cache::Checked;
use crate::sandbox::fault::quote;
use crate::sandbox::freeze::{Frozen, Opened};
use crate::sandbox::load::{self, LoadError, Loaded, digest_of};
use crate::sandbox::trial::{Echo, Tried, try_on};
use crate::sandbox::{Engine, MakeError, Policy};
use std::os::fd::AsRawFd;
use std::time::Duration;
use wasmtime::component::Component;

/// A configured policy as machine code, for engines with the same key.
#[derive(Clone, Debug)]
pub struct Code {
    bytes: Vec<u8>,
    engine: String,
    component_digest: String,
    settings_digest: String,
    notes: Vec<String>,
}

impl Code {
    /// What is mapped.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The key of the engine that it was compiled for.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// `sha256:…` of the component.
    pub fn component_digest(&self) -> &str {
        &self.component_digest
    }

    /// `sha256:…` of the settings.
    pub fn settings_digest(&self) -> &str {
        &self.settings_digest
    }

    /// What `configure` wants the operator to know.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// What a decision about the sample may take, at least.
const TRIAL_TIME: Duration = Duration::from_secs(1);

/// Checks, configures, freezes and compiles a component, and tries it on one applicant: what fails on them is turned away. Slow,
/// and nothing bounds the compiler's memory and time but the component's shape: what strangers send is made in a child.
pub fn make(engine: &Engine, component: &[u8], settings_json: &str) -> Result<Code, MakeError> {
    let mut code = freeze(engine, component, settings_json)?;
    let patient = Limits {
        decisions_at_once: 1,
        // Fuel decides, so that it is the same everywhere; the time of a machine that is busy must not.
        decision_time: engine.limits().decision_time.clamp(TRIAL_TIME, 10 * TRIAL_TIME),
        ..engine.limits().clone()
    };
    let policy = Policy::of_code(&Engine::new(&patient)?, &code)?;
    let echo = load::on_a_deep_stack(|| block_on(try_out(&policy)))?;
    code.notes.extend(echo.map(|echo| echo.to_string()));
    Ok(code)
}

/// The same without trying it: for an author who wants to see it fail.
pub fn freeze(engine: &Engine, component: &[u8], settings_json: &str) -> Result<Code, MakeError> {
    load::check(engine.limits(), component)?;
    load::on_a_deep_stack(|| {
        let opened = Opened::new(engine.limits(), component)?;
        let Frozen { component: frozen, notes } = block_on(opened.freeze(settings_json))?;
        let bytes = engine.wasmtime().precompile_component(&frozen);
        // It is valid and fits: what can still be wrong is how much it is.
        let bytes =
            bytes.map_err(|error| MakeError::too_costly(&quote(format_args!("{error:#}"))))?;
        Ok(Code {
            bytes,
            engine: engine.key().to_owned(),
            component_digest: digest_of(component),
            settings_digest: digest_of(settings_json.as_bytes()),
            notes,
        })
    })
}

/// On a thread of its own, which no executor runs.
fn block_on<T>(work: impl Future<Output = Result<T, MakeError>>) -> Result<T, MakeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| MakeError::Unavailable(error.to_string()))?;
    runtime.block_on(work)
}

/// Any reasoned answer will do that is the same when it is asked for again.
async fn try_out(policy: &Policy) -> Result<Option<Echo>, MakeError> {
    judge(try_on(policy, &sample()).await?)
}

fn judge(tried: Tried) -> Result<Option<Echo>, MakeError> {
    if tried.steady { Ok(tried.echo) } else { Err(MakeError::unsteady()) }
}

/// The applicant that every policy is tried on.
fn sample() -> Request {
    let address = "sample@example.com";
    Request {
        applicant: Applicant {
            issuer: "https://issuer.example.com".to_owned(),
            subject: Some("00000000-0000-4000-8000-000000000000".to_owned()),
            username: address.to_owned(),
            email: Email::parse(address, Assurance::Verified),
            groups: Vec::new(),
            attributes: Vec::new(),
        },
        occasion: Occasion::Opening,
        source: "sample".to_owned(),
        now: 1_700_000_000,
    }
}

impl Loaded {
    /// What was just made.
    pub(super) fn of_code(engine: &Engine, code: &Code) -> Result<Self, LoadError> {
        let foreign = || LoadError::TooBig("it was compiled for another engine".to_owned());
        (code.engine == engine.key()).then_some(()).ok_or_else(foreign)?;
        // SAFETY: only `freeze` makes a `Code`, of what wasmtime has compiled.
        let component = unsafe { Component::deserialize(engine.wasmtime(), &code.bytes) };
        Self::mapped(engine, component)
    }

    /// A file that holds what was made. wasmtime maps this very file, by way of its descriptor, and
    /// keeps one descriptor of its own for as long as the policy lives.
    pub(super) fn of_file(engine: &Engine, file: &Checked) -> Result<Self, LoadError> {
        let path = format!("/proc/self/fd/{}", file.file().as_raw_fd());
        // SAFETY: its content is what the workshop once wrote there, or it would not have been checked.
        let component = unsafe { Component::deserialize_file(engine.wasmtime(), path) };
        Self::mapped(engine, component)
    }

    fn mapped(engine: &Engine, component: wasmtime::Result<Component>) -> Result<Self, LoadError> {
        let component =
            component.map_err(|error| LoadError::TooBig(quote(format_args!("{error:#}"))))?;
        Self::of(engine, &component)
    }
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::domain::{Decision, HostCode, Refusal, Verdict};
    use crate::sandbox::{MakeError, Tried};

    #[test]
    fn what_answers_otherwise_the_second_time_is_turned_away() {
        let decision = || Decision::Refuse(Refusal::host(HostCode::NameUnusable));
        let tried = |steady| {
            let verdict = Verdict { decision: decision(), notes: Vec::new(), fuel: 1 };
            judge(Tried { verdict, steady, echo: None })
        };
        assert_eq!(tried(true), Ok(None));
        match tried(false) {
            Err(MakeError::TurnedAway { code: HostCode::SampleFailed, judged: true, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}
