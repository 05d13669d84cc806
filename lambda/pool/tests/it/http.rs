//! Just enough of HTTP/1.1 to ask a server of the tests, to be one, and to stand between two.
//! Refuses to be fast.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request, or an answer's headers and body.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// What Cognito is asked for.
    pub(crate) fn action(&self) -> Option<&str> {
        self.header("x-amz-target")?.rsplit('.').next()
    }
}

impl Answer {
    pub(crate) fn new(status: u16, body: &Value) -> Self {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Self {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body,
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A server of the test's own.
pub(crate) struct Listener {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Message>>>,
}

impl Listener {
    /// Answers every request by `answer`, each in a thread of its own.
    pub(crate) fn start(answer: impl Fn(&Message) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                thread::spawn(move || {
                    let Some(request) = read_request(&stream) else { return };
                    kept.lock().expect("no panic").push(request.clone());
                    write_answer(&stream, &answer(&request));
                });
            }
        });
        Self { url, seen }
    }

    /// Stands before another server: `meddle` may answer itself, else change what goes through.
    pub(crate) fn before(
        server: &str,
        meddle: impl Fn(&mut Message) -> Option<Answer> + Send + Sync + 'static,
        change: impl Fn(&Message, &mut Answer) + Send + Sync + 'static,
    ) -> Self {
        let server = server.to_owned();
        Self::start(move |request| {
            let mut request = request.clone();
            if let Some(answer) = meddle(&mut request) {
                return answer;
            }
            let mut answer = pass(&server, &request);
            change(&request, &mut answer);
            answer
        })
    }

    /// The requests that came.
    pub(crate) fn seen(&self) -> Vec<Message> {
        self.seen.lock().expect("no panic").clone()
    }

    /// How often Cognito was asked for this.
    pub(crate) fn asked_for(&self, action: &str) -> usize {
        self.seen().iter().filter(|request| request.action() == Some(action)).count()
    }
}

/// Sends a request on, and brings back the answer.
pub(crate) fn pass(server: &str, request: &Message) -> Answer {
    let address = server.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).expect("a server that listens");
    let mut head = format!(
        "{} {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n",
        request.method, request.path
    );
    for (name, value) in &request.headers {
        if !matches!(name.as_str(), "host" | "connection" | "content-length") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", request.body.len()));
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(&request.body))
        .expect("a server that reads");
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a status line");
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("a status: {line:?}"));
    let headers = headers(&mut reader);
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, length)| length.parse().ok());
    let mut body = Vec::new();
    match length {
        Some(length) => {
            body.resize(length, 0);
            reader.read_exact(&mut body).expect("a body");
        }
        None => _ = reader.read_to_end(&mut body).expect("a body"),
    }
    Answer { status, headers, body }
}

fn read_request(stream: &TcpStream) -> Option<Message> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = headers(&mut reader);
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, length)| length.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).ok()?;
    Some(Message { method, path, headers, body })
}

fn headers(reader: &mut impl BufRead) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        let read = reader.read_line(&mut line).unwrap_or_default();
        match line.trim_end().split_once(':') {
            Some((name, value)) if read > 0 => {
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            }
            _ => return headers,
        }
    }
}

fn write_answer(mut stream: &TcpStream, answer: &Answer) {
    let mut head = format!(
        "HTTP/1.1 {} -\r\nconnection: close\r\ncontent-length: {}\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        if !matches!(name.as_str(), "connection" | "content-length" | "transfer-encoding") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str("\r\n");
    // Whoever asked may have been killed meanwhile.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer.body));
}
