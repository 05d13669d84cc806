//! `enlist policy new`: a policy of one's own in an empty folder, with everything that it stands on beside it.
//! Refuses a folder that holds something, and a name that cargo could not use.

use crate::cli::{Ending, fail, say};
use enlist_artifacts::{KIT, LOCKED};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::{env, fs};

/// What the kit's own crate is called.
const PLACEHOLDER: &str = "my-policy";

/// Crates that are there without being named: a policy called like one would hide it.
const TAKEN: [&str; 5] = ["alloc", "core", "proc_macro", "std", "test"];

pub(super) fn run(dir: &Path) -> Result<Ending, Ending> {
    let refused = |line: String| {
        eprintln!("enlist: {line}");
        Ending::WrongUse
    };
    let name = name_of(dir).map_err(refused)?;
    match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => return Err(refused(format!("{}: the folder is not empty", dir.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(refused(format!("{}: {error}", dir.display()))),
    }
    write(dir, &name).map_err(|error| fail(&error, Ending::No))?;
    let dir = dir.display();
    Ok(say(&format!(
        "A new policy is in {dir}: src/lib.rs is the rule, cases.toml what it shall decide. Next:\n\n  \
         enlist policy test {dir} --watch\n  enlist policy build {dir} --out {name}.wasm\n"
    )))
}

/// The last part of the folder's path, if cargo takes it for a crate.
fn name_of(dir: &Path) -> Result<String, String> {
    let whole = match dir.canonicalize() {
        Ok(dir) => dir,
        Err(_) => env::current_dir().map_err(|error| error.to_string())?.join(dir),
    };
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(plain) {
        return Err(format!(
            "the folder's name becomes the crate's: expected letters, digits, - and _, a letter first, got {name:?}"
        ));
    }
    let same = |other: &str| other.replace('-', "_") == name.replace('-', "_");
    let locked = LOCKED.lines().filter_map(|line| line.strip_prefix("name = "));
    if TAKEN.into_iter().chain(locked.map(|name| name.trim_matches('"'))).any(same) {
        return Err(format!(
            "a crate that policies stand on is called {name}: choose another name"
        ));
    }
    Ok(name)
}

fn write(dir: &Path, name: &str) -> io::Result<()> {
    for (path, text) in KIT {
        let file = dir.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        // What came with this binary is written as it is.
        let ours = path.starts_with("enlist/");
        fs::write(file, if ours { (*text).to_owned() } else { text.replace(PLACEHOLDER, name) })?;
    }
    let own = format!(
        "[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\ndependencies = [\n \"enlist-policy\",\n \"serde\",\n]\n"
    );
    fs::write(dir.join("Cargo.lock"), format!("{LOCKED}\n{own}"))
}
