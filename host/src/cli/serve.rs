//! `enlist serve`: reads the settings, sets up the log, starts the app; with `--check` shows the settings and binds nothing.

use crate::app::{self, AppError, Manner};
use crate::cli::{Ending, fail, say};
use crate::config::{AnkisyncdFlags, Config, Flags, LogConfig, LogFormat};
use crate::sandbox::workers;
use clap::Args;
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// What `enlist` and `enlist serve` take.
#[derive(Debug, Default, Args)]
pub(super) struct ServeArguments {
    /// Where the data is [default: ./data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The ini of an ankisyncd that stands beside: its key, its folders, its auth.db and its user pool are Enlist's too.
    #[arg(long, value_name = "FILE")]
    ankisyncd_conf: Option<PathBuf>,
    /// What the relative paths in that ini are relative to [default: its folder].
    #[arg(long, value_name = "DIR")]
    ankisyncd_dir: Option<PathBuf>,
    /// Read everything, print the settings that hold, and stop.
    #[arg(long)]
    check: bool,
    /// On the first start print the keys on standard output, in the JSON line, and write no file.
    #[arg(long)]
    print_first_keys: bool,
}

impl ServeArguments {
    /// Where the data is, if that was said.
    pub(super) fn data_dir(&self) -> Option<&PathBuf> {
        self.data_dir.as_ref()
    }

    /// What all of it says of the settings.
    pub(super) fn flags(&self, config: Option<PathBuf>) -> Flags {
        let folder = &self.ankisyncd_dir;
        let ankisyncd = self.ankisyncd_conf.as_ref();
        let ankisyncd =
            ankisyncd.map(|file| AnkisyncdFlags { file: file.clone(), folder: folder.clone() });
        Flags { config, data_dir: self.data_dir.clone(), ankisyncd }
    }

    /// Takes over what stood before the verb.
    pub(super) fn take_earlier(&mut self, earlier: Self) {
        self.data_dir = self.data_dir.take().or(earlier.data_dir);
        self.ankisyncd_conf = self.ankisyncd_conf.take().or(earlier.ankisyncd_conf);
        self.ankisyncd_dir = self.ankisyncd_dir.take().or(earlier.ankisyncd_dir);
        self.check |= earlier.check;
        self.print_first_keys |= earlier.print_first_keys;
    }
}

pub(super) fn run(config: Option<PathBuf>, arguments: ServeArguments) -> Ending {
    let flags = arguments.flags(config);
    if arguments.ankisyncd_dir.is_some() && flags.ankisyncd.is_none() {
        eprintln!("enlist: --ankisyncd-dir: expected --ankisyncd-conf FILE beside it");
        return Ending::WrongUse;
    }
    let loaded = match Config::load(&flags) {
        Ok(loaded) => loaded,
        Err(error) => return fail(&error, Ending::WrongUse),
    };
    if arguments.check {
        for warning in &loaded.warnings {
            eprintln!("enlist: {warning}");
        }
        let checked = tokio::runtime::Builder::new_current_thread().enable_time().build();
        return match checked.map(|runtime| runtime.block_on(app::check(&loaded))) {
            Ok(Ok(plan)) => print(&plan, &loaded.config),
            Ok(Err(error)) => fail(&error, ending(&error)),
            Err(error) => fail(&error, Ending::No),
        };
    }
    if let Err(ending) = log(&loaded.config.log) {
        return ending;
    }
    let manner = Manner {
        print_first_keys: arguments.print_first_keys,
        terminal: io::stdout().is_terminal(),
    };
    let workers = workers(available_parallelism().map_or(1, NonZeroUsize::get));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, Ending::No),
    };
    let ended = match runtime.block_on(app::serve(loaded, manner)) {
        Ok(()) => Ending::Yes,
        Err(error) => fail(&error, ending(&error)),
    };
    // A file system that hangs must not keep the process from ending.
    runtime.shutdown_timeout(LAST_WORDS);
    ended
}

/// What may still run when the last request is answered.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// 2 for what the settings say, 1 for what the machine says.
fn ending(error: &AppError) -> Ending {
    match error {
        AppError::NoDataDir | AppError::Setting { .. } => Ending::WrongUse,
        _ => Ending::No,
    }
}

fn print(plan: &str, config: &Config) -> Ending {
    match toml::to_string_pretty(config) {
        Ok(text) => say(&format!("{plan}{text}")),
        Err(error) => fail(&error, Ending::No),
    }
}

/// The log goes to standard error: standard output is for what the start has to say.
fn log(config: &LogConfig) -> Result<(), Ending> {
    let filter = match EnvFilter::try_new(&config.level) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("enlist: log.level: {error}");
            return Err(Ending::WrongUse);
        }
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A line that cannot be written is lost; said on standard error, where it could not be written, it would be a panic.
    let log = log.log_internal_errors(false);
    match config.format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
    }
    Ok(())
}
