//! Asking at a steady rate, whether answers come or not: nobody waits for somebody else's answer, as people do not either.
//! Refuses to go on after an answer that is not the expected one.

use crate::connection::Connection;
use crate::report::Waits;
use std::cell::RefCell;
use std::error::Error;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, LocalSet};

/// What is asked, and what the answer must be.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    /// The request line's method and path.
    pub(crate) line: &'static str,
    /// The body for a person's number.
    pub(crate) body: fn(u64) -> String,
    /// The status.
    pub(crate) status: &'static str,
    /// What the body must say.
    pub(crate) says: &'static str,
}

/// Who asks, whom, how often, and what, in turn.
pub(crate) struct Asked<const N: usize> {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    pub(crate) rate: u32,
    pub(crate) questions: [Question; N],
}

impl<const N: usize> Asked<N> {
    /// Asks about these people; the waits of each question.
    pub(crate) async fn steadily(self, people: Range<u64>) -> Result<[Waits; N], Box<dyn Error>> {
        let idle = Rc::new(RefCell::new(Vec::<Connection>::new()));
        let mut waits = std::array::from_fn(|_| Waits::new());
        let (local, mut asking) = (LocalSet::new(), JoinSet::new());
        let mut clock = tokio::time::interval(Duration::from_secs(1) / self.rate);
        let asked = Rc::new(self);
        local
            .run_until(async {
                for number in people {
                    clock.tick().await;
                    let which = usize::try_from(number % N as u64)?;
                    let (asked, idle) = (Rc::clone(&asked), Rc::clone(&idle));
                    asking.spawn_local(async move {
                        let kept = idle.borrow_mut().pop();
                        let mut connection = match kept {
                            Some(connection) => connection,
                            None => Connection::open(asked.address)
                                .await
                                .map_err(|error| error.to_string())?,
                        };
                        let wait = asked.ask(&mut connection, which, number).await?;
                        idle.borrow_mut().push(connection);
                        Ok::<_, String>((which, wait))
                    });
                    while let Some(answered) = asking.try_join_next() {
                        let (which, wait) = answered??;
                        waits[which].push(wait);
                    }
                }
                while let Some(answered) = asking.join_next().await {
                    let (which, wait) = answered??;
                    waits[which].push(wait);
                }
                Ok(waits)
            })
            .await
    }

    async fn ask(
        &self,
        connection: &mut Connection,
        which: usize,
        number: u64,
    ) -> Result<Duration, String> {
        let Question { line, body, status, says } = self.questions[which];
        let body = body(number);
        let began = Instant::now();
        let (answered, text) = connection.ask(line, &self.key, "", &body).await?;
        let wait = began.elapsed();
        if answered != status || !text.contains(says) {
            return Err(format!("expected {status} {says}: {answered} {text}"));
        }
        Ok(wait)
    }
}
