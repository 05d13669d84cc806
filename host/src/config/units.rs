//! Values with units, as people write them: `"20ms"`, `"2MiB"`, `"0750"`. From the environment everything arrives as text, so
//! numbers, switches and lists are taken as text too.

use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};
use serde::{Serialize, Serializer};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
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
/// How often in a second; none means as often as anybody likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub Option<NonZeroU32>);

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part(pub f64);

/// Networks, a single address being a network of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(pub Vec<IpNet>);

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

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RateText).map(Self)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartText).map(Self)
    }
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NetworkList).map(Self)
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

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(rate) => rate.serialize(serializer),
            None => serializer.serialize_str(""),
        }
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Serialize for Networks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(IpNet::to_string))
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

/// Text, or a number as its text.
pub(super) fn text_or_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    deserializer.deserialize_any(Word)
}

/// An address with its port.
pub(super) fn socket<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    deserializer.deserialize_any(AddressText)
}

/// The same, or empty text for none.
pub(super) mod address {
    use serde::de::{Deserialize, Deserializer, IntoDeserializer};
    use serde::ser::Serializer;
    use std::net::SocketAddr;

    pub(in crate::config) fn serialize<S: Serializer>(
        address: &Option<SocketAddr>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match address {
            Some(address) => serializer.collect_str(address),
            None => serializer.serialize_str(""),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SocketAddr>, D::Error> {
        let text = String::deserialize(deserializer)?;
        (!text.is_empty())
            .then(|| super::socket(IntoDeserializer::<D::Error>::into_deserializer(text)))
            .transpose()
    }
}

struct AddressText;

impl Visitor<'_> for AddressText {
    type Value = SocketAddr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address and a port such as \"127.0.0.1:27703\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SocketAddr, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
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

struct Word;

impl Visitor<'_> for Word {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a whole number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

struct RateText;

impl Visitor<'_> for RateText {
    type Value = Option<NonZeroU32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 1")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        let rate = u32::try_from(number).ok().and_then(NonZeroU32::new);
        rate.map(Some).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }
}

struct PartText;

impl PartText {
    fn part<E: Error>(&self, part: f64) -> Result<f64, E> {
        let is_part = (0.0..=1.0).contains(&part);
        if is_part { Ok(part) } else { Err(E::invalid_value(Unexpected::Float(part), self)) }
    }
}

impl Visitor<'_> for PartText {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part from 0 to 1, such as 0.05")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        let part = text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?;
        self.part(part)
    }

    fn visit_f64<E: Error>(self, part: f64) -> Result<f64, E> {
        self.part(part)
    }

    fn visit_i64<E: Error>(self, part: i64) -> Result<f64, E> {
        self.part(part as f64)
    }
}

struct NetworkList;

impl NetworkList {
    fn network<E: Error>(&self, text: &str) -> Result<IpNet, E> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| E::invalid_value(Unexpected::Str(text), self))
    }
}

impl<'de> Visitor<'de> for NetworkList {
    type Value = Vec<IpNet>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("addresses and networks such as \"127.0.0.1\" and \"10.0.0.0/8\"")
    }

    /// From the environment: with commas between them.
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(|word| self.network(word)).collect()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut networks = Vec::new();
        while let Some(word) = list.next_element::<String>()? {
            networks.push(self.network(&word)?);
        }
        Ok(networks)
    }
}
