//! What the function is told: which server, and where its key is.
//! Refuses to print a key, also a wrong one.

use super::Findings;
use crate::arguments::CheckArguments;
use reqwest::Url;
use serde_json::Value;

/// The key that the old guide printed for everybody to read.
const PUBLISHED: &str = "ankipi-provision-key-12345";

/// Shorter ones the server does not take.
const SHORTEST_KEY: usize = 16;

/// The function's key.
pub(super) enum FunctionsKey {
    /// It stands in the environment.
    Seen(String),
    /// It is kept elsewhere, or missing.
    Unseen,
}

pub(super) fn look(
    findings: &mut Findings,
    settings: &Value,
    asked: &CheckArguments,
    set: &impl Fn(&str) -> String,
) -> FunctionsKey {
    let environment = &settings["Environment"];
    if let Some(why) = environment["Error"]["Message"].as_str() {
        findings.unknown("environment", why);
        return FunctionsKey::Unseen;
    }
    let variable = |name: &str| {
        environment["Variables"][name].as_str().map(str::trim).filter(|value| !value.is_empty())
    };
    // `--environment` takes the place of all of them.
    let variables = |said: &str| {
        format!(
            "{}   (with all variables that stay)",
            set(&format!("--environment 'Variables={{{said}}}'"))
        )
    };
    let server = variable("ENLIST_SERVER").or(variable("SYNC_SERVER_URL"));
    match server.map(|server| (server, Url::parse(server))) {
        None => findings.bad(
            "server",
            "the function is not told which: no ENLIST_SERVER",
            variables(&format!("ENLIST_SERVER={},…", asked.server.server)),
        ),
        Some((server, Ok(url))) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            if Url::parse(&asked.server.server).ok().as_ref() != Some(&url) {
                let says = format!(
                    "the function asks {server}, and {} is looked at here",
                    asked.server.server
                );
                findings.warn(
                    "server",
                    says,
                    variables(&format!("ENLIST_SERVER={},…", asked.server.server)),
                );
            } else if url.scheme() == "http" && !is_loopback(&url) {
                findings.warn("server", format!("{server} without TLS: the key can be read on the way"), "give the server a certificate (docs/operations.md), then ENLIST_SERVER=https://…");
            } else {
                findings.good("server", format!("the function asks {server}"));
            }
        }
        Some((server, _)) => findings.bad(
            "server",
            format!("the function is told {server}, which is no address"),
            variables(&format!("ENLIST_SERVER={},…", asked.server.server)),
        ),
    }
    let named: Vec<_> =
        ["ENLIST_KEY", "ENLIST_KEY_FILE", "ENLIST_KEY_SECRET", "ENLIST_KEY_PARAMETER"]
            .into_iter()
            .filter_map(|name| Some((name, variable(name)?)))
            .collect();
    match named[..] {
        [] => match variable("SYNC_SERVER_API_KEY") {
            Some(key) => given(findings, "SYNC_SERVER_API_KEY", key, &variables),
            None => {
                findings.bad("key", "the function has none", variables("ENLIST_KEY_SECRET=…,…"));
                FunctionsKey::Unseen
            }
        },
        [("ENLIST_KEY", key)] => given(findings, "ENLIST_KEY", key, &variables),
        [("ENLIST_KEY_FILE", file)] => {
            findings.good("key", format!("in the file {file} of the function's own"));
            FunctionsKey::Unseen
        }
        [(name, place)] => {
            kept(findings, name, place, settings, set);
            FunctionsKey::Unseen
        }
        [(one, _), (other, _), ..] => {
            findings.bad(
                "key",
                format!("{one} and {other} both say where it is: the function does not begin"),
                variables(&format!("{one}=…,…")),
            );
            FunctionsKey::Unseen
        }
    }
}

/// A key in the environment.
fn given(
    findings: &mut Findings,
    name: &str,
    key: &str,
    variables: &impl Fn(&str) -> String,
) -> FunctionsKey {
    let fix = || {
        format!(
            "enlist -t TENANT key create --scope provision, then {}",
            variables("ENLIST_KEY=…,…")
        )
    };
    if key == PUBLISHED {
        findings.bad(
            "key",
            format!("{name} is the one that the old guide printed: no server takes it"),
            fix(),
        );
    } else if key.len() < SHORTEST_KEY {
        findings.bad(
            "key",
            format!(
                "{name} has {} characters: no server takes one under {SHORTEST_KEY}",
                key.len()
            ),
            fix(),
        );
    } else {
        findings.good("key", format!("in {name}: whoever may look at the function sees it"));
        return FunctionsKey::Seen(key.to_owned());
    }
    FunctionsKey::Unseen
}

/// A key that AWS keeps, which the extension's layer fetches.
fn kept(
    findings: &mut Findings,
    name: &str,
    place: &str,
    settings: &Value,
    set: &impl Fn(&str) -> String,
) {
    let layers = settings["Layers"].as_array().into_iter().flatten();
    let has_the_layer = layers
        .filter_map(|layer| layer["Arn"].as_str())
        .any(|arn| arn.contains("AWS-Parameters-and-Secrets-Lambda-Extension"));
    // In an image it stands among the files.
    if has_the_layer || settings["PackageType"] == "Image" {
        findings.good("key", format!("{name} is {place}"));
    } else {
        let says = format!(
            "{name} is {place}, and the layer that fetches it is missing (AWS-Parameters-and-Secrets-Lambda-Extension)"
        );
        findings.bad("key", says, set("--layers ARN_OF_THE_EXTENSION_IN_THIS_REGION"));
    }
}

/// Nobody reads along there.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
