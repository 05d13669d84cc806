//! A name that nobody gets although no account has it.
//! Refuses to say whose it is: nobody knows.

/// A name that stands in a home root or in an `auth.db`, or that a restore reserved; or, with none of these, an empty folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// As it is spelt there.
    pub name: String,
    /// Something stands under it in the home root: a folder, or anything else.
    pub folder: bool,
    /// It has a row in the `auth.db`.
    pub row: bool,
    /// A restore reserved it: its folder was newer than the database.
    pub restored: bool,
}
