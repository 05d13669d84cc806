//! What a service manager is told: ready once the doors are open, stopping when the end has begun, nothing of a failed start.

use crate::app::{App, enlist};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

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
