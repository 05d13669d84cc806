//! What `attach` and `detach` say they did, or would do.
//! Refuses to do any of it.

use super::Done;
use crate::arn::FunctionArn;
use crate::ending::Failure;
use crate::pool::PoolId;
use crate::print::{plain, value};
use crate::settings::Change;
use serde_json::{Value, json};
use std::fmt::Write;

/// What there is to say.
pub(super) struct Shown<'a> {
    pub(super) pool: &'a PoolId,
    pub(super) function: &'a FunctionArn,
    pub(super) dry_run: bool,
    pub(super) done: Done,
    pub(super) grant: Grant,
}

/// What came of the right to call the function.
pub(super) enum Grant {
    /// Nobody looked.
    LeftAlone,
    /// A statement names the pool already.
    There(String),
    /// No statement named the pool. One may let it in beside others.
    Added { request: Value, wide: Option<String> },
    /// These statements went.
    Taken(Vec<String>),
    /// These went, and then no more could be done.
    Stays { taken: Vec<String>, why: Failure },
}

impl Shown<'_> {
    /// For programs.
    pub(super) fn document(&self) -> Value {
        let list = |changes: &[Change]| -> Vec<Value> {
            changes
                .iter()
                .map(
                    |one| json!({"setting": one.setting, "before": one.before, "after": one.after}),
                )
                .collect()
        };
        let permission = match &self.grant {
            Grant::LeftAlone => json!({"state": "left_alone"}),
            Grant::There(statement) => json!({"state": "there", "statement": statement}),
            Grant::Added { request, wide } => {
                json!({"state": "added", "request": request, "wide": wide})
            }
            Grant::Taken(statements) => json!({"state": "taken", "statements": statements}),
            Grant::Stays { taken, why } => {
                json!({"state": "stays", "statements": taken, "why": why.says})
            }
        };
        let done = &self.done;
        json!({"user_pool": self.pool.as_str(), "function": self.function.as_str(), "dry_run": self.dry_run, "updated": done.updated,
            "failed": done.failure.as_ref().map(|failure| &failure.says), "changes": list(&done.changes),
            "kept": done.update.kept, "unknown": done.update.unknown, "damage": list(&done.damage), "not_compared": done.not_compared,
            "permission": permission, "request": if done.changes.is_empty() { Value::Null } else { done.update.request.clone().into() }})
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("user pool {}\n", self.pool);
        let done = &self.done;
        if let Some(failure) = &done.failure {
            let what = if done.updated { "NOT COMPARED" } else { "NOT CHANGED" };
            let _ = writeln!(text, "  {what}: {}", plain(&failure.says));
        }
        if done.changes.is_empty() {
            text.push_str("  its triggers are so already\n");
        } else {
            lines(&mut text, &done.changes);
            let _ = writeln!(text, "  unchanged: {}", done.update.kept.join(", "));
        }
        if !done.update.unknown.is_empty() {
            let unknown = done.update.unknown.join(", ");
            let _ = writeln!(
                text,
                "  newer than this program, and sent back as they came: {}",
                plain(&unknown)
            );
        }
        if let Some(why) = &done.not_compared {
            let _ = writeln!(text, "  second factors are not compared: {}", plain(why));
        }
        if !done.damage.is_empty() {
            text.push_str("  ERROR: these are not what they should be (- expected, + found)\n");
            lines(&mut text, &done.damage);
        }
        let _ = writeln!(text, "who may call {}", self.function);
        match &self.grant {
            Grant::LeftAlone => text.push_str("  left alone\n"),
            Grant::There(statement) => {
                _ = writeln!(text, "  the pool may, by {}", plain(statement))
            }
            Grant::Added { request, wide } => {
                let _ = writeln!(text, "  + {}", value(request.get("StatementId")));
                for field in ["Principal", "Action", "SourceArn", "SourceAccount"] {
                    let _ = writeln!(text, "      {field} {}", value(request.get(field)));
                }
                if let Some(wide) = wide {
                    let _ = writeln!(
                        text,
                        "  and so may others, by {}: it does not name this pool alone",
                        plain(wide)
                    );
                }
            }
            Grant::Taken(statements) if statements.is_empty() => {
                text.push_str("  nothing names this pool alone\n")
            }
            Grant::Taken(statements) => {
                took(&mut text, statements);
            }
            Grant::Stays { taken, why } => {
                took(&mut text, taken);
                let _ = writeln!(text, "  the rest stays: {}", plain(&why.says));
            }
        }
        if self.dry_run {
            text.push_str("dry run: nothing was changed\n");
        }
        text
    }
}

fn took(text: &mut String, statements: &[String]) {
    for statement in statements {
        let _ = writeln!(text, "  - {}", plain(statement));
    }
}

fn lines(text: &mut String, changes: &[Change]) {
    let side = |side: &Option<Value>| match side {
        None => "(nothing)".to_owned(),
        said => value(said.as_ref()),
    };
    for change in changes {
        let (before, after) = (side(&change.before), side(&change.after));
        let _ = writeln!(text, "  {}\n    - {before}\n    + {after}", plain(&change.setting));
    }
}
