//! The settings document as it was written, before anything is expected of it: whatever is JSON can be read, so that everything
//! that is wrong with it can be said at once. It refuses nothing but a document that is no JSON.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A value of the document. Texts without escapes stay where they were written.
pub(crate) enum Node<'a> {
    Null,
    Boolean(bool),
    /// Fits into 64 bits.
    Integer(i64),
    /// Any other number.
    Number,
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Table(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// How the reader of JSON tells a number that it keeps as it was written.
const NUMBER: &str = "$serde_json::private::Number";

impl Node<'_> {
    /// What it is, after `expected …, found`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Number => "a number that is no integer of 64 bits",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    fn number(text: &str) -> Self {
        text.parse().map_or(Self::Number, Self::Integer)
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Node<'de>, E> {
        Ok(Node::Boolean(yes))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Node<'de>, E> {
        Ok(Node::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Node<'de>, E> {
        Ok(i64::try_from(number).map_or(Node::Number, Node::Integer))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Node<'de>, E> {
        Ok(Node::Number)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node<'de>, A::Error> {
        // Most tables are small, and what is read here stays where decisions begin.
        let mut table = Vec::with_capacity(2);
        while let Some(Key(key)) = members.next_key()? {
            if key == NUMBER {
                let Key(text) = members.next_value()?;
                return Ok(Node::number(&text));
            }
            table.push((key, members.next_value()?));
        }
        Ok(Node::Table(table))
    }
}

struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Node::deserialize(from)? {
            Node::Text(text) => Ok(Self(text)),
            other => {
                Err(de::Error::custom(format_args!("expected a string, found {}", other.kind())))
            }
        }
    }
}
