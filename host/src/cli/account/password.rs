//! A password, from somebody at a terminal or from a program.
//! Refuses an argument, which every user of the machine could read, an empty one, and to show one.

use crate::cli::{Ending, fail};
use crate::sandbox::quote;
use console::Term;
use std::io::{self, BufRead, IsTerminal, Read};

/// More than any password has.
const LINE_LIMIT_BYTES: u64 = 4096;

/// Asks twice, and shows nothing of it.
pub(super) fn ask(name: &str) -> Result<String, Ending> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        eprintln!("enlist: there is no terminal to ask at: say --stdin");
        return Err(Ending::WrongUse);
    }
    let terminal = Term::stderr();
    let read = |prompt: &str| {
        eprint!("{prompt}: ");
        terminal.read_secure_line().map_err(|error| fail(&error, Ending::No))
    };
    let password = read(&format!("New password of {}", quote(name)))?;
    if read("Again")? != password {
        eprintln!("enlist: the two are not the same; nothing was done");
        return Err(Ending::No);
    }
    not_empty(password)
}

/// The next line of standard input.
pub(super) fn from_input() -> Result<String, Ending> {
    let mut line = Vec::new();
    let read = io::stdin().lock().take(LINE_LIMIT_BYTES).read_until(b'\n', &mut line);
    if read.map_err(|error| fail(&error, Ending::No))? as u64 == LINE_LIMIT_BYTES {
        eprintln!("enlist: what is there for a password has more than {LINE_LIMIT_BYTES} bytes");
        return Err(Ending::WrongUse);
    }
    let Ok(line) = String::from_utf8(line) else {
        eprintln!("enlist: what is there for a password is no text in UTF-8");
        return Err(Ending::WrongUse);
    };
    not_empty(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn not_empty(password: String) -> Result<String, Ending> {
    if password.is_empty() {
        eprintln!("enlist: an empty password opens nothing; nothing was done");
        return Err(Ending::WrongUse);
    }
    Ok(password)
}
