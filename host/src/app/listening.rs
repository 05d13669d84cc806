//! The listeners: what they speak, that they are ready, how they stop.
//! Refuses to know what is behind the doors.

use crate::app::{AppError, tls};
use crate::config::TlsConfig;
use crate::http::{Rooms, metrics_router, router};
use axum::ServiceExt;
use axum::extract::Request;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use rustls::ServerConfig;
use sd_notify::NotifyState;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

/// How long accepted requests may take to be answered once the server is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// How long a client may take to send a request's head, and before that to agree on TLS.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// What the doors' listener speaks TLS with.
pub(super) struct Tls {
    files: TlsConfig,
    pair: tls::Pair,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads the two files; an error when they are no pair.
    pub(super) fn read(files: &TlsConfig) -> Result<Self, AppError> {
        let pair = tls::Pair::read(files)?;
        let config = pair.serve(files)?;
        Ok(Self { files: files.clone(), pair, config })
    }
}

/// Takes the address.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address).map_err(|source| AppError::Listen { address, source })
}

/// Opens the doors, and keeps them open until SIGTERM or SIGINT.
pub(super) async fn run(
    listener: TcpListener,
    tls: Option<Tls>,
    metrics: Option<TcpListener>,
    rooms: Rooms,
) -> Result<(), AppError> {
    let [doors, inner_doors] = [router(rooms.clone()), metrics_router(rooms)]
        .map(ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>);
    let handle = Handle::new();
    // Heard from here on: a signal that comes before its listener would end the process on the spot.
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    tokio::spawn(stop_on_signal(handle.clone(), signals));
    let beside = async {
        let Some(metrics) = metrics else { return Ok(()) };
        server(metrics, &handle)?.serve(inner_doors).await
    };
    let server = server(listener, &handle).map_err(AppError::Serve)?;
    tokio::spawn(say_when_ready(handle.clone()));
    let doors = async {
        match tls {
            None => server.serve(doors).await,
            Some(Tls { files, pair, config }) => {
                let serving = RustlsConfig::from_config(config);
                tokio::spawn(tls::follow(files, pair, serving.clone()));
                let acceptor = RustlsAcceptor::new(serving).handshake_timeout(HEAD_WITHIN);
                server.acceptor(acceptor).serve(doors).await
            }
        }
    };
    tokio::try_join!(doors, beside).map_err(AppError::Serve).map(|_| ())
}

/// A server without TLS, that is stopped by this handle.
fn server(listener: TcpListener, handle: &Handle<SocketAddr>) -> io::Result<Server<SocketAddr>> {
    let mut server = axum_server::from_tcp(listener)?.http1_only().handle(handle.clone());
    server.http_builder().http1().header_read_timeout(HEAD_WITHIN);
    Ok(server)
}

/// For a unit of `Type=notify`; nothing where nobody listens for it.
async fn say_when_ready(handle: Handle<SocketAddr>) {
    if handle.listening().await.is_some() {
        say(NotifyState::Ready);
    }
}

fn say(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "the service manager cannot be told");
    }
}

async fn stop_on_signal(
    handle: Handle<SocketAddr>,
    signals: (io::Result<Signal>, io::Result<Signal>),
) {
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        warn!("no signal handlers: the server stops when it is killed");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("stopping: accepted requests are answered");
    say(NotifyState::Stopping);
    handle.graceful_shutdown(Some(GRACE));
}
