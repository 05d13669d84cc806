//! Batches: people on their way to a server, as many and as long as it takes at once; who cannot be told about now is sent again.
//! Refuses to send anybody again without an end, and what no server reads: then it is that line's fault, and no neighbour's.

use crate::cli::Ending;
use crate::cli::client::{Client, Patience, Said, no};
use crate::cli::import::report::{Ended, Told};
use crate::cli::import::{Entries, Entry, ITEM_LIMIT_BYTES};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};

/// People in a batch.
const PEOPLE: usize = 500;

/// How deep an item's objects and lists may be in one another: a server reads 127 levels, and a batch is two of them.
const LEVELS: usize = 125;

/// Bytes in a batch: one item more may come, and the server takes 1 MiB.
const BYTES: usize = (1 << 20) - 2 * ITEM_LIMIT_BYTES;

/// How often somebody is sent whom the server cannot tell about.
const TIMES: u32 = 12;

/// Where people are sent, and on which terms.
pub(super) struct Door<'a> {
    pub(super) client: &'a Client,
    pub(super) url: Url,
    pub(super) patience: Patience,
    pub(super) dry_run: bool,
    pub(super) relink: bool,
}

/// The next batch, if there is one.
pub(super) async fn batch(mut entries: Entries) -> Option<(Vec<Entry>, Entries)> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < PEOPLE && bytes < BYTES {
        let Some(entry) = entries.next().await.map(sendable) else { break };
        if let Entry::Person(_, _, item) = &entry {
            bytes += item.len() + 1;
        }
        batch.push(entry);
    }
    (!batch.is_empty()).then_some((batch, entries))
}

/// Somebody as they are; or what is told of an item that no server would read, whatever it was made of.
fn sendable(entry: Entry) -> Entry {
    let Entry::Person(place, who, item) = entry else { return entry };
    let told = if item.len() > ITEM_LIMIT_BYTES {
        let why = format!("as JSON it has {} bytes, more than {ITEM_LIMIT_BYTES}", item.len());
        Told::failed("line_too_long", why)
    } else if levels(&item) > LEVELS {
        let why = format!("more than {LEVELS} objects and lists in one another");
        Told::failed("line_invalid", why)
    } else {
        return Entry::Person(place, who, item);
    };
    Entry::Told(place, who, told)
}

/// How deep JSON's objects and lists are in one another.
fn levels(json: &str) -> usize {
    let (mut most, mut now, mut in_text, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => now += 1,
            b'}' | b']' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

impl Door<'_> {
    /// Sends a batch until everybody in it is told about.
    pub(super) async fn import(&self, batch: Vec<Entry>) -> Result<Vec<Ended>, Ending> {
        let mut told: Vec<Option<Told>> = Vec::with_capacity(batch.len());
        for entry in &batch {
            told.push(match entry {
                Entry::Person(..) => None,
                Entry::Told(_, _, told) => Some(told.clone()),
            });
        }
        let mut attempts = 0;
        loop {
            let open: Vec<_> = (0..batch.len()).filter(|number| told[*number].is_none()).collect();
            if open.is_empty() {
                break;
            }
            attempts += 1;
            let items: Vec<_> = open.iter().filter_map(|number| batch[*number].item()).collect();
            let answers = self.ask(&items).await?;
            let last = attempts == TIMES || self.patience.is_over();
            for (number, answer) in open.iter().zip(answers) {
                let one = Told::read(&answer);
                if last || !one.may_change() {
                    told[*number] = Some(one);
                    self.patience.renew();
                }
            }
            if told.iter().any(Option::is_none) {
                self.patience.pause(attempts, None).await;
            }
        }
        let ended = batch.into_iter().zip(told).filter_map(|(entry, told)| {
            let (Entry::Person(place, who, _) | Entry::Told(place, who, _)) = entry;
            Some((place, who, told?))
        });
        Ok(ended.collect())
    }

    /// What becomes of these items, in their order. Where the server takes no request that one of them is in, halves of it find out which.
    async fn ask(&self, items: &[&str]) -> Result<Vec<Value>, Ending> {
        let (mut answers, mut parts, mut is_theirs) = (Vec::new(), vec![items], false);
        while let Some(part) = parts.pop() {
            let (status, why) = match self.post(part).await? {
                Said::Yes(answer) => {
                    answers.extend(of_each(answer, part.len())?);
                    continue;
                }
                Said::No(status, why) => (status, why),
            };
            let code = match status {
                StatusCode::BAD_REQUEST => "line_invalid",
                StatusCode::PAYLOAD_TOO_LARGE => "line_too_long",
                _ => return Err(no(status, &why)),
            };
            // What is wrong without anybody in it is no fault of theirs.
            is_theirs = is_theirs || matches!(self.post(&[]).await?, Said::Yes(_));
            if !is_theirs {
                return Err(no(status, &why));
            }
            if let [_] = part {
                let why = format!("the server answered {status}");
                answers.push(json!({"outcome": "failed", "code": code, "detail": why}));
            } else {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
        }
        Ok(answers)
    }

    async fn post(&self, items: &[&str]) -> Result<Said, Ending> {
        let (dry_run, relink) = (self.dry_run, self.relink);
        let body =
            format!(r#"{{"dry_run":{dry_run},"relink":{relink},"items":[{}]}}"#, items.join(","));
        let request = || {
            let request = self.client.begin(Method::POST, self.url.clone())?;
            Ok(request.header(CONTENT_TYPE, "application/json").body(body.clone()))
        };
        self.client.hear(&self.patience, request).await
    }
}

fn of_each(mut answer: Value, count: usize) -> Result<Vec<Value>, Ending> {
    match answer["items"].take() {
        Value::Array(answers) if answers.len() == count => Ok(answers),
        _ => {
            eprintln!("enlist: the server did not answer as an Enlist does");
            Err(Ending::Failed)
        }
    }
}

impl Entry {
    fn item(&self) -> Option<&str> {
        match self {
            Self::Person(_, _, item) => Some(item),
            Self::Told(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LEVELS, levels, sendable};
    use crate::cli::import::{Entry, ITEM_LIMIT_BYTES, Who};

    fn code(item: String) -> Option<String> {
        match sendable(Entry::Person(Some(("line", 1)), Who::default(), item)) {
            Entry::Person(..) => None,
            Entry::Told(_, _, told) => told.code,
        }
    }

    #[test]
    fn levels_are_those_outside_of_texts() {
        for (json, deep) in [
            (r#""[[[""#, 0),
            (r#"{"a":"\"[{"}"#, 1),
            (r#"{"a":[{}],"b":"\\","c":[[]]}"#, 3),
            ("[[],[[]]]", 3),
        ] {
            assert_eq!(levels(json), deep, "{json}");
        }
    }

    #[test]
    fn what_no_server_reads_is_not_sent() {
        let nested = |deep: usize| "[".repeat(deep) + &"]".repeat(deep);
        assert_eq!(code(nested(LEVELS)), None);
        assert_eq!(code(nested(LEVELS + 1)).as_deref(), Some("line_invalid"));
        assert_eq!(code("x".repeat(ITEM_LIMIT_BYTES)), None);
        assert_eq!(code("x".repeat(ITEM_LIMIT_BYTES + 1)).as_deref(), Some("line_too_long"));
    }
}
