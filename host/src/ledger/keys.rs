//! Keys: what they look like, what they may be used for, and what is kept of them.
//! Refuses to keep a secret: a key is stored as its SHA-256 (the secret is random) and is opaque in `Debug`.

use crate::ledger::LedgerError;
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use std::fmt;

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Opens every tenant but the doors that belong to a tenant alone; with scopes, as far as they go.
    Operator,
    /// Opens one tenant, as far as its scopes go.
    Tenant,
}

impl KeyKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Operator => "enl_op_",
            Self::Tenant => "enl_tk_",
        }
    }
}

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The door and `POST …/decisions`.
    Provision,
    /// Revisions and the record.
    Policy,
    /// Every GET.
    Read,
    /// The tenant itself and its keys.
    Manage,
    /// The numbers of the server.
    Metrics,
}

impl Scope {
    /// What the first tenant key, and one made without naming scopes, may be used for.
    pub const DEFAULT: [Self; 3] = [Self::Provision, Self::Policy, Self::Read];

    /// Every scope there is.
    pub const ALL: [Self; 5] =
        [Self::Provision, Self::Policy, Self::Read, Self::Manage, Self::Metrics];

    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Policy => "policy",
            Self::Read => "read",
            Self::Manage => "manage",
            Self::Metrics => "metrics",
        }
    }

    /// The scope of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// As a column keeps them.
    pub(super) fn join(scopes: &[Self]) -> String {
        scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",")
    }

    /// What [`Self::join`] made; a name that a newer Enlist wrote opens nothing here.
    pub(super) fn split(column: &str) -> Vec<Self> {
        column.split(',').filter_map(Self::parse).collect()
    }
}

/// A key in full: shown once, never stored.
#[derive(Clone)]
pub struct Key {
    id: String,
    text: String,
    /// Whether the text carries the id: `enl_tk_<id>_<secret>`.
    own_form: bool,
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Begins like a key of ours and is none: mistyped, cut, or of the other kind.
    #[error("it begins with enl_ but is not a key of the wanted kind: mistyped or cut off?")]
    Mistyped,
    /// Too short, or not printable ASCII without spaces.
    #[error("a key is an enl_… key, or 16 and more printable characters without spaces")]
    Weak,
    /// It stands in a guide that everybody can read.
    #[error("it is the published key of the guide")]
    Published,
    /// The system has no randomness to give.
    #[error("the system has no randomness to give")]
    NoRandomness,
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_DIGITS: usize = 8;
const SECRET_CHARACTERS: usize = 43;
const CHECKSUM_CHARACTERS: usize = 6;
const FOREIGN_LIMIT: usize = 16;

/// Keys that the guide to the old server shows: whoever copied its commands has one.
const PUBLISHED: [&str; 2] = ["ankipi-provision-key-12345", "your-api-key"];

impl Key {
    /// A new random key: 256 bits of secret. Errors when the system has no randomness to give.
    pub fn random(kind: KeyKind) -> Result<Self, LedgerError> {
        let mut bytes = [0_u8; ID_DIGITS / 2];
        fill(&mut bytes)?;
        let id: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let mut secret = String::with_capacity(SECRET_CHARACTERS);
        while secret.len() < SECRET_CHARACTERS {
            let mut bytes = [0_u8; 64];
            fill(&mut bytes)?;
            // 248 is the largest multiple of 62 in a byte: what lies above would favour the first characters.
            let fair =
                bytes.iter().filter(|b| **b < 248).map(|b| char::from(BASE62[usize::from(b % 62)]));
            secret.extend(fair.take(SECRET_CHARACTERS - secret.len()));
        }
        let body = format!("{}{id}_{secret}", kind.prefix());
        let text = format!("{body}{}", checksum(&body));
        Ok(Self { id, text, own_form: true })
    }

    /// A key that somebody supplies: one of ours of that kind, or any 16 and more printable characters.
    pub fn supplied(text: &str, kind: KeyKind) -> Result<Self, KeyError> {
        Self::of(text, kind, |b| b.is_ascii_graphic())
    }

    /// A tenant's key as another program's settings have it: the same, and spaces may stand in it, for a header carries them.
    pub fn legacy(text: &str) -> Result<Self, KeyError> {
        Self::of(text, KeyKind::Tenant, |b| b.is_ascii_graphic() || b == b' ')
    }

    fn of(text: &str, kind: KeyKind, may_hold: fn(u8) -> bool) -> Result<Self, KeyError> {
        if text.starts_with("enl_") {
            let id = own_id(text, kind).ok_or(KeyError::Mistyped)?.to_owned();
            return Ok(Self { id, text: text.to_owned(), own_form: true });
        }
        if PUBLISHED.contains(&text) {
            return Err(KeyError::Published);
        }
        if text.len() < FOREIGN_LIMIT || !text.bytes().all(may_hold) {
            return Err(KeyError::Weak);
        }
        // Nothing of the key, not even of its hash: ids are shown, and a weak key could be found out by it.
        let mut bytes = [0_u8; ID_DIGITS / 2];
        getrandom::fill(&mut bytes).map_err(|_| KeyError::NoRandomness)?;
        let id = bytes.iter().map(|b| format!("{b:02x}")).collect();
        Ok(Self { id, text: text.to_owned(), own_form: false })
    }

    /// What it is called where it must not be shown.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key itself: for the one place that shows it.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// Random bytes. Errors when the system has no randomness to give.
pub(super) fn fill(bytes: &mut [u8]) -> Result<(), LedgerError> {
    getrandom::fill(bytes)
        .map_err(|error| LedgerError::File("randomness".to_owned(), std::io::Error::other(error)))
}

pub(super) fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// CRC-32 of what stands before it, in base 62: a mistyped key is told from a wrong one without the database.
fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes()) as usize;
    let mut digits = [b'0'; CHECKSUM_CHARACTERS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[rest % 62];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// The id inside a well-formed key of ours.
pub(super) fn own_id(text: &str, kind: KeyKind) -> Option<&str> {
    let (id, secret) = text.strip_prefix(kind.prefix())?.split_once('_')?;
    let sound = id.len() == ID_DIGITS
        && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && secret.len() == SECRET_CHARACTERS + CHECKSUM_CHARACTERS
        && secret.bytes().all(|b| b.is_ascii_alphanumeric());
    let body = text.get(..text.len().checked_sub(CHECKSUM_CHARACTERS)?)?;
    (sound && text.ends_with(&checksum(body))).then_some(id)
}

/// What is said of a key beside its text.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms<'a> {
    /// Whose it is; none for an operator's.
    pub(super) tenant: Option<i64>,
    /// None for an operator's key that opens all.
    pub(super) scopes: &'a [Scope],
    pub(super) note: &'a str,
    /// Id of the key that makes it.
    pub(super) created_by: Option<&'a str>,
    pub(super) expires_at: Option<i64>,
}

/// Keeps a key's hash.
pub(super) fn insert(
    tx: &Connection,
    key: &Key,
    terms: &Terms<'_>,
    now: i64,
) -> Result<(), LedgerError> {
    let Terms { tenant, scopes, note, created_by, expires_at } = terms;
    tx.execute(
        "INSERT INTO keys (id, tenant, hash, foreign_form, scopes, created_at, note, created_by, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        rusqlite::params![
            key.id,
            tenant,
            hash(&key.text),
            !key.own_form,
            Scope::join(scopes),
            now,
            note,
            created_by,
            expires_at
        ],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Key, KeyError, KeyKind};

    #[test]
    fn a_key_has_its_kind_its_id_a_secret_and_a_checksum() {
        let key = Key::random(KeyKind::Tenant).expect("a key");
        let parts: Vec<_> = key.reveal().split('_').collect();
        assert_eq!(parts[..2], ["enl", "tk"]);
        assert_eq!((parts[2].len(), parts[3].len()), (8, 49));
        assert!(Key::supplied(key.reveal(), KeyKind::Tenant).is_ok());
    }

    #[test]
    fn a_mistyped_key_is_told_from_a_foreign_one() {
        let key = Key::random(KeyKind::Operator).expect("a key");
        let cut = &key.reveal()[..key.reveal().len() - 1];
        let other = if key.reveal().ends_with('0') { '1' } else { '0' };
        assert_eq!(Key::supplied(cut, KeyKind::Operator).err(), Some(KeyError::Mistyped));
        let mistyped = format!("{cut}{other}");
        assert_eq!(Key::supplied(&mistyped, KeyKind::Operator).err(), Some(KeyError::Mistyped));
        assert_eq!(Key::supplied(key.reveal(), KeyKind::Tenant).err(), Some(KeyError::Mistyped));
        assert!(Key::supplied("sixteen-letters!", KeyKind::Tenant).is_ok());
        assert!(Key::legacy("sixteen letters!").is_ok(), "a header carries it");
        assert_eq!(Key::legacy("sixteen\nletters!").err(), Some(KeyError::Weak));
        let published = Key::supplied("ankipi-provision-key-12345", KeyKind::Tenant);
        assert_eq!(published.err(), Some(KeyError::Published));
        for weak in ["", "fifteen-letters", "sixteen letters!", "sixteen-lettérs!"] {
            assert_eq!(Key::supplied(weak, KeyKind::Tenant).err(), Some(KeyError::Weak), "{weak}");
        }
    }

    #[test]
    fn a_key_does_not_show_its_secret() {
        let key = Key::random(KeyKind::Tenant).expect("a key");
        assert!(!format!("{key:?}").contains(&key.reveal()[16..]));
    }
}
