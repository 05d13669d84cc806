//! A look at the whole: the database in itself, the folders against it and it against the folders, and the files around it. What is
//! safe is mended when that is asked for.
//! Refuses to delete what holds something, to choose between two who claim one thing, and to mend where a disk may be missing.

mod auth_dbs;
mod database;
mod files;
mod folders;

use crate::domain::TenantId;
use crate::homes::Root;
use crate::ledger::{LedgerError, LedgerFile, move_wal};
use crate::upkeep::{Place, UpkeepError, at, file_at};
use serde::Serialize;
use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Whether something is to be done about what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Look only, also beside a running server.
    Look,
    /// Mend what is safe. The caller holds the data folder.
    Mend,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// In the order of looking: database, folders, files.
    pub findings: Vec<Finding>,
}

/// One thing that is not as it should be, or that somebody should know.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// How bad.
    pub grade: Grade,
    /// Which check found it, such as `home_missing`.
    pub check: &'static str,
    /// What it found.
    pub found: String,
    /// What to do about it.
    pub advice: String,
    /// What was done about it.
    pub mended: Option<String>,
    #[serde(skip)]
    cure: Option<Cure>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Something is broken.
    Fault,
    /// Nothing is; somebody should know.
    Note,
}

/// What can be done without harm.
#[derive(Debug)]
enum Cure {
    MakeHome { root: PathBuf, name: String },
    DressHome { root: PathBuf, name: String },
    Release { tenant: TenantId, key: String },
    TellAgain { tenant: TenantId, names: Vec<String> },
    Recount,
    MakePrivate(PathBuf),
    MoveWal,
}

impl Report {
    /// Whether nothing is broken, or not any more.
    pub fn is_well(&self) -> bool {
        !self.findings.iter().any(|f| f.grade == Grade::Fault && f.mended.is_none())
    }

    fn fault(&mut self, check: &'static str, found: String, advice: &str) -> &mut Finding {
        self.add(Grade::Fault, check, found, advice)
    }

    fn note(&mut self, check: &'static str, found: String, advice: &str) -> &mut Finding {
        self.add(Grade::Note, check, found, advice)
    }

    fn add(
        &mut self,
        grade: Grade,
        check: &'static str,
        found: String,
        advice: &str,
    ) -> &mut Finding {
        let advice = advice.to_owned();
        let at = self.findings.len();
        self.findings.push(Finding { grade, check, found, advice, mended: None, cure: None });
        &mut self.findings[at]
    }
}

impl Finding {
    fn cured_by(&mut self, cure: Cure) {
        self.cure = Some(cure);
    }
}

/// What is to be said of a database that cannot be read.
const PUT_BACK: &str = "put the latest backup back: enlist restore FILE";

/// Looks at everything, and mends what is safe if that is wanted.
pub fn doctor(place: &Place, treatment: Treatment) -> Result<Report, UpkeepError> {
    let mut report = Report::default();
    if treatment == Treatment::Mend {
        files::look_at_wal(place, &mut report);
    }
    match look(place, &mut report) {
        Ok(()) => {}
        // Looking on is of no use; what was found until here stands.
        Err(UpkeepError::Ledger {
            source: LedgerError::Foreign | LedgerError::Database(_),
            ..
        }) if report.findings.iter().any(|found| found.check == "damaged") => {}
        Err(UpkeepError::Ledger {
            path,
            source: source @ (LedgerError::Foreign | LedgerError::Database(_)),
        }) => {
            let found = format!("{} cannot be read: {source:?}", path.display());
            report.fault("damaged", found, PUT_BACK);
        }
        Err(error) => return Err(error),
    }
    files::look(place, &mut report)?;
    if treatment == Treatment::Mend {
        mend(place, &mut report)?;
    }
    Ok(report)
}

fn look(place: &Place, report: &mut Report) -> Result<(), UpkeepError> {
    let ledger = place.look()?;
    let fail = || at(&place.database);
    for line in ledger.damage().map_err(fail())? {
        report.fault("damaged", format!("{}: {line}", place.database.display()), PUT_BACK);
    }
    let schema = ledger.schema().map_err(fail())?;
    if schema < LedgerFile::SCHEMA {
        let known = LedgerFile::SCHEMA;
        let found = format!("the database has schema {schema}, this Enlist {known}");
        report.note("schema", found, "start the server, which migrates it, and ask again");
        return Ok(());
    }
    ledger.hold_still().map_err(fail())?;
    let tenants = ledger.tenants().map_err(fail())?;
    database::look(&ledger, &tenants, report).map_err(fail())?;
    auth_dbs::look(place, &ledger, &tenants, report)?;
    folders::look(place, ledger, &tenants, report)
}

/// Carries out every cure there is. What a damaged database says is nothing to go by.
fn mend(place: &Place, report: &mut Report) -> Result<(), UpkeepError> {
    let damaged = report.findings.iter().any(|found| found.check == "damaged");
    let safe = |cure: &mut Cure| !damaged || matches!(cure, Cure::MakePrivate(_));
    let mut roots: HashMap<PathBuf, Root> = HashMap::new();
    for finding in &mut report.findings {
        if let Some(cure) = finding.cure.take_if(safe) {
            match carry_out(place, cure, &mut roots) {
                Ok(mended) => finding.mended = mended,
                // The others may still be mended, and this one is told.
                Err(error) => {
                    let why = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                    finding.found += &format!(" (not mended: {error}{})", why.unwrap_or_default());
                }
            }
        }
    }
    Ok(())
}

fn carry_out(
    place: &Place,
    cure: Cure,
    roots: &mut HashMap<PathBuf, Root>,
) -> Result<Option<String>, UpkeepError> {
    let database = || LedgerFile::take(&place.database).map_err(at(&place.database));
    let fail = || at(&place.database);
    let done = match cure {
        Cure::MakeHome { root, name } => {
            taken(roots, root, place)?.make_again(&name)?;
            "made again, EMPTY: what it held is gone until you copy it back from a backup of the folders"
        }
        Cure::DressHome { root, name } => {
            taken(roots, root, place)?.dress(&name)?;
            "mode and group are as configured now"
        }
        Cure::Release { tenant, key } => {
            database()?.release(tenant, &key).map_err(fail())?;
            "whoever asks for the name may get it now"
        }
        Cure::TellAgain { tenant, names } => {
            database()?.tell_again(tenant, &names).map_err(fail())?;
            "the next start tells it"
        }
        Cure::Recount => {
            database()?.recount().map_err(fail())?;
            "counted anew"
        }
        Cure::MakePrivate(path) => {
            fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(file_at(&path))?;
            "only its owner may read it now"
        }
        Cure::MoveWal if move_wal(&place.database).map_err(fail())? => "moved into the database",
        Cure::MoveWal => return Ok(None),
    };
    Ok(Some(done.to_owned()))
}

/// A home root that is there, taken so that no server makes homes in it meanwhile.
fn taken<'a>(
    roots: &'a mut HashMap<PathBuf, Root>,
    path: PathBuf,
    place: &Place,
) -> Result<&'a Root, UpkeepError> {
    use std::collections::hash_map::Entry;
    Ok(match roots.entry(path) {
        Entry::Occupied(there) => there.into_mut(),
        Entry::Vacant(free) => {
            let root = Root::open(free.key(), place.ground.style)?;
            free.insert(root)
        }
    })
}
