//! A client that costs little, for it shares the processors with what it measures: requests written by hand on connections that
//! are kept, all on one thread.
//! Refuses to go on after an answer that is not the expected one: a figure for something else is worth nothing.

use crate::report::Sample;
use crate::server::Server;
use std::cell::Cell;
use std::error::Error;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
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
                while !connection.ask(&question, &key, number).await? {
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

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(4096) })
    }

    /// Asks once: false when the answer is `busy`.
    async fn ask(&mut self, question: &Question, key: &str, number: u64) -> Result<bool, String> {
        let Question { line, body, .. } = question;
        let body = body.map(|body| body(number)).unwrap_or_default();
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.write(request.as_bytes()).await.map_err(|error| error.to_string())?;
        let body = self.read().await.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&self.answer);
        let status = text.split(' ').nth(1).unwrap_or_default();
        if status == question.status && text[body..].contains(question.says) {
            Ok(true)
        } else if status == "503" && text[body..].contains(r#""code":"busy""#) {
            Ok(false)
        } else {
            Err(format!("expected {} {}: {text}", question.status, question.says))
        }
    }

    async fn write(&self, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.stream.writable().await?
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads a whole answer; where its body begins.
    async fn read(&mut self) -> std::io::Result<usize> {
        self.answer.clear();
        loop {
            self.stream.readable().await?;
            match self.stream.try_read_buf(&mut self.answer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            }
            if let Some(body) = complete(&self.answer) {
                return Ok(body);
            }
        }
    }
}

/// Where the body begins, if all of it is there.
fn complete(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&answer[..head]).ok()?;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let body = head + 4;
    (answer.len() - body >= length.parse().ok()?).then_some(body)
}
