//! The ledger as the sandbox knows it: a keeper of parts and of digests.
//! Refuses to add anything of its own.

use crate::ledger::Ledger;
use crate::sandbox::{Archive, ArchiveError, Key, Parts};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// What is in the ledger of policies.
pub(super) struct Kept(pub(super) Ledger);

impl Archive for Kept {
    fn parts<'a>(
        &'a self,
        component_digest: &'a str,
        settings_digest: &'a str,
    ) -> BoxFuture<'a, Result<Parts, ArchiveError>> {
        async move {
            let (component, settings_json) =
                self.0.parts(component_digest, settings_digest).await?;
            Ok(Parts { component, settings_json })
        }
        .boxed()
    }

    fn code(&self, key: &Key) -> Result<Option<String>, ArchiveError> {
        Ok(self.0.compiled(&key.component_digest, &key.settings_digest, &key.engine)?)
    }

    fn keep<'a>(&'a self, key: &'a Key, code: &'a str) -> BoxFuture<'a, Result<(), ArchiveError>> {
        let Key { component_digest, settings_digest, engine } = key;
        async move {
            Ok(self.0.keep_compiled(component_digest, settings_digest, engine, code).await?)
        }
        .boxed()
    }
}
