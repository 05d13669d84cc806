//! `enlist backup`, `restore` and `doctor`: on the data folder of this machine, without a key.
//! Refuses to do the work: `app` finds the place, `upkeep` does it.

use crate::app::{self, AppError};
use crate::cli::client::Remote;
use crate::cli::{Ending, fail};
use crate::config::{Config, Flags, Loaded};
use crate::sandbox::quote;
use crate::upkeep::{Content, Finding, Grade, Report, Restored, Treatment, UpkeepError};
use clap::Args;
use serde_json::json;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

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
    fn load(self, earlier: Flags) -> Result<Loaded, Ending> {
        let flags = Flags { data_dir: self.data_dir.or(earlier.data_dir), ..earlier };
        Config::load(&flags).map_err(|error| fail(&error, Ending::WrongUse))
    }
}

pub(super) fn backup(
    earlier: Flags,
    remote: &Remote,
    arguments: BackupArguments,
) -> Result<Ending, Ending> {
    let config = arguments.here.load(earlier)?.config;
    let file = &arguments.file;
    let Content { schema, tenants, accounts } =
        app::backup(&config, file).map_err(|error| failed(&error))?;
    let made = json!({"file": file, "schema": schema, "tenants": tenants, "accounts": accounts});
    Ok(remote.show(&made, |_| {
        let file = file.display();
        format!(
            "{file}: {tenants} tenants, {accounts} accounts, schema {schema}. Copy the folders of accounts now, after it.\n"
        )
    }))
}

pub(super) fn restore(
    earlier: Flags,
    remote: &Remote,
    arguments: RestoreArguments,
) -> Result<Ending, Ending> {
    let loaded = arguments.here.load(earlier)?;
    let terminal = std::io::stdout().is_terminal();
    let file = &arguments.file;
    let restored =
        app::restore(&loaded, terminal, file, remote.is_sure()).map_err(|error| failed(&error))?;
    let Restored { content, kept, newer, unknown_tenants } = &restored;
    let Content { schema, tenants, accounts } = content;
    let made = json!({"file": file, "schema": schema, "tenants": tenants, "accounts": accounts, "kept": kept,
        "newer": newer, "unknown_tenants": unknown_tenants});
    Ok(remote.show(&made, |_| put_back(file, &restored)))
}

fn put_back(file: &Path, restored: &Restored) -> String {
    let Restored { content: Content { schema, tenants, accounts }, kept, newer, unknown_tenants } =
        restored;
    let mut text = format!(
        "{} is the database now: {tenants} tenants, {accounts} accounts, schema {schema}. Its keys hold, and no others.\n",
        file.display()
    );
    if let Some(kept) = kept {
        text += &format!("The one that was here is {}\n", kept.display());
    }
    if !newer.is_empty() {
        text += &format!("{} folders are newer than it. Nobody gets their names:\n", newer.len());
        for folder in newer {
            let (name, path) = (quote(&folder.name), quote(folder.path.display()));
            text += &format!("  {}\t{name}\t{path}\n", folder.tenant);
        }
        text += "If you know whose one is: enlist account create NAME -t TENANT --username … --adopt. Once a folder is moved away,\n\
                 enlist doctor --fix gives its name back.\n";
    }
    for folder in unknown_tenants {
        text += &format!("No tenant for {}\n", quote(folder.display()));
    }
    text + "Copy the folders back if they are not there, start the server, and ask enlist doctor.\n"
}

pub(super) fn doctor(
    earlier: Flags,
    remote: &Remote,
    arguments: DoctorArguments,
) -> Result<Ending, Ending> {
    let config = arguments.here.load(earlier)?.config;
    let treatment = if arguments.fix { Treatment::Mend } else { Treatment::Look };
    let report = app::doctor(&config, treatment).map_err(|error| failed(&error))?;
    let shown = remote.show(&json!(report), |_| {
        let lines: String = report.findings.iter().map(|found| line(found) + "\n").collect();
        lines + &summary(&report) + "\n"
    });
    Ok(if report.is_well() { shown } else { Ending::No })
}

/// What it is, what was found, and what to do or what was done. A folder may be called anything.
fn line(finding: &Finding) -> String {
    let Finding { grade, check, found, advice, mended, .. } = finding;
    let found = quote(found);
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
        | AppError::NotTheOwner { .. }
        | AppError::Upkeep(UpkeepError::NoDatabase(_)) => Ending::WrongUse,
        _ => Ending::No,
    };
    let ending = fail(error, ending);
    if let AppError::DataDirInUse(_) = error {
        eprintln!("enlist: stop that server first: this changes what it relies on");
    }
    ending
}
