//! The accept loop and the server's life: connections in, requests to [`super::dispatch`], an orderly end.
//!
//! Fault 25: connections are bounded in all and per address, handshakes and headers have deadlines, so that a flood from
//! one place leaves room for the others.

use super::app::App;
use super::in_flight::{Counted, InFlight};
use super::request::Peer;
use super::settings::{ServeError, WebContext, WebSettings};
use super::{dispatch, events, metrics, tls};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use openssl::ssl::{Ssl, SslAcceptor};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_openssl::SslStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const H2_PING: Duration = Duration::from_secs(20);
const MAX_HEADER_BYTES: usize = 32 * 1024;
const MAX_STREAMS: u32 = 64;

/// The running web server.
pub struct Server {
    local_addr: SocketAddr,
    metrics_addr: Option<SocketAddr>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Opens the listeners and serves until [`Server::shutdown`].
    ///
    /// # Errors
    /// [`ServeError`] names the file, address or setting and what would work.
    pub async fn start(settings: WebSettings, context: WebContext) -> Result<Server, ServeError> {
        let acceptor = tls::acceptor(&settings)?;
        let (listener, local_addr) = listen("HTTPS", settings.listen).await?;
        let metrics_listener = match settings.metrics_listen {
            Some(address) => Some(listen("metrics", address).await?),
            None => None,
        };
        let stop = CancellationToken::new();
        let app = App::new(settings, context, stop.clone())?;

        let metrics_addr = metrics_listener.as_ref().map(|(_, address)| *address);
        let mut tasks = vec![
            tokio::spawn(accept(app.clone(), listener, acceptor)),
            tokio::spawn(events::watch_cameras(app.clone())),
            tokio::spawn(metrics::watch_register(app.clone())),
        ];
        if let Some((listener, _)) = metrics_listener {
            tasks.push(tokio::spawn(metrics::serve(app, listener)));
        }
        Ok(Server { local_addr, metrics_addr, stop, tasks })
    }

    /// Where HTTPS is served; the port is the real one when 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where the metrics listener is, if there is one.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_addr
    }

    /// Takes no more connections, ends live event streams, lets requests under way finish within the grace time.
    pub async fn shutdown(self) {
        self.stop.cancel();
        for task in self.tasks {
            // A task that panicked has nothing left to wait for, and its panic has been printed.
            let _ = task.await;
        }
    }
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let fault = |source| ServeError::Listen { what, address, source };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let local = listener.local_addr().map_err(fault)?;
    Ok((listener, local))
}

async fn accept(app: Arc<App>, listener: TcpListener, acceptor: SslAcceptor) {
    let places = Arc::new(Semaphore::new(app.settings.max_connections));
    let per_address = PerAddress::new((app.settings.max_connections / 4).max(8));
    let connections = TaskTracker::new();
    loop {
        let place = tokio::select! {
            () = app.stop.cancelled() => break,
            place = places.clone().acquire_owned() => match place {
                Ok(place) => place,
                Err(_) => break,
            },
        };
        let (stream, address) = tokio::select! {
            () = app.stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely: the connection stays in the backlog, so do not spin.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let Some(guest) = per_address.enter(address.ip()) else {
            tracing::debug!(%address, "too many connections from one address");
            continue;
        };
        let (app, acceptor) = (app.clone(), acceptor.clone());
        connections.spawn(async move {
            let (_place, _guest) = (place, guest);
            let Some(tls) = handshake(&app, &acceptor, stream, address).await else { return };
            serve(app, tls, address).await;
        });
    }
    drop(listener);
    let grace = app.settings.shutdown_grace;
    connections.close();
    if tokio::time::timeout(grace, connections.wait()).await.is_err() {
        tracing::warn!(grace_s = grace.as_secs(), "some requests did not end in time");
    }
}

async fn handshake(
    app: &App,
    acceptor: &SslAcceptor,
    stream: TcpStream,
    address: SocketAddr,
) -> Option<SslStream<TcpStream>> {
    // Small answers and server-sent events want to leave at once; a socket that refuses the option still works.
    let _ = stream.set_nodelay(true);
    let ssl = Ssl::new(acceptor.context()).and_then(|ssl| SslStream::new(ssl, stream));
    let mut tls = match ssl {
        Ok(tls) => tls,
        Err(error) => {
            tracing::error!(%error, "TLS cannot be set up for a connection");
            return None;
        }
    };
    let handshake = tokio::select! {
        () = app.stop.cancelled() => return None,
        handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, Pin::new(&mut tls).accept()) => handshake,
    };
    match handshake {
        Ok(Ok(())) => Some(tls),
        Ok(Err(error)) => {
            app.note_failed_handshake(address, &error);
            None
        }
        Err(_) => {
            tracing::debug!(%address, "no TLS handshake in time");
            None
        }
    }
}

async fn serve(app: Arc<App>, tls: SslStream<TcpStream>, address: SocketAddr) {
    let peer = Peer { address, certificate: tls::workstation(tls.ssl()) };
    let (header_timeout, idle, stop) = (app.settings.header_timeout, app.settings.connection_idle, app.stop.clone());
    let routes = warp::service(dispatch::filter(app));
    let in_flight = InFlight::new();
    let counting = in_flight.clone();
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        let under_way = counting.begin();
        request.extensions_mut().insert(peer.clone());
        // HTTP/2 names the host here and not in a header.
        if let Some(authority) = request.uri().authority().cloned() {
            request.extensions_mut().insert(authority);
        }
        let answer = routes.clone().call(request);
        async move { answer.await.map(|answer| answer.map(|body| Counted::new(body, under_way))) }
    });
    // What TLS agreed on, not what the first bytes look like: no timer would run until they have come.
    let is_http2 = tls.ssl().selected_alpn_protocol() == Some(b"h2");
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut builder = if is_http2 { builder.http2_only() } else { builder.http1_only() };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(MAX_HEADER_BYTES)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(H2_PING)
        .keep_alive_timeout(H2_PING)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES as u32);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(tls), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
        () = in_flight.idle_for(idle), if is_http2 => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                // Told to go, and it neither asks for anything nor goes.
                () = in_flight.idle_for(header_timeout) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%address, %error, "a connection ended early");
    }
}

/// Counts connections per address; IPv6 by /64, which is what one subscriber has.
#[derive(Clone)]
struct PerAddress {
    limit: usize,
    guests: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

struct Guest {
    address: IpAddr,
    book: PerAddress,
}

impl PerAddress {
    fn new(limit: usize) -> Self {
        Self { limit, guests: Arc::default() }
    }

    fn enter(&self, address: IpAddr) -> Option<Guest> {
        let address = super::limits::subscriber(address);
        // Each change of the map is one statement: it is whole even if a holder panicked.
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        let count = guests.entry(address).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Guest { address, book: self.clone() })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.book.guests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = guests.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                guests.remove(&self.address);
            }
        }
    }
}
