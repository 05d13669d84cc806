//! The environment, read once before the first event. Refuses what it cannot make sense of, and to say a key or the address of a
//! server that holds a password: the reason goes to the log alone.

use crate::key::{Key, Origin};
use reqwest::Url;
use std::path::PathBuf;
use thiserror::Error;

/// What a failure of ours means for the person in front of Cognito.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// They go on; the log and the count say that something has to be made good.
    Continue,
    /// They are told.
    Fail,
}

/// All that is set.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) server: Url,
    pub(crate) key: Key,
    pub(crate) on_error: OnError,
    /// What the operator should know of how it was read.
    pub(crate) remarks: Vec<&'static str>,
}

/// Why the trigger cannot begin.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("ENLIST_SERVER is not set (nor SYNC_SERVER_URL)")]
    NoServer,
    #[error(
        "{0}: expected https://HOST or http://HOST:PORT, without a name, a password or a query"
    )]
    BadServer(&'static str),
    #[error(
        "no key: set one of ENLIST_KEY, ENLIST_KEY_FILE, ENLIST_KEY_SECRET, ENLIST_KEY_PARAMETER (or SYNC_SERVER_API_KEY)"
    )]
    NoKey,
    #[error("{0} and {1} both say where the key is: set one")]
    TwoKeys(&'static str, &'static str),
    #[error("{0} holds no key: expected printable ASCII")]
    BadKey(&'static str),
    #[error("ENLIST_KEY_FILE cannot be read: {0}")]
    KeyFile(#[source] std::io::Error),
    #[error("ENLIST_ON_ERROR: expected continue or fail")]
    BadOnError,
    #[error("the extension's port or token is not what Lambda sets: {0}")]
    Extension(&'static str),
}

impl Config {
    /// Reads what `variable` gives; one that is empty is not set.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name: &str| {
            variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let mut remarks = Vec::new();
        let (name, server) = match (set("ENLIST_SERVER"), set("SYNC_SERVER_URL")) {
            (Some(server), old) => {
                if old.is_some() {
                    remarks.push("ENLIST_SERVER is used, SYNC_SERVER_URL is not");
                }
                ("ENLIST_SERVER", server)
            }
            (None, Some(server)) => ("SYNC_SERVER_URL", server),
            (None, None) => return Err(ConfigError::NoServer),
        };
        let server = base(&server).ok_or(ConfigError::BadServer(name))?;
        if server.scheme() == "http" && !is_loopback(&server) {
            remarks.push(
                "the server is asked over http: the key and people's data travel in the clear",
            );
        }
        let key = key(&set, &mut remarks)?;
        let on_error = match set("ENLIST_ON_ERROR").as_deref() {
            None | Some("continue") => OnError::Continue,
            Some("fail") => OnError::Fail,
            Some(_) => return Err(ConfigError::BadOnError),
        };
        Ok(Self { server, key, on_error, remarks })
    }
}

const KEYS: [&str; 4] =
    ["ENLIST_KEY", "ENLIST_KEY_FILE", "ENLIST_KEY_SECRET", "ENLIST_KEY_PARAMETER"];

fn key(
    set: &impl Fn(&str) -> Option<String>,
    remarks: &mut Vec<&'static str>,
) -> Result<Key, ConfigError> {
    let mut named = KEYS.into_iter().filter_map(|name| Some((name, set(name)?)));
    let old = set("SYNC_SERVER_API_KEY");
    let Some((name, value)) = named.next() else {
        let old = old.ok_or(ConfigError::NoKey)?;
        return Key::given(&old).ok_or(ConfigError::BadKey("SYNC_SERVER_API_KEY"));
    };
    if let Some((other, _)) = named.next() {
        return Err(ConfigError::TwoKeys(name, other));
    }
    if old.is_some() {
        remarks.push("ENLIST_KEY… is used, SYNC_SERVER_API_KEY is not");
    }
    let origin = match name {
        "ENLIST_KEY" => return Key::given(&value).ok_or(ConfigError::BadKey(name)),
        "ENLIST_KEY_FILE" => {
            let text =
                std::fs::read_to_string(PathBuf::from(value)).map_err(ConfigError::KeyFile)?;
            let line = text.lines().next().unwrap_or_default();
            return Key::given(line).ok_or(ConfigError::BadKey(name));
        }
        "ENLIST_KEY_SECRET" => Origin::Secret(value),
        _ => Origin::Parameter(value),
    };
    let port = match set("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") {
        None => 2773,
        Some(port) => port
            .parse()
            .map_err(|_| ConfigError::Extension("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"))?,
    };
    let token = set("AWS_SESSION_TOKEN").ok_or(ConfigError::Extension("AWS_SESSION_TOKEN"))?;
    Key::kept(origin, port, &token).ok_or(ConfigError::Extension("AWS_SESSION_TOKEN"))
}

fn base(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

fn is_loopback(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default();
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn read(set: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let set: HashMap<_, _> = set.iter().copied().collect();
        Config::read(|name| set.get(name).map(|value| (*value).to_owned()))
    }

    fn no(set: &[(&str, &str)]) -> String {
        read(set).expect_err("a reason").to_string()
    }

    const SERVER: (&str, &str) = ("ENLIST_SERVER", "https://enlist.example.com");
    const KEY: (&str, &str) = ("ENLIST_KEY", "enl_tk_5f0c1d2e_secret");

    #[test]
    fn the_old_guides_variables_are_enough() {
        let old = [
            ("SYNC_SERVER_URL", "https://ankipi.com/"),
            ("SYNC_SERVER_API_KEY", " old-key-of-theirs\n"),
        ];
        let config = read(&old).expect("settings");
        assert_eq!(config.server.as_str(), "https://ankipi.com/");
        assert_eq!(config.on_error, OnError::Continue);
        assert!(config.remarks.is_empty());
    }

    #[test]
    fn ours_win_and_a_remark_says_so() {
        let both = [
            SERVER,
            KEY,
            ("SYNC_SERVER_URL", "https://ankipi.com"),
            ("SYNC_SERVER_API_KEY", "old"),
        ];
        let config = read(&both).expect("settings");
        assert_eq!(config.server.host_str(), Some("enlist.example.com"));
        assert_eq!(config.remarks.len(), 2);
    }

    #[test]
    fn what_makes_no_sense_is_named_without_being_repeated() {
        let secret = "S3CRET";
        let with = format!("https://me:{secret}@enlist.example.com");
        let cases = [
            (vec![KEY], "ENLIST_SERVER is not set"),
            (vec![KEY, ("ENLIST_SERVER", &with)], "ENLIST_SERVER: expected"),
            (vec![KEY, ("ENLIST_SERVER", "enlist.example.com")], "ENLIST_SERVER: expected"),
            (
                vec![KEY, ("SYNC_SERVER_URL", "ftp://enlist.example.com")],
                "SYNC_SERVER_URL: expected",
            ),
            (vec![SERVER], "no key"),
            (vec![SERVER, ("ENLIST_KEY", "  ")], "no key"),
            (vec![SERVER, ("ENLIST_KEY", "S3CRET\u{1}")], "ENLIST_KEY holds no key"),
            (vec![SERVER, KEY, ("ENLIST_KEY_FILE", "/f")], "ENLIST_KEY and ENLIST_KEY_FILE both"),
            (vec![SERVER, ("ENLIST_KEY_FILE", "/there/is/none")], "ENLIST_KEY_FILE cannot be read"),
            (vec![SERVER, KEY, ("ENLIST_ON_ERROR", "S3CRET")], "ENLIST_ON_ERROR: expected"),
            (vec![SERVER, ("ENLIST_KEY_SECRET", "s")], "AWS_SESSION_TOKEN"),
        ];
        for (set, expected) in cases {
            let found = no(&set);
            assert!(found.contains(expected), "{found}");
            assert!(!found.contains(secret), "{found}");
        }
    }

    #[test]
    fn a_key_in_the_clear_is_remarked_on_but_for_loopback() {
        let asked =
            |server| read(&[("ENLIST_SERVER", server), KEY]).expect("settings").remarks.len();
        assert_eq!(asked("http://10.0.0.7:8080"), 1);
        assert_eq!(asked("http://127.0.0.1:8080"), 0);
        assert_eq!(asked("http://[::1]:8080"), 0);
    }

    #[test]
    fn a_key_is_not_printed() {
        let config = read(&[SERVER, KEY]).expect("settings");
        assert!(!format!("{config:?}").contains("5f0c1d2e"));
    }
}
