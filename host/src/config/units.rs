//! Values with units, as people write them: `"20ms"`, `"2MiB"`, `"0750"`. From the environment everything arrives as text, so
//! numbers and switches are taken as text too.

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// A time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Millis(pub u64);

/// How long something is kept; none is forever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep(pub Option<Duration>);

/// Permission bits of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FolderMode(pub u32);

/// How `Keep` says that there is no end.
const FOREVER: &str = "forever";

impl Millis {
    /// The same time as the rest of the program says it.
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parse = |text: &str| text.parse::<bytesize::ByteSize>().ok().map(|size| size.as_u64());
        deserializer
            .deserialize_any(Text {
                expected: "a size such as \"64KiB\"",
                bare_number: false,
                parse,
            })
            .map(Self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parse = |text: &str| {
            let time = humantime::parse_duration(text).ok()?;
            let whole = u64::try_from(time.as_millis()).ok()?;
            (Duration::from_millis(whole) == time).then_some(whole)
        };
        let expected = "a time in whole milliseconds such as \"20ms\"";
        deserializer.deserialize_any(Text { expected, bare_number: false, parse }).map(Self)
    }
}

impl Keep {
    /// Thirty days.
    pub const DEFAULT: Self = Self(Some(Duration::from_secs(30 * 24 * 60 * 60)));
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Whole seconds; 0 is what no time can be, and stands for none.
        let parse = |text: &str| match text {
            FOREVER => Some(0),
            _ => {
                let time = humantime::parse_duration(text).ok()?;
                (time.subsec_nanos() == 0 && !time.is_zero()).then_some(time.as_secs())
            }
        };
        let expected = "a time in whole seconds such as \"30d\", or \"forever\"";
        let seconds = deserializer.deserialize_any(Text { expected, bare_number: false, parse })?;
        Ok(Self((seconds > 0).then(|| Duration::from_secs(seconds))))
    }
}

impl<'de> Deserialize<'de> for FolderMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The owner must be able to make and list what is inside: what is adopted has to be looked into.
        let usable = |mode: &u32| *mode <= 0o7777 && mode & 0o700 == 0o700;
        let parse = |text: &str| u32::from_str_radix(text, 8).ok().filter(usable).map(u64::from);
        let expected = "octal permission bits that let the owner in, such as \"0750\"";
        let mode = deserializer.deserialize_any(Text { expected, bare_number: false, parse })?;
        Ok(Self(u32::try_from(mode).unwrap_or_default()))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&bytesize::ByteSize(self.0).display().iec())
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.duration()))
    }
}

impl Serialize for Keep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(time) => serializer.collect_str(&humantime::format_duration(time)),
            None => serializer.serialize_str(FOREVER),
        }
    }
}

impl Serialize for FolderMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:04o}", self.0))
    }
}

/// A whole number, or its decimal text.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let parse = |text: &str| text.parse::<u64>().ok();
    deserializer.deserialize_any(Text { expected: "a whole number", bare_number: true, parse })
}

/// `true` or `false`, or its text.
pub(super) fn switch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    deserializer.deserialize_any(Switch)
}

/// Takes text, and a bare number where there is no unit to be guessed.
struct Text<P> {
    expected: &'static str,
    bare_number: bool,
    parse: P,
}

impl<P: Fn(&str) -> Option<u64>> Visitor<'_> for Text<P> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        (self.parse)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        let taken = u64::try_from(number).ok().filter(|_| self.bare_number);
        taken.ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }
}

struct Switch;

impl Visitor<'_> for Switch {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, switch: bool) -> Result<bool, E> {
        Ok(switch)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}
