//! TLS for the doors: a certificate and its key from two files, read again when either of them changes.
//! Refuses to serve a pair that does not belong together, and to lose one that serves over a new one that does not.

use crate::app::AppError;
use crate::config::TlsConfig;
use axum_server::tls_rustls::RustlsConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, version};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, info};
use webpki::EndEntityCert;

/// How often the files are looked at. Read and compared, not watched: a renewal may swap a link, a folder, or a mount above them.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// More than any chain of certificates has.
const FILE_LIMIT_BYTES: u64 = 1 << 20;

/// The two files as they were read.
#[derive(PartialEq, Eq)]
pub(super) struct Pair {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Pair {
    pub(super) fn read(files: &TlsConfig) -> Result<Self, AppError> {
        Ok(Self { cert: read("tls.cert", &files.cert)?, key: read("tls.key", &files.key)? })
    }

    /// The first host that the certificate is for, if it names one that can be asked for.
    pub(super) fn host(&self) -> Option<String> {
        let first = CertificateDer::pem_slice_iter(&self.cert).next()?.ok()?;
        let certificate = EndEntityCert::try_from(&first).ok()?;
        certificate.valid_dns_names().find(|name| !name.starts_with('*')).map(str::to_owned)
    }

    /// What serves with it; an error when it is no pair.
    pub(super) fn serve(&self, files: &TlsConfig) -> Result<Arc<ServerConfig>, AppError> {
        let cert = |what: String| wrong("tls.cert", &files.cert, what);
        let key = |what: String| wrong("tls.key", &files.key, what);
        let chain = CertificateDer::pem_slice_iter(&self.cert)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| cert(format!("expected certificates in PEM: {error}")))?;
        if chain.is_empty() {
            return Err(cert("expected certificates in PEM".to_owned()));
        }
        let secret = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| key("expected a private key in PEM, not encrypted".to_owned()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| key(error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    key(format!("not the key of {}", files.cert.display()))
                }
                rustls::Error::InvalidCertificate(_) => cert(error.to_string()),
                other => key(other.to_string()),
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// Looks at the files for as long as the server runs, and serves with what they hold once that is a new pair. What is wrong with
/// them is said once, at the second look: whoever replaces one file after the other is no trouble.
pub(super) async fn follow(files: TlsConfig, served: Pair, serving: RustlsConfig) {
    let mut served = Arc::new(served);
    let mut trouble = (String::new(), 0_u64);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // A file system may hang, and a worker must not.
        let (here, now) = (files.clone(), Arc::clone(&served));
        let Ok(found) = tokio::task::spawn_blocking(move || {
            let pair = Pair::read(&here)?;
            let new = (pair != *now).then(|| pair.serve(&here)).transpose()?;
            Ok::<_, AppError>(new.map(|config| (pair, config)))
        })
        .await
        else {
            continue;
        };
        match found {
            Ok(new) => {
                trouble = Default::default();
                if let Some((pair, config)) = new {
                    serving.reload_from_config(config);
                    served = Arc::new(pair);
                    info!(cert = %files.cert.display(), "a new certificate serves");
                }
            }
            Err(error) => {
                let what = error.to_string();
                let looks = if trouble.0 == what { trouble.1 + 1 } else { 1 };
                if looks == 2 {
                    error!(%error, "the new certificate is of no use: the old one serves on");
                }
                trouble = (what, looks);
            }
        }
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, AppError> {
    let mut bytes = Vec::new();
    let read = File::open(path)
        .and_then(|file| file.take(FILE_LIMIT_BYTES).read_to_end(&mut bytes))
        .map_err(|error: io::Error| wrong(key, path, error.to_string()));
    read.map(|_| bytes)
}

fn wrong(key: &'static str, path: &Path, what: String) -> AppError {
    AppError::Setting { key, what: format!("{}: {what}", path.display()) }
}
