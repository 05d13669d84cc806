//! What the server says to those who run it. To a service manager: ready once the doors are open, stopping when the end has begun,
//! nothing of a failed start. At a listener of its own: how it is.

use crate::app::{App, GUIDE, enlist};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

/// The manager's side.
struct Manager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
        Self { socket, folder }
    }

    fn address(&self) -> String {
        self.folder.path().join("notify").display().to_string()
    }

    fn hears(&self) -> String {
        let mut text = [0; 256];
        let length = self.socket.recv(&mut text).expect("a word");
        String::from_utf8_lossy(&text[..length]).into_owned()
    }
}

#[test]
fn the_manager_hears_when_the_server_is_ready_and_when_it_stops() {
    let manager = Manager::new();
    let mut app = App::start_with(&[("NOTIFY_SOCKET", &manager.address())]);
    assert_eq!(manager.hears(), "READY=1\n");
    app.terminate();
    assert_eq!(manager.hears(), "STOPPING=1\n");
    assert!(app.wait().success());
}

#[test]
fn a_start_that_fails_is_never_ready() {
    let manager = Manager::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").to_string();
    let mut command = enlist();
    command.current_dir(manager.folder.path()).args(["serve", "--data-dir", "data"]);
    command.env("NOTIFY_SOCKET", manager.address()).env("ENLIST_LISTEN", port);
    assert_eq!(command.output().expect("an end").status.code(), Some(1));
    manager.socket.set_nonblocking(true).expect("no waiting");
    let heard = manager.socket.recv(&mut [0; 256]);
    assert_eq!(heard.err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
}

#[tokio::test]
async fn the_listener_for_metrics_has_no_door_for_people_and_stops_with_the_others() {
    let mut app = App::start_with(&[("ENLIST_METRICS__LISTEN", "127.0.0.1:0")]);
    let log = app.log();
    let address = log.split_once("metrics=Some(").expect("an address").1;
    let address = address.split_once(')').expect("an address").0;
    let url = |path: &str| format!("http://{address}{path}");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(app.send(app.client().get(url(path))).await.status, 200, "{path}");
    }
    let metrics = app.client().get(url("/metrics")).header("X-API-Key", &app.operator_key);
    assert!(app.send(metrics).await.text.contains("enlist_answers_total"));
    let here = app.ask("GET", "/metrics", &app.operator_key, serde_json::Value::Null).await;
    assert_eq!(here.status, 404, "it has moved");
    for path in ["/provision-user", "/v1/decisions"] {
        let ask = app.client().post(url(path)).header("X-API-Key", &app.tenant_key).body(GUIDE);
        let answer = app.send(ask).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
    assert_eq!(app.count("SELECT count(*) FROM decisions"), 0);
    app.terminate();
    assert!(app.wait().success());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_listener_for_metrics_that_cannot_be_had_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").to_string();
    let mut command = enlist();
    command.current_dir(folder.path()).args(["serve", "--data-dir", "data"]);
    command.env("ENLIST_LISTEN", "127.0.0.1:0").env("ENLIST_METRICS__LISTEN", &port);
    let found = command.output().expect("an end");
    assert_eq!((found.status.code(), found.stdout.len()), (Some(1), 0), "no first start");
    assert!(String::from_utf8_lossy(&found.stderr).contains(&port), "{found:?}");
}

#[tokio::test]
async fn a_request_that_was_accepted_is_answered_when_the_server_is_told_to_stop() {
    let mut app = App::start();
    let mut slow = TcpStream::connect(&app.url["http://".len()..]).expect("a connection");
    let head = format!(
        "POST /provision-user HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        app.tenant_key,
        GUIDE.len()
    );
    slow.write_all(head.as_bytes()).expect("the head");
    // Said when the door asks for the body: until then the request may lie in the socket, and is not accepted.
    let mut go_on = [0; 25];
    slow.read_exact(&mut go_on).expect("that the head was read");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    slow.write_all(&GUIDE.as_bytes()[..10]).expect("a part of the body");
    app.terminate();
    let patience = Instant::now() + Duration::from_secs(20);
    while !app.log().contains("stopping") {
        assert!(Instant::now() < patience, "{}", app.log());
        tokio::task::yield_now().await;
    }
    slow.write_all(&GUIDE.as_bytes()[10..]).expect("the rest");
    let answer = std::io::read_to_string(slow).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(app.wait().success());
    assert_eq!(app.folders(), ["testuser"]);
}
