//! How far a backfill has come, in a file that is whole at any moment.
//! Refuses a file of another run: its place would be a place in another pool.

use super::report::Report;
use crate::ending::{Ending, Failure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How far it is.
pub(super) struct State {
    file: Option<PathBuf>,
    /// What has to be the same to go on.
    run: Value,
    /// Where the next page begins; none at the beginning.
    pub(super) token: Option<String>,
    pub(super) report: Report,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Kept {
    run: Value,
    token: Option<String>,
    report: Report,
}

impl State {
    /// What the file says, or the beginning.
    pub(super) fn open(file: Option<&Path>, run: Value) -> Result<Self, Failure> {
        let beginning = |run| Self {
            file: file.map(Path::to_owned),
            run,
            token: None,
            report: Report::default(),
        };
        let Some(path) = file else { return Ok(beginning(run)) };
        let wrong = |why: String| {
            Failure::new(Ending::WrongUse, format!("--state: {}: {why}", path.display()))
        };
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Now, and not after the first page.
                let state = beginning(run);
                state.write()?;
                return Ok(state);
            }
            Err(error) => return Err(wrong(error.to_string())),
        };
        let kept: Kept = serde_json::from_slice(&text)
            .map_err(|error| wrong(format!("not a state of a backfill: {error}")))?;
        if kept.run != run {
            return Err(wrong(format!(
                "it belongs to {}, and this is {run}: name another file, or remove it",
                kept.run
            )));
        }
        Ok(Self { file: Some(path.to_owned()), run, token: kept.token, report: kept.report })
    }

    /// A page is done.
    pub(super) fn reached(&mut self, token: String) -> Result<(), Failure> {
        self.token = Some(token);
        self.write()
    }

    /// As if nothing had been done.
    pub(super) fn begin_again(&mut self) -> Result<(), Failure> {
        (self.token, self.report) = (None, Report::default());
        self.write()
    }

    /// Everything is done: the next run begins anew.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        match &self.file {
            Some(file) => fs::remove_file(file).map_err(|error| {
                Failure::new(Ending::Failed, format!("{}: {error}", file.display()))
            }),
            None => Ok(()),
        }
    }

    fn write(&self) -> Result<(), Failure> {
        let Some(file) = &self.file else { return Ok(()) };
        let kept =
            Kept { run: self.run.clone(), token: self.token.clone(), report: self.report.clone() };
        replace(file, &kept)
            .map_err(|error| Failure::new(Ending::Failed, format!("{}: {error}", file.display())))
    }
}

/// The old file or the new one, never half of either.
fn replace(file: &Path, kept: &Kept) -> io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // It names people.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut new = options.open(&beside)?;
    new.write_all(&serde_json::to_vec(kept)?)?;
    new.sync_all()?;
    fs::rename(&beside, file)
}
