//! Whose a name is that was there before anybody was known here: pairs of names and people, by what of a person a name may be.
//! Refuses to guess: a name that two people may have been given is nobody's, and stays with whoever runs the server to say. So it is
//! where what speaks for one of them proves nothing.

use crate::cli::import::claims::{Person, Rule, small_domain};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A name that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label<'a> {
    pub(super) text: &'a str,
    /// An empty folder: theirs only who have nothing else.
    pub(super) empty: bool,
}

/// Whose a name is. People and names are their places in what was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This person's, by this rule; by none because it was said.
    Of(usize, Option<Rule>),
    /// One of these people's; or this one's, who may have been given another name too, or for whom nothing speaks that proves it.
    Ambiguous(BTreeSet<usize>),
    /// Nobody's; or this person's, who has a surer one.
    Unmatched(Option<usize>),
}

/// The names that are somebody's first, and the rule they are by.
type First = Option<(Rule, BTreeSet<usize>)>;

/// Says of every name whose it is. What is `said` holds whatever matches: it takes a name and a person out of the question.
///
/// Somebody's names are those that match by the first rule by which any does, and they have to have one only; a name has to match one
/// person only, by whichever rule, and whether that proves anything or not. Empty folders count for those alone whom nothing else matches.
pub(super) fn pair(
    names: &[Label<'_>],
    people: &[Person<'_>],
    rules: &[Rule],
    said: &BTreeMap<usize, usize>,
) -> Vec<Verdict> {
    let index = Index::of(names, said);
    let spoken_for: BTreeSet<usize> = said.values().copied().collect();
    let mut claims = vec![BTreeSet::new(); names.len()];
    let mut firsts: Vec<First> = vec![None; people.len()];
    for (number, person) in people.iter().enumerate() {
        if spoken_for.contains(&number) {
            continue;
        }
        let (mut full, mut empty, mut has_full) = (None, None, false);
        for rule in rules {
            let rivals = index.find(&person.rivals(*rule), *rule);
            let own = index.find(&[person.proof(*rule)], *rule);
            for name in rivals.iter().chain(&own) {
                claims[*name].insert(number);
                has_full |= !names[*name].empty;
            }
            let (own_empty, own_full): (BTreeSet<_>, BTreeSet<_>) =
                own.into_iter().partition(|name| names[*name].empty);
            for (first, found) in [(&mut full, own_full), (&mut empty, own_empty)] {
                if first.is_none() && !found.is_empty() {
                    *first = Some((*rule, found));
                }
            }
        }
        firsts[number] = if has_full { full } else { empty };
    }
    let only = |person: usize| {
        let (rule, names) = firsts[person].as_ref()?;
        let mut names = names.iter();
        let name = names.next().filter(|_| names.next().is_none())?;
        (claims[*name].len() == 1).then_some((*name, *rule))
    };
    let verdict = |name: usize| {
        if let Some(person) = said.get(&name) {
            return Verdict::Of(*person, None);
        }
        let claimed = &claims[name];
        let mut by = claimed.iter();
        match (by.next().copied(), by.next()) {
            (None, _) => Verdict::Unmatched(None),
            (Some(_), Some(_)) => Verdict::Ambiguous(claimed.clone()),
            (Some(person), None) => match only(person) {
                None => Verdict::Ambiguous(claimed.clone()),
                Some((own, rule)) if own == name => Verdict::Of(person, Some(rule)),
                Some(_) => Verdict::Unmatched(Some(person)),
            },
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
    fn of(names: &[Label<'a>], said: &BTreeMap<usize, usize>) -> Self {
        let (mut exact, mut emails) = (HashMap::new(), HashMap::<String, Vec<usize>>::new());
        for (number, Label { text, .. }) in
            names.iter().enumerate().filter(|(number, _)| !said.contains_key(number))
        {
            exact.insert(*text, number);
            if let Some(email) = small_domain(text) {
                emails.entry(email).or_default().push(number);
            }
        }
        Self { exact, emails }
    }

    /// The names that are one of these texts, as the rule compares.
    fn find(&self, texts: &[Option<&str>], rule: Rule) -> BTreeSet<usize> {
        let texts = texts.iter().flatten().copied();
        if rule != Rule::Email {
            return texts.filter_map(|text| self.exact.get(text)).copied().collect();
        }
        let emails = texts.filter_map(small_domain);
        emails.filter_map(|email| self.emails.get(&email)).flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Label, Verdict, pair};
    use crate::cli::import::claims::{Person, Rule};
    use crate::domain::{Assurance, Email};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[derive(Clone, Debug)]
    struct Somebody {
        username: String,
        subject: Option<String>,
        email: Option<Email>,
        unverified: Option<String>,
    }

    fn somebody(username: &str, subject: &str, email: &str) -> Somebody {
        let (username, email) = (username.to_owned(), Email::parse(email, Assurance::Verified));
        let subject = Some(subject.to_owned()).filter(|subject| !subject.is_empty());
        Somebody { username, subject, email, unverified: None }
    }

    fn unproven(username: &str, subject: &str, email: &str) -> Somebody {
        Somebody { unverified: Some(email.to_owned()), ..somebody(username, subject, "") }
    }

    /// A name that begins with a dash is an empty folder called as what follows.
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
                unverified: one.unverified.as_deref(),
            })
            .collect();
        let names: Vec<_> = names
            .iter()
            .map(|name| Label { text: name.trim_start_matches('-'), empty: name.starts_with('-') })
            .collect();
        pair(&names, &people, rules, &said.iter().copied().collect::<BTreeMap<_, _>>())
    }

    fn of(names: &[&str], people: &[Somebody]) -> Vec<Verdict> {
        paired(names, people, &Rule::ALL, &[])
    }

    fn ambiguous(people: &[usize]) -> Verdict {
        Verdict::Ambiguous(people.iter().copied().collect())
    }

    fn by(person: usize, rule: Rule) -> Verdict {
        Verdict::Of(person, Some(rule))
    }

    #[test]
    fn a_name_is_found_by_every_rule() {
        let ann = [somebody("ann-user", "ann-sub", "ann@EXAMPLE.com")];
        let names = ["ann-sub", "ann-user", "ann@example.COM", "ann"];
        for (name, rule) in names.into_iter().zip(Rule::ALL) {
            assert_eq!(of(&[name], &ann), [by(0, rule)], "{name}");
        }
        for name in ["Ann", "ann-Sub", "ANN@example.com", "example.com", "ann@"] {
            assert_eq!(of(&[name], &ann), [Verdict::Unmatched(None)], "{name}");
        }
    }

    #[test]
    fn two_people_of_one_local_part_share_nothing() {
        let people = [somebody("1", "", "bob@a.com"), somebody("2", "", "bob@b.com")];
        assert_eq!(of(&["bob"], &people), [ambiguous(&[0, 1])]);
        let said = paired(&["bob"], &people, &Rule::ALL, &[(0, 1)]);
        assert_eq!(said, [Verdict::Of(1, None)]);
    }

    #[test]
    fn a_surer_rule_of_another_persons_does_not_make_a_name_theirs() {
        let people = [somebody("bob", "", ""), somebody("2", "", "bob@b.com")];
        assert_eq!(of(&["bob"], &people), [ambiguous(&[0, 1])]);
        assert_eq!(paired(&["bob"], &people, &[Rule::Username], &[]), [by(0, Rule::Username)]);
        // Also not where the other one has a name of their own.
        assert_eq!(of(&["bob", "2"], &people), [ambiguous(&[0, 1]), by(1, Rule::Username)]);
    }

    #[test]
    fn what_proves_nothing_gives_nobody_a_name_and_keeps_it_from_others() {
        let other = somebody("u-2", "", "bob@b.example");
        for rival in [
            unproven("u-1", "", "bob@a.example"),
            unproven("bob@a.example", "", ""),
            somebody("bob@a.example", "", "else@a.example"),
        ] {
            assert_eq!(of(&["bob"], &[rival.clone(), other.clone()]), [ambiguous(&[0, 1])]);
            assert_eq!(of(&["bob"], &[rival]), [ambiguous(&[0])], "nor to themselves");
        }
        let same = [unproven("u-1", "", "bob@B.example"), other.clone()];
        assert_eq!(of(&["bob@b.example"], &same), [ambiguous(&[0, 1])]);
        let called = [somebody("bob", "", ""), other];
        let found = paired(&["bob"], &called, &[Rule::Localpart], &[]);
        assert_eq!(found, [ambiguous(&[0, 1])], "a name without an @ is all local part");
    }

    #[test]
    fn somebody_has_the_surest_of_their_names_and_the_others_are_nobodys() {
        let people = [somebody("ann", "s-1", "ann@a.com")];
        let found = of(&["ann", "s-1", "ann@a.com"], &people);
        let theirs = Verdict::Unmatched(Some(0));
        assert_eq!(found, [theirs.clone(), by(0, Rule::Sub), theirs]);
    }

    #[test]
    fn two_names_by_one_rule_are_ambiguous() {
        let people = [somebody("u", "", "ann@a.com")];
        assert_eq!(of(&["ann@a.com", "ann@A.com"], &people), [ambiguous(&[0]), ambiguous(&[0])]);
    }

    #[test]
    fn an_empty_folder_is_theirs_who_have_nothing_else() {
        let ann = [somebody("ann", "s-1", "ann@a.com")];
        assert_eq!(of(&["-ann"], &ann), [by(0, Rule::Username)]);
        assert_eq!(of(&["-s-1", "-ann"], &ann), [by(0, Rule::Sub), Verdict::Unmatched(Some(0))]);
        // A surer one that is empty does not cost anybody what they have.
        assert_eq!(
            of(&["-s-1", "ann"], &ann),
            [Verdict::Unmatched(Some(0)), by(0, Rule::Username)]
        );
        let two = [ann[0].clone(), somebody("u", "", "ann@b.com")];
        assert_eq!(of(&["-s-1", "ann"], &two), [ambiguous(&[0]), ambiguous(&[0, 1])]);
    }

    fn text() -> impl Strategy<Value = String> {
        "[ab]{1,2}(@a\\.com)?"
    }

    fn anybody() -> impl Strategy<Value = Somebody> {
        let email = proptest::option::of(("[ab]{1,2}@[aA]\\.com", any::<bool>()));
        (text(), proptest::option::of(text()), email).prop_map(|(username, subject, email)| {
            let (address, is_verified) = email.unwrap_or_default();
            let unverified = Some(&address).filter(|address| !is_verified && !address.is_empty());
            let verified = Some(&address).filter(|_| is_verified);
            let email = verified.and_then(|address| Email::parse(address, Assurance::Verified));
            Somebody { username, subject, email, unverified: unverified.cloned() }
        })
    }

    proptest! {
        #[test]
        fn nobody_has_two_names_no_name_has_two_people_and_the_order_is_no_matter(
            names in proptest::collection::btree_map("[ab]{1,2}(@[aA]\\.com)?", any::<bool>(), 0..6),
            people in proptest::collection::vec(anybody(), 0..6),
            turn in 0..6_usize,
            rules in proptest::sample::subsequence(Rule::ALL.to_vec(), 1..=4),
        ) {
            let dash = |empty: bool| if empty { "-" } else { "" };
            let names: Vec<_> = names.into_iter().map(|(name, empty)| dash(empty).to_owned() + &name).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let found = paired(&names, &people, &rules, &[]);
            let given: Vec<_> = found.iter().filter_map(|verdict| match verdict {
                Verdict::Of(person, _) => Some(*person),
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
                Verdict::Of(person, rule) => Verdict::Of(back(person), rule),
                Verdict::Ambiguous(people) => Verdict::Ambiguous(people.into_iter().map(back).collect()),
                Verdict::Unmatched(person) => Verdict::Unmatched(person.map(back)),
            }).collect();
            prop_assert_eq!(&again, &found, "in another order");

            let full: Vec<_> = names.iter().copied().filter(|name| !name.starts_with('-')).collect();
            let without = paired(&full, &people, &rules, &[]);
            let with = names.iter().zip(&found).filter(|(name, _)| !name.starts_with('-'));
            prop_assert!(with.map(|(_, verdict)| verdict).eq(&without), "empty folders cost somebody theirs");

            for (name, verdict) in names.iter().zip(&found) {
                let name = name.trim_start_matches('-');
                let claimed = people.iter().filter(|one| rules.iter().any(|rule| claims(one, name, *rule, false))).count();
                match verdict {
                    Verdict::Of(person, rule) => {
                        prop_assert_eq!(claimed, 1);
                        prop_assert!(rule.is_some_and(|rule| claims(&people[*person], name, rule, true)), "unproven");
                    }
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
            prop_assert_eq!(&found[0], &Verdict::Of(person, None));
            prop_assert!(found[1..].iter().all(|verdict| !matches!(verdict, Verdict::Of(one, _) if *one == person)));
        }
    }

    /// The same said in a plainer way: whether a name may be somebody's by a rule, or `surely` is.
    fn claims(one: &Somebody, name: &str, rule: Rule, surely: bool) -> bool {
        let proof = one.email.as_ref().map(Email::address);
        let rivals =
            [one.unverified.as_deref(), Some(&*one.username)].map(|text| text.filter(|_| !surely));
        let mut addresses = rivals.into_iter().chain([proof]).flatten();
        match rule {
            Rule::Sub => one.subject.as_deref() == Some(name),
            Rule::Username => one.username == name,
            Rule::Email => addresses.any(|address| {
                address.contains('@') && address.to_lowercase() == name.to_lowercase()
            }),
            Rule::Localpart => addresses.any(|address| address.split('@').next() == Some(name)),
        }
    }
}
