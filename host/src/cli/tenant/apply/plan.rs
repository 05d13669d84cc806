//! What would change on a server for a tenant to be what its folder says, and changing it.
//! Refuses to let a policy decide that is not the one the cases were held to, or in another's place than the one it was compared with.

use super::folder::{Declared, Rules};
use crate::cli::Ending;
use crate::cli::client::{Client, text};
use crate::cli::revisions::component_form;
use crate::wire::{SettingsForm, read_settings};
use reqwest::Method;
use serde_json::{Map, Value};
use similar::TextDiff;
use std::path::Path;

/// What would change.
pub(super) struct Plan {
    pub(super) changes: Vec<Change>,
    /// Lines in which the settings differ.
    pub(super) settings: Option<String>,
    /// The revision that is active; none where there is no tenant yet.
    active: Option<u64>,
    moves: bool,
}

/// One thing that would be different.
pub(super) struct Change {
    pub(super) what: &'static str,
    pub(super) now: Value,
    pub(super) then: Value,
}

/// What stands beside a revision in the list.
const NOTE: &str = "tenant apply";

impl Plan {
    /// Compares what is declared with what is there.
    pub(super) fn of(client: &Client, declared: &Declared) -> Result<Self, Ending> {
        let Some(tenant) = client.look(url(client, declared, &[])?)? else {
            return Ok(Self::from_nothing(declared));
        };
        let active = tenant["revision"].as_u64();
        let mut plan = Self { changes: Vec::new(), settings: None, active, moves: false };
        if let Some(issuer) = &declared.issuer
            && tenant["issuer"] != **issuer
        {
            plan.change("issuer", tenant["issuer"].clone(), issuer.as_str().into());
        }
        for (what, path) in declared.paths() {
            // The same place may be written in more ways than one.
            if tenant[what].as_str().map(Path::new) != Some(Path::new(path)) {
                plan.change(what, tenant[what].clone(), path.into());
            }
        }
        if let (Some(rules), Some(active)) = (&declared.rules, active) {
            plan.compare(client, declared, rules, active)?;
        }
        Ok(plan)
    }

    /// Everything is new.
    fn from_nothing(declared: &Declared) -> Self {
        let mut plan = Self { changes: Vec::new(), settings: None, active: None, moves: false };
        plan.change("tenant", Value::Null, "created".into());
        let issuer = declared.issuer.as_deref().map(|issuer| ("issuer", issuer));
        for (what, said) in issuer.into_iter().chain(declared.paths()) {
            plan.change(what, Value::Null, said.into());
        }
        if let Some(rules) = &declared.rules {
            plan.change("policy", Value::Null, rules.policy.as_str().into());
            plan.moves = true;
        }
        plan
    }

    fn compare(
        &mut self,
        client: &Client,
        declared: &Declared,
        rules: &Rules,
        active: u64,
    ) -> Result<(), Ending> {
        let number = active.to_string();
        let revision = client.get(url(client, declared, &["revisions", &number])?)?;
        let same_policy = revision["digest"] == *rules.digest;
        let same_settings = revision["settings_digest"] == *rules.settings_digest;
        if same_policy && same_settings {
            return Ok(());
        }
        self.moves = true;
        if !same_policy {
            self.change("policy", revision["policy"].clone(), rules.policy.as_str().into());
        }
        let all = client.list(url(client, declared, &["revisions"])?)?;
        let all = || all["items"].as_array().into_iter().flatten();
        let known = all().find(|one| {
            one["digest"] == *rules.digest && one["settings_digest"] == *rules.settings_digest
        });
        // The server gives the next number, whoever comes first.
        let newest = all().filter_map(|one| one["revision"].as_u64()).max().unwrap_or(active);
        let then = known.map_or_else(|| (newest + 1).into(), |known| known["revision"].clone());
        self.change("revision", active.into(), then);
        if !same_settings {
            let there =
                client.fetch(url(client, declared, &["revisions", &number, "settings"])?)?;
            let (before, after) = (lines_of(&there), lines_of(rules.settings.json.as_bytes()));
            let diff = TextDiff::from_lines(&before, &after);
            self.settings = Some(diff.unified_diff().header("now", "then").to_string());
        }
        Ok(())
    }

    fn change(&mut self, what: &'static str, now: Value, then: Value) {
        self.changes.push(Change { what, now, then });
    }

    /// Whether the tenant is what it shall be.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Makes it so, and gives the revision that decides then. One that the server refuses is refused before a tenant that is there
    /// is changed.
    pub(super) fn carry_out(
        &self,
        client: &Client,
        declared: Declared,
    ) -> Result<Option<u64>, Ending> {
        let mut active = self.active;
        if active.is_none() {
            let mut body = self.terms();
            body.insert("name".to_owned(), declared.name.as_str().into());
            let made = client.send(Method::POST, client.url(&["tenants"])?, Some(&body.into()))?;
            active = made["revision"].as_u64();
        }
        let tenant = url(client, &declared, &[])?;
        let (revisions, name) = (url(client, &declared, &["revisions"])?, declared.name);
        let mut pushed = None;
        if let Some(rules) = declared.rules.filter(|_| self.moves) {
            let mut url = revisions.clone();
            url.query_pairs_mut().append_pair("note", NOTE);
            let form = component_form(&rules.policy, rules.component)?;
            let form = form.part("settings", rules.settings.part()?);
            let made = client.send_form(url, form)?;
            if made["digest"] != *rules.digest {
                let (policy, revision) = (&rules.policy, text(&made["revision"]));
                eprintln!(
                    "enlist: {name}: the server's {policy} is another than the one that was tried here: revision {revision} is not activated"
                );
                return Err(Ending::No);
            }
            pushed = made["revision"].as_u64();
        }
        let terms = self.terms();
        if self.active.is_some() && !terms.is_empty() {
            client.send(Method::PATCH, tenant, Some(&terms.into()))?;
        }
        if let (Some(pushed), Some(active)) = (pushed, active)
            && pushed != active
        {
            let number = pushed.to_string();
            let url = client.url(&["tenants", &name, "revisions", &number, "activate"])?;
            client.send_if_match(url, Some(format!("\"{active}\"")))?;
        }
        Ok(pushed.or(active))
    }

    /// Issuer, home and ankisyncd, as far as they change.
    fn terms(&self) -> Map<String, Value> {
        let is_term = |what| matches!(what, "issuer" | "home" | "ankisyncd_auth_db");
        let terms = self.changes.iter().filter(|change| is_term(change.what));
        terms.map(|change| (change.what.to_owned(), change.then.clone())).collect()
    }
}

fn url(client: &Client, declared: &Declared, path: &[&str]) -> Result<reqwest::Url, Ending> {
    client.url(&[&["tenants", &declared.name], path].concat())
}

/// A settings document, however it was written, a member a line.
fn lines_of(document: &[u8]) -> String {
    let json = read_settings(document, SettingsForm::Json)
        .or_else(|_| read_settings(document, SettingsForm::Toml));
    let value = json.ok().and_then(|json| serde_json::from_str::<Value>(&json).ok());
    value.map(|value| format!("{value:#}\n")).unwrap_or_default()
}
