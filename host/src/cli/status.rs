//! `enlist status`: how the tenants are doing that the key may see.

use crate::cli::Ending;
use crate::cli::client::{Client, Table, text};
use crate::sandbox::quote;
use serde_json::Value;

pub(super) fn run(client: &Client) -> Result<Ending, Ending> {
    let mut page = client.get(client.url(&["status"])?)?;
    let mut status = page.clone();
    while let Some(next) = page["next"].as_str() {
        let mut url = client.url(&["status"])?;
        url.query_pairs_mut().append_pair("after", next);
        page = client.get(url)?;
        if let (Some(all), Some(more)) =
            (status["items"].as_array_mut(), page["items"].as_array().cloned())
        {
            all.extend(more);
        }
    }
    status["next"] = Value::Null;
    Ok(client.show(&status, show))
}

fn show(status: &Value) -> String {
    let head =
        ["tenant", "accounts", "revision", "policy", "since", "by", "hour", "day", "free", "home"];
    let mut table = Table::new(head);
    let (mut ending, mut tenants) = (String::new(), 0);
    for tenant in status["items"].as_array().into_iter().flatten() {
        let cell = |name: &str| text(&tenant[name]);
        table.row([
            cell("tenant"),
            cell("accounts"),
            cell("revision"),
            cell("policy"),
            cell("active_since"),
            cell("active_by"),
            outcomes(&tenant["last_hour"]),
            outcomes(&tenant["last_day"]),
            free(tenant),
            cell("home"),
        ]);
        if let Some(from) = tenant["fell_back_from"].as_u64() {
            let (name, to) = (quote(cell("tenant")), cell("revision"));
            ending.push_str(&format!("{name}: revision {from} failed people and was rolled back by itself: {from} -> {to}\n"));
        }
        if let Some(waiting) = tenant["allowances_waiting"].as_u64().filter(|waiting| *waiting > 0)
        {
            let name = quote(cell("tenant"));
            ending.push_str(&format!(
                "{name}: {waiting} accounts wait for their allowance to be decided again\n"
            ));
        }
        for backlog in tenant["outbox"].as_array().into_iter().flatten() {
            let [sink, waiting, oldest] = ["sink", "waiting", "oldest"].map(|m| text(&backlog[m]));
            let trouble = backlog["trouble"].as_str().map(|word| format!(": {word}"));
            let line = format!(
                "{waiting} wait for the {sink} since {oldest}{}",
                trouble.unwrap_or_default()
            );
            ending.push_str(&quote(format!("{}: {line}", cell("tenant"))));
            ending.push('\n');
        }
        ending.push_str(&keys(&tenant["expiring_keys"], &cell("tenant")));
        tenants += 1;
    }
    ending.push_str(&keys(&status["expiring_operator_keys"], "operator"));
    let noun = if tenants == 1 { "tenant" } else { "tenants" };
    format!("{}{ending}{tenants} {noun}; hour and day: granted/refused/failed\n", table.text())
}

fn outcomes(counts: &Value) -> String {
    ["granted", "refused", "failed"].map(|name| text(&counts[name])).join("/")
}

fn free(tenant: &Value) -> String {
    match (tenant["free_bytes"].as_u64(), tenant["total_bytes"].as_u64()) {
        (Some(free), Some(total)) if total > 0 => {
            format!(
                "{} ({}%)",
                bytesize::ByteSize(free),
                u128::from(free) * 100 / u128::from(total)
            )
        }
        _ => "-".to_owned(),
    }
}

/// A line for each key that ends soon.
fn keys(keys: &Value, whose: &str) -> String {
    let keys = keys.as_array().into_iter().flatten();
    let line = |key: &Value| {
        let note = match key["note"].as_str() {
            Some(note) if !note.is_empty() => format!(" ({})", crate::sandbox::quote(note)),
            _ => String::new(),
        };
        format!("key {}{note} of {whose} ends {}\n", text(&key["id"]), text(&key["expires_at"]))
    };
    keys.map(line).collect()
}
