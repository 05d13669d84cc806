//! Whose a name is that was there before anybody was known here: pairs of names and people, by what of a person a name may be.
//! Refuses to guess: a name that two people may have been given is nobody's, and stays with whoever runs the server to say.

use crate::domain::Email;
use clap::ValueEnum;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What of a person a name may be. Compared byte for byte; of an e-mail, which has to be verified, the domain in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Rule {
    /// The provider's stable id.
    Sub,
    /// The provider's own name for them.
    Username,
    /// Their e-mail.
    Email,
    /// What stands before its @.
    Localpart,
}

impl Rule {
    /// All, the surest first.
    pub(super) const ALL: [Self; 4] = [Self::Sub, Self::Username, Self::Email, Self::Localpart];
}

/// Somebody whose a name may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person<'a> {
    pub(super) username: &'a str,
    pub(super) subject: Option<&'a str>,
    /// A verified one.
    pub(super) email: Option<&'a Email>,
}

/// Whose a name is. People and names are their places in what was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This person's.
    Of(usize),
    /// One of these people's; or this one's, who may have been given another name too.
    Ambiguous(BTreeSet<usize>),
    /// Nobody's; or this person's, who has a surer one.
    Unmatched(Option<usize>),
}

/// Says of every name whose it is. What is `said` holds whatever matches: it takes a name and a person out of the question.
///
/// Somebody's names are those that match by the first rule by which any does, and they have to have one only; a name has to match one
/// person only, by whichever rule.
pub(super) fn pair(
    names: &[&str],
    people: &[Person<'_>],
    rules: &[Rule],
    said: &BTreeMap<usize, usize>,
) -> Vec<Verdict> {
    let index = Index::of(names, said);
    let spoken_for: BTreeSet<usize> = said.values().copied().collect();
    let mut claims = vec![BTreeSet::new(); names.len()];
    let mut firsts = vec![BTreeSet::new(); people.len()];
    for (number, person) in people.iter().enumerate() {
        if spoken_for.contains(&number) {
            continue;
        }
        for rule in rules {
            let found: BTreeSet<usize> = index.find(person, *rule).collect();
            for name in &found {
                claims[*name].insert(number);
            }
            if firsts[number].is_empty() {
                firsts[number] = found;
            }
        }
    }
    let is_paired = |person: usize| {
        let mut names = firsts[person].iter();
        matches!((names.next(), names.next()), (Some(only), None) if claims[*only].len() == 1)
    };
    let verdict = |name: usize| {
        if let Some(person) = said.get(&name) {
            return Verdict::Of(*person);
        }
        let claimed = &claims[name];
        let mut by = claimed.iter();
        match (by.next().copied(), by.next()) {
            (None, _) => Verdict::Unmatched(None),
            (Some(person), None) if !is_paired(person) => Verdict::Ambiguous(claimed.clone()),
            (Some(person), None) if firsts[person].contains(&name) => Verdict::Of(person),
            (Some(person), None) => Verdict::Unmatched(Some(person)),
            (Some(_), Some(_)) => Verdict::Ambiguous(claimed.clone()),
        }
    };
    (0..names.len()).map(verdict).collect()
}

/// Names by what they are looked up with.
struct Index<'a> {
    exact: HashMap<&'a str, usize>,
    /// E-mails with their domains in small letters: several spellings may be one.
    emails: HashMap<String, Vec<usize>>,
}

impl<'a> Index<'a> {
    fn of(names: &[&'a str], said: &BTreeMap<usize, usize>) -> Self {
        let (mut exact, mut emails) = (HashMap::new(), HashMap::<String, Vec<usize>>::new());
        for (number, name) in
            names.iter().enumerate().filter(|(number, _)| !said.contains_key(number))
        {
            exact.insert(*name, number);
            if let Some(email) = small_domain(name) {
                emails.entry(email).or_default().push(number);
            }
        }
        Self { exact, emails }
    }

    fn find(&self, person: &Person<'_>, rule: Rule) -> impl Iterator<Item = usize> {
        let address = person.email.map(Email::address);
        let text = match rule {
            Rule::Sub => person.subject,
            Rule::Username => Some(person.username),
            Rule::Email => None,
            Rule::Localpart => address.and_then(|address| address.split('@').next()),
        };
        let email = address.filter(|_| rule == Rule::Email).and_then(small_domain);
        let emails = email.and_then(|email| self.emails.get(&email)).cloned().unwrap_or_default();
        text.and_then(|text| self.exact.get(text)).copied().into_iter().chain(emails)
    }
}

fn small_domain(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    Some(format!("{local}@{}", domain.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::{Person, Rule, Verdict, pair};
    use crate::domain::{Assurance, Email};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[derive(Clone, Debug)]
    struct Somebody {
        username: String,
        subject: Option<String>,
        email: Option<Email>,
    }

    fn somebody(username: &str, subject: &str, email: &str) -> Somebody {
        Somebody {
            username: username.to_owned(),
            subject: Some(subject.to_owned()).filter(|subject| !subject.is_empty()),
            email: Email::parse(email, Assurance::Verified),
        }
    }

    fn paired(
        names: &[&str],
        people: &[Somebody],
        rules: &[Rule],
        said: &[(usize, usize)],
    ) -> Vec<Verdict> {
        let people: Vec<_> = people
            .iter()
            .map(|one| Person {
                username: &one.username,
                subject: one.subject.as_deref(),
                email: one.email.as_ref(),
            })
            .collect();
        pair(names, &people, rules, &said.iter().copied().collect::<BTreeMap<_, _>>())
    }

    fn of(names: &[&str], people: &[Somebody]) -> Vec<Verdict> {
        paired(names, people, &Rule::ALL, &[])
    }

    fn ambiguous(people: &[usize]) -> Verdict {
        Verdict::Ambiguous(people.iter().copied().collect())
    }

    #[test]
    fn a_name_is_found_by_every_rule() {
        let ann = somebody("ann-user", "ann-sub", "ann@EXAMPLE.com");
        for name in ["ann-sub", "ann-user", "ann@example.COM", "ann"] {
            assert_eq!(of(&[name], std::slice::from_ref(&ann)), [Verdict::Of(0)], "{name}");
        }
        for name in ["Ann", "ann-Sub", "ANN@example.com", "example.com", "ann@"] {
            assert_eq!(
                of(&[name], std::slice::from_ref(&ann)),
                [Verdict::Unmatched(None)],
                "{name}"
            );
        }
    }

    #[test]
    fn two_people_of_one_local_part_share_nothing() {
        let people = [somebody("1", "", "bob@a.com"), somebody("2", "", "bob@b.com")];
        assert_eq!(of(&["bob"], &people), [ambiguous(&[0, 1])]);
        let said = paired(&["bob"], &people, &Rule::ALL, &[(0, 1)]);
        assert_eq!(said, [Verdict::Of(1)]);
    }

    #[test]
    fn a_surer_rule_of_another_persons_does_not_make_a_name_theirs() {
        let people = [somebody("bob", "", ""), somebody("2", "", "bob@b.com")];
        assert_eq!(of(&["bob"], &people), [ambiguous(&[0, 1])]);
        assert_eq!(paired(&["bob"], &people, &[Rule::Username], &[]), [Verdict::Of(0)]);
        // Also not where the other one has a name of their own.
        assert_eq!(of(&["bob", "2"], &people), [ambiguous(&[0, 1]), Verdict::Of(1)]);
    }

    #[test]
    fn somebody_has_the_surest_of_their_names_and_the_others_are_nobodys() {
        let people = [somebody("ann", "s-1", "ann@a.com")];
        let found = of(&["ann", "s-1", "ann@a.com"], &people);
        assert_eq!(
            found,
            [Verdict::Unmatched(Some(0)), Verdict::Of(0), Verdict::Unmatched(Some(0))]
        );
    }

    #[test]
    fn two_names_by_one_rule_are_ambiguous() {
        let people = [somebody("u", "", "ann@a.com")];
        assert_eq!(of(&["ann@a.com", "ann@A.com"], &people), [ambiguous(&[0]), ambiguous(&[0])]);
    }

    fn text() -> impl Strategy<Value = String> {
        "[ab]{1,2}"
    }

    fn anybody() -> impl Strategy<Value = Somebody> {
        let email = proptest::option::of(("[ab]{1,2}", "[aA]\\.com"));
        (text(), proptest::option::of(text()), email).prop_map(|(username, subject, email)| {
            let email = email.map(|(local, domain)| format!("{local}@{domain}"));
            let email = email.and_then(|address| Email::parse(&address, Assurance::Verified));
            Somebody { username, subject, email }
        })
    }

    proptest! {
        #[test]
        fn nobody_has_two_names_no_name_has_two_people_and_the_order_is_no_matter(
            names in proptest::collection::btree_set("[ab]{1,2}(@[aA]\\.com)?", 0..6),
            people in proptest::collection::vec(anybody(), 0..6),
            turn in 0..6_usize,
            rules in proptest::sample::subsequence(Rule::ALL.to_vec(), 1..=4),
        ) {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let found = paired(&names, &people, &rules, &[]);
            let given: Vec<_> = found.iter().filter_map(|verdict| match verdict {
                Verdict::Of(person) => Some(*person),
                _ => None,
            }).collect();
            let distinct: BTreeSet<_> = given.iter().collect();
            prop_assert_eq!(given.len(), distinct.len(), "somebody has two names");

            let mut turned = people.clone();
            let by = turn.min(people.len());
            turned.rotate_left(by);
            let back = |person: usize| (person + by) % people.len();
            let mut backwards = names.clone();
            backwards.reverse();
            let again = paired(&backwards, &turned, &rules, &[]);
            let again: Vec<_> = again.into_iter().rev().map(|verdict| match verdict {
                Verdict::Of(person) => Verdict::Of(back(person)),
                Verdict::Ambiguous(people) => Verdict::Ambiguous(people.into_iter().map(back).collect()),
                Verdict::Unmatched(person) => Verdict::Unmatched(person.map(back)),
            }).collect();
            prop_assert_eq!(&again, &found, "in another order");

            for (name, verdict) in names.iter().zip(&found) {
                let claimed = people.iter().filter(|one| claims(one, name, &rules)).count();
                match verdict {
                    Verdict::Of(_) => prop_assert_eq!(claimed, 1),
                    Verdict::Unmatched(None) => prop_assert_eq!(claimed, 0),
                    Verdict::Unmatched(Some(_)) => prop_assert_eq!(claimed, 1),
                    Verdict::Ambiguous(_) => prop_assert!(claimed > 0),
                }
            }
        }

        #[test]
        fn what_was_said_holds_and_takes_its_person_out_of_the_question(
            names in proptest::collection::btree_set("[ab]{1,2}", 1..6),
            people in proptest::collection::vec(anybody(), 1..6),
            person in 0..6_usize,
        ) {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let person = person % people.len();
            let found = paired(&names, &people, &Rule::ALL, &[(0, person)]);
            prop_assert_eq!(&found[0], &Verdict::Of(person));
            prop_assert!(found[1..].iter().all(|verdict| *verdict != Verdict::Of(person)));
        }
    }

    /// The same said in a plainer way.
    fn claims(one: &Somebody, name: &str, rules: &[Rule]) -> bool {
        let address = one.email.as_ref().map(Email::address).unwrap_or_default();
        let (local, domain) = address.split_once('@').unwrap_or_default();
        rules.iter().any(|rule| match rule {
            Rule::Sub => one.subject.as_deref() == Some(name),
            Rule::Username => one.username == name,
            Rule::Email => name
                .split_once('@')
                .is_some_and(|(l, d)| l == local && d.eq_ignore_ascii_case(domain)),
            Rule::Localpart => !local.is_empty() && local == name,
        })
    }
}
