//! Probation: whether a revision that was activated a short while ago fails people whom the one before it would not have.
//! Refuses to count a refusal, or a name that the host does not allow: those are answers. It changes nothing itself: it says when.

use crate::domain::{Applicant, TenantId};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a revision is looked at after a key activated it.
pub const LASTS: Duration = Duration::from_secs(3600);

/// Fewer people than these are nobody's rule gone wrong.
const PEOPLE: usize = 20;

/// After so many people a revision has proved itself, whatever the time.
const ENOUGH: usize = 10_000;

/// The trials of all tenants. `B` is what decided before, ready to be asked.
#[derive(Debug)]
pub struct Probations<B> {
    trials: RwLock<HashMap<TenantId, Arc<Trial<B>>>>,
    rate: f64,
    fallen: UnboundedSender<Fallen>,
}

/// A revision that did not stand its trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallen {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub revision: u64,
}

/// One revision on trial.
#[derive(Debug)]
pub struct Trial<B> {
    revision: u64,
    before: B,
    ends: Instant,
    people: Mutex<People>,
    hasher: RandomState,
    /// The revision before is asked about one failure at a time: a policy that fails must not cost twice.
    comparing: Semaphore,
}

#[derive(Debug, Default)]
struct People {
    /// Everybody the revision was asked about.
    asked: HashSet<u64>,
    /// Whom it failed, and the one before would not have.
    failed: HashSet<u64>,
    has_fallen: bool,
}

impl<B> Probations<B> {
    /// Nobody on trial yet. A revision falls when it failed more than `rate` of the people it was asked about, 20 at least; who
    /// holds the receiver hears of it once.
    pub fn new(rate: f64) -> (Arc<Self>, UnboundedReceiver<Fallen>) {
        let (fallen, falls) = unbounded_channel();
        (Arc::new(Self { trials: RwLock::default(), rate, fallen }), falls)
    }

    /// `revision` is looked at for so long, beside the one that decided `before` it.
    pub fn begin(&self, tenant: TenantId, revision: u64, before: B, lasts: Duration) {
        let trial = Trial {
            revision,
            before,
            ends: Instant::now() + lasts,
            people: Mutex::default(),
            hasher: RandomState::new(),
            comparing: Semaphore::new(1),
        };
        let mut trials = self.trials.write().unwrap_or_else(PoisonError::into_inner);
        trials.insert(tenant, Arc::new(trial));
    }

    /// Nothing of this tenant's is looked at any more.
    pub fn end(&self, tenant: TenantId) {
        self.trials.write().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
    }

    /// The trial of this revision, if it is on one.
    pub fn of(&self, tenant: TenantId, revision: u64) -> Option<Arc<Trial<B>>> {
        let trial = {
            let trials = self.trials.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(trials.get(&tenant).filter(|trial| trial.revision == revision)?)
        };
        let goes_on = trial.ends > Instant::now() && trial.lock().asked.len() < ENOUGH;
        if !goes_on {
            // What it remembers is of no use any more.
            let mut trials = self.trials.write().unwrap_or_else(PoisonError::into_inner);
            if trials.get(&tenant).is_some_and(|now| Arc::ptr_eq(now, &trial)) {
                trials.remove(&tenant);
            }
        }
        goes_on.then_some(trial)
    }

    /// The revision failed this person, and the one before would not have.
    pub fn failed(&self, tenant: TenantId, trial: &Trial<B>, who: &Applicant) {
        let person = trial.person(who);
        let mut people = trial.lock();
        people.asked.insert(person);
        people.failed.insert(person);
        let (failed, asked) = (people.failed.len(), people.asked.len());
        let falls = failed >= PEOPLE && failed as f64 > self.rate * asked as f64;
        if falls && !std::mem::replace(&mut people.has_fallen, true) {
            // Nobody listens any more when the server is stopping.
            let _ = self.fallen.send(Fallen { tenant, revision: trial.revision });
        }
    }
}

impl<B> Trial<B> {
    /// What decided before.
    pub fn before(&self) -> &B {
        &self.before
    }

    /// The revision was asked about this person, and answered.
    pub fn answered(&self, who: &Applicant) {
        let person = self.person(who);
        self.lock().asked.insert(person);
    }

    /// The right to ask the revision before about a failure; none while another is being compared, or this person is known.
    pub fn compare(&self, who: &Applicant) -> Option<SemaphorePermit<'_>> {
        let is_known = self.lock().failed.contains(&self.person(who));
        if is_known { None } else { self.comparing.try_acquire().ok() }
    }

    /// Not the person, but enough to tell them from others.
    fn person(&self, who: &Applicant) -> u64 {
        let name = who.subject.as_ref().unwrap_or(&who.username);
        self.hasher.hash_one((&who.issuer, who.subject.is_some(), name))
    }

    fn lock(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fallen, LASTS, PEOPLE, Probations};
    use crate::domain::{Applicant, TenantId};
    use std::time::Duration;

    const TENANT: TenantId = TenantId(7);

    fn person(number: usize) -> Applicant {
        Applicant {
            issuer: String::new(),
            subject: Some(format!("sub-{number}")),
            username: "same".to_owned(),
            email: None,
            groups: Vec::new(),
            attributes: Vec::new(),
        }
    }

    #[test]
    fn twenty_different_people_above_the_rate_and_it_falls_once() {
        let (probations, mut falls) = Probations::new(0.5);
        probations.begin(TENANT, 2, (), LASTS);
        let trial = probations.of(TENANT, 2).expect("a trial");
        for _ in 0..100 {
            probations.failed(TENANT, &trial, &person(0));
        }
        assert!(falls.try_recv().is_err(), "the same person again is nobody new");
        for number in 100..130 {
            trial.answered(&person(number));
        }
        for number in 0..PEOPLE + 5 {
            probations.failed(TENANT, &trial, &person(number));
        }
        assert!(falls.try_recv().is_err(), "25 of 55 are not more than half");
        for number in 25..40 {
            probations.failed(TENANT, &trial, &person(number));
        }
        assert_eq!(falls.try_recv(), Ok(Fallen { tenant: TENANT, revision: 2 }));
        assert!(falls.try_recv().is_err(), "once");
    }

    #[test]
    fn a_trial_is_one_revisions_and_ends() {
        let (probations, _falls) = Probations::new(0.05);
        probations.begin(TENANT, 2, (), LASTS);
        assert!(probations.of(TENANT, 1).is_none() && probations.of(TenantId(8), 2).is_none());
        probations.begin(TENANT, 3, (), Duration::ZERO);
        assert!(probations.of(TENANT, 2).is_none(), "another one decides");
        assert!(probations.of(TENANT, 3).is_none(), "its time is over");
        probations.begin(TENANT, 4, (), LASTS);
        probations.end(TENANT);
        assert!(probations.of(TENANT, 4).is_none());
    }

    #[test]
    fn a_failure_is_compared_once_a_person_and_one_at_a_time() {
        let (probations, _falls) = Probations::new(0.05);
        probations.begin(TENANT, 2, (), LASTS);
        let trial = probations.of(TENANT, 2).expect("a trial");
        let one = trial.compare(&person(1)).expect("the right");
        assert!(trial.compare(&person(2)).is_none(), "one at a time");
        drop(one);
        probations.failed(TENANT, &trial, &person(1));
        assert!(trial.compare(&person(1)).is_none(), "known");
        assert!(trial.compare(&person(2)).is_some());
    }
}
