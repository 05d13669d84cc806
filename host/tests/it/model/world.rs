//! A tenant as docs/api.md and docs/names.md describe it, in the plainest way: a list of accounts, a set of folders, the rules.
//! Refuses to know how the server does it: every sentence here is one of those pages.

use crate::model::rules::{Limits, Rule};
use crate::model::steps::{Person, Verb};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    Closed,
    Erased,
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) subject: Option<String>,
    pub(crate) username: String,
    pub(crate) email: Option<String>,
    /// That of an e-mail that was verified when the account was opened.
    pub(crate) domain: Option<String>,
    pub(crate) state: State,
    pub(crate) limits: Limits,
    /// The revision that decided, or was active.
    pub(crate) revision: u64,
    /// The revision that was asked last what it may use.
    pub(crate) reviewed: u64,
}

/// A no: each code that the pages allow, and what the record says beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct No {
    pub(crate) codes: Vec<&'static str>,
    pub(crate) detail: Option<&'static str>,
}

pub(crate) fn no<T>(code: &'static str) -> Result<T, No> {
    Err(No { codes: vec![code], detail: None })
}

fn no_since<T>(detail: &'static str) -> Result<T, No> {
    Err(No { codes: vec!["username_taken"], detail: Some(detail) })
}

/// What a request would lead to.
pub(crate) enum Considered {
    Known(usize),
    Linked(usize),
    Granted(String, Limits),
}

pub(crate) struct World {
    /// Empty when there is none.
    pub(crate) issuer: String,
    pub(crate) accounts: Vec<Account>,
    /// What stands in the home root, and whether it holds something.
    pub(crate) folders: BTreeMap<String, bool>,
    /// Revision `n` at place `n - 1`.
    pub(crate) revisions: Vec<Rule>,
    /// The revision that decides, behind those that a rollback goes back to.
    pub(crate) activated: Vec<u64>,
}

/// H-6, as far as the names here need it.
pub(crate) fn key(name: &str) -> String {
    name.to_lowercase().replace('ß', "ss")
}

/// UTS #39, as far as the names here need it.
fn look(name: &str) -> String {
    key(name).replace('\u{430}', "a")
}

fn is_usable(name: &str) -> bool {
    !name.contains('/') && name != "con"
}

pub(crate) fn domain(email: &str) -> String {
    email.rsplit('@').next().unwrap_or_default().to_lowercase()
}

impl World {
    pub(crate) fn active(&self) -> u64 {
        *self.activated.last().expect("a revision")
    }

    pub(crate) fn rule(&self) -> Rule {
        self.revisions[self.active() as usize - 1]
    }

    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.accounts.iter().position(|account| account.name == name)
    }

    /// Those of this issuer that somebody is known by.
    fn of_issuer<'a>(&'a self, issuer: &'a str) -> impl Iterator<Item = (usize, &'a Account)> {
        let known =
            move |account: &&Account| account.state != State::Erased && account.issuer == issuer;
        self.accounts.iter().enumerate().filter(move |(_, account)| known(account))
    }

    pub(crate) fn by_subject(&self, issuer: &str, subject: &str) -> Option<usize> {
        let mut found = self.of_issuer(issuer);
        found.find(|(_, account)| account.subject.as_deref() == Some(subject)).map(|(i, _)| i)
    }

    fn by_username(&self, issuer: &str, username: &str) -> Vec<usize> {
        let found = self.of_issuer(issuer).filter(|(_, account)| account.username == username);
        found.map(|(i, _)| i).collect()
    }

    /// The account that a subject may be linked to.
    fn without_subject(&self, issuer: &str, username: &str) -> Option<usize> {
        let found = self.by_username(issuer, username).into_iter();
        found.into_iter().find(|i| self.accounts[*i].subject.is_none())
    }

    pub(crate) fn issuer_of(&self, person: &Person) -> String {
        person.issuer.map_or_else(|| self.issuer.clone(), str::to_owned)
    }

    /// Docs/api.md, "Who somebody is", 2 to 5; none is a stranger.
    fn recognise(&self, person: &Person) -> Result<Option<Considered>, No> {
        let issuer = self.issuer_of(person);
        let known = |i: usize| match self.accounts[i].state {
            State::Active => Ok(Some(Considered::Known(i))),
            _ => no("account_closed"),
        };
        let Some(subject) = person.subject else {
            return match self.by_username(&issuer, person.username)[..] {
                [] => Ok(None),
                [one] => known(one),
                _ => no_since("ambiguous_username"),
            };
        };
        if let Some(held) = self.by_subject(&issuer, subject) {
            return known(held);
        }
        let unset = self.issuer.is_empty() && !issuer.is_empty();
        if unset && self.by_subject("", subject).is_some() {
            return no_since("issuer_unset");
        }
        let Some(i) = self.without_subject(&issuer, person.username) else { return Ok(None) };
        let account = &self.accounts[i];
        if !person.verified || account.email.as_deref() != person.email {
            return no_since("link_refused");
        }
        match account.state {
            State::Active => Ok(Some(Considered::Linked(i))),
            _ => no("account_closed"),
        }
    }

    fn is_held(&self, name: &str) -> bool {
        self.accounts.iter().any(|account| key(&account.name) == key(name))
    }

    /// Docs/names.md, "Look-alikes".
    fn is_refused_for_its_look(&self, name: &str) -> bool {
        let alike = |account: &&Account| look(&account.name) == look(name);
        let mut others = self.accounts.iter().filter(alike);
        others.any(|other| !other.name.is_ascii() || !name.is_ascii())
    }

    /// A folder that holds something and is nobody's, under any spelling of the name.
    fn stands_in_the_way(&self, name: &str) -> bool {
        let nobodys = |folder: &str| !self.accounts.iter().any(|account| account.name == folder);
        let mut full = self.folders.iter().filter(|(_, full)| **full);
        full.any(|(folder, _)| key(folder) == key(name) && nobodys(folder))
    }

    /// The first candidate that the host's rules allow and nobody holds.
    fn choose(&self, names: &[String]) -> Result<String, No> {
        let (mut held, mut blocked) = (false, false);
        for name in names {
            if !is_usable(name) {
                continue;
            }
            if self.is_held(name) {
                held = true;
            } else if self.is_refused_for_its_look(name) {
                continue;
            } else if self.stands_in_the_way(name) {
                blocked = true;
            } else {
                return Ok(name.clone());
            }
        }
        match (held, blocked) {
            (true, _) => no("username_taken"),
            (false, true) => no("home_exists"),
            (false, false) => no("name_unusable"),
        }
    }

    /// Open accounts: of the tenant, or of a domain.
    pub(crate) fn open(&self, of: Option<&str>) -> u64 {
        let counted = |account: &&Account| {
            account.state == State::Active
                && of.is_none_or(|of| account.domain.as_deref() == Some(of))
        };
        self.accounts.iter().filter(counted).count() as u64
    }

    pub(crate) fn seat(&self, limits: Limits, domain: Option<&str>) -> Result<(), No> {
        if limits.max_accounts.is_some_and(|most| self.open(None) >= most) {
            return no("quota_accounts");
        }
        let in_domain = domain.map(|domain| self.open(Some(domain)));
        let most = limits.max_accounts_in_domain;
        if most.zip(in_domain).is_some_and(|(most, open)| open >= most) {
            return no("quota_domain");
        }
        Ok(())
    }

    pub(crate) fn consider(&self, person: &Person, sign_up: bool) -> Result<Considered, No> {
        if !sign_up && let Some(known) = self.recognise(person)? {
            return Ok(known);
        }
        let name = self.choose(&self.rule().proposes(person)?)?;
        let limits = self.rule().limits();
        let counted = person.email.filter(|_| person.verified || sign_up).map(domain);
        self.seat(limits, counted.as_deref())?;
        Ok(Considered::Granted(name, limits))
    }

    /// Whether somebody who is said by hand has an account that is not the one that is asked for.
    pub(crate) fn has_another(&self, person: &Person, than: Option<usize>) -> bool {
        let issuer = self.issuer_of(person);
        let theirs = match person.subject {
            Some(subject) => {
                let linkable = self.without_subject(&issuer, person.username);
                self.by_subject(&issuer, subject).into_iter().chain(linkable).collect()
            }
            None => self.by_username(&issuer, person.username),
        };
        theirs.into_iter().any(|i| Some(i) != than)
    }

    /// `PUT …/accounts/{name}`: the account that is there already, or what a new one may use.
    pub(crate) fn by_hand(
        &self,
        name: &str,
        person: &Person,
        adopt: bool,
    ) -> Result<Result<usize, Limits>, No> {
        let held = self.find(name).filter(|i| self.accounts[*i].state != State::Erased);
        let same = held.filter(|i| {
            let account = &self.accounts[*i];
            let same = match person.subject {
                Some(subject) => account.subject.as_deref() == Some(subject),
                None => account.username == person.username,
            };
            same && account.issuer == self.issuer_of(person)
        });
        if let Some(i) = same {
            return match self.accounts[i].state {
                State::Active => Ok(Ok(i)),
                _ => no("account_closed"),
            };
        }
        // Which of several reasons is told is not said.
        let mut codes = Vec::new();
        let mut when = |is_so: bool, code| {
            if is_so {
                codes.push(code)
            }
        };
        when(self.has_another(person, None), "identity_taken");
        when(self.is_held(name), "username_taken");
        when(self.is_refused_for_its_look(name), "name_unusable");
        let is_theirs = adopt && self.folders.contains_key(name);
        when(!is_theirs && self.stands_in_the_way(name), "home_exists");
        let review = self.rule().review();
        let limits = review.and_then(|limits| self.seat(limits, None).map(|()| limits));
        match limits {
            Ok(limits) if codes.is_empty() => return Ok(Err(limits)),
            Ok(_) => {}
            Err(no) => codes.extend(no.codes),
        }
        Err(No { codes, detail: None })
    }

    /// What is done to one account; false where it is so already.
    pub(crate) fn act(&mut self, i: usize, verb: Verb) -> Result<bool, No> {
        let (state, answer, active) = (self.accounts[i].state, self.rule().review(), self.active());
        let (was, is_erased) = (self.accounts[i].limits, state == State::Erased);
        match verb {
            Verb::Close => {
                let account = &mut self.accounts[i];
                account.state = if is_erased { State::Erased } else { State::Closed };
                Ok(state == State::Active)
            }
            Verb::Erase if state == State::Active => no("account_open"),
            Verb::Erase => {
                let account = &mut self.accounts[i];
                account.state = State::Erased;
                (account.subject, account.email, account.domain) = (None, None, None);
                (account.username, account.issuer) = (String::new(), String::new());
                Ok(!is_erased)
            }
            Verb::Reopen | Verb::Allowance if is_erased => no("account_erased"),
            Verb::Reopen if state == State::Active => Ok(false),
            Verb::Reopen => {
                let limits = answer?;
                self.seat(limits, self.accounts[i].domain.as_deref())?;
                let account = &mut self.accounts[i];
                (account.state, account.limits, account.reviewed) = (State::Active, limits, active);
                Ok(true)
            }
            Verb::Allowance => {
                let limits = answer?;
                let account = &mut self.accounts[i];
                (account.limits, account.reviewed) = (limits, active);
                Ok(limits != was)
            }
        }
    }

    /// The tenant's issuer changes.
    pub(crate) fn set_issuer(&mut self, issuer: &str) -> Result<(), No> {
        if self.issuer.is_empty() {
            let is_two = |account: &Account| match &account.subject {
                Some(subject) => self.by_subject(issuer, subject).is_some(),
                None => self.without_subject(issuer, &account.username).is_some(),
            };
            if self.of_issuer("").any(|(_, account)| is_two(account)) {
                return no("issuer_conflict");
            }
            for account in &mut self.accounts {
                if account.state != State::Erased && account.issuer.is_empty() {
                    account.issuer = issuer.to_owned();
                }
            }
        }
        self.issuer = issuer.to_owned();
        Ok(())
    }

    /// Another revision decides: each open account that it was not asked for is asked about. What the record says of it.
    pub(crate) fn review_all(&mut self) -> Vec<(String, &'static str, Option<&'static str>, u64)> {
        let (active, answer) = (self.active(), self.rule().review());
        let mut told = Vec::new();
        for account in &mut self.accounts {
            if account.state != State::Active || account.reviewed == active {
                continue;
            }
            account.reviewed = active;
            let name = account.name.clone();
            match &answer {
                Ok(limits) if *limits == account.limits => {}
                Ok(limits) => {
                    account.limits = *limits;
                    told.push((name, "granted", None, active));
                }
                Err(no) if no.codes == ["policy_failed"] => {
                    told.push((name, "failed", Some("policy_failed"), active));
                }
                Err(no) => told.push((name, "refused", Some(no.codes[0]), active)),
            }
        }
        told
    }
}
