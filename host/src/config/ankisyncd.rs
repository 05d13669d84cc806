//! The ini of an ankisyncd: what of it holds for Enlist too, and where each of it was said.
//! Refuses to show a secret, to write to the file, and to take what ankisyncd itself could not.

use crate::config::ConfigError;
use crate::config::ini::{Ini, Section};
use std::fmt;
use std::path::{Path, PathBuf};

/// The section that ankisyncd reads.
const SECTION: &str = "sync_app";

/// What stands before the upper-case name of an option in the environment, which beats the file.
const PREFIX: &str = "ANKISYNCD_";

/// Options of ankisyncd's own whose values are no secrets.
const SHOWN: [&str; 9] = [
    "host",
    "port",
    "base_url",
    "base_media_url",
    "session_db_path",
    "full_sync_manager",
    "session_manager",
    "user_manager",
    "collection_wrapper",
];

/// Options that are used.
const USED: [&str; 5] =
    ["provision_api_key", "data_root", "auth_db_path", "cognito_user_pool_id", "cognito_region"];

/// Where the ini is.
#[derive(Clone, Debug, Default)]
pub struct AnkisyncdFlags {
    /// `--ankisyncd-conf`.
    pub file: PathBuf,
    /// `--ankisyncd-dir`; none for the folder of the file.
    pub folder: Option<PathBuf>,
}

/// What the ini says.
#[derive(Clone, Debug)]
pub struct Ankisyncd {
    /// The file, absolute.
    pub file: PathBuf,
    /// What its relative paths are relative to.
    pub folder: PathBuf,
    /// The key of the door; none when it is empty or missing.
    pub key: Option<Said<Secret>>,
    /// Where the folders are.
    pub data_root: Option<Said<PathBuf>>,
    /// Where the rows are.
    pub auth_db: Option<Said<PathBuf>>,
    /// Who vouches.
    pub pool: Pool,
    /// Everything else, by name: with what it says where that is no secret.
    pub rest: Vec<(String, Said<Option<String>>)>,
    /// Which setting was said by something that beats the ini, and by what.
    pub beaten: Vec<(&'static str, String)>,
}

/// The two options that an issuer is made of.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// `cognito_user_pool_id`.
    pub id: Option<Said<String>>,
    /// `cognito_region`.
    pub region: Option<Said<String>>,
}

/// A value and where it was said: `line 12`, or a variable.
#[derive(Clone, Debug)]
pub struct Said<T> {
    /// What was said.
    pub value: T,
    /// Where.
    pub origin: String,
}

/// Text that nothing shows.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Pool {
    /// Who vouches for the people of the pool, when all of it is known.
    pub fn issuer(&self) -> Option<String> {
        let (id, region) = (self.id.as_ref()?, self.region.as_ref()?);
        Some(format!("https://cognito-idp.{}.amazonaws.com/{}", region.value, id.value))
    }
}

impl Ankisyncd {
    /// Reads the ini. `here` is where a relative path of the command line begins.
    pub(super) fn read(flags: &AnkisyncdFlags, here: &Path) -> Result<Self, ConfigError> {
        let file = here.join(&flags.file);
        let unreadable = |source| ConfigError::Unreadable { path: file.clone(), source };
        let text = std::fs::read_to_string(&file).map_err(unreadable)?;
        let ini = Ini::read(&text).map_err(|mistake| ConfigError::Syntax {
            path: file.clone(),
            line: mistake.line,
            what: mistake.what,
        })?;
        let Some(mut section) = ini.section(SECTION) else {
            return Err(ConfigError::NoSection { path: file, section: SECTION });
        };
        say_environment(&mut section)?;
        let beside = file.parent().unwrap_or(Path::new("/")).to_owned();
        let folder = flags.folder.as_ref().map_or(beside, |folder| here.join(folder));
        let reading = Reading { file: &file, section: &section };
        let path = |said: Said<String>| Said {
            // Without the `.` that most of them begin with.
            value: folder.join(&said.value).components().collect(),
            origin: said.origin,
        };
        let key = reading.said("provision_api_key")?;
        Ok(Self {
            key: key.map(|said| Said { value: Secret(said.value), origin: said.origin }),
            data_root: reading.said("data_root")?.map(path),
            auth_db: reading.said("auth_db_path")?.map(path),
            pool: Pool {
                id: reading.plain("cognito_user_pool_id")?,
                region: reading.plain("cognito_region")?,
            },
            rest: reading.rest(),
            beaten: Vec::new(),
            folder,
            file,
        })
    }
}

/// The variables, as ankisyncd lays them over the section: also one that is set to nothing.
fn say_environment(section: &mut Section) -> Result<(), ConfigError> {
    for (variable, value) in std::env::vars_os() {
        let Some(name) = variable.to_str().and_then(|variable| variable.strip_prefix(PREFIX))
        else {
            continue;
        };
        let name = name.to_lowercase();
        let Some(value) = value.to_str() else {
            let origin = variable.to_string_lossy().into_owned();
            let what = "expected text in UTF-8".to_owned();
            return Err(ConfigError::Value { origin, key: name, what });
        };
        section.say(name, value.to_owned());
    }
    Ok(())
}

struct Reading<'a> {
    file: &'a Path,
    section: &'a Section,
}

impl Reading<'_> {
    /// What an option says; none when it says nothing.
    fn said(&self, name: &'static str) -> Result<Option<Said<String>>, ConfigError> {
        let wrong = |what| {
            let what = format!("{what}. As it stands ankisyncd cannot read it either");
            ConfigError::Value { origin: self.place(name), key: name.to_owned(), what }
        };
        let Some(value) = self.section.get(name).transpose().map_err(wrong)? else {
            return Ok(None);
        };
        let origin = self.origin(name);
        Ok(Some(Said { value, origin }).filter(|said| !said.value.is_empty()))
    }

    /// The same of what becomes a part of an address.
    fn plain(&self, name: &'static str) -> Result<Option<Said<String>>, ConfigError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        match self.said(name)? {
            Some(said) if !said.value.chars().all(is_plain) => {
                let what = "expected letters, digits, - and _ alone".to_owned();
                Err(ConfigError::Value { origin: self.place(name), key: name.to_owned(), what })
            }
            said => Ok(said),
        }
    }

    fn rest(&self) -> Vec<(String, Said<Option<String>>)> {
        let names = self.section.names().filter(|name| !USED.contains(name));
        names
            .map(|name| {
                let text = || self.section.get(name).and_then(Result::ok);
                let value = SHOWN.contains(&name).then(text).flatten();
                (name.to_owned(), Said { value, origin: self.origin(name) })
            })
            .collect()
    }

    /// Where an option was said, for people who know which file is meant.
    fn origin(&self, name: &str) -> String {
        match self.section.raw(name).and_then(|value| value.line) {
            Some(line) => format!("line {line}"),
            None => format!("{PREFIX}{}", name.to_uppercase()),
        }
    }

    /// The same for everybody.
    fn place(&self, name: &str) -> String {
        match self.section.raw(name).and_then(|value| value.line) {
            Some(line) => format!("{}:{line}", self.file.display()),
            None => self.origin(name),
        }
    }
}
