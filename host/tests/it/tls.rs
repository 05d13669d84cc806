//! TLS: a real client, certificates made here, and what happens when they are renewed, well or badly.

use crate::app::{App, GUIDE, enlist};
use crate::first_start::OnTerminal;
use rcgen::generate_simple_self_signed;
use reqwest::{Certificate, Client, Version};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const NAME: &str = "enlist.example";

/// A certificate that signs itself, and its key.
struct Pair {
    cert: String,
    key: String,
}

impl Pair {
    fn new() -> Self {
        Self::of(NAME)
    }

    fn of(name: &str) -> Self {
        let made = generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        Self { cert: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }
}

/// The two files, each a link into a folder that is swapped as a whole, as certificate programs do it.
struct Files {
    folder: TempDir,
    cert: String,
    key: String,
}

impl Files {
    fn with(pair: &Pair) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join("live").join(name).display().to_string();
        let files = Self { cert: file("cert.pem"), key: file("key.pem"), folder };
        files.put(&pair.cert, &pair.key);
        files
    }

    fn put(&self, cert: &str, key: &str) {
        let made = tempfile::tempdir_in(self.folder.path()).expect("a folder").keep();
        fs::write(made.join("cert.pem"), cert).expect("a certificate");
        fs::write(made.join("key.pem"), key).expect("a key");
        let link = self.folder.path().join("new");
        symlink(&made, &link).expect("a link");
        fs::rename(&link, self.folder.path().join("live")).expect("the swap");
    }

    fn settings(&self) -> [(&str, &str); 2] {
        [("ENLIST_TLS__CERT", &self.cert), ("ENLIST_TLS__KEY", &self.key)]
    }
}

/// A client that knows the server's name, and trusts this certificate alone.
fn client(app: &App, trusted: &Pair) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = Certificate::from_pem(trusted.cert.as_bytes()).expect("a certificate");
    Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .resolve(NAME, address(app))
        .build()
        .expect("a client")
}

fn address(app: &App) -> SocketAddr {
    app.line["listen"].as_str().and_then(|text| text.parse().ok()).expect("an address")
}

fn url(app: &App, path: &str) -> String {
    format!("https://{NAME}:{}{path}", address(app).port())
}

/// What the server chooses for a client that can speak both.
fn chosen_protocol(app: &App, trusted: &Pair) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(trusted.cert.as_bytes()).expect("a certificate");
    roots.add(root).expect("a root");
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = NAME.try_into().expect("a name");
    let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = TcpStream::connect(address(app)).expect("a connection");
    while client.is_handshaking() {
        client.complete_io(&mut stream).expect("a handshake");
    }
    client.alpn_protocol().unwrap_or_default().to_vec()
}

/// Waits for what a new connection finds.
async fn serves(app: &App, pair: &Pair) {
    while client(app, pair).get(url(app, "/healthz")).send().await.is_err() {
        tokio::task::yield_now().await;
    }
}

/// Waits for a line of the log.
async fn logged(app: &App, what: &str, times: usize) {
    while app.log().matches(what).count() < times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_doors_speak_tls_and_nothing_else_and_http_1_1_in_it() {
    let pair = Pair::new();
    let files = Files::with(&pair);
    let app = App::start_with(&files.settings());
    let ask = client(&app, &pair).post(url(&app, "/provision-user")).body(GUIDE);
    let answer = ask.header("X-API-Key", &app.tenant_key).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_11));

    assert_eq!(chosen_protocol(&app, &pair), b"http/1.1");

    let stranger = client(&app, &Pair::new()).get(url(&app, "/healthz")).send().await;
    assert!(stranger.is_err(), "the client looks at the certificate");
    let mut plain = TcpStream::connect(address(&app)).expect("a connection");
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").expect("a request");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(!app.log().contains("PRIVATE KEY"));
}

#[tokio::test]
async fn a_renewed_certificate_serves_without_a_restart_and_a_broken_one_does_not() {
    let (first, second, third) = (Pair::new(), Pair::new(), Pair::new());
    let files = Files::with(&first);
    let app = App::start_with(&files.settings());
    let old = client(&app, &first);
    assert!(old.get(url(&app, "/healthz")).send().await.is_ok());
    files.put(&second.cert, &second.key);
    serves(&app, &second).await;
    assert!(client(&app, &first).get(url(&app, "/healthz")).send().await.is_err());
    assert!(old.get(url(&app, "/healthz")).send().await.is_ok(), "a connection lives on");

    let of_no_use = "the old one serves on";
    files.put(&third.cert, &second.key);
    logged(&app, of_no_use, 1).await;
    assert!(app.log().contains("tls.key") && app.log().contains("not the key of"));
    files.put("", &third.key);
    logged(&app, of_no_use, 2).await;
    fs::remove_file(&files.cert).expect("no certificate");
    logged(&app, of_no_use, 3).await;
    let again = tokio::time::timeout(Duration::from_millis(2500), logged(&app, of_no_use, 4)).await;
    assert!(again.is_err(), "said once each: {}", app.log());
    serves(&app, &second).await;

    files.put(&third.cert, &third.key);
    serves(&app, &third).await;
}

#[test]
fn a_pair_that_is_none_stops_the_start_and_the_check() {
    let (one, other) = (Pair::new(), Pair::new());
    let files = Files::with(&one);
    let encrypted = one.key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    for (cert, key, told) in [
        (&*one.cert, &*one.key, &[][..]),
        (&*one.cert, &*other.key, &["tls.key", "key.pem", "not the key of", "cert.pem"]),
        (&*one.cert, "", &["tls.key", "key.pem", "expected a private key in PEM"]),
        (&*one.cert, &*encrypted, &["tls.key", "not encrypted"]),
        ("no certificate", &*one.key, &["tls.cert", "cert.pem", "expected certificates in PEM"]),
        (&*one.key, &*one.key, &["tls.cert", "expected certificates in PEM"]),
    ] {
        files.put(cert, key);
        for check in [true, false] {
            let place = tempfile::tempdir().expect("a folder");
            let mut command = enlist();
            command.current_dir(place.path()).args(["serve", "--data-dir", "data"]);
            command.envs(files.settings()).env("ENLIST_LISTEN", "127.0.0.1:0");
            if check {
                command.arg("--check");
            } else if told.is_empty() {
                continue;
            }
            let output = command.output().expect("an end");
            let (said, log) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            let line = log.lines().find(|line| line.starts_with("enlist: ")).unwrap_or_default();
            assert_eq!(output.status.code(), Some(if told.is_empty() { 0 } else { 2 }), "{log}");
            assert!(told.iter().all(|part| line.contains(part)), "{told:?}: {log}");
            assert!(!said.contains("enl_"), "no first start: {said}");
            let secret = key.lines().nth(1).unwrap_or("no secret");
            assert!(!log.contains(secret) && !said.contains(secret), "{log}");
        }
    }
}

#[test]
fn a_health_check_takes_the_settings_own_certificate_and_no_other() {
    let files = Files::with(&Pair::new());
    let app = App::start_with(&files.settings());
    let health = |files: &Files| {
        let mut command = enlist();
        command.arg("health").envs(files.settings());
        command.env("ENLIST_LISTEN", address(&app).to_string());
        command.output().expect("an end")
    };
    assert_eq!(health(&files).status.code(), Some(0));
    let found = health(&Files::with(&Pair::new()));
    assert_eq!(found.status.code(), Some(3), "{found:?}");
}

#[tokio::test]
async fn on_a_terminal_the_curl_asks_for_the_host_that_the_certificate_names() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for name in [NAME, "127.0.0.1"] {
        let (pair, folder) = (Pair::of(name), tempfile::tempdir().expect("a folder"));
        let files = Files::with(&pair);
        let mut command = enlist();
        command.current_dir(folder.path()).envs(files.settings());
        let started = OnTerminal::start(&mut command, "-d '");
        let mut curl = Client::builder().no_proxy();
        let root = Certificate::from_pem(pair.cert.as_bytes()).expect("a certificate");
        curl = curl.tls_certs_only([root]);
        if name == NAME {
            let there = started.between("--resolve enlist.example:", " ");
            let (port, address) = there.split_once(':').expect("a port and an address");
            let address = format!("{address}:{port}").parse().expect("an address");
            curl = curl.resolve(NAME, address);
        } else {
            assert!(!started.shown.contains("--resolve"), "{}", started.shown);
        }
        assert!(started.shown.contains("--cacert"), "{}", started.shown);
        let url = started.between("-X POST ", " ");
        assert!(url.starts_with(&format!("https://{name}:")), "{url}");
        let ask = curl.build().expect("a client").post(url).body(GUIDE);
        let key = started.between("X-API-Key: ", "\"");
        assert_eq!(ask.header("X-API-Key", key).send().await.expect("an answer").status(), 200);
    }
}
