//! What became of everybody: counted; the first who got nothing shown, and in a dry run the first who would get a name that is there; all of
//! them in a file if one was named.
//! Refuses to call it well while anybody stays behind.

use crate::cli::client::{Client, Table, text};
use crate::cli::import::{Place, Who};
use crate::cli::{Ending, fail};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// What became of somebody.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) outcome: String,
    pub(super) name: Option<String>,
    pub(super) code: Option<String>,
    pub(super) detail: Option<String>,
}

impl Told {
    fn new(outcome: &str, code: Option<&str>, detail: Option<String>) -> Self {
        let (outcome, code) = (outcome.to_owned(), code.map(str::to_owned));
        Self { outcome, name: None, code, detail }
    }

    /// Nobody can be made of it.
    pub(super) fn failed(code: &str, detail: impl Into<String>) -> Self {
        Self::new("failed", Some(code), Some(detail.into()))
    }

    /// Left out, and nothing is wrong with that.
    pub(super) fn skipped(code: &str) -> Self {
        Self::new("skipped", Some(code), None)
    }

    /// Somebody who has their account already.
    pub(super) fn known() -> Self {
        Self::new("known", None, None)
    }

    /// A person of whom no name is there: they sign up.
    pub(super) fn nameless() -> Self {
        Self::new("no_name", None, None)
    }

    /// Somebody who is not sent, as the server would answer.
    pub(super) fn refused(code: &str, detail: String) -> Self {
        Self::new("refused", Some(code), Some(detail))
    }

    /// A name that stays nobody's: nobody matches it, or more than one.
    pub(super) fn left(outcome: &str, detail: Option<String>) -> Self {
        Self::new(outcome, None, detail)
    }

    /// As the server answered.
    pub(super) fn read(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let outcome = text("outcome").unwrap_or_else(|| "failed".to_owned());
        Self { outcome, name: text("name"), code: text("code"), detail: text("detail") }
    }

    /// Whether the same question may be answered otherwise in a moment.
    pub(super) fn may_change(&self) -> bool {
        let later = ["busy", "policy_timeout", "storage_unavailable", "internal_error"];
        self.outcome == "failed" && self.code.as_deref().is_some_and(|code| later.contains(&code))
    }
}

/// Who somebody is, and what became of them.
pub(super) type Ended = (Place, Who, Told);

/// Outcomes in the order in which they are shown: those that are well, those that leave nobody behind, and the rest.
const WELL: [&str; 4] = ["opened", "known", "linked", "relinked"];
const LEFT_OUT: [&str; 3] = ["no_name", "empty", "skipped"];
const BEHIND: [&str; 4] = ["unmatched", "ambiguous", "refused", "failed"];

/// How many are shown of those who stay behind, and of those who would get a name.
const SHOWN: usize = 20;

pub(super) struct Report {
    dry_run: bool,
    outcomes: BTreeMap<String, u64>,
    codes: BTreeMap<String, BTreeMap<String, u64>>,
    behind: Vec<Value>,
    /// In a dry run, whose which name would be that is there; and how many more.
    pairs: Vec<Value>,
    more_pairs: u64,
    file: Option<BufWriter<File>>,
}

impl Report {
    pub(super) fn begin(file: Option<&Path>, dry_run: bool) -> Result<Self, Ending> {
        let open = |path: &Path| {
            File::create(path).map(BufWriter::new).map_err(|error| {
                eprintln!("enlist: {}: {error}", path.display());
                Ending::WrongUse
            })
        };
        let file = file.map(open).transpose()?;
        let (outcomes, codes) = (BTreeMap::new(), BTreeMap::new());
        let (behind, pairs) = (Vec::new(), Vec::new());
        Ok(Self { dry_run, outcomes, codes, behind, pairs, more_pairs: 0, file })
    }

    pub(super) fn add(&mut self, (place, who, told): Ended) -> Result<(), Ending> {
        *self.outcomes.entry(told.outcome.clone()).or_default() += 1;
        if let Some(code) = &told.code {
            let codes = self.codes.entry(told.outcome.clone()).or_default();
            *codes.entry(code.clone()).or_default() += 1;
        }
        let outcome = &&*told.outcome;
        let is_well = WELL.contains(outcome);
        let is_pair = self.dry_run && is_well && *outcome != "known" && who.rule.is_some();
        self.more_pairs += u64::from(is_pair && self.pairs.len() == SHOWN);
        let shown = match is_pair {
            true => Some(&mut self.pairs),
            false if is_well || LEFT_OUT.contains(outcome) => None,
            false => Some(&mut self.behind),
        };
        let shown = shown.filter(|shown| shown.len() < SHOWN);
        if shown.is_none() && self.file.is_none() {
            return Ok(());
        }
        let mut line = Map::new();
        if let Some((unit, number)) = place {
            line.insert(unit.to_owned(), number.into());
        }
        let words = [
            ("name", who.name.or(told.name)),
            ("username", who.username),
            ("subject", who.subject),
            ("rule", who.rule.map(str::to_owned)),
            ("outcome", Some(told.outcome)),
            ("code", told.code),
            ("detail", told.detail),
        ];
        line.extend(words.into_iter().map(|(name, word)| (name.to_owned(), word.into())));
        let line = Value::Object(line);
        if let Some(file) = &mut self.file {
            writeln!(file, "{line}").map_err(|error| fail(&error, Ending::No))?;
        }
        if let Some(shown) = shown {
            shown.push(line);
        }
        Ok(())
    }

    /// Prints it, and says how the verb ends.
    pub(super) fn show(mut self, client: &Client, complete: bool) -> Ending {
        if let Some(Err(error)) = self.file.as_mut().map(Write::flush) {
            return fail(&error, Ending::No);
        }
        let count = |outcome: &&str| self.outcomes.get(*outcome).copied().unwrap_or_default();
        let left: u64 = BEHIND.iter().map(count).sum();
        let all = json!({
            "dry_run": self.dry_run,
            "complete": complete,
            "people": self.outcomes.values().sum::<u64>(),
            "outcomes": self.outcomes,
            "codes": self.codes,
            "behind": self.behind,
            "pairs": self.pairs,
        });
        let shown = client.show(&all, |_| self.text(left));
        if left > 0 { Ending::No.after(shown) } else { shown }
    }

    fn text(&self, left: u64) -> String {
        let mut text = String::new();
        if self.dry_run {
            text.push_str("what would come of it; nothing did\n");
        }
        for outcome in WELL.iter().chain(&LEFT_OUT).chain(&BEHIND) {
            let Some(count) = self.outcomes.get(*outcome) else { continue };
            text.push_str(&format!("{:<20}{count:>9}\n", outcome.replace('_', " ")));
            for (code, count) in self.codes.get(*outcome).into_iter().flatten() {
                text.push_str(&format!("  {code:<18}{count:>9}\n"));
            }
        }
        if self.outcomes.is_empty() {
            text.push_str("nobody\n");
        }
        let columns = ["name", "username", "subject", "rule", "outcome"];
        text.push_str(&table("whose name goes to whom", columns, &self.pairs, self.more_pairs));
        let columns = ["where", "name", "username", "outcome", "code", "detail"];
        let more = left.saturating_sub(self.behind.len() as u64);
        text.push_str(&table("who stays behind", columns, &self.behind, more));
        text
    }
}

/// The first of them, one a row; nothing where nobody is.
fn table<const N: usize>(head: &str, columns: [&str; N], lines: &[Value], more: u64) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut table = Table::new(columns);
    for line in lines {
        let place = ["line", "user"]
            .iter()
            .find_map(|unit| line[*unit].as_u64().map(|number| format!("{unit} {number}")));
        table.row(columns.map(|column| match column {
            "where" => place.clone().unwrap_or_else(|| "-".to_owned()),
            column => text(&line[column]),
        }));
    }
    let mut shown = format!("\n{head}:\n{}", table.text());
    if more > 0 {
        shown.push_str(&format!("and {more} more: --report FILE has them all\n"));
    }
    shown
}
