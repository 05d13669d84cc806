//! A tenant's webhook: set, looked at, tried, removed; its secrets made and revoked.
//! Refuses a URL that leads where nothing is sent, to show a secret but once, and to tell a tenant's own key which address a name has
//! inside.

mod delivering;
mod round;

use crate::domain::{SecretEntry, SigningSecret, Webhook};
use crate::downstream::{Attempt, Forbidden, Message, NoEndpoint};
use crate::ledger::{MadeSecret, Tenant};
use crate::manage::{ManageError, Operations};
use tracing::{info, warn};

/// A webhook, and its first secret where it was just made.
#[derive(Debug)]
pub struct SetWebhook {
    /// As it is now.
    pub webhook: Webhook,
    /// To be shown and forgotten.
    pub secret: Option<SigningSecret>,
}

impl Operations {
    /// The tenant's webhook.
    pub async fn webhook(&self, tenant: &Tenant) -> Result<Webhook, ManageError> {
        self.ledger.of(tenant).webhook().await?.ok_or(ManageError::Missing)
    }

    /// Makes the tenant's webhook, or changes where it leads.
    pub async fn set_webhook(
        &self,
        tenant: &Tenant,
        url: String,
        request_id: &str,
    ) -> Result<SetWebhook, ManageError> {
        let checked = self.courier.check(tenant.id(), &url).await;
        let origin = checked.map_err(|error| no_endpoint(tenant, error))?;
        let book = self.ledger.of(tenant);
        let (webhook, made) = book.set_webhook(url, origin.clone(), request_id).await?;
        info!(tenant = %tenant.name(), origin, "webhook set");
        Ok(SetWebhook { webhook, secret: made.map(|made| made.secret) })
    }

    /// Removes the tenant's webhook, and what waits for it.
    pub async fn remove_webhook(
        &self,
        tenant: &Tenant,
        request_id: &str,
    ) -> Result<(), ManageError> {
        if !self.ledger.of(tenant).remove_webhook(request_id).await? {
            return Err(ManageError::Missing);
        }
        info!(tenant = %tenant.name(), "webhook removed");
        Ok(())
    }

    /// Makes one more secret, beside those that hold.
    pub async fn create_webhook_secret(
        &self,
        tenant: &Tenant,
        request_id: &str,
    ) -> Result<(SecretEntry, SigningSecret), ManageError> {
        let made = self.ledger.of(tenant).create_webhook_secret(request_id).await?;
        let MadeSecret { entry, secret } = made.map_err(ManageError::Secret)?;
        info!(tenant = %tenant.name(), secret = entry.id, "webhook secret created");
        Ok((entry, secret))
    }

    /// Revokes a secret that is not the only one.
    pub async fn revoke_webhook_secret(
        &self,
        tenant: &Tenant,
        id: &str,
        request_id: &str,
    ) -> Result<(), ManageError> {
        let revoked = self.ledger.of(tenant).revoke_webhook_secret(id, request_id).await?;
        revoked.map_err(ManageError::Secret)?;
        info!(tenant = %tenant.name(), secret = id, "webhook secret revoked");
        Ok(())
    }

    /// Sends a message that says nothing, once, and tells what came of it. What waits, waits on; what is stopped stays so.
    pub async fn test_webhook(&self, tenant: &Tenant) -> Result<Attempt, ManageError> {
        let found = self.ledger.of(tenant).endpoint().await?;
        let (endpoint, id) = found.ok_or(ManageError::Missing)?;
        let message = Message::test(id, tenant.name());
        let attempt = self.courier.deliver(&endpoint, &message).await;
        if let Some(missed) = &attempt.missed {
            warn!(tenant = %tenant.name(), %missed, "a test of a webhook did not arrive");
        }
        Ok(attempt)
    }
}

/// Where a name leads inside is an operator's to know.
fn no_endpoint(tenant: &Tenant, error: NoEndpoint) -> ManageError {
    let why = match error {
        NoEndpoint::Forbidden(Forbidden::NotPublic(_)) if !tenant.is_operators() => {
            "it leads to an address that is not public".to_owned()
        }
        NoEndpoint::Forbidden(Forbidden::Plain(_)) if !tenant.is_operators() => {
            "expected https://".to_owned()
        }
        other => other.to_string(),
    };
    ManageError::Field("url", why)
}
