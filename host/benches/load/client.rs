//! A client that asks for many people, so many at once, all on one thread.
//! Refuses to go on after an answer that is not the expected one: a figure for something else is worth nothing.

use crate::connection::Connection;
use crate::report::Sample;
use crate::server::Server;
use std::cell::Cell;
use std::error::Error;
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What is asked, and what the answer must be.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    /// The request line's method and path.
    pub(crate) line: &'static str,
    /// The body for a person's number; none for a GET.
    pub(crate) body: Option<fn(u64) -> String>,
    /// The status.
    pub(crate) status: &'static str,
    /// What the body must say.
    pub(crate) says: &'static str,
}

/// A client that is told `busy` asks again, and this is part of its wait.
const AGAIN_AFTER: Duration = Duration::from_millis(10);

/// Asks for these people, `in_flight` at a time.
pub(crate) async fn run(
    server: &Server,
    question: Question,
    people: Range<u64>,
    in_flight: usize,
) -> Result<Sample, Box<dyn Error>> {
    let mut connections = Vec::with_capacity(in_flight);
    for _ in 0..in_flight {
        connections.push(Connection::open(server.address).await?);
    }
    // One thread: what the tasks share needs no lock.
    let count = usize::try_from(people.end - people.start)?;
    let next = std::rc::Rc::new(Cell::new(people.start));
    let mut tasks = JoinSet::new();
    let processor = server.processor_time()?;
    let began = Instant::now();
    let local = tokio::task::LocalSet::new();
    for mut connection in connections {
        let (next, end, key) = (std::rc::Rc::clone(&next), people.end, server.key.clone());
        let work = async move {
            let (mut waits, mut busy) = (Vec::new(), 0);
            while next.get() < end {
                let number = next.replace(next.get() + 1);
                let began = Instant::now();
                while !ask(&mut connection, &question, &key, number).await? {
                    busy += 1;
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
                waits.push(began.elapsed());
            }
            Ok::<_, String>((waits, busy))
        };
        tasks.spawn_local_on(work, &local);
    }
    let (waits, busy) = local
        .run_until(async {
            let (mut all, mut busy) = (Vec::with_capacity(count), 0);
            while let Some(task) = tasks.join_next().await {
                let (waits, refused) = task.map_err(|lost| lost.to_string())??;
                all.extend(waits);
                busy += refused;
            }
            Ok::<_, String>((all, busy))
        })
        .await?;
    let took = began.elapsed();
    Ok(Sample { took, waits, busy, processor: Some(server.processor_time()? - processor) })
}

/// Asks once: false when the answer is `busy`.
async fn ask(
    connection: &mut Connection,
    question: &Question,
    key: &str,
    number: u64,
) -> Result<bool, String> {
    let body = question.body.map(|body| body(number)).unwrap_or_default();
    let (status, text) = connection.ask(question.line, key, "", &body).await?;
    if status == question.status && text.contains(question.says) {
        Ok(true)
    } else if status == "503" && text.contains(r#""code":"busy""#) {
        Ok(false)
    } else {
        Err(format!("expected {} {}: {status} {text}", question.status, question.says))
    }
}
