//! What the function is told: which server, and where its key is.
//! Refuses to print a key, also a wrong one.

use super::Findings;
use crate::server::{Server, address, shown};
use reqwest::Url;
use serde_json::Value;

/// The key that the old guide printed for everybody to read.
const PUBLISHED: &str = "ankipi-provision-key-12345";

/// Shorter ones the server does not take.
const SHORTEST_KEY: usize = 16;

/// Where the function may find its key.
const KEYS: [&str; 4] =
    ["ENLIST_KEY", "ENLIST_KEY_FILE", "ENLIST_KEY_SECRET", "ENLIST_KEY_PARAMETER"];

/// The function's key.
pub(super) enum FunctionsKey {
    /// It stands in the environment.
    Seen(String),
    /// It stands there too, for another server than the one that is looked at.
    Elsewhere,
    /// It is kept elsewhere, or missing.
    Unseen,
}

/// What the function finds in its environment, as `lambda/src/config.rs` reads it.
struct Environment<'a> {
    settings: &'a Value,
    /// The server that is looked at.
    looked_at: &'a Server,
    set: &'a dyn Fn(&str) -> String,
}

pub(super) fn look(
    findings: &mut Findings,
    settings: &Value,
    looked_at: &Server,
    set: &impl Fn(&str) -> String,
) -> FunctionsKey {
    if let Some(why) = settings["Environment"]["Error"]["Message"].as_str() {
        findings.unknown("environment", why);
        return FunctionsKey::Unseen;
    }
    let environment = Environment { settings, looked_at, set };
    let same = environment.server(findings);
    environment.on_error(findings);
    match environment.key(findings) {
        FunctionsKey::Seen(_) if !same => FunctionsKey::Elsewhere,
        key => key,
    }
}

impl Environment<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        let value = self.settings["Environment"]["Variables"][name].as_str();
        value.map(str::trim).filter(|value| !value.is_empty())
    }

    /// The command that sets `said`. `--environment` takes the place of all variables.
    fn fix(&self, said: &str) -> String {
        format!(
            "{}   (with all variables that stay)",
            (self.set)(&format!("--environment 'Variables={{{said}}}'"))
        )
    }

    /// Which server the function asks. Whether it is the one that is looked at.
    fn server(&self, findings: &mut Findings) -> bool {
        let looked_at = self.looked_at.shown();
        let fix = || self.fix(&format!("ENLIST_SERVER={looked_at},…"));
        let named = ["ENLIST_SERVER", "SYNC_SERVER_URL"]
            .into_iter()
            .find_map(|name| Some((name, self.variable(name)?)));
        let Some((name, server)) = named else {
            findings.bad("server", "the function is not told which: no ENLIST_SERVER", fix());
            return false;
        };
        let Some(url) = address(server) else {
            // It may be the key, in the wrong variable.
            findings.bad(
                "server",
                format!("{name} is no address, and not shown: the function does not begin"),
                fix(),
            );
            return false;
        };
        let server = shown(&url);
        if server != url {
            findings.bad("server", format!("{name} has more than an address ({server}), a password or a query, which is not shown: the function does not begin"), fix());
            return false;
        }
        if !self.looked_at.is_at(&url) {
            findings.warn(
                "server",
                format!("the function asks {server}, and {looked_at} is looked at here"),
                format!("none, if both are this server, from outside and from inside; else --server, or {}", fix()),
            );
            return false;
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            findings.warn(
                "server",
                format!("{server} without TLS: the key can be read on the way"),
                "give the server a certificate (docs/operations.md), then ENLIST_SERVER=https://…",
            );
        } else {
            findings.good("server", format!("the function asks {server}"));
        }
        true
    }

    fn on_error(&self, findings: &mut Findings) {
        match self.variable("ENLIST_ON_ERROR") {
            None | Some("continue" | "fail") => {}
            Some(_) => findings.bad(
                "on error",
                "ENLIST_ON_ERROR is neither continue nor fail, in small letters: the function does not begin",
                self.fix("ENLIST_ON_ERROR=continue,…"),
            ),
        }
    }

    fn key(&self, findings: &mut Findings) -> FunctionsKey {
        let named: Vec<_> =
            KEYS.into_iter().filter_map(|name| Some((name, self.variable(name)?))).collect();
        match named[..] {
            [] => match self.variable("SYNC_SERVER_API_KEY") {
                Some(key) => return self.given(findings, "SYNC_SERVER_API_KEY", key),
                None => findings.bad(
                    "key",
                    "the function has none",
                    self.fix("ENLIST_KEY_SECRET=…,…"),
                ),
            },
            [("ENLIST_KEY", key)] => return self.given(findings, "ENLIST_KEY", key),
            [(name, place)] if is_a_key(place) => findings.bad(
                "key",
                format!("{name} holds a key, and not where one is kept: the function does not find it, and whoever may look at the function sees it"),
                format!("enlist -t TENANT key create --scope provision, into Secrets Manager; then {}; then revoke this one", self.fix("ENLIST_KEY_SECRET=…,…")),
            ),
            [(name @ "ENLIST_KEY_FILE", file)] => {
                findings.good("key", format!("{name} is {}", place(file)));
            }
            [(name, kept)] => self.kept(findings, name, place(kept)),
            [(one, _), (other, _), ..] => findings.bad(
                "key",
                format!("{one} and {other} both say where it is: the function does not begin"),
                self.fix(&format!("{one}=…,…")),
            ),
        }
        FunctionsKey::Unseen
    }

    /// A key in the environment.
    fn given(&self, findings: &mut Findings, name: &str, key: &str) -> FunctionsKey {
        let says = if key == PUBLISHED {
            format!("{name} is the one that the old guide printed: no server takes it")
        } else if key.len() < SHORTEST_KEY {
            format!("{name} has {} characters: no server takes one under {SHORTEST_KEY}", key.len())
        } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            format!("{name} holds what no key does: expected printable ASCII without spaces")
        } else {
            findings.good("key", format!("in {name}: whoever may look at the function sees it"));
            return FunctionsKey::Seen(key.to_owned());
        };
        let fix = format!(
            "enlist -t TENANT key create --scope provision, then {}",
            self.fix("ENLIST_KEY=…,…")
        );
        findings.bad("key", says, fix);
        FunctionsKey::Unseen
    }

    /// A key that AWS keeps, which the extension's layer fetches.
    fn kept(&self, findings: &mut Findings, name: &str, place: &str) {
        const PORT: &str = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT";
        if self.variable(PORT).is_some_and(|port| port.parse::<u16>().is_err()) {
            let says = format!("{PORT} is no port: the function does not begin");
            return findings.bad("key", says, self.fix(&format!("{PORT}=2773,…")));
        }
        let layers = self.settings["Layers"].as_array().into_iter().flatten();
        let has_the_layer = layers
            .filter_map(|layer| layer["Arn"].as_str())
            .any(|arn| arn.contains("AWS-Parameters-and-Secrets-Lambda-Extension"));
        // In an image it stands among the files.
        if has_the_layer || self.settings["PackageType"] == "Image" {
            findings.good("key", format!("{name} is {place}"));
        } else {
            let says = format!(
                "{name} is {place}, and the layer that fetches it is missing (AWS-Parameters-and-Secrets-Lambda-Extension)"
            );
            findings.bad("key", says, (self.set)("--layers ARN_OF_THE_EXTENSION_IN_THIS_REGION"));
        }
    }
}

/// Whether it is one of the server's making, or the old guide's. One that was supplied from outside looks like anything.
fn is_a_key(value: &str) -> bool {
    value == PUBLISHED || value.contains("enl_tk_") || value.contains("enl_op_")
}

/// Where a key is kept. What is neither a whole name nor a path is not shown: a key may look like it.
fn place(value: &str) -> &str {
    if value.starts_with("arn:") || value.starts_with('/') { value } else { "a name" }
}

/// Nobody reads along there.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Findings, FunctionsKey, KEYS, Server, look};
    use crate::arguments::{Arguments, Verb};
    use crate::check::State;
    use clap::Parser;
    use serde_json::json;

    const SERVER: (&str, &str) = ("ENLIST_SERVER", "https://enlist.example.com");
    const KEY: (&str, &str) = ("ENLIST_KEY", "enl_tk_5f0c1d2e_secret");
    const CANARY: &str = "enl_tk_5f0c1d2e_CANARY";

    /// What is found in these variables, from a server of that name.
    fn found(variables: &[(&str, &str)]) -> (Findings, FunctionsKey) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        std::fs::write(&file, "enl_op_00000000_nobodys").expect("a file");
        let mut line = vec!["enlist-cognito", "check", "--user-pool-id", "eu-west-1_x"];
        line.extend(["--function", "arn:aws:lambda:eu-west-1:123456789012:function:f"]);
        let file = file.display().to_string();
        line.extend(["--server", "https://enlist.example.com/", "--key-file", &file]);
        let asked = match Arguments::parse_from(line).verb {
            Verb::Check(asked) => asked,
            other => panic!("{other:?}"),
        };
        let server = Server::find(&asked.server).expect("a server");
        let layer =
            "arn:aws:lambda:eu-west-1:1:layer:AWS-Parameters-and-Secrets-Lambda-Extension:1";
        let variables: serde_json::Map<_, _> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let settings = json!({"Environment": {"Variables": variables}, "Layers": [{"Arn": layer}]});
        let mut findings = Findings::default();
        let key = look(&mut findings, &settings, &server, &|what| format!("set {what}"));
        (findings, key)
    }

    fn is_red(variables: &[(&str, &str)]) -> bool {
        found(variables).0.count(State::Bad) > 0
    }

    #[test]
    fn what_the_function_begins_with_is_not_red() {
        let kept = ("ENLIST_KEY_SECRET", "enlist/trigger");
        for more in
            [&[KEY][..], &[kept], &[kept, ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "2774")]]
        {
            assert!(!is_red(&[&[SERVER], more].concat()), "{more:?}");
        }
        for value in ["continue", "fail", " fail ", ""] {
            assert!(!is_red(&[SERVER, KEY, ("ENLIST_ON_ERROR", value)]), "{value:?}");
        }
        assert!(!is_red(&[("SYNC_SERVER_URL", SERVER.1), ("SYNC_SERVER_API_KEY", KEY.1)]));
    }

    /// Every reason that the function has not to begin, and settings of it.
    #[test]
    fn what_the_function_does_not_begin_with_is_red() {
        let port = ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "http");
        type Settings<'a> = Vec<(&'a str, &'a str)>;
        let cases: [(&str, Vec<Settings<'_>>); 8] = [
            ("NoServer", vec![vec![KEY], vec![KEY, ("ENLIST_SERVER", " ")]]),
            (
                "BadServer",
                [
                    "enlist.example.com",
                    "ftp://enlist.example.com",
                    "https://me@enlist.example.com",
                    "https://me:pw@enlist.example.com",
                    "https://enlist.example.com/?a=b",
                    "https://enlist.example.com/#a",
                ]
                .map(|server| vec![KEY, ("ENLIST_SERVER", server)])
                .into(),
            ),
            ("NoKey", vec![vec![SERVER], vec![SERVER, ("ENLIST_KEY", " ")]]),
            ("TwoKeys", vec![vec![SERVER, KEY, ("ENLIST_KEY_FILE", "/f")]]),
            ("BadKey", vec![vec![SERVER, ("ENLIST_KEY", "enl_tk_5f0c1d2e_\u{1}secret")]]),
            // A file of the function's own cannot be seen from here.
            ("KeyFile", vec![]),
            (
                "BadOnError",
                ["Continue", "FAIL", "no"]
                    .map(|said| vec![SERVER, KEY, ("ENLIST_ON_ERROR", said)])
                    .into(),
            ),
            ("Extension", vec![vec![SERVER, ("ENLIST_KEY_SECRET", "s"), port]]),
        ];
        let theirs = include_str!("../../../src/config.rs");
        let theirs =
            theirs.split("enum ConfigError {").nth(1).and_then(|rest| rest.split("\n}").next());
        let theirs: Vec<_> = theirs
            .expect("the function's reasons")
            .lines()
            .map(|line| line.trim().split([',', '(']).next().unwrap_or_default())
            .filter(|word| word.starts_with(char::is_uppercase))
            .collect();
        assert_eq!(theirs, cases.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for (name, settings) in cases {
            for variables in settings {
                assert!(is_red(&variables), "{name}: {variables:?}");
            }
        }
    }

    #[test]
    fn a_key_is_not_shown_wherever_it_stands() {
        let within = format!("https://{CANARY}:{CANARY}@enlist.example.com/?{CANARY}#{CANARY}");
        let names = KEYS.into_iter().chain([
            "ENLIST_SERVER",
            "ENLIST_ON_ERROR",
            "SYNC_SERVER_URL",
            "SYNC_SERVER_API_KEY",
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT",
        ]);
        for name in names {
            for value in [CANARY, &format!("/{CANARY}"), &within, "supplied-from-outside-CANARY"] {
                for others in
                    [&[][..], &[SERVER], &[SERVER, KEY], &[SERVER, ("ENLIST_KEY_SECRET", "s")]]
                {
                    let mut variables = others.to_vec();
                    variables.retain(|(other, _)| *other != name);
                    variables.push((name, value));
                    let (findings, _) = found(&variables);
                    let shown = serde_json::to_string(&findings.0).expect("JSON");
                    assert!(!shown.contains("CANARY"), "{variables:?}: {shown}");
                }
            }
        }
        let (findings, key) = found(&[SERVER, ("ENLIST_KEY_SECRET", CANARY)]);
        let key = matches!(key, FunctionsKey::Unseen);
        assert!(key && findings.count(State::Bad) == 1, "{findings:?}");
    }

    #[test]
    fn a_key_is_for_the_server_that_the_function_asks() {
        let with = |server| found(&[("ENLIST_SERVER", server), KEY]).1;
        for same in ["https://enlist.example.com", "https://enlist.example.com/"] {
            assert!(matches!(with(same), FunctionsKey::Seen(_)), "{same}");
        }
        for other in
            ["https://another.example.com", "http://enlist.example.com", "enlist.example.com"]
        {
            assert!(matches!(with(other), FunctionsKey::Elsewhere), "{other}");
        }
    }
}
