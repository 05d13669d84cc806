//! Old decisions made again: the request as it was asked, the counts that were given, by the component and the settings that answered
//! then; what comes is compared with what the record says, to the last byte.
//! Refuses to take the clock for a witness: what ran out of time, then or now, proves nothing and is counted apart.

use crate::domain::{Decision, Failure, Fault, HostCode, Name, Past, Pick, Refusal, Told, Verdict};
use crate::ledger::{Book, Decisions, Tenant};
use crate::manage::reviews::{Progress, Review, State, Stuck, ask_all};
use crate::manage::{ManageError, Operations};
use crate::sandbox::{Catalog, DecideError, NotReady, Policy, Revision, Share};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Differences that are kept.
const DIFFERENCES: usize = 100;

/// Policies that are kept from one page to the next.
const POLICIES: usize = 64;

/// The only one that a tenant has.
const ONLY: u64 = 0;

/// What came of asking again.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// Not before this moment, in milliseconds since 1970-01-01 UTC.
    pub since_ms: i64,
    /// Decisions that were made again just so.
    pub same: u64,
    /// Decisions that were not.
    pub different: u64,
    /// Where some of them differ.
    pub differences: Vec<Difference>,
    /// Rows of which no policy was asked: people who were known, acts, failures of the host's.
    pub not_asked: u64,
    /// Rows that are about nobody.
    pub masked: u64,
    /// Rows from before answers were recorded whole.
    pub older: u64,
    /// Decisions that took too long, then or now.
    pub timed_out: u64,
}

/// Where one decision was made otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `X-Request-Id` of the request.
    pub request_id: String,
    /// When it was decided, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// The revision that decided.
    pub revision: u64,
    /// What differs.
    pub what: &'static str,
    /// What the record says.
    pub recorded: String,
    /// What came now.
    pub found: String,
}

impl Replay {
    fn add(&mut self, other: Self) {
        self.same += other.same;
        self.different += other.different;
        self.timed_out += other.timed_out;
        let room = DIFFERENCES - self.differences.len();
        self.differences.extend(other.differences.into_iter().take(room));
    }
}

impl Operations {
    /// Begins to make what was decided since `since_ms` again.
    pub fn begin_replay(&self, tenant: &Tenant, since_ms: i64) -> Result<(), ManageError> {
        let handle = self.reviews.handle()?;
        let seat = self.reviews.sit(tenant.id())?;
        let found = Replay { since_ms, ..Replay::default() };
        let review = self.reviews.replays.begin(tenant.id(), ONLY, found);
        let (book, at_once) = (self.ledger.of(tenant), self.reviews.background.at_once());
        let policies = Policies {
            catalog: Arc::clone(&self.catalog),
            workers: Handle::current(),
            held: HashMap::new(),
        };
        handle.spawn(async move {
            let _seat = seat;
            let ended = replay(&book, policies, at_once, since_ms, &review).await;
            review.end(ended);
        });
        Ok(())
    }

    /// How far the replay is, and what it has found.
    pub fn replay(&self, tenant: &Tenant) -> Result<Progress<Replay>, ManageError> {
        Ok(self.reviews.replays.find(tenant.id(), ONLY).ok_or(ManageError::Missing)?.look())
    }
}

/// The policies that decided.
struct Policies {
    catalog: Arc<Catalog>,
    /// Where one is made that is not there: whoever asks for an opening may be waiting for the same.
    workers: Handle,
    held: HashMap<(String, String), Result<Policy, NotReady>>,
}

impl Policies {
    async fn of(&mut self, past: &Past) -> Result<Policy, NotReady> {
        let key = (past.digest.clone(), past.settings_digest.clone());
        if let Some(held) = self.held.get(&key) {
            return held.clone();
        }
        let revision = Revision {
            number: past.revision,
            policy: Arc::default(),
            component_digest: past.digest.as_str().into(),
            settings_digest: past.settings_digest.as_str().into(),
        };
        let held = self.catalog.hold(&revision);
        let policy = self.workers.spawn(async move { held.policy().await }).await;
        let policy =
            policy.unwrap_or_else(|_| Err(NotReady::Later("the work was lost".to_owned())));
        if self.held.len() >= POLICIES {
            self.held.clear();
        }
        self.held.insert(key, policy.clone());
        policy
    }
}

async fn replay(
    book: &Book,
    mut policies: Policies,
    at_once: usize,
    since_ms: i64,
    review: &Review<Replay>,
) -> Result<State, Stuck> {
    let of = book.count_decided(since_ms).await?;
    review.lock().of = of;
    let read = |from| {
        let book = book.clone();
        // Read while those before are asked about.
        tokio::spawn(async move { book.decided(since_ms, from).await })
    };
    let mut next = Some(read(i64::MAX));
    while let Some(page) = next {
        let Decisions { past, not_asked, masked, older, last } =
            page.await.map_err(|_| Stuck::Lost)??;
        next = last.map(read);
        {
            let mut progress = review.lock();
            progress.done += not_asked + masked + older;
            let found = &mut progress.found;
            (found.not_asked, found.masked, found.older) =
                (found.not_asked + not_asked, found.masked + masked, found.older + older);
        }
        let mut asked = Vec::with_capacity(past.len());
        for past in past {
            let policy = policies.of(&past).await;
            asked.push((policy, past));
        }
        let take = |(looked, found)| {
            let mut progress = review.lock();
            progress.done += looked;
            progress.found.add(found);
        };
        ask_all(at_once, asked, again, take).await?;
    }
    Ok(State::Done)
}

async fn again(asked: Vec<(Result<Policy, NotReady>, Past)>) -> (u64, Replay) {
    let (looked, mut found) = (asked.len() as u64, Replay::default());
    for (policy, past) in asked {
        let policy = match policy {
            Ok(policy) => policy,
            Err(why) => {
                found.differ(&past, vec![("revision", past.digest.clone(), why.to_string())]);
                continue;
            }
        };
        match make_again(&policy, &past).await {
            Some(differences) if differences.is_empty() => found.same += 1,
            Some(differences) => found.differ(&past, differences),
            None => found.timed_out += 1,
        }
    }
    (looked, found)
}

impl Replay {
    fn differ(&mut self, past: &Past, differences: Vec<(&'static str, String, String)>) {
        self.different += 1;
        for (what, recorded, found) in differences {
            if self.differences.len() < DIFFERENCES {
                self.differences.push(Difference {
                    request_id: past.request_id.clone(),
                    at_ms: past.at_ms,
                    revision: past.revision,
                    what,
                    recorded,
                    found,
                });
            }
        }
    }
}

/// Where the decision differs when it is made again; none when time ran out.
async fn make_again(policy: &Policy, past: &Past) -> Option<Vec<(&'static str, String, String)>> {
    let timed_out = HostCode::PolicyTimeout.as_str();
    if matches!(&past.said, Told::Failed { code, .. } if code == timed_out) {
        return None;
    }
    let mut names = Vec::new();
    let pick = |proposed: Vec<String>| {
        names.clone_from(&proposed);
        let picked = pick(past, &proposed);
        async move { Ok::<_, Infallible>(picked) }
    };
    let decided = match policy.decide(&past.request, past.usage, pick).await {
        Ok(verdict) => Ok(verdict),
        Err(DecideError::Failed(Failure { fault: Fault::TimedOut, .. })) => return None,
        Err(DecideError::Failed(failure)) => Err(failure),
        Err(DecideError::Pick(never)) => match never {},
    };
    let (said, notes) = told(decided);
    let mut differences = Vec::new();
    let mut compare = |what, recorded: String, found: String| {
        if recorded != found {
            differences.push((what, recorded, found));
        }
    };
    compare("names", format!("{:?}", past.names), format!("{names:?}"));
    compare("answer", format!("{:?}", past.said), format!("{said:?}"));
    // A policy that told too much has not what it told in the record.
    if !matches!(past.said, Told::Failed { .. }) && !Share::left_out(&past.notes) {
        compare("notes", format!("{:?}", past.notes), format!("{notes:?}"));
    }
    Some(differences)
}

/// The name that the policy was told then, if it proposes it again.
fn pick(past: &Past, proposed: &[String]) -> Pick<()> {
    let again = past.name.as_ref().and_then(|name| {
        let place = proposed.iter().position(|other| other == name)?;
        Some((place, Name::try_from(name.clone()).ok()?))
    });
    match (again, &past.said) {
        (Some((place, name)), _) => Pick::Chosen { name, place, reservation: () },
        (None, Told::NoName(code)) => {
            let code = HostCode::ALL.into_iter().find(|known| known.as_str() == code);
            Pick::Nothing(Refusal::host(code.unwrap_or(HostCode::NameUnusable)))
        }
        (None, _) => Pick::Nothing(Refusal::host(HostCode::NameUnusable)),
    }
}

/// What came now, as the record would have it.
fn told(decided: Result<Verdict<()>, Failure>) -> (Told, Vec<String>) {
    let verdict = match decided {
        Ok(verdict) => verdict,
        Err(failure) => {
            let (stage, code) = (failure.stage.as_str(), failure.fault.code().as_str());
            let said = Told::Failed { stage: stage.to_owned(), code: code.to_owned() };
            return (said, Vec::new());
        }
    };
    let said = match verdict.decision {
        Decision::Grant(grant) => Told::Granted(grant.allowance),
        Decision::Refuse(Refusal::Policy { stage, code, message, detail }) => Told::Refused {
            stage: stage.as_str().to_owned(),
            code: code.as_str().to_owned(),
            message,
            detail,
        },
        Decision::Refuse(Refusal::Host { code, .. }) => Told::NoName(code.as_str().to_owned()),
    };
    (said, verdict.notes)
}
