//! What the operator reads: one JSON object a line on standard output, which Lambda takes to CloudWatch Logs. The line of an invocation
//! is its metrics as well, in CloudWatch's embedded format, so that no agent is needed. Refuses keys, e-mails and user names.

use serde_json::{Map, Value, json};
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

/// What an invocation came to, which is what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// An account was opened.
    Provisioned,
    /// There was one already.
    Known,
    /// Somebody may sign up.
    Granted,
    /// A rule says no.
    Refused,
    /// It is not known what the rules say.
    Failed,
    /// Nothing of ours.
    Ignored,
}

/// All that is said of an invocation.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) trigger_source: &'a str,
    pub(crate) outcome: Outcome,
    /// The server's code, or ours for what never reached it.
    pub(crate) code: Option<&'a str>,
    pub(crate) subject: Option<&'a str>,
    /// Why, as far as a machine said it.
    pub(crate) detail: Option<&'a str>,
    /// What mends it.
    pub(crate) advice: Option<&'a str>,
    pub(crate) attempts: u32,
    pub(crate) took: Duration,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Provisioned => "provisioned",
            Self::Known => "known",
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Ignored => "ignored",
        }
    }

    fn level(self) -> Level {
        match self {
            Self::Refused => Level::Warn,
            Self::Failed => Level::Error,
            _ => Level::Info,
        }
    }
}

/// What a metric of each name counts.
const COUNTS: [(&str, Outcome); 4] = [
    ("Provisioned", Outcome::Provisioned),
    ("Known", Outcome::Known),
    ("Refused", Outcome::Refused),
    ("Failed", Outcome::Failed),
];

/// A line about the trigger itself.
pub(crate) fn say(level: Level, message: &str) {
    print(&line(SystemTime::now(), level, message));
}

impl Entry<'_> {
    /// The line of an invocation.
    pub(crate) fn write(&self) {
        print(&self.line(SystemTime::now()));
    }

    fn line(&self, now: SystemTime) -> Map<String, Value> {
        let took_ms = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        let mut line = line(now, self.outcome.level(), self.outcome.as_str());
        let mut say = |name: &str, value: Value| line.insert(name.to_owned(), value);
        say("request_id", json!(self.request_id));
        say("trigger_source", json!(self.trigger_source));
        say("outcome", json!(self.outcome.as_str()));
        let texts = [
            ("code", self.code),
            ("sub", self.subject),
            ("detail", self.detail),
            ("advice", self.advice),
        ];
        for (name, text) in texts.into_iter().filter(|(_, text)| text.is_some()) {
            say(name, json!(text));
        }
        say("attempts", json!(self.attempts));
        say("took_ms", json!(took_ms));
        if self.outcome != Outcome::Ignored {
            say("_aws", directive(now));
            say("TriggerSource", json!(self.trigger_source));
            for (name, counted) in COUNTS {
                say(name, json!(u8::from(self.outcome == counted)));
            }
            say("Latency", json!(took_ms));
        }
        line
    }
}

/// What tells CloudWatch which members are metrics.
fn directive(now: SystemTime) -> Value {
    let counts = COUNTS.iter().map(|(name, _)| json!({"Name": name, "Unit": "Count"}));
    let metrics: Vec<_> =
        counts.chain([json!({"Name": "Latency", "Unit": "Milliseconds"})]).collect();
    let at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    json!({
        "Timestamp": u64::try_from(at).unwrap_or_default(),
        "CloudWatchMetrics": [{"Namespace": "Enlist", "Dimensions": [["TriggerSource"]], "Metrics": metrics}],
    })
}

fn line(now: SystemTime, level: Level, message: &str) -> Map<String, Value> {
    let mut line = Map::new();
    line.insert("timestamp".to_owned(), json!(humantime::format_rfc3339_millis(now).to_string()));
    line.insert("level".to_owned(), json!(level.as_str()));
    line.insert("message".to_owned(), json!(message));
    line
}

fn print(line: &Map<String, Value>) {
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    // Nobody could be told that nobody can be told.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_that_is_declared_is_a_number_beside_it() {
        let entry = Entry {
            request_id: "r-1",
            trigger_source: "PostConfirmation_ConfirmSignUp",
            outcome: Outcome::Known,
            code: None,
            subject: Some("s-1"),
            detail: None,
            advice: None,
            attempts: 1,
            took: Duration::from_millis(12),
        };
        let line = entry.line(UNIX_EPOCH + Duration::from_millis(1_790_000_000_123));
        let declared = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(line["_aws"]["Timestamp"], 1_790_000_000_123_u64);
        assert_eq!(declared["Namespace"], "Enlist");
        assert_eq!(declared["Dimensions"], json!([["TriggerSource"]]));
        for metric in declared["Metrics"].as_array().expect("metrics") {
            assert!(line[metric["Name"].as_str().expect("a name")].is_number());
        }
        assert_eq!((&line["Known"], &line["Provisioned"]), (&json!(1), &json!(0)));
        assert_eq!(
            (&line["Latency"], &line["TriggerSource"]),
            (&json!(12), &json!(entry.trigger_source))
        );
        assert_eq!(line["timestamp"], "2026-09-21T14:13:20.123Z");
    }

    #[test]
    fn what_is_not_ours_is_not_counted() {
        let entry = Entry {
            request_id: "r-1",
            trigger_source: "TokenGeneration_Authentication",
            outcome: Outcome::Ignored,
            code: None,
            subject: None,
            detail: None,
            advice: None,
            attempts: 0,
            took: Duration::ZERO,
        };
        let line = entry.line(UNIX_EPOCH);
        assert!(!line.contains_key("_aws") && !line.contains_key("Latency"));
    }
}
