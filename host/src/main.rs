//! The one binary: parses the arguments, runs a verb, and ends with the verb's status.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    enlist::cli::run(enlist::cli::Arguments::parse())
}
