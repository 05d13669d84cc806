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
    /// The function's own name, which tells its metrics from another's in the same account.
    pub(crate) function: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) trigger_source: &'a str,
    pub(crate) outcome: Outcome,
    /// Cognito is answered with an error, on purpose.
    pub(crate) turned_away: bool,
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

/// What a metric of each name counts, for each of the pool's triggers.
const COUNTS: [(&str, Outcome); 4] = [
    ("Provisioned", Outcome::Provisioned),
    ("Known", Outcome::Known),
    ("Refused", Outcome::Refused),
    ("Failed", Outcome::Failed),
];

/// What is counted for the function as a whole, which is what alarms look at: Lambda has no number by trigger that could be compared.
const WHOLE: [&str; 2] = ["Failed", TURNED_AWAY];

/// An error that is an answer. Lambda counts it among its errors all the same.
const TURNED_AWAY: &str = "TurnedAway";

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
            // When it began, as Lambda dates its own numbers: an error and what explains it are in the same minute.
            say("_aws", directive(now.checked_sub(self.took).unwrap_or(now)));
            say("FunctionName", json!(self.function));
            say("TriggerSource", json!(self.trigger_source));
            for (name, counted) in COUNTS {
                say(name, json!(u8::from(self.outcome == counted)));
            }
            say(TURNED_AWAY, json!(u8::from(self.turned_away)));
            say("Latency", json!(took_ms));
        }
        line
    }
}

/// What tells CloudWatch which members are metrics.
fn directive(at: SystemTime) -> Value {
    let count = |name: &str| json!({"Name": name, "Unit": "Count"});
    let mut each: Vec<_> = COUNTS.iter().map(|(name, _)| count(name)).collect();
    each.push(json!({"Name": "Latency", "Unit": "Milliseconds"}));
    let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    json!({
        "Timestamp": u64::try_from(at).unwrap_or_default(),
        "CloudWatchMetrics": [
            {"Namespace": "Enlist", "Dimensions": [["FunctionName", "TriggerSource"]], "Metrics": each},
            {"Namespace": "Enlist", "Dimensions": [["FunctionName"]], "Metrics": WHOLE.map(count)},
        ],
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

    const ENTRY: Entry<'_> = Entry {
        function: "f-1",
        request_id: "r-1",
        trigger_source: "PostConfirmation_ConfirmSignUp",
        outcome: Outcome::Known,
        turned_away: false,
        code: None,
        subject: Some("s-1"),
        detail: None,
        advice: None,
        attempts: 1,
        took: Duration::from_millis(12),
    };

    #[test]
    fn every_metric_that_is_declared_is_a_number_beside_it() {
        let line = ENTRY.line(UNIX_EPOCH + Duration::from_millis(1_790_000_000_123));
        let declared = line["_aws"]["CloudWatchMetrics"].as_array().expect("directives");
        assert!(!declared.is_empty());
        for directive in declared {
            assert_eq!(directive["Namespace"], "Enlist");
            for metric in directive["Metrics"].as_array().expect("metrics") {
                assert!(line[metric["Name"].as_str().expect("a name")].is_number());
            }
            for dimension in directive["Dimensions"][0].as_array().expect("dimensions") {
                assert!(line[dimension.as_str().expect("a name")].is_string());
            }
        }
        assert_eq!((&line["Known"], &line["Provisioned"]), (&json!(1), &json!(0)));
        assert_eq!(
            (&line["Latency"], &line["TriggerSource"], &line["FunctionName"]),
            (&json!(12), &json!(ENTRY.trigger_source), &json!("f-1"))
        );
        assert_eq!(line["timestamp"], "2026-09-21T14:13:20.123Z");
    }

    #[test]
    fn what_an_alarm_looks_at_is_the_functions_own() {
        let line = ENTRY.line(UNIX_EPOCH);
        let declared = &line["_aws"]["CloudWatchMetrics"];
        assert_eq!(declared[0]["Dimensions"], json!([["FunctionName", "TriggerSource"]]));
        let whole =
            json!([{"Name": "Failed", "Unit": "Count"}, {"Name": "TurnedAway", "Unit": "Count"}]);
        assert_eq!(declared[1]["Dimensions"], json!([["FunctionName"]]));
        assert_eq!(declared[1]["Metrics"], whole);
    }

    #[test]
    fn numbers_are_of_the_moment_when_it_began() {
        let line = ENTRY.line(UNIX_EPOCH + Duration::from_millis(1_790_000_000_123));
        assert_eq!(line["_aws"]["Timestamp"], 1_790_000_000_111_u64);
    }

    #[test]
    fn what_is_not_ours_is_not_counted() {
        let entry = Entry { outcome: Outcome::Ignored, ..ENTRY };
        let line = entry.line(UNIX_EPOCH);
        assert!(!line.contains_key("_aws") && !line.contains_key("Latency"));
    }
}
