//! A server behind TLS: an authority of one's own is trusted where the environment names it, and nobody else's is.

use crate::app::{CONFIRMED, KEY, Reply, Server, Trigger, event, opened};
use axum::http::StatusCode;
use axum_server::tls_rustls::RustlsConfig;
use std::net::TcpListener;
use std::time::Duration;

/// A server on `localhost` with a certificate that signs itself, its address and the certificate.
async fn behind_tls() -> (Server, String, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let config = RustlsConfig::from_pem(cert.clone().into_bytes(), key.into_bytes());
    let config = config.await.expect("a certificate and its key");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let url = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
    let (server, router) = Server::unserved(url.clone(), |_| Reply::Says(StatusCode::OK, opened()));
    let serving = axum_server::from_tcp_rustls(listener, config).expect("a server");
    tokio::spawn(async move { serving.serve(router.into_make_service()).await });
    (server, url, cert)
}

#[tokio::test]
async fn an_authority_that_the_environment_names_is_trusted() {
    let (server, url, cert) = behind_tls().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, cert).expect("a file");
    let file = file.to_string_lossy();
    let set = vec![("ENLIST_SERVER", url.as_str()), ("ENLIST_KEY", KEY), ("SSL_CERT_FILE", &file)];
    let trigger = Trigger::with(set, Duration::from_secs(5));
    trigger.echoes(&event(CONFIRMED)).await;
    assert_eq!(trigger.line().await["outcome"], "provisioned");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_given_the_key() {
    let (server, url, _) = behind_tls().await;
    let other =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, other.cert.pem()).expect("a file");
    let file = file.to_string_lossy();
    let set = vec![("ENLIST_SERVER", url.as_str()), ("ENLIST_KEY", KEY), ("SSL_CERT_FILE", &file)];
    let trigger = Trigger::with(set, Duration::from_secs(5));
    trigger.echoes(&event(CONFIRMED)).await;
    let line = trigger.line().await;
    assert_eq!(line["code"], "unreachable");
    assert!(line["detail"].as_str().expect("why").contains("certificate"), "{line}");
    assert!(server.requests().is_empty());
}
