//! The plan of a start beside an ankisyncd, as people read it: what was read and where, what Enlist does with each, what it leaves
//! alone, what is left to do, and the way back.
//! Refuses to show anything of a key but how long it is.

use crate::app::ankisyncd::Beside;
use crate::app::ankisyncd::look::{Folders, Rows, Seen, There};
use crate::config::Said;
use crate::ledger::{KeyError, LegacyIssuer, LegacyKey};
use crate::sandbox::quote;
use std::path::{Path, PathBuf};

/// A line of it.
pub(in crate::app) struct Line {
    pub(super) weight: Weight,
    pub(super) text: String,
}

/// How much a line matters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// It is so.
    Told,
    /// Somebody has to do something.
    Warned,
}

/// Names that are shown of many.
const SHOWN: usize = 20;

/// The plan while it is written.
#[derive(Default)]
struct Plan {
    lines: Vec<Line>,
    step: usize,
}

impl Plan {
    fn tell(&mut self, text: impl Into<String>) {
        self.lines.push(Line { weight: Weight::Told, text: text.into() });
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.lines.push(Line { weight: Weight::Warned, text: text.into() });
    }

    /// What an option says and where, and what becomes of it.
    fn option(&mut self, name: &str, origin: &str, what: &str) {
        self.tell(format!("  {name:<21} {origin:<9} {}", quote(what)));
    }

    /// Something left to do, and how.
    fn step(&mut self, weight: Weight, what: &str, how: &[String]) {
        self.step += 1;
        self.lines.push(Line { weight, text: format!("  {}. {what}", self.step) });
        for line in how {
            self.lines.push(Line { weight, text: format!("       {line}") });
        }
    }
}

pub(super) fn lines(beside: &Beside<'_>, there: &There, url: &str) -> Vec<Line> {
    let mut plan = Plan::default();
    let ini = beside.ini;
    let (file, folder) = (ini.file.display(), ini.folder.display());
    plan.tell(format!("Beside an ankisyncd: {file}, [sync_app]; relative paths begin at {folder}"));
    plan.tell("");
    key(&mut plan, beside, there);
    places(&mut plan, beside, there);
    issuer(&mut plan, beside, there);
    plan.tell("");
    plan.tell("Not used: it is ankisyncd's own, which keeps running");
    for (name, Said { value, origin }) in &ini.rest {
        plan.option(name, origin, value.as_deref().unwrap_or("(not shown)"));
    }
    if ini.rest.is_empty() {
        plan.tell("  (nothing)");
    }
    plan.tell("");
    reserved(&mut plan, there);
    plan.tell("");
    plan.tell("Left to do");
    left(&mut plan, beside, there, url);
    plan.tell("");
    plan.tell("Going back: take the location out of the proxy and reload it. ankisyncd was not changed: folders and rows that Enlist made are");
    plan.tell("in its format, and for this plan nothing was written to the ini, to its databases or into a folder of its.");
    plan.tell("");
    plan.lines
}

fn key(plan: &mut Plan, Beside { ini, key, .. }: &Beside<'_>, there: &There) {
    let name = "provision_api_key";
    let Some((said, key)) = ini.key.as_ref().zip(key.as_ref()) else {
        return plan.option(name, "-", "none: the door opens to Enlist's own keys alone");
    };
    let length = said.value.reveal().chars().count();
    let fate = match (key, there.inherited.as_ref().map(|inherited| &inherited.key)) {
        (Err(error), _) => {
            format!("not used, {}: every request with it is answered 401", weak(*error))
        }
        (_, None) => {
            "what becomes of it is seen when the database was brought up to date".to_owned()
        }
        (_, Some(LegacyKey::New | LegacyKey::None)) => {
            "opens /provision-user of tenant default from now on, and nothing else".to_owned()
        }
        (_, Some(LegacyKey::Known(id))) => {
            format!("opens /provision-user of tenant default, as key {id} here, and nothing else")
        }
        (_, Some(LegacyKey::Ended(id))) => {
            format!("opens nothing: as key {id} it was revoked here or has expired, and stays so")
        }
        (_, Some(LegacyKey::Elsewhere(id))) => {
            format!("not taken over: it is key {id} here, which is for something else")
        }
        (_, Some(LegacyKey::NoTenant)) => "opens nothing: tenant default was removed".to_owned(),
    };
    plan.option(name, &said.origin, &format!("{length} characters: {fate}"));
    for id in there.inherited.iter().flat_map(|inherited| &inherited.replaced) {
        plan.tell(format!("  {:<31} key {id}, which stood there before, is revoked", ""));
    }
}

/// Why a key is none.
fn weak(error: KeyError) -> &'static str {
    match error {
        KeyError::Published => "the guide's published placeholder",
        KeyError::Mistyped => "it begins with enl_ and is no tenant's key of Enlist's",
        KeyError::Weak => "fewer than 16, or some that no header carries",
        KeyError::NoRandomness => "the system has no randomness to give",
    }
}

fn places(plan: &mut Plan, beside: &Beside<'_>, there: &There) {
    let Beside { ini, config, .. } = beside;
    let home = (&there.own_home, "home_root", "tenant default's home root");
    let file = (
        &there.own_auth_db,
        "ankisyncd.auth_db",
        "who is new gets a row there, and no row that is there is changed",
    );
    for (name, said, (own, setting, what), holds) in [
        ("data_root", &ini.data_root, home, &config.home_root),
        ("auth_db_path", &ini.auth_db, file, &config.ankisyncd.auth_db),
    ] {
        let by = ini.beaten.iter().find(|(key, _)| *key == setting).map(|(_, by)| by);
        let instead = match (own, by) {
            (Some(own), _) => Some(format!("tenant default has {} of its own", own.display())),
            (None, Some(by)) => Some(format!("{setting} is {} by {by}", holds.display())),
            (None, None) => None,
        };
        match (said, instead) {
            (Some(Said { value, origin }), None) => {
                plan.option(name, origin, &format!("{}: {what}", value.display()));
            }
            (Some(Said { value, origin }), Some(instead)) => {
                plan.option(name, origin, &format!("{}: not used, {instead}", value.display()));
            }
            (None, Some(instead)) => plan.option(name, "-", &instead),
            (None, None) => plan.option(name, "-", &unsaid(name, holds)),
        }
    }
}

fn unsaid(name: &str, holds: &Path) -> String {
    match name {
        "data_root" => format!("not said: homes are in {}", holds.display()),
        _ => "not said: nobody gets a row".to_owned(),
    }
}

fn issuer(plan: &mut Plan, Beside { ini, .. }: &Beside<'_>, there: &There) {
    let pool = &ini.pool;
    for (name, said) in [("cognito_user_pool_id", &pool.id), ("cognito_region", &pool.region)] {
        match said {
            Some(Said { value, origin }) => plan.option(name, origin, value),
            None => plan.option(name, "-", "not said"),
        }
    }
    let Some(issuer) = pool.issuer() else {
        return plan.tell(format!("  {:<31} both are needed: tenant default gets no issuer", ""));
    };
    let fate = match there.inherited.as_ref().map(|inherited| &inherited.issuer) {
        Some(LegacyIssuer::New(0)) => "tenant default's issuer from now on".to_owned(),
        Some(LegacyIssuer::New(count)) => {
            format!("tenant default's issuer from now on, and that of {count} accounts without one")
        }
        Some(LegacyIssuer::Same) => "tenant default's issuer, as it is already".to_owned(),
        Some(LegacyIssuer::Other(other)) => format!("not used: tenant default has {other}"),
        Some(LegacyIssuer::Conflict(one, other)) => {
            format!("not used: the accounts {one} and {other} would be one person's")
        }
        Some(LegacyIssuer::None) | None => "the issuer they make".to_owned(),
    };
    plan.tell(format!("  {:<31} {}", "", quote(format!("{issuer}: {fate}"))));
}

/// How many names are there that nobody gets.
fn reserved(plan: &mut Plan, there: &There) {
    let folders = count(plan, &there.folders, "folders", |folders: &Folders| folders.reserved);
    let rows = count(plan, &there.rows, "rows", |rows: &Rows| rows.reserved);
    if matches!(there.folders, Seen::Nothing) {
        plan.warn("The home root is not there yet and will be made. If the folders are elsewhere, say so with --ankisyncd-dir");
    }
    if matches!(there.rows, Seen::Nothing) {
        plan.tell("There is no auth.db yet");
    }
    let counted = [folders, rows].into_iter().flatten().collect::<Vec<_>>().join(" and ");
    if !counted.is_empty() {
        plan.tell(format!("{counted} are reserved: they have no account, and nobody gets their names, in any spelling"));
    }
}

/// How many there are, in words; none while that is not known, which is said then.
fn count<T>(
    plan: &mut Plan,
    seen: &Seen<T>,
    what: &str,
    reserved: impl Fn(&T) -> usize,
) -> Option<String> {
    let number = match seen {
        Seen::There(found) => reserved(found),
        Seen::Nothing => 0,
        Seen::Late => {
            plan.warn(format!("The {what} are still being counted: their disk takes its time. Nobody new gets an account before it is known whose names are reserved"));
            return None;
        }
        Seen::Unread(why) => {
            plan.warn(format!("Cannot be read, so nobody new gets an account: {}", quote(why)));
            0
        }
    };
    Some(format!("{number} {what}"))
}

fn left(plan: &mut Plan, beside: &Beside<'_>, there: &There, url: &str) {
    let Beside { ini, config, key } = beside;
    if let Some(Err(error)) = key {
        replace_key(plan, ini.file.clone(), ini.key.as_ref().map_or("", |key| &key.origin), *error);
    }
    if key.is_none() {
        let how =
            ["enlist key create -t default --scope provision --note \"the Lambda\"".to_owned()];
        plan.step(
            Weight::Told,
            "Give the Lambda a key: make one, and put it into its SYNC_SERVER_API_KEY",
            &how,
        );
    }
    if let Seen::There(Folders { owner: Some(owner), .. }) = there.folders {
        let what = format!(
            "The home root belongs to user {owner} of this system, which is not who runs Enlist: both have to read and write what the other makes"
        );
        let how = ["run both as one user, or set homes.group and homes.mode = \"2770\" (docs/operations.md)".to_owned()];
        plan.step(Weight::Warned, &what, &how);
    }
    // Of what is still being counted there may be some.
    let has_folders = match &there.folders {
        Seen::There(folders) => folders.reserved > 0,
        seen => matches!(seen, Seen::Late),
    };
    let has_rows = match &there.rows {
        Seen::There(rows) => rows.reserved > 0,
        seen => matches!(seen, Seen::Late),
    };
    if has_folders || has_rows {
        let mut how = vec!["enlist -t default account list --reserved".to_owned()];
        if let (Some(id), Some(region)) = (&ini.pool.id, &ini.pool.region) {
            let (id, region) = (&id.value, &region.value);
            how.push(format!("aws cognito-idp list-users --user-pool-id {id} --region {region} --output json > cognito.json"));
        }
        how.push(
            "enlist -t default import --from ankisyncd --users cognito.json --dry-run".to_owned(),
        );
        how.push("and without --dry-run, when it says what you want".to_owned());
        plan.step(
            Weight::Told,
            "Move the people over who are there: until then they are strangers here, and nobody gets their names",
            &how,
        );
    }
    if let Seen::There(Rows { known_password, .. }) = &there.rows
        && !known_password.is_empty()
    {
        known_to_all(plan, known_password, ini.pool.id.is_some());
    }
    let how = [
        format!("location ~ ^/provision-user/?$ {{ proxy_pass {url}; }}"),
        "nginx -t && systemctl reload nginx      (the whole of it: examples/nginx/site.conf)"
            .to_owned(),
    ];
    plan.step(
        Weight::Told,
        "Let the proxy send this one location here, and everything else where it goes now",
        &how,
    );
    if !matches!(key, Some(Err(_))) {
        plan.step(
            Weight::Told,
            "The Lambda stays as it is: SYNC_SERVER_URL names the proxy, before and after",
            &[],
        );
    }
    let how = [
        format!(
            "enlist --ankisyncd-conf {} --data-dir {} doctor",
            ini.file.display(),
            config.data_dir.display()
        ),
        format!("or in enlist.toml: home_root = {:?}", config.home_root.display().to_string()),
        format!("and [ankisyncd] auth_db = {:?}", config.ankisyncd.auth_db.display().to_string()),
    ];
    plan.step(Weight::Told, "Tell doctor and restore the same", &how);
}

/// How the rows are shut that a password opens which everybody knows.
fn known_to_all(plan: &mut Plan, names: &[String], asks_cognito: bool) {
    let what = format!(
        "Set other passwords for {} rows: what the old endpoint set for everybody opens them, wherever auth.db is asked",
        names.len()
    );
    let some = names.iter().take(SHOWN).map(quote).collect::<Vec<_>>().join(", ");
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let how = [
        format!("they are: {some}{more}"),
        "enlist -t default account passwd NAME      (python -m ankisyncd_cli.ankisyncctl passwd NAME for who has no account)".to_owned(),
    ];
    // An ankisyncd that has a pool asks that.
    let weight = if asks_cognito { Weight::Told } else { Weight::Warned };
    plan.step(weight, &what, &how);
}

/// The commands that mend a key that is none.
fn replace_key(plan: &mut Plan, file: PathBuf, origin: &str, error: KeyError) {
    let place = match origin.starts_with("line ") {
        true => format!("{}, {origin}", file.display()),
        false => format!("the variable {origin}"),
    };
    let how = [
        "openssl rand -hex 32".to_owned(),
        format!("put what it prints into {place}, as provision_api_key"),
        "restart ankisyncd, and Enlist if it runs: each has read the old one, and ankisyncd is asked until the proxy leads here".to_owned(),
        "then at once, for meanwhile nobody who signs up gets an account:".to_owned(),
        "aws lambda get-function-configuration --function-name ankipi-cognito-provisioner --query Environment > environment.json".to_owned(),
        "put it into environment.json too, as SYNC_SERVER_API_KEY: every other variable stays as it is".to_owned(),
        "aws lambda update-function-configuration --function-name ankipi-cognito-provisioner --environment file://environment.json".to_owned(),
        "rm environment.json".to_owned(),
    ];
    let what = format!("Replace the key ({}): it is answered 401 Invalid API key", weak(error));
    plan.step(Weight::Warned, &what, &how);
}
