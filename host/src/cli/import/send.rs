//! Batches: people on their way to a server, as many and as long as it takes at once; who cannot be told about now is sent again.
//! Refuses to send anybody again without an end.

use crate::cli::Ending;
use crate::cli::client::{Client, Patience};
use crate::cli::import::report::{Ended, Told};
use crate::cli::import::{Entries, Entry, ITEM_LIMIT_BYTES};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Url};
use serde_json::Value;

/// People in a batch.
const PEOPLE: usize = 500;

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
        let Some(entry) = entries.next().await else { break };
        if let Entry::Person(_, _, item) = &entry {
            bytes += item.len() + 1;
        }
        batch.push(entry);
    }
    (!batch.is_empty()).then_some((batch, entries))
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
            let answers = self.ask(open.iter().filter_map(|number| batch[*number].item())).await?;
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

    /// What becomes of these items, in their order.
    async fn ask(&self, items: impl Iterator<Item = &str>) -> Result<Vec<Value>, Ending> {
        let items: Vec<_> = items.collect();
        let (dry_run, relink) = (self.dry_run, self.relink);
        let body =
            format!(r#"{{"dry_run":{dry_run},"relink":{relink},"items":[{}]}}"#, items.join(","));
        let request = || {
            let request = self.client.begin(Method::POST, self.url.clone())?;
            Ok(request.header(CONTENT_TYPE, "application/json").body(body.clone()))
        };
        let mut answer = self.client.insist(&self.patience, request).await?;
        match answer["items"].take() {
            Value::Array(answers) if answers.len() == items.len() => Ok(answers),
            _ => {
                eprintln!("enlist: the server did not answer as an Enlist does");
                Err(Ending::Failed)
            }
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
