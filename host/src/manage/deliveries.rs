//! What waits for tenants' ankisyncds, carried there: in the background by the hundred, and for one account at once when somebody waits
//! for it. Every step can be taken again after a crash.
//! Refuses to let a file that is locked, full or gone stand before another tenant's, and to do two things to one file at a time.

use crate::domain::{Delivery, Event, Sink, TenantId, TenantName};
use crate::downstream::{AuthDb, AuthDbError, Draft, FileTurn, Row, UNOPENABLE};
use crate::homes::{HomeError, apart};
use crate::kill_point;
use crate::ledger::LedgerError;
use crate::manage::Operations;
use crate::meters::{DeliveryLabel, METERS};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tracing::{info, warn};

/// Rows that one transaction of an `auth.db` writes.
const BATCH: usize = 256;

/// Tenants whose files are written at once: each has a thread meanwhile.
const AT_ONCE: usize = 32;

/// What happens within this time goes out together; so often at most is it looked what waits.
const GATHERED: Duration = Duration::from_millis(5);

/// How long a file that failed is left alone: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Until it is looked again though nobody said that something waits.
const LOOK: Duration = Duration::from_secs(60);

/// How long a step may take that nobody waits for, and one that somebody does.
pub(super) const IN_BACKGROUND: Duration = Duration::from_secs(30);
pub(super) const WAITED_FOR: Duration = Duration::from_millis(1500);

/// Why something did not arrive. It waits, and is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The file.
    #[error(transparent)]
    File(#[from] AuthDbError),
    /// The settings named a file once, and name none now.
    #[error("the tenant has no ankisyncd any more")]
    NoFile,
    /// The file's disk did not answer in time.
    #[error("the disk did not answer in time")]
    Late,
    /// There was no thread to write with.
    #[error("no thread")]
    NoThread(#[source] HomeError),
    /// Our own part.
    #[error("the ledger")]
    Ledger(#[from] LedgerError),
}

impl Trouble {
    /// In a word, without a path.
    pub fn word(&self) -> &'static str {
        match self {
            Self::File(error) => error.word(),
            Self::NoFile => "no_auth_db",
            Self::Late => "no_answer",
            Self::NoThread(_) => "no_thread",
            Self::Ledger(_) => "ledger",
        }
    }
}

impl From<HomeError> for Trouble {
    fn from(error: HomeError) -> Self {
        match error {
            HomeError::Late => Self::Late,
            other => Self::NoThread(other),
        }
    }
}

/// A tenant whose file failed.
struct Pause {
    length: Duration,
    until: Instant,
    word: &'static str,
}

impl Operations {
    /// Carries to tenants' ankisyncds what waits for them, for as long as it is polled.
    pub async fn deliver_to_ankisyncds(self) {
        let mut pauses: HashMap<TenantId, Pause> = HashMap::new();
        let mut at_work = HashSet::new();
        let mut working = FuturesUnordered::new();
        loop {
            let waiting = self.ledger.waiting_for_ankisyncd().await;
            let waiting = waiting.inspect_err(|error| warn!(?error, "nobody knows what waits"));
            let now = Instant::now();
            for (tenant, name) in waiting.unwrap_or_default() {
                let paused = pauses.get(&tenant).is_some_and(|pause| pause.until > now);
                if at_work.len() < AT_ONCE && !paused && at_work.insert(tenant) {
                    working.push(self.deliver_all(tenant, name));
                }
            }
            let ends = pauses.iter().filter(|(tenant, _)| !at_work.contains(tenant));
            let next = ends.map(|(_, pause)| pause.until).filter(|until| *until > now).min();
            let pause = next.map_or(LOOK, |until| until - now);
            tokio::select! {
                () = self.ledger.outbox_filled(Sink::Ankisyncd) => tokio::time::sleep(GATHERED).await,
                () = tokio::time::sleep(pause) => {}
                Some((tenant, name, done)) = working.next() => {
                    at_work.remove(&tenant);
                    settle(&mut pauses, tenant, &name, done);
                }
            }
        }
    }

    /// Everything that waits for one tenant, until nothing does or it fails.
    async fn deliver_all(
        &self,
        tenant: TenantId,
        name: TenantName,
    ) -> (TenantId, TenantName, Result<(), Trouble>) {
        let done = loop {
            match self.deliver_next(tenant).await {
                Ok(true) => {}
                Ok(false) => {
                    // A removed tenant's file is another's to have once nothing waits for it.
                    self.decide_refused_auth_dbs().await;
                    break Ok(());
                }
                Err(trouble) => {
                    self.note(tenant, &trouble).await;
                    break Err(trouble);
                }
            }
        };
        (tenant, name, done)
    }

    /// The next that waits for a tenant, as many as one transaction takes; false when nothing does.
    async fn deliver_next(&self, tenant: TenantId) -> Result<bool, Trouble> {
        let (file, turn) = self.enter(tenant, IN_BACKGROUND).await?;
        // Read when nobody else can deliver it: what has arrived must not come again after what followed it.
        let batch = self.ledger.line(tenant, BATCH).await?;
        if batch.is_empty() {
            return Ok(false);
        }
        self.deliver(&file, &turn, batch, IN_BACKGROUND).await?;
        Ok(true)
    }

    /// For those who ask how the tenant is doing.
    async fn note(&self, tenant: TenantId, trouble: &Trouble) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let noted = async {
            let first = self.ledger.line(tenant, BATCH).await?;
            let numbers = first.iter().map(|delivery| delivery.number).collect();
            self.ledger.postponed(numbers, trouble.word().to_owned(), now_ms).await
        };
        if let Err(error) = noted.await {
            warn!(?error, "why an ankisyncd is not told yet stands in the log alone");
        }
    }

    /// Everything that waits for the ankisyncd about one account, now; nothing where there is no ankisyncd.
    pub(super) async fn drain(&self, tenant: TenantId, name: &str) -> Result<(), Trouble> {
        if self.auth_dbs.of(tenant)?.is_none() {
            return Ok(());
        }
        let (file, turn) = self.enter(tenant, WAITED_FOR).await?;
        self.drain_within(&file, &turn, tenant, name).await
    }

    /// The same by somebody whose turn it is.
    pub(super) async fn drain_within(
        &self,
        file: &AuthDb,
        turn: &FileTurn,
        tenant: TenantId,
        name: &str,
    ) -> Result<(), Trouble> {
        loop {
            let waiting = self.ledger.waiting_for(tenant, Sink::Ankisyncd, name).await?;
            let Some(first) = waiting.into_iter().next() else { return Ok(()) };
            self.deliver(file, turn, vec![first], WAITED_FOR).await?;
        }
    }

    /// The tenant's file, for one to write to it alone.
    pub(super) async fn enter(
        &self,
        tenant: TenantId,
        within: Duration,
    ) -> Result<(AuthDb, FileTurn), Trouble> {
        let file = || self.auth_dbs.of(tenant)?.ok_or(Trouble::NoFile);
        loop {
            let now = file()?;
            let turn = tokio::time::timeout(within, now.turn()).await;
            let turn = turn.map_err(|_| Trouble::Late)?;
            // The tenant may have got another file meanwhile.
            if file()?.path() == now.path() {
                return Ok((now, turn));
            }
        }
    }

    /// One transaction of the file, for things about accounts of which none is there twice. What a closed account had is kept before it
    /// is taken away, and the ledger forgets last.
    async fn deliver(
        &self,
        file: &AuthDb,
        turn: &FileTurn,
        batch: Vec<Delivery>,
        within: Duration,
    ) -> Result<(), Trouble> {
        let Some((tenant, tenant_name)) =
            batch.first().map(|first| (first.tenant, first.tenant_name.clone()))
        else {
            return Ok(());
        };
        let delivered = self.deliver_batch(file, turn, tenant, batch, within).await;
        let (outcome, count) = match &delivered {
            Ok(count) => ("delivered", *count),
            Err(_) => ("retried", 1),
        };
        let tenant = tenant_name.to_string();
        let label = DeliveryLabel { tenant, sink: Sink::Ankisyncd.as_str(), outcome };
        METERS.deliveries.get_or_create(&label).inc_by(count);
        delivered.map(drop)
    }

    async fn deliver_batch(
        &self,
        file: &AuthDb,
        turn: &FileTurn,
        tenant: TenantId,
        batch: Vec<Delivery>,
        within: Duration,
    ) -> Result<u64, Trouble> {
        let count = batch.len() as u64;
        let of = |event: Event| batch.iter().filter(move |delivery| delivery.event == event);
        let reopened: Vec<_> = of(Event::AccountReopened).map(|d| d.name.clone()).collect();
        let mut kept = HashMap::new();
        if !reopened.is_empty() {
            kept = self.ledger.kept_hashes(tenant, reopened).await?;
        }
        let (path, file, turn) = (file.path().to_owned(), file.clone(), turn.clone());
        let begun = apart(within, move || {
            let draft = file.begin(&turn)?;
            let keep = hashes_to_keep(&draft, &batch)?;
            Ok::<_, AuthDbError>((draft, batch, keep))
        });
        let (draft, batch, keep) = begun.await??;
        if !keep.is_empty() {
            self.ledger.keep_hashes(tenant, keep).await?;
            kill_point::reach("hash_kept");
        }
        let written = apart(within, move || {
            batch.iter().try_for_each(|delivery| write(&draft, delivery, &kept))?;
            draft.commit()?;
            Ok::<_, AuthDbError>(batch)
        });
        let batch = written.await??;
        kill_point::reach("auth_db_written");
        let arrived = batch.into_iter().map(|d| (d.number, d.event, d.name)).collect();
        self.ledger.arrived(tenant, &path, arrived).await?;
        Ok(count)
    }
}

/// The hashes that closed accounts have, to be kept for when they are opened again. One of ours is no hash to keep: it was put there
/// before, and what it took the place of is kept already.
fn hashes_to_keep(draft: &Draft, batch: &[Delivery]) -> Result<Vec<(String, String)>, AuthDbError> {
    let mut keep = Vec::new();
    for closed in batch.iter().filter(|delivery| delivery.event == Event::AccountClosed) {
        if let Row::Hash(hash) = draft.row(&closed.name)? {
            keep.push((closed.name.clone(), hash));
        }
    }
    Ok(keep)
}

fn write(
    draft: &Draft,
    delivery: &Delivery,
    kept: &HashMap<String, String>,
) -> Result<(), AuthDbError> {
    let name = delivery.name.as_str();
    let kept = kept.get(name).map_or(UNOPENABLE, String::as_str);
    match (delivery.event, draft.row(name)?) {
        (Event::AccountOpened, Row::Missing) => draft.add(name, UNOPENABLE),
        (Event::AccountOpened, _) => Ok(()),
        // Who was never there cannot get in.
        (Event::AccountClosed, Row::Missing) => Ok(()),
        (Event::AccountClosed, _) => draft.set(name, UNOPENABLE),
        (Event::AccountReopened, Row::Missing | Row::Unopenable) => draft.set(name, kept),
        (Event::AccountReopened, Row::Hash(hash)) if hash == kept => Ok(()),
        (Event::AccountReopened, _) => {
            info!(tenant = %delivery.tenant_name, name, "somebody else changed the row of a closed account: it is left alone");
            Ok(())
        }
        (Event::RevisionRolledBack, _) => Ok(()),
    }
}

/// Remembers that a tenant's file failed, and for how long it is left alone; or that it does not any more.
fn settle(
    pauses: &mut HashMap<TenantId, Pause>,
    tenant: TenantId,
    name: &TenantName,
    done: Result<(), Trouble>,
) {
    let before = pauses.remove(&tenant);
    let Err(trouble) = done else {
        if before.is_some() {
            info!(tenant = %name, "what waited for the ankisyncd has arrived");
        }
        return;
    };
    let word = trouble.word();
    if before.as_ref().is_none_or(|before| before.word != word) {
        warn!(tenant = %name, ?trouble, "the ankisyncd is not told yet: {trouble}");
    }
    let length = before.map_or(FIRST_PAUSE, |before| (before.length * 2).min(LONGEST_PAUSE));
    pauses.insert(tenant, Pause { length, until: Instant::now() + length, word });
}
