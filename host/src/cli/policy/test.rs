//! `enlist policy test`: every case is asked about, and what was decided otherwise is shown beside what was expected.
//! Refuses to take a policy that failed for one that refused: no case can expect that.

use crate::cli::client::{Output, Remote};
use crate::cli::policy::cases::{self, Case, Difference};
use crate::cli::policy::watch::Snapshot;
use crate::cli::policy::{Subject, Workbench, ask};
use crate::cli::{Ending, say};
use crate::sandbox::{Policy, Tried, quote, try_on};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What `enlist policy test` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct TestArguments {
    #[command(flatten)]
    subject: Subject,
    /// The cases, as TOML or JSON [default: cases.toml in the policy's folder].
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// Stay, and test again whenever a file changes.
    #[arg(long)]
    watch: bool,
}

pub(super) fn run(
    bench: &Workbench,
    remote: &Remote,
    test: &TestArguments,
) -> Result<Ending, Ending> {
    let file = cases_file(&test.subject, test.cases.as_ref())?;
    let once = || Ok(report(remote, &decide_all(bench, &test.subject, &file)?));
    if !test.watch {
        return once();
    }
    let mut watched = vec![file.clone()];
    watched.extend(test.subject.settings.clone());
    if !test.subject.policy.starts_with("builtin:") {
        watched.push(PathBuf::from(&test.subject.policy));
    }
    loop {
        // Taken before, so that what is saved meanwhile is seen.
        let seen = Snapshot::take(&watched);
        // What is wrong has been said; it may be mended.
        let _: Result<Ending, Ending> = once();
        if remote.output() == Output::Text {
            eprintln!("enlist: waiting for a change; Ctrl-C ends");
        }
        seen.wait(&watched);
    }
}

/// The cases that are meant when nobody names any.
pub(super) fn cases_file(subject: &Subject, named: Option<&PathBuf>) -> Result<PathBuf, Ending> {
    let own = || subject.folder().map(|folder| folder.join("cases.toml"));
    named.cloned().or_else(own).ok_or_else(|| {
        eprintln!("enlist: which cases? Say --cases FILE: only a policy's folder has its own");
        Ending::WrongUse
    })
}

/// What came of a case.
struct Outcome {
    name: String,
    differences: Vec<Difference>,
    /// The decision, or how the policy failed: that differs from whatever a case can expect.
    found: Value,
    notes: Vec<String>,
    /// What the host noticed: shown, and no reason to fail.
    hints: Vec<String>,
}

/// A decision that is another one when it is asked for again.
fn unsteady() -> Difference {
    Difference { what: "the same again".to_owned(), expected: json!(true), found: json!(false) }
}

fn decide_all(bench: &Workbench, subject: &Subject, file: &Path) -> Result<Vec<Outcome>, Ending> {
    let cases = cases::read(file)?;
    let policy = subject.policy(bench)?;
    Ok(cases.into_iter().map(|case| decide(bench, &policy, case)).collect())
}

/// The cases that do not come out as expected, as text.
pub(in crate::cli) fn unexpected(
    bench: &Workbench,
    policy: &Policy,
    cases: Vec<Case>,
) -> Vec<String> {
    let outcomes = cases.into_iter().map(|case| decide(bench, policy, case));
    outcomes.filter(|outcome| !outcome.good()).map(|outcome| outcome.text()).collect()
}

fn decide(bench: &Workbench, policy: &Policy, case: Case) -> Outcome {
    match bench.runtime().block_on(try_on(policy, &case.request)) {
        Ok(Tried { verdict, steady, echo }) => {
            let (decision, _) = ask::shown(verdict.decision, None);
            let found = json!(decision);
            let mut differences = case.differences(&found);
            differences.extend((!steady).then(unsteady));
            let hints = echo.map(|echo| echo.to_string()).into_iter().collect();
            Outcome { name: case.name, differences, found, notes: verdict.notes, hints }
        }
        Err(failure) => {
            let code = failure.fault.code().as_str();
            let found = json!({"code": code, "detail": failure.to_string()});
            let differences = case.differences(&found);
            Outcome { name: case.name, differences, found, notes: Vec::new(), hints: Vec::new() }
        }
    }
}

impl Outcome {
    fn good(&self) -> bool {
        self.differences.is_empty()
    }

    fn json(&self) -> Value {
        let difference =
            |d: &Difference| json!({"what": d.what, "expected": d.expected, "found": d.found});
        json!({
            "name": self.name,
            "ok": self.good(),
            "differences": self.differences.iter().map(difference).collect::<Vec<_>>(),
            "found": self.found,
            "notes": self.notes,
            "hints": self.hints,
        })
    }

    fn text(&self) -> String {
        let name = quote(&self.name);
        let mut text = format!("{}  {name}\n", if self.good() { "ok  " } else { "FAIL" });
        let mut line = |line: String| {
            writeln!(text, "      {}", quote(line)).expect("a String takes everything");
        };
        self.hints.iter().for_each(|hint| line(hint.clone()));
        if self.good() {
            return text;
        }
        for Difference { what, expected, found } in &self.differences {
            line(format!("- {what}: {}", word(expected)));
            // A decision that went the other way is shown whole: it has the reason.
            if what == "decision" {
                line(format!("+ {}", self.found));
            } else {
                line(format!("+ {what}: {}", word(found)));
            }
        }
        self.notes.iter().for_each(|note| line(format!("note: {note}")));
        text
    }
}

/// As a case says it.
fn word(value: &Value) -> String {
    if value.is_null() { "none".to_owned() } else { value.to_string() }
}

fn report(remote: &Remote, outcomes: &[Outcome]) -> Ending {
    let failed = outcomes.iter().filter(|outcome| !outcome.good()).count();
    let passed = outcomes.len() - failed;
    let said = match remote.output() {
        Output::Json => {
            let cases: Vec<_> = outcomes.iter().map(Outcome::json).collect();
            let answer = json!({"cases": cases, "passed": passed, "failed": failed});
            say(&format!("{answer}\n"))
        }
        Output::Text => {
            let mut text: String = outcomes.iter().map(Outcome::text).collect();
            text.push_str(&format!("{passed} passed, {failed} failed\n"));
            say(&text)
        }
    };
    if failed == 0 { said } else { Ending::No.after(said) }
}
