//! `enlist policy push`, `activate` and what else is asked of a running server about a tenant's rules.
//! Refuses to judge a component or its settings: the server makes the revision, or says what is wrong.

use crate::cli::client::{Client, Table, text};
use crate::cli::decisions::moment;
use crate::cli::policy::{Component, SettingsFile};
use crate::cli::{Ending, fail, reviews};
use crate::sandbox::quote;
use clap::Subcommand;
use reqwest::Url;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use similar::TextDiff;
use std::fs;
use std::path::{Path, PathBuf};

/// What `enlist policy` takes that a server answers.
#[derive(Debug, Subcommand)]
pub(super) enum RevisionsVerb {
    /// Make a revision of a component and its settings; it decides nothing before it is activated.
    Push {
        /// A component file, a folder with a policy's source (it is built first), or builtin:NAME.
        policy: String,
        /// Its settings, TOML or JSON [default: {}].
        #[arg(long, value_name = "FILE")]
        settings: Option<PathBuf>,
        #[command(flatten)]
        making: Making,
    },
    /// Make a revision of the active component with other settings.
    Settings {
        /// The settings, TOML or JSON.
        file: PathBuf,
        #[command(flatten)]
        making: Making,
    },
    /// List revisions, the newest first.
    List,
    /// Show a revision and its settings.
    Show {
        /// Which [default: the active one].
        revision: Option<u64>,
    },
    /// Write a revision's component and settings into a folder.
    Pull {
        /// Which.
        revision: u64,
        /// Where to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Say what differs between two revisions: 0 nothing, 1 something.
    Diff {
        /// The one.
        one: u64,
        /// The other.
        other: u64,
    },
    /// Say what a revision would change for everybody whom the record knows: 0 nobody is turned away, 1 somebody is.
    Preview {
        /// Which.
        revision: u64,
    },
    /// Make recorded decisions again, each by the revision that made it: 0 all come out the same, 1 some do not.
    Replay {
        /// Not those before: so long ago, such as 7d, or a moment [default: all there are].
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<String>,
    },
    /// Let a revision decide from now on.
    Activate {
        /// Which.
        revision: u64,
        /// Only when this one is active.
        #[arg(long, value_name = "N")]
        if_active: Option<u64>,
    },
    /// Go back to the revision that was active before; again, and it goes one further back.
    Rollback {
        /// To the latest time that this one was active.
        #[arg(long, value_name = "REV")]
        to: Option<u64>,
    },
}

/// How a revision is made.
#[derive(Debug, clap::Args)]
pub(super) struct Making {
    /// What is to be read beside it.
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Activate it, if it can be made.
    #[arg(long)]
    activate: bool,
}

pub(super) fn run(client: &Client, verb: RevisionsVerb) -> Result<Ending, Ending> {
    match verb {
        RevisionsVerb::Push { policy, settings, making } => {
            let mut form = if policy.starts_with("builtin:") {
                // The server knows its own.
                Form::new().text("policy", policy)
            } else {
                component_form(&policy, Component::read(&policy, u64::MAX)?)?
            };
            if let Some(settings) = settings {
                form = form.part("settings", SettingsFile::read(&settings)?.part()?);
            }
            making.send(client, form)
        }
        RevisionsVerb::Settings { file, making } => {
            making.send(client, Form::new().part("settings", SettingsFile::read(&file)?.part()?))
        }
        RevisionsVerb::List => {
            let revisions = client.list(client.tenant_url(&["revisions"])?)?;
            Ok(client.show(&revisions, list))
        }
        RevisionsVerb::Show { revision } => {
            let revision = revision.map_or_else(|| active(client), Ok)?;
            let mut shown = client.get(url(client, revision, &[])?)?;
            let settings = client.fetch(url(client, revision, &["settings"])?)?;
            shown["settings"] = String::from_utf8_lossy(&settings).into();
            Ok(client.show(&shown, show))
        }
        RevisionsVerb::Pull { revision, out } => pull(client, revision, &out),
        RevisionsVerb::Diff { one, other } => diff(client, one, other),
        RevisionsVerb::Preview { revision } => {
            reviews::preview(client, url(client, revision, &["preview"])?)
        }
        RevisionsVerb::Replay { since } => reviews::replay(client, since),
        RevisionsVerb::Activate { revision, if_active } => {
            Ok(client.show(&activate(client, revision, if_active)?, moved))
        }
        RevisionsVerb::Rollback { to } => {
            let mut url = client.tenant_url(&["rollback"])?;
            if let Some(to) = to {
                url.query_pairs_mut().append_pair("to", &to.to_string());
            }
            Ok(client.show(&client.send_if_match(url, None)?, moved))
        }
    }
}

impl Making {
    fn url(&self, client: &Client) -> Result<Url, Ending> {
        let mut url = client.tenant_url(&["revisions"])?;
        if let Some(message) = &self.message {
            url.query_pairs_mut().append_pair("note", message);
        }
        Ok(url)
    }

    fn send(&self, client: &Client, form: Form) -> Result<Ending, Ending> {
        let made = client.send_form(self.url(client)?, form)?;
        for note in made["notes"].as_array().into_iter().flatten() {
            eprintln!("note: {}", quote(text(note)));
        }
        let Some(revision) = made["revision"].as_u64().filter(|_| self.activate) else {
            return Ok(client.show(&made, |made| {
                let revision = text(&made["revision"]);
                format!("revision {revision} is there; enlist policy activate {revision} lets it decide\n")
            }));
        };
        Ok(client.show(&activate(client, revision, None)?, moved))
    }
}

fn activate(client: &Client, revision: u64, if_active: Option<u64>) -> Result<Value, Ending> {
    let url = url(client, revision, &["activate"])?;
    client.send_if_match(url, if_active.map(|number| format!("\"{number}\"")))
}

fn url(client: &Client, revision: u64, more: &[&str]) -> Result<Url, Ending> {
    client.tenant_url(&[&["revisions", &revision.to_string()], more].concat())
}

fn active(client: &Client) -> Result<u64, Ending> {
    let tenant = client.get(client.tenant_url(&[])?)?;
    Ok(tenant["revision"].as_u64().unwrap_or_default())
}

fn pull(client: &Client, revision: u64, out: &Path) -> Result<Ending, Ending> {
    let component = client.fetch(url(client, revision, &["component"])?)?;
    let settings = client.fetch(url(client, revision, &["settings"])?)?;
    let is_json = serde_json::from_slice::<Value>(&settings).is_ok();
    let settings_name = if is_json { "settings.json" } else { "settings.toml" };
    let write = |name: &str, bytes: &[u8]| {
        let path = out.join(name);
        // What is there already is somebody's work.
        let file = fs::File::options().write(true).create_new(true).open(&path);
        let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, bytes));
        written.map_err(|error| {
            eprintln!("enlist: {}: {error}", path.display());
            Ending::No
        })
    };
    fs::create_dir_all(out).map_err(|error| {
        eprintln!("enlist: {}: {error}", out.display());
        Ending::No
    })?;
    write("component.wasm", &component)?;
    write(settings_name, &settings)?;
    let out = out.display().to_string();
    let answer =
        json!({"revision": revision, "files": ["component.wasm", settings_name], "out": out});
    Ok(client.show(&answer, |_| format!("{out}: component.wasm, {settings_name}\n")))
}

fn diff(client: &Client, one: u64, other: u64) -> Result<Ending, Ending> {
    let shown = |revision: u64| -> Result<String, Ending> {
        let revision_text = client.get(url(client, revision, &[])?)?;
        let settings = client.fetch(url(client, revision, &["settings"])?)?;
        let settings = match serde_json::from_slice::<Value>(&settings) {
            Ok(settings) => format!("{settings:#}"),
            Err(_) => String::from_utf8_lossy(&settings).trim_end().to_owned(),
        };
        let part = |name: &str| text(&revision_text[name]);
        Ok(format!("policy {}\ndigest {}\nsettings\n{settings}\n", part("policy"), part("digest")))
    };
    let (before, after) = (shown(one)?, shown(other)?);
    let names = (format!("revision {one}"), format!("revision {other}"));
    let lines = TextDiff::from_lines(&before, &after);
    let lines = lines.unified_diff().header(&names.0, &names.1).to_string();
    let same = before == after;
    let answer = json!({"same": same, "diff": lines});
    let shown =
        client.show(&answer, |_| lines.lines().map(|line| quote(line.to_owned()) + "\n").collect());
    Ok(if shown == Ending::Yes && !same { Ending::No } else { shown })
}

/// A component as a server is sent it; one of the binary's own by its name.
pub(super) fn component_form(policy: &str, component: Component) -> Result<Form, Ending> {
    let Component { bytes, file } = component;
    let Some(file) = file else { return Ok(Form::new().text("policy", policy.to_owned())) };
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let part = Part::bytes(bytes).file_name(name).mime_str("application/wasm");
    Ok(Form::new().part("component", part.map_err(|error| fail(&error, Ending::Failed))?))
}

fn moved(answer: &Value) -> String {
    format!("{} -> {}\n", text(&answer["previous"]), text(&answer["revision"]))
}

fn list(revisions: &Value) -> String {
    let mut table = Table::new(["revision", "active since", "policy", "made", "by", "note"]);
    for revision in revisions["items"].as_array().into_iter().flatten() {
        let columns = ["revision", "active_since", "policy", "made_at", "made_by", "note"];
        table.row(columns.map(|column| text(&revision[column])));
    }
    table.text()
}

fn show(revision: &Value) -> String {
    let mut lines = String::new();
    let members = [
        "revision",
        "policy",
        "digest",
        "size",
        "settings_digest",
        "made_at",
        "made_by",
        "note",
        "active_since",
    ];
    for name in members {
        lines.push_str(&format!("{name:<16}{}\n", quote(text(&revision[name]))));
    }
    let settings = revision["settings"].as_str().unwrap_or_default();
    lines.push_str("settings\n");
    settings.lines().for_each(|line| lines.push_str(&format!("  {}\n", quote(line.to_owned()))));
    lines
}
