//! The whole of a tenant as it stands in the database and on the disk, beside the model.

use crate::app::{App, rows};
use crate::model::run::Run;
use crate::model::world::{State, key};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

/// A row that the record must have.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) occasion: String,
    pub(crate) outcome: &'static str,
    /// Empty when there is none.
    pub(crate) code: String,
    /// None where it is nobody's.
    pub(crate) name: Option<String>,
    pub(crate) revision: u64,
    pub(crate) is_dry: bool,
    /// None where it is no matter.
    pub(crate) detail: Option<Option<String>>,
    /// Whether it is there as soon as the answer is: of what changed something.
    pub(crate) is_sure: bool,
}

impl Row {
    pub(crate) fn of(id: &str, occasion: &str, outcome: &'static str) -> Self {
        Self {
            id: id.to_owned(),
            occasion: occasion.to_owned(),
            outcome,
            code: String::new(),
            name: None,
            revision: 0,
            is_dry: false,
            detail: None,
            is_sure: false,
        }
    }
}

/// How long a row of the record may take.
const PATIENCE: Duration = Duration::from_secs(20);

impl Run {
    /// Every account, counter and folder of the tenant is one of the model's, and the other way round.
    pub(crate) fn look(&self, app: &App) {
        let database = app.database();
        self.look_at_accounts(&database);
        self.look_at_counters(&database);
        self.look_at_folders(app);
    }

    fn look_at_accounts(&self, database: &Connection) {
        let sql = format!(
            "SELECT name, CASE WHEN erased_at IS NULL THEN issuer ELSE '' END, subject, username, email, verified_domain,
                 CASE WHEN erased_at IS NULL THEN state ELSE 'erased' END, json_extract(allowance, '$.max_accounts'),
                 json_extract(allowance, '$.max_accounts_in_domain'), json_extract(allowance, '$.storage_bytes'), revision, name_key
             FROM accounts WHERE tenant = {} ORDER BY id",
            self.number
        );
        let found = rows(database, &sql);
        let number = |number: Option<u64>| number.map_or("-".to_owned(), |n| n.to_string());
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let expected = self.world.accounts.iter().map(|account| {
            let state = match account.state {
                State::Active => "active",
                State::Closed => "closed",
                State::Erased => "erased",
            };
            let limits = account.limits;
            vec![
                account.name.clone(),
                account.issuer.clone(),
                text(&account.subject),
                account.username.clone(),
                text(&account.email),
                text(&account.domain),
                state.to_owned(),
                number(limits.max_accounts),
                number(limits.max_accounts_in_domain),
                number(limits.storage_bytes),
                account.revision.to_string(),
                key(&account.name),
            ]
        });
        assert_eq!(
            found,
            expected.collect::<Vec<_>>(),
            "accounts: left the server, right the model"
        );
        let keys: BTreeSet<_> = found.iter().map(|row| &row[11]).collect();
        assert_eq!(keys.len(), found.len(), "two accounts of one key: {found:?}");
    }

    fn look_at_counters(&self, database: &Connection) {
        let sql = "SELECT domain, active FROM usage WHERE active > 0 AND tenant = ";
        let found = rows(database, &format!("{sql}{} ORDER BY domain", self.number));
        let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
        for account in &self.world.accounts {
            if account.state == State::Active {
                *counted.entry("").or_default() += 1;
                if let Some(domain) = &account.domain {
                    *counted.entry(domain).or_default() += 1;
                }
            }
        }
        let counted = counted.iter().map(|(domain, n)| vec![(*domain).to_owned(), n.to_string()]);
        assert_eq!(found, counted.collect::<Vec<_>>(), "counters");
    }

    fn look_at_folders(&self, app: &App) {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(self.homes(app)).expect("the home root") {
            let entry = entry.expect("an entry");
            assert!(entry.file_type().expect("a kind").is_dir(), "{entry:?}");
            let inside: Vec<_> = fs::read_dir(entry.path()).expect("a folder").collect();
            let name = entry.file_name().into_string().expect("a name");
            found.insert(name, !inside.is_empty());
            let whole = fs::read(entry.path().join("mine"));
            assert!(inside.is_empty() || whole.is_ok_and(|text| text == b"mine"), "{entry:?}");
        }
        assert_eq!(found, self.world.folders, "folders: left on the disk, right in the model");
        for account in &self.world.accounts {
            assert!(found.contains_key(&account.name), "no home: {account:?}");
        }
    }

    /// The record has every row that it must have, and no other about people.
    pub(crate) fn look_at_record(&self, app: &App) {
        let database = app.database();
        for row in &self.rows {
            let until = Instant::now() + PATIENCE;
            while !self.is_recorded(&database, row) {
                assert!(Instant::now() < until, "no row in the record: {row:?}");
                std::thread::yield_now();
            }
        }
        let about = "occasion IN ('opening', 'sign_up') OR occasion LIKE 'account\\_%' ESCAPE '\\'";
        let sql = format!(
            "SELECT request_id, occasion, outcome, code, name FROM decisions
             WHERE tenant = {} AND key <> '' AND ({about}) ORDER BY id",
            self.number
        );
        let found = rows(&database, &sql);
        let ours: BTreeSet<_> = self.rows.iter().map(|row| row.id.as_str()).collect();
        let others: Vec<_> = found.iter().filter(|row| !ours.contains(row[0].as_str())).collect();
        assert!(others.is_empty(), "rows that nothing led to: {others:?}");
        assert_eq!(found.len(), self.rows.len(), "rows that stand twice: {found:?}");

        let sql = format!(
            "SELECT name, outcome, code, revision FROM decisions
             WHERE tenant = {} AND key = '' AND occasion = 'account_allowance' ORDER BY 4, 1, 2",
            self.number
        );
        let mut told = self.reviews.clone();
        told.sort();
        let mut found = rows(&database, &sql);
        found.sort();
        assert_eq!(found, told, "allowances that were decided again");

        for account in self.world.accounts.iter().filter(|a| a.state == State::Erased) {
            let sql = format!(
                "SELECT count(*) FROM decisions WHERE tenant = {} AND name = ?1 AND outcome IN ('granted', 'known')
                     AND (subject IS NOT NULL OR username IS NOT NULL OR email IS NOT NULL)",
                self.number
            );
            let left: i64 =
                database.query_row(&sql, [&account.name], |row| row.get(0)).expect(&sql);
            assert_eq!(left, 0, "the record knows whose {} was", account.name);
        }
    }

    /// Whether the record has the row; a wrong one is none.
    pub(crate) fn is_recorded(&self, database: &Connection, row: &Row) -> bool {
        let sql = format!(
            "SELECT occasion, outcome, coalesce(code, ''), name, revision, dry_run, detail FROM decisions
             WHERE tenant = {} AND request_id = '{}'",
            self.number, row.id
        );
        let found = rows(database, &sql);
        let Some(found) = found.first() else { return false };
        let expected = [
            &row.occasion,
            row.outcome,
            &row.code,
            &row.revision.to_string(),
            &u8::from(row.is_dry).to_string(),
        ];
        let said = [&found[0], &found[1], &found[2], &found[4], &found[5]];
        assert_eq!(said.map(String::as_str), expected, "{row:?}");
        let name = row.name.clone().unwrap_or_else(|| found[3].clone());
        assert_eq!(found[3], name, "{row:?}");
        // Erasing somebody takes what the host noticed of them.
        let is_masked = self.world.accounts.iter().any(|a| a.state == State::Erased);
        if let Some(detail) = row.detail.as_ref().filter(|_| !is_masked) {
            let detail = detail.clone().unwrap_or_else(|| "-".to_owned());
            assert_eq!(found[6], detail, "{row:?}");
        }
        true
    }

    /// The list that the API gives is the model's, in the order of the folded names.
    pub(crate) async fn look_at_list(&mut self, app: &App) {
        let answer = self.send(app, "GET", "/v1/accounts?limit=500", Value::Null).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let list = answer.json();
        let mut accounts: Vec<_> = self.world.accounts.iter().collect();
        accounts.sort_by_key(|account| key(&account.name));
        let items = list["items"].as_array().expect("accounts");
        assert_eq!(items.len(), accounts.len(), "{list}");
        for (item, account) in items.iter().zip(accounts) {
            self.shows(app, item, account);
        }
    }
}
