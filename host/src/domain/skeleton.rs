//! How a name looks: the skeleton of UTS #39, by which names are found that a reader takes for one.
//! Refuses to be a name, or to be shown: it is the key of an index, and other tables make another.

use crate::domain::FoldKey;

/// What two names that look alike have in common: the skeleton, folded, so that neither case nor the `l`, `I` and `1` of one alphabet
/// tells them apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Skeleton(String);

impl Skeleton {
    /// What the skeletons are made with, beside what folds them; another version may make others.
    pub const VERSION: &str =
        "unicode-security 0.1.3, unicode-normalization 0.1.26, Unicode 18.0.0";

    /// The skeleton of any text, usable as a name or not.
    pub fn of(text: &str) -> Self {
        let seen: String = unicode_security::skeleton(text).collect();
        Self(FoldKey::of(&seen).as_str().to_owned())
    }

    /// The skeleton as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether of two names that look alike only one may be there. Within ASCII they may both: `user1` and `userl` are ordinary names.
pub fn excludes(one: &str, other: &str) -> bool {
    !(one.is_ascii() && other.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::{Skeleton, excludes};

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (one, other) in [
            ("paypal", "раураl"),
            ("scope", "ѕсоре"),
            ("ANNA", "АNNA"),
            ("anna", "АNNA"),
            ("user1", "userl"),
            ("modern", "rnodern"),
            ("l0gin", "lOgin"),
        ] {
            assert_eq!(Skeleton::of(one), Skeleton::of(other), "{one} {other}");
        }
        for (one, other) in [("anna", "hanna"), ("muller", "müller"), ("елена", "elena")] {
            assert_ne!(Skeleton::of(one), Skeleton::of(other), "{one} {other}");
        }
    }

    #[test]
    fn within_ascii_both_may_be_there() {
        assert!(!excludes("user1", "userl"));
        assert!(excludes("paypal", "раураl") && excludes("раураl", "paypal"));
        assert!(excludes("ѕсоре", "ѕcоре"));
    }
}
