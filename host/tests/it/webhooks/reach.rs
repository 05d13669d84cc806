//! Where nothing is sent: addresses that are not public, however they are named, when the webhook is set and at each attempt; and endpoints
//! whose certificate nobody trusts.

use super::receiver::{Received, Receiver, Reply};
use super::{LOOPBACK, all_is_told, becomes, hook, open, path, start};
use crate::app::App;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::sync::Arc;

#[tokio::test]
async fn a_url_that_leads_inside_is_refused_and_nothing_is_left_of_it() {
    let app = App::start();
    let manager = app.key_of("default", json!({"scopes": ["manage"]})).await;
    for url in [
        "https://127.0.0.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/latest/meta-data",
        "https://[64:ff9b::a00:1]/",
        "https://10.0.0.1:8443/hook",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/",
        "http://localhost:9/",
        "http://8.8.8.8/",
        "ftp://8.8.8.8/",
        "https://user:word@8.8.8.8/",
        "https://8.8.8.8/#part",
        "hooks.example",
        "",
    ] {
        for key in [&app.operator_key, &manager] {
            let answer = app.ask("PUT", &path("default", ""), key, json!({"url": url})).await;
            let found =
                (answer.status, answer.code(), answer.json()["errors"][0]["pointer"].clone());
            assert_eq!(
                found,
                (400, "field_invalid".to_owned(), json!("/url")),
                "{url}: {answer:?}"
            );
        }
    }
    // Where a name leads inside is no tenant's business.
    let detail = async |key: &str| {
        let body = json!({"url": "https://localhost/"});
        let answer = app.ask("PUT", &path("default", ""), key, body).await.json();
        answer["detail"].as_str().unwrap_or_default().to_owned()
    };
    assert!(detail(&app.operator_key).await.contains("webhooks.allow"));
    let told = detail(&manager).await;
    assert!(
        told.contains("not public") && !told.contains("127") && !told.contains("::1"),
        "{told}"
    );
    for table in ["webhooks", "webhook_secrets"] {
        assert_eq!(app.count(&format!("SELECT count(*) FROM {table}")), 0);
    }
    assert_eq!(app.count("SELECT count(*) FROM decisions WHERE occasion LIKE 'webhook%'"), 0);
}

#[tokio::test]
async fn an_address_is_looked_at_again_at_each_attempt_whether_it_is_named_or_looked_up() {
    for host in ["127.0.0.1", "localhost"] {
        let mut app = start();
        let mut receiver = Receiver::willing();
        receiver.url = receiver.url.replace("127.0.0.1", host);
        hook(&app, "default", &receiver).await;
        open(&app, "default", "anna").await;
        receiver.wait_for(1).await;
        all_is_told(&app, "default").await;
        // The name leads where it may not lead any more: as far as the server can tell, that is what a name does that is changed under it.
        app.kill();
        app.run_with(&[(LOOPBACK.0, "10.0.0.0/8")]);
        open(&app, "default", "berta").await;
        becomes(&app, "default", |webhook| webhook["trouble"] == "address_not_public").await;
        let tried = app.manage("POST", &path("default", "/test"), Value::Null).await;
        assert_eq!(
            (&tried["delivered"], &tried["status"], &tried["failure"]),
            (&json!(false), &Value::Null, &json!("address_not_public")),
            "{host}"
        );
        assert_eq!(receiver.got().len(), 1, "{host}: nobody came");
        app.restart();
        receiver.wait_for(2).await;
    }
}

#[tokio::test]
async fn without_tls_nothing_is_sent_but_to_what_is_allowed() {
    let mut app = start();
    let receiver = Receiver::willing();
    hook(&app, "default", &receiver).await;
    app.kill();
    let public = "UPDATE webhooks SET url = 'http://8.8.8.8/'";
    app.database().execute(public, []).expect("a webhook without TLS");
    app.run_with(&[]);
    let tried = app.manage("POST", &path("default", "/test"), Value::Null).await;
    assert_eq!(tried["failure"], "address_not_public", "{tried}");
}

/// A receiver with TLS and a certificate of its own, in PEM.
fn with_tls(
    reply: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
) -> (Receiver, String) {
    let issued =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .expect("a configuration");
    let config = Arc::new(config);
    let mut receiver = Receiver::start_over("https", reply, move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
        Box::new(StreamOwned::new(connection, stream))
    });
    receiver.url = receiver.url.replace("127.0.0.1", "localhost");
    (receiver, issued.cert.pem())
}

#[tokio::test]
async fn an_endpoint_is_told_over_tls_if_its_certificate_is_trusted_and_not_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cert.pem");
    let (receiver, pem) = with_tls(|_, _| Reply::Status(200, ""));
    let (stranger, _) = with_tls(|_, _| Reply::Status(200, ""));
    std::fs::write(&file, pem).expect("a file");
    let app = App::start_with(&[LOOPBACK, ("SSL_CERT_FILE", &file.display().to_string())]);
    let secret = hook(&app, "default", &receiver).await;
    open(&app, "default", "anna").await;
    assert_eq!(receiver.wait_for(1).await[0].signed_with(&secret), 1);
    all_is_told(&app, "default").await;
    app.manage("PUT", &path("default", ""), json!({"url": stranger.url})).await;
    open(&app, "default", "berta").await;
    becomes(&app, "default", |webhook| webhook["trouble"] == "tls_failed").await;
    assert!(stranger.got().is_empty(), "nothing for whoever is not trusted");
}
