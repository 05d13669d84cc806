//! Somebody to be asked about: on standard input in any form that people keep in files, or named by flags.
//! Refuses to wait at a terminal where nobody was told to type.

use crate::cli::{Ending, fail};
use clap::Args;
use serde_json::{Map, Value, json};
use std::io::{self, IsTerminal, Read};

/// Who is asked about.
#[derive(Debug, Args)]
pub(super) struct ApplicantArguments {
    /// The provider's name for them [default: --email; without both: standard input, as /provision-user takes it or a Cognito event].
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Their e-mail.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// The provider has verified it.
    #[arg(long, requires = "email")]
    verified: bool,
    /// Ask as before the provider has made the user.
    #[arg(long)]
    sign_up: bool,
}

impl ApplicantArguments {
    /// The applicant as JSON: what was typed, or what stands on standard input.
    pub(super) fn read(self) -> Result<Vec<u8>, Ending> {
        let Self { username, email, verified, sign_up } = self;
        let Some(username) = username.or_else(|| email.clone()) else {
            if sign_up {
                eprintln!(
                    "enlist: --sign-up goes with --username or --email: a body says its own occasion"
                );
                return Err(Ending::WrongUse);
            }
            return from_input();
        };
        let mut body = Map::new();
        body.insert("username".to_owned(), username.into());
        if let Some(email) = email {
            let sent = json!({"email": email, "email_verified": verified});
            body.insert("user_attributes".to_owned(), sent);
        }
        if sign_up {
            body.insert("occasion".to_owned(), "sign_up".into());
        }
        Ok(Value::Object(body).to_string().into_bytes())
    }
}

fn from_input() -> Result<Vec<u8>, Ending> {
    if io::stdin().is_terminal() {
        eprintln!("enlist: about whom? Say --username or --email, or put a file on standard input");
        return Err(Ending::WrongUse);
    }
    let mut text = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut text);
    read.map_err(|error| fail(&error, Ending::WrongUse))?;
    Ok(text)
}
