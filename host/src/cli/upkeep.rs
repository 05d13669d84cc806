//! `enlist backup`, `restore` and `doctor`: on the data folder of this machine, without a key.
//! Refuses to do the work: `app` finds the place, `upkeep` does it.

use crate::app::{self, AppError};
use crate::cli::{Ending, fail};
use crate::config::{Config, Flags, Loaded};
use crate::upkeep::{Finding, Grade, Report, Restored, Treatment, UpkeepError};
use clap::Args;
use std::io::IsTerminal;
use std::path::PathBuf;

/// What `enlist backup` takes.
#[derive(Debug, Args)]
pub(super) struct BackupArguments {
    /// The copy to make; a file that is there is not overwritten.
    file: PathBuf,
    #[command(flatten)]
    here: Here,
}

/// What `enlist restore` takes.
#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// The copy to put back.
    file: PathBuf,
    #[command(flatten)]
    here: Here,
}

/// What `enlist doctor` takes.
#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// Mend what is safe; the server must be stopped.
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    here: Here,
}

#[derive(Debug, Args)]
struct Here {
    /// Where the data is [default: ./data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Here {
    /// The settings. `earlier` is what stood before the verb.
    fn load(self, config: Option<PathBuf>, earlier: Option<PathBuf>) -> Result<Loaded, Ending> {
        let flags = Flags { config, data_dir: self.data_dir.or(earlier) };
        Config::load(&flags).map_err(|error| fail(&error, Ending::WrongUse))
    }
}

pub(super) fn backup(
    config: Option<PathBuf>,
    earlier: Option<PathBuf>,
    arguments: BackupArguments,
) -> Result<Ending, Ending> {
    let config = arguments.here.load(config, earlier)?.config;
    let to = &arguments.file;
    let content = app::backup(&config, to).map_err(|error| failed(&error))?;
    println!(
        "{}: {} tenants, {} accounts, schema {}. Copy the folders of accounts now, after it.",
        to.display(),
        content.tenants,
        content.accounts,
        content.schema
    );
    Ok(Ending::Yes)
}

pub(super) fn restore(
    config: Option<PathBuf>,
    earlier: Option<PathBuf>,
    arguments: RestoreArguments,
) -> Result<Ending, Ending> {
    let loaded = arguments.here.load(config, earlier)?;
    let terminal = std::io::stdout().is_terminal();
    let restored =
        app::restore(&loaded, terminal, &arguments.file).map_err(|error| failed(&error))?;
    let Restored { content, kept, newer, unknown_tenants } = restored;
    println!(
        "{} is the database now: {} tenants, {} accounts, schema {}. Its keys hold, and no others.",
        arguments.file.display(),
        content.tenants,
        content.accounts,
        content.schema
    );
    if let Some(kept) = kept {
        println!("The one that was here is {}", kept.display());
    }
    if !newer.is_empty() {
        println!(
            "Not in it, and so newer: {} in the home roots. Nobody gets these names until you say whose they are:",
            newer.len()
        );
        for folder in &newer {
            println!("  {}\t{}\t{}", folder.tenant, folder.name, folder.path.display());
        }
        println!(
            "Whose they are: enlist account create NAME -t TENANT --username … --adopt. A name is given back by\n\
             enlist doctor --fix once its folder is moved away."
        );
    }
    for tenant in unknown_tenants {
        println!("No tenant for {}", tenant.display());
    }
    println!("Start the server, then run enlist doctor: it names accounts without folders.");
    Ok(Ending::Yes)
}

pub(super) fn doctor(
    config: Option<PathBuf>,
    earlier: Option<PathBuf>,
    arguments: DoctorArguments,
) -> Result<Ending, Ending> {
    let config = arguments.here.load(config, earlier)?.config;
    let treatment = if arguments.fix { Treatment::Mend } else { Treatment::Look };
    let report = app::doctor(&config, treatment).map_err(|error| failed(&error))?;
    for finding in &report.findings {
        println!("{}", line(finding));
    }
    println!("{}", summary(&report));
    Ok(if report.is_well() { Ending::Yes } else { Ending::No })
}

/// What it is, what was found, and what to do or what was done.
fn line(finding: &Finding) -> String {
    let Finding { grade, check, found, advice, mended, .. } = finding;
    match (mended, grade) {
        (Some(done), _) => format!("mended {check}: {found}. {done}"),
        (None, Grade::Fault) => format!("fault {check}: {found}. To do: {advice}"),
        (None, Grade::Note) => format!("note {check}: {found}. To do: {advice}"),
    }
}

fn summary(report: &Report) -> String {
    let count = |is: &dyn Fn(&Finding) -> bool| report.findings.iter().filter(|f| is(f)).count();
    let mended = count(&|f| f.mended.is_some());
    let faults = count(&|f| f.mended.is_none() && f.grade == Grade::Fault);
    let notes = count(&|f| f.mended.is_none() && f.grade == Grade::Note);
    let verdict = if faults == 0 { "well" } else { "not well" };
    format!("{verdict}: {faults} faults, {notes} notes, {mended} mended")
}

/// Another user's folder, and settings, are wrong use; the rest is a no.
fn failed(error: &AppError) -> Ending {
    let ending = match error {
        AppError::NoDataDir
        | AppError::Upkeep(UpkeepError::NoDatabase(_) | UpkeepError::NotTheOwner { .. }) => {
            Ending::WrongUse
        }
        _ => Ending::No,
    };
    let ending = fail(error, ending);
    if let AppError::DataDirInUse(_) = error {
        eprintln!("enlist: stop that server first: this changes what it relies on");
    }
    ending
}
