//! A start beside an ankisyncd: what its ini means for this server, said in full before anything is taken over.
//! Refuses to show a key, to write to anything of ankisyncd's, and to hold a start up for what can be mended later.

mod look;
mod plan;

use crate::app::{AppError, Manner};
use crate::config::{Ankisyncd, Config, Loaded};
use crate::ledger::{Key, KeyError, Ledger, Legacy};
use crate::manage::resolved;
use look::There;
use plan::{Line, Weight, lines};
use std::io::{self, Write};
use std::path::PathBuf;
use tracing::{info, warn};

/// The longest note that a key has, in bytes.
const NOTE_LIMIT: usize = 200;

/// An ini, and the settings that hold with it.
pub(super) struct Beside<'a> {
    ini: &'a Ankisyncd,
    config: &'a Config,
    /// The key that it has, if it may be used.
    key: Option<Result<Key, KeyError>>,
}

impl<'a> Beside<'a> {
    /// Reads what the ini says; none when there is none to be read.
    pub(super) fn read(loaded: &'a Loaded) -> Result<Option<Self>, AppError> {
        let Some(ini) = &loaded.ankisyncd else { return Ok(None) };
        let config = &loaded.config;
        let key = ini.key.as_ref().map(|said| Key::legacy(said.value.reveal()));
        let beside = Self { ini, config, key };
        match beside.mixed() {
            Some(what) => Err(AppError::Setting { key: "data_root", what }),
            None => Ok(Some(beside)),
        }
    }

    /// The ini itself.
    pub(super) fn file(&self) -> PathBuf {
        self.ini.file.clone()
    }

    /// Whether the two programs' data would lie in each other. That homes would hold the data folder is found out for every home
    /// root; the other way round these folders are not Enlist's.
    fn mixed(&self) -> Option<String> {
        let root = self.ini.data_root.as_ref()?;
        if self.config.home_root != root.value {
            return None;
        }
        let (root, data) = (resolved(&root.value).ok()?, resolved(&self.config.data_dir).ok()?);
        let (shown, at) = (root.display(), data.display());
        root.starts_with(&data)
            .then(|| format!("{shown} lies in the data folder {at}: say another with --data-dir"))
    }

    /// What is to be taken over.
    fn legacy(&self) -> Legacy {
        let note = format!("provision_api_key of {}", self.ini.file.display());
        let short = || "provision_api_key of an ankisyncd's ini".to_owned();
        Legacy {
            key: self.key.as_ref().and_then(|key| key.as_ref().ok()).cloned(),
            note: Some(note).filter(|note| note.len() <= NOTE_LIMIT).unwrap_or_else(short),
            issuer: self.ini.pool.issuer().unwrap_or_default(),
        }
    }

    /// The whole plan. Nothing is made for it; `first` when nobody has started here before.
    pub(super) async fn plan(&self, first: bool, url: &str) -> Result<Vec<Line>, AppError> {
        let there = There::look(self.config, &self.legacy(), first).await?;
        Ok(lines(self, &there, url))
    }

    /// Says the plan, to whoever is at the terminal or to the log.
    pub(super) async fn tell(
        &self,
        first: bool,
        url: &str,
        manner: Manner,
    ) -> Result<(), AppError> {
        let lines = self.plan(first, url).await?;
        if manner.terminal && !manner.print_first_keys {
            let mut out = io::stdout().lock();
            return out.write_all(text(&lines, "").as_bytes()).map_err(AppError::Unheard);
        }
        for Line { weight, text } in lines.into_iter().filter(|line| !line.text.is_empty()) {
            match weight {
                Weight::Told => info!("{text}"),
                Weight::Warned => warn!("{text}"),
            }
        }
        Ok(())
    }

    /// Takes over what the plan said.
    pub(super) async fn take_over(&self, ledger: &Ledger) -> Result<(), AppError> {
        let inherited = ledger.inherit(self.legacy()).await?;
        info!(?inherited, "taken over from the ini of ankisyncd");
        Ok(())
    }
}

/// The lines as text, each behind this.
pub(super) fn text(lines: &[Line], before: &str) -> String {
    lines.iter().map(|line| format!("{before}{}", line.text).trim_end().to_owned() + "\n").collect()
}
