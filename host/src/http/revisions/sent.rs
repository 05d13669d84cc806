//! What was sent to make a revision of: a component, a form, or JSON.
//! Refuses to take a file's word for what it is: a component is known by its first bytes, whatever it was called.

use crate::domain::HostCode;
use crate::http::body;
use crate::http::problem::Problem;
use crate::ledger::SettingsDocument;
use crate::manage::{Parts, Source};
use crate::wire::{RevisionForm, SettingsForm, read_form, read_settings};
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use multer::{Constraints, Multipart, SizeLimit};
use std::convert::Infallible;
use std::time::Duration;

/// The longest settings document, in bytes: a hundred thousand addresses are three millions.
const SETTINGS_LIMIT_BYTES: usize = 8 << 20;

/// What a form has beside its parts.
const FORM_BYTES: usize = 64 << 10;

/// How long it may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(60);

/// How a WebAssembly binary begins.
const MAGIC: &[u8] = b"\0asm";

/// What a component is called that came without a name.
const NAMELESS: &str = "component";

/// The longest name, in bytes.
const NAME_LIMIT: usize = 200;

/// Reads a body of at most one component and one settings document.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    component_limit_bytes: usize,
) -> Result<Parts, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).ok();
    let is_json = boundary.is_none() && !kind.starts_with("application/wasm");
    let room = if is_json { 0 } else { component_limit_bytes };
    let limit = room.saturating_add(SETTINGS_LIMIT_BYTES + FORM_BYTES);
    let whole = match body::read_within(body, limit, ARRIVES_WITHIN).await {
        Err(HostCode::BodyTooLarge) if !is_json => {
            return Err(too_large(component_limit_bytes));
        }
        whole => whole?,
    };
    let parts = match boundary {
        Some(boundary) => form(whole, boundary, component_limit_bytes).await?,
        None if !is_json || whole.starts_with(MAGIC) => {
            let policy = Source::Sent(NAMELESS.to_owned(), whole.to_vec());
            Parts { policy, settings: None }
        }
        None => json(&whole)?,
    };
    match &parts.policy {
        Source::Sent(_, component) if component.len() > component_limit_bytes => {
            Err(too_large(component_limit_bytes))
        }
        _ => Ok(parts),
    }
}

fn too_large(limit_bytes: usize) -> Problem {
    let detail = format!("limits.component_size is {limit_bytes} bytes");
    Problem::from(HostCode::ComponentTooLarge).explained(Some(detail))
}

fn json(body: &[u8]) -> Result<Parts, Problem> {
    let RevisionForm { settings, policy } = read_form(body)?;
    if settings.is_none() && policy.is_none() {
        let detail = "expected settings, or policy".to_owned();
        return Err(Problem::field("settings").explained(Some(detail)));
    }
    let settings = settings.map(|settings| {
        let sent = serde_json::Value::Object(settings).to_string();
        document(sent.as_bytes(), SettingsForm::Json)
    });
    let policy = policy.map_or(Source::Active, Source::BuiltIn);
    Ok(Parts { policy, settings: settings.transpose()? })
}

async fn form(body: Bytes, boundary: String, component_limit: usize) -> Result<Parts, Problem> {
    let broken = |error: multer::Error| match error {
        multer::Error::FieldSizeExceeded { field_name: Some(name), .. } if name == "component" => {
            too_large(component_limit)
        }
        error => Problem::from(HostCode::BodyRequired).explained(Some(error.to_string())),
    };
    let limits = SizeLimit::new()
        .for_field("component", component_limit as u64)
        .for_field("settings", SETTINGS_LIMIT_BYTES as u64)
        .for_field("policy", NAME_LIMIT as u64);
    let once = futures_util::stream::once(async { Ok::<_, Infallible>(body) });
    let mut form =
        Multipart::with_constraints(once, boundary, Constraints::new().size_limit(limits));
    let (mut policy, mut settings) = (None, None);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let file = field.file_name().unwrap_or_default().to_owned();
        let kind = field.content_type().map(ToString::to_string).unwrap_or_default();
        match field.name() {
            Some("component") if policy.is_none() => {
                let bytes = field.bytes().await.map_err(broken)?;
                policy = Some(Source::Sent(name(&file)?, bytes.to_vec()));
            }
            Some("policy") if policy.is_none() => {
                policy = Some(Source::BuiltIn(field.text().await.map_err(broken)?));
            }
            Some("settings") if settings.is_none() => {
                let is_toml = kind.contains("toml");
                let form = if is_toml { SettingsForm::Toml } else { SettingsForm::of_file(&file) };
                settings = Some(document(&field.bytes().await.map_err(broken)?, form)?);
            }
            other => return Err(Problem::field(other.unwrap_or_default())),
        }
    }
    if policy.is_none() && settings.is_none() {
        return Err(HostCode::BodyRequired.into());
    }
    Ok(Parts { policy: policy.unwrap_or(Source::Active), settings })
}

/// The last part of a file's name. A name that says built in would be a lie.
fn name(file: &str) -> Result<String, Problem> {
    let name = file.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(NAMELESS);
    let wrong = name.len() > NAME_LIMIT
        || name.starts_with("builtin:")
        || name.chars().any(char::is_control);
    if wrong { Err(Problem::field("component")) } else { Ok(name.to_owned()) }
}

fn document(sent: &[u8], form: SettingsForm) -> Result<SettingsDocument, Problem> {
    let json = read_settings(sent, form)?;
    // It was UTF-8, or there would be no JSON.
    let sent = String::from_utf8_lossy(sent).into_owned();
    Ok(SettingsDocument { sent: Some(sent).filter(|sent| *sent != json), json })
}

/// How a document that was taken once is written.
pub(super) fn form_of(sent: &str) -> SettingsForm {
    let is_json = read_settings(sent.as_bytes(), SettingsForm::Json).is_ok();
    if is_json { SettingsForm::Json } else { SettingsForm::Toml }
}
