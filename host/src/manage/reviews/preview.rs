//! What a revision would change: it and the active one are asked about everybody whom the record knows, the same question at the same
//! moment, and what they say differently is counted.
//! Refuses to go on with a revision that fails nearly everybody: what there is to know is known by then.

use crate::domain::KnownPerson;
use crate::ledger::{Book, Tenant};
use crate::manage::reviews::opinion::Opinion;
use crate::manage::reviews::{Progress, Review, State, Stuck, ask_all};
use crate::manage::{ManageError, Operations};
use crate::sandbox::Policy;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// People whose requests are read at once.
const PAGE: usize = 1024;

/// Examples that are kept of each kind.
const EXAMPLES: usize = 10;

/// After so many failures, if they are most of all, a preview is given up.
const ENOUGH_FAILURES: u64 = 1000;

/// What a revision would change.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// The revision that would decide.
    pub candidate: u64,
    /// The one that does.
    pub active: u64,
    /// People for whom nothing would change.
    pub same: u64,
    /// How many people there are of each kind, in the order of [`Kind::ALL`].
    counts: [u64; Kind::ALL.len()],
    /// Some of each, in the same order.
    examples: [Vec<Example>; Kind::ALL.len()],
    /// People about whom no policy decides any more: their account is closed, or somebody else's.
    pub left_out: u64,
    /// Requests that the record keeps about nobody.
    pub masked: u64,
}

/// What would be different for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They would be turned away, and are not.
    RefusedNow,
    /// They would get in, and do not.
    GrantedNow,
    /// Their name is none of those that they would get.
    NamedDifferently,
    /// They would have more, or less.
    AllowanceDiffers,
    /// The revision fails on them.
    Failed,
}

/// Somebody for whom something would be different.
#[derive(Clone, Debug)]
pub struct Example {
    /// Who.
    pub who: KnownPerson,
    /// What is decided about them.
    pub active: Opinion,
    /// What would be.
    pub candidate: Opinion,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::RefusedNow,
        Self::GrantedNow,
        Self::NamedDifferently,
        Self::AllowanceDiffers,
        Self::Failed,
    ];

    fn place(self) -> usize {
        self as usize
    }
}

impl Preview {
    /// How many people there are of this kind.
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts[kind.place()]
    }

    /// Some of them.
    pub fn examples(&self, kind: Kind) -> &[Example] {
        &self.examples[kind.place()]
    }

    fn add(&mut self, other: Self) {
        self.same += other.same;
        self.left_out += other.left_out;
        for (sum, more) in self.counts.iter_mut().zip(other.counts) {
            *sum += more;
        }
        for (kept, more) in self.examples.iter_mut().zip(other.examples) {
            let room = EXAMPLES - kept.len();
            kept.extend(more.into_iter().take(room));
        }
    }

    fn note(&mut self, who: &KnownPerson, active: &Opinion, candidate: &Opinion) {
        let kinds = kinds(who.frozen.as_deref(), active, candidate);
        self.same += u64::from(kinds.is_empty());
        for kind in kinds {
            self.counts[kind.place()] += 1;
            let examples = &mut self.examples[kind.place()];
            if examples.len() < EXAMPLES {
                let (active, candidate) = (active.clone(), candidate.clone());
                examples.push(Example { who: who.clone(), active, candidate });
            }
        }
    }

    fn is_hopeless(&self, done: u64) -> bool {
        let failed = self.count(Kind::Failed);
        failed >= ENOUGH_FAILURES && failed * 2 > done
    }
}

/// How two opinions differ; not at all where neither lets them in.
fn kinds(frozen: Option<&str>, active: &Opinion, candidate: &Opinion) -> Vec<Kind> {
    use Opinion::{Fail, Grant, Refuse};
    match (active, candidate) {
        (_, Fail(_)) => vec![Kind::Failed],
        (Grant { .. }, Refuse(_)) => vec![Kind::RefusedNow],
        (Refuse(_) | Fail(_), Grant { .. }) => vec![Kind::GrantedNow],
        (Refuse(_) | Fail(_), Refuse(_)) => Vec::new(),
        (
            Grant { name, allowance: before, .. },
            Grant { names: proposed, allowance: after, .. },
        ) => {
            // Who has no account has the name that they would get now.
            let theirs = frozen.or(name.as_deref());
            let keeps = theirs.is_none_or(|name| proposed.iter().any(|other| other == name));
            let named = (!keeps).then_some(Kind::NamedDifferently);
            let allowed = (before != after).then_some(Kind::AllowanceDiffers);
            named.into_iter().chain(allowed).collect()
        }
    }
}

impl Operations {
    /// Begins to compare revision `number` with the active one; what is on its way already is that.
    pub async fn begin_preview(&self, tenant: &Tenant, number: u64) -> Result<(), ManageError> {
        let running = |review: Arc<Review<Preview>>| review.lock().state == State::Running;
        if self.reviews.previews.find(tenant.id(), number).is_some_and(running) {
            return Ok(());
        }
        let (_, held) = self.ready(tenant, number).await?;
        let active = self.catalog.active(tenant.id()).ok_or(ManageError::Missing)?;
        let policies = Both { active: active.policy().await?, candidate: held.policy().await? };
        let handle = self.reviews.handle()?;
        let seat = self.reviews.sit(tenant.id())?;
        let found =
            Preview { candidate: number, active: active.revision.number, ..Preview::default() };
        let review = self.reviews.previews.begin(tenant.id(), number, found);
        let (book, at_once) = (self.ledger.of(tenant), self.reviews.background.at_once());
        handle.spawn(async move {
            let _seat = seat;
            let ended = preview(&book, &policies, at_once, &review).await;
            review.end(ended);
        });
        Ok(())
    }

    /// How far the comparison with this revision is, and what it has found.
    pub fn preview(&self, tenant: &Tenant, number: u64) -> Result<Progress<Preview>, ManageError> {
        let found = self.reviews.previews.find(tenant.id(), number);
        Ok(found.ok_or(ManageError::Missing)?.look())
    }
}

/// What is compared.
#[derive(Clone)]
struct Both {
    active: Policy,
    candidate: Policy,
}

async fn preview(
    book: &Book,
    policies: &Both,
    at_once: usize,
    review: &Review<Preview>,
) -> Result<State, Stuck> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let census = book.census().await?;
    {
        let mut progress = review.lock();
        progress.of = census.latest.len() as u64;
        progress.found.masked = census.masked;
    }
    let mut pages = census.latest.chunks(PAGE);
    let read = |page: Option<&[i64]>| {
        let (book, page) = (book.clone(), page.map(<[i64]>::to_vec));
        // Read while those before are asked about.
        page.map(|page| tokio::spawn(async move { book.people(page, now).await }))
    };
    let mut next = read(pages.next());
    let mut accounts = Accounts::default();
    while let Some(page) = next {
        let mut people = page.await.map_err(|_| Stuck::Lost)??;
        next = read(pages.next());
        people.iter_mut().for_each(|person| accounts.once(person));
        let ask = |part| judge(policies.clone(), part);
        let take = |(looked, found)| {
            let mut progress = review.lock();
            progress.done += looked;
            progress.found.add(found);
        };
        ask_all(at_once, people, ask, take).await?;
        let progress = review.lock();
        if progress.found.is_hopeless(progress.done) {
            return Ok(State::Stopped);
        }
    }
    Ok(State::Done)
}

/// Accounts that somebody was asked about. Two people of the record may turn out to be the same one.
#[derive(Default)]
struct Accounts {
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Accounts {
    fn once(&mut self, person: &mut Option<KnownPerson>) {
        let name = person.as_ref().and_then(|person| person.frozen.as_ref());
        if name.is_some_and(|name| !self.seen.insert(self.hasher.hash_one(name))) {
            *person = None;
        }
    }
}

async fn judge(policies: Both, people: Vec<Option<KnownPerson>>) -> (u64, Preview) {
    let (looked, mut found) = (people.len() as u64, Preview::default());
    for who in people {
        let Some(who) = who else {
            found.left_out += 1;
            continue;
        };
        let active = Opinion::ask(&policies.active, &who).await;
        let candidate = Opinion::ask(&policies.candidate, &who).await;
        found.note(&who, &active, &candidate);
    }
    (looked, found)
}

#[cfg(test)]
mod tests {
    use super::{Kind, Opinion, kinds};
    use crate::domain::{Allowance, Failure, Fault, HostCode, Refusal, Stage};
    use std::time::Duration;

    fn grant(names: &[&str], most: Option<u64>) -> Opinion {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let allowance = Allowance { storage_bytes: most, ..Allowance::default() };
        Opinion::Grant { name: names.first().cloned(), names, allowance }
    }

    #[test]
    fn what_differs_is_told_apart() {
        let refuse = Opinion::Refuse(Refusal::host(HostCode::NameUnusable));
        let other = Opinion::Refuse(Refusal::host(HostCode::QuotaAccounts));
        let fail = Opinion::Fail(Failure {
            stage: Stage::Admit,
            fault: Fault::Trapped,
            detail: String::new(),
            fuel: 0,
            worked: Duration::ZERO,
        });
        let ann = grant(&["ann"], None);
        for (frozen, active, candidate, expected) in [
            (Some("ann"), &ann, &ann, &[][..]),
            (Some("ann"), &ann, &grant(&["bob", "ann"], None), &[]),
            (Some("eve"), &ann, &ann, &[Kind::NamedDifferently]),
            (None, &ann, &grant(&["bob"], None), &[Kind::NamedDifferently]),
            (None, &ann, &grant(&["bob", "ann"], None), &[]),
            (Some("ann"), &ann, &grant(&["ann"], Some(0)), &[Kind::AllowanceDiffers]),
            (
                Some("ann"),
                &ann,
                &grant(&["b"], Some(0)),
                &[Kind::NamedDifferently, Kind::AllowanceDiffers],
            ),
            (Some("ann"), &ann, &refuse, &[Kind::RefusedNow]),
            (None, &refuse, &ann, &[Kind::GrantedNow]),
            (None, &fail, &ann, &[Kind::GrantedNow]),
            (None, &refuse, &other, &[]),
            (None, &fail, &refuse, &[]),
            (Some("ann"), &ann, &fail, &[Kind::Failed]),
            (None, &refuse, &fail, &[Kind::Failed]),
        ] {
            assert_eq!(kinds(frozen, active, candidate), expected, "{active:?} {candidate:?}");
        }
    }
}
