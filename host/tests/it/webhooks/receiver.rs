//! A receiver on this machine: it keeps what it is sent, and answers as the test says. It verifies signatures by its own reckoning, from the
//! text of RFC 2104 and of Standard Webhooks, with nothing of the server's.

use super::PATIENCE;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// What it is answered.
pub(crate) enum Reply {
    /// A status and the rest of the head.
    Status(u16, &'static str),
    /// Nothing, until the receiver is told to go on; then this.
    Held(u16, &'static str),
    /// 200, and a body without an end.
    Endless,
}

/// Keeps and answers.
pub(crate) struct Receiver {
    pub(crate) url: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    got: Mutex<Vec<Received>>,
    more: Condvar,
    open: Mutex<bool>,
    opened: Condvar,
    /// Bytes of endless bodies that were taken.
    written: AtomicU64,
    /// Endless bodies whose reader went away.
    left: Mutex<u64>,
    gone: Condvar,
}

/// Something that a connection is: TLS or not.
pub(crate) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Receiver {
    /// One that answers as `reply` says, by what came and how many came before it.
    pub(crate) fn start(reply: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_over("http", reply, |stream| Box::new(stream))
    }

    /// The same over something else than TCP alone.
    pub(crate) fn start_over(
        scheme: &str,
        reply: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
        over: impl Fn(TcpStream) -> Box<dyn Stream> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("{scheme}://{}/hook", listener.local_addr().expect("an address"));
        let (seen, reply) = (Arc::new(Seen::default()), Arc::new(reply));
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, reply) = (Arc::clone(&kept), Arc::clone(&reply));
                let stream = over(stream);
                std::thread::spawn(move || serve(stream, &seen, &*reply));
            }
        });
        Self { url, seen }
    }

    /// One that takes everything.
    pub(crate) fn willing() -> Self {
        Self::start(|_, _| Reply::Status(204, ""))
    }

    /// Everything that came so far.
    pub(crate) fn got(&self) -> Vec<Received> {
        self.seen.got.lock().expect("a lock").clone()
    }

    /// Waits until so many came.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Received> {
        let seen = Arc::clone(&self.seen);
        let waiting = tokio::task::spawn_blocking(move || {
            let got = seen.got.lock().expect("a lock");
            let few = |got: &mut Vec<Received>| got.len() < count;
            let (got, late) = seen.more.wait_timeout_while(got, PATIENCE, few).expect("a lock");
            assert!(!late.timed_out(), "{} came, not {count}: {got:#?}", got.len());
            got.clone()
        });
        waiting.await.expect("what came")
    }

    /// Lets those go on that are held.
    pub(crate) fn go_on(&self) {
        *self.seen.open.lock().expect("a lock") = true;
        self.seen.opened.notify_all();
    }

    /// Waits until whoever read an endless body went away: how many bytes went out.
    pub(crate) async fn left_after(&self) -> u64 {
        let seen = Arc::clone(&self.seen);
        let waiting = tokio::task::spawn_blocking(move || {
            let left = seen.left.lock().expect("a lock");
            let (left, late) =
                seen.gone.wait_timeout_while(left, PATIENCE, |left| *left == 0).expect("a lock");
            assert!(!late.timed_out(), "it reads on, {left}");
            seen.written.load(Ordering::Relaxed)
        });
        waiting.await.expect("a count")
    }
}

fn serve(stream: Box<dyn Stream>, seen: &Seen, reply: &dyn Fn(&Received, usize) -> Reply) {
    let mut stream = BufReader::new(stream);
    // Whoever does not trust us sends nothing.
    let Some(received) = read(&mut stream) else { return };
    let before = {
        let mut got = seen.got.lock().expect("a lock");
        got.push(received.clone());
        seen.more.notify_all();
        got.len() - 1
    };
    let (status, rest) = match reply(&received, before) {
        Reply::Status(status, rest) => (status, rest),
        Reply::Held(status, rest) => {
            let open = seen.open.lock().expect("a lock");
            drop(seen.opened.wait_while(open, |open| !*open).expect("a lock"));
            (status, rest)
        }
        Reply::Endless => return pour(stream.get_mut(), seen),
    };
    let head = format!("HTTP/1.1 {status} Said\r\n{rest}Content-Length: 0\r\n\r\n");
    let _ = stream.get_mut().write_all(head.as_bytes());
    let _ = stream.get_mut().flush();
}

fn pour(stream: &mut Box<dyn Stream>, seen: &Seen) {
    let part = [b'x'; 16 << 10];
    let mut written = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while written.is_ok() {
        let chunk = stream.write_all(format!("{:x}\r\n", part.len()).as_bytes());
        written =
            chunk.and_then(|()| stream.write_all(&part)).and_then(|()| stream.write_all(b"\r\n"));
        seen.written.fetch_add(part.len() as u64, Ordering::Relaxed);
    }
    *seen.left.lock().expect("a lock") += 1;
    seen.gone.notify_all();
}

fn read(stream: &mut impl BufRead) -> Option<Received> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok())?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    Some(Received { line: line.trim_end().to_owned(), headers, body })
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// What happened to whom.
    pub(crate) fn about(&self) -> (String, String) {
        let said = self.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&said["type"]), text(&said["data"]["name"]))
    }

    /// How many of the signatures are made with this secret.
    pub(crate) fn signed_with(&self, secret: &str) -> usize {
        let key = secret.strip_prefix("whsec_").expect("the prefix");
        let key = BASE64_STANDARD.decode(key).expect("base64");
        let signed = format!("{}.{}.{}", self.id(), self.header("webhook-timestamp"), self.body);
        let expected =
            format!("v1,{}", BASE64_STANDARD.encode(hmac_sha256(&key, signed.as_bytes())));
        self.header("webhook-signature").split(' ').filter(|one| **one == expected).count()
    }

    /// How many signatures there are.
    pub(crate) fn signatures(&self) -> usize {
        self.header("webhook-signature").split(' ').count()
    }
}

/// RFC 2104, for keys no longer than a block.
fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| -> Vec<u8> {
        (0..64).map(|place| key.get(place).copied().unwrap_or(0) ^ with).collect()
    };
    let inner = Sha256::digest([pad(0x36), text.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}

/// RFC 4231, test case 2: what reckons here reckons right.
#[test]
fn the_receivers_reckoning_is_right() {
    let tag = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}
