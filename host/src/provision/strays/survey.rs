//! One look at the names that a tenant has without an account: made once, read many times.
//! Refuses to keep a name that an account has: of a hundred thousand accounts nothing is kept here.

use crate::domain::{FoldKey, Name, Page, Reserved, TenantId, Unusable};
use crate::downstream::AuthDb;
use crate::ledger::Ledger;
use crate::provision::strays::rows::Rows;
use crate::provision::strays::{Strays, Unsurveyed, auth_db, homes, ledger};
use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Names that are looked up at once.
const PART: usize = 1000;

/// A clock of a file system may stand still for as long as this: what was changed so short a while before a look may have been changed
/// again after it.
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// Where was looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ground {
    pub(super) root: PathBuf,
    pub(super) auth_db: Option<PathBuf>,
}

/// A name that keeps others from its key; or that of an empty folder, neither folder nor row here, which keeps nobody.
#[derive(Debug)]
pub(super) struct Stray {
    pub(super) name: Box<str>,
    /// A folder that holds something, or what is no folder.
    pub(super) folder: bool,
    pub(super) row: bool,
}

#[derive(Debug)]
pub(super) struct Survey {
    pub(super) ground: Ground,
    pub(super) made: Instant,
    pub(super) took: Duration,
    began: SystemTime,
    marks: Marks,
    strays: BTreeMap<FoldKey, Vec<Stray>>,
}

/// What changes when names do: the time of the root; time and size of the file and of what was written to it last.
#[derive(Debug, PartialEq, Eq)]
struct Marks {
    root: SystemTime,
    files: Vec<Option<(SystemTime, u64)>>,
}

impl Survey {
    /// Looks through the home root, then through the file.
    pub(super) async fn make(strays: &Strays, tenant: TenantId) -> Result<Self, Unsurveyed> {
        let (began, clock) = (SystemTime::now(), Instant::now());
        let mut listing = strays.homes.listing(tenant).await.map_err(homes)?;
        let rows = strays.rows(tenant)?;
        let path = rows.as_ref().map(|rows| rows.path().to_owned());
        let ground = Ground { root: listing.path().to_owned(), auth_db: path };
        let marks = Marks::of(strays, tenant, rows.as_deref()).await?;
        let mut found = Found::default();
        loop {
            let names = listing.next().await.map_err(homes)?;
            if names.is_empty() {
                break;
            }
            let names = names.into_iter().filter(|name| !is_the_systems(name)).collect();
            let nobodys = strays.ledger.without_account(tenant, names).await.map_err(ledger)?;
            for name in &nobodys {
                found.put(name.clone());
            }
            for name in listing.occupied(nobodys).await.map_err(homes)? {
                found.put(name).folder = true;
            }
        }
        if let Some(rows) = rows {
            let (names, is_known) = rows
                .at_length(|file| Ok((file.names()?, file.is_known())))
                .await?
                .map_err(auth_db)?;
            if is_known {
                // A server that starts without the file knows of its names then.
                let found = strays.ledger.auth_db_found(tenant, rows.path()).await;
                found.map_err(ledger)?;
            }
            for part in names.chunks(PART) {
                let nobodys = strays.ledger.without_account(tenant, part.to_vec()).await;
                for name in nobodys.map_err(ledger)? {
                    found.put(name).row = true;
                }
            }
        }
        let (made, took) = (Instant::now(), clock.elapsed());
        Ok(Self { ground, made, took, began, marks, strays: found.0 })
    }

    /// Whether nothing shows that there are other names by now.
    pub(super) async fn still_holds(&self, strays: &Strays, tenant: TenantId) -> bool {
        let latest = self.marks.latest();
        let settled = latest.is_none_or(|at| at + CLOCK_STEP < self.began);
        let Ok(rows) = strays.rows(tenant) else { return false };
        let now = Marks::of(strays, tenant, rows.as_deref()).await;
        settled && now.is_ok_and(|now| now == self.marks)
    }

    /// Every spelling that keeps others from this key.
    pub(super) fn spellings(&self, key: &FoldKey) -> &[Stray] {
        self.strays.get(key).map_or(&[], Vec::as_slice)
    }

    /// How many things stand in the home root, and how many rows there are.
    pub(super) fn counts(&self) -> (usize, usize) {
        let all = || self.strays.values().flatten();
        (all().filter(|stray| stray.folder).count(), all().filter(|stray| stray.row).count())
    }

    /// At most `limit` names behind `after`, with those that a restore reserved; with `empty` also those of empty folders. What has an
    /// account by now is left out.
    pub(super) async fn page(
        &self,
        accounts: &Ledger,
        tenant: TenantId,
        restored: Vec<String>,
        after: Option<String>,
        limit: usize,
        empty: bool,
    ) -> Result<Page<Reserved, String>, Unsurveyed> {
        let place = |name: &str| (FoldKey::of(name), name.to_owned());
        let after = after.as_deref().map(place);
        let is_behind = |name: &str| after.as_ref().is_none_or(|after| place(name) > *after);
        let from = after.as_ref().map_or(Bound::Unbounded, |(key, _)| Bound::Included(key));
        let mut strays = self.strays.range::<FoldKey, _>((from, Bound::Unbounded));
        let mut items = BTreeMap::new();
        // One more than is wanted says whether there is a next page.
        while items.len() <= limit {
            let part: Vec<&Stray> =
                strays.by_ref().take(limit + 1).flat_map(|(_, all)| all).collect();
            if part.is_empty() {
                break;
            }
            let names = part.iter().map(|stray| stray.name.to_string()).collect();
            let nobodys = accounts.without_account(tenant, names).await.map_err(ledger)?;
            let nobodys: HashSet<_> = nobodys.into_iter().collect();
            let kept = |stray: &&Stray| {
                let is_wanted = empty || stray.folder || stray.row;
                is_wanted && nobodys.contains(&*stray.name) && is_behind(&stray.name)
            };
            for Stray { name, folder, row } in part.into_iter().filter(kept) {
                let (name, folder, row) = (name.to_string(), *folder, *row);
                items.insert(place(&name), Reserved { name, folder, row, restored: false });
            }
        }
        for name in restored.into_iter().filter(|name| is_behind(name)) {
            let none = Reserved { name: name.clone(), folder: false, row: false, restored: true };
            items.entry(place(&name)).or_insert(none).restored = true;
        }
        let more = items.len() > limit;
        let items: Vec<_> = items.into_values().take(limit).collect();
        let next = items.last().filter(|_| more).map(|last| last.name.clone());
        Ok(Page { items, next })
    }
}

/// What was found so far.
#[derive(Default)]
struct Found(BTreeMap<FoldKey, Vec<Stray>>);

impl Found {
    fn put(&mut self, name: String) -> &mut Stray {
        let spellings = self.0.entry(FoldKey::of(&name)).or_default();
        let place = spellings.iter().position(|stray| *stray.name == *name).unwrap_or_else(|| {
            spellings.push(Stray { name: name.into(), folder: false, row: false });
            spellings.len() - 1
        });
        &mut spellings[place]
    }
}

impl Marks {
    async fn of(
        strays: &Strays,
        tenant: TenantId,
        rows: Option<&Rows>,
    ) -> Result<Self, Unsurveyed> {
        let root = strays.homes.changed_at(tenant).await.map_err(homes)?;
        let Some(rows) = rows else { return Ok(Self { root, files: Vec::new() }) };
        let look = |file: &AuthDb| {
            let mut log = file.path().as_os_str().to_owned();
            log.push("-wal");
            vec![mark(file.path()), mark(Path::new(&log))]
        };
        Ok(Self { root, files: rows.at_length(look).await? })
    }

    fn latest(&self) -> Option<SystemTime> {
        let files = self.files.iter().flatten().map(|(at, _)| *at);
        files.chain([self.root]).max()
    }
}

fn mark(path: &Path) -> Option<(SystemTime, u64)> {
    let found = path.metadata().ok()?;
    Some((found.modified().ok()?, found.len()))
}

/// Such as `lost+found`: nobody could have it.
fn is_the_systems(name: &str) -> bool {
    Name::existing(name.to_owned()) == Err(Unusable::Reserved)
}
