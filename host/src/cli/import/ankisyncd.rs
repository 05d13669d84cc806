//! Moving over: the names that a server has without an account, the people who may be behind them, and whose is whose.
//! Refuses to send anybody with a name that is not plainly theirs.

use crate::cli::Ending;
use crate::cli::client::{Client, Patience};
use crate::cli::import::claims::{Person, Rule};
use crate::cli::import::cognito::{self, Standing, User};
use crate::cli::import::matching::{Label, Verdict, pair};
use crate::cli::import::report::Told;
use crate::cli::import::there::{Account, Holder, There};
use crate::cli::import::{Entry, ImportArguments, Who, lines};
use crate::domain::Email;
use serde_json::Value;
use std::collections::hash_map::{Entry as Slot, HashMap};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;

/// People who are named beside a name that may be anybody's of them.
const NAMED: usize = 3;

/// What becomes of a name that is kept for somebody, and of an empty folder.
const UNMATCHED: &str = "unmatched";
const AMBIGUOUS: &str = "ambiguous";
const EMPTY: &str = "empty";

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
    let there = client.run(There::look(client, patience))?;
    let rules = if arguments.rules.is_empty() { &Rule::ALL[..] } else { &arguments.rules };
    let said = said(&there, &people, &maps)?;
    entries.extend(there.pairs(&people, rules, &said, arguments.relink));
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

/// Who can have an account, and what is told of the others. Somebody who was disabled had a name too; whoever stands there twice, on
/// pages that overlap, is one person.
fn read_users(file: &Path) -> Result<(Vec<User>, Vec<Entry>), Ending> {
    let (mut people, mut others, mut number) = (Vec::<User>::new(), Vec::new(), 0);
    let mut seen = HashMap::new();
    let mut put = |user: Value| {
        number += 1;
        let place = Some(("user", number));
        let mut tell = |who, told| others.push(Entry::Told(place, who, told));
        match User::read(&user) {
            Err(why) => tell(Who::default(), Told::failed("user_invalid", why)),
            Ok(user) if user.standing == Standing::Unconfirmed => {
                tell(user.who(), Told::skipped("unconfirmed"));
            }
            Ok(user) => match seen.entry(user.key()) {
                Slot::Vacant(slot) => {
                    slot.insert(people.len());
                    people.push(user);
                }
                Slot::Occupied(slot) if people[*slot.get()] == user => {}
                Slot::Occupied(_) => {
                    let why =
                        "this user stands there twice, and not the same; the first one counts";
                    tell(user.who(), Told::failed("user_invalid", why));
                }
            },
        }
        ControlFlow::Continue(())
    };
    let read = File::open(file)
        .and_then(|file| lines::begin(BufReader::new(file)))
        .and_then(|text| cognito::users(text, &mut put));
    read.map(|()| (people, others)).map_err(|error| {
        // Half of them would be matched otherwise than all of them.
        eprintln!("enlist: {}: {error}", file.display());
        Ending::WrongUse
    })
}

/// What was said by hand, as places among names and people.
fn said(
    there: &There,
    people: &[User],
    maps: &[(&str, &str)],
) -> Result<BTreeMap<usize, usize>, Ending> {
    let names: HashMap<_, _> = there.names.keys().zip(0..).map(|(k, v)| (k.as_str(), v)).collect();
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

impl There {
    /// Who is sent with which name, and what is told of everybody and every name else. Whose name somebody has already counts among the
    /// claims too: the second time nothing is matched otherwise than the first.
    fn pairs(
        &self,
        people: &[User],
        rules: &[Rule],
        said: &BTreeMap<usize, usize>,
        relink: bool,
    ) -> Vec<Entry> {
        let label = |(text, holder)| Label { text, empty: matches!(holder, &Holder::Empty) };
        let labels: Vec<_> =
            self.names.iter().map(|(name, has)| label((name.as_str(), has))).collect();
        let persons: Vec<_> = people.iter().map(User::person).collect();
        let own: Vec<_> = self.own(people);
        let holders: BTreeSet<_> = own.iter().flatten().copied().collect();
        let (mut entries, mut told) = (Vec::new(), vec![false; people.len()]);
        let verdicts = pair(&labels, &persons, rules, said);
        for ((name, holder), verdict) in self.names.iter().zip(verdicts) {
            let name = name.as_str();
            let elsewhere = |person: usize| {
                let has = own[person].map(|own| format!(", who has the account {own}"));
                format!("of {}{}", people[person].username, has.unwrap_or_default())
            };
            let entry = match verdict {
                Verdict::Of(person, _) if own[person] == Some(name) => None,
                Verdict::Of(person, Some(_)) if own[person].is_some() => {
                    holder.left(name, UNMATCHED, Some(elsewhere(person)))
                }
                Verdict::Of(person, rule) => {
                    let user = &people[person];
                    let sent = || Some(user.with_name(name, rule));
                    let entry = match holder.account().filter(|_| rule.is_some()) {
                        Some(account) if account.subject.is_some() => {
                            let is_free = relink && !holders.contains(name);
                            is_free.then(|| user.relinked(name, rule, account))
                        }
                        Some(account) if relink => Some(user.relinked(name, rule, account)),
                        _ => sent(),
                    };
                    told[person] = entry.is_some();
                    entry
                }
                Verdict::Unmatched(person) => holder.left(name, UNMATCHED, person.map(elsewhere)),
                Verdict::Ambiguous(of) => {
                    let why = either(name, &persons, &of, rules);
                    holder.left(name, AMBIGUOUS, Some(why))
                }
            };
            entries.extend(entry);
        }
        let others = people.iter().zip(&own).zip(&told).filter(|(_, told)| !**told);
        for ((user, own), _) in others {
            let who = Who { name: own.map(str::to_owned), ..user.who() };
            let told = if own.is_some() { Told::known() } else { Told::nameless() };
            entries.push(Entry::Told(None, who, told));
        }
        entries
    }

    /// The name of everybody's own account.
    fn own(&self, people: &[User]) -> Vec<Option<&str>> {
        let accounts = self.names.iter().filter_map(|(name, holder)| {
            let account = holder.account().filter(|account| account.issuer == self.issuer)?;
            Some((account.subject.as_deref()?, name.as_str()))
        });
        let accounts: HashMap<_, _> = accounts.collect();
        let own = |user: &User| accounts.get(user.subject.as_deref()?).copied();
        people.iter().map(own).collect()
    }
}

impl Holder {
    /// What is told of a name that becomes nobody's now. Of an account there is nothing to tell.
    fn left(&self, name: &str, outcome: &str, why: Option<String>) -> Option<Entry> {
        let who = Who { name: Some(name.to_owned()), ..Who::default() };
        let told = match self {
            Self::Account(_) => return None,
            Self::Reserved => Told::left(outcome, why),
            Self::Empty if outcome == AMBIGUOUS => Told::left(
                outcome,
                why.map(|why| format!("{why}; the folder is empty: whoever asks for it gets it")),
            ),
            Self::Empty => Told::left(EMPTY, why),
        };
        Some(Entry::Told(None, who, told))
    }
}

/// Whose a name may be, in words.
fn either(name: &str, people: &[Person<'_>], of: &BTreeSet<usize>, rules: &[Rule]) -> String {
    let claimed: Vec<_> = of.iter().map(|at| &people[*at]).collect();
    if let [only] = claimed[..] {
        let proven = rules.iter().any(|rule| only.proves(name, *rule));
        let why =
            if proven { "who matches another name too" } else { "if what is not verified is true" };
        return format!("of {}, {why}", only.username);
    }
    let named: Vec<_> = claimed.iter().take(NAMED).map(|person| person.username).collect();
    match of.len() - named.len() {
        0 => format!("of {}", named.join(" or ")),
        more => format!("of {} or {more} more", named.join(", ")),
    }
}

impl User {
    /// What a user of the file is known again by.
    fn key(&self) -> (bool, String) {
        (self.subject.is_some(), self.subject.as_ref().unwrap_or(&self.username).clone())
    }

    fn person(&self) -> Person<'_> {
        let Self { username, subject, email, unverified, .. } = self;
        let (subject, unverified) = (subject.as_deref(), unverified.as_deref());
        Person { username, subject, email: email.as_ref(), unverified }
    }

    /// As they are sent who come with their name.
    fn with_name(&self, name: &str, rule: Option<Rule>) -> Entry {
        let mut item = self.item();
        item.insert("name".to_owned(), name.into());
        item.insert("adopt".to_owned(), true.into());
        Entry::Person(None, self.named(name, rule), Value::Object(item).to_string())
    }

    /// The same with the name of an account, if that is plainly of the same person: a local part alone is another one's as well.
    fn relinked(&self, name: &str, rule: Option<Rule>, account: &Account) -> Entry {
        let email = self.email.as_ref().map(Email::address);
        if self.username == account.username
            || (email.is_some() && email == account.email.as_deref())
        {
            return self.with_name(name, rule);
        }
        let why = format!(
            "the account of {}; if they are the same, --map {name}=SUBJECT",
            account.username
        );
        Entry::Told(None, self.named(name, rule), Told::refused("username_taken", why))
    }

    fn named(&self, name: &str, rule: Option<Rule>) -> Who {
        let rule = Some(rule.map_or("map", Rule::as_str));
        Who { name: Some(name.to_owned()), rule, ..self.who() }
    }
}
