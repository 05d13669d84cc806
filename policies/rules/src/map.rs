//! Tables whose names the operator chooses. There are few of them and they are small, so they are searched from the beginning.

use crate::node::Node;
use crate::shape::{Place, Setting};
use serde_json::{Value, json};

/// A name that the operator chooses.
pub(crate) trait Key: Sized {
    /// Reads it. `None` when something is wrong, which `place` has then been told.
    fn read(name: &str, place: &mut Place<'_>) -> Option<Self>;

    /// JSON Schema of the name.
    fn schema() -> Value;
}

/// A table from names to values, in the order of the names as they are written.
pub(crate) struct Map<K, V>(Vec<(K, V)>);

impl<K, V> Map<K, V> {
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<K: Ord, V> Map<K, V> {
    /// The same, in the order in which [`find`](Self::find) expects it.
    pub(crate) fn sort(&mut self) {
        self.0.sort_by(|(one, _), (other, _)| one.cmp(other));
    }

    /// The value of a name; the map is sorted.
    pub(crate) fn find(&self, name: &K) -> Option<&V> {
        let found = self.0.binary_search_by(|(key, _)| key.cmp(name)).ok()?;
        Some(&self.0[found].1)
    }
}

impl<V> Map<String, V> {
    pub(crate) fn get(&self, name: &str) -> Option<&V> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

impl<K: Key, V: Setting> Setting for Map<K, V> {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let Node::Table(members) = node else { return place.expected("a table", node) };
        let read = |(name, node): &(std::borrow::Cow<'_, str>, Node<'_>)| {
            place.at(name, |place| {
                let key = K::read(name, place);
                let value = V::read(node, place);
                key.zip(value)
            })
        };
        Some(Self(members.iter().filter_map(read).collect()))
    }

    fn schema() -> Value {
        json!({"type": "object", "propertyNames": K::schema(), "additionalProperties": V::schema()})
    }
}

impl Key for String {
    fn read(name: &str, place: &mut Place<'_>) -> Option<Self> {
        if name.is_empty() { place.wrong("has no name") } else { Some(name.to_owned()) }
    }

    fn schema() -> Value {
        json!({"type": "string", "minLength": 1})
    }
}
