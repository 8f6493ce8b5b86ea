//! The front: TCP connections in, bounded; TLS or refusal; then RTSP.

use super::connection::{self, Peer, Shared};
use super::event::{RefuseReason, What};
use super::tls;
use openssl::ssl::{Ssl, SslContext};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout_at;
use tokio_openssl::SslStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// First byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// Opens the port. Must be called inside a tokio runtime.
pub(super) fn bind(address: SocketAddr, backlog: u32) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

/// Accepts until stopped; a task per connection.
pub(super) async fn serve(
    listener: TcpListener,
    acceptor: SslContext,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let seats = Seats::default();
    let mut last_full: Option<Instant> = None;
    let mut every_second = tokio::time::interval(Duration::from_secs(1));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            _ = every_second.tick() => {
                shared.backend.clean_up();
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        let (tcp, address) = match accepted {
            Ok((tcp, address)) => (tcp, SocketAddr::new(address.ip().to_canonical(), address.port())),
            Err(error) => {
                // Out of descriptors, most likely: cameras already connected go on, others wait.
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let limits = shared.settings.limits;
        match seats.take(address.ip(), limits.connections, limits.connections_per_ip) {
            Ok(seat) => {
                let (shared, acceptor, stop) = (shared.clone(), acceptor.clone(), stop.clone());
                tasks.spawn(async move {
                    let _seat = seat;
                    greet(tcp, address, &acceptor, shared, stop).await;
                });
            }
            // One line a second is enough to know.
            Err(which) if last_full.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) => {
                last_full = Some(Instant::now());
                shared.events.write(address, None, What::Refused(RefuseReason::TooMany(which)));
            }
            Err(_) => {}
        }
    }
}

/// TLS, then RTSP; all of the time until authentication counts from here.
async fn greet(
    tcp: TcpStream,
    address: SocketAddr,
    acceptor: &SslContext,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    let within = shared.settings.limits.authenticate_within;
    let deadline = tokio::time::Instant::now() + within;
    // A camera on a bad socket option is still a camera.
    let _ = tcp.set_nodelay(true);
    let refuse = |reason| shared.events.write(address, None, What::Refused(reason));
    let mut first = [0_u8; 1];
    let peeked = tokio::select! {
        () = stop.cancelled() => return,
        peeked = timeout_at(deadline, tcp.peek(&mut first)) => peeked,
    };
    match peeked {
        Err(_) => return refuse(RefuseReason::TooSlow(within)),
        // Port probes and health checks connect and leave: nothing to report.
        Ok(Ok(0) | Err(_)) => return,
        Ok(Ok(_)) => {}
    }
    let plain = Peer { address, deadline, tls: None, certificate: None };
    if first[0] != TLS_HANDSHAKE {
        if shared.settings.allow_plain_rtsp {
            connection::run(tcp, plain, shared, stop).await;
        } else {
            connection::refuse_plain(tcp, plain, shared, stop).await;
        }
        return;
    }
    let mut stream = match Ssl::new(acceptor).and_then(|ssl| SslStream::new(ssl, tcp)) {
        Ok(stream) => stream,
        Err(error) => return refuse(RefuseReason::Internal(error.to_string())),
    };
    let shaken = tokio::select! {
        () = stop.cancelled() => return,
        shaken = timeout_at(deadline, Pin::new(&mut stream).accept()) => shaken,
    };
    match shaken {
        Err(_) => return refuse(RefuseReason::TooSlow(within)),
        Ok(Err(error)) => return refuse(tls::refusal(stream.ssl(), &error)),
        Ok(Ok(())) => {}
    }
    let peer = Peer { tls: tls::suite(stream.ssl()), certificate: tls::certificate_sha256(stream.ssl()), ..plain };
    connection::run(stream, peer, shared, stop).await;
}

/// Who sits at the moment.
#[derive(Debug, Default, Clone)]
struct Seats(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection's place; given back when dropped.
#[derive(Debug)]
struct Seat {
    seats: Seats,
    ip: IpAddr,
}

impl Seats {
    fn take(&self, ip: IpAddr, all: usize, per_ip: usize) -> Result<Seat, &'static str> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= all {
            return Err("in all");
        }
        let own = taken.entry(ip).or_default();
        if *own >= per_ip {
            return Err("from this address");
        }
        *own += 1;
        Ok(Seat { seats: self.clone(), ip })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.ip) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_bounded_and_given_back() {
        let seats = Seats::default();
        let ip = |last| IpAddr::from([192, 0, 2, last]);
        let first = seats.take(ip(1), 3, 2).unwrap();
        let _second = seats.take(ip(1), 3, 2).unwrap();
        assert_eq!(seats.take(ip(1), 3, 2).unwrap_err(), "from this address");
        let _third = seats.take(ip(2), 3, 2).unwrap();
        assert_eq!(seats.take(ip(3), 3, 2).unwrap_err(), "in all");
        drop(first);
        assert!(seats.take(ip(3), 3, 2).is_ok());
        assert_eq!(seats.0.lock().unwrap().len(), 2);
    }
}
