//! Names that nobody gets, whatever else is said and however they came about. They are compared by the host's own key, so that a
//! spelling makes no difference.

use crate::glob;
use crate::node::Node;
use crate::shape::{Place, Setting};
use enlist_names::fold_key;
use serde_json::{Value, json};

/// A name that is kept, or what such names look like.
pub(crate) struct Reserve(String);

impl Setting for Reserve {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        match node {
            Node::Text(text) if text.is_empty() => place.wrong("is empty"),
            Node::Text(text) => Some(Self(fold_key(text))),
            _ => place.expected("a string", node),
        }
    }

    fn schema() -> Value {
        json!({"type": "string", "minLength": 1, "examples": ["admin", "*.keys"]})
    }
}

/// All of them.
pub(crate) struct Reserved {
    whole: enlist_names::Reserved,
    globs: Vec<String>,
}

impl Reserved {
    pub(crate) fn of(names: &[Reserve], with_built_in: bool) -> Self {
        let (globs, whole): (Vec<_>, Vec<_>) =
            names.iter().map(|Reserve(key)| key.clone()).partition(|key| glob::is_glob(key));
        let mut reserved = match with_built_in {
            true => enlist_names::Reserved::built_in(),
            false => enlist_names::Reserved::default(),
        };
        whole.iter().for_each(|key| reserved.add(key));
        Self { whole: reserved, globs }
    }

    pub(crate) fn hold(&self, name: &str) -> bool {
        if self.whole.holds(name) {
            return true;
        }
        let key = fold_key(name);
        self.globs.iter().any(|glob| glob::matches(glob, &key))
    }
}
