//! `--reconcile`: the accounts whose user is gone from the pool, or disabled in it. Cognito has no trigger for either.
//! Refuses to change anything, and to say a word before the pool was listed to its end.

use super::report::PRINTED;
use crate::ending::{Ending, Failure};
use crate::pool::{Person, Pool};
use crate::print::plain;
use crate::server::Server;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt::Write;

/// What does not belong together.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Reconciled {
    /// Open accounts that were compared.
    accounts: u64,
    /// Open accounts that another issuer vouches for.
    of_others: u64,
    gone: Vec<Orphan>,
    disabled: Vec<Orphan>,
}

/// An open account.
#[derive(Clone, Debug, Serialize)]
struct Orphan {
    name: String,
    username: Option<String>,
    subject: Option<String>,
}

/// What is compared of an account.
#[derive(Debug, Deserialize)]
struct Account {
    name: String,
    username: Option<String>,
    subject: Option<String>,
    issuer: Option<String>,
    state: String,
}

/// Everybody in a pool, whether they are enabled.
#[derive(Default)]
struct People {
    by_sub: HashMap<String, bool>,
    by_username: HashMap<String, bool>,
}

/// Compares the tenant's open accounts with the pool.
pub(super) async fn look(pool: &Pool<'_>, server: &Server) -> Result<Reconciled, Failure> {
    // The accounts first: whoever comes while the pool is listed is then not looked for.
    let accounts = accounts(server).await?;
    let mut people = People::default();
    let mut token = None;
    loop {
        let page = pool.page(token.as_deref()).await;
        let page = page.map_err(|error| {
            Failure::from(error)
                .while_doing("ListUsers did not come to its end, so nothing is compared")
        })?;
        page.people.into_iter().for_each(|person| people.add(person));
        token = page.token;
        if token.is_none() {
            return Ok(compare(accounts, &people, &pool.id().issuer()));
        }
    }
}

/// Looks that the key may read accounts. Asked before anybody is sent, and not when everybody was.
pub(super) async fn may_be_done(server: &Server) -> Result<(), Failure> {
    page(server, &[("limit", "1")]).await.map(|_| ())
}

/// All accounts of the tenant.
async fn accounts(server: &Server) -> Result<Vec<Account>, Failure> {
    let (mut accounts, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("limit", "500")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let Page { items, next } = page(server, &query).await?;
        accounts.extend(items);
        if next.is_none() {
            return Ok(accounts);
        }
        if next == after {
            let says = "accounts: the server's list does not move on";
            return Err(Failure::new(Ending::Failed, says));
        }
        after = next;
    }
}

/// Some of the accounts.
#[derive(Deserialize)]
struct Page {
    items: Vec<Account>,
    next: Option<String>,
}

async fn page(server: &Server, query: &[(&str, &str)]) -> Result<Page, Failure> {
    let answer = server.ask_tenant(Method::GET, "accounts", query, None).await;
    let mut answer = answer.map_err(|error| Failure::new(Ending::Failed, error))?;
    if answer.status != 200 {
        return Err(answer.failure().while_doing("accounts (the key needs the scope read)"));
    }
    serde_json::from_value(answer.body.take())
        .map_err(|error| Failure::new(Ending::Failed, format!("accounts: {error}")))
}

impl People {
    fn add(&mut self, person: Person) {
        if let Some(sub) = person.sub() {
            self.by_sub.insert(sub.to_owned(), person.enabled);
        }
        self.by_username.insert(person.username, person.enabled);
    }
}

fn compare(accounts: Vec<Account>, people: &People, issuer: &str) -> Reconciled {
    let mut found = Reconciled::default();
    for account in accounts.into_iter().filter(|account| account.state == "active") {
        if account.issuer.is_some_and(|theirs| theirs != issuer) {
            found.of_others += 1;
            continue;
        }
        found.accounts += 1;
        let orphan =
            Orphan { name: account.name, username: account.username, subject: account.subject };
        let enabled = match (&orphan.subject, &orphan.username) {
            (Some(subject), _) => people.by_sub.get(subject),
            (None, username) => {
                username.as_ref().and_then(|username| people.by_username.get(username))
            }
        };
        match enabled {
            Some(true) => {}
            Some(false) => found.disabled.push(orphan),
            None => found.gone.push(orphan),
        }
    }
    found
}

impl Reconciled {
    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{} open accounts were compared with the pool", self.accounts);
        if self.of_others > 0 {
            let _ = write!(text, ", {} of another issuer were not", self.of_others);
        }
        text.push('\n');
        for (what, orphans) in
            [("gone from the pool", &self.gone), ("disabled in the pool", &self.disabled)]
        {
            let _ = writeln!(text, "  {:>7}  {what}", orphans.len());
            for orphan in orphans.iter().take(PRINTED) {
                let part = |part: &Option<String>| plain(part.as_deref().unwrap_or("-"));
                let _ = writeln!(
                    text,
                    "    {}  {}  {}",
                    plain(&orphan.name),
                    part(&orphan.username),
                    part(&orphan.subject)
                );
            }
            if orphans.len() > PRINTED {
                let more = orphans.len() - PRINTED;
                let _ = writeln!(text, "    and {more} more: -o json lists all");
            }
        }
        if !self.gone.is_empty() || !self.disabled.is_empty() {
            text.push_str("nothing was changed: close an account with `enlist -t TENANT account close NAME`\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, Orphan, PRINTED, People, Reconciled, compare};
    use crate::pool::Person;
    use serde_json::{Map, Value};

    fn person(username: &str, sub: Option<&str>, enabled: bool) -> Person {
        let attributes: Map<String, Value> =
            sub.map(|sub| ("sub".to_owned(), sub.into())).into_iter().collect();
        Person {
            username: username.to_owned(),
            attributes,
            status: "CONFIRMED".to_owned(),
            enabled,
        }
    }

    #[test]
    fn an_account_is_its_subject_and_without_one_its_user_name() {
        let mut people = People::default();
        for one in [
            person("ann", Some("1"), true),
            person("bob", Some("2"), false),
            person("cyd", Some("3"), true),
        ] {
            people.add(one);
        }
        let account = |name: &str,
                       username: &str,
                       subject: Option<&str>,
                       issuer: Option<&str>,
                       state: &str| Account {
            name: name.to_owned(),
            username: Some(username.to_owned()),
            subject: subject.map(str::to_owned),
            issuer: issuer.map(str::to_owned),
            state: state.to_owned(),
        };
        let ours = Some("https://pool");
        let found = compare(
            vec![
                account("a", "ann", Some("1"), ours, "active"),
                account("b", "bob", Some("2"), None, "active"),
                account("c", "cyd", None, ours, "active"),
                // Made anew under the same user name: the account is not theirs.
                account("d", "cyd", Some("9"), ours, "active"),
                account("e", "eve", None, None, "active"),
                account("f", "fay", Some("1"), Some("https://another"), "active"),
                account("g", "gil", Some("8"), ours, "closed"),
            ],
            &people,
            "https://pool",
        );
        let names =
            |orphans: &[Orphan]| orphans.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        assert_eq!((found.accounts, found.of_others), (5, 1));
        assert_eq!(
            (names(&found.gone), names(&found.disabled)),
            (vec!["d".to_owned(), "e".to_owned()], vec!["b".to_owned()])
        );
    }

    #[test]
    fn for_people_a_long_list_is_cut() {
        let orphan = |n: usize| Orphan { name: format!("n{n}"), username: None, subject: None };
        let found =
            Reconciled { gone: (0..PRINTED + 3).map(orphan).collect(), ..Reconciled::default() };
        let text = found.text();
        assert!(text.contains(&format!("n{}  ", PRINTED - 1)), "{text}");
        assert!(text.contains("    and 3 more: -o json lists all\n"), "{text}");
        assert!(!text.contains(&format!("n{PRINTED}  ")), "{text}");
    }
}
