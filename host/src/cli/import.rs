//! `enlist import`: many people, read here, sent to a server in batches, and told of at the end. What was cut off is begun again: who is
//! known already stays as they are.
//! Refuses to decide about anybody: the server does; and, of names and people that nobody paired, to guess.

mod ankisyncd;
mod claims;
mod cognito;
mod columns;
mod lines;
mod matching;
mod report;
mod send;
mod there;

use crate::cli::client::{Client, Patience};
use crate::cli::{Ending, fail};
use claims::Rule;
use clap::{Args, ValueEnum};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use report::{Report, Told};
use send::Door;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;

/// What `enlist import` takes.
#[derive(Debug, Args)]
pub(super) struct ImportArguments {
    /// What stands on standard input [default: ndjson, when it begins with {]; ankisyncd reads none.
    #[arg(long, value_enum)]
    from: Option<Format>,
    /// Give an account that has another subject to the person who comes with its name, or with its provider username.
    #[arg(long)]
    relink: bool,
    /// Say what would come of it; nothing does.
    #[arg(long)]
    dry_run: bool,
    /// With ankisyncd: who may be behind the names, as `aws cognito-idp list-users` prints them.
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// With ankisyncd: what of a person a name may be, the surest first [default: sub,username,email,localpart].
    #[arg(long = "match", value_name = "RULE,…", value_enum, value_delimiter = ',')]
    rules: Vec<Rule>,
    /// With ankisyncd: whose this name is, whatever it matches. Can be given again.
    #[arg(long = "map", value_name = "NAME=SUBJECT")]
    maps: Vec<String>,
    /// Write what became of everybody into this file, a line of JSON each.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// How long to go on trying when the server does not answer, or is busy.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    patience: Duration,
}

/// What a file of people looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line each, with the fields of POST …/accounts, and `name` for somebody whose name is given.
    Ndjson,
    /// The same fields as columns, named in the first row; others are attributes.
    Csv,
    /// What `aws cognito-idp list-users` prints.
    Cognito,
    /// Names of the folders and rows that the server has without an account.
    Ankisyncd,
}

/// Where somebody stands in what is imported: what it counts there, and which; none for a name that the server has.
type Place = Option<(&'static str, u64)>;

/// One of those who are imported.
#[derive(Clone, Debug)]
enum Entry {
    /// Somebody to be sent: who, and the item as JSON text.
    Person(Place, Who, String),
    /// Somebody of whom it is plain here what becomes of them.
    Told(Place, Who, Told),
}

/// What somebody is called, for people who read the report.
#[derive(Clone, Debug, Default)]
struct Who {
    name: Option<String>,
    username: Option<String>,
    subject: Option<String>,
    /// By what the name is theirs that was there before.
    rule: Option<&'static str>,
}

impl Who {
    /// Of an item.
    fn of(item: &Value) -> Self {
        let text = |name: &str| item[name].as_str().map(str::to_owned);
        let (name, username) = (text("name"), text("username"));
        Self { name, username, subject: text("subject"), rule: None }
    }
}

/// Who takes entries from a reader, until it has enough.
type Put<'a> = &'a mut dyn FnMut(Entry) -> ControlFlow<()>;

/// The longest item, in bytes.
const ITEM_LIMIT_BYTES: usize = 64 << 10;

/// Entries that are read before those ahead of them are sent.
const READ_AHEAD: usize = 2_000;

/// Batches on their way at once: while one waits for the disk, others are decided.
const AT_ONCE: usize = 3;

/// What the bar looks like, with a known end and without.
const BAR: &str = "{wide_bar} {human_pos}/{human_len} {per_sec} {eta}";
const COUNT: &str = "{human_pos} {per_sec}";

pub(super) fn run(client: &Client, arguments: ImportArguments) -> Result<Ending, Ending> {
    let source = arguments.source()?;
    let door = Door {
        client,
        url: client.tenant_url(&["imports"])?,
        patience: Patience::new(arguments.patience),
        dry_run: arguments.dry_run,
        relink: arguments.relink,
    };
    let report = Report::begin(arguments.report.as_deref(), arguments.dry_run)?;
    let (entries, known) = match source {
        None => {
            let found = ankisyncd::find(client, &door.patience, &arguments)?;
            let count = found.len() as u64;
            (Entries::All(found.into_iter()), Some(count))
        }
        Some((format, input)) => (Entries::Read(read(format, input)?), None),
    };
    client.run(import(&door, entries, known, report))
}

impl ImportArguments {
    /// What is read, checked against what else was said; nothing where names are what there is.
    fn source(&self) -> Result<Option<(Format, Input)>, Ending> {
        let wrong = |why: &str| {
            eprintln!("enlist: {why}");
            Ending::WrongUse
        };
        let unreadable = |error| fail(&error, Ending::WrongUse);
        if self.from == Some(Format::Ankisyncd) {
            if self.users.is_none() && self.maps.is_empty() {
                return Err(wrong(
                    "nothing can be matched: say --users FILE (what aws cognito-idp list-users prints), or --map NAME=SUBJECT",
                ));
            }
            return Ok(None);
        }
        if self.users.is_some() || !self.rules.is_empty() || !self.maps.is_empty() {
            return Err(wrong("--users, --match and --map go with --from ankisyncd"));
        }
        if io::stdin().is_terminal() {
            return Err(wrong("whom? Put a file on standard input"));
        }
        let input = BufReader::with_capacity(1 << 16, io::stdin());
        let mut input = lines::begin(input).map_err(unreadable)?;
        if let Some(format) = self.from {
            return Ok(Some((format, input)));
        }
        let first = input.fill_buf().map_err(unreadable)?;
        match first.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None | Some(b'{') => Ok(Some((Format::Ndjson, input))),
            Some(_) => Err(wrong(
                "what is on standard input is no ndjson: say --from csv or --from cognito",
            )),
        }
    }
}

/// Standard input.
type Input = lines::Text<BufReader<io::Stdin>>;

/// Where entries come from.
enum Entries {
    All(std::vec::IntoIter<Entry>),
    Read(mpsc::Receiver<Entry>),
}

impl Entries {
    async fn next(&mut self) -> Option<Entry> {
        match self {
            Self::All(entries) => entries.next(),
            Self::Read(entries) => entries.recv().await,
        }
    }
}

/// Reads on a thread of its own, as far ahead as there is room.
fn read(
    format: Format,
    input: impl BufRead + Send + 'static,
) -> Result<mpsc::Receiver<Entry>, Ending> {
    let (entries, read) = mpsc::channel(READ_AHEAD);
    let work = move || {
        let put = &mut |entry| match entries.blocking_send(entry) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        let ended = match format {
            Format::Csv => columns::read(input, put),
            Format::Cognito => cognito::read(input, put),
            Format::Ndjson | Format::Ankisyncd => lines::read(input, put),
        };
        if let Err(error) = ended {
            // Those before it are sent all the same.
            let told = Told::failed("file_invalid", error.to_string());
            let _ = put(Entry::Told(None, Who::default(), told));
        }
    };
    let spawned = thread::Builder::new().name("reader".to_owned()).spawn(work);
    spawned.map(|_| read).map_err(|error| fail(&error, Ending::Failed))
}

async fn import(
    door: &Door<'_>,
    entries: Entries,
    known: Option<u64>,
    mut report: Report,
) -> Result<Ending, Ending> {
    // Nothing is drawn where nobody looks at a terminal.
    let bar = ProgressBar::with_draw_target(known, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(if known.is_some() { BAR } else { COUNT }) {
        bar.set_style(style);
    }
    let batches = stream::unfold(entries, send::batch);
    let mut answers = std::pin::pin!(batches.map(|batch| door.import(batch)).buffered(AT_ONCE));
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let ended = loop {
        let answered = tokio::select! {
            answered = answers.next() => answered,
            _ = &mut interrupted => break Err(Ending::No),
        };
        match answered {
            None => break Ok(()),
            Some(Err(ending)) => break Err(ending),
            Some(Ok(told)) => {
                bar.inc(told.len() as u64);
                if let Err(ending) = told.into_iter().try_for_each(|one| report.add(one)) {
                    break Err(ending);
                }
            }
        }
    };
    bar.finish_and_clear();
    if ended.is_err() {
        eprintln!(
            "enlist: not all were sent; the same again goes on, for who is known stays as they are"
        );
    }
    let shown = report.show(door.client, ended.is_ok());
    ended.map(|()| shown)
}
