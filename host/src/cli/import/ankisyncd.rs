//! Moving over: the names that a server has without an account, the people who may be behind them, and whose is whose.
//! Refuses to send anybody with a name that is not plainly theirs.

use crate::cli::Ending;
use crate::cli::client::{Client, Patience};
use crate::cli::import::cognito::{self, Standing, User};
use crate::cli::import::matching::{Person, Rule, Verdict, pair};
use crate::cli::import::report::Told;
use crate::cli::import::{Entry, ImportArguments, Who};
use reqwest::{Method, Url};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;

/// People who are named beside a name that may be anybody's of them.
const NAMED: usize = 3;

/// What the server has.
struct Found {
    /// The tenant's.
    issuer: String,
    /// Every name, and the account that has it, if one has.
    names: BTreeMap<String, Option<Account>>,
}

/// What is needed of an account.
struct Account {
    issuer: String,
    subject: Option<String>,
}

/// Everything there is to be done, or to be told.
pub(super) fn find(
    client: &Client,
    patience: &Patience,
    arguments: &ImportArguments,
) -> Result<Vec<Entry>, Ending> {
    let maps = arguments.maps.iter().map(|map| split(map)).collect::<Result<Vec<_>, _>>()?;
    let (people, mut entries) = match &arguments.users {
        Some(file) => read_users(file)?,
        None => (maps.iter().map(|(_, subject)| User::of_subject(subject)).collect(), Vec::new()),
    };
    let found = client.run(look(client, patience))?;
    let rules = if arguments.rules.is_empty() { &Rule::ALL[..] } else { &arguments.rules };
    let said = said(&found, &people, &maps)?;
    entries.extend(found.pairs(&people, rules, &said, arguments.relink));
    Ok(entries)
}

/// `NAME=SUBJECT`: a name may have an `=`, a subject has none.
fn split(map: &str) -> Result<(&str, &str), Ending> {
    let parts = map.rsplit_once('=');
    parts.filter(|(name, subject)| !name.is_empty() && !subject.is_empty()).ok_or_else(|| {
        eprintln!("enlist: --map: expected NAME=SUBJECT, got {map:?}");
        Ending::WrongUse
    })
}

/// Who can have an account, and what is told of the others. Somebody who was disabled had a name too.
fn read_users(file: &Path) -> Result<(Vec<User>, Vec<Entry>), Ending> {
    let (mut people, mut others, mut number) = (Vec::new(), Vec::new(), 0);
    let mut put = |user: Value| {
        number += 1;
        let place = Some(("user", number));
        match User::read(&user) {
            Ok(user) if user.standing == Standing::Unconfirmed => {
                let who = Who { name: None, username: Some(user.username) };
                others.push(Entry::Told(place, who, Told::skipped("unconfirmed")));
            }
            Ok(user) => people.push(user),
            Err(why) => {
                let told = Told::failed("user_invalid", why);
                others.push(Entry::Told(place, Who::default(), told));
            }
        }
        ControlFlow::Continue(())
    };
    let read = File::open(file).and_then(|file| cognito::users(BufReader::new(file), &mut put));
    read.map(|()| (people, others)).map_err(|error| {
        // Half of them would be matched otherwise than all of them.
        eprintln!("enlist: {}: {error}", file.display());
        Ending::WrongUse
    })
}

/// What was said by hand, as places among names and people.
fn said(
    found: &Found,
    people: &[User],
    maps: &[(&str, &str)],
) -> Result<BTreeMap<usize, usize>, Ending> {
    let names: HashMap<_, _> = found.names.keys().zip(0..).map(|(k, v)| (k.as_str(), v)).collect();
    let subjects: HashMap<_, _> = people
        .iter()
        .zip(0..)
        .filter_map(|(user, at)| Some((user.subject.as_deref()?, at)))
        .collect();
    let wrong = |why: String| {
        eprintln!("enlist: --map: {why}");
        Ending::WrongUse
    };
    let (mut said, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for (name, subject) in maps {
        let at = names.get(name).copied();
        let at = at.ok_or_else(|| wrong(format!("there is no folder, row or account {name:?}")))?;
        let person = subjects.get(subject).copied();
        let person = person.ok_or_else(|| wrong(format!("no user has the sub {subject:?}")))?;
        if said.insert(at, person).is_some() || !taken.insert(person) {
            return Err(wrong(format!("{name:?} or {subject:?} is said twice")));
        }
    }
    Ok(said)
}

/// Asks for the tenant's issuer, the names that nobody has, and the accounts.
async fn look(client: &Client, patience: &Patience) -> Result<Found, Ending> {
    let tenant = client.tenant_url(&[])?;
    let tenant = client.insist(patience, || client.begin(Method::GET, tenant.clone())).await?;
    let mut names = BTreeMap::new();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let reserved = client.tenant_url(&["reserved"])?;
    pages(client, patience, &reserved, |name| {
        names.extend(text(&name["name"]).map(|name| (name, None)));
    })
    .await?;
    let accounts = client.tenant_url(&["accounts"])?;
    pages(client, patience, &accounts, |account| {
        let issuer = text(&account["issuer"]).unwrap_or_default();
        let has = Account { issuer, subject: text(&account["subject"]) };
        names.extend(text(&account["name"]).map(|name| (name, Some(has))));
    })
    .await?;
    Ok(Found { issuer: text(&tenant["issuer"]).unwrap_or_default(), names })
}

async fn pages(
    client: &Client,
    patience: &Patience,
    list: &Url,
    mut put: impl FnMut(&Value),
) -> Result<(), Ending> {
    let mut after = None::<String>;
    loop {
        let mut url = list.clone();
        url.query_pairs_mut().append_pair("limit", "500");
        if let Some(after) = &after {
            url.query_pairs_mut().append_pair("after", after);
        }
        let page = client.insist(patience, || client.begin(Method::GET, url.clone())).await?;
        page["items"].as_array().into_iter().flatten().for_each(&mut put);
        patience.renew();
        match page["next"].as_str() {
            Some(next) if after.as_deref() != Some(next) => after = Some(next.to_owned()),
            _ => return Ok(()),
        }
    }
}

impl Found {
    /// Who is sent with which name, and what is told of everybody and every name else. Whose name somebody has already counts among the
    /// claims too: the second time nothing is matched otherwise than the first.
    fn pairs(
        &self,
        people: &[User],
        rules: &[Rule],
        said: &BTreeMap<usize, usize>,
        relink: bool,
    ) -> Vec<Entry> {
        let names: Vec<_> = self.names.keys().map(String::as_str).collect();
        let persons: Vec<_> = people.iter().map(person).collect();
        let own: Vec<_> = self.own(people);
        let holders: BTreeSet<_> = own.iter().flatten().copied().collect();
        let (mut entries, mut sent) = (Vec::new(), vec![false; people.len()]);
        let verdicts = pair(&names, &persons, rules, said);
        for ((at, name), verdict) in names.iter().enumerate().zip(verdicts) {
            let account = self.names[*name].as_ref();
            let reserved = |outcome, why| {
                let who = Who { name: Some((*name).to_owned()), username: None };
                account.is_none().then(|| Entry::Told(None, who, Told::reserved(outcome, why)))
            };
            let elsewhere = |person: usize| {
                let has = own[person].map(|own| format!(", who has the account {own}"));
                format!("{}{}", people[person].username, has.unwrap_or_default())
            };
            let entry = match verdict {
                Verdict::Of(person) if said.contains_key(&at) && own[person] != Some(name) => {
                    sent[person] = true;
                    Some(people[person].with_name(name))
                }
                Verdict::Of(person) if own[person] == Some(name) => None,
                Verdict::Of(person) if own[person].is_some() => {
                    reserved("unmatched", Some(format!("of {}", elsewhere(person))))
                }
                Verdict::Of(person) => {
                    let anothers = account.is_some_and(|account| account.subject.is_some());
                    let is_free = !anothers || (relink && !holders.contains(name));
                    sent[person] = is_free;
                    is_free.then(|| people[person].with_name(name))
                }
                Verdict::Unmatched(person) => {
                    reserved("unmatched", person.map(|person| format!("of {}", elsewhere(person))))
                }
                Verdict::Ambiguous(of) => reserved("ambiguous", Some(either(people, &of))),
            };
            entries.extend(entry);
        }
        let others = people.iter().zip(&own).zip(&sent).filter(|(_, sent)| !**sent);
        for ((user, own), _) in others {
            let who = Who { name: own.map(str::to_owned), username: Some(user.username.clone()) };
            let told = if own.is_some() { Told::known() } else { Told::nameless() };
            entries.push(Entry::Told(None, who, told));
        }
        entries
    }

    /// The name of everybody's own account.
    fn own(&self, people: &[User]) -> Vec<Option<&str>> {
        let accounts = self.names.iter().filter_map(|(name, account)| {
            let account = account.as_ref().filter(|account| account.issuer == self.issuer)?;
            Some((account.subject.as_deref()?, name.as_str()))
        });
        let accounts: HashMap<_, _> = accounts.collect();
        let own = |user: &User| accounts.get(user.subject.as_deref()?).copied();
        people.iter().map(own).collect()
    }
}

fn person(user: &User) -> Person<'_> {
    let User { username, subject, email, .. } = user;
    Person { username, subject: subject.as_deref(), email: email.as_ref() }
}

/// Whose a name may be, in words.
fn either(people: &[User], of: &BTreeSet<usize>) -> String {
    let named: Vec<_> = of.iter().take(NAMED).map(|at| people[*at].username.as_str()).collect();
    let more = of.len() - named.len();
    match (of.len(), more) {
        (1, _) => format!("of {}, who matches another name too", named.join("")),
        (_, 0) => format!("of {}", named.join(" or ")),
        _ => format!("of {} or {more} more", named.join(", ")),
    }
}

impl User {
    /// As they are sent who come with their name.
    fn with_name(&self, name: &str) -> Entry {
        let mut item = self.item();
        item.insert("name".to_owned(), name.into());
        item.insert("adopt".to_owned(), true.into());
        let who = Who { name: Some(name.to_owned()), username: Some(self.username.clone()) };
        Entry::Person(None, who, Value::Object(item).to_string())
    }
}
