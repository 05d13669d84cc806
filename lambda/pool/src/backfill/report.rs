//! What came of everybody, counted, and by name where it was nothing.
//! Refuses to print what a pool knows of people beyond their user name and `sub`.

use super::asking::{No, Outcome};
use super::reconcile::Reconciled;
use crate::ending::Ending;
use crate::pool::{Person, PoolId};
use crate::print::plain;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many names are printed for people; a document has all of them.
pub(super) const PRINTED: usize = 20;

/// What came of everybody.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) listed: u64,
    opened: u64,
    known: u64,
    granted: u64,
    /// By code.
    refused: BTreeMap<String, u64>,
    failed: BTreeMap<String, u64>,
    /// By the pool's word for them.
    left_out: BTreeMap<String, u64>,
    /// Kept apart from the rest, which is written anew with every page.
    #[serde(skip)]
    pub(super) not_provisioned: Vec<Left>,
    #[serde(skip)]
    pub(super) reconciled: Option<Reconciled>,
    /// Why nothing was compared.
    #[serde(skip)]
    pub(super) not_reconciled: Option<String>,
}

/// Somebody who has no account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Left {
    username: String,
    sub: Option<String>,
    outcome: String,
    code: String,
    request_id: Option<String>,
}

impl Report {
    /// Counts somebody who was not sent.
    pub(super) fn leave_out(&mut self, why: String) {
        self.listed += 1;
        *self.left_out.entry(why).or_default() += 1;
    }

    /// Counts what came of somebody.
    pub(super) fn count(&mut self, person: &Person, outcome: Outcome) {
        self.listed += 1;
        let (counts, word, No { code, request_id }) = match outcome {
            Outcome::Opened => return self.opened += 1,
            Outcome::Known => return self.known += 1,
            Outcome::Granted => return self.granted += 1,
            Outcome::Refused(no) => (&mut self.refused, "refused", no),
            Outcome::Failed(no) | Outcome::Strange(no, _) => (&mut self.failed, "failed", no),
        };
        *counts.entry(code.clone()).or_default() += 1;
        self.not_provisioned.push(Left {
            username: person.username.clone(),
            sub: person.sub().map(str::to_owned),
            outcome: word.to_owned(),
            code,
            request_id,
        });
    }

    /// How the verb ends that came to its end.
    pub(super) fn ending(&self) -> Ending {
        match (self.failed.is_empty(), self.refused.is_empty()) {
            (false, _) => Ending::Failed,
            (true, false) => Ending::No,
            (true, true) => Ending::Yes,
        }
    }

    /// For programs.
    pub(super) fn document(&self, pool: &PoolId, dry_run: bool, complete: bool) -> Value {
        json!({"user_pool": pool.as_str(), "dry_run": dry_run, "complete": complete, "listed": self.listed, "opened": self.opened,
            "known": self.known, "granted": self.granted, "refused": self.refused, "failed": self.failed, "left_out": self.left_out,
            "not_provisioned": self.not_provisioned, "reconciled": self.reconciled,
            "not_reconciled": self.not_reconciled})
    }

    /// For people.
    pub(super) fn text(&self, dry_run: bool, complete: bool) -> String {
        let mut text =
            format!("{} in the pool{}\n", self.listed, if complete { "" } else { " so far" });
        if dry_run {
            let _ = writeln!(text, "  {:>7}  would have an account, or have one", self.granted);
        } else {
            let _ = writeln!(text, "  {:>7}  opened\n  {:>7}  known", self.opened, self.known);
        }
        for (word, counts) in
            [("refused", &self.refused), ("failed", &self.failed), ("left out", &self.left_out)]
        {
            for (code, count) in counts {
                let _ = writeln!(text, "  {count:>7}  {word}: {}", plain(code));
            }
        }
        if !self.not_provisioned.is_empty() {
            text.push_str(if dry_run {
                "without an account then:\n"
            } else {
                "without an account:\n"
            });
        }
        for left in self.not_provisioned.iter().take(PRINTED) {
            let (username, sub) =
                (plain(&left.username), plain(left.sub.as_deref().unwrap_or("-")));
            let request = plain(left.request_id.as_deref().unwrap_or("-"));
            let _ = writeln!(
                text,
                "  {username}  {sub}  {}: {}  request {request}",
                left.outcome,
                plain(&left.code)
            );
        }
        if self.not_provisioned.len() > PRINTED {
            let _ = writeln!(
                text,
                "  and {} more: -o json lists all",
                self.not_provisioned.len() - PRINTED
            );
        }
        if dry_run {
            text.push_str("dry run: nobody was given an account. No name was held either: two who would get the same one both count as given it\n");
        }
        if let Some(reconciled) = &self.reconciled {
            text.push_str(&reconciled.text());
        }
        if let Some(why) = &self.not_reconciled {
            let _ = writeln!(text, "the accounts were not compared with the pool: {}", plain(why));
        }
        text
    }
}
