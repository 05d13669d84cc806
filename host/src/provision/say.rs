//! What is said of a question and its answer beside the answer: a row of the record, a count, and for a failure a line of the log.
//! Refuses to keep anybody waiting: nothing here changes who has an account.

use crate::domain::HostCode;
use crate::ledger::{Asked, Book, Entry, Heard, LedgerError, Said, Tenant};
use crate::meters::{Answered, METERS, Truth};
use crate::provision::{Ask, ProvisionError};
use crate::sandbox::Active;
use tracing::{debug, error};

/// What the record will say of the question, before anything is known of the answer.
pub(super) fn asked(ask: Ask, active: &Active, dry_run: bool) -> Asked {
    Asked {
        request_id: ask.request_id,
        request: ask.request,
        dry_run,
        revision: active.revision.number,
        digest: active.revision.component_digest.to_string(),
        settings_digest: active.revision.settings_digest.to_string(),
        usage: None,
        heard: Heard::default(),
    }
}

/// Says in the log and in the record that there was no answer, if there was none.
pub(super) async fn failed<T>(
    book: &Book,
    tenant: &Tenant,
    asked: &Asked,
    result: Result<T, ProvisionError>,
) -> Result<T, ProvisionError> {
    if let Err(error) = &result {
        let (request_id, revision) = (&asked.request_id, asked.revision);
        match error {
            // Its breaker has had its line, and there may be thousands.
            ProvisionError::NotNow(_) => {
                debug!(request_id, tenant = %tenant.name(), revision, "{error}");
            }
            _ => error!(request_id, tenant = %tenant.name(), revision, ?error, "{error}"),
        }
        let said = match error {
            ProvisionError::Policy(failure) => Said::failed(failure),
            other => Said::failed_host(other.code(), format!("{other:?}")),
        };
        if let Err(error) = note(book, asked, said).await {
            error!(request_id, ?error, "a failure is missing from the record");
        }
    }
    result
}

/// Puts a row into the record that nobody waits for: the answer it speaks of changed nothing.
pub(super) async fn note(book: &Book, asked: &Asked, said: Said) -> Result<(), LedgerError> {
    count(book, asked, &said);
    book.note(Entry { asked: asked.clone(), said }).await
}

/// Counts an answer, under the host's words alone.
pub(super) fn count(book: &Book, asked: &Asked, said: &Said) {
    let host = HostCode::ALL.into_iter().map(HostCode::as_str);
    let code = said.code().map(|code| host.into_iter().find(|host| *host == code));
    let answered = Answered {
        tenant: book.owner().name().as_str().to_owned(),
        outcome: said.outcome(),
        code: code.map_or("", |host| host.unwrap_or("policy")),
        dry_run: Truth(asked.dry_run),
    };
    METERS.requests.get_or_create(&answered).inc();
}
