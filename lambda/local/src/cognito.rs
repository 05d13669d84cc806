//! How Cognito calls a trigger: it waits for five seconds, asks again while the first may still be at work, and gives up after three
//! attempts; and nothing keeps it from delivering an event twice.

use crate::invoke::{Invocation, Lambda};
use axum::body::Bytes;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The way an event is delivered.
#[derive(Clone, Copy, Debug)]
pub struct AsCognito {
    /// How often at most; Cognito: 3.
    pub attempts: u32,
    /// How long each is waited for; Cognito: 5 seconds.
    pub patience: Duration,
    /// How many of the same come at once; 1 on a good day.
    pub copies: u32,
}

/// What a delivery came to.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The first answer that came in time, of the first copy.
    pub answer: Option<Invocation>,
    /// What the other copies were answered.
    pub copies: Vec<Option<Invocation>>,
    /// How many attempts the first copy took.
    pub attempts: u32,
}

impl Default for AsCognito {
    fn default() -> Self {
        Self { attempts: 3, patience: Duration::from_secs(5), copies: 1 }
    }
}

impl AsCognito {
    /// Delivers an event. Attempts that were given up go on, as they do in Lambda.
    pub async fn deliver(&self, lambda: &Lambda, event: Bytes) -> Delivery {
        let mut others = JoinSet::new();
        for _ in 1..self.copies {
            let (way, lambda, event) = (*self, lambda.clone(), event.clone());
            others.spawn(async move { way.one(&lambda, event).await.0 });
        }
        let (answer, attempts) = self.one(lambda, event).await;
        Delivery { answer, copies: others.join_all().await, attempts }
    }

    async fn one(&self, lambda: &Lambda, event: Bytes) -> (Option<Invocation>, u32) {
        for attempt in 1..=self.attempts {
            let (lambda, event) = (lambda.clone(), event.clone());
            let invoked = tokio::spawn(async move { lambda.invoke(event).await });
            if let Ok(Ok(answer)) = timeout(self.patience, invoked).await {
                return (Some(answer), attempt);
            }
        }
        (None, self.attempts)
    }
}
