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
        self.looks.insert(skeleton(&key).collect());
        self.keys.insert(key);
    }

    /// Whether a name, as it would be stored, is reserved or looks like one that is.
    pub fn holds(&self, name: &str) -> bool {
        let key = fold_key(name);
        self.keys.contains(&key) || self.looks.contains(&skeleton(&key).collect::<String>())
    }
}
