//! `enlist decisions …`: the record of a tenant, listed, shown and followed.
//! Refuses to guess what a time may mean: it is so long ago, or a moment.

use crate::cli::client::{Client, Output, Table, text};
use crate::cli::{Ending, cases, fail};
use crate::sandbox::quote;
use crate::wire::{moment_ms, read_moment};
use clap::{Args, Subcommand};
use reqwest::Url;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What `enlist decisions` takes.
#[derive(Debug, Subcommand)]
pub(super) enum DecisionsVerb {
    /// List rows of the record, the newest first.
    List {
        #[command(flatten)]
        filter: Filter,
        /// Not before: so long ago, such as 2h, or a moment.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<String>,
        /// The most rows.
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
        limit: u64,
    },
    /// Show what a request came to; every time, if it came again.
    Show {
        /// Its X-Request-Id.
        request_id: String,
    },
    /// Print the latest rows, and every new one as it is written, until it is stopped.
    Tail {
        #[command(flatten)]
        filter: Filter,
    },
    /// Print what really happened as cases for enlist policy test, in TOML.
    Export {
        /// As cases: what there is to export.
        #[arg(long, required = true)]
        cases: bool,
        /// What this revision decided [default: the active one].
        #[arg(long, value_name = "REV")]
        revision: Option<u64>,
        /// Not before: so long ago, such as 7d, or a moment.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<String>,
    },
}

/// Which rows.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// About this username, subject, e-mail address or account.
    #[arg(long, value_name = "X")]
    applicant: Option<String>,
    /// With this outcome: granted, refused, failed or known.
    #[arg(long, value_parser = ["granted", "refused", "failed", "known"])]
    outcome: Option<String>,
    /// With this code.
    #[arg(long)]
    code: Option<String>,
}

/// Rows of a page.
const PAGE: u64 = 500;

/// Rows that `tail` begins with.
const LATEST: &str = "10";

/// How often `tail` asks.
const EVERY: Duration = Duration::from_secs(1);

pub(super) fn run(client: &Client, verb: DecisionsVerb) -> Result<Ending, Ending> {
    match verb {
        DecisionsVerb::List { filter, since, limit } => {
            let mut url = filter.url(client)?;
            if let Some(since) = since {
                url.query_pairs_mut().append_pair("since", &since);
            }
            let rows = latest(client, &url, limit)?;
            Ok(client.show(&rows, list))
        }
        DecisionsVerb::Show { request_id } => {
            let rows = client.list(client.tenant_url(&["decisions", &request_id])?)?;
            Ok(client.show(&rows, |rows| {
                rows["items"].as_array().into_iter().flatten().map(show).collect()
            }))
        }
        DecisionsVerb::Export { cases: _, revision, since } => {
            cases::export(client, revision, since)
        }
        DecisionsVerb::Tail { filter } => tail(client, &filter.url(client)?),
    }
}

impl Filter {
    fn url(self, client: &Client) -> Result<Url, Ending> {
        let mut url = client.tenant_url(&["decisions"])?;
        for (name, wanted) in
            [("applicant", self.applicant), ("outcome", self.outcome), ("code", self.code)]
        {
            if let Some(wanted) = wanted {
                url.query_pairs_mut().append_pair(name, &wanted);
            }
        }
        Ok(url)
    }
}

/// `2h` as the moment two hours ago; a moment as it is.
pub(super) fn moment(text: &str) -> Result<String, String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        let at = SystemTime::now().checked_sub(ago).unwrap_or(UNIX_EPOCH);
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        return Ok(moment_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)));
    }
    let known = read_moment(text).map(|_| text.to_owned());
    known.ok_or_else(|| "expected a time such as 2h or 2026-11-23T08:00:00Z".to_owned())
}

/// As many rows as are wanted, from as many pages as that takes.
fn latest(client: &Client, url: &Url, limit: u64) -> Result<Value, Ending> {
    let (mut items, mut after) = (Vec::new(), None::<String>);
    loop {
        let still = limit - items.len() as u64;
        let mut page = with(url, &[("limit", &still.min(PAGE).to_string())]);
        if let Some(after) = &after {
            page.query_pairs_mut().append_pair("after", after);
        }
        let mut page = client.get(page)?;
        if let Value::Array(rows) = page["items"].take() {
            items.extend(rows);
        }
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() || items.len() as u64 >= limit {
            return Ok(json!({"items": items, "next": after}));
        }
    }
}

/// The latest rows, then what is new: the server says where to go on.
fn tail(client: &Client, url: &Url) -> Result<Ending, Ending> {
    let url = with(url, &[("follow", "true")]);
    let mut page = client.get(with(&url, &[("limit", LATEST)]))?;
    loop {
        let rows = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        for row in rows {
            let line = match client.remote().output() {
                Output::Json => format!("{row}\n"),
                Output::Text => line(row),
            };
            let mut out = io::stdout().lock();
            match out.write_all(line.as_bytes()).and_then(|()| out.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Ending::Yes),
                Err(error) => return Err(fail(&error, Ending::No)),
                Ok(()) => {}
            }
        }
        if rows.is_empty() {
            std::thread::sleep(EVERY);
        }
        let next = page["next"].as_str().unwrap_or_default().to_owned();
        page = client.get(with(&url, &[("after", &next), ("limit", "500")]))?;
    }
}

fn with(url: &Url, pairs: &[(&str, &str)]) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut().extend_pairs(pairs);
    url
}

/// What a list shows of a row.
fn cells(row: &Value) -> [String; 7] {
    let what = match row["occasion"].as_str() {
        Some("opening") | None => text(&row["outcome"]),
        Some(occasion) => format!("{} {occasion}", text(&row["outcome"])),
    };
    let what = if row["dry_run"] == true { format!("{what} (dry run)") } else { what };
    let name = |name: &str| text(&row[name]);
    let username = text(&row["applicant"]["username"]);
    [name("at"), what, name("code"), name("name"), username, name("revision"), name("request_id")]
}

fn line(row: &Value) -> String {
    format!("{}\n", cells(row).map(quote).join("  "))
}

fn list(rows: &Value) -> String {
    let head = ["at", "outcome", "code", "name", "username", "revision", "request"];
    let mut table = Table::new(head);
    for row in rows["items"].as_array().into_iter().flatten() {
        table.row(cells(row));
    }
    table.text()
}

fn show(row: &Value) -> String {
    let mut lines = String::new();
    let mut say = |name: &str, value: &Value| {
        if !value.is_null() && *value != json!([]) {
            lines.push_str(&format!("{name:<11}{}\n", quote(text(value))));
        }
    };
    for (name, value) in row.as_object().into_iter().flatten() {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| say(name, value)),
            value => say(name, value),
        }
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::moment;
    use crate::wire::read_moment;

    #[test]
    fn a_time_is_so_long_ago_or_a_moment() {
        let now = read_moment(&moment("0s").expect("now")).expect("a moment");
        let ago = read_moment(&moment("2h").expect("a time")).expect("a moment");
        assert!((7_200_000..7_210_000).contains(&(now - ago)), "{now} {ago}");
        assert_eq!(moment("2026-11-23T08:00:00Z").as_deref(), Ok("2026-11-23T08:00:00Z"));
        assert_eq!(moment("1795750826").as_deref(), Ok("1795750826"));
        assert!(moment("yesterday").is_err() && moment("").is_err());
    }
}
