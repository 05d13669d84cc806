//! A client that costs little, for it shares the processors with what it measures: requests written by hand on a connection that
//! is kept.
//! Refuses to be a client of HTTP at large: it reads what Enlist answers.

use std::error::Error;
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(4096) })
    }

    /// Sends a request with a JSON body, and `headers`, each a line with its end; the answer's status and body.
    pub(crate) async fn ask(
        &mut self,
        line: &str,
        key: &str,
        headers: &str,
        body: &str,
    ) -> Result<(&str, &str), String> {
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n{headers}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.write(request.as_bytes()).await.map_err(|error| error.to_string())?;
        let body = self.read().await.map_err(|error| error.to_string())?;
        let text = std::str::from_utf8(&self.answer).map_err(|error| error.to_string())?;
        Ok((text.split(' ').nth(1).unwrap_or_default(), &text[body..]))
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
