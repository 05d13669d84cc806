//! Keys: what they look like, what is kept of them, and what they open. `Ledger::authenticate` is the only maker of a tenant's
//! right to act.
//! Refuses to keep a secret: a key is stored as its SHA-256 (the secret is random) and is opaque in `Debug`.

use crate::domain::{TenantId, TenantName};
use crate::ledger::{Ledger, LedgerError, Tenant};
use rusqlite::{Connection, OptionalExtension, ToSql};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Opens every tenant but the doors that belong to a tenant alone.
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
    /// The tenant itself.
    Manage,
}

impl Scope {
    /// What the first tenant key, and one made without naming scopes, may be used for.
    pub const DEFAULT: [Self; 3] = [Self::Provision, Self::Policy, Self::Read];

    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Policy => "policy",
            Self::Read => "read",
            Self::Manage => "manage",
        }
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
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_DIGITS: usize = 8;
const SECRET_CHARACTERS: usize = 43;
const CHECKSUM_CHARACTERS: usize = 6;
const FOREIGN_LIMIT: usize = 16;

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
        if text.starts_with("enl_") {
            let id = own_id(text, kind).ok_or(KeyError::Mistyped)?.to_owned();
            return Ok(Self { id, text: text.to_owned(), own_form: true });
        }
        if text.len() < FOREIGN_LIMIT || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(KeyError::Weak);
        }
        let id = hash(text).iter().take(ID_DIGITS / 2).map(|b| format!("{b:02x}")).collect();
        Ok(Self { id, text: text.to_owned(), own_form: false })
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

fn fill(bytes: &mut [u8]) -> Result<(), LedgerError> {
    getrandom::fill(bytes)
        .map_err(|error| LedgerError::File("randomness".to_owned(), std::io::Error::other(error)))
}

fn hash(text: &str) -> [u8; 32] {
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
fn own_id(text: &str, kind: KeyKind) -> Option<&str> {
    let (id, secret) = text.strip_prefix(kind.prefix())?.split_once('_')?;
    let sound = id.len() == ID_DIGITS
        && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && secret.len() == SECRET_CHARACTERS + CHECKSUM_CHARACTERS
        && secret.bytes().all(|b| b.is_ascii_alphanumeric());
    let body = text.get(..text.len().checked_sub(CHECKSUM_CHARACTERS)?)?;
    (sound && text.ends_with(&checksum(body))).then_some(id)
}

/// Why a key does not open what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// No such key.
    #[error("no such key")]
    Unknown,
    /// A tenant's key without the scope, in its own tenant.
    #[error("the key has no scope {}", .0.as_str())]
    ScopeMissing(Scope),
    /// An operator's key where the key itself must name the tenant.
    #[error("an operator key needs a tenant in the path")]
    TenantRequired,
    /// No such tenant, or not this key's: the same answer.
    #[error("no such tenant")]
    NoSuchTenant,
    /// It could not be found out.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Ledger {
    /// Opens a tenant with a key. `wanted` names the tenant, `None` means the key's own. An unknown key is found out first, then
    /// a tenant that is not the key's, then a missing scope; comparisons take the same time wherever they differ.
    pub async fn authenticate(
        &self,
        presented: &str,
        wanted: Option<&str>,
        scope: Scope,
    ) -> Result<Tenant, Denied> {
        let presented = presented.to_owned();
        let wanted = wanted.map(str::to_owned);
        let opened = self.database.read(move |c| {
            let Some(row) = find(c, &presented)? else { return Ok(Err(Denied::Unknown)) };
            Ok(admit(c, row, wanted.as_deref(), scope))
        });
        opened.await?
    }
}

struct KeyRow {
    id: String,
    tenant: Option<i64>,
    scopes: String,
}

fn admit(
    connection: &Connection,
    key: KeyRow,
    wanted: Option<&str>,
    scope: Scope,
) -> Result<Tenant, Denied> {
    let (column, value): (&str, &dyn ToSql) = match (&wanted, &key.tenant) {
        (Some(name), _) => ("name", name),
        (None, Some(own)) => ("id", own),
        (None, None) => return Err(Denied::TenantRequired),
    };
    let sql = format!("SELECT id, name, issuer FROM tenants WHERE {column} = ?1");
    let (id, name, issuer): (i64, String, String) = connection
        .prepare_cached(&sql)
        .and_then(|mut s| {
            s.query_row([value], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional()
        })
        .map_err(LedgerError::from)?
        .filter(|(id, ..)| key.tenant.is_none_or(|own| own == *id))
        .ok_or(Denied::NoSuchTenant)?;
    let granted = key.tenant.is_none() || key.scopes.split(',').any(|s| s == scope.as_str());
    if !granted {
        return Err(Denied::ScopeMissing(scope));
    }
    let name = TenantName::parse(&name)
        .ok_or_else(|| LedgerError::Unexpected(format!("a tenant named {name:?}")))?;
    let scopes = key.tenant.map(|_| key.scopes);
    Ok(Tenant { id: TenantId(id), name, issuer, key: key.id, scopes })
}

fn find(connection: &Connection, presented: &str) -> Result<Option<KeyRow>, LedgerError> {
    let kinds = [KeyKind::Operator, KeyKind::Tenant];
    let own = kinds.into_iter().find_map(|kind| own_id(presented, kind));
    let presented_hash = hash(presented);
    // One row for a key that carries its id; for any other, every key that does not.
    let mut statement = connection.prepare_cached(
        "SELECT id, tenant, scopes, hash FROM keys
         WHERE foreign_form = (?1 IS NULL) AND (?1 IS NULL OR id = ?1)",
    )?;
    let mut rows = statement.query([own])?;
    let mut found = None;
    while let Some(row) = rows.next()? {
        let stored: Vec<u8> = row.get(3)?;
        if bool::from(stored.ct_eq(&presented_hash)) {
            found = Some(KeyRow { id: row.get(0)?, tenant: row.get(1)?, scopes: row.get(2)? });
        }
    }
    Ok(found)
}

/// Keeps a key's hash. Scopes mean nothing for an operator's key, which opens all.
pub(super) fn insert(
    tx: &Connection,
    key: &Key,
    tenant: Option<i64>,
    scopes: &[Scope],
    now: i64,
) -> Result<(), LedgerError> {
    let scopes = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",");
    tx.execute(
        "INSERT INTO keys (id, tenant, hash, foreign_form, scopes, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (&key.id, tenant, hash(&key.text), !key.own_form, scopes, now),
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
