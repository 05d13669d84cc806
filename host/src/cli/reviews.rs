//! `enlist policy preview` and `replay`: begun on the server, waited for here, with a bar where somebody looks at a terminal.
//! Refuses to call it well when anybody would be turned away, or an old answer does not come again.

use crate::cli::Ending;
use crate::cli::client::{Client, Table, text};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reqwest::{Method, Url};
use serde_json::Value;
use std::thread;
use std::time::Duration;

/// How often the server is asked how far it is.
const EVERY: Duration = Duration::from_millis(200);

/// What a bar looks like.
const BAR: &str = "{wide_bar} {human_pos}/{human_len} {eta}";

/// The counts of a preview, as they are shown, and what they mean where that is not plain.
const COUNTS: [(&str, &str); 8] = [
    ("same", ""),
    ("refused_now", ""),
    ("granted_now", ""),
    ("named_differently", "they keep their names"),
    ("allowance_differs", ""),
    ("failed", "the revision has no answer for them"),
    ("left_out", "people: their account is closed, or somebody else's"),
    ("masked", "requests that the record keeps about nobody"),
];

/// The same of a replay.
const REPLAYED: [(&str, &str); 6] = [
    ("same", ""),
    ("different", ""),
    ("not_asked", "no policy was asked: known people, acts, failures of the server's"),
    ("masked", "about nobody"),
    ("older", "from before answers were recorded whole"),
    ("timed_out", "too slow, then or now"),
];

pub(super) fn preview(client: &Client, url: Url) -> Result<Ending, Ending> {
    let found = finish(client, url.clone(), url)?;
    let shown = client.show(&found, preview_text);
    let well = found["state"] == "done" && found["refused_now"] == 0 && found["failed"] == 0;
    Ok(ended(&found, well, shown))
}

pub(super) fn replay(client: &Client, since: Option<String>) -> Result<Ending, Ending> {
    let url = client.tenant_url(&["replay"])?;
    let mut begin = url.clone();
    if let Some(since) = since {
        begin.query_pairs_mut().append_pair("since", &since);
    }
    let found = finish(client, begin, url)?;
    let shown = client.show(&found, replay_text);
    let well = found["state"] == "done" && found["different"] == 0;
    Ok(ended(&found, well, shown))
}

fn ended(found: &Value, well: bool, shown: Ending) -> Ending {
    if found["state"] == "failed" {
        eprintln!("enlist: it ended before its end; the server's log says why");
        return Ending::Failed;
    }
    if well { shown } else { Ending::No.after(shown) }
}

/// Begins, and waits for the end.
fn finish(client: &Client, begin: Url, look: Url) -> Result<Value, Ending> {
    let mut found = client.send(Method::POST, begin, None)?;
    // Nothing is drawn where nobody looks at a terminal.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(BAR) {
        bar.set_style(style);
    }
    while found["state"] == "running" {
        if let Some(of) = found["of"].as_u64().filter(|of| *of > 0) {
            bar.set_length(of);
            bar.set_position(found["done"].as_u64().unwrap_or_default());
        }
        thread::sleep(EVERY);
        found = client.get(look.clone())?;
    }
    bar.finish_and_clear();
    Ok(found)
}

fn counts(found: &Value, names: &[(&str, &str)]) -> String {
    let mut lines = String::new();
    for (name, about) in names {
        let line = format!("{:<18}{:>9}  {about}", name.replace('_', " "), text(&found[*name]));
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

fn preview_text(found: &Value) -> String {
    let member = |name: &str| text(&found[name]);
    let mut lines = format!(
        "revision {} instead of {}: {} of {} people\n",
        member("revision"),
        member("active"),
        member("done"),
        member("of")
    );
    if found["state"] == "stopped" {
        lines.push_str("given up: the revision fails nearly everybody\n");
    }
    lines.push_str(&counts(found, &COUNTS));
    let mut table = Table::new(["what", "who", "account", "now", "then"]);
    let mut any = false;
    for (kind, examples) in found["examples"].as_object().into_iter().flatten() {
        for example in examples.as_array().into_iter().flatten() {
            any = true;
            table.row([
                kind.replace('_', " "),
                text(&example["applicant"]["username"]),
                text(&example["name"]),
                opinion(kind, &example["active"]),
                opinion(kind, &example["candidate"]),
            ]);
        }
    }
    if any {
        lines.push('\n');
        lines.push_str(&table.text());
    }
    lines
}

/// What is decided about somebody, in a cell.
fn opinion(kind: &str, opinion: &Value) -> String {
    let member = |name: &str| text(&opinion[name]);
    match opinion["decision"].as_str() {
        Some("grant") if kind == "allowance_differs" => limits(&opinion["allowance"]),
        Some("grant") => member("username"),
        Some(decision) => format!("{decision} {} ({})", member("code"), member("stage")),
        None => "-".to_owned(),
    }
}

fn limits(allowance: &Value) -> String {
    let all = allowance.as_object().into_iter().flatten();
    let said = all.filter(|(_, limit)| !limit.is_null() && *limit != &serde_json::json!({}));
    let said: Vec<_> = said.map(|(name, limit)| format!("{name}={}", text(limit))).collect();
    if said.is_empty() { "no limits".to_owned() } else { said.join(" ") }
}

fn replay_text(found: &Value) -> String {
    let member = |name: &str| text(&found[name]);
    let mut lines = format!("{} of {} rows\n", member("done"), member("of"));
    lines.push_str(&counts(found, &REPLAYED));
    let differences = found["differences"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !differences.is_empty() {
        let columns = ["at", "request_id", "revision", "what", "recorded", "found"];
        let mut table = Table::new(columns);
        for difference in differences {
            table.row(columns.map(|column| text(&difference[column])));
        }
        lines.push('\n');
        lines.push_str(&table.text());
    }
    lines
}
