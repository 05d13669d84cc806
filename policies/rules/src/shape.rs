//! How settings are declared: a type says once what may be written, and from that come both the reading of a document, which names
//! everything that is wrong with it, and its JSON Schema. It knows no setting.

use crate::node::Node;
use enlist_policy::Problem;
use serde_json::{Value, json};
use std::fmt::Write;

/// Something that can be written in a settings document.
pub(crate) trait Setting: Sized {
    /// Reads it. `None` when something is wrong, which `place` has then been told.
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self>;

    /// JSON Schema of everything that `read` takes, and hardly anything else.
    fn schema() -> Value;
}

/// Where in the document we are, and what has been found wrong so far.
pub(crate) struct Place<'a> {
    pointer: String,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Place<'a> {
    pub(crate) fn root(problems: &'a mut Vec<Problem>) -> Self {
        Self { pointer: String::new(), problems }
    }

    /// Something is wrong here.
    pub(crate) fn wrong<T>(&mut self, message: impl Into<String>) -> Option<T> {
        self.problems.push(Problem::new(self.pointer.clone(), message));
        None
    }

    /// What is here is something else than it should be.
    pub(crate) fn expected<T>(&mut self, what: &str, found: &Node<'_>) -> Option<T> {
        self.wrong(format!("expected {what}, found {}", found.kind()))
    }

    /// Looks at what is called `name` here.
    pub(crate) fn at<T>(&mut self, name: &str, look: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        self.look(length, look)
    }

    /// Looks at the so manyth here.
    pub(crate) fn item<T>(&mut self, number: usize, look: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        write!(self.pointer, "/{number}").expect("a String takes everything");
        self.look(length, look)
    }

    fn look<T>(&mut self, length: usize, look: impl FnOnce(&mut Self) -> T) -> T {
        let seen = look(self);
        self.pointer.truncate(length);
        seen
    }

    /// Whether nothing has been found wrong here, or below.
    pub(crate) fn is_clean_here(&self) -> bool {
        self.is_clean(&[&self.pointer])
    }

    /// Whether every item of this list could be read, so that their numbers are those of the document.
    pub(crate) fn has_all_items(&self, list: &str) -> bool {
        !self.problems.iter().any(|problem| {
            let below = problem.path.strip_prefix(list).and_then(|rest| rest.strip_prefix('/'));
            below.is_some_and(|rest| !rest.contains('/'))
        })
    }

    /// Whether nothing has been found wrong at any of these pointers, or below them.
    pub(crate) fn is_clean(&self, pointers: &[&str]) -> bool {
        !self.problems.iter().any(|problem| {
            let below = |pointer: &&str| {
                let rest = problem.path.strip_prefix(*pointer);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            pointers.iter().any(below)
        })
    }
}

/// So many names are listed when there is one too many.
const MENU: usize = 8;

/// What was written, as much of it as a message has room for.
pub(crate) fn shown(text: &str) -> String {
    let cut = text.floor_char_boundary(80);
    format!("{:?}{}", &text[..cut], if cut < text.len() { "…" } else { "" })
}

/// The members of a table, taken one by one.
pub(crate) struct Members<'n, 'a> {
    rest: Vec<(&'n str, &'n Node<'a>)>,
}

impl<'n, 'a> Members<'n, 'a> {
    pub(crate) fn of(node: &'n Node<'a>, place: &mut Place<'_>) -> Option<Self> {
        let Node::Table(members) = node else { return place.expected("a table", node) };
        Some(Self { rest: members.iter().map(|(name, node)| (&**name, node)).collect() })
    }

    /// The member, `Ok(None)` when it is not there. `Err` has been said.
    pub(crate) fn optional<T: Setting>(
        &mut self,
        name: &str,
        place: &mut Place<'_>,
    ) -> Result<Option<T>, ()> {
        let Some(node) = self.take(name) else { return Ok(None) };
        place.at(name, |place| T::read(node, place)).map(Some).ok_or(())
    }

    /// The member as it was written.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'n Node<'a>> {
        let found = self.rest.iter().position(|(key, _)| *key == name)?;
        Some(self.rest.remove(found).1)
    }

    pub(crate) fn required<T: Setting>(&mut self, name: &str, place: &mut Place<'_>) -> Option<T> {
        match self.optional(name, place) {
            Ok(Some(value)) => Some(value),
            Ok(None) => place.at(name, |place| place.wrong("is missing")),
            Err(()) => None,
        }
    }

    /// What nobody asked for is not known.
    pub(crate) fn end(self, known: &[&str], place: &mut Place<'_>) {
        let known = match known.len() {
            ..=MENU => format!(": {}", known.join(", ")),
            _ => String::new(),
        };
        for (name, _) in self.rest {
            place.at(name, |place| place.wrong::<()>(format!("no setting has this name{known}")));
        }
    }
}

/// Declares a table: its members, whether each has to be there or what it is when it is not, and what is said of it.
///
/// A wrong member becomes what stands behind its `=`, so that the others are looked at too; the problem has been said.
macro_rules! table {
    ($(#[doc = $about:literal])+ $name:ident {
        $($(#[doc = $doc:literal])+ $how:ident $key:ident : $type:ty $(= $default:expr)?,)+
    }) => {
        $(#[doc = $about])+
        pub(crate) struct $name {
            $($(#[doc = $doc])+ pub(crate) $key: $crate::shape::table!(@type $how $type),)+
        }

        impl $crate::shape::Setting for $name {
            fn read(
                node: &$crate::node::Node<'_>,
                place: &mut $crate::shape::Place<'_>,
            ) -> Option<Self> {
                let mut members = $crate::shape::Members::of(node, place)?;
                $(let $key = $crate::shape::table!(
                    @read $how $type, members, place, $crate::shape::written(stringify!($key)) $(, $default)?
                );)+
                members.end(&[$($crate::shape::written(stringify!($key))),+], place);
                Some(Self { $($key: $crate::shape::table!(@take $how $key)),+ })
            }

            fn schema() -> serde_json::Value {
                let mut table = $crate::shape::TableSchema::new(concat!($($about, "\n"),+));
                $(table.member(
                    $crate::shape::written(stringify!($key)),
                    concat!($($doc, "\n"),+),
                    stringify!($how) == "required",
                    <$type as $crate::shape::Setting>::schema(),
                );)+
                table.end()
            }
        }
    };
    (@type required $type:ty) => { $type };
    (@type optional $type:ty) => { Option<$type> };
    (@type default $type:ty) => { $type };
    (@read required $type:ty, $members:ident, $place:ident, $name:expr $(, $instead:expr)?) => {
        $members.required::<$type>($name, $place)$(.or_else(|| Some($instead)))?
    };
    (@read optional $type:ty, $members:ident, $place:ident, $name:expr) => {
        $members.optional::<$type>($name, $place).unwrap_or_default()
    };
    (@read default $type:ty, $members:ident, $place:ident, $name:expr, $default:expr) => {
        $members.optional::<$type>($name, $place).unwrap_or_default().unwrap_or_else(|| $default)
    };
    (@take required $key:ident) => { $key? };
    (@take optional $key:ident) => { $key };
    (@take default $key:ident) => { $key };
}
pub(crate) use table;

/// Declares a word of a few.
macro_rules! choice {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $word:ident = $text:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[doc = $doc])+ $word,)+
        }

        impl $crate::shape::Setting for $name {
            fn read(
                node: &$crate::node::Node<'_>,
                place: &mut $crate::shape::Place<'_>,
            ) -> Option<Self> {
                match node {
                    $($crate::node::Node::Text(text) if text == $text => Some(Self::$word),)+
                    $crate::node::Node::Text(_) => {
                        place.wrong(format!("expected one of {}", [$($text),+].join(", ")))
                    }
                    _ => place.expected(&format!("one of {}", [$($text),+].join(", ")), node),
                }
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({"enum": [$($text),+]})
            }
        }
    };
}
pub(crate) use choice;

/// A member's name as it is written: some are words of Rust too.
pub(crate) fn written(name: &'static str) -> &'static str {
    name.trim_start_matches("r#")
}

/// The schema of a table, member by member.
pub(crate) struct TableSchema {
    schema: Value,
    required: Vec<Value>,
}

impl TableSchema {
    pub(crate) fn new(about: &str) -> Self {
        let about = about.trim();
        let schema = json!({"description": about, "type": "object", "additionalProperties": false});
        Self { schema, required: Vec::new() }
    }

    pub(crate) fn member(&mut self, name: &str, doc: &str, required: bool, mut schema: Value) {
        let lines: Vec<_> = doc.lines().map(str::trim).collect();
        // Beside a reference nothing is read by every reader.
        if schema.get("$ref").is_some() {
            schema = json!({"allOf": [schema]});
        }
        schema["description"] = lines.join(" ").trim().into();
        self.schema["properties"][name] = schema;
        if required {
            self.required.push(name.into());
        }
    }

    pub(crate) fn end(mut self) -> Value {
        if !self.required.is_empty() {
            self.schema["required"] = Value::Array(self.required);
        }
        self.schema
    }
}

impl Setting for bool {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        match node {
            Node::Boolean(yes) => Some(*yes),
            _ => place.expected("true or false", node),
        }
    }

    fn schema() -> Value {
        json!({"type": "boolean"})
    }
}

impl Setting for String {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        match node {
            Node::Text(text) => Some(text.to_string()),
            _ => place.expected("a string", node),
        }
    }

    fn schema() -> Value {
        json!({"type": "string"})
    }
}

/// A list: a wrong item is said, and left out.
impl<T: Setting> Setting for Vec<T> {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let Node::List(items) = node else { return place.expected("a list", node) };
        let mut read = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            read.extend(place.item(number, |place| T::read(item, place)));
        }
        Some(read)
    }

    fn schema() -> Value {
        json!({"type": "array", "items": T::schema()})
    }
}

impl<T: Setting> Setting for Box<T> {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        T::read(node, place).map(Box::new)
    }

    fn schema() -> Value {
        T::schema()
    }
}

/// A whole number from `LEAST` to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole<const LEAST: i64, const MOST: i64>(pub(crate) u32);

impl<const LEAST: i64, const MOST: i64> Setting for Whole<LEAST, MOST> {
    fn read(node: &Node<'_>, place: &mut Place<'_>) -> Option<Self> {
        let Node::Integer(number) = node else { return place.expected("an integer", node) };
        if (LEAST..=MOST).contains(number) {
            return u32::try_from(*number).ok().map(Self);
        }
        place.wrong(if LEAST == MOST {
            format!("expected {LEAST}, found {number}")
        } else {
            format!("expected {LEAST} to {MOST}, found {number}")
        })
    }

    fn schema() -> Value {
        if LEAST == MOST {
            return json!({"const": LEAST});
        }
        json!({"type": "integer", "minimum": LEAST, "maximum": MOST})
    }
}

impl<const LEAST: i64, const MOST: i64> Whole<LEAST, MOST> {
    pub(crate) fn get(self) -> usize {
        self.0 as usize
    }
}
