//! What the sandbox needs of whoever keeps policies: the parts they are made of, and what their code was.
//! Refuses to know where that is.

use crate::sandbox::cache::Key;
use futures_util::future::BoxFuture;
use std::error::Error;

/// Why nothing can be kept or found at the moment.
pub type ArchiveError = Box<dyn Error + Send + Sync>;

/// A component and its settings.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The component's bytes.
    pub component: Vec<u8>,
    /// The settings document, JSON.
    pub settings_json: String,
}

/// Keeps policies' parts and the digests of their code.
pub trait Archive: Send + Sync {
    /// What a policy was made of.
    fn parts<'a>(
        &'a self,
        component_digest: &'a str,
        settings_digest: &'a str,
    ) -> BoxFuture<'a, Result<Parts, ArchiveError>>;

    /// The digest of the code that was made of these parts for this engine. Called by whoever decides: it may look, not walk.
    fn code(&self, key: &Key) -> Result<Option<String>, ArchiveError>;

    /// Keeps the digest of code that is in the cache now.
    fn keep<'a>(&'a self, key: &'a Key, code: &'a str) -> BoxFuture<'a, Result<(), ArchiveError>>;
}
