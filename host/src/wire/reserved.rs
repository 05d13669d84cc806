//! A name that nobody gets although no account has it, as the API shows it.

use crate::domain::Reserved;
use serde::Serialize;
use utoipa::ToSchema;

/// A reserved name as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReservedText {
    /// As it is spelt where it stands.
    name: String,
    /// Whether something stands under it in the home root that is not an empty folder.
    folder: bool,
    /// Whether it has a row in the `auth.db`.
    row: bool,
    /// Whether a restore reserved it, because its folder is newer than the database.
    restored: bool,
}

impl From<Reserved> for ReservedText {
    fn from(Reserved { name, folder, row, restored }: Reserved) -> Self {
        Self { name, folder, row, restored }
    }
}
