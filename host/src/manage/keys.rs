//! Keys: made, listed, revoked. A tenant's, by whoever may manage the tenant; the operators', by an operator.
//! Refuses to give more than the asking key has, and to show a key but once.

use crate::ledger::{Key, KeyEntry, NewKey, Operator, Tenant};
use crate::manage::{ManageError, Operations};
use tracing::info;

/// A new key: the one time that its text is there.
#[derive(Debug)]
pub struct Made {
    /// To be shown and forgotten.
    pub key: Key,
    /// What is kept.
    pub entry: KeyEntry,
}

impl Operations {
    /// Every key of a tenant, the oldest first.
    pub async fn keys(&self, tenant: &Tenant) -> Result<Vec<KeyEntry>, ManageError> {
        Ok(self.ledger.of(tenant).keys().await?)
    }

    /// Makes a key of a tenant.
    pub async fn create_key(
        &self,
        tenant: &Tenant,
        new: NewKey,
        request_id: &str,
    ) -> Result<Made, ManageError> {
        let made = self.ledger.of(tenant).create_key(new, request_id).await?;
        let (key, entry) =
            made.ok_or(ManageError::BeyondKey("a key gives no more than it has itself"))?;
        info!(key = entry.id, tenant = %tenant.name(), "key created");
        Ok(Made { key, entry })
    }

    /// Revokes a key of a tenant.
    pub async fn revoke_key(
        &self,
        tenant: &Tenant,
        id: &str,
        request_id: &str,
    ) -> Result<(), ManageError> {
        if !self.ledger.of(tenant).revoke_key(id, request_id).await? {
            return Err(ManageError::Missing);
        }
        info!(key = id, tenant = %tenant.name(), "key revoked");
        Ok(())
    }

    /// Every operator's key, the oldest first.
    pub async fn operator_keys(&self, by: &Operator) -> Result<Vec<KeyEntry>, ManageError> {
        Ok(self.ledger.operator_keys(by).await?)
    }

    /// Makes a key for an operator.
    pub async fn create_operator_key(
        &self,
        by: &Operator,
        new: NewKey,
    ) -> Result<Made, ManageError> {
        let made = self.ledger.create_operator_key(by, new).await?;
        let (key, entry) = made.ok_or(ManageError::BeyondKey("it was revoked meanwhile"))?;
        info!(key = entry.id, "operator key created");
        Ok(Made { key, entry })
    }

    /// Revokes an operator's key, also the last one: `key create --local` makes another.
    pub async fn revoke_operator_key(&self, by: &Operator, id: &str) -> Result<(), ManageError> {
        if !self.ledger.revoke_operator_key(by, id).await? {
            return Err(ManageError::Missing);
        }
        info!(key = id, "operator key revoked");
        Ok(())
    }
}
