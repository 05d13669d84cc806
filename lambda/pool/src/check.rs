//! `check`: whether pool, function and server belong together, a line each, and with each fault the command that mends it.
//! Refuses to change anything, and to show a key that it finds.

mod environment;
mod function;
mod pool;
mod server;

use crate::arguments::{CheckArguments, Common};
use crate::aws::{Aws, AwsError};
use crate::ending::{Ending, Failure};
use crate::function::Function;
use crate::pool::Pool;
use crate::print;
use crate::server::Server;
use crate::slots;
use serde::Serialize;
use std::fmt::Write;
use std::io::IsTerminal;

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    /// Works, and may not tomorrow.
    Warning,
    /// Does not work.
    Bad,
    /// Could not be looked at.
    Unknown,
}

/// What was found of one thing.
#[derive(Debug, Serialize)]
struct Line {
    what: &'static str,
    state: State,
    says: String,
    /// A command, or what to do where there is none.
    fix: Option<String>,
}

/// What was found, in the order in which a sign-up meets it.
#[derive(Debug, Default)]
struct Findings(Vec<Line>);

impl Findings {
    fn good(&mut self, what: &'static str, says: impl Into<String>) {
        self.0.push(Line { what, state: State::Good, says: says.into(), fix: None });
    }

    fn warn(&mut self, what: &'static str, says: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Line { what, state: State::Warning, says: says.into(), fix: Some(fix.into()) });
    }

    fn bad(&mut self, what: &'static str, says: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Line { what, state: State::Bad, says: says.into(), fix: Some(fix.into()) });
    }

    fn unknown(&mut self, what: &'static str, says: impl Into<String>) {
        self.0.push(Line { what, state: State::Unknown, says: says.into(), fix: None });
    }

    /// AWS would not say.
    fn unsaid(&mut self, what: &'static str, error: &AwsError) {
        self.unknown(what, error.to_string());
    }

    fn count(&self, state: State) -> usize {
        self.0.iter().filter(|line| line.state == state).count()
    }
}

/// Looks at everything.
pub(crate) async fn run(common: &Common, asked: CheckArguments) -> Result<Ending, Failure> {
    let server = Server::find(&asked.server)?;
    let aws = Aws::find(common, asked.user_pool_id.region()).await?;
    let pool = Pool::new(&aws, &asked.user_pool_id);
    let function = Function::new(&aws, &asked.function);
    let mut findings = Findings::default();
    // A pool that cannot be described leaves nothing to compare with.
    let described = pool.describe().await;
    let described = described
        .map_err(|error| Failure::from(error).while_doing(&format!("user pool {}", pool.id())))?;
    pool::look(&mut findings, &described, &asked);
    let key = function::look(&mut findings, &function, &described, &asked, &server).await;
    let slots = slots::of(&described);
    let decides = slots::holder(&slots, "PreSignUp") == Some(asked.function.as_str());
    server::look(&mut findings, &server, &asked, key, decides).await;

    let bad = findings.count(State::Bad);
    let document = serde_json::json!({"user_pool": pool.id().as_str(), "function": asked.function.as_str(), "server": server.shown().as_str(),
        "bad": bad, "warnings": findings.count(State::Warning), "unknown": findings.count(State::Unknown), "checks": findings.0});
    print::show(common.output, &document, || text(&findings));
    Ok(if bad == 0 { Ending::Yes } else { Ending::No })
}

fn text(findings: &Findings) -> String {
    let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut text = String::new();
    for line in &findings.0 {
        let (word, colour) = match line.state {
            State::Good => ("ok  ", "32"),
            State::Warning => ("warn", "33"),
            State::Bad => ("FAIL", "31"),
            State::Unknown => ("?   ", "33"),
        };
        let word =
            if coloured { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word.to_owned() };
        let _ = writeln!(text, "{word}  {:<12}  {}", line.what, print::plain(&line.says));
        if let Some(fix) = &line.fix {
            let _ = writeln!(text, "                    {}", print::plain(fix));
        }
    }
    let (bad, warnings, unknown) = (
        findings.count(State::Bad),
        findings.count(State::Warning),
        findings.count(State::Unknown),
    );
    let _ = writeln!(text, "{bad} bad, {warnings} warnings, {unknown} not looked at");
    text
}
