//! Names that nobody gets, whatever their spelling: they are compared as the host compares names, and by their looks (UTS #39
//! skeletons), so that `rnail` is `mail`. It knows whole names alone, no patterns.

use crate::fold_key;
use crate::words::WORDS;
use std::collections::BTreeSet;
use unicode_security::skeleton;

/// A set of reserved names, made once, when a policy is configured.
#[derive(Default)]
pub struct Reserved {
    keys: BTreeSet<String>,
    looks: BTreeSet<String>,
}

impl Reserved {
    /// The words that sites commonly keep for themselves.
    pub fn built_in() -> Self {
        let mut reserved = Self::default();
        WORDS.iter().for_each(|word| reserved.add(word));
        reserved
    }

    /// Reserves a name, in any spelling.
    pub fn add(&mut self, name: &str) {
        let key = fold_key(name);
        self.looks.insert(looks(&key));
        self.keys.insert(key);
    }

    /// Whether a name, as it would be stored, is reserved or looks like one that is.
    pub fn holds(&self, name: &str) -> bool {
        let key = fold_key(name);
        self.keys.contains(&key) || self.looks.contains(&looks(&key))
    }
}

/// What a key looks like. Most keys are ASCII, and what the table has for those is little: it is said here once more.
fn looks(key: &str) -> String {
    if !key
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._+@-".contains(&byte))
    {
        return skeleton(key).collect();
    }
    let mut looks = String::with_capacity(key.len() * 2);
    for c in key.chars() {
        match c {
            '0' => looks.push('O'),
            '1' => looks.push('l'),
            'm' => looks.push_str("rn"),
            other => looks.push(other),
        }
    }
    looks
}

#[cfg(test)]
mod tests {
    use super::looks;
    use unicode_security::skeleton;

    #[test]
    fn plain_keys_look_as_the_table_has_it() {
        for one in 0..128_u8 {
            for other in 0..128_u8 {
                let key = [one, other].map(char::from).iter().collect::<String>();
                assert_eq!(looks(&key), skeleton(&key).collect::<String>(), "{key:?}");
            }
        }
    }
}
