//! The carrying of messages to webhooks, for as long as the server runs: what is due is taken from the outbox, tried, and taken away, put
//! off, or given up.
//! Refuses to let one tenant's endpoint hold up another's, and to hurry: an endpoint that fails is left alone longer each time.

use crate::domain::{Delivery, Endpoint, Sink};
use crate::downstream::{Attempt, Message, Missed, Why};
use crate::kill_point;
use crate::ledger::LedgerError;
use crate::manage::Operations;
use crate::manage::webhooks::round::{Done, Round, SLOW};
use crate::meters::{DeliveryLabel, METERS};
use futures_util::stream::StreamExt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tracing::{error, info, warn};

/// How long a message is put off after each attempt that failed; after the last of these each time for as long.
const PUT_OFF: [Duration; 7] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(60 * 60),
];

/// How long a message is tried, from when it happened; and how often at least: the server may have been off.
const TRIED_FOR_MS: i64 = 3 * 24 * 60 * 60 * 1000;
const TRIED_AT_LEAST: u32 = 6;

/// How long is waited where the database does not do its part.
const AGAIN: Duration = Duration::from_secs(2);

/// How often the clock is looked at that says when something is due, for it may be set.
const LOOK: Duration = Duration::from_secs(60);

/// How often is looked for what is old and waits for an endpoint that is gone, and for webhooks that nobody has any more.
const SWEPT_EVERY: Duration = Duration::from_secs(60 * 60);

impl Operations {
    /// Carries messages to webhooks for as long as it is polled.
    pub async fn deliver_webhooks(self) {
        tokio::join!(self.carry(), self.sweep());
    }

    async fn carry(&self) {
        let mut round = Round::default();
        loop {
            let pause = self.begin(&mut round).await.unwrap_or_else(|error| {
                warn!(?error, "nobody knows which messages to webhooks are due");
                AGAIN
            });
            tokio::select! {
                Some(done) = round.attempts.next() => round.end(done),
                () = self.ledger.outbox_filled(Sink::Webhook) => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Begins what is due and has a place, and says how long nothing else is.
    async fn begin<'a>(&'a self, round: &mut Round<'a>) -> Result<Duration, LedgerError> {
        let agenda = self.ledger.agenda().await?;
        for tenant in round.in_turn(agenda.due) {
            let now = Instant::now();
            let (places, busy) = (round.places(tenant, now), round.busy(tenant));
            if places == 0 {
                continue;
            }
            // What is on its way is due still.
            let Some((endpoint, due)) = self.ledger.due_of(tenant, places + busy).await? else {
                continue;
            };
            for delivery in
                due.into_iter().filter(|one| !round.has(one)).take(places).collect::<Vec<_>>()
            {
                let number = delivery.number;
                let attempt = self.attempt(endpoint.clone(), delivery);
                round.begin(tenant, number, now, Box::pin(attempt));
            }
        }
        let until = agenda.next_ms.map(|next_ms| u64::try_from(next_ms - now_ms()).unwrap_or(0));
        let until = until.map(Duration::from_millis);
        let until_slow = round.until_slow(Instant::now());
        Ok(until.into_iter().chain(until_slow).fold(LOOK, Duration::min))
    }

    async fn attempt(&self, endpoint: Endpoint, delivery: Delivery) -> Done {
        let Some(message) = Message::of(&delivery) else {
            error!(tenant = %delivery.tenant_name, id = delivery.message, "what the outbox has is no message");
            return self.settled(endpoint, delivery, false, Outcome::GivenUp).await;
        };
        let Attempt { missed, took, .. } = self.courier.deliver(&endpoint, &message).await;
        let tenant = &delivery.tenant_name;
        let (id, event, tried) = (&*message.id, delivery.event.as_str(), delivery.attempts + 1);
        let outcome = match missed {
            None => {
                kill_point::reach("webhook_arrived");
                info!(%tenant, id, event, tried, took_ms = took.as_millis(), "a message arrived at the webhook");
                Outcome::Delivered
            }
            Some(missed) if missed.why == Why::Gone => {
                error!(%tenant, "the webhook's endpoint answered 410, it is gone: nothing is sent until its URL is set again");
                Outcome::Stopped
            }
            Some(missed) if is_over(&delivery, now_ms()) => {
                error!(%tenant, id, event, tried, %missed, "a message to the webhook is given up");
                Outcome::GivenUp
            }
            Some(missed) => {
                let pause = pause(delivery.attempts, &missed, chance());
                warn!(%tenant, id, event, tried, %missed, again_in_ms = pause.as_millis(), "a message did not arrive at the webhook");
                Outcome::PutOff(missed.why, pause)
            }
        };
        let well = matches!(outcome, Outcome::Delivered) && took < SLOW;
        self.settled(endpoint, delivery, well, outcome).await
    }

    /// Writes what came of it. If that cannot be written, it is as if nothing had been tried, and it is tried again, but not at once.
    async fn settled(
        &self,
        endpoint: Endpoint,
        delivery: Delivery,
        well: bool,
        outcome: Outcome,
    ) -> Done {
        let Delivery { number, tenant, .. } = delivery;
        let label = DeliveryLabel {
            tenant: delivery.tenant_name.to_string(),
            sink: Sink::Webhook.as_str(),
            outcome: outcome.as_str(),
        };
        METERS.deliveries.get_or_create(&label).inc();
        let written = match outcome {
            Outcome::Delivered => self.ledger.delivered(vec![number]).await,
            Outcome::GivenUp => self.ledger.give_up(&endpoint, number).await,
            Outcome::Stopped => self.ledger.stop_webhook(&endpoint).await,
            Outcome::PutOff(why, pause) => {
                let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
                let next_ms = now_ms().saturating_add(pause);
                self.ledger.missed(&endpoint, number, why.as_str(), next_ms).await
            }
        };
        if let Err(error) = written {
            warn!(?error, "what came of a message to a webhook is not written");
            tokio::time::sleep(AGAIN).await;
        }
        Done { tenant, number, well }
    }

    /// Gives up what is old and waits for an endpoint that is gone, and forgets the webhooks of removed tenants that were told all.
    async fn sweep(&self) {
        loop {
            let swept = self.ledger.give_up_stopped(now_ms() - TRIED_FOR_MS).await;
            let swept = swept.inspect_err(|error| warn!(?error, "old messages to webhooks stay"));
            for given_up in swept.unwrap_or_default() {
                let (tenant, messages) = (&given_up.tenant, given_up.messages);
                error!(%tenant, messages, "messages to a webhook that is gone are given up");
            }
            let forgotten = self.ledger.forget_webhooks().await;
            let forgotten =
                forgotten.inspect_err(|error| warn!(?error, "webhooks of removed tenants stay"));
            for tenant in forgotten.unwrap_or_default() {
                info!(%tenant, "the webhook of a removed tenant is forgotten: nothing waits for it");
            }
            tokio::time::sleep(SWEPT_EVERY).await;
        }
    }
}

/// What comes of an attempt.
enum Outcome {
    Delivered,
    PutOff(Why, Duration),
    Stopped,
    GivenUp,
}

impl Outcome {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::PutOff(..) | Self::Stopped => "retried",
            Self::GivenUp => "given_up",
        }
    }
}

/// Whether the attempt that failed now was the message's last.
fn is_over(delivery: &Delivery, now_ms: i64) -> bool {
    let old = now_ms.saturating_sub(delivery.at_ms) >= TRIED_FOR_MS;
    old && delivery.attempts + 1 >= TRIED_AT_LEAST
}

/// How long a message is put off that was tried so often before: as the table has it and up to a fifth more, as `chance` from 0 to 1 has
/// it, so that what failed together does not come again together; and no less than the endpoint asks for.
fn pause(attempts: u32, missed: &Missed, chance: f64) -> Duration {
    let step = usize::try_from(attempts).unwrap_or(usize::MAX).min(PUT_OFF.len() - 1);
    let pause = PUT_OFF[step].mul_f64(1.0 + chance / 5.0);
    pause.max(missed.wait.unwrap_or_default())
}

fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |drawn| f64::from(drawn) / f64::from(u32::MAX))
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{PUT_OFF, TRIED_AT_LEAST, TRIED_FOR_MS, is_over, pause};
    use crate::domain::{Delivery, Event, Sink, TenantId, TenantName};
    use crate::downstream::{Missed, Why};
    use std::time::Duration;

    fn missed(wait: Option<Duration>) -> Missed {
        Missed { why: Why::Status, detail: String::new(), wait }
    }

    #[test]
    fn each_pause_is_longer_than_the_one_before_and_none_longer_than_an_hour_and_a_fifth() {
        let pauses = (0..8).map(|attempts| pause(attempts, &missed(None), 0.0).as_secs());
        assert_eq!(pauses.collect::<Vec<_>>(), [1, 5, 30, 120, 600, 1800, 3600, 3600]);
        assert_eq!(pause(u32::MAX, &missed(None), 1.0), Duration::from_secs(4320));
        for (step, least) in (0..).zip(PUT_OFF) {
            let drawn = pause(step, &missed(None), 0.5);
            assert!(drawn > least && drawn < least.mul_f64(1.2), "{drawn:?}");
        }
        let asked = Duration::from_secs(40);
        assert_eq!(pause(0, &missed(Some(asked)), 0.0), asked);
        assert_eq!(pause(3, &missed(Some(asked)), 0.0).as_secs(), 120, "no earlier than by itself");
    }

    #[test]
    fn a_message_is_given_up_when_it_is_old_and_was_tried_often_enough() {
        let over = |age_ms: i64, attempts: u32| {
            let delivery = Delivery {
                number: 1,
                tenant: TenantId(1),
                tenant_name: TenantName::parse("acme").expect("a name"),
                sink: Sink::Webhook,
                name: String::new(),
                event: Event::RevisionRolledBack,
                message: String::new(),
                content: String::new(),
                at_ms: 1_000,
                attempts,
            };
            is_over(&delivery, 1_000 + age_ms)
        };
        assert!(over(TRIED_FOR_MS, TRIED_AT_LEAST - 1));
        assert!(!over(TRIED_FOR_MS - 1, 1000), "it is not old");
        assert!(!over(TRIED_FOR_MS * 10, TRIED_AT_LEAST - 2), "the server was off");
    }
}
