//! What stands for a password in an `auth.db`: 64 characters that the password and a salt lead to, and the salt.
//! Refuses to be undone, and to make one that a known password opens.

use crate::downstream::AuthDbError;
use sha2::{Digest, Sha256};

/// A hash that no password opens: what leads to a hash is hex, and this is none. It is told from others by being exactly this.
pub const UNOPENABLE: &str =
    "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!0000000000000000";

/// What of a hash is its salt, at the end.
const SALT_LEN: usize = 16;

/// The hash of this password for this name, with a salt of its own.
pub fn hash_of(name: &str, password: &str) -> Result<String, AuthDbError> {
    let mut salt = [0; 8];
    getrandom::fill(&mut salt).map_err(AuthDbError::NoSalt)?;
    Ok(salted(name, password, &hex(&salt)))
}

/// Whether this password leads to this hash.
pub fn opens(name: &str, password: &str, hash: &str) -> bool {
    let salt = hash.len().checked_sub(SALT_LEN).and_then(|at| hash.get(at..));
    salt.is_some_and(|salt| salted(name, password, salt) == hash)
}

/// As ankisyncd makes it: nothing stands between the name and the password.
fn salted(name: &str, password: &str, salt: &str) -> String {
    let digest = Sha256::new().chain_update(name).chain_update(password).chain_update(salt);
    hex(&digest.finalize()) + salt
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{UNOPENABLE, hash_of, opens, salted};

    #[test]
    fn a_hash_is_the_one_that_ankisyncd_makes() {
        for (name, password, hash) in [
            (
                "alice",
                "wonder1",
                "aabae31a01240bc9fd460458dcf46cfc22d86f38dc4931aabde4318fc5de21c40123456789abcdef",
            ),
            (
                "testuser@example.com",
                "cognito_user",
                "c9721c1fd54fc86c6ff378bba3c97f74f493c154007ac79fcde0ac0759177b940011223344556677",
            ),
            (
                "testuser",
                "testpassword",
                "6425ef4cc4471d3a463166107f4572a72ea4fb41506c7fd020f33818a70834dcabcdefabcdefabcd",
            ),
            (
                "пользователь",
                "пароль",
                "caffd1f70f2d725c9006d024158eb33e6da3b95e05db7419885a5a96da9696c9fedcba9876543210",
            ),
            (
                "a",
                "bc",
                "64e18d00d6dae385f6b7811a04074f3e7733e13026c45fde25776adf4d68a2d80000000000000000",
            ),
            (
                "ab",
                "c",
                "64e18d00d6dae385f6b7811a04074f3e7733e13026c45fde25776adf4d68a2d80000000000000000",
            ),
        ] {
            assert_eq!(salted(name, password, &hash[64..]), hash, "{name}");
            assert!(opens(name, password, hash) && !opens(name, "another", hash), "{name}");
        }
    }

    #[test]
    fn every_hash_has_a_salt_of_its_own() {
        let hash = || hash_of("alice", "wonder1").expect("a hash");
        let (one, other) = (hash(), hash());
        assert_ne!(one, other);
        assert_eq!(salted("alice", "wonder1", &one[64..]), one);
        let lower_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        assert!(one.len() == 80 && one.chars().all(lower_hex), "{one}");
    }

    #[test]
    fn nothing_leads_to_what_no_password_opens() {
        assert_eq!(UNOPENABLE.len(), 80);
        assert!(UNOPENABLE[..64].chars().all(|c| !c.is_ascii_hexdigit()));
        assert_ne!(salted("alice", "", &UNOPENABLE[64..]), UNOPENABLE);
        for none in [UNOPENABLE, "", "short", "ééééééééééééé!"] {
            assert!(!opens("alice", "", none), "{none}");
        }
    }
}
