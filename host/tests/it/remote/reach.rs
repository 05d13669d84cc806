//! Servers that are not what they seem: with a certificate, without one that is trusted, elsewhere, or no Enlist at all.

use super::{Ended, end};
use crate::app::{App, enlist};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

const KEY: &str = "sixteen-letters-and-more";

/// Reads a request's head.
fn head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Answers one connection, and says what it was asked.
fn answer(mut stream: impl Read + Write, status: &str, body: &str) -> String {
    let asked = head(&mut stream);
    let length = body.len();
    let text =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    // Whoever does not trust us has gone already.
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
    asked
}

/// A server that answers once, and its address.
fn plain(status: &'static str, body: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        answer(stream, status, body)
    });
    (url, server)
}

fn list(server: &str, trusted: Option<&Path>) -> Ended {
    let mut command = enlist();
    command.args(["tenant", "list", "-o", "json", "--server", server]).env("ENLIST_KEY", KEY);
    if let Some(trusted) = trusted {
        command.env("SSL_CERT_FILE", trusted);
    }
    end(&mut command)
}

#[test]
fn a_server_is_asked_over_tls_if_its_certificate_is_trusted() {
    let folder = tempfile::tempdir().expect("a folder");
    let issued =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let file = folder.path().join("cert.pem");
    std::fs::write(&file, issued.cert.pem()).expect("a file");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .expect("a configuration");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
    let server = std::thread::spawn(move || {
        let one = || {
            let (stream, _) = listener.accept().expect("a client");
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            answer(StreamOwned::new(connection, stream), "200 OK", r#"{"items":[],"next":null}"#)
        };
        [one(), one()]
    });
    let (code, out, error) = list(&url, Some(&file));
    assert_eq!((code, out.trim()), (Some(0), r#"{"items":[],"next":null}"#), "{error}");
    let other = folder.path().join("other.pem");
    let stranger =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(&other, stranger.cert.pem()).expect("a file");
    let (code, out, error) = list(&url, Some(&other));
    assert_eq!((code, out.as_str()), (Some(3), ""), "{error}");
    assert!(error.contains("certificate"), "{error}");
    let [trusted, untrusted] = server.join().expect("an end");
    assert!(trusted.contains(KEY));
    assert_eq!(untrusted, "", "no key for whoever is not trusted");
}

#[test]
fn a_key_does_not_follow_a_redirect() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere.set_nonblocking(true).expect("no waiting");
    let to =
        format!("302 Found\r\nLocation: http://{}/", elsewhere.local_addr().expect("an address"));
    let (url, server) = plain(to.leak(), "");
    let (code, out, error) = list(&url, None);
    assert_eq!((code, out.as_str()), (Some(3), ""), "{error}");
    assert!(error.contains("302"), "{error}");
    server.join().expect("an end");
    assert!(elsewhere.accept().is_err(), "nobody came");
}

#[test]
fn what_is_no_enlist_is_called_that() {
    for (status, body, code) in [
        ("200 OK", "<html>hello</html>", 3),
        ("404 Not Found", "<html>no</html>", 1),
        ("404 Not Found", r#"{"error":"no"}"#, 1),
        ("502 Bad Gateway", "<html>no</html>", 3),
    ] {
        let (url, server) = plain(status, body);
        let (ended, out, error) = list(&url, None);
        assert_eq!((ended, out.as_str()), (Some(code), ""), "{status}: {error}");
        assert!(error.contains("not as an Enlist does") && !error.contains("<html>"), "{error}");
        assert!(server.join().expect("an end").contains(KEY));
    }
}

#[test]
fn a_machine_without_certificates_asks_a_server_on_itself() {
    let app = App::start();
    let mut command = enlist();
    command.args(["health", "--server", &app.url]);
    command.env("SSL_CERT_FILE", "/nowhere/at/all").env("SSL_CERT_DIR", "/nowhere/at/all");
    assert_eq!(end(&mut command).0, Some(0));
}
