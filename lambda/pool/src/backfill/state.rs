//! How far a backfill has come, in a file that is whole at any moment, and beside it who was not provisioned, which only grows.
//! Refuses a file of another run: its place would be a place in another pool, and its people another tenant's.

use super::report::{Left, Report};
use crate::ending::{Ending, Failure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How far it is.
pub(super) struct State {
    file: Option<PathBuf>,
    /// What has to be the same to go on.
    run: Value,
    /// Where the next page begins; none at the beginning.
    pub(super) token: Option<String>,
    written: Written,
}

/// How much of the file beside counts. What stands behind it is of a page that was interrupted.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Written {
    people: usize,
    bytes: u64,
}

/// The file.
#[derive(Deserialize)]
struct Kept {
    run: Value,
    token: Option<String>,
    report: Report,
    written: Written,
}

/// The same, as it is written.
#[derive(Serialize)]
struct Keeping<'a> {
    run: &'a Value,
    token: Option<&'a str>,
    report: &'a Report,
    written: Written,
}

impl State {
    /// What the file says, or the beginning.
    pub(super) fn open(file: Option<&Path>, run: Value) -> Result<(Self, Report), Failure> {
        let mut state =
            Self { file: file.map(Path::to_owned), run, token: None, written: Written::default() };
        let mut report = Report::default();
        let Some(path) = file else { return Ok((state, report)) };
        let wrong = |path: &Path, why: &dyn std::fmt::Display| {
            Failure::new(Ending::WrongUse, format!("--state: {}: {why}", path.display()))
        };
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Now, and not after the first page.
                state.begin_again()?;
                return Ok((state, report));
            }
            Err(error) => return Err(wrong(path, &error)),
        };
        let kept: Kept = serde_json::from_slice(&text)
            .map_err(|error| wrong(path, &format_args!("not a state of a backfill: {error}")))?;
        if kept.run != state.run {
            let why = format_args!(
                "it belongs to {}, and this is {}: name another file, or remove it",
                kept.run, state.run
            );
            return Err(wrong(path, &why));
        }
        report = kept.report;
        if kept.written.people > 0 {
            let beside = beside(path, LEFT);
            report.not_provisioned =
                read(&beside, kept.written).map_err(|error| wrong(&beside, &error))?;
        }
        (state.token, state.written) = (kept.token, kept.written);
        Ok((state, report))
    }

    /// A page is done.
    pub(super) fn reached(&mut self, token: String, report: &Report) -> Result<(), Failure> {
        self.token = Some(token);
        self.write(report)
    }

    /// As if nothing had been done.
    pub(super) fn begin_again(&mut self) -> Result<(), Failure> {
        (self.token, self.written) = (None, Written::default());
        self.write(&Report::default())
    }

    /// Everything is done: the next run begins anew.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        let Some(file) = &self.file else { return Ok(()) };
        fs::remove_file(file)
            .and_then(|()| gone(&beside(file, LEFT)))
            .map_err(|error| failed(file, &error))
    }

    fn write(&mut self, report: &Report) -> Result<(), Failure> {
        let Some(file) = &self.file else { return Ok(()) };
        let new = &report.not_provisioned[self.written.people..];
        let written = if new.is_empty() {
            self.written
        } else {
            append(&beside(file, LEFT), self.written, new).map_err(|error| failed(file, &error))?
        };
        let keeping = Keeping { run: &self.run, token: self.token.as_deref(), report, written };
        replace(file, &keeping).map_err(|error| failed(file, &error))?;
        self.written = written;
        Ok(())
    }
}

/// Who was not provisioned, a line each.
const LEFT: &str = ".left";

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut beside = file.as_os_str().to_owned();
    beside.push(suffix);
    beside.into()
}

fn failed(file: &Path, error: &io::Error) -> Failure {
    Failure::new(Ending::Failed, format!("{}: {error}", file.display()))
}

fn gone(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// A file of our own, whatever stood there: not one that a link leads to, nor one that others may read. It names people.
fn anew(file: &Path) -> io::Result<File> {
    gone(file)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Puts people behind those who are there.
fn append(file: &Path, written: Written, people: &[Left]) -> io::Result<Written> {
    let mut lines = Vec::new();
    for one in people {
        serde_json::to_writer(&mut lines, one)?;
        lines.push(b'\n');
    }
    let mut end =
        if written.bytes == 0 { anew(file)? } else { OpenOptions::new().write(true).open(file)? };
    end.seek(SeekFrom::Start(written.bytes))?;
    end.write_all(&lines)?;
    end.sync_all()?;
    let bytes = written.bytes + lines.len() as u64;
    Ok(Written { people: written.people + people.len(), bytes })
}

fn read(file: &Path, written: Written) -> io::Result<Vec<Left>> {
    let mut text = Vec::new();
    File::open(file)?.take(written.bytes).read_to_end(&mut text)?;
    let lines = serde_json::Deserializer::from_slice(&text).into_iter();
    let people: Vec<Left> = lines.collect::<Result<_, _>>()?;
    match people.len() == written.people {
        true => Ok(people),
        false => Err(io::Error::other("it has not everybody whom the state has counted")),
    }
}

/// The old file or the new one, never half of either.
fn replace(file: &Path, keeping: &Keeping<'_>) -> io::Result<()> {
    let beside = beside(file, ".new");
    let mut new = anew(&beside)?;
    new.write_all(&serde_json::to_vec(keeping)?)?;
    new.sync_all()?;
    fs::rename(&beside, file)
}

#[cfg(test)]
mod tests {
    use super::super::asking::{No, Outcome};
    use super::{LEFT, Path, Report, State, beside};
    use crate::pool::Person;
    use serde_json::{Map, Value, json};
    use std::io::Write;

    fn refuse(report: &mut Report, username: &str) {
        let person = Person {
            username: username.to_owned(),
            attributes: Map::new(),
            status: String::new(),
            enabled: true,
        };
        let no = No { code: "name_unusable".to_owned(), request_id: None };
        report.count(&person, Outcome::Refused(no));
    }

    fn open(file: &Path) -> (State, Report) {
        State::open(Some(file), json!({"run": 1})).unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    fn usernames(report: &Report) -> Vec<String> {
        let people = report.not_provisioned.iter().map(serde_json::to_value);
        let people = people.map(|one| one.expect("JSON")["username"].take());
        people.map(|name: Value| name.as_str().expect("a text").to_owned()).collect()
    }

    #[test]
    fn who_was_not_provisioned_is_put_behind_those_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("state.json");
        let (mut state, mut report) = open(&file);
        refuse(&mut report, "ann");
        state.reached("2".to_owned(), &report).expect("a page");
        refuse(&mut report, "bob");
        state.reached("3".to_owned(), &report).expect("a page");

        // Half a line of a page that was interrupted.
        let mut more = std::fs::OpenOptions::new().append(true).open(beside(&file, LEFT));
        let more =
            more.as_mut().expect("people").write_all(b"{\"username\":\"a-long-name-of-somebody");
        more.expect("a write");
        let (mut state, mut report) = open(&file);
        assert_eq!(
            (state.token.as_deref(), usernames(&report)),
            (Some("3"), vec!["ann".to_owned(), "bob".to_owned()])
        );
        refuse(&mut report, "cyd");
        state.reached("4".to_owned(), &report).expect("a page");
        assert_eq!(usernames(&open(&file).1), ["ann", "bob", "cyd"]);

        state.begin_again().expect("a beginning");
        let (mut state, mut report) = open(&file);
        assert!(state.token.is_none() && usernames(&report).is_empty());
        refuse(&mut report, "dan");
        state.reached("2".to_owned(), &report).expect("a page");
        assert_eq!(usernames(&open(&file).1), ["dan"]);
        state.finish().expect("an end");
        assert_eq!(folder.path().read_dir().expect("a folder").count(), 0);
    }
}
