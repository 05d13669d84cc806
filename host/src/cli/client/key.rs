//! Where a verb finds its key: a file, standard input, or the environment.
//! Refuses an argument, and to repeat what it read when that is no key.

use reqwest::header::HeaderValue;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// More than any key has.
const LINE_LIMIT_BYTES: u64 = 4096;

const NONE: &str =
    "no key: say --key-file FILE (- for standard input), or set ENLIST_KEY_FILE or ENLIST_KEY";

/// The key of `--key-file`, else of ENLIST_KEY, or a line that says why there is none. Of standard input the first line alone is
/// read: the rest is the verb's.
pub(super) fn find(file: Option<&Path>) -> Result<HeaderValue, String> {
    let line = match file {
        Some(file) if file.as_os_str() == "-" => first_line(io::stdin().lock()),
        Some(file) => File::open(file).and_then(|file| first_line(BufReader::new(file))),
        None => Ok(std::env::var("ENLIST_KEY").unwrap_or_default()),
    };
    let line = line.map_err(|error| {
        let file = file.unwrap_or(Path::new("-")).display().to_string();
        if file.starts_with("enl_") {
            return "a key was given where the name of its file belongs".to_owned();
        }
        format!("the key file {file}: {error}")
    })?;
    let key = line.trim();
    if key.starts_with('{') {
        return Err(
            "that is the file of a first start, with two keys: put one of them alone into a file"
                .to_owned(),
        );
    }
    if key.is_empty() {
        return Err(NONE.to_owned());
    }
    match HeaderValue::from_str(key) {
        Ok(mut value) if key.bytes().all(|byte| byte.is_ascii_graphic()) => {
            value.set_sensitive(true);
            Ok(value)
        }
        _ => Err("what is there for a key is none: expected printable characters without spaces"
            .to_owned()),
    }
}

fn first_line(input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.take(LINE_LIMIT_BYTES).read_line(&mut line)?;
    Ok(line)
}
